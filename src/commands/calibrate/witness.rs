//! The endpoint of a calibration: this program again, as `mock`, in a process and on a core of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::record::{self, Record};

/// How long the log may take to be written once the last answer is in.
const LOG_WITHIN: Duration = Duration::from_secs(10);

/// A running endpoint; dropped, it is gone.
pub(super) struct Witness {
    child: Child,
    /// Where it listens.
    pub(super) url: String,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Witness {
    /// Starts one with these flags of `mock`, on the endpoint's core.
    pub(super) fn start(cores: &Cores, flags: &[String]) -> anyhow::Result<Witness> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("mock.jsonl");
        let mut command = Command::new(std::env::current_exe().context("this program's own file")?);
        command.args(["mock", "--port", "0", "--log"]).arg(&log).args(flags);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        die_with_us(&mut command);
        cores.take_endpoints();
        let started = command.spawn();
        cores.take_clients();
        let mut child = started.context("the endpoint's process")?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            // An address is short, whatever is told instead of it.
            BufReader::new(stdout).take(1_000).read_line(&mut line)?;
        }
        let url = line.trim().strip_prefix("listening on ").unwrap_or_default().to_owned();
        let witness = Witness { child, url, log, _folder: folder };
        ensure!(witness.url.starts_with("http://"), "the endpoint did not start: {:?}", line.trim());
        Ok(witness)
    }

    /// What it did, once that is written down for so many requests.
    pub(super) fn records(&self, requests: usize) -> anyhow::Result<Vec<Record>> {
        let patience = Instant::now() + LOG_WITHIN;
        loop {
            let records = record::read(&fs_err::read(&self.log)?)?;
            if records.len() >= requests || Instant::now() > patience {
                return Ok(records);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // It holds nothing that it would have to put away.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not even a SIGKILL of this process leaves an endpoint behind.
fn die_with_us(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        use std::os::unix::process::CommandExt;
        // SAFETY: between fork and exec only a system call is made.
        unsafe { command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?)) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// Which cores are whose: the first one is the endpoint's, the others are the client's. Of a single core, or where cores
/// cannot be chosen, both have all.
#[derive(Debug)]
pub(super) struct Cores {
    #[cfg(target_os = "linux")]
    parts: Option<[rustix::thread::CpuSet; 2]>,
}

#[cfg(target_os = "linux")]
impl Cores {
    pub(super) fn part() -> Cores {
        use rustix::thread::{CpuSet, sched_getaffinity};
        let Ok(mut clients) = sched_getaffinity(None) else { return Cores { parts: None } };
        let first = (0..CpuSet::MAX_CPU).find(|core| clients.is_set(*core)).filter(|_| clients.count() > 1);
        let parts = first.map(|first| {
            let mut endpoints = CpuSet::new();
            endpoints.set(first);
            clients.unset(first);
            [endpoints, clients]
        });
        Cores { parts }
    }

    /// What this thread starts from here on runs on the endpoint's core.
    fn take_endpoints(&self) {
        self.take(0);
    }

    /// This thread and what it starts from here on run on the client's cores.
    pub(super) fn take_clients(&self) {
        self.take(1);
    }

    fn take(&self, part: usize) {
        if let Some(parts) = &self.parts {
            // Refused, both share what there is, as on a single core.
            let _ = rustix::thread::sched_setaffinity(None, &parts[part]);
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Cores {
    pub(super) fn part() -> Cores {
        Cores {}
    }

    fn take_endpoints(&self) {}

    pub(super) fn take_clients(&self) {}
}
