//! Four shapes of latency, and what else a round meets: its luck, and whatever drifts.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Users of a round.
pub(crate) const USERS: usize = 30;

/// How the latencies of a round are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// About a second, now and then two.
    Lognormal,
    /// One of ten takes three times as long, so that the P90 of a round lies in one heap or the other.
    Bimodal,
    /// Pareto's, with an exponent of 1.5: no variance.
    HeavyTail,
    /// Eight slots: 30 users are served in four waves.
    Stepped,
}

impl Shape {
    /// All of them.
    pub(crate) const ALL: [Shape; 4] = [Shape::Lognormal, Shape::Bimodal, Shape::HeavyTail, Shape::Stepped];

    /// As the table names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Shape::Lognormal => "lognormal",
            Shape::Bimodal => "bimodal",
            Shape::HeavyTail => "heavy tail",
            Shape::Stepped => "stepped",
        }
    }

    /// The latencies of a round in microseconds, times a factor.
    pub(crate) fn latencies(self, factor: f64, rng: &mut ChaCha8Rng) -> Vec<u64> {
        let micros = |seconds: f64| (seconds * factor * 1e6).round().max(1.0) as u64;
        match self {
            Shape::Lognormal => (0..USERS).map(|_| micros((0.4 * normal(rng)).exp())).collect(),
            Shape::Bimodal => (0..USERS)
                .map(|_| {
                    let heap = if rng.random::<f64>() < 0.1 { 3.0 } else { 1.0 };
                    micros(heap * (0.1 * normal(rng)).exp())
                })
                .collect(),
            Shape::HeavyTail => {
                (0..USERS).map(|_| micros(0.5 * (1.0 - rng.random::<f64>()).powf(-1.0 / 1.5))).collect()
            }
            Shape::Stepped => waves(rng).into_iter().map(micros).collect(),
        }
    }
}

/// When each user is answered where eight are served at once, a quarter of a second each.
fn waves(rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut free = [0.0f64; 8];
    let serve = |_| {
        let soonest = free.iter_mut().min_by(|one, other| one.total_cmp(other)).expect("there are eight slots");
        *soonest += 0.25 * (0.1 * normal(rng)).exp();
        *soonest
    };
    (0..USERS).map(serve).collect()
}

/// A standard normal number.
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    rng.sample(StandardNormal)
}

/// What changes while rounds are measured one after another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Drift {
    /// Nothing.
    Steady,
    /// Each round is slower by this.
    Linear(f64),
    /// Each round differs from the one before by so much luck.
    Walk(f64),
    /// Half as slow again from some round on.
    Jump,
    /// Up and down by 10 %, a period of so many rounds.
    Wave(f64),
}

impl Drift {
    /// As the table names it.
    pub(crate) fn name(self) -> String {
        match self {
            Drift::Steady => "no drift".to_owned(),
            Drift::Linear(step) => format!("{:+.0} % a round", step * 100.0),
            Drift::Walk(step) => format!("random walk of {:.0} %", step * 100.0),
            Drift::Jump => "a jump of 50 %".to_owned(),
            Drift::Wave(period) => format!("a wave of {period} rounds"),
        }
    }

    /// Logarithms of what each of so many rounds in a row is multiplied with.
    pub(crate) fn logs(self, rounds: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let at = |slot: usize| slot as f64;
        match self {
            Drift::Steady => vec![0.0; rounds],
            Drift::Linear(step) => (0..rounds).map(|slot| step * at(slot)).collect(),
            Drift::Walk(step) => {
                let mut place = 0.0;
                let mut walk = || {
                    place += step * normal(rng);
                    place
                };
                (0..rounds).map(|_| walk()).collect()
            }
            Drift::Jump => {
                let from = rng.random_range(0..rounds);
                (0..rounds).map(|slot| if slot >= from { 0.4 } else { 0.0 }).collect()
            }
            Drift::Wave(period) => {
                let phase = rng.random::<f64>();
                (0..rounds).map(|slot| 0.1 * (std::f64::consts::TAU * (at(slot) / period + phase)).sin()).collect()
            }
        }
    }
}
