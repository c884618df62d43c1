//! `lamb-load results`: which runs there are, and which one is kept.

use std::path::{Path, PathBuf};

use anyhow::Context;
use comfy_table::Table;

use super::Exit;
use super::out::Out;
use super::report::find;
use super::run::RESULTS;
use crate::cli::{Results, ResultsVerb};
use crate::report::verdict::Verdict;
use crate::results;

/// Lists, or keeps.
pub(super) fn results(args: Results) -> anyhow::Result<Exit> {
    let out_dir = args.out.clone().unwrap_or_else(|| PathBuf::from(RESULTS));
    match args.verb.unwrap_or(ResultsVerb::List) {
        ResultsVerb::List => list(&out_dir),
        ResultsVerb::Keep { run } => keep(&out_dir, &run),
    }
}

fn list(out_dir: &Path) -> anyhow::Result<Exit> {
    let mut out = Out::new();
    let runs = if out_dir.is_dir() { results::list(out_dir)? } else { Vec::new() };
    if runs.is_empty() {
        out.line(&format!("no runs in {}", out_dir.display()));
        return Ok(Exit::Passed);
    }
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_header(["scenario", "run", "started", "cases", "requests", "verdict"]);
    for folder in runs {
        let name = |path: Option<&Path>| {
            path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let (scenario, id) = (name(folder.parent()), name(Some(&folder)));
        let row = match results::read(&folder) {
            Ok(run) => {
                let started = run.manifest.started.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string());
                let requests: u64 = run.cases.iter().map(|case| case.summary.requests).sum();
                let verdict = Verdict::of_run(&run).word().to_owned();
                [scenario, id, started.unwrap_or_default(), run.cases.len().to_string(), requests.to_string(), verdict]
            }
            Err(error) => [scenario, id, String::new(), String::new(), String::new(), error.to_string()],
        };
        table.add_row(row);
    }
    out.line(&table.trim_fmt());
    Ok(Exit::Passed)
}

fn keep(out_dir: &Path, run: &Path) -> anyhow::Result<Exit> {
    let place = find(Some(out_dir), run)?;
    let folder = if place.is_dir() { place } else { place.parent().unwrap_or(Path::new(".")).to_path_buf() };
    let manifest = results::read(&folder)?.manifest;
    let kept = results::keep(out_dir, &manifest.scenario, &folder).context("keep")?;
    Out::new().line(&format!("kept {} as {}", folder.display(), kept.display()));
    Ok(Exit::Passed)
}
