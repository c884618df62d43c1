//! How late the endpoint itself was: each of its paced writes against the instant it was due. Read it before blaming a client.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets: one a microsecond up to 64 µs, then 32 for each doubling, up to about 20 hours.
const BUCKETS: usize = 64 + 31 * 32;

/// How late the endpoint's paced writes were, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Writes that had an instant to keep.
    pub writes: u64,
    /// Median, to the microsecond or 3 %.
    pub p50: Duration,
    /// 99th percentile, to the microsecond or 3 %.
    pub p99: Duration,
    /// The worst one, exact.
    pub max: Duration,
}

/// The writer's side: one thread adds, any thread reads.
pub(super) struct Ledger {
    buckets: Box<[AtomicU64]>,
    max: AtomicU64,
}

impl Ledger {
    pub(super) fn new() -> Ledger {
        Ledger { buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(), max: AtomicU64::new(0) }
    }

    /// Adds one write, late by so many nanoseconds.
    pub(super) fn add(&self, late: u64) {
        self.buckets[bucket(late / 1_000)].fetch_add(1, Ordering::Relaxed);
        self.max.fetch_max(late, Ordering::Relaxed);
    }

    /// What was added so far.
    pub(super) fn read(&self) -> Lateness {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let writes: u64 = counts.iter().sum();
        let max = Duration::from_nanos(self.max.load(Ordering::Relaxed));
        let at = |rank: u64| {
            let mut seen = 0;
            let found = counts.iter().position(|count| {
                seen += count;
                seen > rank
            });
            found.map_or(Duration::ZERO, |index| Duration::from_micros(upper_edge(index)).min(max))
        };
        Lateness { writes, p50: at(writes / 2), p99: at(writes * 99 / 100), max }
    }
}

fn bucket(micros: u64) -> usize {
    if micros < 64 {
        return micros as usize;
    }
    let doubling = micros.ilog2() as usize - 6;
    let within = (micros >> (doubling + 1)) as usize - 32;
    (64 + doubling * 32 + within).min(BUCKETS - 1)
}

fn upper_edge(index: usize) -> u64 {
    if index < 64 {
        return index as u64 + 1;
    }
    let (doubling, within) = ((index - 64) / 32, (index - 64) % 32);
    (within as u64 + 33) << (doubling + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lateness_lies_within_its_bucket() {
        for micros in (0..5_000).chain((1..40).map(|power| 3 << power)) {
            let edge = upper_edge(bucket(micros));
            assert!(edge > micros || bucket(micros) == BUCKETS - 1, "{micros} µs in a bucket that ends at {edge}");
            assert!(edge <= micros + micros / 32 + 1, "{micros} µs in a bucket that ends at {edge}");
        }
    }

    #[test]
    fn one_slow_write_in_two_hundred_is_the_maximum_but_not_the_99th_percentile() {
        let ledger = Ledger::new();
        (0..199).for_each(|_| ledger.add(10_500));
        ledger.add(7_000_000);
        let read = ledger.read();
        assert_eq!(
            read,
            Lateness {
                writes: 200,
                p50: Duration::from_micros(11),
                p99: Duration::from_micros(11),
                max: Duration::from_millis(7)
            }
        );
    }
}
