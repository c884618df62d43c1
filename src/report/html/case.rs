//! What the page says of one case.

use serde::Serialize;

use super::bars::Bars;
use super::ecdf::{self, Drawn};
use super::words::{Mark, label_mark, verdict_mark};
use crate::report::Advice;
use crate::report::measured::{self, is_struck};
use crate::report::numbers::{count, digits, percent, time};
use crate::report::verdict::{self, Verdict};
use crate::report::view;
use crate::results::cell::printable;
use crate::results::{CaseRun, Run};
use crate::stats::burst::Finding;
use crate::stats::validity::{Check, CheckLabel};
use crate::stats::{Distribution, GateResult, Measured, Quantile};

/// A case, ready for the template.
#[derive(Debug, Serialize)]
pub(super) struct CasePage {
    /// Its place in the page: `case-1`.
    id: String,
    /// The parts of its label.
    target: String,
    model: String,
    prompts: String,
    load: String,
    verdict: Mark,
    validity: Mark,
    headline: String,
    asked: String,
    /// Whether a load was sent.
    loaded: bool,
    figures: Vec<Figure>,
    /// The same numbers for the table of all cases.
    cells: Vec<Figure>,
    ecdf: String,
    has_ttft: bool,
    each_round: usize,
    /// What its timeline shows.
    load_word: &'static str,
    bars: Option<Bars>,
    /// Names and values, in words.
    lines: Vec<Line>,
    server: Option<String>,
    failures: Vec<Failure>,
    more_failures: usize,
    gates: Vec<Gate>,
    notes: Vec<String>,
    checks: Vec<CheckRow>,
}

/// A number that is shown large.
#[derive(Debug, Serialize)]
struct Figure {
    name: &'static str,
    value: String,
    /// For sorting; nothing sorts last.
    sort: Option<f64>,
    struck: bool,
    note: String,
}

#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    value: String,
    struck: bool,
}

#[derive(Debug, Serialize)]
struct Failure {
    headline: String,
    who: String,
    example: Option<String>,
    advice: Option<Vec<Part>>,
    share: f64,
}

/// Words, or code among them.
#[derive(Debug, Serialize)]
struct Part {
    text: String,
    code: bool,
}

#[derive(Debug, Serialize)]
struct Gate {
    mark: Mark,
    expected: String,
    measured: String,
    of: String,
    why: String,
}

#[derive(Debug, Serialize)]
struct CheckRow {
    id: String,
    mark: Mark,
    sentence: String,
}

impl CasePage {
    /// Of the case at a place in its run.
    pub(super) fn of(run: &Run, place: usize, case: &CaseRun, advice: Advice<'_>) -> CasePage {
        let view = view::case(run, case, advice);
        let loaded = case.summary.requests > 0;
        let text = |text: &str| printable(text).into_owned();
        let total = case.summary.requests.max(1) as f64;
        let counts = case.summary.failure_groups.iter().map(|group| group.count as f64 / total);
        let failures = view.failures.into_iter().zip(counts).map(|(failure, share)| Failure {
            headline: failure.headline,
            who: failure.who,
            example: failure.example,
            advice: failure.advice.as_deref().map(parts),
            share,
        });
        let server = loaded.then(|| server(case, &view.lines));
        CasePage {
            id: format!("case-{}", place + 1),
            target: text(&case.facts.target),
            model: text(&case.facts.model),
            prompts: text(&case.facts.prompts),
            load: text(&case.facts.load),
            verdict: verdict_mark(Verdict::of_case(run, case)),
            validity: label_mark(loaded.then(|| verdict::label(case)).flatten()),
            headline: view.headline,
            asked: view.asked,
            loaded,
            figures: if loaded { figures(case) } else { Vec::new() },
            cells: cells(case),
            ecdf: if loaded { picture(case) } else { String::new() },
            has_ttft: case.picture.ttft.is_some(),
            each_round: case.picture.rounds.len(),
            load_word: if case.summary.subject.closed { "The loop" } else { "The burst" },
            bars: Bars::of(case),
            lines: view
                .lines
                .into_iter()
                .map(|line| Line { name: line.name, value: line.value, struck: line.struck })
                .collect(),
            server,
            failures: failures.collect(),
            more_failures: view.more_failures,
            gates: case.gates.iter().zip(view.gates).map(|(gate, view)| Gate::of(gate, view)).collect(),
            notes: view.notes,
            checks: case.validity.iter().flat_map(|validity| &validity.checks).map(CheckRow::of).collect(),
        }
    }
}

fn figure(case: &CaseRun, name: &'static str, metric: &str, all: &Distribution, value: Quantile) -> Figure {
    let shown = match value {
        _ if all.n == 0 => "–".to_owned(),
        Quantile::NotReached => "not reached".to_owned(),
        Quantile::NeedsSamples { .. } | Quantile::None => "n/a".to_owned(),
        Quantile::Value { value, .. } => time(value),
    };
    let note = match value {
        Quantile::NotReached => format!("{} of {} failed", all.n - all.answered, all.n),
        Quantile::NeedsSamples { needs, .. } => format!("needs {needs} requests"),
        Quantile::Value { .. } | Quantile::None => String::new(),
    };
    let sort = match value {
        Quantile::NotReached => Some(f64::MAX),
        value => value.printable(),
    };
    Figure { name, value: shown, sort, struck: is_struck(case, metric), note }
}

fn success(case: &CaseRun) -> Figure {
    let rate = case.summary.success_rate.map(|share| share.rate);
    Figure {
        name: "answered",
        value: rate.map(percent).unwrap_or_else(|| "–".to_owned()),
        sort: rate,
        struck: false,
        note: format!("{} of {}", case.summary.ok, case.summary.requests),
    }
}

fn figures(case: &CaseRun) -> Vec<Figure> {
    let summary = &case.summary;
    let (all, metric) = (summary.headline(), summary.headline.as_str());
    let order = &all.ranked;
    let mut figures = vec![
        success(case),
        figure(case, "P50", metric, all, order.median),
        figure(case, "P90", metric, all, order.p90),
        figure(case, "P99", metric, all, order.p99),
    ];
    if summary.ttft.answered > 0 {
        figures.push(figure(case, "first token, P50", "ttft", &summary.ttft, summary.ttft.ranked.median));
    }
    let rate = |name, rate: Option<f64>, note: &str| {
        rate.map(|rate| Figure { name, value: digits(rate), sort: Some(rate), struck: false, note: note.to_owned() })
    };
    figures.extend(rate("tokens a second", summary.output_tokens_per_s, ""));
    figures.extend(rate("answers a second", summary.requests_per_s, ""));
    figures
}

fn cells(case: &CaseRun) -> Vec<Figure> {
    let summary = &case.summary;
    let (all, metric) = (summary.headline(), summary.headline.as_str());
    let order = &all.ranked;
    vec![
        success(case),
        figure(case, "P50", metric, all, order.median),
        figure(case, "P90", metric, all, order.p90),
        figure(case, "P95", metric, all, order.p95),
        figure(case, "P99", metric, all, order.p99),
        figure(case, "first token, P50", "ttft", &summary.ttft, summary.ttft.ranked.median),
    ]
}

fn picture(case: &CaseRun) -> String {
    let picture = &case.picture;
    let order = &case.summary.headline().ranked;
    let mut curves: Vec<Drawn<'_>> = picture.rounds.iter().map(|curve| Drawn { class: "curve each", curve }).collect();
    curves.extend(picture.ttft.iter().map(|curve| Drawn { class: "curve ttft", curve }));
    curves.push(Drawn { class: "curve", curve: &picture.headline });
    let axis = if case.summary.subject.cold { "time since all were due" } else { "time since the request was sent" };
    let marks = [("P50", 0.5, order.median), ("P90", 0.9, order.p90), ("P99", 0.99, order.p99)];
    let label = ecdf::in_words(&case.summary);
    if is_struck(case, &case.summary.headline) {
        // The shape may show what went wrong; no number in it stands there as if it were one.
        return ecdf::draw(&curves, &[], axis, &format!("{label} (not to be believed)"));
    }
    ecdf::draw(&curves, &marks, axis, &label)
}

/// What the burst tells about the server, or why it tells nothing.
fn server(case: &CaseRun, lines: &[measured::Line]) -> String {
    let line = lines.iter().find(|line| line.name == "server").map(|line| line.value.as_str());
    match (&case.summary.inference.finding, line) {
        (Finding::Nothing { .. }, None) => printable(&case.summary.inference.sentence()).into_owned(),
        (Finding::Nothing { .. }, Some(line)) => format!("{} · {line}", printable(&case.summary.inference.sentence())),
        (_, line) => line.unwrap_or_default().to_owned(),
    }
}

/// Words of ours, what stands between backticks as code.
fn parts(text: &str) -> Vec<Part> {
    let part = |(place, text): (usize, &str)| Part { text: printable(text).into_owned(), code: place % 2 == 1 };
    text.split('`').enumerate().map(part).collect()
}

impl Gate {
    fn of(gate: &GateResult, view: view::GateView) -> Gate {
        let measured = match gate.measured {
            Some(Measured::Value(value)) => number(&gate.metric, value),
            Some(Measured::NotReached) => "not reached".to_owned(),
            None => "–".to_owned(),
        };
        Gate {
            mark: Mark::of_gate(view.state),
            expected: view.expected,
            measured,
            of: count(gate.n, "request"),
            why: view.why.map(|why| printable(&why).into_owned()).unwrap_or_default(),
        }
    }
}

/// A gate's value in the unit of its metric.
fn number(metric: &str, value: f64) -> String {
    match metric {
        "success_rate" | "goodput" => percent(value),
        "makespan" => time(value * 1000.0),
        "send_spread" => time(value),
        _ if crate::stats::metric::distribution_of(metric).is_some() => time(value),
        _ => digits(value),
    }
}

impl CheckRow {
    fn of(check: &Check) -> CheckRow {
        let mark = match check.label {
            CheckLabel::Silent => Mark::new("✓", "good", "nothing found"),
            CheckLabel::Unknown => Mark::new("–", "plain", "not checked"),
            CheckLabel::Note => Mark::new("i", "plain", "note"),
            CheckLabel::NotComparable => Mark::new("≠", "warn", "not comparable"),
            CheckLabel::Degraded => Mark::new("!", "warn", "degraded"),
            CheckLabel::Invalid => Mark::new("✕", "bad", "invalid"),
        };
        CheckRow { id: check.id.clone(), mark, sentence: printable(&check.sentence).into_owned() }
    }
}
