//! Simulated comparisons of known truth: two runs, or pairs as `ab` orders them.

use lamb_load::runner::pairs;
use lamb_load::stats::compare::{CaseComparison, Options};
use lamb_load::stats::{Summary, exact};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::rounds::{compared, round};
use crate::shapes::{Drift, Shape, normal};

/// What is measured, and how it changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub(crate) shape: Shape,
    /// How much a round's luck moves all its requests, as a standard deviation of logarithms.
    pub(crate) spread: f64,
    pub(crate) drift: Drift,
    /// How many times as slow the side after is.
    pub(crate) ratio: f64,
}

impl World {
    /// Two runs of the same system.
    pub(crate) fn of(shape: Shape, spread: f64) -> World {
        World { shape, spread, drift: Drift::Steady, ratio: 1.0 }
    }

    /// As a line names it.
    pub(crate) fn name(&self) -> String {
        let slower =
            if self.ratio == 1.0 { String::new() } else { format!(", {:.0} % slower", self.ratio * 100.0 - 100.0) };
        format!("{}, spread {:.0} %{slower}", self.shape.name(), self.spread * 100.0)
    }

    /// Standard deviation of the logarithm of a round's P90: the luck of its requests, and its own.
    pub(crate) fn known_spread(&self) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut p90 = || {
            let mut latencies = self.shape.latencies(1.0, &mut rng);
            latencies.sort_unstable();
            (latencies[27] as f64).ln()
        };
        let logs: Vec<f64> = (0..40_000).map(|_| p90()).collect();
        exact::stdev(&logs).expect("many values").hypot(self.spread)
    }

    /// Rounds before and after in which drift does nothing.
    pub(crate) fn apart(&self, case: usize, rounds: usize, rng: &mut ChaCha8Rng) -> [Vec<Summary>; 2] {
        [0.0, self.ratio.ln()].map(|log| self.rounds(case, &vec![log; rounds], rng))
    }

    /// All rounds of one side, then all of the other, under drift.
    pub(crate) fn in_blocks(&self, rounds: usize, rng: &mut ChaCha8Rng) -> [Vec<Summary>; 2] {
        let logs = self.drift.logs(2 * rounds, rng);
        let (before, after) = logs.split_at(rounds);
        [before, after].map(|logs| self.rounds(0, logs, rng))
    }

    /// Pairs as `ab` orders them, under drift.
    pub(crate) fn interleaved(&self, pairs: usize, rng: &mut ChaCha8Rng) -> [Vec<Summary>; 2] {
        let seed = rng.random();
        self.in_order(pairs, rng, |pair| pairs::order(seed, pair))
    }

    /// Pairs in the order that is given.
    pub(crate) fn in_order(
        &self,
        pairs: usize,
        rng: &mut ChaCha8Rng,
        order: impl Fn(u32) -> [usize; 2],
    ) -> [Vec<Summary>; 2] {
        let slots = self.drift.logs(2 * pairs, rng);
        let slower = [0.0, self.ratio.ln()];
        let mut logs = [Vec::new(), Vec::new()];
        for (pair, slots) in (1..).zip(slots.chunks(2)) {
            for (side, slot) in order(pair).into_iter().zip(slots) {
                logs[side].push(slot + slower[side]);
            }
        }
        logs.map(|logs| self.rounds(0, &logs, rng))
    }

    /// Rounds that are moved by their luck and by what is given.
    fn rounds(&self, case: usize, logs: &[f64], rng: &mut ChaCha8Rng) -> Vec<Summary> {
        let mut one = |(number, log): (u32, &f64)| {
            let factor = (self.spread * normal(rng) + log).exp();
            round(case, number, &self.shape.latencies(factor, rng))
        };
        (1..).zip(logs).map(&mut one).collect()
    }
}

/// What is said of two independent runs of one case.
pub(crate) fn welch([before, after]: &[Vec<Summary>; 2]) -> CaseComparison {
    compared(&[[before, after]], &Options::default()).cases.remove(0)
}

/// What is said of the first so many pairs of one case, where a p below `level` counts.
pub(crate) fn paired([before, after]: &[Vec<Summary>; 2], pairs: usize, level: f64) -> CaseComparison {
    let options = Options { paired: true, level, ..Options::default() };
    compared(&[[&before[..pairs], &after[..pairs]]], &options).cases.remove(0)
}
