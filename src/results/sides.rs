//! A run as one side of a comparison: its cases, and what is known of them beside their numbers.

use std::collections::BTreeMap;

use crate::results::parts::CaseFacts;
use crate::results::run::{CaseRun, Run};
use crate::scenario::plan::CaseKey;
use crate::stats::compare::comparable::Provenance;
use crate::stats::compare::history::{self, Series};
use crate::stats::compare::{Comparison, Options, Side};

/// Two runs, compared case by case.
pub fn compare(before: &Run, after: &Run, options: &Options) -> Comparison {
    let known = [before, after].map(provenances);
    let sides = [sides(before, &known[0]), sides(after, &known[1])];
    Comparison::of(&sides[0], &sides[1], options)
}

/// One case over several runs, the oldest first.
pub fn series(runs: &[Run], key: &CaseKey, metric: Option<&str>) -> Series {
    let cases: Vec<Option<(&CaseRun, Provenance)>> = runs
        .iter()
        .map(|run| run.cases.iter().find(|case| case.facts.key() == *key).map(|case| (case, provenance(run, case))))
        .collect();
    let sides: Vec<Option<Side<'_>>> = cases
        .iter()
        .map(|case| {
            let (case, provenance) = case.as_ref()?;
            Some(Side { pooled: &case.summary, rounds: &case.rounds, provenance })
        })
        .collect();
    history::series(&sides, metric)
}

fn provenances(run: &Run) -> Vec<Provenance> {
    run.cases.iter().map(|case| provenance(run, case)).collect()
}

fn sides<'a>(run: &'a Run, provenances: &'a [Provenance]) -> Vec<Side<'a>> {
    let side = |(case, provenance): (&'a CaseRun, _)| Side { pooled: &case.summary, rounds: &case.rounds, provenance };
    run.cases.iter().zip(provenances).map(side).collect()
}

/// What the manifest tells of a case; of a lone table nothing is known.
fn provenance(run: &Run, case: &CaseRun) -> Provenance {
    let validity = case.validity.as_ref().map(|validity| validity.label);
    let labels = case.validity.iter().flat_map(|validity| &validity.metrics);
    let metrics = labels.map(|(name, metric)| (name.clone(), metric.label)).collect();
    let manifest = &run.manifest;
    // A case that the manifest does not plan has facts of its rows only.
    let planned = run.state.has_manifest && manifest.cases.iter().any(|facts| facts.key() == case.facts.key());
    if !planned {
        return Provenance { validity, metrics, ..Provenance::default() };
    }
    Provenance {
        prompts_hash: Some(manifest.prompts_hash.clone()).filter(|hash| !hash.is_empty()),
        stream: Some(case.facts.stream),
        max_tokens: Some(max_tokens(&case.facts)),
        parameters: case.facts.parameters.clone().map(|parameters| with_load(parameters, &case.facts)),
        major_version: manifest.tool.as_ref().and_then(|tool| tool.version.split('.').next()?.parse().ok()),
        validity,
        metrics,
        allow_invalid: manifest.allow_invalid,
        cut_short: cut_short(run, case),
    }
}

/// Why the last round of a loop ended before its time: how many requests a loop should have is not planned, so a part
/// of one has no rows missing. It is the last case that was begun.
fn cut_short(run: &Run, case: &CaseRun) -> Option<String> {
    let manifest = &run.manifest;
    if !case.facts.closed || (manifest.ended_early.is_none() && manifest.ended.is_some()) {
        return None;
    }
    let last = run.cases.iter().rfind(|case| case.summary.requests > 0)?;
    let is_last = last.facts.key() == case.facts.key();
    let why = manifest.ended_early.clone().unwrap_or_else(|| "the run was killed, or is still going on".to_owned());
    is_last.then_some(why)
}

/// How requests are sent is as much a parameter as what is in them.
fn with_load(mut parameters: BTreeMap<String, String>, facts: &CaseFacts) -> BTreeMap<String, String> {
    let connections = if facts.cold { "cold" } else { "warm" };
    parameters.insert("connections".to_owned(), connections.to_owned());
    if facts.spread_ms > 0.0 {
        parameters.insert("spread".to_owned(), format!("{} ms", facts.spread_ms));
    }
    parameters
}

/// As the scenario has it; empty is none.
fn max_tokens(facts: &CaseFacts) -> String {
    facts.max_tokens.map(|tokens| tokens.to_string()).unwrap_or_default()
}
