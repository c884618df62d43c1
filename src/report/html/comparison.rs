//! What the page says of runs side by side.

use serde::Serialize;

use super::ecdf::{self, Drawn};
use super::forest;
use super::words::Mark;
use crate::report::comparison::{Compared, Party, Word, words};
use crate::results::{CaseRun, Run};
use crate::stats::compare::CaseComparison;

/// Cases that are shown with their pictures; all of them stand in the table.
const PICTURED: usize = 100;

/// Runs held against one of them, ready for the template.
#[derive(Debug, Serialize)]
pub(super) struct ComparisonPage {
    pub(super) title: String,
    name: String,
    verdict: Mark,
    means: String,
    headline: String,
    tolerance: String,
    sides: Vec<Side>,
}

/// One run held against the first.
#[derive(Debug, Serialize)]
struct Side {
    /// Empty for a single one; with several, which it is.
    number: String,
    before: Vec<String>,
    after: Vec<String>,
    forest: String,
    forest_of: usize,
    cases: Vec<CasePart>,
    missing: Vec<String>,
    new: Vec<String>,
}

/// A case in both runs.
#[derive(Debug, Serialize)]
struct CasePart {
    id: String,
    label: String,
    mark: Mark,
    metric: String,
    values: String,
    change: String,
    interval: String,
    /// For sorting.
    ratio: Option<f64>,
    rounds: String,
    success: String,
    why: Option<String>,
    mismatches: Vec<String>,
    unchecked: String,
    secondary: Vec<String>,
    /// Whether pictures are drawn of it.
    pictured: bool,
    ecdf: String,
    has_rounds: bool,
    strip: String,
}

impl ComparisonPage {
    /// Of comparisons with the same run; `runs` are that one and then the others.
    pub(super) fn of(all: &[Compared], runs: &[&Run]) -> ComparisonPage {
        let worst = all.iter().map(Compared::word).max().unwrap_or(Word::NotComparable);
        let tolerance = all.first().map_or(0.1, |one| one.options.tolerance);
        let scenario = all.first().map(|one| words::bounded(&one.after.scenario)).filter(|name| !name.is_empty());
        let name = scenario.unwrap_or_else(|| "Runs side by side".to_owned());
        let mark = mark(worst);
        let side = |(place, one): (usize, &Compared)| {
            Side::of(place, all.len(), one, (runs.first().copied(), runs.get(place + 1).copied()))
        };
        ComparisonPage {
            title: format!("{name} · {}", words::word(worst, tolerance).to_lowercase()),
            name,
            verdict: mark,
            means: means(worst, tolerance),
            headline: words::headline(all),
            tolerance: crate::report::numbers::percent(tolerance),
            sides: all.iter().enumerate().map(side).collect(),
        }
    }
}

impl Side {
    fn of(place: usize, sides: usize, one: &Compared, (before, after): (Option<&Run>, Option<&Run>)) -> Side {
        let comparison = &one.comparison;
        let cases: Vec<&CaseComparison> = comparison.cases.iter().filter(|case| case.ratio.is_some()).collect();
        let part = |(number, case): (usize, &CaseComparison)| {
            let after_key = case.key_after.as_ref().unwrap_or(&case.key);
            let of = |run: &'_ Run, is: &dyn Fn(&CaseRun) -> bool| run.cases.iter().position(is);
            let old = before.and_then(|run| Some(&run.cases[of(run, &|other| other.facts.key() == case.key)?]));
            let new = after.and_then(|run| Some(&run.cases[of(run, &|other| other.facts.key() == *after_key)?]));
            let sides = old.zip(new).filter(|_| number < PICTURED);
            CasePart::of(format!("case-{}-{}", place + 1, number + 1), case, sides)
        };
        Side {
            number: if sides > 1 { format!("{} of {sides}", place + 1) } else { String::new() },
            before: party(&one.before),
            after: party(&one.after),
            forest: if cases.is_empty() { String::new() } else { forest::changes(&cases, one.options.tolerance) },
            forest_of: cases.len().min(forest::CASES),
            cases: comparison.cases.iter().enumerate().map(part).collect(),
            missing: comparison.missing.iter().map(|key| words::bounded(&key.to_string())).collect(),
            new: comparison.new.iter().map(|key| words::bounded(&key.to_string())).collect(),
        }
    }
}

impl CasePart {
    fn of(id: String, case: &CaseComparison, sides: Option<(&CaseRun, &CaseRun)>) -> CasePart {
        let (ecdf, has_rounds) = sides.map(|(before, after)| picture(before, after)).unwrap_or_default();
        let measured = case.rounds.iter().any(|rounds| !rounds.is_empty());
        CasePart {
            id,
            label: words::label(case),
            mark: mark(Word::of(case)),
            metric: words::bounded(&case.metric),
            values: words::values(case),
            change: words::effect(case).unwrap_or_else(|| "–".to_owned()),
            interval: words::interval(case).unwrap_or_else(|| "–".to_owned()),
            ratio: case.ratio,
            rounds: words::rounds(case),
            success: words::success(case).unwrap_or_else(|| "–".to_owned()),
            why: case.why.as_ref().filter(|_| Word::of(case) != Word::NotComparable).map(|why| words::bounded(why)),
            mismatches: case.comparability.mismatches.iter().map(words::mismatch).collect(),
            unchecked: words::bounded(&case.comparability.unchecked.join(", ")),
            secondary: case.secondary.iter().filter_map(words::secondary).collect(),
            pictured: !ecdf.is_empty(),
            ecdf,
            has_rounds,
            strip: if measured { forest::rounds(case) } else { String::new() },
        }
    }
}

/// Both distributions over each other, each round behind them.
fn picture(before: &CaseRun, after: &CaseRun) -> (String, bool) {
    let (old, new) = (&before.picture, &after.picture);
    let mut curves: Vec<Drawn<'_>> =
        old.rounds.iter().map(|curve| Drawn { class: "curve each-before", curve }).collect();
    curves.extend(new.rounds.iter().map(|curve| Drawn { class: "curve each", curve }));
    curves.push(Drawn { class: "curve before", curve: &old.headline });
    curves.push(Drawn { class: "curve", curve: &new.headline });
    let label = format!(
        "Share of requests answered over time. Before: {}. After: {}",
        ecdf::in_words(&before.summary),
        ecdf::in_words(&after.summary)
    );
    (
        ecdf::draw(&curves, &[], "time since the request was sent", &label),
        !old.rounds.is_empty() || !new.rounds.is_empty(),
    )
}

fn party(party: &Party) -> Vec<String> {
    words::party(party).split(" · ").map(str::to_owned).collect()
}

fn mark(word: Word) -> Mark {
    match word {
        Word::Better => Mark::new("↓", "good", "Better"),
        Word::Same => Mark::new("=", "good", "The same"),
        Word::SlightlyWorse => Mark::new("↑", "warn", "Slightly worse"),
        Word::Worse => Mark::new("✕", "bad", "Worse"),
        Word::Inconclusive => Mark::new("?", "warn", "Cannot tell yet"),
        Word::NotComparable => Mark::new("≠", "warn", "Not comparable"),
        Word::None => Mark::new("–", "plain", "No verdict"),
    }
}

fn means(word: Word, tolerance: f64) -> String {
    let tolerance = crate::report::numbers::percent(tolerance);
    match word {
        Word::Better => "At least one case is certainly faster, and none is slower.".to_owned(),
        Word::Same => format!("Every case is certainly within {tolerance} of what it was."),
        Word::SlightlyWorse => format!("At least one case is certainly slower, by less than {tolerance}."),
        Word::Worse => format!("At least one case is certainly slower, by {tolerance} or more."),
        Word::Inconclusive => "The rounds differ too much among themselves: more of them would tell.".to_owned(),
        Word::NotComparable => {
            "What was asked, who answered or how well it was measured is not the same in both runs.".to_owned()
        }
        Word::None => "There is nothing that a verdict could rest on.".to_owned(),
    }
}
