//! Where a calibration is kept between commands, whose machine it is of, and what it says to a plan.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};

use super::super::warn;
use crate::audit::host;
use crate::report;
use crate::scenario::plan::Plan;
use crate::stats::calibration::{Calibration, Excess};

const SCHEMA_VERSION: u32 = 1;

/// What makes a machine another one: a figure of one says nothing of the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
}

impl Machine {
    fn this() -> Machine {
        let host = host::look();
        Machine { cpu: host.cpu, cores: host.cores, kernel: host.kernel }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}, {} cores, {}", self.cpu, self.cores, self.kernel)
    }
}

/// A calibration on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Saved {
    schema_version: u32,
    version: String,
    at: jiff::Timestamp,
    pub(super) machine: Machine,
    /// Cores that the client had.
    pub(super) client_cores: usize,
    #[serde(flatten)]
    pub(super) calibration: Calibration,
}

impl Saved {
    pub(super) fn new(calibration: Calibration, client_cores: usize) -> Saved {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let at = jiff::Timestamp::now();
        Saved { schema_version: SCHEMA_VERSION, version, at, machine: Machine::this(), client_cores, calibration }
    }

    /// Writes it beside, then renames.
    pub(super) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs_err::create_dir_all(folder)?;
        let mut beside = tempfile::NamedTempFile::new_in(folder).with_context(|| folder.display().to_string())?;
        serde_json::to_writer_pretty(&mut beside, self).with_context(|| file.display().to_string())?;
        beside.persist(file).with_context(|| file.display().to_string())?;
        Ok(())
    }

    /// What is there, if it is of this machine.
    fn read(file: &Path) -> Option<Saved> {
        let saved: Saved = serde_json::from_slice(&fs_err::read(file).ok()?).ok()?;
        (saved.schema_version == SCHEMA_VERSION && saved.machine == Machine::this()).then_some(saved)
    }
}

/// The user's cache: `$XDG_CACHE_HOME/lamb-load/calibration.json`, or below `~/.cache`.
pub(super) fn file() -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    let cache = cache.ok_or_else(|| anyhow!("there is no home directory to keep it in: name a file with --out"))?;
    Ok(cache.join("lamb-load").join("calibration.json"))
}

/// Warns where plans ask for more than this machine was found to carry. Without a calibration there is nothing to say.
pub(in crate::commands) fn advise<'a>(plans: impl IntoIterator<Item = &'a Plan>) {
    let mut plans = plans.into_iter().filter(|plan| plan.max_connections() > 1).peekable();
    if plans.peek().is_none() {
        return;
    }
    let Some(saved) = file().ok().and_then(|file| Saved::read(&file)) else { return };
    for plan in plans {
        for sentence in sentences(plan, &saved.calibration) {
            warn(&format!("advice: {sentence}"));
        }
    }
}

/// The largest case of a plan that is too large, for streams and for answers in one piece.
fn sentences(plan: &Plan, calibration: &Calibration) -> Vec<String> {
    let largest = |stream: bool| {
        let cases = plan.cases.iter().filter(|case| case.request.stream == stream);
        let case = cases.max_by_key(|case| case.load.users())?;
        let excess = calibration.excess(case.load.users(), stream)?;
        Some(sentence(&case.key.to_string(), case.load.users(), excess))
    };
    [true, false].into_iter().filter_map(largest).collect()
}

fn sentence(case: &str, users: u32, excess: Excess) -> String {
    let shape = report::calibration::name(excess.shape);
    let found = match (excess.carried, excess.missed) {
        (0, _) => format!("this machine measured no load of that kind within 1 ms ({shape})"),
        (carried, true) => format!("this machine measured {carried} within 1 ms and missed with more ({shape})"),
        (carried, false) => format!("no more than {carried} were tried on this machine ({shape})"),
    };
    format!(
        "{case}: {users} users at once, and {found}\n  hint: ask for fewer, use a larger machine, or measure again with `lamb-load calibrate`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::calibration::{Ended, Ladder, Shape, Step};

    fn calibration() -> Calibration {
        let steps = [(500, 0.1), (1_000, 3.0)].map(|(users, error_ms)| Step { users, error_ms, spread_ms: 9.0 });
        Calibration { ladders: vec![Ladder { shape: Shape::Burst, steps: steps.to_vec(), ended: Ended::Most }] }
    }

    #[test]
    fn a_calibration_comes_back_as_it_was_and_only_on_its_own_machine() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cache").join("calibration.json");
        let mut saved = Saved::new(calibration(), 1);
        saved.write(&file).unwrap();
        assert_eq!(Saved::read(&file), Some(saved.clone()));
        saved.machine.kernel = "another".to_owned();
        saved.write(&file).unwrap();
        assert_eq!(Saved::read(&file), None, "of another machine");
        std::fs::write(&file, "{").unwrap();
        assert_eq!(Saved::read(&file), None, "cut short");
    }

    #[test]
    fn a_plan_hears_of_its_largest_case_only_and_only_if_that_is_too_large() {
        let file = |users: &[u32]| {
            let users: Vec<String> = users.iter().map(u32::to_string).collect();
            format!("models = [\"m\"]\nusers = [{}]\n[targets.t]\nmock = {{}}\n", users.join(", "))
        };
        let say = |users: &[u32]| {
            let file = toml::from_str(&file(users)).unwrap();
            let resolved = crate::scenario::resolve_file(&file, "lecture", &Default::default(), &|_| None);
            sentences(&resolved.unwrap().plan, &calibration())
        };
        assert_eq!(say(&[500]), Vec::<String>::new());
        assert_eq!(
            say(&[10, 700, 600]),
            [
                "t/m/all/700: 700 users at once, and this machine measured 500 within 1 ms and missed with more (burst, one second of service)\n  hint: ask for fewer, use a larger machine, or measure again with `lamb-load calibrate`"
            ]
        );
    }
}
