//! Where a run's inputs come from: this program's revision, and the commit of the scenario's repository.
//!
//! Git is asked without a shell, and its absence is an answer too.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::results::git::{git, is_hash};

/// The program that measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `lamb-load`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The revision that it was built from; `None` when built outside a checkout.
    pub revision: Option<String>,
}

impl Tool {
    /// This program.
    pub fn this() -> Tool {
        Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: option_env!("LAMB_LOAD_REVISION").map(str::to_owned),
        }
    }
}

/// The state of the repository that a scenario lies in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// The commit that was checked out.
    pub commit: String,
    /// Whether tracked files differed from it.
    pub dirty: bool,
}

impl Repository {
    /// The repository around `folder`; `None` where there is none, no commit yet, or no git.
    pub fn around(folder: &Path) -> Option<Repository> {
        // Most folders without a repository need no process to say so.
        let folder = fs_err::canonicalize(folder).ok()?;
        let is_in_one = folder.ancestors().any(|above| above.join(".git").exists());
        if !is_in_one && std::env::var_os("GIT_DIR").is_none() {
            return None;
        }
        // How far a branch is from another is not asked: in a long history, git would walk for seconds.
        let question = ["status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--untracked-files=no"];
        let asked = git(&folder).args(question).output().ok()?;
        if !asked.status.success() {
            return None;
        }
        let said = String::from_utf8_lossy(&asked.stdout);
        let commit = said.lines().find_map(|line| line.strip_prefix("# branch.oid "))?;
        let dirty = said.lines().any(|line| !line.starts_with('#'));
        is_hash(commit).then(|| Repository { commit: commit.to_owned(), dirty })
    }
}

/// Lets others go first who want this thread's processor, now and for good; what it starts steps back too. What a run
/// measures goes first, and yet its end waits for git: so a tenth of a core remains.
pub(super) fn step_back() {
    // Niceness is a thread's own on Linux alone. Where it may not be lowered, git is asked all the same.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 10);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn run(folder: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
        let done = Command::new("git").arg("-C").arg(folder).args(identity).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    #[test]
    fn a_changed_scenario_makes_its_repository_dirty() {
        let folder = tempfile::tempdir().unwrap();
        if Command::new("git").arg("--version").output().is_err() {
            return; // nothing to ask on a machine without git
        }
        run(folder.path(), &["init", "-q"]);
        assert_eq!(Repository::around(folder.path()), None, "no commit yet");
        fs_err::write(folder.path().join("poem.toml"), "users = [1]").unwrap();
        run(folder.path(), &["add", "."]);
        run(folder.path(), &["commit", "-qm", "x", "--no-verify"]);
        let clean = Repository::around(folder.path()).unwrap();
        assert_eq!((clean.commit.len(), clean.dirty), (40, false));
        fs_err::write(folder.path().join("poem.toml"), "users = [2]").unwrap();
        assert_eq!(Repository::around(folder.path()), Some(Repository { dirty: true, ..clean }));
    }

    #[test]
    fn no_repository_is_an_answer() {
        assert_eq!(Repository::around(Path::new("/")), None);
    }
}
