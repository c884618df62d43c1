//! When requests are due, and which prompt each takes: pure data, the same for the same seed and plan.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use crate::sample::Arrival;
use crate::scenario::plan::{Case, Load, Order};

/// The arrivals of one round.
#[derive(Debug)]
pub struct Arrivals {
    load: Load,
    /// Prompt indices in the order in which users take them, in turn.
    prompts: Vec<usize>,
    /// What `cache_bust` counts before this round's first request.
    serial_before: u64,
}

impl Arrivals {
    /// The arrivals of `case` in its `round` (1-based) when `serial_before` requests have been counted in the run.
    ///
    /// A shuffled order is drawn from the seed and the round, so that the same seed gives the same prompts.
    pub fn of(case: &Case, seed: u64, round: u32, serial_before: u64) -> Arrivals {
        let mut prompts: Vec<usize> = (0..case.prompts.len()).collect();
        if case.order == Order::Shuffled {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(u64::from(round));
            prompts.shuffle(&mut rng);
        }
        Arrivals { load: case.load, prompts, serial_before }
    }

    /// What `user` (1-based) asks next, its last request having ended `last_end` after the start; `None` when it is done.
    pub fn next(&self, user: u32, last_end: Option<Duration>) -> Option<Arrival> {
        match self.load {
            Load::Burst { users, spread } => {
                if last_end.is_some() || user > users {
                    return None;
                }
                let due = spread.mul_f64(f64::from(user - 1) / f64::from(users));
                Some(self.arrival(u64::from(user), user, due))
            }
        }
    }

    fn arrival(&self, request: u64, user: u32, due: Duration) -> Arrival {
        let turn = (request - 1) as usize % self.prompts.len();
        Arrival { request, user, turn: 1, due, prompt: self.prompts[turn], serial: self.serial_before + request }
    }
}
