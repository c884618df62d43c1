//! `lamb-load history`: a scenario over its runs.

use std::path::Path;

use anyhow::bail;

use super::out::{Out, colour};
use super::run::RESULTS;
use super::{Exit, compare, warn};
use crate::cli::{Format, History};
use crate::report::history::{self, CaseHistory};
use crate::results::{self, Run};
use crate::scenario::plan::CaseKey;

/// Prints one line a run, case by case.
pub(super) fn history(args: History) -> anyhow::Result<Exit> {
    if let Some(metric) = &args.metric {
        compare::check_metric(metric)?;
    }
    let out = args.out.as_deref().unwrap_or(Path::new(RESULTS));
    let places = results::all_runs(out, &args.scenario);
    if places.is_empty() {
        bail!(
            "{}: no runs of it in {}; `lamb-load results` lists which scenarios have some",
            args.scenario,
            out.display()
        );
    }
    let mut runs = Vec::new();
    for place in &places[places.len().saturating_sub(args.last)..] {
        match results::read(place) {
            Ok(run) => runs.push(run),
            Err(error) => warn(&format!("warning: left out: {error}")),
        }
    }
    let cases: Vec<CaseHistory<'_>> = keys(&runs).iter().map(|key| case(&runs, key, args.metric.as_deref())).collect();
    let mut page = Vec::new();
    match args.format {
        Format::Text => history::render(&args.scenario, &cases, colour(), &mut page)?,
        Format::Json => history::json::render(&args.scenario, &cases, &mut page)?,
    }
    Out::new().text(&String::from_utf8_lossy(&page));
    Ok(Exit::Passed)
}

/// The cases of the newest run, then those that only earlier ones have.
fn keys(runs: &[Run]) -> Vec<CaseKey> {
    let mut keys = Vec::new();
    for case in runs.iter().rev().flat_map(|run| &run.cases) {
        let key = case.facts.key();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn case<'a>(runs: &'a [Run], key: &CaseKey, metric: Option<&str>) -> CaseHistory<'a> {
    let of = |run: &'a Run| (run, run.cases.iter().find(|case| case.facts.key() == *key));
    let metric = metric.map(str::to_owned).or_else(|| match runs.last()?.manifest.relative_gates().as_slice() {
        [one] => Some(one.metric.clone()),
        _ => None,
    });
    CaseHistory {
        label: key.to_string(),
        runs: runs.iter().map(of).collect(),
        series: results::series(runs, key, metric.as_deref()),
    }
}
