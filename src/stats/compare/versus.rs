//! `[expect] vs_baseline`: gates on a ratio, judged by a comparison. Passed, failed, or cannot be decided.
//!
//! Failed is certainly slower, and by more than is accepted; passed is certainly not slower than that. What is not
//! comparable, and what too few rounds cannot tell, cannot be decided.

use super::verdict::Verdict;
use super::{CaseComparison, Options};
use crate::scenario::plan::{Comparison, RelativeGate};
use crate::stats::gates::{GateResult, GateState};
use crate::stats::quantile::Measured;

/// How two runs are compared for this gate: by its metric, with what it accepts as the tolerance.
pub fn options(gate: &RelativeGate) -> Options {
    // A rate that is a tenth lower is as bad as a time that is a ninth longer.
    let tolerance = if gate.change < 0.0 { 1.0 / (1.0 + gate.change) - 1.0 } else { gate.change };
    Options { tolerance, metric: Some(gate.metric.clone()), ..Options::default() }
}

/// Holds the gate against one case of a comparison made with [`options`]; `None` is a case that the baseline lacks.
pub fn judge(gate: &RelativeGate, case: Option<&CaseComparison>) -> GateResult {
    GateResult {
        metric: format!("vs_baseline.{}", gate.metric),
        expected: gate.text.clone(),
        measured: case.and_then(|case| case.ratio).map(|ratio| Measured::Value(ratio - 1.0)),
        n: case.map_or(0, |case| case.answered[1][1]),
        state: state(gate, case),
    }
}

fn state(gate: &RelativeGate, case: Option<&CaseComparison>) -> GateState {
    let undecided = |why: &str| GateState::Undecided { why: why.to_owned() };
    let Some(case) = case else { return undecided("the baseline has no such case") };
    match case.verdict {
        Verdict::Worse => GateState::Failed { why: why(gate, case) },
        Verdict::Better | Verdict::Same => GateState::Passed,
        Verdict::SlightlyWorse | Verdict::Inconclusive if is_within(gate, case) => GateState::Passed,
        Verdict::SlightlyWorse | Verdict::Inconclusive | Verdict::None => {
            undecided(case.why.as_deref().unwrap_or("there is nothing that a verdict could rest on"))
        }
    }
}

/// Whether the end of the 90 % interval that matters is accepted: 95 % to one side.
fn is_within(gate: &RelativeGate, case: &CaseComparison) -> bool {
    let Some([low, high]) = case.bounds else { return false };
    match gate.op {
        Comparison::Greater | Comparison::AtLeast => low >= 1.0 + gate.change,
        _ => high <= 1.0 + gate.change,
    }
}

fn why(gate: &RelativeGate, case: &CaseComparison) -> String {
    let change = |ratio: f64| format!("{:+.1} %", (ratio - 1.0) * 100.0);
    let ratio = case.ratio.map(change).unwrap_or_default();
    let interval = case.interval.map(|[low, high]| format!(" (95 %: {} to {})", change(low), change(high)));
    let [before, after] = [case.rounds[0].len(), case.rounds[1].len()];
    format!("{ratio}{} is not {}, of {before} and {after} rounds", interval.unwrap_or_default(), gate.text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{compared, rounds};
    use super::*;

    fn gate(metric: &str, op: Comparison, change: f64, text: &str) -> RelativeGate {
        RelativeGate { metric: metric.into(), op, change, text: text.into() }
    }

    fn judged(gate: &RelativeGate, before: &[f64], after: &[f64]) -> GateResult {
        judge(gate, Some(&compared(&rounds(before), &rounds(after), &options(gate))))
    }

    #[test]
    fn certainly_slower_and_perhaps_by_more_than_is_accepted_cannot_be_decided() {
        let gate = gate("latency_p90", Comparison::AtMost, 0.15, "<= +15%");
        let got = judged(&gate, &[1.0, 1.05, 0.95, 1.0], &[1.14, 1.2, 1.08, 1.14]);
        assert!(matches!(got.state, GateState::Undecided { .. }), "{:?}", got.state);
    }

    #[test]
    fn slower_by_more_than_is_accepted_fails_and_says_by_how_much() {
        let gate = gate("latency_p90", Comparison::AtMost, 0.15, "<= +15%");
        let got = judged(&gate, &[1.0, 1.02, 0.99, 1.01], &[1.25, 1.27, 1.24, 1.26]);
        let why = "+24.9 % (95 %: +22.4 % to +27.4 %) is not <= +15%, of 4 and 4 rounds".to_owned();
        assert_eq!((got.metric.as_str(), got.n, got.state), ("vs_baseline.latency_p90", 30, GateState::Failed { why }));
        let Some(Measured::Value(change)) = got.measured else { panic!("{:?}", got.measured) };
        assert!((change - 0.249).abs() < 0.001, "{change}");
    }

    #[test]
    fn certainly_not_slower_than_accepted_passes_however_much_faster_it_may_be() {
        let gate = gate("latency_p90", Comparison::AtMost, 0.15, "<= +15%");
        for after in [[1.05, 1.07, 1.04, 1.06], [0.5, 0.52, 0.51, 0.5], [0.6, 1.02, 0.8, 0.95]] {
            assert_eq!(judged(&gate, &[1.0, 1.02, 0.99, 1.01], &after).state, GateState::Passed, "{after:?}");
        }
    }

    #[test]
    fn what_rounds_cannot_tell_cannot_be_decided() {
        let gate = gate("latency_p90", Comparison::AtMost, 0.15, "<= +15%");
        let why = |got: GateResult| match got.state {
            GateState::Undecided { why } => why,
            other => panic!("{other:?}"),
        };
        assert!(why(judged(&gate, &[1.0, 1.4, 0.8], &[1.1, 1.6, 0.9])).starts_with("cannot tell yet: about "));
        assert!(why(judged(&gate, &[1.0], &[1.1])).starts_with("one round a side"));
        assert_eq!(why(judge(&gate, None)), "the baseline has no such case");
    }

    #[test]
    fn a_rate_may_be_lower_by_a_share() {
        let gate = gate("requests_per_s", Comparison::AtLeast, -0.1, ">= -10%");
        assert!((options(&gate).tolerance - 0.1111).abs() < 1e-4);
        let before = [1.0, 1.02, 0.99, 1.01];
        let failed = judged(&gate, &before, &[1.25, 1.27, 1.24, 1.26]);
        assert!(matches!(failed.state, GateState::Failed { .. }), "{failed:?}");
        assert_eq!(judged(&gate, &before, &[1.02, 1.03, 1.01, 1.04]).state, GateState::Passed);
    }
}
