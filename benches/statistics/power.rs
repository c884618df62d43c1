//! What a t-test can give: its power where the spread is known, from the non-central t distribution.

use lamb_load::stats::compare::student::critical;
use statrs::function::{erf::erfc, gamma::ln_gamma};

/// The chance that a difference is called slower at 5 %, and is estimated at `least` or more, where the true one is
/// `difference`, its standard error `error`, and the error is estimated with so many degrees of freedom.
///
/// The integral over the estimated error of P(estimate > max(t·error, least)): for `least` = 0 the upper tail of the
/// non-central t distribution. Source: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 2, 31.
pub(crate) fn power(difference: f64, error: f64, freedom: f64, least: f64) -> f64 {
    let (center, least) = (difference / error, least / error);
    let t = critical(0.95, freedom);
    let half = freedom / 2.0;
    let scale = (2f64).ln() + half * half.ln() - ln_gamma(half);
    let density = |s: f64| (scale + (freedom - 1.0) * s.ln() - half * s * s).exp();
    let above = |z: f64| 0.5 * erfc(z / std::f64::consts::SQRT_2);
    let height = |s: f64| density(s) * above((t * s).max(least) - center);
    // Simpson's rule; the estimated error is nowhere near five times the true one.
    const STEPS: usize = 20_000;
    let width = 5.0 / STEPS as f64;
    let weight = |step: usize| if step.is_multiple_of(2) { 2.0 } else { 4.0 };
    let inner: f64 = (1..STEPS).map(|step| weight(step) * height(step as f64 * width)).sum();
    inner * width / 3.0
}
