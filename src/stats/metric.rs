//! Metrics by the names that gates and columns use: `latency_p90`, `ttft_median_answered`, `success_rate`, `timeout_total`.

use super::distribution::Distribution;
use super::quantile::{Measured, Quantile};
use super::summary::Summary;
use crate::sample::Outcome;
/// What a metric's number is in.
pub use crate::scenario::plan::{MetricUnit, metric_unit};

/// A metric's value and of how many requests (or gaps) it speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// What was measured.
    pub value: Measured,
    /// Of how many.
    pub n: u64,
}

impl Summary {
    /// A distribution by its name: `latency`, `latency_from_due`, `ttft`, `ttfo`, `tpot`, `gap`.
    pub fn distribution(&self, name: &str) -> Option<&Distribution> {
        Some(match name {
            "latency" => &self.latency,
            "latency_from_due" => &self.latency_from_due,
            "ttft" => &self.ttft,
            "ttfo" => &self.ttfo,
            "tpot" => &self.tpot,
            "gap" => &self.gap,
            "max_gap" => &self.max_gap,
            _ => return None,
        })
    }

    /// A statistic of a distribution by its name, as it may be printed; `None` of a name that is none.
    pub fn quantile(&self, name: &str) -> Option<Quantile> {
        let (distribution, statistic, answered_only) = parts(name)?;
        self.distribution(distribution)?.statistic(statistic, answered_only)
    }

    /// A metric by the name that a gate gives it, in its column's unit: pooled, and at any n. `None` where nothing was
    /// measured, or of a name that is none.
    pub fn metric(&self, name: &str) -> Option<Metric> {
        if let Some(quantile) = self.quantile(name) {
            let (distribution, _, answered_only) = parts(name)?;
            let of = self.distribution(distribution)?;
            let n = if answered_only { of.answered } else { of.n };
            return quantile.measured().map(|value| Metric { value, n });
        }
        let value = self.scalar(name)?;
        Some(Metric { value: Measured::Value(value), n: self.requests })
    }

    /// A metric that is one number.
    fn scalar(&self, name: &str) -> Option<f64> {
        let count = |count: u64| Some(count as f64);
        match name {
            "requests" => count(self.requests),
            "ok" => count(self.ok),
            "failures" => count(self.failures),
            "success_rate" => self.success_rate.map(|share| share.rate),
            "goodput" => self.goodput,
            "makespan" => self.makespan_s,
            "requests_per_s" => self.requests_per_s,
            "output_tokens_per_s" => self.output_tokens_per_s,
            "tokens_in" => self.tokens.input.map(|count| count as f64),
            "tokens_out" => self.tokens.output.map(|count| count as f64),
            "send_spread" => self.send_spread_ms,
            "in_air_max" => count(self.in_air_max),
            outcome => count(self.outcomes.of(Outcome::parse(outcome)?)),
        }
    }
}

/// `latency_p90_answered` as (`latency`, `p90`, true).
fn parts(name: &str) -> Option<(&str, &str, bool)> {
    let (plain, answered_only) = match name.strip_suffix("_answered") {
        Some(plain) => (plain, true),
        None => (name, false),
    };
    let (distribution, statistic) = plain.rsplit_once('_')?;
    Some((distribution, statistic, answered_only))
}

/// The distribution that a metric speaks of: `latency` of `latency_p90`; `None` of a count or a rate.
pub fn distribution_of(name: &str) -> Option<&str> {
    let (distribution, ..) = parts(name)?;
    crate::scenario::plan::DISTRIBUTIONS.contains(&distribution).then_some(distribution)
}
