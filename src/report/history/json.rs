//! A history for programs: one document, with a version.

use std::io::{self, Write};

use serde::Serialize;

use super::CaseHistory;
use crate::report::verdict;
use crate::results::{CaseRun, Run};
use crate::stats::compare::history::Point;

/// Version of the document; it grows when a reader of the one before could be misled.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Serialize)]
struct Document<'a> {
    schema_version: u32,
    scenario: &'a str,
    cases: Vec<CaseDocument<'a>>,
}

/// A case, with one entry a run that has it, the oldest first.
#[derive(Debug, Serialize)]
struct CaseDocument<'a> {
    case: &'a str,
    metric: &'a str,
    runs: Vec<RunDocument<'a>>,
}

/// Unknown is null; so is a percentile that was not reached or has too few samples.
#[derive(Debug, Serialize)]
struct RunDocument<'a> {
    run_id: &'a str,
    started: Option<String>,
    commit: Option<&'a str>,
    dirty: Option<bool>,
    tags: &'a [String],
    label: Option<&'a str>,
    verdict: &'a str,
    requests: u64,
    success_rate: Option<f64>,
    latency_median_ms: Option<f64>,
    latency_p90_ms: Option<f64>,
    /// The metric, in the unit of its column in `summary.csv`.
    value: Option<f64>,
    alarm: Option<AlarmDocument>,
}

/// Between which values 95 % of further runs lie, and by how many earlier runs.
#[derive(Debug, Serialize)]
struct AlarmDocument {
    predicted: [f64; 2],
    runs: usize,
}

/// Writes the document, indented.
pub fn render(scenario: &str, cases: &[CaseHistory<'_>], out: &mut dyn Write) -> io::Result<()> {
    let cases = cases.iter().map(|case| CaseDocument {
        case: &case.label,
        metric: &case.series.metric,
        runs: case
            .runs
            .iter()
            .zip(&case.series.points)
            .filter_map(|((run, of), point)| Some(entry(run, (*of)?, point)))
            .collect(),
    });
    let document = Document { schema_version: SCHEMA_VERSION, scenario, cases: cases.collect() };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn entry<'a>(run: &'a Run, case: &'a CaseRun, point: &Point) -> RunDocument<'a> {
    let manifest = &run.manifest;
    let latency = Some(case.summary.headline()).filter(|_| case.summary.requests > 0);
    RunDocument {
        run_id: &manifest.run_id,
        started: manifest.started.map(|at| at.to_string()),
        commit: manifest.repository.as_ref().map(|repository| repository.commit.as_str()),
        dirty: manifest.repository.as_ref().map(|repository| repository.dirty),
        tags: &manifest.tags,
        label: verdict::label(case).map(|label| label.name()),
        verdict: verdict::Verdict::of_case(run, case).word(),
        requests: case.summary.requests,
        success_rate: case.summary.success_rate.filter(|_| case.summary.requests > 0).map(|share| share.rate),
        latency_median_ms: latency.and_then(|latency| latency.ranked.median.printable()),
        latency_p90_ms: latency.and_then(|latency| latency.ranked.p90.printable()),
        value: point.value,
        alarm: point.alarm.map(|alarm| AlarmDocument { predicted: alarm.predicted, runs: alarm.runs }),
    }
}
