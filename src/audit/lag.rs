//! How long a runtime leaves a task waiting that could go on: pinged from outside, so that a busy runtime cannot hide it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hdrhistogram::Histogram;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::facts::{Lag, ReadLag};
use crate::wire::{Ledger, pulse};

/// Delays are kept in nanoseconds, to 0.1 %, up to a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// A task in a runtime that answers pings until the probe is dropped.
#[derive(Debug)]
pub(super) struct Probe {
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    base: Instant,
    /// When the unanswered ping was sent, in nanoseconds since `base`; 0 where none is.
    sent: AtomicU64,
    ping: Notify,
    lags: Mutex<Histogram<u64>>,
}

impl Probe {
    /// Puts a probe into `runtime`.
    pub(super) fn new(runtime: &Handle) -> Probe {
        let shared = Arc::new(Shared {
            base: Instant::now(),
            sent: AtomicU64::new(0),
            ping: Notify::new(),
            lags: Mutex::new(delays()),
        });
        let answering = shared.clone();
        let task = runtime.spawn(async move {
            loop {
                answering.ping.notified().await;
                answering.answer();
            }
        });
        Probe { shared, task }
    }

    /// Asks the runtime for a sign of life, unless it still owes one.
    pub(super) fn ping(&self) {
        let now = self.shared.now();
        if self.shared.sent.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.shared.ping.notify_one();
        }
    }

    /// Adds what was seen to `all`; a ping that is still owed counts as late as it is now.
    pub(super) fn add_to(&self, all: &mut Histogram<u64>) {
        let lags = self.shared.lags.lock().unwrap_or_else(PoisonError::into_inner);
        // It grows to hold them.
        let _ = all.add(&*lags);
        match self.shared.sent.load(Ordering::Relaxed) {
            0 => {}
            sent => note(all, self.shared.now().saturating_sub(sent), 1),
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    fn answer(&self) {
        let sent = self.sent.swap(0, Ordering::Relaxed);
        if sent != 0 {
            let lag = self.now().saturating_sub(sent);
            pulse::answered(std::time::Duration::from_nanos(lag));
            note(&mut self.lags.lock().unwrap_or_else(PoisonError::into_inner), lag, 1);
        }
    }
}

/// An empty histogram of delays. It grows with them, at most fifteen times: one that could hold a minute from the start is
/// 220 KiB to clear, and there are a dozen before the first request.
pub(super) fn delays() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "three digits are a precision that the library knows")]
    Histogram::new(3).expect("a constant precision")
}

/// Notes a delay so many times.
pub(super) fn note(delays: &mut Histogram<u64>, ns: u64, times: u64) {
    // A histogram that may grow holds a minute on every machine; the saturating calls would not let it grow.
    let _ = delays.record_n(ns.min(LONGEST_NS), times);
}

/// What a histogram of delays says; `None` when it is empty.
pub(super) fn summary(delays: &Histogram<u64>) -> Option<Lag> {
    let ms = |ns: u64| ns as f64 / 1e6;
    (!delays.is_empty()).then(|| Lag {
        n: delays.len(),
        p50_ms: ms(delays.value_at_quantile(0.5)),
        p90_ms: ms(delays.value_at_quantile(0.9)),
        p99_ms: ms(delays.value_at_quantile(0.99)),
        max_ms: ms(delays.max()),
    })
}

/// What the reads of the measured sockets say of their instants; `None` where nothing was read.
pub fn read_lag(reads: &Ledger) -> Option<ReadLag> {
    let without_kernel_time = reads.without_kernel_time;
    let (uncorrected, left) = (summary(&reads.waited), summary(&reads.left));
    if uncorrected.is_none() && without_kernel_time == 0 {
        return None;
    }
    Some(ReadLag { uncorrected: uncorrected.unwrap_or_default(), left: left.unwrap_or_default(), without_kernel_time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_runtime_is_late_by_the_time_it_was_blocked() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let probe = Probe::new(runtime.handle());
        runtime.block_on(tokio::task::yield_now());
        let begun = Instant::now();
        probe.ping();
        std::thread::sleep(std::time::Duration::from_millis(30));
        let blocked = begun.elapsed();
        probe.ping();
        runtime.block_on(async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        });
        let mut all = delays();
        probe.add_to(&mut all);
        let lag = summary(&all).unwrap();
        assert_eq!(lag.n, 1, "a second ping before the answer asks nothing more");
        assert!(lag.max_ms * 1.001 >= blocked.as_secs_f64() * 1e3, "{lag:?} is less than {blocked:?}");
    }

    #[test]
    fn delays_are_kept_up_to_a_minute_and_joined_whatever_their_size() {
        let (mut all, mut own) = (delays(), delays());
        note(&mut own, 3, 1);
        all.add(&own).unwrap();
        note(&mut own, u64::MAX, 2);
        all.add(&own).unwrap();
        assert_eq!(all.len(), 4);
        let minute = LONGEST_NS as f64;
        assert!((all.max() as f64 / minute - 1.0).abs() < 1e-3, "{}", all.max());
        all.subtract(&own).unwrap();
        assert_eq!(all.value_at_quantile(1.0), 3);
    }

    #[test]
    fn a_runtime_that_never_answers_is_late_too() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let probe = Probe::new(runtime.handle());
        probe.ping();
        let mut all = delays();
        probe.add_to(&mut all);
        assert_eq!(all.len(), 1);
        assert_eq!(summary(&delays()), None);
    }
}
