//! `lamb-load compare`: runs held against one of them.

use std::path::Path;

use anyhow::{Context, anyhow, bail};

use super::Exit;
use super::out::{Out, colour};
use super::run::RESULTS;
use crate::cli::{Across, Compare, ComparisonFormat, FailOn, HowToCompare};
use crate::report::comparison::{Compared, Word, json, markdown, text};
use crate::report::html;
use crate::results::{self, Found, Run};
use crate::scenario::plan::CaseKey;
use crate::scenario::units::parse_share;
use crate::stats::compare::{CaseComparison, Options, versus};
use crate::stats::metric::{MetricUnit, metric_unit};

/// Compares, prints, and says by its exit what was found.
pub(super) fn compare(args: Compare) -> anyhow::Result<Exit> {
    let mut options = options(&args.how)?;
    let (before, after) = runs(&args)?;
    // What the scenario holds against a baseline is what it is compared by.
    if let [one] = after.first().map(|found| found.run.manifest.relative_gates()).unwrap_or_default().as_slice() {
        let named = versus::options(one);
        options.tolerance = if args.how.tolerance.is_some() { options.tolerance } else { named.tolerance };
        options.metric = options.metric.or(named.metric);
    }
    check(&after.iter().chain([&before]).collect::<Vec<_>>(), args.how.across)?;
    let against = |other: &Found| {
        let options = results::ab::options(&before.run, &other.run, &options);
        Compared::of((&before.place, &before.run), (&other.place, &other.run), &options)
    };
    let all: Vec<Compared> = after.iter().map(against).collect();
    let runs: Vec<&Run> = std::iter::once(&before).chain(&after).map(|found| &found.run).collect();
    print(&all, &runs, args.format)?;
    Ok(exit(&all, &args.how))
}

/// What the flags say of how to compare.
pub(super) fn options(how: &HowToCompare) -> anyhow::Result<Options> {
    let tolerance = how.tolerance.as_deref().map(parse_share).transpose();
    let tolerance = tolerance.map_err(|why| anyhow!("--tolerance: {why}"))?;
    if tolerance.is_some_and(|tolerance| tolerance <= 0.0) {
        bail!("--tolerance: no difference is smaller than 0 %; write 5% or more");
    }
    if let Some(metric) = &how.metric {
        check_metric(metric)?;
    }
    let varied = how.across.map(|_| axis(how.across).to_owned());
    let tolerance = tolerance.unwrap_or(Options::default().tolerance);
    Ok(Options { tolerance, metric: how.metric.clone(), varied: varied.into_iter().collect(), ..Options::default() })
}

/// Whether a metric can be compared by its ratio.
pub(super) fn check_metric(metric: &str) -> anyhow::Result<()> {
    match metric_unit(metric) {
        Some(MetricUnit::Milliseconds | MetricUnit::Seconds | MetricUnit::PerSecond) => Ok(()),
        Some(MetricUnit::Share | MetricUnit::Count) => bail!(
            "--metric: {metric} is a share or a count, which a ratio of rounds cannot judge; put a gate on it in [expect]"
        ),
        None => bail!(
            "--metric: there is no metric {metric}; a metric is named as in summary.csv, without its unit: latency_p90"
        ),
    }
}

/// The run that the others are held against, and the others.
fn runs(args: &Compare) -> anyhow::Result<(Found, Vec<Found>)> {
    let out = args.out.as_deref().unwrap_or(Path::new(RESULTS));
    let open = |what: &String| results::open(out, what);
    let (before, others) = match (&args.baseline, args.runs.as_slice()) {
        (Some(baseline), runs) => {
            let after = open_all(out, runs)?;
            let scenario = after.first().map_or("", |found| found.run.manifest.scenario.as_str());
            (results::baseline(out, scenario, baseline).context("--baseline")?, after)
        }
        (None, [one]) if args.how.across.is_some() => {
            let mut parts = parts(&open(one)?, args.how.across)?;
            (parts.remove(0), parts)
        }
        (None, [one]) => {
            let [before, after] = results::last_two(out, one)?;
            (before, vec![after])
        }
        (None, []) => bail!("name the runs to compare"),
        (None, all) => {
            let mut all = open_all(out, all)?;
            (all.remove(0), all)
        }
    };
    Ok((before, others))
}

/// Reads runs two at a time: each may have a million rows.
fn open_all(out: &Path, all: &[String]) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for two in all.chunks(2) {
        let opened = std::thread::scope(|scope| {
            let readers: Vec<_> = two.iter().map(|what| scope.spawn(|| results::open(out, what))).collect();
            readers.into_iter().map(|reader| reader.join()).collect::<Vec<_>>()
        });
        for one in opened {
            found.push(one.map_err(|_| anyhow!("reading a run failed"))??);
        }
    }
    Ok(found)
}

/// One run, taken apart by what its cases differ in.
fn parts(found: &Found, across: Option<Across>) -> anyhow::Result<Vec<Found>> {
    let values = values(found, across);
    if values.len() < 2 {
        bail!("{}: it has one {} only; name two runs, or a run of several", found.place, axis(across));
    }
    let part = |value: &String| {
        let mut part = found.clone();
        part.run.cases.retain(|case| value_of(&case.facts.key(), across) == value);
        part.place = format!("{} ({value})", part.place);
        part
    };
    Ok(values.iter().map(part).collect())
}

/// Cases are joined without their target, or model: then each run may have one of them only.
fn check(all: &[&Found], across: Option<Across>) -> anyhow::Result<()> {
    let wide = all.iter().find(|found| across.is_some() && values(found, across).len() > 1);
    let Some(found) = wide else { return Ok(()) };
    let axis = axis(across);
    bail!(
        "{}: it has several {axis}s, so which of them to compare is not clear; compare them with each other by naming this run alone",
        found.place
    )
}

fn values(found: &Found, across: Option<Across>) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for case in &found.run.cases {
        let value = value_of(&case.facts.key(), across).to_owned();
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

fn value_of(key: &CaseKey, across: Option<Across>) -> &str {
    if across == Some(Across::Target) { &key.target } else { &key.model }
}

fn axis(across: Option<Across>) -> &'static str {
    if across == Some(Across::Target) { "target" } else { "model" }
}

/// Prints comparisons with the same run; `runs` are that one and then the others.
pub(super) fn print(all: &[Compared], runs: &[&Run], format: ComparisonFormat) -> anyhow::Result<()> {
    let mut page = Vec::new();
    match format {
        ComparisonFormat::Text => text::render(all, colour(), &mut page)?,
        ComparisonFormat::Markdown => markdown::render(all, &mut page)?,
        ComparisonFormat::Json => json::render(all, &mut page)?,
        ComparisonFormat::Html => html::render_comparison(all, runs, &mut page)?,
    }
    Out::new().text(&String::from_utf8(page).context("a rendering is text")?);
    Ok(())
}

/// Whether failures decide in more than one round, and there are certainly more of them: no latency tells that.
fn answers_less(case: &CaseComparison) -> bool {
    let comparable = case.comparability.mismatches.is_empty();
    comparable && case.unreached[1] > 1 && case.success_difference.is_some_and(|[_, _, high]| high < 0.0)
}

/// What comparisons mean to whoever called.
pub(super) fn exit(all: &[Compared], how: &HowToCompare) -> Exit {
    let words: Vec<Word> = all
        .iter()
        .flat_map(|one| match one.comparison.cases.as_slice() {
            [] => vec![Word::NotComparable],
            cases => cases.iter().map(Word::of).collect(),
        })
        .collect();
    let has = |word: Word| words.contains(&word);
    let vanished = all.iter().any(|one| !one.comparison.missing.is_empty());
    if how.strict && (has(Word::NotComparable) || vanished) {
        return Exit::Invalid;
    }
    let unsure = vanished || has(Word::Inconclusive) || has(Word::None) || has(Word::NotComparable);
    let is_worse = has(Word::Worse) || all.iter().flat_map(|one| &one.comparison.cases).any(answers_less);
    if is_worse || how.fail_on == FailOn::Inconclusive && unsure { Exit::Failed } else { Exit::Passed }
}
