//! The requests of a case one by one: as data for the page's script, as a still picture for who has none, and the
//! slowest as a table.
//!
//! Numbers and outcomes only; nothing here is a server's word.

use std::fmt::Write as _;

use serde::Serialize;

use super::svg::{Scale, Svg, WIDTH, tick_labels};
use crate::report::numbers::{count, time};
use crate::results::CaseRun;
use crate::stats::timeline::{Bar, RoundBars, Timeline};

/// Bars of the still picture at most: more cannot be told apart.
const STILL: usize = 48;

/// Rows of the table.
const SLOWEST: usize = 20;

const LEFT: f64 = 56.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 8.0;

/// What the page shows of single requests.
#[derive(Debug, Serialize)]
pub(super) struct Bars {
    /// The still picture of the first round.
    still: String,
    /// What it shows.
    caption: String,
    /// What is left out; `None` if nothing is.
    left_out: Option<String>,
    /// Failures and the slowest answers.
    slowest: Vec<SlowRow>,
    /// How many there are in all.
    requests: u64,
    /// Whether answers were streamed: whether there is a first token to show.
    streamed: bool,
    /// Whether connecting is shown.
    cold: bool,
}

/// One request of the table.
#[derive(Debug, Serialize)]
struct SlowRow {
    round: u32,
    user: u32,
    outcome: &'static str,
    ok: bool,
    sent: String,
    first: String,
    end: String,
    took: String,
}

impl Bars {
    /// Of a case; `None` where no request is kept.
    pub(super) fn of(case: &CaseRun) -> Option<Bars> {
        let timeline = &case.picture.timeline;
        let (first, round) = timeline.rounds.iter().find(|(_, round)| !round.bars.is_empty())?;
        let shown = sampled(round);
        let (kept, requests) = timeline.kept();
        let what = count(round.bars.len() as u64, "request");
        let caption = match shown.len() == round.bars.len() {
            true => format!("Round {first}: {what}, in order of due."),
            false => format!("Round {first}: {} of {what}, evenly picked in order of due.", shown.len()),
        };
        Some(Bars {
            still: still(&shown, round),
            caption,
            left_out: (kept < requests).then(|| left_out(timeline, kept, requests)),
            slowest: slowest(timeline),
            requests,
            streamed: round.bars.iter().any(|bar| bar.first_us.is_some()),
            cold: round.bars.iter().any(|bar| bar.connect_us.is_some()),
        })
    }
}

fn left_out(timeline: &Timeline, kept: u64, requests: u64) -> String {
    let rounds: Vec<String> =
        timeline.rounds.iter().filter(|(_, round)| round.bars.is_empty()).map(|(round, _)| round.to_string()).collect();
    let mut text = format!("{kept} of {requests} requests are drawn, the first of each round in order of due");
    if !rounds.is_empty() {
        let shown = rounds.iter().take(12).cloned().collect::<Vec<_>>().join(", ");
        let more = if rounds.len() > 12 { " …" } else { "" };
        let _ = write!(text, "; none of round {shown}{more}");
    }
    text + ". All of them stand in requests.csv."
}

fn in_order(round: &RoundBars) -> Vec<&Bar> {
    let mut bars: Vec<&Bar> = round.bars.iter().collect();
    bars.sort_by_key(|bar| (bar.request, bar.user));
    bars
}

fn sampled(round: &RoundBars) -> Vec<&Bar> {
    let bars = in_order(round);
    let shown = bars.len().min(STILL);
    (0..shown).map(|place| bars[place * bars.len() / shown]).collect()
}

fn begin(bar: &Bar) -> u64 {
    let sent = bar.sent_us.unwrap_or(bar.end_us);
    sent.saturating_sub(bar.connect_us.unwrap_or(0))
}

fn still(bars: &[&Bar], round: &RoundBars) -> String {
    let row = if bars.len() > 24 { 7.0 } else { 11.0 };
    let bottom = TOP + row * bars.len() as f64 + 4.0;
    let ms = |us: u64| us as f64 / 1000.0;
    let high = round.bars.iter().map(|bar| bar.end_us).max().unwrap_or(0);
    let x = Scale::linear(ms(high) * 1.02, LEFT, RIGHT);
    let mut svg = Svg::default();
    let ticks = x.ticks(5.0);
    for (tick, label) in ticks.iter().zip(tick_labels(&ticks)) {
        svg.line("grid", (x.at(*tick), TOP), (x.at(*tick), bottom));
        svg.text("tick", "middle", (x.at(*tick), bottom + 15.0), &label);
    }
    for (place, bar) in bars.iter().enumerate() {
        let y = TOP + row * place as f64 + 2.0;
        let mut part = |class: &str, from: u64, to: u64| {
            let (from, to) = (x.at(ms(from)), x.at(ms(to)));
            svg.rect(class, (from, y), ((to - from).max(0.6), row - 2.0));
        };
        let sent = bar.sent_us.unwrap_or(bar.end_us);
        if begin(bar) < sent {
            part("bar-connect", begin(bar), sent);
        }
        match (bar.outcome.is_ok(), bar.first_us) {
            (false, _) => part("bar-failed", sent, bar.end_us),
            (true, Some(first)) => {
                part("bar-wait", sent, first);
                part("bar-stream", first, bar.end_us);
            }
            (true, None) => part("bar-stream", sent, bar.end_us),
        }
        if place == 0 || place + 1 == bars.len() || place % 8 == 7 {
            svg.text("tick", "end", (LEFT - 6.0, y + row - 3.0), &format!("user {}", bar.user));
        }
    }
    let failed = bars.iter().filter(|bar| !bar.outcome.is_ok()).count();
    let label = format!("Timeline of {}, {failed} failed", count(bars.len() as u64, "request"));
    svg.finish("chart still", bottom + 22.0, &label)
}

fn slowest(timeline: &Timeline) -> Vec<SlowRow> {
    let mut all: Vec<(u32, &Bar)> =
        timeline.rounds.iter().flat_map(|(round, bars)| bars.bars.iter().map(move |bar| (*round, bar))).collect();
    all.sort_by_key(|(round, bar)| {
        (bar.outcome.is_ok(), std::cmp::Reverse(bar.end_us.saturating_sub(begin(bar))), *round, bar.request)
    });
    let row = |(round, bar): &(u32, &Bar)| {
        let of = |us: Option<u64>| us.map(|us| time(us as f64 / 1000.0)).unwrap_or_default();
        let since = |us: u64| us.saturating_sub(bar.sent_us.unwrap_or(us));
        SlowRow {
            round: *round,
            user: bar.user,
            outcome: bar.outcome.name(),
            ok: bar.outcome.is_ok(),
            sent: of(bar.sent_us),
            first: of(bar.first_us.map(since)),
            end: of(Some(bar.end_us)),
            took: of(bar.sent_us.map(|_| since(bar.end_us))),
        }
    };
    all.iter().take(SLOWEST).map(row).collect()
}

/// Appends the bars of a case as JSON: columns of whole hundredths of a millisecond, `null` where unknown.
pub(super) fn data(timeline: &Timeline, outcomes: &mut Vec<&'static str>, out: &mut String) {
    out.push('[');
    let mut is_first = true;
    for (number, round) in timeline.rounds.iter().filter(|(_, round)| !round.bars.is_empty()) {
        let _ = write!(out, "{}{{\"round\":{number}", if is_first { "" } else { "," });
        is_first = false;
        let bars = in_order(round);
        column(out, "user", &bars, |bar| Some(u64::from(bar.user)));
        for (name, of) in COLUMNS {
            // A column of nothing is not worth its bytes.
            if bars.iter().any(|bar| of(bar).is_some()) {
                column(out, name, &bars, |bar| of(bar).map(|us| (us + 5) / 10));
            }
        }
        column(out, "outcome", &bars, |bar| {
            let name = bar.outcome.name();
            let known = outcomes.iter().position(|known| *known == name);
            Some(known.unwrap_or_else(|| {
                outcomes.push(name);
                outcomes.len() - 1
            }) as u64)
        });
        out.push('}');
    }
    out.push(']');
}

type Column = (&'static str, fn(&Bar) -> Option<u64>);

const COLUMNS: [Column; 4] = [
    ("connect", |bar| bar.connect_us),
    ("sent", |bar| bar.sent_us),
    ("first", |bar| bar.first_us),
    ("end", |bar| Some(bar.end_us)),
];

fn column(out: &mut String, name: &str, bars: &[&Bar], mut of: impl FnMut(&Bar) -> Option<u64>) {
    let _ = write!(out, ",\"{name}\":[");
    for (place, bar) in bars.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        let _ = match of(bar) {
            Some(value) => write!(out, "{value}"),
            None => out.write_str("null"),
        };
    }
    out.push(']');
}
