//! The monotonic clock, which everything is measured with, and the wall clock, which the kernel stamps with.
//!
//! A stamp is worth something as long as nobody sets the wall clock: a watch compares the two, and once it has seen
//! them part, no stamp is used any more.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Slower than this share of the time that passed, a clock is not set but steered (`adjtime` and its like).
const STEERED: f64 = 0.1;
/// What the two may part by without being noticed: less than matters to any metric.
const UNNOTICED: Duration = Duration::from_micros(300);

static SET: AtomicBool = AtomicBool::new(false);

/// Both clocks, read as one.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// The monotonic one.
    pub now: Instant,
    /// The wall clock, since 1970.
    pub real: Duration,
    /// What passed between the two readings all the same.
    pub between: Duration,
}

/// Reads both; again if something came between them.
pub fn read() -> Reading {
    let mut tries = 0;
    loop {
        let before = Instant::now();
        let real = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let between = before.elapsed();
        tries += 1;
        if between < Duration::from_micros(2) || tries == 8 {
            return Reading { now: before + between / 2, real, between };
        }
    }
}

impl Reading {
    /// By how much the wall clock was set from `earlier` until this reading; nothing where it only ran.
    pub fn set_since(&self, earlier: &Reading) -> Duration {
        let passed = self.now.saturating_duration_since(earlier.now);
        let parted = match self.real.checked_sub(earlier.real) {
            Some(real) => real.abs_diff(passed),
            None => (earlier.real - self.real) + passed,
        };
        let unnoticed = UNNOTICED + passed.mul_f64(STEERED) + self.between + earlier.between;
        if parted > unnoticed { parted } else { Duration::ZERO }
    }
}

/// The wall clock was set: the kernel's stamps are not used any more.
pub fn distrust() {
    SET.store(true, Relaxed);
}

/// Whether nobody has seen the wall clock being set.
pub(super) fn are_steady() -> bool {
    !SET.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_told_from_one_that_is_steered() {
        let ms = Duration::from_millis;
        let (now, real) = (Instant::now(), Duration::from_secs(1_800_000_000));
        let before = Reading { now, real, between: Duration::ZERO };
        let after = |passed: Duration, real: Duration, between| Reading { now: now + passed, real, between };
        let table = [
            (after(ms(5), real + ms(5), Duration::ZERO), Duration::ZERO),
            (after(ms(1000), real + ms(1080), Duration::ZERO), Duration::ZERO),
            (after(ms(5), real + ms(7), Duration::ZERO), ms(2)),
            (after(ms(5), real + ms(7), ms(3)), Duration::ZERO),
            (after(ms(5), real + ms(2), Duration::ZERO), ms(3)),
            (after(ms(5), real - ms(20), Duration::ZERO), ms(25)),
            (after(ms(5), real + Duration::from_secs(3600), Duration::ZERO), Duration::from_secs(3600) - ms(5)),
        ];
        for (after, expected) in table {
            assert_eq!(after.set_since(&before), expected, "{after:?}");
        }
    }

    #[test]
    fn both_clocks_run() {
        let before = read();
        std::thread::sleep(Duration::from_millis(2));
        let after = read();
        assert!(after.now > before.now && after.real > before.real);
    }
}
