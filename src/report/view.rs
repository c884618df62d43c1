//! What is said of a case, in words and in order, before anybody decides how it looks.
//!
//! Text and Markdown show the same lines; each escapes them its own way. Strings of servers are made printable here.

use crate::report::Advice;
use crate::report::measured::{self, Line};
use crate::report::numbers::{count, time};
use crate::report::verdict;
use crate::results::cell::printable;
use crate::results::{CaseRun, Run};
use crate::stats::compare::slo;
use crate::stats::failures::FailureGroup;
use crate::stats::{GateResult, GateState, Summary};

/// Ranges of users that are written out of a group of failures.
const USER_RANGES: usize = 6;

/// Groups of failures that are shown.
const GROUPS: usize = 8;

/// A connection older than this may be closed before it is used.
const OLD_MS: f64 = 2000.0;

/// Characters of an example that are shown.
const EXAMPLE: usize = 200;

/// A case, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseView {
    /// `target/model/prompts/load`.
    pub label: String,
    /// Validity and verdict.
    pub headline: String,
    /// What was asked for: users, rounds, streamed.
    pub asked: String,
    /// What was measured.
    pub lines: Vec<Line>,
    /// Failures by cause.
    pub failures: Vec<FailureView>,
    /// Causes that are not shown.
    pub more_failures: usize,
    /// What the scenario expects, and whether it was met.
    pub gates: Vec<GateView>,
    /// What to know beside the numbers.
    pub notes: Vec<String>,
}

/// Failures of one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureView {
    /// How many, and why.
    pub headline: String,
    /// Which users.
    pub who: String,
    /// What the first of them said.
    pub example: Option<String>,
    /// What to do.
    pub advice: Option<String>,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateView {
    /// `passed`, `failed` or `undecided`.
    pub state: &'static str,
    /// What is expected.
    pub expected: String,
    /// Why it was not met, or cannot be told.
    pub why: Option<String>,
}

/// A case in words.
pub fn case(run: &Run, case: &CaseRun, advice: Advice<'_>) -> CaseView {
    let groups = &case.summary.failure_groups;
    CaseView {
        label: printable(&case.facts.case).into_owned(),
        headline: verdict::case_headline(run, case),
        asked: asked(case),
        lines: if case.summary.requests > 0 { measured::lines(case) } else { Vec::new() },
        failures: groups.iter().take(GROUPS).map(|group| failure(run, case, group, advice)).collect(),
        more_failures: groups.len().saturating_sub(GROUPS),
        gates: case.gates.iter().map(|one| gate(run, case, one)).collect(),
        notes: notes(run, case),
    }
}

fn asked(case: &CaseRun) -> String {
    let mut parts = vec![count(u64::from(case.facts.users), "user")];
    if case.facts.closed {
        let much = match (case.facts.duration_ms, case.facts.requests) {
            (Some(ms), _) => format!(" for {}", time(ms)),
            (None, Some(requests)) => format!(", {} in all", count(requests, "request")),
            (None, None) => String::new(),
        };
        parts.push(format!("a closed loop{much}"));
    }
    if case.summary.rounds > 1 {
        parts.push(format!("{} rounds", case.summary.rounds));
    }
    if case.summary.subject.stream {
        parts.push("streamed".to_owned());
    }
    if case.summary.subject.cold {
        parts.push("cold connections".to_owned());
    }
    parts.join(", ")
}

fn failure(run: &Run, case: &CaseRun, group: &FailureGroup, advice: Advice<'_>) -> FailureView {
    let target = run.manifest.targets.iter().find(|target| target.name == case.facts.target);
    let kind = target.map_or("auto", |target| target.server.as_str());
    FailureView {
        headline: group.headline(case.summary.requests),
        who: group.who(USER_RANGES),
        example: group.example.as_deref().map(|example| shortened(&printable(example))),
        advice: advice(kind, group),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(EXAMPLE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn gate(run: &Run, case: &CaseRun, gate: &GateResult) -> GateView {
    let (state, why) = match &gate.state {
        GateState::Passed => ("passed", proof(run, case, gate).map(str::to_owned)),
        GateState::Failed { why } => ("failed", Some(why.clone())),
        GateState::Undecided { why } => ("undecided", Some(why.clone())),
    };
    GateView { state, expected: format!("{} {}", gate.metric, printable(&gate.expected)), why }
}

/// Whether several rounds only happened to pass, or demonstrate that the next will; of one round nobody asks.
fn proof(run: &Run, case: &CaseRun, passed: &GateResult) -> Option<&'static str> {
    if case.rounds.len() < 2 {
        return None;
    }
    let typed = run.manifest.gates.iter().filter_map(|gate| gate.gate());
    let gate = typed.into_iter().find(|gate| gate.metric == passed.metric && gate.text == passed.expected)?;
    let value = |round: &Summary| Some(round.metric(&gate.metric)?.value.number());
    let values: Vec<f64> = case.rounds.iter().filter_map(value).collect();
    let is_demonstrated = slo::demonstrated(&values, gate.op, gate.threshold) == Some(true);
    Some(if is_demonstrated { "demonstrated at 95 %" } else { "in these rounds" })
}

fn notes(run: &Run, case: &CaseRun) -> Vec<String> {
    let mut notes = Vec::new();
    let is_same = |target: &str, model: &str| target == case.facts.target && model == case.facts.model;
    // What pre-flight found is said once, with the first case that it was for.
    let first = run.cases.iter().find(|other| is_same(&other.facts.target, &other.facts.model));
    let is_first = first.is_some_and(|first| first.facts.key() == case.facts.key());
    let preflights = run.manifest.preflights.iter().filter(|found| is_same(&found.target, &found.model));
    for found in preflights.filter(|found| is_first || !found.passed) {
        let problem = [found.sentence.as_deref(), found.hint.as_deref().filter(|_| !found.passed)];
        notes.extend(problem.into_iter().flatten().map(|text| printable(text).into_owned()));
        notes.extend(found.notes.iter().map(|note| printable(note).into_owned()));
    }
    if let Some(validity) = &case.validity {
        notes.extend(validity.fired().iter().map(|check| format!("{}: {}", check.id, printable(&check.sentence))));
        if !validity.unchecked.is_empty() {
            notes.push(format!("not checked: {}", printable(&validity.unchecked.join("; "))));
        }
    }
    let oldest = case.client.as_ref().and_then(|client| client.oldest_connection_ms);
    if let Some(oldest) = oldest.filter(|ms| *ms > OLD_MS) {
        let age = time(oldest);
        notes.push(format!(
            "a connection was {age} old at the start: servers such as uvicorn close idle ones after 5 s"
        ));
    }
    if let Some(again) = case.client.as_ref().map(|client| client.reconnected).filter(|times| *times > 0) {
        let times = count(again, "time");
        notes.push(format!(
            "{times} the server closed a connection after an answer, and the next request opened another"
        ));
    }
    if run.manifest.preflight_requests == 0 && case.summary.requests > 0 && run.state.has_manifest {
        notes.push("pre-flight was off: nothing was known to answer before the load".to_owned());
    }
    notes
}
