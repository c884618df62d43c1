//! Gates: what a scenario expects, held against what was measured. Passed, failed, or cannot be decided.
//!
//! A gate reads the pooled statistic at any n, and its result says of how many. Nothing measured decides nothing: a
//! gate on TTFT of a case that is not streamed is undecided, never passed. (Where every request failed, times are +∞,
//! which is an answer.)

use serde::{Deserialize, Serialize};

use super::metric::{Metric, distribution_of};
use super::quantile::Measured;
use super::summary::Summary;
use super::validity::{Label, Validity};
use crate::scenario::plan::{Gate, MetricUnit, metric_unit};

/// What became of a gate in one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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

/// Holds every gate against a summary. Without a validity (a table of requests alone, say) numbers are taken as they
/// are; with `allow_invalid` they are too, and the caller prints the warning.
pub fn judge(gates: &[Gate], summary: &Summary, validity: Option<&Validity>, allow_invalid: bool) -> Vec<GateResult> {
    let validity = validity.filter(|_| !allow_invalid);
    let result = |gate: &Gate| {
        let metric = summary.metric(&gate.metric);
        GateResult {
            metric: gate.metric.clone(),
            expected: gate.text.clone(),
            measured: metric.map(|metric| metric.value),
            n: metric.map_or(0, |metric| metric.n),
            state: metric.map_or_else(
                || GateState::Undecided { why: format!("{} was not measured", gate.metric) },
                |metric| doubted(gate, metric, validity).unwrap_or_else(|| held(gate, metric)),
            ),
        }
    };
    gates.iter().map(result).collect()
}

/// Why our own measurement cannot decide the gate, if it cannot.
fn doubted(gate: &Gate, metric: Metric, validity: Option<&Validity>) -> Option<GateState> {
    let validity = validity?;
    let why = |why: String| Some(GateState::Undecided { why });
    if let Some(check) = validity.broken() {
        return why(format!("the measurement is invalid ({})", check.id));
    }
    let doubt = validity.metrics.get(distribution_of(&gate.metric)?)?;
    let error = doubt.error_ms?;
    if doubt.label == Label::Invalid {
        return why(format!("our own error of {} is too large to read this metric", shown(gate, error)));
    }
    let value = metric.value.number();
    within(gate, value, error).then(|| GateState::Undecided {
        why: format!("{} is within our own error of {} of the threshold", shown(gate, value), shown(gate, error)),
    })
}

fn held(gate: &Gate, metric: Metric) -> GateState {
    if gate.op.holds(metric.value.number(), gate.threshold) {
        return GateState::Passed;
    }
    let value = match metric.value {
        Measured::Value(value) => shown(gate, value),
        Measured::NotReached => "not reached (requests without a proper answer rank there)".to_owned(),
    };
    GateState::Failed { why: format!("{value} is not {}, of {}", gate.text, metric.n) }
}

/// Whether the threshold lies within the error of the value.
fn within(gate: &Gate, value: f64, error: f64) -> bool {
    error > 0.0 && (value - gate.threshold).abs() <= error
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Lag, ReadLag};
    use crate::sample::{Outcome, Sample};
    use crate::scenario::plan::Comparison;
    use crate::stats::testing::{burst, facts, failure, summary};

    fn gate(metric: &str, op: Comparison, threshold: f64, text: &str) -> Gate {
        Gate { metric: metric.into(), op, threshold, text: text.into() }
    }

    fn judged(gate: Gate, samples: &[Sample]) -> GateResult {
        let summary = summary(samples);
        let validity = Validity::of(&summary, &facts());
        judge(&[gate], &summary, Some(&validity), false).remove(0)
    }

    #[test]
    fn a_gate_passes_and_says_of_how_many() {
        let got = judged(gate("latency_p90", Comparison::Less, 8000.0, "< 8s"), &burst());
        let expected = GateResult {
            metric: "latency_p90".into(),
            expected: "< 8s".into(),
            measured: Some(Measured::Value(1246.0)),
            n: 50,
            state: GateState::Passed,
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn a_gate_reads_a_percentile_that_is_too_rare_to_print() {
        let got = judged(gate("latency_p99", Comparison::Less, 1.0, "< 1ms"), &burst());
        assert_eq!(got.state, GateState::Failed { why: "1.25 s is not < 1ms, of 50".into() });
    }

    #[test]
    fn failures_fail_an_upper_gate_that_the_answered_ones_would_pass() {
        let mut samples = burst();
        for user in 1..=10 {
            samples[user as usize - 1] = failure(user, Outcome::RateLimited, 5.0);
        }
        let got = judged(gate("latency_p90", Comparison::Less, 8000.0, "< 8s"), &samples);
        let why = "not reached (requests without a proper answer rank there) is not < 8s, of 50".to_owned();
        assert_eq!((got.measured, got.state), (Some(Measured::NotReached), GateState::Failed { why }));
        let answered = judged(gate("latency_p90_answered", Comparison::Less, 8000.0, "< 8s"), &samples);
        assert_eq!((answered.n, answered.state), (40, GateState::Passed));
        let rate = judged(gate("success_rate", Comparison::AtLeast, 0.9, ">= 90%"), &samples);
        assert_eq!(rate.state, GateState::Failed { why: "80 % is not >= 90%, of 50".into() });
        let count = judged(gate("rate_limited", Comparison::AtMost, 10.0, "<= 10"), &samples);
        assert_eq!((count.measured, count.state), (Some(Measured::Value(10.0)), GateState::Passed));
    }

    #[test]
    fn what_was_not_measured_decides_nothing() {
        let got = judged(gate("goodput", Comparison::AtLeast, 0.9, ">= 90%"), &burst());
        assert_eq!(got.state, GateState::Undecided { why: "goodput was not measured".into() });
    }

    #[test]
    fn a_threshold_within_our_own_error_cannot_be_decided_on_either_side() {
        let mut facts = facts();
        let left = Lag { p99_ms: 4.0, ..Lag::default() };
        facts.read_lag = Some(ReadLag { left, ..ReadLag::default() });
        let summary = summary(&burst());
        let validity = Validity::of(&summary, &facts);
        let states = [1241.0, 1242.0, 1250.0, 1251.0].map(|threshold| {
            let gate = gate("latency_p90", Comparison::Less, threshold, "");
            judge(&[gate], &summary, Some(&validity), false).remove(0).state
        });
        let undecided =
            || GateState::Undecided { why: "1.246 s is within our own error of 4 ms of the threshold".to_owned() };
        let failed = GateState::Failed { why: "1.246 s is not , of 50".to_owned() };
        assert_eq!(states, [failed, undecided(), undecided(), GateState::Passed]);
        let gate = gate("latency_p90", Comparison::Less, 1250.0, "");
        assert_eq!(judge(&[gate], &summary, Some(&validity), true)[0].state, GateState::Passed);
    }

    #[test]
    fn a_broken_measurement_decides_no_gate_unless_that_is_allowed() {
        let mut facts = facts();
        facts.rows = 49;
        let summary = summary(&burst());
        let validity = Validity::of(&summary, &facts);
        let gates = [gate("success_rate", Comparison::AtLeast, 0.9, ">= 90%")];
        let states = [false, true].map(|allow| judge(&gates, &summary, Some(&validity), allow).remove(0).state);
        let why = "the measurement is invalid (conservation)".to_owned();
        assert_eq!(states, [GateState::Undecided { why }, GateState::Passed]);
    }
}
