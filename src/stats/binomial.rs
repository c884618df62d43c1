//! The incomplete beta function, and what follows from it: the binomial distribution function and the Clopper-Pearson
//! interval of a share.
//!
//! Own lines and not statrs', whose continued fraction stops after 140 steps: a million rows need more.

use serde::{Deserialize, Serialize};
use statrs::function::gamma::ln_gamma;

/// The regularized incomplete beta function I_x(a, b) for a, b > 0, by Lentz's continued fraction.
pub fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    ln_front(a, b, x).exp() * fraction(a, b, x) / a
}

/// ln(x^a (1−x)^b ÷ B(a, b)), arranged so that what is large has cancelled before it is rounded: as the sum of three
/// ln Γ it would lose eight digits at a million.
fn ln_front(a: f64, b: f64, x: f64) -> f64 {
    let sum = a + b;
    // How far the mean lies from x; near it the two logarithms are small and cancel.
    let off = x * b - (1.0 - x) * a;
    let ln_part = |off: f64, part: f64, share: f64| {
        if off.abs() < 0.5 * part { (off / part).ln_1p() } else { (share * sum / part).ln() }
    };
    let powers = a * ln_part(off, a, x) + b * ln_part(-off, b, 1.0 - x);
    let scale = 0.5 * (a * b / (std::f64::consts::TAU * sum)).ln();
    powers + scale + stirling_rest(sum) - stirling_rest(a) - stirling_rest(b)
}

/// ln Γ(x) − ((x − ½) ln x − x + ½ ln 2π): the rest of Stirling's formula (Abramowitz and Stegun, 6.1.41).
fn stirling_rest(x: f64) -> f64 {
    if x < 10.0 {
        return ln_gamma(x) - ((x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln());
    }
    let square = 1.0 / (x * x);
    let series = [1.0 / 1188.0, -1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0];
    series.into_iter().fold(0.0, |sum, term| sum * square + term) / x
}

/// The continued fraction of I_x(a, b) (Numerical Recipes, 6.4); it needs O(√max(a, b)) steps.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const STEPS: u32 = 100_000;
    let tiny = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / tiny(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for step in 1..STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / tiny(1.0 + even * d);
        c = tiny(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / tiny(1.0 + odd * d);
        c = tiny(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    h
}

/// P(B ≤ k) where B is the number of successes in `n` trials with chance `p`.
pub fn at_most(k: u64, n: u64, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    incomplete_beta((n - k) as f64, (k + 1) as f64, 1.0 - p)
}

/// A share with its Clopper-Pearson interval at 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Share {
    /// Successes ÷ trials.
    pub rate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The share of `successes` in `n` with its exact 95 % interval; `None` of no trials.
///
/// Where all succeed or all fail the interval is one-sided, so that 30 of 30 means "failure rate below 9.5 %".
/// Source: Clopper and Pearson, Biometrika 26 (1934).
pub fn share(successes: u64, n: u64) -> Option<Share> {
    if n == 0 {
        return None;
    }
    let (k, trials) = (successes.min(n) as f64, n as f64);
    let side = if successes == 0 || successes >= n { 0.05 } else { 0.025 };
    let low = if successes == 0 { 0.0 } else { beta_quantile(k, trials - k + 1.0, side) };
    let high = if successes >= n { 1.0 } else { beta_quantile(k + 1.0, trials - k, 1.0 - side) };
    Some(Share { rate: k / trials, low, high })
}

/// The x with I_x(a, b) = p, by bisection: 200 halvings reach the last bit wherever it lies.
fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if incomplete_beta(a, b, middle) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// SciPy 1.17: `special.betainc(a, b, x)`.
    #[test]
    fn the_incomplete_beta_function_agrees_with_scipy() {
        let table = [
            (2.0, 3.0, 0.4, 0.5247999999999999),
            (0.5, 0.5, 0.1, 0.20483276469913345),
            (300.0, 3.0, 0.98, 0.058452592038862494),
            (15.5, 0.5, 0.7, 0.0009692860948607017),
        ];
        for (a, b, x, expected) in table {
            let got = incomplete_beta(a, b, x);
            assert!((got - expected).abs() < 1e-12, "I_{x}({a}, {b}) = {got}, SciPy says {expected}");
        }
        let million = incomplete_beta(900_000.0, 100_001.0, 0.9);
        assert!((million - 0.5008422104052417).abs() < 1e-12, "{million}");
    }

    /// SciPy 1.17: `stats.beta.ppf(.025, k, n-k+1)`, `stats.beta.ppf(.975, k+1, n-k)`.
    #[test]
    fn clopper_pearson_agrees_with_scipy() {
        let table = [
            (27, 30, 0.7347115495257919, 0.9788828629702774),
            (1, 30, 0.0008435709266304788, 0.17216945563341265),
            (45, 50, 0.7818646335657977, 0.9667249064109775),
            (990, 1000, 0.9816867569448875, 0.9951944893089507),
            (999_000, 1_000_000, 0.9989360818926848, 0.9990609987920499),
        ];
        for (k, n, low, high) in table {
            let got = share(k, n).unwrap();
            assert!((got.low - low).abs() < 1e-9 && (got.high - high).abs() < 1e-9, "{k} of {n}: {got:?}");
        }
    }

    #[test]
    fn thirty_of_thirty_means_a_failure_rate_below_nine_and_a_half_percent() {
        let all = share(30, 30).unwrap();
        assert!((all.low - 0.9049661471446958).abs() < 1e-12, "{all:?}");
        assert_eq!((all.rate, all.high, share(0, 0)), (1.0, 1.0, None));
        let none = share(0, 30).unwrap();
        assert!((none.high - (1.0 - 0.9049661471446958)).abs() < 1e-12, "{none:?}");
        assert_eq!((none.rate, none.low), (0.0, 0.0));
    }

    proptest! {
        #[test]
        fn the_distribution_function_is_the_sum_of_its_probabilities(n in 1u64..40, p in 0.01..0.99f64) {
            let mut term = (1.0 - p).powi(n as i32);
            let mut sum = term;
            for k in 0..n {
                prop_assert!((at_most(k, n, p) - sum).abs() < 1e-10, "n {n} k {k} p {p}");
                term *= (n - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
                sum += term;
            }
        }

        #[test]
        fn the_interval_holds_the_share(n in 1u64..2000, part in 0.0..=1.0f64) {
            let successes = (part * n as f64) as u64;
            let got = share(successes, n).unwrap();
            prop_assert!(got.low <= got.rate && got.rate <= got.high && got.low >= 0.0 && got.high <= 1.0, "{got:?}");
        }
    }
}
