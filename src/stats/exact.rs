//! Mean, median and sample standard deviation as Python's `statistics` module computes them: every sum is exact, and
//! the one rounding is the last step. The ancestor was a Python script; on equal latencies its users see equal digits.
//!
//! For a handful to a hundred thousand values. It refuses to know what they mean.

use num_bigint::{BigInt, BigUint, Sign};

/// The arithmetic mean, correctly rounded (`statistics.mean`); `None` of nothing or where a value is not finite.
pub fn mean(values: &[f64]) -> Option<f64> {
    let sums = Sums::of(values)?;
    Some(quotient(&sums.sum, &BigUint::from(values.len()), sums.exponent))
}

/// The middle value, or half the sum of the two middle ones (`statistics.median`); `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[half]),
        _ => Some((sorted[half - 1] + sorted[half]) / 2.0),
    }
}

/// The sample standard deviation (n − 1), correctly rounded (`statistics.stdev` since Python 3.11); `None` of fewer
/// than two values or where one is not finite.
pub fn stdev(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let sums = Sums::of(values)?;
    let count = BigInt::from(values.len());
    let spread = &count * sums.squares - &sums.sum * &sums.sum;
    let divisor = BigUint::from(values.len()) * BigUint::from(values.len() - 1);
    Some(square_root(spread.magnitude(), &divisor, sums.exponent))
}

/// Σx and Σx² as whole multiples of 2^exponent and 2^(2·exponent).
struct Sums {
    exponent: i32,
    sum: BigInt,
    squares: BigInt,
}

impl Sums {
    fn of(values: &[f64]) -> Option<Sums> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let parts: Vec<(i64, i32)> = values.iter().map(|value| mantissa(*value)).collect();
        let exponent = parts.iter().filter(|(digits, _)| *digits != 0).map(|(_, scale)| *scale).min().unwrap_or(0);
        let mut sum = BigInt::ZERO;
        let mut squares = BigInt::ZERO;
        for (digits, scale) in parts.into_iter().filter(|(digits, _)| *digits != 0) {
            let value = BigInt::from(digits) << (scale - exponent) as usize;
            squares += &value * &value;
            sum += value;
        }
        Some(Sums { exponent, sum, squares })
    }
}

/// A finite double as digits × 2^scale.
fn mantissa(value: f64) -> (i64, i32) {
    let bits = value.to_bits();
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let scale = ((bits >> 52) & 0x7ff) as i32;
    let (digits, scale) = if scale == 0 { (fraction, -1074) } else { (fraction | (1 << 52), scale - 1075) };
    (if value.is_sign_negative() { -digits } else { digits }, scale)
}

/// numerator ÷ denominator × 2^exponent, rounded once.
fn quotient(numerator: &BigInt, denominator: &BigUint, exponent: i32) -> f64 {
    let magnitude = numerator.magnitude();
    if magnitude.bits() == 0 {
        return 0.0;
    }
    // At least 56 bits of quotient, so that the lowest can stand for all that was cut off.
    let shift = (denominator.bits() + 57).saturating_sub(magnitude.bits());
    let scaled = magnitude << shift as usize;
    let whole = &scaled / denominator;
    let cut = &whole * denominator != scaled;
    let value = scaled_float(&whole, cut, exponent - shift as i32);
    if numerator.sign() == Sign::Minus { -value } else { value }
}

/// √(numerator ÷ denominator) × 2^exponent, rounded once: the integer root of a number scaled by an even power of two,
/// rounded to odd (Python's `_float_sqrt_of_frac`).
fn square_root(numerator: &BigUint, denominator: &BigUint, exponent: i32) -> f64 {
    if numerator.bits() == 0 {
        return 0.0;
    }
    let shift = (denominator.bits() + 116).saturating_sub(numerator.bits()).next_multiple_of(2);
    let scaled = numerator << shift as usize;
    let root = (&scaled / denominator).sqrt();
    let cut = &root * &root * denominator != scaled;
    scaled_float(&root, cut, exponent - (shift / 2) as i32)
}

/// `whole` × 2^exponent as the nearest double, where `cut` says that something smaller than one was cut off `whole`.
fn scaled_float(whole: &BigUint, cut: bool, exponent: i32) -> f64 {
    let excess = whole.bits().saturating_sub(60);
    let top = whole >> excess as usize;
    let sticky = cut || (&top << excess as usize) != *whole;
    let digits = top.iter_u64_digits().next().unwrap_or(0) | u64::from(sticky);
    let exponent = exponent + excess as i32;
    // In two steps, since 2^exponent alone may lie outside the range of doubles.
    digits as f64 * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn python_computed_the_same_digits() {
        for (values, expected_mean, expected_median, expected_stdev) in PYTHON {
            let got = (mean(values), median(values), stdev(values));
            assert_eq!(got, (Some(expected_mean), Some(expected_median), Some(expected_stdev)), "{values:?}");
        }
    }

    /// Values, mean, median, stdev; printed by Python 3.11's `repr`, the shortest text of the same double.
    const PYTHON: [(&[f64], f64, f64, f64); 5] = [
        (&[1.0, 2.0, 4.0], 2.3333333333333335, 2.0, 1.5275252316519468),
        (&[0.1, 0.2, 0.3, 0.4], 0.25, 0.25, 0.12909944487358058),
        (
            &[
                2.27514975189359,
                3.1254446051592653,
                2.8534317317290747,
                1.2589627114424145,
                1.349211866248429,
                1.8702511429216027,
                1.7942210277146369,
                3.0332067557574116,
                4.190558681045115,
                1.9234336114008561,
                1.112460952585324,
                1.4126329944590617,
                3.2866124297483053,
                2.839696497834062,
                1.6892062241736252,
                3.5620378554435645,
                1.8502852701269088,
                2.5667802729953197,
                6.289501333441536,
                1.6229047092367765,
                3.2319691731639306,
                3.583694370874944,
                2.0356489147616714,
                1.5156795823151985,
                4.625137680446625,
                4.346274165513407,
                4.108181419006169,
                3.0833728416791084,
                2.5442769133506284,
                3.998763093922266,
            ],
            2.7659662860130276,
            2.703238385414691,
            1.2156476171829287,
        ),
        (&[1e-09, 1000000000.0, 3.3, 0.0, 0.007], 200000000.6614, 0.007, 447213595.1302241),
        (&[0.1, 0.1, 0.1, 0.30000000000000004], 0.15000000000000002, 0.1, 0.10000000000000002),
    ];

    #[test]
    fn nothing_has_no_mean_and_one_value_no_deviation() {
        assert_eq!((mean(&[]), median(&[]), stdev(&[])), (None, None, None));
        assert_eq!((mean(&[2.5]), median(&[2.5]), stdev(&[2.5])), (Some(2.5), Some(2.5), None));
        assert_eq!((mean(&[f64::INFINITY, 1.0]), stdev(&[f64::NAN, 1.0])), (None, None));
    }

    proptest! {
        #[test]
        fn a_constant_has_itself_as_mean_and_no_deviation(value in 1e-6..1e6f64, n in 2usize..200) {
            let values = vec![value; n];
            prop_assert_eq!((mean(&values), stdev(&values)), (Some(value), Some(0.0)));
        }

        #[test]
        fn the_order_of_values_changes_no_digit(mut values in prop::collection::vec(0.0..1e5f64, 2..60)) {
            let before = (mean(&values), median(&values), stdev(&values));
            values.reverse();
            prop_assert_eq!((mean(&values), median(&values), stdev(&values)), before);
        }
    }
}
