//! The monotonic clock in nanoseconds, the same one for every process of this machine, and the kernel's stamps on it.

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use portable as system;

/// Nanoseconds of the monotonic clock: `CLOCK_MONOTONIC` on Linux, which is what `std::time::Instant` reads there.
pub(super) fn now() -> u64 {
    system::now()
}

/// A kernel receive stamp, taken on the wall clock, moved to the monotonic clock.
///
/// Nothing where the two disagree: a wall clock that was set meanwhile must not move an instant.
#[cfg(target_os = "linux")]
pub(super) fn from_wall(stamp: u64) -> Option<u64> {
    let wall = linux::read(libc::CLOCK_REALTIME);
    let lag = wall.checked_sub(stamp)?;
    (lag < 10_000_000_000).then(|| now().saturating_sub(lag))
}

#[cfg(target_os = "linux")]
mod linux {
    pub(super) fn now() -> u64 {
        read(libc::CLOCK_MONOTONIC)
    }

    pub(super) fn read(clock: libc::clockid_t) -> u64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a valid timespec to write to; both clocks exist on every Linux.
        unsafe { libc::clock_gettime(clock, &mut time) };
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use std::sync::LazyLock;
    use std::time::Instant;

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(super) fn now() -> u64 {
        START.elapsed().as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back() {
        let earlier = now();
        assert!(now() >= earlier);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_stamp_from_the_future_is_no_stamp() {
        let wall = linux::read(libc::CLOCK_REALTIME);
        assert_eq!(from_wall(wall + 3_600_000_000_000), None);
        assert!(from_wall(wall).is_some_and(|stamp| stamp <= now()));
    }
}
