//! The distribution of answers, drawn: which share had come after how long. A failure never comes, so with failures the
//! curve ends below the top, and what is missing is shaded.

use super::svg::{Scale, Svg, WIDTH, tick_labels};
use crate::report::numbers::{percent, time};
use crate::stats::{Curve, Quantile, Summary};

const HEIGHT: f64 = 268.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = HEIGHT - 40.0;

/// Where the largest value is so many times the middle one, time runs in decades.
const LONG_TAIL: f64 = 15.0;

/// One curve of a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawn<'a> {
    /// Its class: colour and dashes.
    pub(super) class: &'a str,
    /// Its shape.
    pub(super) curve: &'a Curve,
}

/// A picture of curves, the later over the earlier; `marks` are percentiles of the last one by name, with their share.
pub(super) fn draw(curves: &[Drawn<'_>], marks: &[(&str, f64, Quantile)], axis: &str, label: &str) -> String {
    let mut svg = Svg::default();
    let (x, y) = (across(curves), Scale::linear(1.0, BOTTOM, TOP));
    frame(&mut svg, &x, &y, axis);
    let failed = curves.last().map_or(0, |last| last.curve.n - last.curve.answered);
    if failed > 0 {
        missing(&mut svg, &y, curves[curves.len() - 1].curve, failed);
    }
    for Drawn { class, curve } in curves {
        svg.path(class, steps(curve, &x, &y));
    }
    for (name, share, quantile) in marks {
        if let Some(value) = quantile.printable() {
            mark(&mut svg, (x.at(value), y.at(*share)), &format!("{name} {}", time(value)));
        }
    }
    svg.finish("chart", HEIGHT, label)
}

/// What the picture shows, in words.
pub(super) fn in_words(summary: &Summary) -> String {
    let all = summary.headline();
    let order = &all.ranked;
    let parts: Vec<String> = [("50 %", order.median), ("90 %", order.p90), ("99 %", order.p99)]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} after {}", time(value.printable()?))))
        .collect();
    let failed = all.n - all.answered;
    let failed = if failed > 0 { format!("; {failed} of {} never", all.n) } else { String::new() };
    format!("Share of requests answered over time: {}{failed}", parts.join(", "))
}

fn across(curves: &[Drawn<'_>]) -> Scale {
    let all = || curves.iter().flat_map(|drawn| drawn.curve.points.iter().map(|(ms, _)| *ms));
    let high = all().fold(0.0, f64::max);
    let low = all().filter(|ms| *ms > 0.0).fold(f64::INFINITY, f64::min);
    let last = curves.last().map_or(&[][..], |drawn| &drawn.curve.points);
    let middle = last.iter().find(|(_, share)| *share >= 0.5).or(last.last()).map_or(high, |(ms, _)| *ms);
    match low.is_finite() && high > LONG_TAIL * middle {
        true => Scale::decades(low * 0.9, high * 1.05, LEFT, RIGHT),
        false => Scale::linear(high * 1.04, LEFT, RIGHT),
    }
}

fn frame(svg: &mut Svg, x: &Scale, y: &Scale, axis: &str) {
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let class = if share == 0.0 { "axis" } else { "grid" };
        svg.line(class, (LEFT, y.at(share)), (RIGHT, y.at(share)));
        svg.text("tick", "end", (LEFT - 7.0, y.at(share) + 4.0), &percent(share));
    }
    let ticks = x.ticks(5.0);
    let mut last = f64::NEG_INFINITY;
    for (tick, label) in ticks.iter().zip(tick_labels(&ticks)) {
        let at = x.at(*tick);
        svg.line("axis", (at, BOTTOM), (at, BOTTOM + 4.0));
        if at - last > 46.0 && at < RIGHT - 8.0 {
            svg.text("tick", "middle", (at, BOTTOM + 17.0), &label);
            last = at;
        }
    }
    svg.text("axis-name", "end", (RIGHT, BOTTOM + 34.0), axis);
}

/// The share that never comes.
fn missing(svg: &mut Svg, y: &Scale, curve: &Curve, failed: u64) {
    let reached = curve.answered as f64 / curve.n as f64;
    let (top, end) = (y.at(1.0), y.at(reached));
    svg.rect("never", (LEFT, top), (RIGHT - LEFT, end - top));
    svg.line("never-edge", (LEFT, end), (RIGHT, end));
    let below = if end - top > 16.0 { top + 13.0 } else { top - 6.0 };
    svg.text("never-name", "start", (LEFT + 6.0, below), &format!("{failed} of {} never answered", curve.n));
}

fn steps<'a>(curve: &'a Curve, x: &'a Scale, y: &'a Scale) -> impl Iterator<Item = (f64, f64)> + 'a {
    // Few values are steps, as they are; of many the steps are finer than the line.
    let stepped = curve.points.len() <= 120;
    let start = curve.points.first().map(|(ms, _)| (x.at(*ms), y.at(0.0)));
    let mut before = y.at(0.0);
    start.into_iter().chain(curve.points.iter().flat_map(move |(ms, share)| {
        let (at, reached) = (x.at(*ms), y.at(*share));
        let corner = stepped.then_some((at, before));
        before = reached;
        corner.into_iter().chain([(at, reached)])
    }))
}

fn mark(svg: &mut Svg, (x, y): (f64, f64), label: &str) {
    svg.dot("mark", (x, y), 3.4);
    // Beside the dot, on the side where there is room and no curve: it comes from below left and goes to above right.
    let is_left = x > WIDTH * 0.55;
    let (anchor, at) = if is_left { ("end", x - 8.0) } else { ("start", x + 9.0) };
    svg.text("mark-name", anchor, (at, if is_left { y - 3.0 } else { y + 11.0 }), label);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_with_failures_ends_below_the_top_and_says_how_many() {
        let curve = Curve { n: 4, answered: 2, points: vec![(10.0, 0.25), (20.0, 0.5)] };
        let p50 = Quantile::Value { value: 20.0, interval: None };
        let made = draw(
            &[Drawn { class: "curve", curve: &curve }],
            &[("P50", 0.5, p50), ("P90", 0.9, Quantile::NotReached)],
            "time",
            "words",
        );
        assert!(
            made.contains("2 of 4 never answered") && made.contains("P50 20.0 ms") && !made.contains("P90"),
            "{made}"
        );
        let empty = draw(&[Drawn { class: "curve", curve: &Curve::default() }], &[], "time", "words");
        assert!(!empty.contains("NaN") && !empty.contains("<path"), "{empty}");
    }

    #[test]
    fn a_long_tail_is_drawn_in_decades() {
        let curve = Curve { n: 3, answered: 3, points: vec![(10.0, 0.3), (12.0, 0.6), (9000.0, 1.0)] };
        let made = draw(&[Drawn { class: "curve", curve: &curve }], &[], "time", "");
        assert!(made.contains(">0.1 s<") && made.contains(">1 s<"), "{made}");
    }
}
