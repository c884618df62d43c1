//! Differences, drawn: each case's ratio with the interval in which it lies, and the rounds that it rests on.
//!
//! The scale is of ratios, so that half and double are equally far from the same.

use super::svg::{Scale, Svg, WIDTH, tick_labels};
use crate::report::comparison::{Word, words};
use crate::stats::compare::CaseComparison;

const ROW: f64 = 30.0;
const TOP: f64 = 8.0;
const LEFT: f64 = 16.0;
const RIGHT: f64 = WIDTH - 16.0;

/// Cases of a picture at most.
pub(super) const CASES: usize = 40;

/// The changes of cases under one another; the band is what is tolerated.
pub(super) fn changes(cases: &[&CaseComparison], tolerance: f64) -> String {
    let cases = &cases[..cases.len().min(CASES)];
    let bottom = TOP + ROW * cases.len() as f64;
    let reach = cases
        .iter()
        .flat_map(|case| case.interval.into_iter().flatten().chain(case.ratio))
        .filter(|ratio| *ratio > 0.0 && ratio.is_finite())
        .map(|ratio| ratio.ln().abs())
        .fold(2.0 * tolerance.ln_1p(), f64::max)
        .min(4.0);
    let x = Scale::decades((-reach * 1.1).exp(), (reach * 1.1).exp(), LEFT, RIGHT);
    let mut svg = Svg::default();
    let (low, high) = (x.at(1.0 / (1.0 + tolerance)), x.at(1.0 + tolerance));
    svg.rect("tolerated", (low, TOP), (high - low, bottom - TOP));
    svg.line("same", (x.at(1.0), TOP), (x.at(1.0), bottom));
    for (at, name) in ticks(&x, reach) {
        svg.line("axis", (at, bottom), (at, bottom + 4.0));
        svg.text("tick", "middle", (at, bottom + 17.0), &name);
    }
    svg.text("axis-name", "start", (LEFT, bottom + 34.0), "← less");
    svg.text("axis-name", "end", (RIGHT, bottom + 34.0), "more →");
    for (place, case) in cases.iter().enumerate() {
        let y = TOP + ROW * place as f64;
        svg.text("row-name", "start", (LEFT, y + 12.0), &shortened(&words::label(case)));
        let middle = y + 21.0;
        let class = class(case);
        if let Some([low, high]) = case.interval {
            svg.line(&format!("interval {class}"), (x.at(low), middle), (x.at(high), middle));
            for end in [low, high] {
                svg.line(&format!("interval {class}"), (x.at(end), middle - 3.5), (x.at(end), middle + 3.5));
            }
        }
        if let Some(ratio) = case.ratio {
            svg.dot(&format!("change {class}"), (x.at(ratio), middle), 4.0);
        }
    }
    svg.finish("chart", bottom + 40.0, &in_words(cases))
}

/// The metric in each round, before above after.
pub(super) fn rounds(case: &CaseComparison) -> String {
    let high = case.rounds.iter().flatten().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let x = Scale::linear(high * 1.06, 64.0, RIGHT);
    let mut svg = Svg::default();
    let bottom = 62.0;
    let ticks = x.ticks(5.0);
    let is_time = crate::stats::metric::distribution_of(&case.metric).is_some();
    let names = if is_time { tick_labels(&ticks) } else { ticks.iter().map(f64::to_string).collect() };
    for (tick, name) in ticks.iter().zip(names) {
        svg.line("grid", (x.at(*tick), 6.0), (x.at(*tick), bottom));
        svg.text("tick", "middle", (x.at(*tick), bottom + 16.0), &name);
    }
    for (row, (name, rounds)) in ["before", "after"].into_iter().zip(&case.rounds).enumerate() {
        let y = 20.0 + 26.0 * row as f64;
        svg.text("line-name", "end", (54.0, y + 4.0), name);
        svg.line("axis", (64.0, y), (RIGHT, y));
        rounds.iter().for_each(|value| svg.dot(&format!("round {name}-round"), (x.at(*value), y), 4.5));
    }
    let [before, after] = [&case.rounds[0], &case.rounds[1]].map(Vec::len);
    svg.finish("chart", bottom + 22.0, &format!("{} of {before} rounds before and {after} after", case.metric))
}

fn class(case: &CaseComparison) -> &'static str {
    match Word::of(case) {
        Word::Worse => "worse",
        Word::Better => "better",
        _ => "neither",
    }
}

fn shortened(label: &str) -> String {
    match label.char_indices().nth(58) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label.to_owned(),
    }
}

/// Round changes that have room: 0, and as many to each side.
fn ticks(x: &Scale, reach: f64) -> Vec<(f64, String)> {
    let steps = [1.02, 1.05, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0];
    let mut ticks = vec![(x.at(1.0), "same".to_owned())];
    let mut last = 0.0;
    for step in steps.into_iter().filter(|step: &f64| step.ln() <= reach * 1.1) {
        let far = x.at(step) - x.at(1.0);
        if far - last > 58.0 {
            ticks.push((x.at(step), words::change(step)));
            ticks.push((x.at(1.0 / step), words::change(1.0 / step)));
            last = far;
        }
    }
    ticks
}

fn in_words(cases: &[&CaseComparison]) -> String {
    let of = |case: &&CaseComparison| {
        let change = words::effect(case).unwrap_or_else(|| "no change told".to_owned());
        let interval = words::interval(case).map(|interval| format!(" (95 %: {interval})")).unwrap_or_default();
        format!("{}: {change}{interval}", words::label(case))
    };
    format!("Change of each case with its interval. {}", cases.iter().map(of).collect::<Vec<_>>().join("; "))
}
