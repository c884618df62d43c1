//! Scenarios resolved before anything is sent: all of them, or none.

use std::path::PathBuf;

use super::{calibrate, paths, warn};
use crate::cli;
use crate::scenario::{self, Overrides, Problems, Resolved};

/// What `--allow-invalid` means in a scenario.
pub(super) const ALLOW_INVALID: &str = "expect.validity=\"any\"";

/// What the flags say over the files.
pub(super) fn overrides(flags: &cli::Overrides, tags: &[String], allow_invalid: bool) -> Overrides {
    let mut set = flags.set.clone();
    if flags.stream {
        set.push("request.stream=true".to_owned());
    }
    if allow_invalid {
        set.push(ALLOW_INVALID.to_owned());
    }
    Overrides {
        set,
        users: flags.users.clone(),
        models: flags.models.clone(),
        targets: flags.targets.clone(),
        only: flags.only.clone(),
        profile: flags.profile.clone(),
        tags: tags.to_vec(),
        allow_hosts: flags.allow_host.clone(),
    }
}

/// Every scenario that `typed` names, resolved; the problems of all of them are on stderr if it is `None`.
pub(super) fn resolve(typed: &[PathBuf], overrides: &Overrides) -> anyhow::Result<Option<Vec<Resolved>>> {
    let mut resolved = Vec::new();
    let mut wrong = false;
    for file in paths::scenarios(typed)? {
        match scenario::load(&file, overrides, &environment) {
            Ok(one) => {
                advise(&one);
                resolved.push(one);
            }
            Err(problems) => {
                complain(&problems);
                wrong = true;
            }
        }
    }
    if !wrong {
        calibrate::advise(resolved.iter().map(|one| &one.plan));
    }
    Ok((!wrong).then_some(resolved))
}

/// A variable of this process's environment.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What is wrong with a scenario, on stderr.
pub(super) fn complain(problems: &Problems) {
    warn(problems.render(true).trim_end());
}

/// What may be wrong with a scenario, on stderr.
pub(super) fn advise(resolved: &Resolved) {
    for advice in &resolved.advice {
        warn(&format!("advice: {}", advice.render(true).trim_end()));
    }
}
