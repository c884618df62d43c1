//! `summary.json`: everything that the other renderings say, for programs.

use std::io::{self, Write};

use serde::Serialize;

use crate::report::Advice;
use crate::report::verdict::{self, Verdict};
use crate::report::view;
use crate::results::{CaseRun, Run};
use crate::stats::validity::Validity;
use crate::stats::{GateResult, Summary};

/// Version of the document; it grows when a reader of the one before could be misled.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    run_id: &'a str,
    scenario: &'a str,
    description: Option<&'a str>,
    tags: &'a [String],
    started: Option<String>,
    ended: Option<String>,
    seed: u64,
    /// The run's first line.
    headline: String,
    verdict: &'static str,
    complete: bool,
    /// Why the run is partial.
    partial: &'a [String],
    rows: u64,
    unreadable_rows: u64,
    scenario_hash: &'a str,
    prompts_hash: &'a str,
    cases: Vec<Case<'a>>,
}

#[derive(Serialize)]
struct Case<'a> {
    case: &'a str,
    verdict: &'static str,
    headline: String,
    summary: &'a Summary,
    rounds: &'a [Summary],
    validity: Option<&'a Validity>,
    gates: &'a [GateResult],
    /// What to do about each group of failures, in the order of the summary's.
    advice: Vec<Option<String>>,
    notes: Vec<String>,
    warmups: u64,
}

/// Writes the document, indented.
pub fn render(run: &Run, advice: Advice<'_>, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(run, advice))?;
    writeln!(out)
}

/// The same on one line: several scenarios of one command are one document a line.
pub fn render_line(run: &Run, advice: Advice<'_>, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &document(run, advice))?;
    writeln!(out)
}

fn document<'a>(run: &'a Run, advice: Advice<'_>) -> Document<'a> {
    let manifest = &run.manifest;
    Document {
        schema_version: SCHEMA_VERSION,
        run_id: &manifest.run_id,
        scenario: &manifest.scenario,
        description: manifest.description.as_deref(),
        tags: &manifest.tags,
        started: manifest.started.map(|started| started.to_string()),
        ended: manifest.ended.map(|ended| ended.to_string()),
        seed: manifest.seed,
        headline: verdict::headline(run),
        verdict: Verdict::of_run(run).name(),
        complete: run.state.is_complete(),
        partial: &run.state.partial,
        rows: run.rows,
        unreadable_rows: run.state.unreadable,
        scenario_hash: &manifest.scenario_hash,
        prompts_hash: &manifest.prompts_hash,
        cases: run.cases.iter().map(|case| part(run, case, advice)).collect(),
    }
}

fn part<'a>(run: &Run, case: &'a CaseRun, advice: Advice<'_>) -> Case<'a> {
    let view = view::case(run, case, advice);
    Case {
        case: &case.facts.case,
        verdict: Verdict::of_case(run, case).name(),
        headline: view.headline,
        summary: &case.summary,
        rounds: &case.rounds,
        validity: case.validity.as_ref(),
        gates: &case.gates,
        advice: view.failures.into_iter().map(|failure| failure.advice).collect(),
        notes: view.notes,
        warmups: case.warmups,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{advice, some_run};

    #[test]
    fn a_document_says_what_a_program_asks_for() {
        let run = some_run();
        let mut out = Vec::new();
        render(&run, &advice, &mut out).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let at = |pointer: &str| document.pointer(pointer).unwrap().clone();
        assert_eq!(at("/schema_version"), 1);
        assert_eq!(at("/verdict"), "failed");
        assert_eq!(at("/cases/1/verdict"), "passed");
        assert_eq!(at("/cases/1/summary/latency/ranked/p90/value"), 1947.003);
        assert_eq!(at("/cases/1/summary/latency/ranked/p95/state"), "not_reached");
        assert_eq!(at("/cases/1/validity/metrics/latency/label"), "valid");
        assert_eq!(at("/cases/0/gates/0/state"), "failed");
        assert_eq!(at("/cases/0/advice/0"), "look into the log of a server of kind auto");
        let back: Summary = serde_json::from_value(at("/cases/0/summary")).unwrap();
        assert_eq!(back, run.cases[0].summary);
        let mut line = Vec::new();
        render_line(&run, &advice, &mut line).unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&line).unwrap(), document);
    }
}
