//! What a machine can measure: errors at known loads, the next load to try, and the largest that was carried.
//!
//! The truth of an instant is a span, since nobody knows when within a write its bytes reached the other side; what lies
//! within it is no error. This file offers no load and knows no endpoint: who does brings both sides.

use serde::{Deserialize, Serialize};

use super::quantile::rank;
use super::values::Values;

/// Errors up to which a load counts as carried, in milliseconds: well, and for coarse questions.
pub const LIMITS_MS: [f64; 2] = [1.0, 5.0];
/// How often the space between carried and not carried is halved.
const HALVINGS: usize = 2;

/// One metric as it was measured, and the least and the most that it can truly have been; in microseconds.
#[derive(Debug, Clone, Default)]
pub struct Held {
    ours: Values,
    low: Values,
    high: Values,
}

impl Held {
    /// Takes in a measured value.
    pub fn measured(&mut self, us: u64) {
        self.ours.add(us);
    }

    /// Takes in a true value, which lies in that span.
    pub fn truth(&mut self, low_us: u64, high_us: u64) {
        self.low.add(low_us);
        self.high.add(high_us.max(low_us));
    }

    /// The larger of the errors of P50 and P99, in milliseconds; `None` where one side is missing.
    pub fn error_ms(&self) -> Option<f64> {
        let at = |values: &Values, percent| values.ranked().at(rank(percent, values.n())?);
        let error = |percent| {
            let (ours, low, high) = (at(&self.ours, percent)?, at(&self.low, percent)?, at(&self.high, percent)?);
            Some(ours.abs_diff(ours.clamp(low, high.max(low))) as f64 / 1000.0)
        };
        Some(f64::max(error(50)?, error(99)?))
    }
}

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Streams of so many events a second each.
    Streams {
        /// Of each stream.
        events_per_s: u32,
    },
    /// Requests at once, answered whole after a second.
    Burst,
}

/// One load that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Streams, or requests at once.
    pub users: u32,
    /// The largest error of P50 or P99 of latency, TTFT and gaps, in milliseconds.
    pub error_ms: f64,
    /// From the first request sent to the last, in milliseconds: what was asked at once was a wave so long.
    pub spread_ms: f64,
}

/// Why no larger load was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The error went beyond every limit.
    Beyond,
    /// The endpoint could not send any faster: the client carries at least this much.
    Endpoint,
    /// File descriptors, or the most that is ever tried.
    Most,
    /// The time was up.
    Time,
}

/// Loads of one shape, tried from small to large.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ladder {
    /// Of these loads.
    pub shape: Shape,
    /// In order of users.
    pub steps: Vec<Step>,
    /// Why there is no larger one.
    pub ended: Ended,
}

impl Ladder {
    /// A ladder without steps.
    pub fn new(shape: Shape) -> Ladder {
        Ladder { shape, steps: Vec::new(), ended: Ended::Most }
    }

    /// Takes in a step.
    pub fn add(&mut self, step: Step) {
        self.steps.push(step);
        self.steps.sort_by_key(|step| step.users);
    }

    /// The most users up to whom every load was measured within the limit.
    pub fn carried(&self, limit_ms: f64) -> Option<u32> {
        self.steps.iter().take_while(|step| step.error_ms <= limit_ms).last().map(|step| step.users)
    }

    /// Whether a load beyond what was carried was tried: else it may be more.
    pub fn is_bounded(&self, limit_ms: f64) -> bool {
        self.steps.iter().any(|step| step.error_ms > limit_ms)
    }

    /// What to try next: `factor` times the last load, up to `most`, until one is beyond every limit; then between what
    /// the first limit carried and what it did not.
    pub fn next(&self, first: u32, factor: u32, most: u32) -> Option<u32> {
        let Some(last) = self.steps.last() else { return Some(first.min(most)) };
        if last.error_ms <= LIMITS_MS[1] {
            return (last.users < most).then(|| last.users.saturating_mul(factor).min(most));
        }
        let carried = self.carried(LIMITS_MS[0])?;
        let lost = self.steps.iter().find(|step| step.users > carried)?.users;
        let between = f64::from(carried) * (f64::from(lost) / f64::from(carried)).sqrt();
        // Two digits say all that such a limit knows.
        let unit = 10f64.powf((between.log10() - 1.0).floor().max(0.0));
        let between = ((between / unit).round() * unit) as u32;
        let halved = self.steps.iter().filter(|step| !is_rung(step.users, first, factor, most)).count();
        (halved < HALVINGS && between > carried && between < lost).then_some(between)
    }
}

/// Whether a load is one of those that the doubling tries.
fn is_rung(users: u32, first: u32, factor: u32, most: u32) -> bool {
    users == most
        || std::iter::successors(Some(first), |rung| rung.checked_mul(factor)).take(32).any(|rung| rung == users)
}

/// What a machine was found to carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// One a shape.
    pub ladders: Vec<Ladder>,
}

/// A plan asks for more than was carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// What was carried within a millisecond.
    pub carried: u32,
    /// Of these loads.
    pub shape: Shape,
    /// Whether more was tried and missed; else nobody knows.
    pub missed: bool,
}

impl Calibration {
    /// Whether so many users at once are more than was carried. Nobody knows beforehand how fast a server's tokens
    /// come, so streams are held to the slowest pace that was tried.
    pub fn excess(&self, users: u32, stream: bool) -> Option<Excess> {
        let pace = |ladder: &&Ladder| match (ladder.shape, stream) {
            (Shape::Streams { events_per_s }, true) => Some(events_per_s),
            (Shape::Burst, false) => Some(0),
            _ => None,
        };
        let ladder = self.ladders.iter().filter(|ladder| pace(ladder).is_some()).min_by_key(pace)?;
        let carried = ladder.carried(LIMITS_MS[0]).unwrap_or(0);
        let excess = Excess { carried, shape: ladder.shape, missed: ladder.is_bounded(LIMITS_MS[0]) };
        (users > carried && !ladder.steps.is_empty()).then_some(excess)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(steps: &[(u32, f64)]) -> Ladder {
        let steps = steps.iter().map(|(users, error_ms)| Step { users: *users, error_ms: *error_ms, spread_ms: 0.0 });
        Ladder { steps: steps.collect(), ..Ladder::new(Shape::Burst) }
    }

    #[test]
    fn what_lies_within_the_truth_is_no_error_and_the_worse_percentile_counts() {
        let mut held = Held::default();
        for n in 0..100 {
            held.measured(if n < 98 { 1_000 } else { 9_000 });
            held.truth(990, if n < 98 { 1_010 } else { 7_500 });
        }
        assert_eq!(held.error_ms(), Some(1.5));
        held = Held::default();
        held.measured(1_000);
        assert_eq!(held.error_ms(), None, "an error needs a truth");
        held.truth(1_200, 1_300);
        assert_eq!(held.error_ms(), Some(0.2), "too early is an error too");
    }

    #[test]
    fn loads_grow_until_one_is_beyond_every_limit_and_then_close_in_on_the_first() {
        let next = |steps: &[(u32, f64)]| ladder(steps).next(100, 2, 10_000);
        assert_eq!(next(&[]), Some(100));
        assert_eq!(next(&[(100, 0.1)]), Some(200));
        assert_eq!(next(&[(100, 0.1), (200, 3.0)]), Some(400), "beyond the first limit only");
        assert_eq!(next(&[(6_400, 0.1)]), Some(10_000), "never more than the most");
        assert_eq!(next(&[(10_000, 0.1)]), None);
        let mut steps = vec![(100, 0.1), (200, 0.2), (400, 9.0)];
        assert_eq!(next(&steps), Some(280), "between 200 and 400, on the scale of ratios");
        steps.insert(2, (280, 0.3));
        assert_eq!(next(&steps), Some(330));
        steps.insert(3, (330, 2.0));
        assert_eq!(next(&steps), None, "twice is enough");
        assert_eq!(next(&[(100, 9.0)]), None, "nothing was carried");
    }

    #[test]
    fn what_is_carried_ends_at_the_first_miss() {
        let ladder = ladder(&[(100, 0.1), (200, 1.0), (400, 1.5), (800, 0.2), (1_600, 7.0)]);
        assert_eq!(LIMITS_MS.map(|limit| ladder.carried(limit)), [Some(200), Some(800)]);
        assert_eq!(ladder.carried(0.01), None);
        assert_eq!((ladder.is_bounded(1.0), ladder.is_bounded(10.0)), (true, false));
    }

    #[test]
    fn a_plan_is_held_to_the_shape_that_it_asks_for() {
        let streams = |events_per_s, users| Ladder {
            shape: Shape::Streams { events_per_s },
            ..ladder(&[(users, 0.1), (users * 2, 2.0)])
        };
        let calibration =
            Calibration { ladders: vec![streams(100, 500), streams(10, 4_000), ladder(&[(10_000, 0.2)])] };
        let slow = Shape::Streams { events_per_s: 10 };
        assert_eq!(calibration.excess(4_000, true), None);
        assert_eq!(calibration.excess(4_001, true), Some(Excess { carried: 4_000, shape: slow, missed: true }));
        assert_eq!(calibration.excess(10_000, false), None);
        let more = Excess { carried: 10_000, shape: Shape::Burst, missed: false };
        assert_eq!(calibration.excess(10_001, false), Some(more));
        assert_eq!(Calibration { ladders: Vec::new() }.excess(1, true), None, "nothing was tried");
    }
}
