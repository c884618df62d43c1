//! The summary in a terminal: whether to believe it, then the numbers a person wants, then why.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::report::Advice;
use crate::report::measured::Line;
use crate::report::verdict::{self, Verdict};
use crate::report::view::{self, CaseView, FailureView, GateView};
use crate::results::cell::printable;
use crate::results::{CaseRun, Run};
use crate::stats::validity::Label;

/// How wide the names of lines are.
const NAMES: usize = 13;

/// Whether escape sequences for colours are written; the command knows the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// They are.
    On,
    /// They are not.
    Off,
}

/// Writes the summary of a run: its first line, then every case.
pub fn render(run: &Run, advice: Advice<'_>, colour: Colour, out: &mut dyn Write) -> io::Result<()> {
    let paint = Paint(colour);
    let style = verdict_style(Verdict::of_run(run));
    writeln!(out, "{}", paint.text(style, &printable(&verdict::headline(run))))?;
    let about = about(run);
    if !about.is_empty() {
        writeln!(out, "{about}")?;
    }
    for case in &run.cases {
        writeln!(out)?;
        render_case(run, case, advice, colour, out)?;
    }
    if run.rows == 0 && run.cases.is_empty() {
        writeln!(out, "\nno request was sent")?;
    }
    Ok(())
}

/// Writes the summary of one case.
pub fn render_case(
    run: &Run,
    case: &CaseRun,
    advice: Advice<'_>,
    colour: Colour,
    out: &mut dyn Write,
) -> io::Result<()> {
    let paint = Paint(colour);
    let view = view::case(run, case, advice);
    let style = match (Verdict::of_case(run, case), verdict::label(case)) {
        (Verdict::Passed, Some(Label::Degraded)) => warning(),
        (verdict, _) => verdict_style(verdict),
    };
    writeln!(out, "{}", paint.text(Style::new().bold(), &format!("{} · {}", view.label, view.asked)))?;
    writeln!(out, "  {}", paint.text(style, &view.headline))?;
    view.lines.iter().try_for_each(|line| measured(line, paint, out))?;
    failures(&view, paint, out)?;
    gates(&view.gates, paint, out)?;
    notes(&view.notes, out)
}

fn about(run: &Run) -> String {
    let manifest = &run.manifest;
    let parts = [manifest.scenario.as_str(), manifest.run_id.as_str()];
    let mut text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    if let Some(description) = &manifest.description {
        text.push_str(&format!(": {}", printable(description)));
    }
    printable(&text).into_owned()
}

fn measured(line: &Line, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let value = match line.struck {
        false => line.value.clone(),
        // Struck for the eye; for a file, marked.
        true if paint.0 == Colour::On => paint.text(Style::new().strikethrough().dimmed(), &line.value),
        true => format!("[invalid] {}", line.value),
    };
    writeln!(out, "  {:NAMES$}{value}", line.name)
}

fn failures(view: &CaseView, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    if view.failures.is_empty() {
        return Ok(());
    }
    writeln!(out, "  failures")?;
    for FailureView { headline, who, example, advice } in &view.failures {
        writeln!(out, "    {} ({who})", paint.text(bad(), headline))?;
        if let Some(example) = example {
            writeln!(out, "      said: {example}")?;
        }
        if let Some(advice) = advice {
            writeln!(out, "      try:  {}", printable(advice))?;
        }
    }
    if view.more_failures > 0 {
        writeln!(out, "    and {} more causes", view.more_failures)?;
    }
    Ok(())
}

fn gates(gates: &[GateView], paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    for (place, gate) in gates.iter().enumerate() {
        let name = if place == 0 { "gates" } else { "" };
        let style = match gate.state {
            "passed" => good(),
            "failed" => bad(),
            _ => warning(),
        };
        let why = gate.why.as_deref().map(|why| format!(": {}", printable(why))).unwrap_or_default();
        let state = paint.text(style, &format!("{:9}", gate.state));
        writeln!(out, "  {name:NAMES$}{state} {}{why}", gate.expected)?;
    }
    Ok(())
}

fn notes(notes: &[String], out: &mut dyn Write) -> io::Result<()> {
    for (place, note) in notes.iter().enumerate() {
        let name = if place == 0 { "notes" } else { "" };
        writeln!(out, "  {name:NAMES$}{note}")?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Paint(Colour);

impl Paint {
    fn text(self, style: Style, text: &str) -> String {
        match self.0 {
            Colour::On => format!("{style}{text}{style:#}"),
            Colour::Off => text.to_owned(),
        }
    }
}

fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Passed => good().bold(),
        Verdict::Failed | Verdict::PreflightFailed => bad().bold(),
        Verdict::Undecided | Verdict::Partial => warning().bold(),
        Verdict::Empty | Verdict::Unjudged => Style::new().bold(),
    }
}

fn good() -> Style {
    AnsiColor::Green.on_default()
}

fn bad() -> Style {
    AnsiColor::Red.on_default()
}

fn warning() -> Style {
    AnsiColor::Yellow.on_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{advice, some_run, text};

    #[test]
    fn a_summary_says_first_whether_to_believe_it() {
        insta::assert_snapshot!(text(&some_run()));
    }

    #[test]
    fn invalid_numbers_are_struck_and_marked_where_there_is_no_colour() {
        let mut run = some_run();
        let validity = run.cases[1].validity.as_mut().unwrap();
        validity.label = Label::Invalid;
        let metric = validity.metrics.get_mut("latency").unwrap();
        (metric.label, metric.error_ms) = (Label::Invalid, Some(90.0));
        let plain = text(&run);
        assert!(plain.starts_with("INVALID · UNDECIDED · 0 of 2 cases passed\n"), "{plain}");
        assert!(plain.contains("\n  latency      [invalid] P50 1.57 s"), "{plain}");
        assert!(plain.contains("not to be believed: our own error is up to 90.0 ms"), "{plain}");
        let mut coloured = Vec::new();
        render(&run, &advice, Colour::On, &mut coloured).unwrap();
        let coloured = String::from_utf8(coloured).unwrap();
        assert!(coloured.contains("\u{1b}[2m\u{1b}[9mP50 1.57 s"), "{coloured}");
        assert!(!plain.contains('\u{1b}'));
    }

    #[test]
    fn a_partial_run_says_so_first_and_judges_nothing() {
        let mut run = some_run();
        run.state.partial = vec!["interrupted".into()];
        let text = text(&run);
        assert!(text.starts_with("PARTIAL: interrupted. Gates are shown, not judged\n"), "{text}");
        assert!(text.contains("  VALID · PARTIAL · 2 of 2 gates passed\n"), "{text}");
    }

    #[test]
    fn a_case_without_load_says_why() {
        let mut run = some_run();
        run.cases.truncate(1);
        run.cases[0].summary.requests = 0;
        run.cases[0].summary.failure_groups.clear();
        run.cases[0].gates.clear();
        run.manifest.preflights = vec![crate::results::parts::PreflightFacts {
            target: "local".into(),
            model: "m".into(),
            problem: Some("key".into()),
            sentence: Some("the server refuses the key (401)".into()),
            hint: Some("set LAMB_API_KEY".into()),
            ..Default::default()
        }];
        let expected = "validity not checked · PRE-FLIGHT FAILED · 0 of 1 case passed
poem 20261123T233104Z-3f2a: Long answers.

local/m/all/10 · 10 users, 2 rounds, streamed
  PRE-FLIGHT FAILED
  notes        the server refuses the key (401)
               set LAMB_API_KEY
";
        assert_eq!(text(&run), expected);
    }

    #[test]
    fn five_rounds_demonstrate_a_gate_that_two_of_them_only_passed() {
        let mut run = some_run();
        let case = &mut run.cases[1];
        let round = case.rounds[0].clone();
        let said = |run: &Run| text(run).matches("demonstrated at 95 %").count();
        case.rounds = vec![round; 5];
        let five = said(&run);
        run.cases.iter_mut().for_each(|case| case.rounds.truncate(4));
        assert_eq!((five, said(&run)), (2, 0));
    }
}
