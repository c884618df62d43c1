//! How long reads waited in the kernel, and how exactly that is known: kept by each thread for itself, so that nothing
//! is shared and nothing locked while measuring.

use std::cell::RefCell;
use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest wait that is told apart, in nanoseconds: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// The reads of the measured sockets of one thread.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// From the kernel's receive time to our own stamp, in nanoseconds; already taken off the instants.
    pub waited: Histogram<u64>,
    /// What is left after that, in nanoseconds: the two clocks cannot be read as one.
    pub left: Histogram<u64>,
    /// Reads without a kernel time: their instants are our own.
    pub without_kernel_time: u64,
}

thread_local! {
    static OWN: RefCell<Ledger> = RefCell::new(Ledger::new());
}

impl Ledger {
    /// An empty one.
    pub fn new() -> Ledger {
        Ledger { waited: histogram(), left: histogram(), without_kernel_time: 0 }
    }

    /// What this thread's reads left since it was last taken.
    pub fn take() -> Ledger {
        OWN.with(|own| std::mem::take(&mut *own.borrow_mut()))
    }

    /// Takes in the reads of another thread.
    pub fn add(&mut self, other: &Ledger) {
        // All ledgers have the same bounds.
        let _ = self.waited.add(&other.waited);
        let _ = self.left.add(&other.left);
        self.without_kernel_time += other.without_kernel_time;
    }
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger::new()
    }
}

/// Notes a read that waited so long, known up to `left`; `None` is a read without a kernel time.
pub(super) fn note(read: Option<(Duration, Duration)>) {
    OWN.with(|own| {
        let mut own = own.borrow_mut();
        match read {
            Some((waited, left)) => {
                own.waited.saturating_record(nanos(waited));
                own.left.saturating_record(nanos(left));
            }
            None => own.without_kernel_time += 1,
        }
    });
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Two digits are enough for an error, and small enough for every thread.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 2).expect("the bounds are constants that the library accepts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_keeps_its_own_and_a_ledger_is_taken_once() {
        let work = |count: u64| {
            move || {
                for _ in 0..count {
                    note(Some((Duration::from_micros(100), Duration::from_nanos(40))));
                }
                note(None);
                Ledger::take()
            }
        };
        let mut all = std::thread::spawn(work(3)).join().unwrap();
        all.add(&std::thread::spawn(work(4)).join().unwrap());
        assert_eq!((all.waited.len(), all.left.max(), all.without_kernel_time), (7, 40, 2));
        note(None);
        assert_eq!((Ledger::take().without_kernel_time, Ledger::take().without_kernel_time), (1, 0));
    }
}
