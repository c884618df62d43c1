//! Sleeping until an instant, precisely: one kernel timer for the whole thread, never early, late by tens of microseconds.
//! (The runtime's own timers end about a millisecond late, which no pace of 100 events a second forgives.)

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::clock;

/// Everybody on this thread who waits for an instant.
pub(super) struct Pacer {
    waiting: RefCell<BinaryHeap<Reverse<Sleeper>>>,
    /// The instant that the timer is set to; `u64::MAX` while it rests.
    armed: Cell<u64>,
    timer: Timer,
}

impl Pacer {
    /// A pacer for this thread's runtime; [`Pacer::run`] must be polled for anybody to wake.
    pub(super) fn new() -> io::Result<Pacer> {
        Ok(Pacer { waiting: RefCell::default(), armed: Cell::new(u64::MAX), timer: Timer::new()? })
    }

    /// Returns at `due` or as soon after it as this thread is free.
    pub(super) async fn until(&self, due: u64) {
        if due <= clock::now() {
            // Whoever is late by many events still lets the others have their turn.
            tokio::task::consume_budget().await;
            return;
        }
        Until { pacer: self, due, registered: false }.await
    }

    /// Returns after this time.
    pub(super) async fn pause(&self, time: Duration) {
        self.until(clock::now() + time.as_nanos() as u64).await
    }

    /// Wakes those whose instant has come, for ever.
    pub(super) async fn run(&self) {
        loop {
            self.timer.rang(&self.armed).await;
            self.armed.set(u64::MAX);
            self.wake();
        }
    }

    fn wake(&self) {
        let mut waiting = self.waiting.borrow_mut();
        let now = clock::now();
        while let Some(Reverse(first)) = waiting.peek() {
            if first.due > now {
                self.arm(first.due);
                break;
            }
            if let Some(Reverse(first)) = waiting.pop() {
                first.waker.wake();
            }
        }
    }

    fn arm(&self, due: u64) {
        self.armed.set(due);
        self.timer.set(due);
    }
}

struct Sleeper {
    due: u64,
    waker: Waker,
}

impl Ord for Sleeper {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

impl PartialOrd for Sleeper {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sleeper {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Sleeper {}

struct Until<'a> {
    pacer: &'a Pacer,
    due: u64,
    registered: bool,
}

impl Future for Until<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.due <= clock::now() {
            return Poll::Ready(());
        }
        // Polled again too early, by another arm of a select: the waker of the same task is already in the heap.
        if !self.registered {
            let sleeper = Sleeper { due: self.due, waker: context.waker().clone() };
            self.pacer.waiting.borrow_mut().push(Reverse(sleeper));
            if self.due < self.pacer.armed.get() {
                self.pacer.arm(self.due);
            }
            self.registered = true;
        }
        Poll::Pending
    }
}

#[cfg(target_os = "linux")]
struct Timer(tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>);

#[cfg(target_os = "linux")]
impl Timer {
    fn new() -> io::Result<Timer> {
        use std::os::fd::FromRawFd;
        // SAFETY: no pointers; the result is checked.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let owned = unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) };
        // SAFETY: the descriptor is owned by what is registered, and closed after it is taken off the runtime again.
        let registered =
            unsafe { tokio::io::unix::AsyncFd::register_with_interest(owned, tokio::io::Interest::READABLE) };
        registered.map(Timer).map_err(Into::into)
    }

    /// Sets the timer anew. This also takes back a ring that nobody has read, so that the ring needs no reading.
    fn set(&self, due: u64) {
        use std::os::fd::AsRawFd;
        let value = libc::timespec { tv_sec: (due / 1_000_000_000) as _, tv_nsec: (due % 1_000_000_000) as _ };
        let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let timer = libc::itimerspec { it_interval: never, it_value: value };
        // SAFETY: a live timerfd and a valid, normalised itimerspec; the old value is not asked for.
        unsafe { libc::timerfd_settime(self.0.as_raw_fd(), libc::TFD_TIMER_ABSTIME, &timer, std::ptr::null_mut()) };
    }

    async fn rang(&self, _armed: &Cell<u64>) {
        match self.0.readable().await {
            Ok(mut ready) => ready.clear_ready(),
            // Only a runtime that shuts down ends up here, and it drops this future next.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(not(target_os = "linux"))]
struct Timer(tokio::sync::Notify);

#[cfg(not(target_os = "linux"))]
impl Timer {
    fn new() -> io::Result<Timer> {
        Ok(Timer(tokio::sync::Notify::new()))
    }

    fn set(&self, _due: u64) {
        self.0.notify_one();
    }

    async fn rang(&self, armed: &Cell<u64>) {
        loop {
            let left = armed.get().saturating_sub(clock::now());
            if left == 0 {
                return;
            }
            let sleep = tokio::time::sleep(Duration::from_nanos(left.min(86_400_000_000_000)));
            tokio::select! { () = sleep => {} () = self.0.notified() => {} }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn sleepers_wake_in_the_order_of_their_instants_and_never_early() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(Default::default())
            .expect("a runtime for the test");
        let woken = runtime.block_on(async {
            let pacer = Rc::new(Pacer::new().expect("a timer"));
            let woken = Rc::new(RefCell::new(Vec::new()));
            let driver = pacer.clone();
            tokio::task::spawn_local(async move { driver.run().await });
            let start = clock::now();
            let tasks: Vec<_> = [30, 10, 20, 0, 10]
                .map(|ms| {
                    let (pacer, woken) = (pacer.clone(), woken.clone());
                    tokio::task::spawn_local(async move {
                        pacer.until(start + ms * 1_000_000).await;
                        assert!(clock::now() >= start + ms * 1_000_000);
                        woken.borrow_mut().push(ms);
                    })
                })
                .into();
            for task in tasks {
                task.await.expect("no sleeper panics");
            }
            woken.take()
        });
        assert_eq!(woken, [0, 10, 10, 20, 30]);
    }
}
