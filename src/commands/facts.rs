//! What `run.json` is told: the command line without its secrets, the machine, what pre-flight learnt.

use crate::audit::host;
use crate::chat::preflight::Diagnosis;
use crate::results::Manifest;
use crate::results::manifest::{Clock, Host};
use crate::results::parts::PreflightFacts;
use crate::scenario::plan::Plan;

/// What is known of a run before anything is sent.
pub(super) fn manifest(plan: &Plan) -> Manifest {
    let facts = host::look();
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let host = Host {
        os: some(std::env::consts::OS.to_owned()),
        arch: some(std::env::consts::ARCH.to_owned()),
        kernel: some(facts.kernel),
        cpu: some(facts.cpu),
        cores: Some(facts.cores as u64),
        usable_cores: Some(facts.usable_cores as u64),
        memory_bytes: Some(facts.memory_bytes),
        ..Host::default()
    };
    let clock = Clock { source: some("monotonic".to_owned()), kernel_receive_time: Some(cfg!(target_os = "linux")) };
    Manifest::of(plan, command_line(std::env::args()), host, clock, jiff::Timestamp::now())
}

/// The command line; what stands behind a flag that may hold a secret is replaced. (`results` replaces the values of
/// the scenario's own secrets wherever they stand.)
fn command_line(args: impl Iterator<Item = String>) -> Vec<String> {
    let mut secret_next = false;
    let redacted = |arg: String| {
        if std::mem::replace(&mut secret_next, false) {
            return "***".to_owned();
        }
        if arg == "--api-key" {
            secret_next = true;
            return arg;
        }
        let typed = arg.strip_prefix("--set=").unwrap_or(&arg);
        match typed.split_once('=') {
            Some((path, _)) if path == "--api-key" || is_secret_path(path.trim()) => {
                let kept = arg.len() - typed.len() + path.len();
                format!("{}=***", &arg[..kept])
            }
            _ => arg,
        }
    };
    args.map(redacted).collect()
}

/// Whether `--set`'s path leads to a value that may be secret.
fn is_secret_path(path: &str) -> bool {
    path.starts_with("targets.")
        && (path.ends_with(".api_key")
            || path.ends_with(".proxy")
            || path.ends_with(".url")
            || path.contains(".headers"))
}

/// Writes down what pre-flight found out.
pub(super) fn learnt(manifest: &mut Manifest, diagnosis: &Diagnosis) {
    let problem = diagnosis.problem.as_ref();
    let what = |problem: &crate::chat::problem::Problem| problem.what.name().to_owned();
    manifest.preflights.push(PreflightFacts {
        target: diagnosis.target.clone(),
        model: diagnosis.model.clone(),
        passed: problem.is_none(),
        problem: problem.map(what),
        sentence: problem.map(|problem| problem.sentence.clone()),
        hint: problem.map(|problem| problem.hint.clone()),
        notes: diagnosis.notes.clone(),
        served_model: diagnosis.served_model.clone(),
        fingerprint: diagnosis.fingerprint.clone(),
    });
    let Some(target) = manifest.target(&diagnosis.target) else { return };
    diagnosis.server.clone_into(&mut target.server);
    if let Some(address) = &diagnosis.address
        && !target.addresses.contains(address)
    {
        target.addresses.push(address.clone());
    }
    if let Some(models) = &diagnosis.models {
        target.models = serde_json::to_value(models).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_the_command_line_is_kept() {
        let typed = [
            "lamb-load",
            "burst",
            "--api-key",
            "sk-1234",
            "--api-key=sk-5678",
            "--users",
            "3",
            "targets.a.api_key=\"k\"",
            "--set=targets.a.headers.x-key=\"k\"",
            "request.max_tokens=5",
        ];
        let kept = command_line(typed.iter().map(|arg| (*arg).to_owned()));
        let expected = [
            "lamb-load",
            "burst",
            "--api-key",
            "***",
            "--api-key=***",
            "--users",
            "3",
            "targets.a.api_key=***",
            "--set=targets.a.headers.x-key=***",
            "request.max_tokens=5",
        ];
        assert_eq!(kept, expected);
    }
}
