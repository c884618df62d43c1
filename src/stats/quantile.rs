//! Which order statistic a percentile is, when it may be printed, and how far it can be trusted.
//!
//! `P_q = sorted[floor(q·n)]`, capped at n − 1, in integer arithmetic: the ancestor's rule. A request without a proper
//! answer is ranked as +∞. This file knows ranks; where the values lie is [`super::values`]' business.

use std::cell::RefCell;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::binomial::at_most;

/// The lower and the upper rank of an interval, where there is one.
pub type Ranks = Option<(u64, u64)>;

/// Pairs of ranks that are remembered.
const MOST_KNOWN: usize = 1024;

/// The rank, from 0, of the percentile among `n` sorted values; `None` of nothing.
pub fn rank(percent: u64, n: u64) -> Option<u64> {
    let last = n.checked_sub(1)?;
    let place = u128::from(n) * u128::from(percent) / 100;
    Some(u64::try_from(place).unwrap_or(last).min(last))
}

/// How many values a percentile needs before it may be printed: n(1 − q) ≥ 3, so P90 from 30, P95 from 60, P99 from
/// 300. From there the largest value bounds the percentile from above at 95 %.
pub fn needs(percent: u64) -> u64 {
    300u64.div_ceil(100u64.saturating_sub(percent).max(1))
}

/// The ranks, from 0, between which the percentile of whatever the `n` values are a sample of lies with at least 95 %:
/// distribution-free, from order statistics. `None` where so few values bound nothing.
///
/// Equal tails where both ends exist; where one would lie outside the values, the end is the outermost value and the
/// other tail gets what is left of the 5 %. Source: David and Nagaraja, Order Statistics, 7.1.
pub fn interval_ranks(percent: u64, n: u64) -> Ranks {
    thread_local! {
        /// Every metric and every round of a case asks for the same few: a search among thousands costs a millisecond.
        static KNOWN: RefCell<HashMap<(u64, u64), Ranks>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        *known.entry((percent, n)).or_insert_with(|| search_ranks(percent, n))
    })
}

/// The same, searched for.
fn search_ranks(percent: u64, n: u64) -> Ranks {
    let q = percent as f64 / 100.0;
    let below_all = (1.0 - q).powf(n as f64);
    let above_all = q.powf(n as f64);
    if n == 0 || below_all + above_all > 0.05 {
        return None;
    }
    let lower_tail = if above_all > 0.025 { 0.05 - above_all } else { 0.025 };
    let upper_tail = if below_all > 0.025 { 0.05 - below_all } else { 0.025 };
    // The largest low with P(B ≤ low) ≤ tail, where B counts the values below the percentile.
    let low = search(0, n - 1, |k| at_most(k, n, q) > lower_tail).saturating_sub(1);
    // The smallest high with P(B > high) ≤ tail.
    let high = search(0, n - 1, |k| 1.0 - at_most(k, n, q) <= upper_tail);
    Some((low, high))
}

/// The smallest of `low..=high` for which `is_true` holds, or `high`; once true it must stay true.
fn search(mut low: u64, mut high: u64, is_true: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if is_true(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

/// Between which values a percentile lies at 95 %, "within this run".
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end; `None` where failures rank there.
    pub high: Option<f64>,
}

/// A percentile, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Quantile {
    /// It may be printed.
    Value {
        /// The order statistic.
        value: f64,
        /// How far it can be trusted; `None` for what has no interval, such as a largest value.
        interval: Option<Interval>,
    },
    /// Requests without a proper answer rank there.
    NotReached,
    /// Too few values to print it. Gates still read it, and say of how many.
    NeedsSamples {
        /// How many it needs.
        needs: u64,
        /// The order statistic all the same; `None` where requests without a proper answer rank there.
        value: Option<f64>,
    },
    /// Nothing was measured.
    #[default]
    None,
}

impl Quantile {
    /// A value that stands for itself.
    pub fn plain(value: Option<f64>) -> Quantile {
        value.map_or(Quantile::None, |value| Quantile::Value { value, interval: None })
    }

    /// What may be printed.
    pub fn printable(self) -> Option<f64> {
        match self {
            Quantile::Value { value, .. } => Some(value),
            _ => None,
        }
    }

    /// What a gate reads: the statistic at any n.
    pub fn measured(self) -> Option<Measured> {
        match self {
            Quantile::Value { value, .. } => Some(Measured::Value(value)),
            Quantile::NeedsSamples { value, .. } => Some(value.map_or(Measured::NotReached, Measured::Value)),
            Quantile::NotReached => Some(Measured::NotReached),
            Quantile::None => None,
        }
    }
}

/// A number that was measured, or +∞.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// The number.
    Value(f64),
    /// +∞: requests without a proper answer rank there.
    NotReached,
}

impl Measured {
    /// As a number that compares: +∞ where not reached.
    pub fn number(self) -> f64 {
        match self {
            Measured::Value(value) => value,
            Measured::NotReached => f64::INFINITY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rank_is_the_ancestors() {
        let table = [(90, 30, 27), (90, 10, 9), (90, 1, 0), (95, 20, 19), (99, 100, 99), (50, 4, 2), (99, 300, 297)];
        for (percent, n, expected) in table {
            assert_eq!(rank(percent, n), Some(expected), "P{percent} of {n}");
        }
        assert_eq!(rank(90, 0), None);
    }

    #[test]
    fn percentiles_are_printed_from_thirty_sixty_and_three_hundred() {
        assert_eq!([50, 90, 95, 99].map(needs), [6, 30, 60, 300]);
    }

    /// Checked by summing binomial probabilities with SciPy 1.17.
    #[test]
    fn order_statistics_bound_a_percentile() {
        let table = [
            (50, 5, None),
            (50, 6, Some((0, 5))),
            (50, 30, Some((9, 20))),
            (90, 28, None),
            (90, 30, Some((21, 29))),
            (90, 100, Some((83, 95))),
            (99, 300, Some((289, 299))),
        ];
        for (percent, n, expected) in table {
            assert_eq!(interval_ranks(percent, n), expected, "P{percent} of {n}");
        }
    }

    proptest! {
        #[test]
        fn the_interval_covers_what_it_claims(n in 6u64..3000, percent in prop::sample::select(vec![50u64, 90, 95, 99])) {
            let q = percent as f64 / 100.0;
            match interval_ranks(percent, n) {
                None => prop_assert!(q.powf(n as f64) + (1.0 - q).powf(n as f64) > 0.05),
                Some((low, high)) => {
                    // X_(low) ≤ ξ ≤ X_(high) unless B ≤ low or B > high.
                    let coverage = at_most(high, n, q) - at_most(low, n, q);
                    prop_assert!(coverage >= 0.95 - 1e-9, "P{percent} of {n}: {low}..{high} covers {coverage}");
                    let rank = rank(percent, n).unwrap();
                    prop_assert!(low <= rank && rank <= high && high < n);
                }
            }
        }

        #[test]
        fn a_printable_percentile_has_an_interval(percent in prop::sample::select(vec![50u64, 90, 95, 99]), more in 0u64..500) {
            prop_assert!(interval_ranks(percent, needs(percent) + more).is_some());
        }
    }
}
