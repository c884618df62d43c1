//! Gates: what a scenario expects, held against what was measured. Passed, failed, or cannot be decided.
//!
//! A gate reads the pooled statistic at any n, and its result says of how many. Nothing measured decides nothing: a
//! gate on TTFT of a case that is not streamed is undecided, never passed. (Where every request failed, times are +∞,
//! which is an answer.)

use serde::{Deserialize, Serialize};

use super::metric::{Metric, distribution_of};
use super::quantile::Measured;
use super::summary::Summary;
use crate::scenario::plan::{Comparison, Gate, MetricUnit, metric_unit};

/// What became of a gate in one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateResult {
    /// The metric.
    pub metric: String,
    /// What is expected of it, as typed: `< 8s`.
    pub expected: String,
    /// What was measured, in the column's unit; `None` where nothing was.
    pub measured: Option<Measured>,
    /// Of how many requests (or gaps) the metric speaks.
    pub n: u64,
    /// The result.
    #[serde(flatten)]
    pub state: GateState,
}

/// The result of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum GateState {
    /// As expected.
    Passed,
    /// Not as expected.
    Failed {
        /// Why, as a fragment: `9.2 s is not < 8s`.
        why: String,
    },
    /// The measurement cannot tell.
    Undecided {
        /// Why, as a fragment.
        why: String,
    },
}

/// What is known of the error of one of our own metrics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doubt {
    /// Instrument error of the metric, in milliseconds.
    pub error_ms: f64,
    /// Whether it is over its limit.
    pub invalid: bool,
}

/// Holds every gate against a summary. `doubt` gives a distribution's instrument error by its name, where there is one;
/// with `allow_invalid` an invalid metric is read all the same.
pub fn judge(
    gates: &[Gate],
    summary: &Summary,
    doubt: impl Fn(&str) -> Option<Doubt>,
    allow_invalid: bool,
) -> Vec<GateResult> {
    let result = |gate: &Gate| {
        let metric = summary.metric(&gate.metric);
        let doubt = distribution_of(&gate.metric).and_then(&doubt);
        GateResult {
            metric: gate.metric.clone(),
            expected: gate.text.clone(),
            measured: metric.map(|metric| metric.value),
            n: metric.map_or(0, |metric| metric.n),
            state: state(gate, metric, doubt, allow_invalid),
        }
    };
    gates.iter().map(result).collect()
}

fn state(gate: &Gate, metric: Option<Metric>, doubt: Option<Doubt>, allow_invalid: bool) -> GateState {
    let Some(metric) = metric else {
        return GateState::Undecided { why: format!("{} was not measured", gate.metric) };
    };
    if let (Some(doubt), false) = (doubt, allow_invalid) {
        if doubt.invalid {
            let why = format!("our own error of {} is too large to read this metric", shown(gate, doubt.error_ms));
            return GateState::Undecided { why };
        }
        if within(gate, metric.value.number(), doubt.error_ms) {
            let why = format!(
                "{} is within our own error of {} of the threshold",
                shown(gate, metric.value.number()),
                shown(gate, doubt.error_ms)
            );
            return GateState::Undecided { why };
        }
    }
    if gate.op.holds(metric.value.number(), gate.threshold) {
        return GateState::Passed;
    }
    let value = match metric.value {
        Measured::Value(value) => shown(gate, value),
        Measured::NotReached => "not reached (requests without a proper answer rank there)".to_owned(),
    };
    GateState::Failed { why: format!("{value} is not {}, of {}", gate.text, metric.n) }
}

/// Whether the threshold lies within the error of the value. Where nothing but equality would do, it always may.
fn within(gate: &Gate, value: f64, error: f64) -> bool {
    error > 0.0 && (value - gate.threshold).abs() <= error && !(gate.op == Comparison::Equal && value == gate.threshold)
}

/// A value in the metric's unit, as people write it.
fn shown(gate: &Gate, value: f64) -> String {
    let unit = metric_unit(&gate.metric).unwrap_or(MetricUnit::Count);
    match unit {
        MetricUnit::Milliseconds if value >= 1000.0 => format!("{} s", short(value / 1000.0)),
        MetricUnit::Milliseconds => format!("{} ms", short(value)),
        MetricUnit::Seconds => format!("{} s", short(value)),
        MetricUnit::Share => format!("{} %", short(value * 100.0)),
        MetricUnit::PerSecond => format!("{}/s", short(value)),
        MetricUnit::Count => short(value),
    }
}

/// At most three decimals, no trailing zeros.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
