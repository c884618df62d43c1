//! The first line: whether to believe it, and whether it passed.

use crate::report::numbers::count;
use crate::results::{CaseRun, Run};
use crate::stats::validity::Label;
use crate::stats::{GateResult, GateState};

/// What becomes of a case or a run, the better first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No load was sent, and nothing was wrong.
    Empty,
    /// Nothing is expected of it.
    Unjudged,
    /// Every gate passed.
    Passed,
    /// A gate failed.
    Failed,
    /// A target and model did not answer pre-flight.
    PreflightFailed,
    /// A gate cannot be decided, or the measurement is invalid.
    Undecided,
    /// The run is partial: gates are shown, not judged.
    Partial,
}

impl Verdict {
    /// The word in the first line.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Empty => "NO LOAD",
            Verdict::Unjudged => "NOT JUDGED",
            Verdict::Passed => "PASSED",
            Verdict::Failed => "FAILED",
            Verdict::PreflightFailed => "PRE-FLIGHT FAILED",
            Verdict::Undecided => "UNDECIDED",
            Verdict::Partial => "PARTIAL",
        }
    }

    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Empty => "no_load",
            Verdict::Unjudged => "not_judged",
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::PreflightFailed => "preflight_failed",
            Verdict::Undecided => "undecided",
            Verdict::Partial => "partial",
        }
    }

    /// Of one case.
    pub fn of_case(run: &Run, case: &CaseRun) -> Verdict {
        if case.summary.requests == 0 {
            return if preflight_failed(run, case) { Verdict::PreflightFailed } else { Verdict::Empty };
        }
        if !run.state.is_complete() {
            return Verdict::Partial;
        }
        if label(case) == Some(Label::Invalid) && !run.manifest.allow_invalid {
            return Verdict::Undecided;
        }
        let of_gate = |gate: &GateResult| match gate.state {
            GateState::Passed => Verdict::Passed,
            GateState::Failed { .. } => Verdict::Failed,
            GateState::Undecided { .. } => Verdict::Undecided,
        };
        case.gates.iter().map(of_gate).max().unwrap_or(Verdict::Unjudged)
    }

    /// Of a run: the worst of its cases.
    pub fn of_run(run: &Run) -> Verdict {
        if !run.state.is_complete() {
            return Verdict::Partial;
        }
        run.cases.iter().map(|case| Verdict::of_case(run, case)).max().unwrap_or(Verdict::Empty)
    }
}

/// Whether the numbers of a case can be believed; `None` where nothing tells.
pub fn label(case: &CaseRun) -> Option<Label> {
    case.validity.as_ref().map(|validity| validity.label)
}

/// A run's first line: `VALID · PASSED · 6 of 6 cases passed`.
pub fn headline(run: &Run) -> String {
    let verdict = Verdict::of_run(run);
    if verdict == Verdict::Partial {
        let why = run.state.partial.join("; ");
        return format!("PARTIAL: {why}. Gates are shown, not judged");
    }
    let loaded: Vec<&CaseRun> = run.cases.iter().filter(|case| case.summary.requests > 0).collect();
    let labels: Vec<Option<Label>> = loaded.iter().map(|case| label(case)).collect();
    let believed = believed(&labels);
    let passed = loaded.iter().filter(|case| Verdict::of_case(run, case) == Verdict::Passed).count();
    let cases = count(run.cases.len() as u64, "case");
    format!("{believed} · {} · {passed} of {cases} passed", verdict.word())
}

/// The worst label, in a word.
fn believed(labels: &[Option<Label>]) -> String {
    if labels.is_empty() || labels.contains(&None) {
        return "validity not checked".to_owned();
    }
    labels.iter().copied().flatten().max().map_or("", Label::name).to_uppercase()
}

/// A case's first line: `VALID · PASSED 2 of 2 gates`.
pub fn case_headline(run: &Run, case: &CaseRun) -> String {
    let verdict = Verdict::of_case(run, case);
    if case.summary.requests == 0 {
        return verdict.word().to_owned();
    }
    let passed = case.gates.iter().filter(|gate| gate.state == GateState::Passed).count();
    let gates = match case.gates.len() {
        0 => "nothing expected".to_owned(),
        all => format!("{passed} of {} passed", count(all as u64, "gate")),
    };
    format!("{} · {} · {gates}", believed(&[label(case)]), verdict.word())
}

fn preflight_failed(run: &Run, case: &CaseRun) -> bool {
    let of = |target: &str, model: &str| target == case.facts.target && model == case.facts.model;
    run.manifest.preflights.iter().any(|found| of(&found.target, &found.model) && !found.passed)
}
