//! One round: connections opened, a barrier, the loop, and every sample handed on as it lands.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::crews::Crews;
use crate::audit::{self, Control, Doubts, Watch};
use crate::chat::endpoint::{Brief, Endpoint, Shot, Unreached};
use crate::facts::ClientFacts;
use crate::load::{self, Arrivals, Gauge, Stop};
use crate::sample::{Arrival, Phase, Sample};
use crate::scenario::plan::{Case, Connections};
use crate::wire::{Connection, Ledger};

/// Connections that a crew opens at once: below the smallest backlogs in use, so that no SYN is dropped.
const OPENING_AT_ONCE: usize = 32;
/// How long landed samples may wait to be handed on: rows are to be on disk 100 ms after the outcome.
const HAND_ON_EVERY: Duration = Duration::from_millis(20);
/// Samples handed on at once.
const BATCH: usize = 1024;

/// What one round does.
pub(super) struct Round<'a> {
    pub(super) crews: &'a Crews,
    pub(super) control: &'a Control,
    pub(super) case: &'a Arc<Case>,
    pub(super) endpoint: &'a Arc<Endpoint>,
    pub(super) brief: Arc<Brief>,
    pub(super) phase: Phase,
    /// 1-based.
    pub(super) number: u32,
    pub(super) seed: u64,
    /// Requests counted in the run before this round.
    pub(super) serial_before: u64,
    pub(super) gauge: Arc<Gauge>,
    pub(super) stop: &'a Stop,
}

/// What a crew tells when its connections stand and its users wait.
#[derive(Debug, Clone, Copy, Default)]
struct Ready {
    /// When the oldest connection stood.
    oldest: Option<Instant>,
    /// Connections found closed, and opened anew.
    replaced: u64,
}

impl Round<'_> {
    /// Fires, hands every sample with the round's start to `landed`, and tells what this program saw of itself.
    pub(super) async fn fire(
        &self,
        mut landed: impl FnMut(jiff::Timestamp, Box<Sample>),
    ) -> std::io::Result<ClientFacts> {
        let users = self.case.load.users();
        let arrivals = Arc::new(Arrivals::of(self.case, self.seed, self.number, self.serial_before));
        let (samples_in, mut samples) = mpsc::unbounded_channel();
        let (ready_in, mut readies) = mpsc::unbounded_channel();
        let (barrier, gate) = watch::channel(None);
        let mut crews = tokio::task::JoinSet::new();
        for (crew, users) in self.crews.deal(users) {
            let work = self.crew(users, arrivals.clone(), gate.clone(), ready_in.clone(), samples_in.clone());
            crews.spawn_on(work, &crew);
        }
        drop((ready_in, samples_in, gate));

        let mut ready = Ready::default();
        while let Some(one) = readies.recv().await {
            ready.oldest = [ready.oldest, one.oldest].into_iter().flatten().min();
            ready.replaced += one.replaced;
        }
        let watch = Watch::start(self.crews.handles())?;
        self.control.begin();
        let (start, start_utc) = (Instant::now(), jiff::Timestamp::now());
        let _ = barrier.send(Some(start));

        let mut batch = Vec::with_capacity(BATCH);
        let mut rows = 0;
        let mut doubts = Doubts::new();
        let (mut cache_headers, mut reconnected) = (0, 0);
        while samples.recv_many(&mut batch, BATCH).await > 0 {
            rows += batch.len() as u64;
            for sample in batch.drain(..) {
                #[cfg(feature = "faults")]
                if audit::faults::has("lose_row") && sample.arrival.request == 1 && self.phase == Phase::Load {
                    continue;
                }
                doubts.add(&sample);
                cache_headers += u64::from(sample.from_cache);
                reconnected += u64::from(has_reconnected(&sample));
                landed(start_utc, sample);
            }
            // One wake-up for many samples: this thread may share a core with a crew.
            if samples.len() < BATCH && !samples.is_closed() {
                tokio::time::sleep(HAND_ON_EVERY).await;
            }
        }
        let mut reads = Ledger::new();
        while let Some(ended) = crews.join_next().await {
            match ended {
                Ok(own) => reads.add(&own),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        let age = ready.oldest.map(|oldest| start.saturating_duration_since(oldest));
        Ok(ClientFacts {
            // Of a loop that was stopped, what it would still have asked was never planned for a user.
            planned: if self.stop.sending.is_cancelled() { self.gauge.issued() } else { arrivals.planned() },
            issued: self.gauge.issued(),
            rows,
            cache_headers,
            reconnected: if self.case.target.connections == Connections::Warm { reconnected } else { 0 },
            read_lag: audit::read_lag(&reads),
            control_stream: self.control.lag(),
            moves: doubts.moves(),
            stale_replaced: ready.replaced,
            oldest_connection_ms: age.map(|age| age.as_secs_f64() * 1e3),
            ..watch.stop()
        })
    }

    /// What one crew does: open, wait for the barrier, send; and what its reads waited.
    fn crew(
        &self,
        users: Vec<u32>,
        arrivals: Arc<Arrivals>,
        mut gate: watch::Receiver<Option<Instant>>,
        ready_in: mpsc::UnboundedSender<Ready>,
        samples_in: mpsc::UnboundedSender<Box<Sample>>,
    ) -> impl Future<Output = Ledger> + Send + 'static {
        // A token of its own for each crew: looking at one takes a lock, and crews are not to wait for each other.
        let stop = Stop { sending: self.stop.sending.child_token(), waiting: self.stop.waiting.child_token() };
        let round = load::Round { phase: self.phase, number: self.number, gauge: self.gauge.clone(), stop };
        let (endpoint, brief) = (self.endpoint.clone(), self.brief.clone());
        async move {
            let (seats, ready) = open(&endpoint, &brief.case, users, &round.stop).await;
            // A crew is one thread: what it read while connecting is not measured.
            Ledger::take();
            let start = async move {
                let _ = ready_in.send(ready);
                drop(ready_in);
                let start = gate.wait_for(Option::is_some).await.ok().and_then(|start| *start);
                // The hall gives the start before it lets go of the barrier.
                start.unwrap_or_else(Instant::now)
            };
            let (phase, number, cancel) = (round.phase, round.number, round.stop.waiting.clone());
            let shots = OnceLock::new();
            let send = move |arrival, seat, start| {
                let shot =
                    || Arc::new(Shot { brief: brief.clone(), phase, round: number, start, cancel: cancel.clone() });
                ask(endpoint.clone(), shots.get_or_init(shot).clone(), arrival, seat)
            };
            load::drive(arrivals, seats, round, start, send, samples_in).await;
            Ledger::take()
        }
    }
}

/// Whether a user had to connect once more.
fn has_reconnected(sample: &Sample) -> bool {
    sample.arrival.turn > 1 && sample.at.connected.is_some()
}

/// What a user sends with.
enum Seat {
    /// A connection, or none yet.
    Ready(Option<Box<Connection>>),
    /// A connection that could not be opened beforehand.
    Unreached(Unreached),
}

/// One request of one user.
async fn ask(endpoint: Arc<Endpoint>, shot: Arc<Shot>, arrival: Arrival, seat: Seat) -> (Box<Sample>, Seat) {
    match seat {
        Seat::Ready(connection) => {
            let connection = still_open(connection).await;
            let (sample, connection) = endpoint.send(arrival, &shot, connection).await;
            let connection = connection.filter(|_| shot.brief.case.target.connections == Connections::Warm);
            (sample, Seat::Ready(connection))
        }
        Seat::Unreached(unreached) => (endpoint.unreached(arrival, &shot, &unreached), Seat::Ready(None)),
    }
}

/// A connection that the server has closed since its last answer is of no use: the request opens another.
///
/// A turn of the driver tells of all connections at once on which something happened; a look at each costs as much as a
/// read, and only those need one.
async fn still_open(connection: Option<Box<Connection>>) -> Option<Box<Connection>> {
    let mut connection = connection?;
    if !connection.used() {
        return Some(connection);
    }
    tokio::task::yield_now().await;
    (connection.is_quiet() || connection.is_open().await).then_some(connection)
}

/// Each user's seat, its connection open if connections are warm.
async fn open(endpoint: &Endpoint, case: &Case, users: Vec<u32>, stop: &Stop) -> (Vec<(u32, Seat)>, Ready) {
    if case.target.connections == Connections::Cold {
        return (users.into_iter().map(|user| (user, Seat::Ready(None))).collect(), Ready::default());
    }
    let mut ready = Ready::default();
    let connect = || async {
        // Once the sending is stopped nothing will be sent: whoever stopped it waits for no connection.
        match stop.sending.run_until_cancelled(endpoint.connect(&case.timeouts)).await {
            Some(Ok(connection)) => Seat::Ready(Some(connection)),
            Some(Err(unreached)) => Seat::Unreached(unreached),
            None => Seat::Ready(None),
        }
    };
    let opening = stream::iter(users).map(|user| async move { (user, connect().await) });
    let mut seats: Vec<(u32, Seat)> = opening.buffer_unordered(OPENING_AT_ONCE).collect().await;
    for (_, seat) in &mut seats {
        if let Seat::Ready(Some(connection)) = seat
            && !connection.is_open().await
        {
            *seat = connect().await;
            ready.replaced += 1;
        }
        if let Seat::Ready(Some(connection)) = seat {
            let at = connection.info().at;
            ready.oldest = Some(ready.oldest.map_or(at, |oldest| oldest.min(at)));
        }
    }
    seats.sort_unstable_by_key(|(user, _)| *user);
    (seats, ready)
}
