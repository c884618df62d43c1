//! What may be said of a difference: worse, slightly worse, better, the same, or nothing yet.

use serde::{Deserialize, Serialize};

use super::student::Estimate;

/// What a comparison says of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Certainly slower, and by the tolerance or more: the only one that fails.
    Worse,
    /// Certainly slower, by less than the tolerance.
    SlightlyWorse,
    /// Certainly faster.
    Better,
    /// Certainly within the tolerance.
    Same,
    /// Cannot tell yet.
    Inconclusive,
    /// No verdict: there is nothing that one could rest on.
    None,
}

impl Verdict {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Worse => "worse",
            Verdict::SlightlyWorse => "slightly_worse",
            Verdict::Better => "better",
            Verdict::Same => "same",
            Verdict::Inconclusive => "inconclusive",
            Verdict::None => "none",
        }
    }
}

/// The verdict on a difference of logarithms, with the tolerance as a fraction (0.1 is 10 %) and its p-value, adjusted
/// for as many comparisons as were made.
///
/// Certain is p < `level`; "the same" rests on the 90 % interval (two one-sided tests at 5 %; Schuirmann 1987).
pub fn decide(estimate: &Estimate, tolerance: f64, p: f64, level: f64) -> Verdict {
    let bound = tolerance.ln_1p();
    let (low, high) = estimate.interval(0.9);
    if p < level && estimate.difference > 0.0 {
        return if estimate.difference >= bound { Verdict::Worse } else { Verdict::SlightlyWorse };
    }
    if p < level && estimate.difference < 0.0 {
        return Verdict::Better;
    }
    if low > -bound && high < bound { Verdict::Same } else { Verdict::Inconclusive }
}

/// Pairs of rounds that would show a difference of the tolerance with 80 % power: `ceil((1.96 + 0.84)²·s² ÷ ln(1+δ)²) + 2`,
/// where s is the deviation of the difference of one pair.
pub fn pairs_needed(estimate: &Estimate, tolerance: f64) -> u64 {
    let ratio = (1.96 + 0.84) * estimate.deviation / tolerance.ln_1p();
    ((ratio * ratio).ceil() as u64).saturating_add(2)
}

/// P-values adjusted for being several, in the order given. Source: Holm, Scand. J. Statist. 6 (1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|one, other| p[*one].total_cmp(&p[*other]));
    let mut adjusted = vec![1.0; p.len()];
    let mut highest: f64 = 0.0;
    for (place, index) in order.into_iter().enumerate() {
        highest = highest.max(p[index] * (p.len() - place) as f64).min(1.0);
        adjusted[index] = highest;
    }
    adjusted
}

/// The looks of `ab --pairs auto`: after so many pairs, with so small a p, one may stop. 5.2 % false alarms in all;
/// looking after every pair at 5 % would give 20.7 %.
pub const LOOKS: [(usize, f64); 3] = [(5, 0.0005), (10, 0.014), (15, 0.045)];

/// The p below which a difference counts after so many pairs; `None` where one may not look.
pub fn look(pairs: usize) -> Option<f64> {
    LOOKS.iter().find(|(at, _)| *at == pairs).map(|(_, level)| *level)
}

/// A difference of two success rates, after − before, with its 95 % interval.
///
/// Source: Newcombe, Statistics in Medicine 17 (1998), method 10: from Wilson's intervals of both.
pub fn success_difference(before: (u64, u64), after: (u64, u64)) -> Option<(f64, f64, f64)> {
    let (one, other) = (wilson(before)?, wilson(after)?);
    let difference = other.0 - one.0;
    let below = ((other.0 - other.1).powi(2) + (one.2 - one.0).powi(2)).sqrt();
    let above = ((other.2 - other.0).powi(2) + (one.0 - one.1).powi(2)).sqrt();
    Some((difference, difference - below, difference + above))
}

/// Share, and Wilson's interval at 95 %.
fn wilson((successes, n): (u64, u64)) -> Option<(f64, f64, f64)> {
    if n == 0 {
        return None;
    }
    const Z: f64 = 1.959_963_984_540_054;
    let (share, n) = (successes as f64 / n as f64, n as f64);
    let middle = share + Z * Z / (2.0 * n);
    let reach = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + Z * Z / n;
    Some((share, (middle - reach) / whole, (middle + reach) / whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn estimate(difference: f64, error: f64) -> Estimate {
        Estimate { difference, error, freedom: 8.0, deviation: error * 5f64.sqrt() }
    }

    #[test]
    fn each_verdict_has_its_interval() {
        let table = [
            (0.2, 0.05, Verdict::Worse),
            (0.05, 0.01, Verdict::SlightlyWorse),
            (-0.03, 0.01, Verdict::Better),
            (0.01, 0.02, Verdict::Same),
            (0.08, 0.05, Verdict::Inconclusive),
            (0.2, 0.2, Verdict::Inconclusive),
        ];
        for (difference, error, expected) in table {
            let estimate = estimate(difference, error);
            assert_eq!(decide(&estimate, 0.1, estimate.p(), 0.05), expected, "{difference} ± {error}");
        }
    }

    #[test]
    fn a_difference_that_is_one_of_many_needs_more() {
        let close = estimate(0.15, 0.06);
        assert_eq!(decide(&close, 0.1, close.p(), 0.05), Verdict::Worse);
        assert_eq!(decide(&close, 0.1, 4.0 * close.p(), 0.05), Verdict::Inconclusive);
    }

    /// `statsmodels.stats.multitest.multipletests(p, method="holm")`.
    #[test]
    fn holm_multiplies_by_what_is_left_and_never_goes_back() {
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
        assert_eq!((holm(&[0.9, 0.8]), holm(&[])), (vec![1.0, 1.0], vec![]));
    }

    #[test]
    fn ten_percent_spread_needs_twenty_pairs_for_ten_percent() {
        // (2.8 · 0.1414 ÷ 0.0953)² = 17.3, and so 18 + 2.
        let estimate = Estimate { deviation: 0.1 * 2f64.sqrt(), ..estimate(0.0, 0.05) };
        assert_eq!(pairs_needed(&estimate, 0.1), 20);
    }

    #[test]
    fn one_may_look_after_five_ten_and_fifteen_pairs() {
        assert_eq!([4, 5, 10, 15, 16].map(look), [None, Some(0.0005), Some(0.014), Some(0.045), None]);
    }

    /// Newcombe's own example (a): 56 of 70 and 48 of 80 differ by 0.2, 0.0524 to 0.3339.
    #[test]
    fn a_difference_of_success_rates_has_newcombes_interval() {
        let (difference, low, high) = success_difference((48, 80), (56, 70)).unwrap();
        assert!((difference - 0.2).abs() < 1e-12 && (low - 0.0524).abs() < 5e-5 && (high - 0.3339).abs() < 5e-5);
        assert_eq!(success_difference((0, 0), (1, 2)), None);
    }

    proptest! {
        #[test]
        fn adjusting_never_makes_a_p_smaller(p in prop::collection::vec(0.0..=1.0f64, 1..12)) {
            for (raw, adjusted) in p.iter().zip(holm(&p)) {
                prop_assert!(adjusted >= *raw && adjusted <= 1.0);
            }
        }
    }
}
