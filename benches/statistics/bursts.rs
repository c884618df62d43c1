//! What a burst tells about the server, against servers whose places are known: told right 95 times in 100, and silent
//! where nothing can be told.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use lamb_load::stats::burst::{Burst, Finding, infer};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::check::{Check, Target};
use crate::shapes::normal;

/// An inference plays its hypothesis through hundreds of times: it is asked less often than the others.
const SELDOM: u32 = 15;
const WRONG: Target = Target::AtMost(0.05);
const USERS: usize = 50;

/// Every line.
pub(crate) fn all() -> Vec<Check> {
    let mut all = Vec::new();
    for sigma in [0.0, 0.15, 0.3] {
        for (name, places, right) in [
            ("eight places", 8, is_eight as fn(&Finding) -> bool),
            ("fifty places", USERS, |finding| *finding == Finding::AllParallel),
            ("one place", 1, |finding| *finding == Finding::OneAtATime),
        ] {
            let service = move |rng: &mut ChaCha8Rng| (sigma * normal(rng)).exp() + rng.random_range(0.0..0.002);
            let wrong = move |rng: &mut ChaCha8Rng| !right(&told(places, service, rng));
            all.push(line("what a burst tells: told wrong", format!("{name}, deviation {sigma}"), wrong));
        }
    }
    let bimodal = |rng: &mut ChaCha8Rng| if rng.random_bool(0.3) { 5.0 } else { 1.0 } + rng.random_range(0.0..0.05);
    let heavy = |rng: &mut ChaCha8Rng| (1.2 * normal(rng)).exp();
    for places in [8, USERS] {
        for (name, service) in [("bimodal", bimodal as fn(&mut ChaCha8Rng) -> f64), ("a heavy tail", heavy)] {
            let spoke = move |rng: &mut ChaCha8Rng| !matches!(told(places, service, rng), Finding::Nothing { .. });
            all.push(line("what a burst tells: told where nothing can be", format!("{name}, {places} places"), spoke));
        }
    }
    all
}

fn line(group: &'static str, what: String, happens: impl Fn(&mut ChaCha8Rng) -> bool + Sync + 'static) -> Check {
    Check { seldom: SELDOM, ..Check::new(group, what, WRONG, happens) }
}

fn is_eight(finding: &Finding) -> bool {
    matches!(finding, Finding::Limit { estimate: 7..=9, .. })
}

/// What is said of one burst at a server with so many places.
fn told(places: usize, service: impl Fn(&mut ChaCha8Rng) -> f64, rng: &mut ChaCha8Rng) -> Finding {
    let lone = service(rng);
    let answered_s = answered(places, (0..USERS).map(|_| service(rng)));
    let fastest_s = answered_s.iter().copied().fold(f64::INFINITY, f64::min);
    infer(&[Burst { answered_s, fastest_s, spread_s: 0.003, failed: 0 }], Some(lone)).finding
}

/// When each is answered that is sent at once, where so many are worked on at a time; nanoseconds are exact enough.
fn answered(places: usize, services: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut free: BinaryHeap<Reverse<u64>> = (0..places).map(|_| Reverse(0)).collect();
    services
        .map(|service| {
            let begun = free.pop().map_or(0, |Reverse(at)| at);
            let done = begun + (service * 1e9) as u64;
            free.push(Reverse(done));
            done as f64 / 1e9
        })
        .collect()
}
