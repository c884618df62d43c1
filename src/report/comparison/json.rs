//! A comparison for programs: one document, with a version and a published schema (`lamb-load schema comparison`).

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::comparison::{Compared, Party, Word, words};
use crate::stats::Measured;
use crate::stats::compare::CaseComparison;
use crate::stats::compare::comparable::Mismatch;

/// Version of the document; it grows when a reader of the one before could be misled.
pub const SCHEMA_VERSION: u32 = 1;

/// A run held against others, case by case.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "lamb-load comparison")]
pub struct Document {
    /// Version of this document; it grows when a reader of the one before could be misled.
    schema_version: u32,
    /// The first line of the text.
    headline: String,
    /// The worst verdict of all cases.
    verdict: VerdictName,
    /// Whether every case may be compared.
    comparable: bool,
    /// How much slower is tolerated, as a fraction.
    tolerance: f64,
    /// What differs on purpose and is not joined on: `target`, `model` …
    varied: Vec<String>,
    /// The runs: the first is the one that the others are held against.
    runs: Vec<RunDocument>,
    /// Every case that two runs share.
    cases: Vec<CaseDocument>,
    /// Cases that only the first run has.
    missing: Vec<Lone>,
    /// Cases that only the other run has.
    new: Vec<Lone>,
}

/// What a comparison says of a case.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum VerdictName {
    /// Certainly slower, and by the tolerance or more.
    Worse,
    /// Certainly slower, by less than the tolerance.
    SlightlyWorse,
    /// Certainly within the tolerance.
    Same,
    /// Certainly faster.
    Better,
    /// Cannot tell yet.
    Inconclusive,
    /// Nothing that a verdict could rest on; `why` says why.
    None,
}

/// A run.
#[derive(Debug, Serialize, JsonSchema)]
struct RunDocument {
    /// Where it was found: a folder, a table, `REV:path`.
    place: String,
    /// The scenario's name; empty for a lone table.
    scenario: String,
    /// The run's id; empty for a lone table.
    run_id: String,
    /// When it began, in UTC.
    started: Option<String>,
    /// The commit of the scenario's repository.
    commit: Option<String>,
    /// The program that measured, and its version.
    tool: Option<String>,
    /// Why it is partial; empty when it is complete.
    partial: Vec<String>,
}

/// A case in two runs.
#[derive(Debug, Serialize, JsonSchema)]
struct CaseDocument {
    /// The run that is held against the first: its place in `runs`.
    run: usize,
    /// `target/model/prompts/load`, as the first run names it.
    case: String,
    /// The same as the other run names it, where that differs on purpose.
    case_after: Option<String>,
    /// The target's name.
    target: String,
    /// The model.
    model: String,
    /// The prompt set.
    prompts: String,
    /// The load.
    load: String,
    /// What is said of it.
    verdict: VerdictName,
    /// Why there is no verdict, or not yet.
    why: Option<String>,
    /// Whether the two may be compared.
    comparable: bool,
    /// What differs and must not.
    mismatches: Vec<MismatchDocument>,
    /// What one of the runs does not tell.
    not_checked: Vec<String>,
    /// The primary metric, in the unit of its column in summary.csv.
    metric: String,
    /// The metric in each round of the first run.
    before: Vec<f64>,
    /// The metric in each round of the other.
    after: Vec<f64>,
    /// After ÷ before: the ratio of the geometric means of the rounds.
    ratio: Option<f64>,
    /// Between which values the ratio lies with 95 %.
    interval: Option<[f64; 2]>,
    /// The same with 90 %, on which "same" rests.
    interval_90: Option<[f64; 2]>,
    /// The chance of such a difference where there is none.
    p: Option<f64>,
    /// The same, adjusted for the number of cases.
    p_adjusted: Option<f64>,
    /// Pairs of rounds that would tell a difference of the tolerance.
    pairs_needed: Option<u64>,
    /// Answered and attempted requests of the first run.
    answered_before: [u64; 2],
    /// Answered and attempted requests of the other.
    answered_after: [u64; 2],
    /// Difference of the success rates, after − before, and its 95 % interval.
    success_difference: Option<[f64; 3]>,
    /// Metrics beside the primary one: unadjusted, never a gate.
    secondary: Vec<SecondaryDocument>,
}

/// Something that differs and must not.
#[derive(Debug, Serialize, JsonSchema)]
struct MismatchDocument {
    /// What.
    what: String,
    /// In the first run.
    before: String,
    /// In the other.
    after: String,
}

/// A metric beside the primary one, of all rounds together.
#[derive(Debug, Serialize, JsonSchema)]
struct SecondaryDocument {
    /// Its name.
    metric: String,
    /// In the first run; null where nothing was measured, or where it was not reached.
    before: Option<f64>,
    /// In the other.
    after: Option<f64>,
    /// After ÷ before.
    ratio: Option<f64>,
}

/// A case that only one of two runs has.
#[derive(Debug, Serialize, JsonSchema)]
struct Lone {
    /// The run that is held against the first: its place in `runs`.
    run: usize,
    /// `target/model/prompts/load`.
    case: String,
}

/// Writes the document, indented.
pub fn render(all: &[Compared], out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(all))?;
    writeln!(out)
}

/// The document's JSON Schema.
pub fn schema() -> String {
    let generator = schemars::generate::SchemaSettings::draft07().into_generator();
    let mut text =
        serde_json::to_string_pretty(&generator.into_root_schema_for::<Document>()).expect("a schema is plain data");
    text.push('\n');
    text
}

/// The document of one comparison, or of several with the same run.
pub fn document(all: &[Compared]) -> Document {
    let worst = all.iter().map(Compared::word).max().unwrap_or(Word::NotComparable);
    let cases: Vec<CaseDocument> =
        (1..).zip(all).flat_map(|(run, one)| one.comparison.cases.iter().map(move |case| part(run, case))).collect();
    Document {
        schema_version: SCHEMA_VERSION,
        headline: words::headline(all),
        verdict: name(worst),
        comparable: !cases.is_empty() && cases.iter().all(|case| case.comparable),
        tolerance: all.first().map_or(0.0, |one| one.options.tolerance),
        varied: all.first().map(|one| one.options.varied.clone()).unwrap_or_default(),
        runs: all.iter().take(1).map(|one| &one.before).chain(all.iter().map(|one| &one.after)).map(run).collect(),
        cases,
        missing: (1..).zip(all).flat_map(|(run, one)| lone(run, &one.comparison.missing)).collect(),
        new: (1..).zip(all).flat_map(|(run, one)| lone(run, &one.comparison.new)).collect(),
    }
}

fn lone<T: ToString>(run: usize, keys: &[T]) -> Vec<Lone> {
    keys.iter().map(|key| Lone { run, case: key.to_string() }).collect()
}

fn run(party: &Party) -> RunDocument {
    let party = party.clone();
    RunDocument {
        place: party.place,
        scenario: party.scenario,
        run_id: party.run_id,
        started: party.started,
        commit: party.commit,
        tool: party.tool,
        partial: party.partial,
    }
}

fn name(word: Word) -> VerdictName {
    match word {
        Word::Worse => VerdictName::Worse,
        Word::SlightlyWorse => VerdictName::SlightlyWorse,
        Word::Same => VerdictName::Same,
        Word::Better => VerdictName::Better,
        Word::Inconclusive => VerdictName::Inconclusive,
        Word::None | Word::NotComparable => VerdictName::None,
    }
}

fn part(run: usize, case: &CaseComparison) -> CaseDocument {
    let number = |of: Option<Measured>| of.map(Measured::number).filter(|number| number.is_finite());
    let secondary = case.secondary.iter().filter(|one| one.before.is_some() || one.after.is_some());
    let mismatch = |one: &Mismatch| MismatchDocument {
        what: one.what.clone(),
        before: one.before.clone(),
        after: one.after.clone(),
    };
    CaseDocument {
        run,
        case: case.key.to_string(),
        case_after: case.key_after.as_ref().map(ToString::to_string),
        target: case.key.target.clone(),
        model: case.key.model.clone(),
        prompts: case.key.prompts.clone(),
        load: case.key.load.clone(),
        verdict: name(Word::of(case)),
        why: case.why.clone(),
        comparable: case.comparability.mismatches.is_empty(),
        mismatches: case.comparability.mismatches.iter().map(mismatch).collect(),
        not_checked: case.comparability.unchecked.clone(),
        metric: case.metric.clone(),
        before: case.rounds[0].clone(),
        after: case.rounds[1].clone(),
        ratio: case.ratio,
        interval: case.interval,
        interval_90: case.bounds,
        p: case.p,
        p_adjusted: case.p_adjusted,
        pairs_needed: case.pairs_needed,
        answered_before: case.answered[0],
        answered_after: case.answered[1],
        success_difference: case.success_difference,
        secondary: secondary
            .map(|one| SecondaryDocument {
                metric: one.metric.clone(),
                before: number(one.before),
                after: number(one.after),
                ratio: one.ratio,
            })
            .collect(),
    }
}
