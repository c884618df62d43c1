//! What the kernel tells of this process and machine, read from its text files: pure parsers and the paths they read.
//!
//! Off Linux there is nothing to read, and every answer is `None`.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time on a processor of this process's threads, those whose names begin with `except` left out.
///
/// The embedded endpoint lives in this process but is not the client.
pub(super) fn cpu_time(except: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for thread in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        let of = |file: &str| std::fs::read_to_string(thread.path().join(file)).ok();
        // A thread may end between the listing and the reading.
        let (Some(name), Some(schedstat)) = (of("comm"), of("schedstat")) else { continue };
        if !name.starts_with(except) {
            total += on_cpu(&schedstat)?;
        }
    }
    Some(total)
}

/// Page faults of this process that waited for a disk, since it began.
pub(super) fn major_faults() -> Option<u64> {
    majflt(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// Time of all processors, and what of it the hypervisor took, in the kernel's ticks since boot.
pub(super) fn ticks() -> Option<Ticks> {
    Ticks::parse(&std::fs::read_to_string("/proc/stat").ok()?)
}

/// Periods in which a quota stopped this process's cgroup; `None` where there is no quota to look at.
pub(super) fn throttled_periods() -> Option<u64> {
    let (folder, _) = cgroup("cpu", "cpu.stat")?;
    field(&std::fs::read_to_string(folder.join("cpu.stat")).ok()?, "nr_throttled")
}

/// Processors that the cgroup's quota allows; `None` without a quota.
pub(super) fn quota() -> Option<f64> {
    let (folder, version) = cgroup("cpu", "cpu.stat")?;
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    match version {
        Version::Two => cpu_max(&read("cpu.max")?),
        Version::One => {
            let number = |text: String| text.trim().parse::<f64>().ok();
            let (quota, period) = (number(read("cpu.cfs_quota_us")?)?, number(read("cpu.cfs_period_us")?)?);
            (quota > 0.0 && period > 0.0).then(|| quota / period)
        }
    }
}

/// Ticks of all processors together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticks {
    all: u64,
    stolen: u64,
}

impl Ticks {
    fn parse(stat: &str) -> Option<Ticks> {
        let mut fields = stat.lines().next()?.split_ascii_whitespace();
        if fields.next() != Some("cpu") {
            return None;
        }
        // user nice system idle iowait irq softirq steal; guest times after them are in user already.
        let fields: Vec<u64> = fields.take(8).map_while(|field| field.parse().ok()).collect();
        Some(Ticks { all: fields.iter().sum(), stolen: *fields.get(7)? })
    }

    /// The share that was stolen since `before`; `None` when no tick has passed.
    pub(super) fn stolen_since(self, before: Ticks) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)?;
        Some(self.stolen.saturating_sub(before.stolen) as f64 / all as f64)
    }
}

/// The two ways of Linux to group processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// With a tree for each controller.
    One,
    /// With one tree for all.
    Two,
}

/// The folder in which this process's limits of that controller stand: one that has this file.
pub(super) fn cgroup(controller: &str, file: &str) -> Option<(PathBuf, Version)> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    candidates(&own, controller).into_iter().find(|(folder, _)| folder.join(file).exists())
}

/// Where limits may stand: the named group, and inside a container the root of what is mounted.
fn candidates(own: &str, controller: &str) -> Vec<(PathBuf, Version)> {
    let mut found = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (root, version) = match controllers {
            "" => (Path::new("/sys/fs/cgroup").to_path_buf(), Version::Two),
            list if list.split(',').any(|name| name == controller) => {
                (Path::new("/sys/fs/cgroup").join(controller), Version::One)
            }
            _ => continue,
        };
        found.push((root.join(path.trim_start_matches('/')), version));
        found.push((root, version));
    }
    found
}

/// Nanoseconds on a processor: the first field of a `schedstat`.
fn on_cpu(schedstat: &str) -> Option<Duration> {
    schedstat.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// The twelfth field of `/proc/self/stat`, counted behind the name, which may hold anything.
fn majflt(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(9)?.parse().ok()
}

fn cpu_max(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then(|| quota / period)
}

/// The number behind `name` in a file of `name number` lines.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stolen_share_is_of_all_ticks_between_two_looks() {
        let before = Ticks::parse("cpu  100 0 100 700 0 0 0 100 5 0\ncpu0 1 2 3\n").unwrap();
        let after = Ticks::parse("cpu  150 0 150 750 0 0 0 150 9 0\n").unwrap();
        assert_eq!(after.stolen_since(before), Some(0.25));
        assert_eq!(before.stolen_since(before), None);
        assert_eq!(Ticks::parse("intr 12"), None);
    }

    #[test]
    fn major_faults_are_found_behind_a_name_with_brackets_and_spaces() {
        let stat = "1234 (a) b) S 1 2 3 4 5 6 70 80 9 10 11 12";
        assert_eq!(majflt(stat), Some(9));
    }

    #[test]
    fn a_quota_is_a_number_of_processors_and_max_is_none() {
        assert_eq!(cpu_max("50000 100000\n"), Some(0.5));
        assert_eq!(cpu_max("max 100000\n"), None);
    }

    #[test]
    fn both_versions_of_cgroups_are_looked_for() {
        let folders: Vec<_> = candidates("4:cpu,cpuacct:/box\n0::/user.slice\n1:name=systemd:/x\n", "cpu");
        let one = |path: &str| (PathBuf::from(path), Version::One);
        let two = |path: &str| (PathBuf::from(path), Version::Two);
        let expected = [
            one("/sys/fs/cgroup/cpu/box"),
            one("/sys/fs/cgroup/cpu"),
            two("/sys/fs/cgroup/user.slice"),
            two("/sys/fs/cgroup"),
        ];
        assert_eq!(folders, expected);
    }

    #[test]
    fn throttling_is_counted_in_periods() {
        assert_eq!(field("nr_periods 10\nnr_throttled 3\nthrottled_usec 7\n", "nr_throttled"), Some(3));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_busy_thread_counts_unless_it_is_left_out() {
        let work = || {
            let before = cpu_time("nobody").unwrap();
            while cpu_time("nobody").unwrap() < before + Duration::from_millis(20) {}
            let (all, except) = (cpu_time("nobody").unwrap(), cpu_time("busy").unwrap());
            all.saturating_sub(except)
        };
        let own = std::thread::Builder::new().name("busy".into()).spawn(work).unwrap().join().unwrap();
        assert!(own > Duration::ZERO);
    }
}
