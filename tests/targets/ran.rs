//! A scenario carried out by the program, and what it came to.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Done, Folder, Row, done, load, manifest, rows, scenario};

/// A finished run of `s.toml`.
pub(crate) struct Ran {
    pub(crate) folder: Folder,
    pub(crate) done: Done,
}

impl Ran {
    /// Runs a scenario of one target; `top` stands above it and `rest` below.
    pub(crate) fn target(top: &str, target: &str, rest: &str) -> Ran {
        Ran::within(Folder::new(), &scenario(top, target, rest), &[], &[])
    }

    /// Runs a scenario in a folder that may hold more, with flags and an environment.
    pub(crate) fn within(folder: Folder, text: &str, flags: &[&str], environment: &[(&str, &str)]) -> Ran {
        folder.write("s.toml", text);
        let arguments: Vec<&str> = ["run", "s.toml"].into_iter().chain(flags.iter().copied()).collect();
        let done = done(folder.command(&arguments).envs(environment.iter().copied()));
        Ran { folder, done }
    }

    /// Nothing went wrong.
    #[track_caller]
    pub(crate) fn passed(self) -> Ran {
        assert_eq!(self.done.code, Some(0), "{}", self.done.said());
        self
    }

    /// Pre-flight failed, nothing else was sent: what was wrong, in which words, and what to do. Both were printed.
    #[track_caller]
    pub(crate) fn problem(&self) -> (String, String, String) {
        assert_eq!(self.done.code, Some(3), "{}", self.done.said());
        assert_eq!(load(&self.path()), [], "no load is sent");
        let told = &self.manifest()["preflights"][0];
        let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        assert_eq!(told["passed"], false);
        let (what, sentence, hint) = (text("problem"), text("sentence"), text("hint"));
        for part in [&sentence, &hint] {
            assert!(self.done.out.contains(part.as_str()), "{part:?} is not in {}", self.done.out);
        }
        (what, sentence, hint)
    }

    /// The run's folder.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.latest("s")
    }

    pub(crate) fn load(&self) -> Vec<Row> {
        load(&self.path())
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        rows(&self.path())
    }

    pub(crate) fn manifest(&self) -> Value {
        manifest(&self.path())
    }

    /// What pre-flight noted.
    pub(crate) fn notes(&self) -> Value {
        self.manifest()["preflights"][0]["notes"].clone()
    }

    /// A file of the run.
    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Whether a text is in what was printed or in any file of the results.
    pub(crate) fn tells(&self, text: &str) -> bool {
        self.done.said().contains(text) || holds(&self.folder.path().join("results"), text)
    }
}

fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => !path.is_symlink() && holds(&path, text),
            false => String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(text),
        }
    })
}

/// One column of rows.
pub(crate) fn column<'a>(rows: &'a [Row], name: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[name].as_str()).collect()
}
