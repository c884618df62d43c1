//! Pieces of pictures: scales with round ticks, and marks as SVG text that follows the page's colours through classes.
//!
//! Whatever text goes in is escaped here. This file does not know what is drawn.

use std::fmt::Write as _;

use crate::report::markup::escape;
use crate::report::numbers::digits;

/// Width of every picture in its own units: about that of a phone, so that text stays readable there.
pub(super) const WIDTH: f64 = 440.0;

/// Maps values to places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    /// From 0 to `high`.
    pub(super) fn linear(high: f64, from: f64, to: f64) -> Scale {
        Scale { low: 0.0, high: if high > 0.0 { high } else { 1.0 }, from, to, log: false }
    }

    /// In decades, from `low` to `high`, both above 0.
    pub(super) fn decades(low: f64, high: f64, from: f64, to: f64) -> Scale {
        let low = low.max(1e-6);
        Scale { low: low.ln(), high: high.max(low * 1.01).ln(), from, to, log: true }
    }

    /// Where a value lies; beyond the ends, at them.
    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if self.log { value.max(1e-9).ln() } else { value };
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.from + share * (self.to - self.from)
    }

    /// Round values within, about `wanted` of them.
    pub(super) fn ticks(&self, wanted: f64) -> Vec<f64> {
        if self.log { self.log_ticks() } else { self.linear_ticks(wanted) }
    }

    fn linear_ticks(&self, wanted: f64) -> Vec<f64> {
        let rough = (self.high - self.low) / wanted;
        let decade = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * decade);
        (0..=20).map(|place| f64::from(place) * step).take_while(|tick| *tick <= self.high * 1.000_001).collect()
    }

    fn log_ticks(&self) -> Vec<f64> {
        let decades = (self.high - self.low) / 10f64.ln();
        let steps: &[f64] = if decades > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let first = (self.low / 10f64.ln()).floor() as i32;
        let last = (self.high / 10f64.ln()).ceil() as i32;
        (first..=last)
            .flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)))
            .filter(|tick| (self.low - 1e-9..=self.high + 1e-9).contains(&tick.ln()))
            .collect()
    }
}

/// A picture on its way.
#[derive(Debug, Default)]
pub(super) struct Svg {
    marks: String,
}

impl Svg {
    /// A line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = write!(self.marks, r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#);
    }

    /// A path through points.
    pub(super) fn path(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let mut way = String::new();
        for (place, (x, y)) in points.into_iter().enumerate() {
            let _ = write!(way, "{}{x:.1} {y:.1}", if place == 0 { 'M' } else { 'L' });
        }
        if !way.is_empty() {
            let _ = write!(self.marks, r#"<path class="{class}" d="{way}"/>"#);
        }
    }

    /// A box.
    pub(super) fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let (width, height) = (width.max(0.0), height.max(0.0));
        let _ = write!(
            self.marks,
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        );
    }

    /// A dot.
    pub(super) fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        let _ = write!(self.marks, r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="{radius:.1}"/>"#);
    }

    /// Text whose end (`start`, `middle`, `end`) lies there.
    pub(super) fn text(&mut self, class: &str, anchor: &str, (x, y): (f64, f64), text: &str) {
        let text = escape(text);
        let _ =
            write!(self.marks, r#"<text class="{class}" text-anchor="{anchor}" x="{x:.1}" y="{y:.1}">{text}</text>"#);
    }

    /// The picture; a screen reader is told `label` in place of it.
    pub(super) fn finish(self, class: &str, height: f64, label: &str) -> String {
        let (marks, label) = (self.marks, escape(label));
        format!(r#"<svg class="{class}" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{marks}</svg>"#)
    }
}

/// A tick of time: all ticks of a scale in the unit of its far end.
pub(super) fn tick_labels(ticks: &[f64]) -> Vec<String> {
    let seconds = ticks.last().is_some_and(|last| *last >= 1000.0);
    let label = |ms: &f64| match *ms {
        0.0 => "0".to_owned(),
        ms if seconds => format!("{} s", digits(ms / 1000.0)),
        ms => format!("{} ms", digits(ms)),
    };
    ticks.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_as_many_as_fit() {
        assert_eq!(Scale::linear(1750.0, 0.0, 1.0).ticks(5.0), [0.0, 500.0, 1000.0, 1500.0]);
        assert_eq!(Scale::decades(8.0, 250.0, 0.0, 1.0).ticks(5.0), [10.0, 20.0, 50.0, 100.0, 200.0]);
        assert_eq!(tick_labels(&[0.0, 500.0, 1500.0]), ["0", "0.5 s", "1.5 s"]);
        assert_eq!(tick_labels(&[0.0, 20.0]), ["0", "20 ms"]);
    }

    #[test]
    fn a_scale_holds_what_lies_beyond_it_at_its_ends() {
        let scale = Scale::linear(10.0, 100.0, 0.0);
        assert_eq!([-1.0, 0.0, 5.0, 10.0, 99.0].map(|value| scale.at(value)), [100.0, 100.0, 50.0, 0.0, 0.0]);
    }

    #[test]
    fn text_cannot_become_markup() {
        let mut svg = Svg::default();
        svg.text("a", "start", (0.0, 0.0), "<script>alert('1')</script>&\"");
        let made = svg.finish("b", 10.0, "\"><img>");
        assert!(!made.contains("<script") && !made.contains("<img") && made.contains("&lt;script&gt;"), "{made}");
    }
}
