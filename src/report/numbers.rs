//! Numbers as people read them: three digits, a unit, and never more certainty than there is.

use crate::stats::{Interval, Quantile};

/// Milliseconds with a fitting unit: `0.314 ms`, `38.0 ms`, `1.57 s`, `180 s`.
pub fn time(ms: f64) -> String {
    let (value, unit) = scaled(ms);
    if value == 0.0 { "0 ms".to_owned() } else { format!("{} {unit}", three(value)) }
}

/// A span from `low` to `high` in one unit: `1.41–1.75 s`; without `high`, it is open: failures rank there.
pub fn span(interval: Interval) -> String {
    let Some(high) = interval.high else { return format!("{} to not reached", time(interval.low)) };
    let (shown, unit) = scaled(high);
    let low = if unit == "s" { interval.low / 1000.0 } else { interval.low };
    format!("{}–{} {unit}", three(low), three(shown))
}

fn scaled(ms: f64) -> (f64, &'static str) {
    if ms >= 999.5 { (ms / 1000.0, "s") } else { (ms, "ms") }
}

/// About three digits, without zeros at the end that say nothing.
pub fn digits(value: f64) -> String {
    let text = three(value);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// About three digits: as many decimals as that leaves.
fn three(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// A share in percent, with as many decimals as keep it apart from 0 and 100 where it is neither: `99.98 %`.
pub fn percent(share: f64) -> String {
    let text = (1..=4)
        .map(|decimals| format!("{:.decimals$}", share * 100.0))
        .find(|text| {
            let looks_whole = text.parse() == Ok(100.0) || text.parse() == Ok(0.0);
            !looks_whole || share <= 0.0 || share >= 1.0
        })
        .unwrap_or_else(|| format!("{}", share * 100.0));
    let text = text.strip_suffix(".0").unwrap_or(&text);
    format!("{text} %")
}

/// A percentile, or why there is none. `failed` of `n` requests have no answer.
pub fn quantile(quantile: Quantile, failed: u64, n: u64) -> String {
    match quantile {
        Quantile::Value { value, .. } => time(value),
        Quantile::NotReached => format!("not reached ({failed} of {n} failed)"),
        Quantile::NeedsSamples { needs, .. } => format!("n/a (needs {needs})"),
        Quantile::None => "not measured".to_owned(),
    }
}

/// `1 request`, `2 requests`.
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let shown = [0.005, 0.3141, 3.1, 38.04, 314.0, 999.6, 1570.4, 31_400.0, 180_000.0].map(time);
        let expected = ["0.005 ms", "0.314 ms", "3.10 ms", "38.0 ms", "314 ms", "1.00 s", "1.57 s", "31.4 s", "180 s"];
        assert_eq!(shown, expected);
        assert_eq!([0.5, 2.0, 0.0444].map(digits), ["0.5", "2", "0.044"]);
        assert_eq!(span(Interval { low: 980.0, high: Some(1750.0) }), "0.980–1.75 s");
        assert_eq!([0.5, 2.0, 0.0444].map(digits), ["0.5", "2", "0.044"]);
        assert_eq!(span(Interval { low: 980.0, high: None }), "980 ms to not reached");
    }

    #[test]
    fn nothing_but_all_is_100_percent() {
        let shown = [0.0, 0.5, 0.9333, 0.9999, 0.00001, 1.0].map(percent);
        assert_eq!(shown, ["0 %", "50 %", "93.3 %", "99.99 %", "0.001 %", "100 %"]);
    }

    #[test]
    fn a_percentile_says_why_there_is_none() {
        assert_eq!(quantile(Quantile::NotReached, 5, 30), "not reached (5 of 30 failed)");
        assert_eq!(quantile(Quantile::NeedsSamples { needs: 300, value: Some(1.0) }, 0, 30), "n/a (needs 300)");
    }
}
