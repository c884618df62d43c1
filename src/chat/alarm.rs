//! The timeouts of one request, on one timer.
//!
//! The timer is set for the earliest deadline and looked at again only when it rings, so that an event costs no timer
//! work. What arrived by its deadline counts, however late we come to read it; what arrived after it does not, however
//! fast it keeps coming. Nothing here knows HTTP.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFuture;

use super::outcome::Stop;
use crate::scenario::plan::Timeouts;

/// Rings when a request has taken too long, or is called off.
pub(super) struct Alarm<'a, 'token> {
    deadlines: Deadlines,
    sleep: Pin<&'a mut Sleep>,
    cancelled: Pin<&'a mut WaitForCancellationFuture<'token>>,
}

/// By when what has to have happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    issued: Instant,
    total: Instant,
    first_token: Option<Duration>,
    idle: Option<Duration>,
    /// When the first byte was sent.
    sent: Option<Instant>,
    /// When something arrived last.
    read: Option<Instant>,
}

impl Deadlines {
    /// Those of a request that begins at `issued`. Only of an answer that is to be streamed a first token can be awaited.
    pub(super) fn of(timeouts: &Timeouts, issued: Instant, stream: bool) -> Deadlines {
        Deadlines {
            issued,
            total: later(issued, timeouts.total),
            first_token: timeouts.first_token.filter(|_| stream),
            idle: timeouts.idle,
            sent: None,
            read: None,
        }
    }

    /// A timer that rings at the first of them.
    pub(super) fn timer(&self) -> Sleep {
        sleep_until(self.due(self.issued).0)
    }

    /// The earliest deadline as things stand at `now`, and what missing it means.
    fn due(&self, now: Instant) -> (Instant, Stop) {
        // What was not sent by now can have its first token no earlier than this.
        let first = self.first_token.map(|after| match self.sent {
            Some(sent) => (later(sent, after), Stop::FirstTokenTimeout),
            None => (later(now, after.max(Duration::from_millis(1))), Stop::FirstTokenTimeout),
        });
        let idle = self.idle.zip(self.read).map(|(idle, read)| (later(read, idle), Stop::IdleTimeout));
        let total = (self.total, Stop::TotalTimeout);
        [first, idle, Some(total)].into_iter().flatten().min_by_key(|(due, _)| *due).unwrap_or(total)
    }
}

impl<'a, 'token> Alarm<'a, 'token> {
    /// Rings by a timer of these deadlines and by a token. Both stay where they are: a request allocates nothing for them.
    pub(super) fn new(
        deadlines: Deadlines,
        sleep: Pin<&'a mut Sleep>,
        cancelled: Pin<&'a mut WaitForCancellationFuture<'token>>,
    ) -> Alarm<'a, 'token> {
        Alarm { deadlines, sleep, cancelled }
    }

    /// The first byte was sent.
    pub(super) fn sent(&mut self, at: Option<Instant>) {
        self.deadlines.sent = at;
    }

    /// Something arrived in time. Too late is a [`Stop`].
    pub(super) fn arrived(&mut self, at: Instant) -> Result<(), Stop> {
        let (due, stop) = self.deadlines.due(at);
        if at > due {
            return Err(stop);
        }
        self.deadlines.read = Some(at);
        if let Some(idle) = self.deadlines.idle {
            self.bring_forward(later(at, idle));
        }
        Ok(())
    }

    /// There is no first token to wait for any more.
    pub(super) fn token(&mut self) {
        self.deadlines.first_token = None;
    }

    /// From now on nothing but this deadline counts (and the total).
    pub(super) fn only(&mut self, deadline: Instant) {
        let total = self.deadlines.total.min(deadline);
        self.deadlines = Deadlines { total, first_token: None, idle: None, ..self.deadlines };
        self.bring_forward(total);
    }

    /// Waits for the future, or until the alarm rings. `sent` is asked when the first byte was sent, should that matter.
    pub(super) async fn within<F: Future>(
        &mut self,
        future: F,
        sent: impl Fn() -> Option<Instant>,
    ) -> Result<F::Output, Stop> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            if self.cancelled.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(Stop::Cancelled));
            }
            while self.sleep.as_mut().poll(cx).is_ready() {
                self.deadlines.sent = self.deadlines.sent.or_else(&sent);
                let rang = self.sleep.deadline();
                let (due, stop) = self.deadlines.due(rang);
                if due <= rang {
                    return Poll::Ready(Err(stop));
                }
                self.sleep.as_mut().reset(due);
            }
            Poll::Pending
        })
        .await
    }

    fn bring_forward(&mut self, due: Instant) {
        if due < self.sleep.deadline() {
            self.sleep.as_mut().reset(due);
        }
    }
}

/// `from + after`; a timeout beyond what an instant can hold is one of thirty years.
fn later(from: Instant, after: Duration) -> Instant {
    const LONG: Duration = Duration::from_secs(30 * 365 * 86_400);
    from + after.min(LONG)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio_util::sync::CancellationToken;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// An alarm of this name, for a stream that was asked for at `start`.
    macro_rules! set {
        ($alarm:ident, $timeouts:expr, $start:expr, $cancel:expr) => {
            let deadlines = Deadlines::of(&$timeouts, $start, true);
            let (sleep, cancelled) = (pin!(deadlines.timer()), pin!($cancel.cancelled()));
            let mut $alarm = Alarm::new(deadlines, sleep, cancelled);
        };
    }

    fn timeouts(first_token: Option<u64>, idle: Option<u64>, total: u64) -> Timeouts {
        Timeouts { connect: MS(1), first_token: first_token.map(MS), idle: idle.map(MS), total: MS(total) }
    }

    async fn ring(alarm: &mut Alarm<'_, '_>, sent: Option<Instant>) -> Stop {
        alarm.within(pending::<()>(), || sent).await.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_token_is_counted_from_sent_and_total_from_issued() {
        let (start, cancel) = (Instant::now(), CancellationToken::new());
        set!(alarm, timeouts(Some(100), None, 1000), start, cancel);
        assert_eq!(ring(&mut alarm, Some(start + MS(30))).await, Stop::FirstTokenTimeout);
        assert_eq!(start.elapsed(), MS(130));
        alarm.token();
        assert_eq!(ring(&mut alarm, None).await, Stop::TotalTimeout);
        assert_eq!(start.elapsed(), MS(1000));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_sent_has_no_first_token_to_wait_for_and_ends_by_total() {
        let (start, cancel) = (Instant::now(), CancellationToken::new());
        set!(alarm, timeouts(Some(100), None, 250), start, cancel);
        assert_eq!(ring(&mut alarm, None).await, Stop::TotalTimeout);
        assert_eq!(start.elapsed(), MS(250));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_is_counted_from_the_last_read_and_only_once_there_was_one() {
        let (start, cancel) = (Instant::now(), CancellationToken::new());
        set!(alarm, timeouts(None, Some(50), 1000), start, cancel);
        assert!(alarm.within(tokio::time::sleep(MS(200)), || None).await.is_ok());
        alarm.arrived(Instant::now()).unwrap();
        assert!(alarm.within(tokio::time::sleep(MS(49)), || None).await.is_ok());
        alarm.arrived(Instant::now()).unwrap();
        assert_eq!(ring(&mut alarm, None).await, Stop::IdleTimeout);
        assert_eq!(start.elapsed(), MS(299));
    }

    #[tokio::test(start_paused = true)]
    async fn what_arrived_in_time_counts_though_it_is_read_late_and_what_arrived_late_does_not() {
        let (start, cancel) = (Instant::now(), CancellationToken::new());
        set!(alarm, timeouts(None, None, 100), start, cancel);
        tokio::time::advance(MS(500)).await;
        assert_eq!(alarm.within(async { 7 }, || None).await, Ok(7));
        assert_eq!(alarm.arrived(start + MS(100)), Ok(()));
        assert_eq!(alarm.arrived(start + MS(101)), Err(Stop::TotalTimeout));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_called_off_stops_at_once() {
        let (start, cancel) = (Instant::now(), CancellationToken::new());
        set!(alarm, timeouts(None, None, 100), start, cancel);
        cancel.cancel();
        assert_eq!(ring(&mut alarm, None).await, Stop::Cancelled);
    }
}
