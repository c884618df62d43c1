//! A folder to work in, the program as a user starts it, and what it left behind.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Long enough for a machine that is busy with other things; no test waits so long when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A row of `requests.csv`: column to cell.
pub(crate) type Row = BTreeMap<String, String>;

/// A user's folder, removed at the end.
pub(crate) struct Folder(tempfile::TempDir);

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// Both streams, for messages and searches.
    pub(crate) fn said(&self) -> String {
        format!("{}\n{}", self.out, self.err)
    }
}

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file and says its name.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a file in a temporary folder");
        path
    }

    /// The program, in this folder, without what the environment of the tests might tell it. These tests share their
    /// machine with others: whether it could be believed is not their subject, so the gates decide all the same.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lamb-load"));
        let sends = matches!(arguments.first(), Some(&("run" | "burst" | "ab")));
        command.args(arguments).args(sends.then_some("--allow-invalid")).current_dir(self.path()).stdin(Stdio::null());
        command.env("XDG_CACHE_HOME", self.path().join("cache"));
        for name in ["LAMB_API_KEY", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        done(&mut self.command(arguments))
    }

    /// Starts it; both streams are caught.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// The newest run of a scenario.
    pub(crate) fn latest(&self, scenario: &str) -> PathBuf {
        let latest = self.path().join("results").join(scenario).join("latest");
        std::fs::canonicalize(&latest).unwrap_or_else(|problem| panic!("{}: {problem}", latest.display()))
    }

    /// Every run of a scenario, by name and so by time.
    pub(crate) fn runs(&self, scenario: &str) -> Vec<PathBuf> {
        let folder = self.path().join("results").join(scenario);
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut runs: Vec<PathBuf> = entries
            .map(|entry| entry.expect("an entry of results").path())
            .filter(|path| path.is_dir() && !path.is_symlink() && path.join("run.json").exists())
            .collect();
        runs.sort();
        runs
    }

    /// The load's rows of the newest run.
    pub(crate) fn load(&self, scenario: &str) -> Vec<Row> {
        load(&self.latest(scenario))
    }

    /// Waits until the newest run has so many rows of load, and kills the test when that takes too long.
    pub(crate) fn wait_for_load(&self, scenario: &str, rows: usize) {
        wait_until(&format!("{rows} rows of {scenario}"), || {
            let latest = self.path().join("results").join(scenario).join("latest");
            latest.join("requests.csv").exists() && load(&latest).len() >= rows
        });
    }
}

/// Runs a command to its end.
pub(crate) fn done(command: &mut Command) -> Done {
    let output = command.output().expect("the program starts");
    Done {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits for the end of a started command.
pub(crate) fn wait(child: Child) -> Done {
    let output = child.wait_with_output().expect("the program ends");
    Done {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Every row of a run; a last line that is cut off is no row.
pub(crate) fn rows(run: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(run.join("requests.csv")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    let mut reader = csv::Reader::from_reader(whole.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let row =
        |record: csv::StringRecord| header.iter().map(String::from).zip(record.iter().map(String::from)).collect();
    reader.records().filter_map(Result::ok).map(row).collect()
}

/// The rows of a run's load.
pub(crate) fn load(run: &Path) -> Vec<Row> {
    rows(run).into_iter().filter(|row| row["phase"] == "load").collect()
}

/// How many rows have each outcome.
pub(crate) fn outcomes(rows: &[Row]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row["outcome"].clone()).or_insert(0) += 1;
    }
    counts
}

/// `run.json` of a run.
pub(crate) fn manifest(run: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(run.join("run.json")).expect("run.json");
    serde_json::from_str(&text).expect("run.json is JSON")
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal to a child of this test.
pub(crate) fn signal(child: &Child, signal: libc::c_int) {
    let id = libc::pid_t::try_from(child.id()).expect("a process id");
    // SAFETY: kill has no memory effects; the child has not been waited for, so the id is its own.
    assert_eq!(unsafe { libc::kill(id, signal) }, 0, "the signal is delivered");
}

/// `lamb-load mock` in a process of its own; ends with the value.
pub(crate) struct Mock {
    child: Child,
    /// Where it listens.
    pub(crate) url: String,
}

impl Mock {
    /// Starts it with these flags; it has bound its port when this returns.
    pub(crate) fn start(folder: &Folder, flags: &[&str]) -> Mock {
        let arguments: Vec<&str> = ["mock", "--port", "0"].into_iter().chain(flags.iter().copied()).collect();
        let mut child = folder
            .command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("lamb-load mock starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is caught"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("it says where it listens");
        let start = line.find("http://").unwrap_or_else(|| panic!("no address in {line:?}"));
        let url = line[start..].split_whitespace().next().expect("an address").to_owned();
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Mock { child, url }
    }
}

impl Mock {
    /// Asks it to end and waits, so that its log is whole.
    pub(crate) fn stop(mut self) {
        signal(&self.child, libc::SIGTERM);
        self.child.wait().expect("the endpoint ends");
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A scenario with one target and one model; `target` is what stands in `[targets.t]`, `rest` follows.
pub(crate) fn scenario(top: &str, target: &str, rest: &str) -> String {
    format!(
        "models = [\"m\"]\nprompts = [\"Say hello.\"]\ntimeout = \"30s\"\n{top}\n\n[targets.t]\n{target}\n\n{rest}\n"
    )
}

/// An embedded endpoint that answers at once.
pub(crate) const QUICK: &str = r#"mock = { first_token = "5ms", per_token = "1ms", tokens = 4 }"#;
