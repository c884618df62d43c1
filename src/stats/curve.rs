//! The shape of a distribution: which share of the requests took at most how long. A picture's raw material, bounded
//! however many requests there were.
//!
//! Failures rank as +∞, so a curve of a case with failures ends below 1. This file does not know how it is drawn.

use super::values::Values;

/// Points of a curve at most.
const POINTS: u64 = 400;

/// Which share of all ranked took at most how long.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    /// Ranked: answered, and failed ones as +∞.
    pub n: u64,
    /// Of these, with a value.
    pub answered: u64,
    /// Milliseconds and the share of `n` at or below them, ascending in both; the smallest and the largest are in it.
    pub points: Vec<(f64, f64)>,
}

impl Curve {
    /// Of values in microseconds, of which `failed` more rank as +∞.
    pub fn of(values: &Values, failed: u64) -> Curve {
        let (answered, n) = (values.n(), values.n() + failed);
        let mut points: Vec<(f64, f64)> = Vec::new();
        if answered > 0 {
            let ranked = values.ranked();
            let steps = answered.min(POINTS);
            for step in 1..=steps {
                // The last of each group of equal size: where the share is reached.
                let rank = u64::try_from(u128::from(step) * u128::from(answered) / u128::from(steps)).unwrap_or(1) - 1;
                let first = if step == 1 { ranked.at(0).map(|us| (us, 1)) } else { None };
                for (us, count) in first.into_iter().chain(ranked.at(rank).map(|us| (us, rank + 1))) {
                    push(&mut points, us as f64 / 1000.0, count as f64 / n as f64);
                }
            }
        }
        Curve { n, answered, points }
    }
}

/// Equal values are one point, the highest.
fn push(points: &mut Vec<(f64, f64)>, ms: f64, share: f64) {
    match points.last_mut() {
        Some(last) if last.0 == ms => last.1 = share,
        _ => points.push((ms, share)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(all: impl IntoIterator<Item = u64>) -> Values {
        let mut values = Values::default();
        all.into_iter().for_each(|value| values.add(value));
        values
    }

    #[test]
    fn a_few_values_are_all_there_and_failures_keep_the_curve_below_one() {
        let curve = Curve::of(&values([3000, 1000, 2000, 2000]), 1);
        assert_eq!(curve, Curve { n: 5, answered: 4, points: vec![(1.0, 0.2), (2.0, 0.6), (3.0, 0.8)] });
        assert_eq!(Curve::of(&values([]), 3), Curve { n: 3, answered: 0, points: vec![] });
    }

    #[test]
    fn a_million_values_are_a_few_hundred_points_from_the_smallest_to_the_largest() {
        let curve = Curve::of(&values((1..=1_000_000).map(|place| place * 10)), 0);
        assert!(curve.points.len() <= POINTS as usize + 1, "{}", curve.points.len());
        assert!((curve.points[0].0 - 0.01).abs() < 0.001, "{:?}", curve.points[0]);
        assert_eq!(curve.points.last().unwrap().1, 1.0);
        assert!(curve.points.is_sorted_by(|one, other| one.0 < other.0 && one.1 < other.1));
        let middle = curve.points[curve.points.len() / 2];
        assert!((middle.0 / 10_000.0 - middle.1).abs() < 0.005, "{middle:?}");
    }
}
