//! Student's t and the estimates that stand on it: differences of the logarithms of rounds.
//!
//! From the incomplete beta function of [`binomial`](crate::stats::binomial), which bisection inverts to the last bit.

use serde::{Deserialize, Serialize};

use crate::stats::binomial::incomplete_beta;
use crate::stats::exact;

/// P(|T| ≥ |t|) with so many degrees of freedom.
pub fn two_sided(t: f64, freedom: f64) -> f64 {
    if t.is_infinite() {
        return 0.0;
    }
    incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t))
}

/// The t with P(|T| ≤ t) = `confidence`.
pub fn critical(confidence: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while two_sided(high, freedom) > 1.0 - confidence && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if two_sided(middle, freedom) > 1.0 - confidence { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// A difference with what is known of its error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The difference: after − before.
    pub difference: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom.
    pub freedom: f64,
    /// Standard deviation of the difference of one pair of rounds.
    pub deviation: f64,
}

impl Estimate {
    /// Of two independent groups, whose deviations may differ; `None` of fewer than two each.
    /// Source: Welch, Biometrika 34 (1947); degrees of freedom by Satterthwaite.
    pub fn welch(before: &[f64], after: &[f64]) -> Option<Estimate> {
        let (one, other) = (part(before)?, part(after)?);
        let sum = one.share + other.share;
        let freedom = sum * sum / (one.share * one.share / one.freedom + other.share * other.share / other.freedom);
        Some(Estimate {
            difference: other.mean - one.mean,
            error: sum.sqrt(),
            // Without any spread the quotient is 0 ÷ 0; then the degrees of freedom do not matter.
            freedom: if freedom.is_finite() { freedom } else { one.freedom + other.freedom },
            deviation: (one.variance + other.variance).sqrt(),
        })
    }

    /// Of pairs, each measured side by side; `None` of fewer than two.
    pub fn paired(before: &[f64], after: &[f64]) -> Option<Estimate> {
        let differences: Vec<f64> = before.iter().zip(after).map(|(before, after)| after - before).collect();
        let all = part(&differences)?;
        Some(Estimate {
            difference: all.mean,
            error: all.share.sqrt(),
            freedom: all.freedom,
            deviation: all.variance.sqrt(),
        })
    }

    /// The same the other way round.
    pub fn reversed(self) -> Estimate {
        Estimate { difference: -self.difference, ..self }
    }

    /// The chance of a difference as large as this where there is none, two-sided.
    pub fn p(&self) -> f64 {
        if self.difference.abs() < 1e-12 {
            return 1.0;
        }
        two_sided(self.difference / self.error, self.freedom)
    }

    /// Between which values the difference lies with this confidence.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        let reach = critical(confidence, self.freedom) * self.error;
        (self.difference - reach, self.difference + reach)
    }
}

/// Where a further value of the same kind falls with 95 %, given at least five: the alarm of a history.
///
/// On logarithms, so that a value is as likely twice as half.
pub fn prediction(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 5 {
        return None;
    }
    let all = part(&logarithms(values)?)?;
    let reach = critical(0.95, all.freedom) * (all.variance + all.share).sqrt();
    Some(((all.mean - reach).exp(), (all.mean + reach).exp()))
}

/// Natural logarithms; `None` where a value is not positive and finite.
pub fn logarithms(values: &[f64]) -> Option<Vec<f64>> {
    values.iter().map(|value| (*value > 0.0 && value.is_finite()).then(|| value.ln())).collect()
}

struct Part {
    mean: f64,
    variance: f64,
    /// Variance ÷ n.
    share: f64,
    freedom: f64,
}

fn part(values: &[f64]) -> Option<Part> {
    let (mean, deviation) = (exact::mean(values)?, exact::stdev(values)?);
    let n = values.len() as f64;
    let variance = deviation * deviation;
    Some(Part { mean, variance, share: variance / n, freedom: n - 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy 1.17: `stats.t.ppf((1+c)/2, df)` for c = 0.9, 0.95, 0.999, and `2 * stats.t.sf(t, df)` for t = 0.5, 2.3, 9.
    #[test]
    fn students_t_agrees_with_scipy() {
        let table = [
            (
                1.0,
                [6.313751514675037, 12.706204736174694, 636.6192487687897],
                [0.7048327646991335, 0.2610951741772456, 0.07044657495455456],
            ),
            (
                3.7,
                [2.1824938039146007, 2.8675207071911895, 9.474240137124664],
                [0.6453356333199318, 0.08830340068840909, 0.0012013808531001358],
            ),
            (
                8.0,
                [1.8595480375308973, 2.306004135204166, 5.041305433373456],
                [0.6305360755569764, 0.05047083264048199, 1.8531184296430076e-05],
            ),
            (
                250.5,
                [1.6509592329934293, 1.969479272051676, 3.329787835185712],
                [0.6175140086040004, 0.022270882238794303, 5.794834838949139e-17],
            ),
        ];
        for (freedom, quantiles, tails) in table {
            for (confidence, expected) in [0.9, 0.95, 0.999].into_iter().zip(quantiles) {
                let got = critical(confidence, freedom);
                assert!((got / expected - 1.0).abs() < 1e-9, "{confidence} {freedom}: {got}, not {expected}");
            }
            for (t, expected) in [0.5, 2.3, 9.0].into_iter().zip(tails) {
                let got = two_sided(t, freedom);
                assert!((got / expected - 1.0).abs() < 1e-9, "{t} {freedom}: {got}, not {expected}");
            }
        }
    }

    /// SciPy 1.17: `stats.ttest_ind(b, a, equal_var=False)` and `stats.ttest_rel(b, a)`, with their intervals.
    #[test]
    fn welch_and_the_paired_test_agree_with_scipy() {
        let before = [2.1, 2.4, 1.9, 2.2, 2.05];
        let after = [2.5, 2.45, 2.3, 2.9, 2.35];
        let close = |got: [f64; 4], expected: [f64; 4]| {
            for (got, expected) in got.into_iter().zip(expected) {
                assert!((got - expected).abs() < 1e-9 * expected.abs().max(1.0), "{got}, not {expected}");
            }
        };
        let told = |estimate: Estimate| {
            let (low, high) = estimate.interval(0.95);
            [estimate.freedom, estimate.p(), low, high]
        };
        close(told(Estimate::welch(&before, &after).unwrap()), WELCH);
        close(told(Estimate::paired(&before, &after).unwrap()), PAIRED);
    }

    #[test]
    fn rounds_without_any_spread_are_the_same_or_certainly_different() {
        let same = Estimate::welch(&[1.5; 4], &[1.5; 4]).unwrap();
        let other = Estimate::welch(&[1.5; 4], &[1.6; 4]).unwrap();
        assert_eq!((same.p(), same.interval(0.95)), (1.0, (0.0, 0.0)));
        assert_eq!(other.p(), 0.0);
        assert_eq!((Estimate::welch(&[1.0], &[1.0, 2.0]), Estimate::paired(&[1.0], &[2.0])), (None, None));
    }

    #[test]
    fn a_prediction_needs_five_values_and_is_wider_than_their_mean_is_sure() {
        assert_eq!(prediction(&[1.0, 1.0, 1.0, 1.0]), None);
        let (low, high) = prediction(&[1.0, 1.1, 0.9, 1.05, 0.95]).unwrap();
        assert!(low < 0.9 && low > 0.7 && high > 1.1 && high < 1.4, "{low} {high}");
        assert_eq!(prediction(&[1.0, 1.1, 0.0, 1.05, 0.95]), None);
    }

    const WELCH: [f64; 4] = [7.565430822891102, 0.02657137782818871, 0.0561968606067369, 0.6838031393932624];
    const PAIRED: [f64; 4] = [4.0, 0.02392812839284578, 0.08013062096570667, 0.6598693790342933];
}
