//! The queue that an inference claims, played through: does it look like what was seen?
//!
//! Simulated from the fitted hypothesis with a fixed seed, so that the same burst always gets the same answer.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand_distr::StandardNormal;

/// When each of the requests of a burst is answered, in the order of sending, by a server that works on `places` at
/// once and takes as long for each as `services` says.
pub(super) fn answered(services: &[f64], places: usize) -> Vec<f64> {
    let mut free: BinaryHeap<Reverse<Instant>> = (0..places).map(|_| Reverse(Instant(0.0))).collect();
    let mut answer = |service: &f64| {
        let begun = free.pop().map_or(0.0, |Reverse(Instant(at))| at);
        free.push(Reverse(Instant(begun + service)));
        begun + service
    };
    services.iter().map(&mut answer).collect()
}

/// The chance, at least, that a burst which looks as far from the hypothesis as this one comes from it: of `plays`
/// simulated ones, how many lie as far from their mean, answer by answer.
pub(super) fn plausibility(
    times: &[f64],
    (places, sigma, mean): (usize, f64, f64),
    plays: usize,
    rng: &mut ChaCha8Rng,
) -> f64 {
    let mu = mean.ln() - sigma * sigma / 2.0;
    let mut play = || {
        let draw = |_| (mu + sigma * rng.sample::<f64, _>(StandardNormal)).exp();
        let services: Vec<f64> = (0..times.len()).map(draw).collect();
        let mut sorted = answered(&services, places);
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let played: Vec<Vec<f64>> = (0..plays).map(|_| play()).collect();
    let moments: Vec<(f64, f64)> = (0..times.len())
        .map(|place| {
            let at = played.iter().map(|times| times[place]);
            let middle = at.clone().sum::<f64>() / plays as f64;
            let spread = at.map(|time| (time - middle).powi(2)).sum::<f64>() / plays as f64;
            (middle, spread + (0.01 * mean).powi(2))
        })
        .collect();
    // Three percent of a service time are no reason for doubt, however exact the hypothesis.
    let off = |time: f64, middle: f64| ((time - middle).abs() - 0.03 * mean).max(0.0);
    let distance = |times: &[f64]| -> f64 {
        times.iter().zip(&moments).map(|(time, (middle, spread))| off(*time, *middle).powi(2) / spread).sum()
    };
    let seen = distance(times);
    let as_far = played.iter().filter(|times| distance(times) >= seen).count();
    (as_far + 1) as f64 / (plays + 1) as f64
}

/// A time that orders.
#[derive(PartialEq)]
struct Instant(f64);

impl Eq for Instant {}

impl PartialOrd for Instant {
    fn partial_cmp(&self, other: &Instant) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Instant {
    fn cmp(&self, other: &Instant) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn two_places_serve_five_requests_in_three_steps() {
        assert_eq!(answered(&[1.0; 5], 2), [1.0, 1.0, 2.0, 2.0, 3.0]);
        assert_eq!(answered(&[3.0, 1.0, 1.0, 1.0], 2), [3.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn what_comes_from_the_queue_is_plausible_and_what_does_not_is_not() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let eight = answered(&[1.0; 50], 8);
        let own = plausibility(&eight, (8, 0.005, 1.0), 200, &mut rng);
        let other = plausibility(&eight, (10, 0.005, 1.0), 200, &mut rng);
        assert!(own > 0.2 && other < 0.01, "{own} {other}");
    }
}
