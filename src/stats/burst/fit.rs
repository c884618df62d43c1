//! The search for the queue that fits: over how many requests are served at once, and over how much service times vary.

use std::ops::Range;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use super::filter::{Answers, Kernel, Queue, all_at_once, log_likelihood, log_sum};

/// How much the logarithm of a service time may vary; at the upper end nothing can be told any more.
pub(super) const SIGMAS: [f64; 10] = [0.005, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.32, 0.4, 0.46];

/// Places between one and all are looked for up to here in bursts of more than [`LARGE`] requests.
const PLACES_IN_LARGE: usize = 256;
const LARGE: usize = 1000;

/// Histories that are followed where the answer hangs on them.
const PARTICLES: usize = 40;

/// Hypotheses this much less likely (in logarithms) than the best are not followed further.
const FAR: f64 = 8.0;

/// What fits best, and how well everything else does.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fit {
    /// Chance of each number of places that was looked at; the rest is out of the question.
    pub(super) chances: Vec<(usize, f64)>,
    /// The likeliest number of places.
    pub(super) places: usize,
    /// How much service times vary, if that is the number.
    pub(super) sigma: f64,
    /// Mean service time in seconds, if that is the number.
    pub(super) mean: f64,
}

/// Fits the rounds of a case, which are taken to meet the same server.
pub(super) fn fit(rounds: &[Answers]) -> Fit {
    let n = rounds.iter().map(Answers::n).min().unwrap_or(0);
    let mut search = Search { rounds, n, kernel: None, known: Vec::new(), rng: ChaCha8Rng::seed_from_u64(0) };
    let best = search.run();
    if n <= 400 && best > 1 && best < n && search.is_in_order(best) {
        search.kernel = Some(in_order(n));
        search.run();
    }
    search.result()
}

struct Search<'a> {
    rounds: &'a [Answers],
    /// Requests of the smallest round.
    n: usize,
    kernel: Option<Kernel>,
    /// Places, how many numbers of places this one stands for, and the log-likelihood by [`SIGMAS`].
    known: Vec<(usize, usize, [f64; SIGMAS.len()])>,
    rng: ChaCha8Rng,
}

impl Search<'_> {
    /// Looks at numbers ever further apart, then at every one around the best. Gives the best.
    fn run(&mut self) -> usize {
        self.known.clear();
        let most = if self.n > LARGE { PLACES_IN_LARGE } else { self.n };
        let mut rough: Vec<(usize, f64)> = Vec::new();
        let mut places = 1;
        while places <= most {
            rough.push((places, self.rough(places)));
            places = (places + 1).max(places * 13 / 10);
        }
        rough.push((self.n, self.rough(self.n)));
        let mut start = best_of(&rough);
        // Far from the best, service times seem to vary more than they do: look again from what was found.
        for _ in 0..3 {
            let sigma = self.best_sigma(start);
            let near = sigma.saturating_sub(1)..(sigma + 2).min(SIGMAS.len());
            self.known.clear();
            self.explore(start, most, near.clone());
            start = self.best();
            if near.contains(&self.best_sigma(start)) {
                break;
            }
        }
        for structural in [1, self.n] {
            self.known.retain(|(places, ..)| *places != structural);
            self.look(structural, 1, 0..SIGMAS.len());
        }
        self.best()
    }

    /// Every number of places around `start` that is not out of the question.
    fn explore(&mut self, start: usize, most: usize, near: Range<usize>) {
        let stride = (start / 32).max(1);
        self.look(start, stride, near.clone());
        if start <= most {
            self.climb(start, stride, near.clone(), |places| places.checked_sub(stride).filter(|places| *places >= 1));
            self.climb(start, stride, near, |places| Some(places + stride).filter(|places| *places <= most));
        }
    }

    fn best(&self) -> usize {
        best_of(&self.known.iter().map(|(places, _, logs)| (*places, log_sum(logs))).collect::<Vec<_>>())
    }

    fn climb(&mut self, start: usize, stride: usize, sigmas: Range<usize>, next: impl Fn(usize) -> Option<usize>) {
        let mut best = self.log_of(start);
        let mut at = start;
        while let Some(places) = next(at) {
            self.look(places, stride, sigmas.clone());
            let log = self.log_of(places);
            if log < best - FAR {
                return;
            }
            best = best.max(log);
            at = places;
        }
    }

    fn look(&mut self, places: usize, stands_for: usize, sigmas: Range<usize>) {
        let mut logs = [f64::NEG_INFINITY; SIGMAS.len()];
        for sigma in sigmas {
            logs[sigma] = self.log(places, SIGMAS[sigma], PARTICLES, self.kernel.clone().as_ref());
        }
        self.known.push((places, stands_for, logs));
    }

    fn log_of(&self, places: usize) -> f64 {
        self.known.iter().find(|known| known.0 == places).map_or(f64::NEG_INFINITY, |(_, _, logs)| log_sum(logs))
    }

    fn rough(&mut self, places: usize) -> f64 {
        let kernel = self.kernel.clone();
        [2, 5, 7].map(|sigma| self.log(places, SIGMAS[sigma], 6, kernel.as_ref())).into_iter().fold(f64::MIN, f64::max)
    }

    fn best_sigma(&mut self, places: usize) -> usize {
        let kernel = self.kernel.clone();
        let logs: Vec<(usize, f64)> =
            (0..SIGMAS.len()).map(|sigma| (sigma, self.log(places, SIGMAS[sigma], 12, kernel.as_ref()))).collect();
        best_of(&logs)
    }

    fn log(&mut self, places: usize, sigma: f64, particles: usize, kernel: Option<&Kernel>) -> f64 {
        // One at a time and all at once there is but one history; of many places there are few that differ much.
        let affordable = 200_000 / (places * self.n.min(2000)).max(1);
        let particles = if places == 1 || places >= self.n { 1 } else { particles.min(affordable.max(2)) };
        if places >= self.n && kernel.is_none() {
            return self.rounds.iter().map(|answers| all_at_once(answers, sigma)).sum();
        }
        let queue = |answers: &Answers| Queue { places: places.min(answers.n()), sigma, kernel };
        self.rounds.iter().map(|answers| log_likelihood(answers, queue(answers), particles, &mut self.rng)).sum()
    }

    /// Whether requests were served in the order in which they were sent: that must explain the answers far better
    /// than an order that is near to it or none, since taking it for granted where it is not leads astray.
    fn is_in_order(&mut self, places: usize) -> bool {
        let sigma = SIGMAS[self.best_sigma(places)];
        let around = places.saturating_sub(2).max(2)..=(places + 2).min(self.n - 1);
        let n = self.n;
        let mut explained = |kernel: Option<&Kernel>| {
            around.clone().map(|places| self.log(places, sigma, 24, kernel)).fold(f64::NEG_INFINITY, f64::max)
        };
        let exact = explained(Some(&in_order(n)));
        let nearly = [2.0, 5.0].map(|scale| explained(Some(&nearly(scale, n))));
        // In no order each is as likely as any other that is still out.
        let none = explained(None) - self.rounds.iter().map(|answers| log_factorial(answers.n())).sum::<f64>();
        let answers: usize = self.rounds.iter().map(Answers::n).sum();
        [nearly[0], nearly[1], none].iter().all(|other| exact > other + 0.25 * answers as f64)
    }

    fn result(&self) -> Fit {
        // A third each for "one at a time", "all at once", and any limit between them.
        let prior = |places: usize| match places {
            1 => 1.0 / 3.0,
            places if places >= self.n => 1.0 / 3.0,
            _ => 1.0 / (3.0 * (self.n as f64 - 2.0).max(1.0)),
        };
        let weighed = |(places, stands_for, logs): &(usize, usize, [f64; SIGMAS.len()])| {
            (*places, log_sum(logs) + (prior(*places) * *stands_for as f64).ln())
        };
        let mut logs: Vec<(usize, f64)> = self.known.iter().map(weighed).collect();
        logs.sort_by_key(|(places, _)| *places);
        let sum = log_sum(&logs.iter().map(|(_, log)| *log).collect::<Vec<_>>());
        let places = best_of(&logs);
        let sigmas = self.known.iter().find(|known| known.0 == places).map(|known| known.2).unwrap_or_default();
        let sigma = best_of(&sigmas.into_iter().enumerate().collect::<Vec<_>>());
        let means = self.rounds.iter().map(|answers| answers.mean_service(places));
        Fit {
            chances: logs.into_iter().map(|(places, log)| (places, (log - sum).exp())).collect(),
            places,
            sigma: SIGMAS[sigma],
            mean: means.sum::<f64>() / self.rounds.len().max(1) as f64,
        }
    }
}

/// As good as always in the order of sending.
fn in_order(n: usize) -> Kernel {
    let near: f64 = 0.25;
    let whole = (1.0 + near) / (1.0 - near);
    (0..n).map(|distance| (0.98 * near.powi(distance as i32) / whole + 0.02 / (2 * n) as f64).ln()).collect()
}

/// About in the order of sending.
fn nearly(scale: f64, n: usize) -> Kernel {
    let at = |distance: usize| (1.0 + (distance as f64 / scale).powi(2)).powf(-1.5);
    let whole: f64 = (0..n).map(|distance| if distance == 0 { at(distance) } else { 2.0 * at(distance) }).sum();
    (0..n).map(|distance| (at(distance) / whole).ln()).collect()
}

fn log_factorial(n: usize) -> f64 {
    (1..=n).map(|factor| (factor as f64).ln()).sum()
}

fn best_of(all: &[(usize, f64)]) -> usize {
    all.iter().max_by(|one, other| one.1.total_cmp(&other.1)).map_or(1, |(which, _)| *which)
}
