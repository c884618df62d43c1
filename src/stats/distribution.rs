//! One metric of one case, as `summary.csv` and `summary.json` tell it: order statistics over every request that should
//! have it, failures ranked as +∞, and beside them those of the answered ones only.
//!
//! In milliseconds. Which requests should have a metric is [`super::summary`]'s business.

use serde::{Deserialize, Serialize};

use super::quantile::{Interval, Quantile, interval_ranks, needs, rank};
use super::values::{Ranked, Values};

/// One metric of one case, in milliseconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Distribution {
    /// Ranked: answered, and failed ones as +∞.
    pub n: u64,
    /// Of these, with a value.
    pub answered: u64,
    /// Answered requests of which this metric is unknown: empty cells, in no statistic.
    pub missing: u64,
    /// Order statistics are within 0.1 %: there were more than 100,000 values, or they are pooled.
    pub approximate: bool,
    /// The smallest answered one.
    pub min: Option<f64>,
    /// Mean of the answered ones.
    pub mean: Option<f64>,
    /// Sample standard deviation of the answered ones.
    pub stdev: Option<f64>,
    /// Order statistics of all ranked.
    pub ranked: OrderStatistics,
    /// Order statistics of the answered ones only.
    pub answered_only: OrderStatistics,
}

/// The order statistics of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OrderStatistics {
    /// The middle value, or half the sum of the two middle ones.
    pub median: Quantile,
    /// 90th percentile.
    pub p90: Quantile,
    /// 95th percentile.
    pub p95: Quantile,
    /// 99th percentile.
    pub p99: Quantile,
    /// The largest.
    pub max: Quantile,
}

impl Distribution {
    /// Of values in microseconds, of which `failed` more rank as +∞ and `missing` more are unknown.
    pub fn of(values: &Values, failed: u64, missing: u64) -> Distribution {
        let ranked = values.ranked();
        let ms = |us: f64| us / 1000.0;
        Distribution {
            n: values.n() + failed,
            answered: values.n(),
            missing,
            approximate: values.is_approximate(),
            min: values.min().map(|us| ms(us as f64)),
            mean: values.mean().map(ms),
            stdev: values.stdev().map(ms),
            ranked: OrderStatistics::of(&ranked, values.n(), failed),
            answered_only: OrderStatistics::of(&ranked, values.n(), 0),
        }
    }

    /// A statistic by its name in `summary.csv` (`min`, `mean`, `median`, `stdev`, `p90`, `p95`, `p99`, `max`), over all
    /// ranked or over the answered ones only; `None` of a name that is none.
    ///
    /// Least value, mean and deviation are of the answered ones either way.
    pub fn statistic(&self, name: &str, answered_only: bool) -> Option<Quantile> {
        let order = if answered_only { &self.answered_only } else { &self.ranked };
        let of_answered = |value: Option<f64>| match value {
            None if self.n > 0 && self.answered == 0 && !answered_only => Quantile::NotReached,
            value => Quantile::plain(value),
        };
        Some(match name {
            "min" => of_answered(self.min),
            "mean" => of_answered(self.mean),
            "stdev" => Quantile::plain(self.stdev),
            "median" => order.median,
            "p90" => order.p90,
            "p95" => order.p95,
            "p99" => order.p99,
            "max" => order.max,
            _ => return None,
        })
    }

    /// The median of the answered ones: the yardstick of instrument errors.
    pub fn answered_median(&self) -> Option<f64> {
        self.answered_only.median.printable()
    }
}

impl OrderStatistics {
    fn of(ranked: &Ranked, answered: u64, failed: u64) -> OrderStatistics {
        let n = answered + failed;
        let ms = |rank: u64| ranked.at(rank).map(|us| us as f64 / 1000.0);
        let percentile = |percent: u64| {
            let Some(rank) = rank(percent, n) else { return Quantile::None };
            let value = ms(rank);
            match value {
                _ if n < needs(percent) => Quantile::NeedsSamples { needs: needs(percent), value },
                None => Quantile::NotReached,
                Some(value) => Quantile::Value { value, interval: interval(percent, n, ms) },
            }
        };
        OrderStatistics {
            median: median(n, ms),
            p90: percentile(90),
            p95: percentile(95),
            p99: percentile(99),
            max: match n {
                0 => Quantile::None,
                _ if failed > 0 => Quantile::NotReached,
                _ => Quantile::plain(ms(n - 1)),
            },
        }
    }
}

/// The median as people know it, at any n: of an even number, half the sum of the two in the middle.
fn median(n: u64, ms: impl Fn(u64) -> Option<f64> + Copy) -> Quantile {
    if n == 0 {
        return Quantile::None;
    }
    match (ms((n - 1) / 2), ms(n / 2)) {
        (Some(low), Some(high)) => Quantile::Value { value: (low + high) / 2.0, interval: interval(50, n, ms) },
        _ => Quantile::NotReached,
    }
}

fn interval(percent: u64, n: u64, ms: impl Fn(u64) -> Option<f64>) -> Option<Interval> {
    let (low, high) = interval_ranks(percent, n)?;
    Some(Interval { low: ms(low)?, high: ms(high) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(us: impl IntoIterator<Item = u64>) -> Values {
        let mut values = Values::default();
        us.into_iter().for_each(|us| values.add(us));
        values
    }

    #[test]
    fn five_failures_of_thirty_leave_p90_not_reached() {
        let got = Distribution::of(&values((1..=25).map(|second| second * 1_000_000)), 5, 0);
        assert_eq!((got.n, got.answered), (30, 25));
        assert_eq!((got.ranked.p90, got.ranked.max), (Quantile::NotReached, Quantile::NotReached));
        assert_eq!(got.statistic("max", true), Some(Quantile::Value { value: 25_000.0, interval: None }));
        let median =
            Quantile::Value { value: 15_500.0, interval: Some(Interval { low: 10_000.0, high: Some(21_000.0) }) };
        assert_eq!(got.ranked.median, median);
        assert_eq!(got.answered_only.p90, Quantile::NeedsSamples { needs: 30, value: Some(23_000.0) });
    }

    #[test]
    fn an_interval_is_open_above_where_failures_rank() {
        let got = Distribution::of(&values((1..=29).map(|second| second * 1_000_000)), 1, 0);
        let expected = Quantile::Value { value: 28_000.0, interval: Some(Interval { low: 22_000.0, high: None }) };
        assert_eq!(got.ranked.p90, expected);
    }

    #[test]
    fn nothing_measured_is_none_and_all_failed_is_not_reached() {
        let empty = Distribution::of(&values([]), 0, 0);
        assert_eq!(empty, Distribution::default());
        let failed = Distribution::of(&values([]), 3, 0);
        let statistics = ["min", "mean", "median", "max", "p90"].map(|name| failed.statistic(name, false));
        let needs = Quantile::NeedsSamples { needs: 30, value: None };
        let reached = Some(Quantile::NotReached);
        assert_eq!(statistics, [reached, reached, reached, reached, Some(needs)]);
        assert_eq!(failed.statistic("median", true), Some(Quantile::None));
    }

    proptest! {
        #[test]
        fn every_percentile_is_the_ancestors_order_statistic(us in prop::collection::vec(0u64..1_000_000_000, 300..400), failed in 0usize..40) {
            let mut sorted: Vec<f64> = us.iter().map(|us| *us as f64 / 1000.0).collect();
            sorted.sort_by(f64::total_cmp);
            sorted.extend(std::iter::repeat_n(f64::INFINITY, failed));
            let got = Distribution::of(&values(us), failed as u64, 0);
            for (name, percent) in [("p90", 90), ("p95", 95), ("p99", 99)] {
                let expected = sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)];
                let measured = got.statistic(name, false).unwrap().measured().unwrap().number();
                prop_assert_eq!(measured, expected, "{} of {}", name, sorted.len());
            }
        }
    }
}
