//! When requests are due, and which prompt each takes: the same for the same seed, plan and answers.
//!
//! A burst's due times are fixed beforehand. A loop's hang on when answers come; what users share of it is one counter.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::sample::Arrival;
use crate::scenario::plan::{Case, Load, Order, Think, Until};

/// How long a user of a loop by time rests that could not connect, and how long at most, after twice as long each time:
/// a server that refuses at once would fill the table with refusals.
const REST: Duration = Duration::from_millis(100);
const LONGEST_REST: Duration = Duration::from_secs(1);

/// The arrivals of one round.
#[derive(Debug)]
pub struct Arrivals {
    load: Load,
    /// Prompt indices in the order in which users take them, in turn.
    prompts: Vec<usize>,
    /// What `cache_bust` counts before this round's first request.
    serial_before: u64,
    seed: u64,
    round: u32,
    /// How often each user has asked; of a burst nobody asks.
    turns: Box<[AtomicU32]>,
    /// Requests that users have taken. More may have been asked for when there were none left.
    taken: AtomicU64,
}

impl Arrivals {
    /// The arrivals of `case` in its `round` (1-based) when `serial_before` requests have been counted in the run.
    ///
    /// A shuffled order is drawn from the seed and the round, so that the same seed gives the same prompts.
    pub fn of(case: &Case, seed: u64, round: u32, serial_before: u64) -> Arrivals {
        let mut prompts: Vec<usize> = (0..case.prompts.len()).collect();
        if case.order == Order::Shuffled {
            let mut chance = ChaCha8Rng::seed_from_u64(seed);
            chance.set_stream(u64::from(round));
            prompts.shuffle(&mut chance);
        }
        let askers = if case.load.is_loop() { case.load.users() } else { 0 };
        let turns = (0..askers).map(|_| AtomicU32::new(0)).collect();
        Arrivals { load: case.load, prompts, serial_before, seed, round, turns, taken: AtomicU64::new(0) }
    }

    /// What `user` (1-based) asks next, its last request having ended `last_end` after the start; `None` when it is done.
    pub fn next(&self, user: u32, last_end: Option<Duration>) -> Option<Arrival> {
        match self.load {
            Load::Burst { users, spread } => {
                if last_end.is_some() || user > users {
                    return None;
                }
                let due = spread.mul_f64(f64::from(user - 1) / f64::from(users));
                Some(self.arrival(u64::from(user), user, 1, due))
            }
            Load::Closed { until, think, .. } => {
                let turn = self.turns.get(user as usize - 1)?.fetch_add(1, Ordering::Relaxed) + 1;
                let due = last_end.map_or(Duration::ZERO, |end| end.saturating_add(self.thought(think, user, turn)));
                Some(self.arrival(self.take(until, user, turn, due)?, user, turn, due))
            }
        }
    }

    /// How long a user rests that has failed to connect so often in a row. Of a number of requests every one is wanted.
    pub fn rest(&self, failures: u32) -> Duration {
        match self.load {
            Load::Closed { until: Until::Time(_), .. } if failures > 0 => {
                REST.saturating_mul(1 << (failures - 1).min(8)).min(LONGEST_REST)
            }
            _ => Duration::ZERO,
        }
    }

    /// How many requests the plan wanted so far: of a loop that ends by time, those that came due.
    pub fn planned(&self) -> u64 {
        self.load.requests().unwrap_or_else(|| self.taken.load(Ordering::Relaxed))
    }

    /// The number of a further request, if there is one. Of a number of requests each user has its first for certain,
    /// however late its thread begins.
    fn take(&self, until: Until, user: u32, turn: u32, due: Duration) -> Option<u64> {
        let take = || self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        match until {
            Until::Time(end) => (due < end).then(take),
            Until::Requests(_) if turn == 1 => Some(u64::from(user)),
            Until::Requests(all) => Some(self.turns.len() as u64 + take()).filter(|request| *request <= all),
        }
    }

    /// How long a user thinks before its turn: the same, whatever others do.
    fn thought(&self, think: Think, user: u32, turn: u32) -> Duration {
        if think.least == think.most {
            return think.least;
        }
        let mut chance = ChaCha8Rng::seed_from_u64(self.seed);
        // No stream of a shuffle: users count from 1.
        chance.set_stream(u64::from(user) << 32 | u64::from(self.round));
        chance.set_word_pos(u128::from(turn) * 64);
        chance.random_range(think.least..=think.most)
    }

    fn arrival(&self, request: u64, user: u32, turn: u32, due: Duration) -> Arrival {
        let place = (u64::from(user - 1) + u64::from(turn - 1)) as usize % self.prompts.len();
        Arrival { request, user, turn, due, prompt: self.prompts[place], serial: self.serial_before + request }
    }
}
