//! The course of a loop: when it had warmed up, whether latency still moved then, and whether its users were kept busy.
//!
//! The warm-up is cut by MSER-5 (White 1997): of the means of five requests each, the beginning is left out that makes the
//! standard error of the rest smallest; never more than half. The trend is the slope of twenty batch means over time, with
//! Student's t at 99 %.

use serde::{Deserialize, Serialize};

/// Requests of one mean of MSER-5.
const MEAN_OF: usize = 5;
/// Batches of the trend test.
const BATCHES: usize = 20;
/// Student's t for 18 degrees of freedom, two-sided, at 99 %.
const T_99: f64 = 2.878;

/// The course of one round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Course {
    /// When it had warmed up, since the start.
    pub warm_s: f64,
    /// From then until the last request left.
    pub window_s: f64,
    /// The share of that time which users spent waiting for an answer or thinking, and not for this program.
    pub delivered: f64,
    /// How latency moved from the beginning to the end of the window, as a share of its mean: 0 where it did not, as far
    /// as can be told; `None` of too few requests.
    pub trend: Option<f64>,
}

/// Some requests that left one after another.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Leg {
    /// When the first of them left.
    pub(super) at_us: u64,
    /// How many were answered.
    pub(super) answered: u64,
    /// The sum of their latencies.
    pub(super) latency_us: u64,
    /// The sum of our own lateness.
    pub(super) lag_us: u64,
}

impl Leg {
    fn add(&mut self, other: &Leg) {
        self.answered += other.answered;
        self.latency_us += other.latency_us;
        self.lag_us += other.lag_us;
    }

    fn mean(&self) -> f64 {
        self.latency_us as f64 / self.answered.max(1) as f64
    }
}

impl Course {
    /// Of the legs of a round, in order, the last of which left at `last_us`; `None` where nothing was sent.
    pub(super) fn of(legs: impl Iterator<Item = Leg>, last_us: u64, users: u32) -> Option<Course> {
        let legs = fives(legs);
        let warm = warm_up(&legs.iter().map(Leg::mean).collect::<Vec<_>>());
        let steady = legs.get(warm..).filter(|steady| !steady.is_empty())?;
        let warm_us = if warm == 0 { 0 } else { steady[0].at_us };
        let window_us = last_us.saturating_sub(warm_us).max(1) as f64;
        let lag_us: u64 = steady.iter().map(|leg| leg.lag_us).sum();
        Some(Course {
            warm_s: warm_us as f64 / 1e6,
            window_s: window_us / 1e6,
            delivered: (1.0 - lag_us as f64 / (window_us * f64::from(users.max(1)))).max(0.0),
            trend: trend(steady),
        })
    }

    /// The worse of two rounds, number by number.
    pub(super) fn worse(self, other: Course) -> Course {
        let steeper = |one: f64, other: f64| if other.abs() > one.abs() { other } else { one };
        let trend = match (self.trend, other.trend) {
            (Some(one), Some(other)) => Some(steeper(one, other)),
            (one, other) => one.or(other),
        };
        Course {
            warm_s: self.warm_s.max(other.warm_s),
            window_s: self.window_s.min(other.window_s),
            delivered: self.delivered.min(other.delivered),
            trend,
        }
    }
}

/// Legs of five answers at least; what is left over at the end joins the last.
fn fives(legs: impl Iterator<Item = Leg>) -> Vec<Leg> {
    let mut all: Vec<Leg> = Vec::new();
    for leg in legs {
        match all.last_mut() {
            Some(last) if last.answered < MEAN_OF as u64 => last.add(&leg),
            _ => all.push(leg),
        }
    }
    if let [.., before, last] = all.as_mut_slice()
        && last.answered < MEAN_OF as u64
    {
        before.add(last);
        all.pop();
    }
    all
}

/// How many means to leave out at the beginning.
fn warm_up(means: &[f64]) -> usize {
    let (mut sum, mut squares, mut best) = (0.0, 0.0, (f64::INFINITY, 0));
    for (kept, mean) in (1..).zip(means.iter().rev()) {
        sum += mean;
        squares += mean * mean;
        let left_out = means.len() - kept;
        let n = kept as f64;
        let error = (squares - sum * sum / n).max(0.0) / (n * n);
        if left_out <= means.len() / 2 && error <= best.0 {
            best = (error, left_out);
        }
    }
    best.1
}

/// How the fitted line moves from the first batch to the last, as a share of the mean.
fn trend(steady: &[Leg]) -> Option<f64> {
    if steady.len() < BATCHES {
        return None;
    }
    let batch = |place: usize| {
        let part = &steady[place * steady.len() / BATCHES..(place + 1) * steady.len() / BATCHES];
        let mut sum = Leg::default();
        part.iter().for_each(|leg| sum.add(leg));
        (part[part.len() / 2].at_us as f64, sum.mean())
    };
    let points: Vec<(f64, f64)> = (0..BATCHES).map(batch).collect();
    let n = BATCHES as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let xx: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let xy: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let slope = xy / xx;
    let left: f64 = points.iter().map(|point| (point.1 - y - slope * (point.0 - x)).powi(2)).sum();
    let error = (left / (n - 2.0) / xx).sqrt();
    let moved = slope * (points[BATCHES - 1].0 - points[0].0) / y;
    Some(if xx > 0.0 && y > 0.0 && slope.abs() > T_99 * error { moved } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// A request a second of ten users, each a millisecond late.
    fn legs(latencies_ms: impl IntoIterator<Item = f64>) -> Vec<Leg> {
        let leg = |(place, ms): (u64, f64)| Leg {
            at_us: place * 1_000_000,
            answered: 1,
            latency_us: (ms * 1e3) as u64,
            lag_us: 1000,
        };
        (0..).zip(latencies_ms).map(leg).collect()
    }

    fn course(latencies_ms: impl IntoIterator<Item = f64>) -> Course {
        let legs = legs(latencies_ms);
        let last = legs.last().unwrap().at_us;
        Course::of(legs.into_iter(), last, 10).unwrap()
    }

    fn noise(seed: u64) -> impl Iterator<Item = f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        std::iter::repeat_with(move || 1000.0 * rng.random_range(0.8..1.2))
    }

    #[test]
    fn the_slow_beginning_is_cut_and_what_follows_is_steady() {
        let warming = noise(1).zip(0..400).map(|(ms, place)| ms + 4000.0 * (-f64::from(place) / 20.0).exp());
        let course = course(warming);
        assert!((40.0..160.0).contains(&course.warm_s), "{course:?}");
        assert_eq!((course.trend, course.warm_s + course.window_s), (Some(0.0), 399.0));
        assert!((0.9998..1.0).contains(&course.delivered), "{course:?}");
    }

    #[test]
    fn of_a_hundred_steady_loops_hardly_one_is_said_to_move_and_of_growing_ones_every_one() {
        let moved = |growth: f64| {
            let grown =
                |seed| course(noise(seed).zip(0..1000).map(|(ms, place)| ms * (1.0 + growth * f64::from(place) / 1e3)));
            (0..100).map(grown).filter(|course| course.trend.unwrap() != 0.0).count()
        };
        assert!(moved(0.0) <= 4, "{}", moved(0.0));
        assert_eq!(moved(0.2), 100);
    }

    #[test]
    fn a_fall_is_told_as_well_as_a_rise_and_too_few_requests_tell_nothing() {
        let falls = course(noise(3).zip(0..1000).map(|(ms, place)| ms * (2.0 - f64::from(place) / 1e3)));
        assert!((-0.75..-0.3).contains(&falls.trend.unwrap()), "{falls:?}");
        assert_eq!(course(noise(4).take(99)).trend, None);
        assert_eq!(Course::of(std::iter::empty(), 0, 10), None);
    }

    #[test]
    fn users_who_wait_for_us_are_told_as_their_share_of_the_time() {
        let mut legs = legs(std::iter::repeat_n(500.0, 101));
        legs.iter_mut().for_each(|leg| leg.lag_us = 400_000);
        let course = Course::of(legs.into_iter(), 100_000_000, 10).unwrap();
        assert!((course.delivered - 0.96).abs() < 0.001, "{course:?}");
    }
}
