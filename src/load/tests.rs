//! The loop on a stopped clock: what is due when, and that every arrival lands once.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Arrivals, Gauge, Round, Stop, drive};

mod closed;
use crate::sample::{Arrival, Outcome, Phase, Sample};
use crate::scenario::plan::{Case, Load, Order};

fn burst(users: u32, spread: Duration) -> Arrivals {
    arrivals(Load::Burst { users, spread }, Order::Sequential, 3)
}

fn arrivals(load: Load, order: Order, prompts: usize) -> Arrivals {
    let case = Case { load, order, ..crate::scenario::example::case(prompts) };
    Arrivals::of(&case, 7, 1, 0)
}

fn round(stop: &Stop) -> Round {
    Round { phase: Phase::Load, number: 1, gauge: Arc::new(Gauge::default()), stop: stop.clone() }
}

fn seats(users: u32) -> Vec<(u32, ())> {
    (1..=users).map(|user| (user, ())).collect()
}

/// Drives `arrivals` with a server that takes `service`, and returns (request, issued, end, outcome) by request.
async fn land(
    arrivals: Arrivals,
    users: u32,
    service: Duration,
    stop: Stop,
) -> Vec<(u64, Duration, Duration, Outcome)> {
    land_as(arrivals, users, stop, move |_| (service, Outcome::Ok)).await
}

/// The same with a server that takes so long for a request, and ends it so.
async fn land_as(
    arrivals: Arrivals,
    users: u32,
    stop: Stop,
    answer: impl Fn(Arrival) -> (Duration, Outcome) + Copy + Send + Sync + 'static,
) -> Vec<(u64, Duration, Duration, Outcome)> {
    let (landed, mut samples) = mpsc::unbounded_channel();
    let send = move |arrival: Arrival, seat: (), start: Instant| async move {
        let issued = start.elapsed();
        let (service, outcome) = answer(arrival);
        tokio::time::sleep(service).await;
        let mut sample = Box::new(Sample::unsent(arrival, Phase::Load, 1, outcome, start.elapsed()));
        sample.at.issued = Some(issued);
        (sample, seat)
    };
    drive(Arc::new(arrivals), seats(users), round(&stop), async { Instant::now() }, send, landed).await;
    let mut rows = Vec::new();
    while let Some(sample) = samples.recv().await {
        rows.push((sample.arrival.request, sample.at.issued.unwrap_or_default(), sample.at.end, sample.outcome));
    }
    rows.sort();
    rows
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_burst_sends_everything_at_the_barrier() {
    let rows = land(burst(3, Duration::ZERO), 3, SECOND, Stop::default()).await;
    let zero = Duration::ZERO;
    assert_eq!(rows, [(1, zero, SECOND, Outcome::Ok), (2, zero, SECOND, Outcome::Ok), (3, zero, SECOND, Outcome::Ok)]);
}

#[tokio::test(start_paused = true)]
async fn a_spread_burst_starts_its_users_evenly() {
    let rows = land(burst(4, SECOND), 4, SECOND, Stop::default()).await;
    let issued: Vec<u128> = rows.iter().map(|row| row.1.as_millis()).collect();
    assert_eq!(issued, [0, 250, 500, 750]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_due_when_the_sending_stops_is_cancelled_and_what_is_in_the_air_lands() {
    let stop = Stop::default();
    let sending = stop.sending.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        sending.cancel();
    });
    let rows = land(burst(4, SECOND), 4, SECOND, stop).await;
    let outcomes: Vec<Outcome> = rows.iter().map(|row| row.3).collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Ok, Outcome::Cancelled, Outcome::Cancelled]);
    assert_eq!(rows[3].2, Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_land_by_itself_when_the_waiting_stops_is_cut_off_half_a_second_later() {
    let stop = Stop::default();
    let both = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        both.sending.cancel();
        both.waiting.cancel();
    });
    let rows = land(burst(2, Duration::ZERO), 2, SECOND, stop).await;
    let at = Duration::from_millis(800);
    assert_eq!(rows, [(1, Duration::ZERO, at, Outcome::Cancelled), (2, Duration::ZERO, at, Outcome::Cancelled)]);
}

#[tokio::test(start_paused = true)]
async fn users_cut_off_before_they_begin_leave_their_samples_too() {
    let stop = Stop::default();
    stop.waiting.cancel();
    let rows = land(burst(3, Duration::ZERO), 3, SECOND, stop).await;
    assert_eq!(rows.iter().map(|row| row.3).collect::<Vec<_>>(), [Outcome::Cancelled; 3]);
}

#[tokio::test(start_paused = true)]
async fn the_gauge_tells_how_many_were_in_the_air() {
    let gauge = Arc::new(Gauge::default());
    let (landed, _samples) = mpsc::unbounded_channel();
    let round = Round { gauge: gauge.clone(), ..round(&Stop::default()) };
    let send = |arrival, seat, _| async move {
        tokio::time::sleep(SECOND).await;
        (Box::new(Sample::unsent(arrival, Phase::Load, 1, Outcome::Ok, SECOND)), seat)
    };
    drive(Arc::new(burst(5, Duration::ZERO)), seats(5), round, async { Instant::now() }, send, landed).await;
    assert_eq!((gauge.issued(), gauge.begun(), gauge.in_air(), gauge.most()), (5, 5, 0, 5));
}

#[test]
fn users_take_the_prompts_in_turn() {
    let arrivals = burst(5, Duration::ZERO);
    let prompts: Vec<usize> =
        (1..=5).filter_map(|user| arrivals.next(user, None)).map(|arrival| arrival.prompt).collect();
    assert_eq!(prompts, [0, 1, 2, 0, 1]);
}

#[test]
fn the_same_seed_shuffles_the_same_and_another_round_differently() {
    let case = Case {
        order: Order::Shuffled,
        load: Load::Burst { users: 40, spread: Duration::ZERO },
        ..crate::scenario::example::case(40)
    };
    let prompts = |seed, round| -> Vec<usize> {
        let arrivals = Arrivals::of(&case, seed, round, 0);
        (1..=40).filter_map(|user| arrivals.next(user, None)).map(|arrival| arrival.prompt).collect()
    };
    assert_eq!(prompts(7, 1), prompts(7, 1));
    assert_ne!(prompts(7, 1), prompts(7, 2));
    assert_ne!(prompts(7, 1), prompts(8, 1));
    let mut all = prompts(7, 1);
    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn a_burst_asks_every_user_once_in_order_of_due(users in 1u32..2_000, spread_ms in 0u64..100_000) {
        let arrivals = burst(users, Duration::from_millis(spread_ms));
        let all: Vec<Arrival> = (1..=users).filter_map(|user| arrivals.next(user, None)).collect();
        prop_assert_eq!(all.len(), users as usize);
        prop_assert!(all.windows(2).all(|pair| pair[0].due <= pair[1].due && pair[0].request + 1 == pair[1].request));
        prop_assert!(all.iter().all(|arrival| arrival.due <= Duration::from_millis(spread_ms)));
        prop_assert!((1..=users).all(|user| arrivals.next(user, Some(Duration::ZERO)).is_none()));
    }
}
