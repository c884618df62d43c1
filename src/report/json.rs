//! `summary.json`: everything that the other renderings say, for programs.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::Advice;
use crate::report::verdict::{self, Verdict};
use crate::report::view;
use crate::results::{CaseRun, Run};
use crate::stats::validity::Validity;
use crate::stats::{GateResult, Summary};

/// Version of the document; it grows when a reader of the one before could be misled.
pub const SCHEMA_VERSION: u32 = 1;

/// `summary.json` of lamb-load: a run, and each of its cases.
#[derive(Serialize, JsonSchema)]
struct Document<'a> {
    /// Version of this document.
    schema_version: u32,
    /// The run's own name: its folder.
    run_id: &'a str,
    /// The scenario's name.
    scenario: &'a str,
    /// What the scenario says of itself.
    description: Option<&'a str>,
    /// Labels of the run.
    tags: &'a [String],
    /// When it began, in UTC.
    started: Option<String>,
    /// When it ended, in UTC.
    ended: Option<String>,
    /// Everything random derives from it.
    seed: u64,
    /// The run's first line.
    headline: String,
    /// `passed`, `failed`, `undecided` …: the worst of the cases.
    verdict: &'static str,
    /// Whether the run went to its end.
    complete: bool,
    /// Why the run is partial.
    partial: &'a [String],
    /// Rows of requests.csv.
    rows: u64,
    /// Rows that could not be read.
    unreadable_rows: u64,
    /// SHA-256 of the scenario.
    scenario_hash: &'a str,
    /// SHA-256 of every prompt in order.
    prompts_hash: &'a str,
    /// In the order in which they were run.
    cases: Vec<Case<'a>>,
}

/// One case: target, model, prompts, load.
#[derive(Serialize, JsonSchema)]
struct Case<'a> {
    /// Its label: `target/model/prompts/load`.
    case: &'a str,
    /// What its gates say.
    verdict: &'static str,
    /// Its first line.
    headline: String,
    /// Its rounds pooled.
    summary: &'a Summary,
    /// Its rounds, in order.
    rounds: &'a [Summary],
    /// Whether the measurement can be believed; `null` where nothing tells.
    validity: Option<&'a Validity>,
    /// The lines of `[expect]`.
    gates: &'a [GateResult],
    /// What to do about each group of failures, in the order of the summary's.
    advice: Vec<Option<String>>,
    /// Advice beside the numbers.
    notes: Vec<String>,
    /// Requests that were sent before, and count nowhere.
    warmups: u64,
}

/// The JSON Schema of this document.
pub fn schema() -> String {
    let generator = schemars::generate::SchemaSettings::draft07().into_generator();
    let mut text = serde_json::to_string_pretty(&generator.into_root_schema_for::<Document<'static>>())
        .expect("a schema is plain data");
    text.push('\n');
    text
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
    fn the_published_schema_describes_the_document() {
        let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
        let mut out = Vec::new();
        render(&some_run(), &advice, &mut out).unwrap();
        let mut document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let described = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<String> =
            described.iter_errors(&document).map(|error| format!("{error}: {}", error.instance_path())).collect();
        assert_eq!(wrong, Vec::<String>::new());
        document["cases"][0]["summary"]["latency"]["ranked"]["p90"]["state"] = "perhaps".into();
        assert!(!described.is_valid(&document), "a state that is none");
    }

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
