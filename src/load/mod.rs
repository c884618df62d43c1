//! WHEN: the only loop that sends.
//!
//! Every load is *arrivals × users*: when requests are due ([`arrivals`]) and who may be in the air ([`users`]).
//! [`drive`] joins the two and knows nothing else: it takes a closure that makes a sample of an arrival, so a test
//! passes one that sleeps on a stopped clock and asserts due times exactly. No socket, no server, no statistics.

pub mod arrivals;
mod barrier;
pub mod users;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use arrivals::Arrivals;
pub use users::Gauge;

use self::barrier::Barrier;
use crate::sample::{Arrival, Outcome, Phase, Sample};

/// How long after the waiting stopped a request that does not heed it is cut off.
const HEEDED_WITHIN: Duration = Duration::from_millis(500);

/// The two ways to stop.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Send nothing more; what is in the air may land.
    pub sending: CancellationToken,
    /// Nothing more may land: what is in the air is cancelled.
    pub waiting: CancellationToken,
}

/// What is fixed for one round.
#[derive(Debug, Clone)]
pub struct Round {
    /// What the requests are sent for.
    pub phase: Phase,
    /// 1-based.
    pub number: u32,
    /// Who is in the air, read by whoever shows it.
    pub gauge: Arc<Gauge>,
    /// How it may be stopped.
    pub stop: Stop,
}

/// Sends every arrival of `seats`' users and returns when all of them have landed.
///
/// A seat is a user's number (1-based) and what it sends with, a connection say. When all users stand at a barrier, `start`
/// is asked for the instant from which every duration of the round counts. `send` makes one sample of an arrival with its
/// user's seat and gives the seat back; the user then asks [`Arrivals::next`] for more. Every arrival leaves exactly one
/// sample in `landed`: one that was due after the sending stopped, or was still in the air half a second after the
/// waiting stopped, is [`Outcome::Cancelled`].
pub async fn drive<S, F, Fut>(
    arrivals: Arc<Arrivals>,
    seats: Vec<(u32, S)>,
    round: Round,
    start: impl Future<Output = Instant>,
    send: F,
    landed: mpsc::UnboundedSender<Box<Sample>>,
) where
    S: Send + 'static,
    F: Fn(Arrival, S, Instant) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = (Box<Sample>, S)> + Send + 'static,
{
    let stop = round.stop.waiting.clone();
    let shared = Arc::new(Shared { arrivals, round, landed, send, barrier: Barrier::default() });
    let mut users = JoinSet::new();
    let mut cut_off = false;
    let count = seats.len();
    for (number, seat) in seats {
        let user = User { number, begun: false, shared: shared.clone() };
        users.spawn(user.ask(seat));
    }
    shared.barrier.open_for(count, start).await;
    drop(shared);
    loop {
        tokio::select! {
            biased;
            ended = users.join_next() => match ended {
                None => return,
                Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                // Cut off in the air: its flight has landed as cancelled.
                Some(_) => {}
            },
            () = cut_off_after(&stop), if !cut_off => {
                cut_off = true;
                users.abort_all();
            }
        }
    }
}

/// Waits until the waiting stops, and for those who heed it to land by themselves, with all that they saw.
async fn cut_off_after(waiting: &CancellationToken) {
    waiting.cancelled().await;
    tokio::time::sleep(HEEDED_WITHIN).await;
}

/// What all users of a round share.
struct Shared<F> {
    arrivals: Arc<Arrivals>,
    round: Round,
    landed: mpsc::UnboundedSender<Box<Sample>>,
    send: F,
    barrier: Barrier,
}

struct User<F> {
    number: u32,
    begun: bool,
    shared: Arc<Shared<F>>,
}

impl<F> User<F> {
    /// Asks until there is nothing more to ask.
    async fn ask<S, Fut>(mut self, mut seat: S)
    where
        F: Fn(Arrival, S, Instant) -> Fut,
        Fut: Future<Output = (Box<Sample>, S)>,
    {
        let start = self.shared.barrier.stand().await;
        self.begun = true;
        let (mut last_end, mut unconnected) = (None, 0);
        while let Some(arrival) = self.next(last_end) {
            self.shared.round.gauge.issue();
            let flight = Flight { shared: &*self.shared, arrival, start, landed: false };
            if !self.due(start + arrival.due).await {
                return;
            }
            let in_air = self.shared.round.gauge.enter();
            let (sample, back) = (self.shared.send)(arrival, seat, start).await;
            drop(in_air);
            seat = back;
            unconnected = if sample.outcome.is_unconnected() { unconnected + 1 } else { 0 };
            last_end = Some(sample.at.end + self.shared.arrivals.rest(unconnected));
            flight.land(sample);
        }
    }

    /// What to ask next. Once the sending is stopped, who has had an answer asks nothing more.
    fn next(&self, last_end: Option<Duration>) -> Option<Arrival> {
        if last_end.is_some() && self.shared.round.stop.sending.is_cancelled() {
            return None;
        }
        self.shared.arrivals.next(self.number, last_end)
    }

    /// Waits until `due`; `false` when the sending was stopped before.
    async fn due(&self, due: Instant) -> bool {
        let sending = &self.shared.round.stop.sending;
        if due > Instant::now() {
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = sending.cancelled() => {}
            }
        }
        !sending.is_cancelled()
    }
}

impl<F> Drop for User<F> {
    /// Cut off before it reached its first arrival, a user still owes a sample for it.
    fn drop(&mut self) {
        if self.begun {
            return;
        }
        if let Some(arrival) = self.shared.arrivals.next(self.number, None) {
            self.shared.round.gauge.issue();
            self.shared.cancel(arrival, Duration::ZERO);
        }
    }
}

impl<F> Shared<F> {
    fn cancel(&self, arrival: Arrival, end: Duration) {
        let sample = Sample::unsent(arrival, self.round.phase, self.round.number, Outcome::Cancelled, end);
        // The collector outlives the users; if it is gone, so is whoever wanted the sample.
        let _ = self.landed.send(Box::new(sample));
    }
}

/// An arrival that must land: dropped before it did, it lands as cancelled.
struct Flight<'a, F> {
    shared: &'a Shared<F>,
    arrival: Arrival,
    start: Instant,
    landed: bool,
}

impl<F> Flight<'_, F> {
    fn land(mut self, sample: Box<Sample>) {
        self.landed = true;
        let _ = self.shared.landed.send(sample);
    }
}

impl<F> Drop for Flight<'_, F> {
    fn drop(&mut self) {
        if self.landed {
            return;
        }
        self.shared.cancel(self.arrival, Instant::now().saturating_duration_since(self.start));
    }
}

#[cfg(test)]
mod tests;
