//! Gates and rounds: "passed in these rounds" and "demonstrated at 95 %" are different words.

use super::student::{critical, logarithms};
use crate::scenario::plan::Comparison;
use crate::stats::exact;

/// Rounds that a demonstration needs.
pub const LEAST: usize = 5;

/// Whether rounds demonstrate at 95 % that the metric meets the threshold: a one-sided t-bound of the rounds' values.
/// `None` of fewer than five rounds, of values that have no logarithm, and of `==`, which nothing demonstrates.
///
/// The round is the unit, so the design effect is in it: requests that share a round's luck do not count as many.
pub fn demonstrated(rounds: &[f64], op: Comparison, threshold: f64) -> Option<bool> {
    if rounds.len() < LEAST || op == Comparison::Equal || threshold <= 0.0 {
        return None;
    }
    let logs = logarithms(rounds)?;
    let (mean, deviation) = (exact::mean(&logs)?, exact::stdev(&logs)?);
    // 90 % two-sided is 95 % to one side.
    let reach = critical(0.9, (logs.len() - 1) as f64) * deviation / (logs.len() as f64).sqrt();
    let bound = match op {
        Comparison::Less | Comparison::AtMost => (mean + reach).exp(),
        _ => (mean - reach).exp(),
    };
    // What the logarithm and back cost must not decide where all rounds are equal.
    let bound = if deviation == 0.0 { rounds[0] } else { bound };
    Some(op.holds(bound, threshold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_rounds_demonstrate_what_four_only_passed() {
        let rounds = [7.0, 7.2, 6.9, 7.1, 7.05];
        assert_eq!(demonstrated(&rounds[..4], Comparison::Less, 8.0), None);
        assert_eq!(demonstrated(&rounds, Comparison::Less, 8.0), Some(true));
    }

    #[test]
    fn rounds_that_pass_narrowly_demonstrate_nothing() {
        let rounds = [7.0, 7.9, 6.0, 7.8, 7.95];
        assert!(rounds.iter().all(|value| *value < 8.0));
        assert_eq!(demonstrated(&rounds, Comparison::Less, 8.0), Some(false));
        assert_eq!(demonstrated(&rounds, Comparison::AtLeast, 6.0), Some(true));
    }

    #[test]
    fn equal_rounds_are_compared_as_they_are() {
        assert_eq!(demonstrated(&[1.0; 5], Comparison::AtLeast, 1.0), Some(true));
        assert_eq!(demonstrated(&[1.0; 5], Comparison::Less, 1.0), Some(false));
        assert_eq!(demonstrated(&[0.0; 5], Comparison::Less, 1.0), None);
    }
}
