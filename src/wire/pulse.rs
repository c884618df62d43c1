//! Until when a thread's runtime had certainly caught up: what one read brings together cannot have waited for longer.
//!
//! A runtime that slept had read everything that was there before; what woke it came at most as long ago as the thread
//! then waited for a processor, and the kernel counts that. A runtime that only looked and went on may have left
//! something behind. Kept by each thread for itself, in two hooks of its runtime: nothing shared, nothing locked,
//! nothing allocated while measuring.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::time::{Duration, Instant};

use super::kernel;

/// A sleep shorter than this was none: events were there already. The kernel's own count of sleeps says so better where
/// there is one: a runtime that finds a thousand events takes longer than this to look through them.
const BLINK: Duration = Duration::from_micros(20);
/// How long of a sleep was a wait for a processor is not asked after one shorter than this: all of it is taken for one.
const SHORT: Duration = Duration::from_micros(200);
/// A runtime under watch is pinged every 5 ms. One that slept for longer was not asleep: its whole process stood still,
/// or whoever pings had no processor either.
const UNDISTURBED: Duration = Duration::from_millis(6);

thread_local! {
    static OWN: Pulse = const { Pulse::new() };
}

/// The runtime of this thread is about to sleep: the hook `on_thread_park`.
pub fn parks() {
    OWN.with(|own| own.parked.set(Some((Instant::now(), kernel::sleeps()))));
}

/// The runtime of this thread wakes: the hook `on_thread_unpark`.
pub fn unparks() {
    OWN.with(Pulse::wakes);
}

/// A ping from outside was answered so late; that is what is known of a wake-up where the kernel does not tell.
pub fn answered(late: Duration) {
    OWN.with(|own| own.ping.set(late));
}

/// Everything that had arrived before this instant has been read by this thread's runtime; `None` where nothing tells.
pub(super) fn caught_up() -> Option<Instant> {
    OWN.with(|own| own.caught_up.get())
}

struct Pulse {
    /// When it last began to sleep, and how often it had slept before.
    parked: Cell<Option<(Instant, Option<u64>)>>,
    caught_up: Cell<Option<Instant>>,
    /// How late the latest ping was answered.
    ping: Cell<Duration>,
    /// The thread's scheduling statistics, once opened; the inner `None` is a system that has none.
    schedule: RefCell<Option<Option<File>>>,
    /// What they said last of the time spent waiting for a processor.
    queued: Cell<Duration>,
}

impl Pulse {
    const fn new() -> Pulse {
        Pulse {
            parked: Cell::new(None),
            caught_up: Cell::new(None),
            ping: Cell::new(Duration::ZERO),
            schedule: RefCell::new(None),
            queued: Cell::new(Duration::ZERO),
        }
    }

    fn wakes(&self) {
        let woke = Instant::now();
        let Some((parked, sleeps)) = self.parked.get() else { return };
        let asleep = woke.saturating_duration_since(parked);
        if sleeps.map_or(asleep < BLINK, |sleeps| kernel::sleeps() == Some(sleeps)) {
            return;
        }
        let queued = match (asleep >= SHORT).then(|| self.queued_in_all()).flatten() {
            // Since it was last asked, so at least since this sleep began.
            Some(all) => all.saturating_sub(self.queued.replace(all)),
            None if asleep < SHORT => asleep,
            None => self.ping.get(),
        };
        self.caught_up.set(Some(after(parked, asleep, queued)));
    }

    /// How long this thread has waited for a processor since it began.
    fn queued_in_all(&self) -> Option<Duration> {
        let mut schedule = self.schedule.borrow_mut();
        let open = || if cfg!(target_os = "linux") { File::open("/proc/thread-self/schedstat").ok() } else { None };
        queued(schedule.get_or_insert_with(open).as_ref()?)
    }
}

/// Until when a runtime had caught up that slept from `parked` for so long, and of that waited `queued` for a processor:
/// at least until it fell asleep.
fn after(parked: Instant, asleep: Duration, queued: Duration) -> Instant {
    let asleep = asleep.saturating_sub(queued);
    if asleep > UNDISTURBED { parked } else { parked + asleep }
}

/// The second number of a `schedstat`: nanoseconds spent waiting for a processor.
#[cfg(unix)]
fn queued(schedule: &File) -> Option<Duration> {
    use std::os::unix::fs::FileExt;
    let mut text = [0; 80];
    let length = schedule.read_at(&mut text, 0).ok()?;
    let number = text[..length].split(|byte| *byte == b' ').nth(1)?;
    std::str::from_utf8(number).ok()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(not(unix))]
fn queued(_: &File) -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn what_woke_a_sleeper_came_when_its_wait_for_a_processor_began() {
        let parked = Instant::now();
        let table = [
            // Slept 3 ms and ran at once; slept 1 ms and waited two more for a processor.
            (3 * MILLI, Duration::ZERO, parked + 3 * MILLI),
            (3 * MILLI, 2 * MILLI, parked + MILLI),
            // Other waits are counted too; but when it fell asleep there was nothing left.
            (3 * MILLI, 4 * MILLI, parked),
            // Nobody pinged for half a second: everything stood still.
            (500 * MILLI, Duration::ZERO, parked),
        ];
        for (asleep, queued, expected) in table {
            assert_eq!(after(parked, asleep, queued), expected, "{asleep:?} {queued:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_tells_how_long_a_thread_waited_for_a_processor() {
        let file = File::open("/proc/thread-self/schedstat").unwrap();
        assert!(queued(&file).is_some());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_waits_has_slept() {
        let before = kernel::sleeps().unwrap();
        std::thread::sleep(MILLI);
        let after = kernel::sleeps().unwrap();
        assert!(after > before, "{before} {after}");
    }

    #[test]
    fn a_runtime_with_the_hooks_catches_up_when_it_sleeps() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(parks)
            .on_thread_unpark(unparks)
            .build()
            .unwrap();
        assert_eq!(caught_up(), None);
        let begun = Instant::now();
        runtime.block_on(async {
            while caught_up().is_none_or(|at| at < begun) {
                tokio::time::sleep(3 * MILLI).await;
            }
        });
        assert!(caught_up().is_some_and(|at| at <= Instant::now()));
    }
}
