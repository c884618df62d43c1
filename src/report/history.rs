//! A scenario over its runs: one line a run, and an alarm where a run was not to be expected.

pub mod json;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::report::comparison::words::{bounded, measured};
use crate::report::numbers::{count, percent, quantile};
use crate::report::text::Colour;
use crate::report::verdict;
use crate::results::{CaseRun, Run};
use crate::stats::Measured;
use crate::stats::compare::history::{Point, Series};

/// A case of a scenario: the runs that have it, with what its series says of each.
#[derive(Debug, Clone)]
pub struct CaseHistory<'a> {
    /// The case's label.
    pub label: String,
    /// Every run of the scenario, the oldest first, and its case where it has it.
    pub runs: Vec<(&'a Run, Option<&'a CaseRun>)>,
    /// What the runs say together.
    pub series: Series,
}

/// Writes every case.
pub fn render(scenario: &str, cases: &[CaseHistory<'_>], colour: Colour, out: &mut dyn Write) -> io::Result<()> {
    let runs = cases.first().map_or(0, |case| case.runs.len());
    writeln!(out, "{}: {}, the oldest first", bounded(scenario), count(runs as u64, "run"))?;
    for case in cases {
        writeln!(out)?;
        let values: Vec<Option<f64>> = case.series.points.iter().map(|point| point.value).collect();
        let title = format!("{} · {}  {}", bounded(&case.label), case.series.metric, sparkline(&values));
        writeln!(out, "{}", paint(colour, Style::new().bold(), &title))?;
        let lines: Vec<Option<[String; 7]>> = case.runs.iter().map(|(run, of)| Some(line(run, (*of)?))).collect();
        let width = |column: usize| lines.iter().flatten().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..7).map(width).collect();
        for (line, point) in lines.iter().zip(&case.series.points) {
            let Some(line) = line else { continue };
            let cells: String = line.iter().zip(&widths).map(|(cell, width)| format!("  {cell:width$}")).collect();
            writeln!(out, "{}", cells.trim_end())?;
            if let Some(alarm) = alarm(&case.series.metric, point) {
                writeln!(out, "    {}", paint(colour, AnsiColor::Red.on_default().bold(), &alarm))?;
            }
        }
    }
    Ok(())
}

/// When, which commit, whether to believe it, P50 and P90, success, tags.
fn line(run: &Run, case: &CaseRun) -> [String; 7] {
    let manifest = &run.manifest;
    let started = manifest.started.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string());
    let commit = manifest.repository.as_ref().map(|repository| {
        let changed = if repository.dirty { "+" } else { "" };
        let commit = bounded(&repository.commit);
        format!("{}{changed}", commit.get(..8).unwrap_or(&commit))
    });
    let latency = case.summary.headline();
    let shown = |name: &str, value| match case.summary.requests {
        0 => String::new(),
        _ => format!("{name} {}", quantile(value, latency.n - latency.answered, latency.n)),
    };
    let success = case.summary.success_rate.filter(|_| case.summary.requests > 0).map(|share| percent(share.rate));
    [
        started.unwrap_or_default(),
        commit.unwrap_or_default(),
        verdict::case_headline(run, case),
        shown("P50", latency.ranked.median),
        shown("P90", latency.ranked.p90),
        success.unwrap_or_default(),
        bounded(&manifest.tags.join(", ")),
    ]
}

fn alarm(metric: &str, point: &Point) -> Option<String> {
    let (alarm, value) = (point.alarm?, point.value?);
    let shown = |value: f64| measured(metric, Measured::Value(value));
    let [low, high] = alarm.predicted.map(shown);
    Some(format!(
        "ALARM: {metric} {} is outside {low} to {high}, where 95 % of further runs lie by the {} valid ones before it",
        shown(value),
        alarm.runs
    ))
}

/// One character a run, the lowest for the smallest value; a difference of less than a quarter does not fill the height.
fn sparkline(values: &[Option<f64>]) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let known = || values.iter().flatten().copied();
    let low = known().fold(f64::INFINITY, f64::min);
    let high = known().fold(low * 1.25, f64::max);
    let level = |value: f64| ((value - low) / (high - low) * 7.0).round().clamp(0.0, 7.0) as usize;
    values.iter().map(|value| value.map_or('·', |value| LEVELS[level(value)])).collect()
}

fn paint(colour: Colour, style: Style, text: &str) -> String {
    match colour {
        Colour::On => format!("{style}{text}{style:#}"),
        Colour::Off => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::some_run;
    use crate::results::provenance::Repository;
    use crate::stats::compare::history::Alarm;

    #[test]
    fn a_line_a_run_and_an_alarm_where_one_was_not_to_be_expected() {
        let mut first = some_run();
        first.manifest.tags = vec!["nightly".into(), "a\u{1b}[2Jb".into()];
        let mut second = some_run();
        second.manifest.repository = Some(Repository { commit: "0123456789abcdef".into(), dirty: true });
        second.cases[1].summary.requests = 0;
        let alarm = Alarm { predicted: [1100.0, 1400.0], runs: 7 };
        let points = vec![
            Point { value: Some(1200.0), alarm: None },
            Point::default(),
            Point { value: Some(1900.0), alarm: Some(alarm) },
        ];
        let case = CaseHistory {
            label: "local/m/all/30".into(),
            runs: vec![
                (&first, Some(&first.cases[1])),
                (&second, Some(&second.cases[1])),
                (&first, Some(&first.cases[0])),
            ],
            series: Series { metric: "latency_p90".into(), points },
        };
        let mut out = Vec::new();
        render("poem", std::slice::from_ref(&case), Colour::Off, &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
        let mut out = Vec::new();
        json::render("poem", &[case], &mut out).unwrap();
        insta::assert_snapshot!("for_programs", String::from_utf8(out).unwrap());
    }

    #[test]
    fn a_sparkline_shows_what_is_a_quarter_apart_and_what_is_missing() {
        assert_eq!(sparkline(&[Some(1.0), Some(1.01), None, Some(1.25)]), "▁▁·█");
        assert_eq!(sparkline(&[Some(1.0), Some(3.0), Some(2.0)]), "▁█▅");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[None, Some(5.0)]), "·▁");
    }
}
