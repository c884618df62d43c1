//! What is said of a comparison, in words and in order, before anybody decides how it looks.
//!
//! Strings of servers are bounded and made printable here; each rendering escapes them its own way.

use crate::report::comparison::{Compared, Party, Word};
use crate::report::numbers::{count, digits, percent, time};
use crate::results::cell::printable;

use crate::stats::Measured;
use crate::stats::compare::comparable::Mismatch;
use crate::stats::compare::{CaseComparison, Secondary};
use crate::stats::metric::{MetricUnit, metric_unit};

/// Characters of a value that differs.
const SHOWN: usize = 120;

/// The sentence above secondary metrics.
pub const SECONDARY: &str = "secondary: unadjusted, never gates";

/// The first line: what is said of all, and how many cases of each kind.
pub fn headline(all: &[Compared]) -> String {
    let tolerance = all.first().map_or(0.1, |one| one.options.tolerance);
    let worst = all.iter().map(Compared::word).max().unwrap_or(Word::NotComparable);
    let words: Vec<Word> = all.iter().flat_map(|one| one.comparison.cases.iter().map(Word::of)).collect();
    if words.is_empty() {
        return format!("{}: the runs share no case", word(worst, tolerance));
    }
    let counted = [
        (Word::Worse, "worse"),
        (Word::SlightlyWorse, "slightly worse"),
        (Word::Better, "better"),
        (Word::Same, "the same"),
        (Word::Inconclusive, "inconclusive"),
        (Word::NotComparable, "not comparable"),
        (Word::None, "without a verdict"),
    ];
    let counts: Vec<String> = counted
        .into_iter()
        .map(|(kind, name)| (words.iter().filter(|word| **word == kind).count(), name))
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| format!("{n} {name}"))
        .collect();
    format!("{} · {}: {}", word(worst, tolerance), count(words.len() as u64, "case"), counts.join(", "))
}

/// A verdict as it is printed; "the same" is so within the tolerance.
pub fn word(word: Word, tolerance: f64) -> String {
    match word {
        Word::Better => "BETTER".to_owned(),
        Word::Same => format!("SAME WITHIN {}", percent(tolerance)),
        Word::SlightlyWorse => "SLIGHTLY WORSE".to_owned(),
        Word::None => "NO VERDICT".to_owned(),
        Word::Inconclusive => "INCONCLUSIVE".to_owned(),
        Word::NotComparable => "NOT COMPARABLE".to_owned(),
        Word::Worse => "WORSE".to_owned(),
    }
}

/// Which run this is, and where from.
pub fn party(party: &Party) -> String {
    let run = [party.scenario.as_str(), party.run_id.as_str()];
    let run = run.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let mut parts = vec![bounded(&party.place)];
    parts.extend((!run.is_empty() && !party.place.contains(&party.run_id)).then(|| bounded(&run)));
    parts.extend(party.started.clone());
    parts.extend(party.commit.as_ref().map(|commit| format!("commit {}", bounded(commit))));
    parts.extend(party.tool.as_ref().map(|tool| bounded(tool)));
    parts.extend((!party.partial.is_empty()).then(|| format!("partial: {}", bounded(&party.partial.join("; ")))));
    parts.join(" · ")
}

/// The case's label; both where it is called otherwise in the other run.
pub fn label(case: &CaseComparison) -> String {
    let before = bounded(&case.key.to_string());
    match &case.key_after {
        Some(after) => format!("{before} → {}", bounded(&after.to_string())),
        None => before,
    }
}

/// The primary metric before and after: `1.20 s → 1.50 s`.
pub fn values(case: &CaseComparison) -> String {
    let middle = |rounds: &[f64]| {
        let sum: f64 = rounds.iter().map(|value| value.ln()).sum();
        (!rounds.is_empty()).then(|| value(&case.metric, (sum / rounds.len() as f64).exp()))
    };
    let [before, after] = [&case.rounds[0], &case.rounds[1]].map(|rounds| middle(rounds));
    let none = || "not measured".to_owned();
    format!("{} → {}", before.unwrap_or_else(none), after.unwrap_or_else(none))
}

/// The difference: `+25.0 %`; `None` where one side has no value.
pub fn effect(case: &CaseComparison) -> Option<String> {
    case.ratio.map(change)
}

/// Where it lies with 95 %: `+22.1 % to +28.0 %`.
pub fn interval(case: &CaseComparison) -> Option<String> {
    case.interval.map(|[low, high]| format!("{} to {}", change(low), change(high)))
}

/// Rounds before and after: `5 rounds a side`, `5 and 6 rounds`.
pub fn rounds(case: &CaseComparison) -> String {
    match [case.rounds[0].len(), case.rounds[1].len()] {
        [before, after] if before == after => format!("{} a side", count(before as u64, "round")),
        [before, after] => format!("{before} and {after} rounds"),
    }
}

/// Success before and after, and their difference with its interval.
pub fn success(case: &CaseComparison) -> Option<String> {
    let [before, after] = case.answered.map(|[ok, all]| (all > 0).then(|| percent(ok as f64 / all as f64)));
    let [difference, low, high] = case.success_difference?.map(points);
    Some(format!("{} → {}, {difference} points (95 %: {low} to {high})", before?, after?))
}

/// What forbids a verdict, with both values; what could not be checked.
pub fn mismatch(mismatch: &Mismatch) -> String {
    let shown = |text: &str| if text.is_empty() { "none".to_owned() } else { bounded(text) };
    format!("{}: {} before, {} after", bounded(&mismatch.what), shown(&mismatch.before), shown(&mismatch.after))
}

/// A secondary metric: `ttft_p90 200 ms → 210 ms (+5.0 %)`; `None` where neither run has it.
pub fn secondary(of: &Secondary) -> Option<String> {
    let [before, after] = [of.before, of.after].map(|side| side.map(|side| measured(&of.metric, side)));
    if before.is_none() && after.is_none() {
        return None;
    }
    let none = || "not measured".to_owned();
    let ratio = of.ratio.map(|ratio| format!(" ({})", change(ratio))).unwrap_or_default();
    Some(format!("{} {} → {}{ratio}", of.metric, before.unwrap_or_else(none), after.unwrap_or_else(none)))
}

/// A metric's value with its unit.
pub fn measured(metric: &str, of: Measured) -> String {
    match of {
        Measured::Value(number) => value(metric, number),
        Measured::NotReached => "not reached".to_owned(),
    }
}

fn value(metric: &str, number: f64) -> String {
    match metric_unit(metric).unwrap_or(MetricUnit::Count) {
        MetricUnit::Milliseconds => time(number),
        MetricUnit::Seconds => time(number * 1000.0),
        MetricUnit::Share => percent(number),
        MetricUnit::PerSecond => format!("{}/s", digits(number)),
        MetricUnit::Count => digits(number),
    }
}

/// A ratio as a change in percent, with its sign and one decimal up to 100 %.
pub fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    let decimals = usize::from(percent.abs() < 99.95);
    let text = format!("{percent:+.decimals$}");
    // Nothing is less than nothing by nothing.
    let text = if text == "-0.0" { "+0.0" } else { &text };
    format!("{text} %")
}

/// A difference of shares in points, with its sign.
fn points(difference: f64) -> String {
    let text = format!("{:+.1}", difference * 100.0);
    if text == "-0.0" { "+0.0".to_owned() } else { text }
}

/// A text that may come from a server or a stranger: printable, and not longer than it is worth.
pub fn bounded(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
