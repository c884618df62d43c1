//! A comparison in a terminal: the verdict first, then a line a case, then why.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::report::comparison::{Compared, Word, words};
use crate::report::text::Colour;
use crate::stats::compare::CaseComparison;

/// How wide the names of lines are.
const NAMES: usize = 13;

/// Writes one comparison, or several with the same run.
pub fn render(all: &[Compared], colour: Colour, out: &mut dyn Write) -> io::Result<()> {
    let worst = all.iter().map(Compared::word).max().unwrap_or(Word::NotComparable);
    writeln!(out, "{}", paint(colour, style(worst).bold(), &words::headline(all)))?;
    for (place, one) in all.iter().enumerate() {
        if place == 0 {
            writeln!(out, "{:NAMES$}  {}", "before", words::party(&one.before))?;
        } else {
            writeln!(out)?;
        }
        writeln!(out, "{:NAMES$}  {}", "after", words::party(&one.after))?;
        compared(one, colour, out)?;
    }
    Ok(())
}

fn compared(one: &Compared, colour: Colour, out: &mut dyn Write) -> io::Result<()> {
    for case in &one.comparison.cases {
        writeln!(out)?;
        render_case(one, case, colour, out)?;
    }
    let only = [(&one.comparison.missing, "before"), (&one.comparison.new, "after")];
    for (keys, side) in only.into_iter().filter(|(keys, _)| !keys.is_empty()) {
        let labels: Vec<String> = keys.iter().map(|key| words::bounded(&key.to_string())).collect();
        writeln!(out, "\nonly {side}: {}", labels.join(", "))?;
    }
    Ok(())
}

fn render_case(one: &Compared, case: &CaseComparison, colour: Colour, out: &mut dyn Write) -> io::Result<()> {
    let word = Word::of(case);
    writeln!(out, "{}", paint(colour, Style::new().bold(), &words::label(case)))?;
    let verdict = paint(colour, style(word), &words::word(word, one.options.tolerance));
    writeln!(out, "  {verdict} · {}", effect(case, colour))?;
    let mut line = |name: &str, text: &str| writeln!(out, "  {name:NAMES$}{text}");
    for mismatch in &case.comparability.mismatches {
        line("differs", &words::mismatch(mismatch))?;
    }
    // Why there is no verdict is said above, where something differs.
    if let Some(why) = case.why.as_ref().filter(|_| word != Word::NotComparable) {
        line("why", &words::bounded(why))?;
    }
    if !case.comparability.unchecked.is_empty() {
        line("not checked", &case.comparability.unchecked.join(", "))?;
    }
    if let Some(success) = words::success(case) {
        line("success", &success)?;
    }
    let secondary: Vec<String> = case.secondary.iter().filter_map(words::secondary).collect();
    if !secondary.is_empty() {
        line(words::SECONDARY, "")?;
        for one in secondary {
            line("", &paint(colour, Style::new().dimmed(), &one))?;
        }
    }
    Ok(())
}

/// `latency_p90 1.20 s → 1.50 s, +25.0 % (95 %: +22.1 % to +28.0 %), 5 and 5 rounds`; grey where there is no verdict.
fn effect(case: &CaseComparison, colour: Colour) -> String {
    let interval = words::interval(case).map(|interval| format!(" (95 %: {interval})")).unwrap_or_default();
    let effect = words::effect(case).map(|effect| format!(", {effect}{interval}")).unwrap_or_default();
    let text = format!("{} {}{effect}, {}", words::bounded(&case.metric), words::values(case), words::rounds(case));
    match Word::of(case) {
        Word::None | Word::NotComparable => paint(colour, Style::new().dimmed(), &text),
        _ => text,
    }
}

fn paint(colour: Colour, style: Style, text: &str) -> String {
    match colour {
        Colour::On => format!("{style}{text}{style:#}"),
        Colour::Off => text.to_owned(),
    }
}

fn style(word: Word) -> Style {
    match word {
        Word::Worse => AnsiColor::Red.on_default(),
        Word::Better | Word::Same => AnsiColor::Green.on_default(),
        Word::SlightlyWorse | Word::Inconclusive | Word::NotComparable => AnsiColor::Yellow.on_default(),
        Word::None => Style::new(),
    }
}
