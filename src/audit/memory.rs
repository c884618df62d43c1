//! Memory that this process may still take: the machine's, or what its cgroup leaves.

use super::proc::{self, Version};

/// Bytes available; `None` where the system does not tell.
pub(super) fn available() -> Option<u64> {
    let machine = kib(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    Some(group().map_or(machine, |group| group.min(machine)))
}

/// What this process's cgroup leaves of its limit; `None` without one.
fn group() -> Option<u64> {
    let (folder, version) = proc::cgroup("memory", "memory.stat")?;
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    let (limit, usage, cache) = match version {
        Version::Two => ("memory.max", "memory.current", "inactive_file"),
        Version::One => ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    };
    left(&read(limit)?, &read(usage)?, proc::field(&read("memory.stat")?, cache))
}

/// Cached files give way, so they count as free. `max` is no limit.
fn left(limit: &str, usage: &str, cache: Option<u64>) -> Option<u64> {
    let limit: u64 = limit.trim().parse().ok()?;
    let usage: u64 = usage.trim().parse().ok()?;
    Some(limit.saturating_sub(usage.saturating_sub(cache.unwrap_or(0))))
}

/// A line of `/proc/meminfo`, in bytes.
fn kib(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_ascii_whitespace().next()?.parse().ok().map(|kib: u64| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_leaves_what_is_not_used_and_what_is_only_cached() {
        assert_eq!(left("1000\n", "700\n", Some(200)), Some(500));
        assert_eq!(left("1000", "1700", Some(200)), Some(0));
        assert_eq!(left("max\n", "700\n", None), None);
    }

    #[test]
    fn the_machine_tells_in_kibibytes() {
        assert_eq!(kib("MemTotal: 9 kB\nMemAvailable:   20 kB\n", "MemAvailable:"), Some(20 * 1024));
        assert_eq!(kib("MemTotal: 9 kB\n", "MemAvailable:"), None);
    }
}
