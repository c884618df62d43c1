//! Two runs side by side, shown: text, Markdown, JSON. Pure: the same comparison gives the same bytes.
//!
//! The verdict comes first. What is not comparable shows its numbers and the difference that forbids a verdict.

pub mod json;
pub mod markdown;
pub mod noise;
pub mod text;
pub mod words;

#[cfg(test)]
pub(super) mod tests;

use crate::results::{self, Run};
use crate::stats::compare::verdict::Verdict;
use crate::stats::compare::{CaseComparison, Comparison, Options};

/// Two runs, compared, and what a reader has to know of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The run that the other is held against.
    pub before: Party,
    /// The other.
    pub after: Party,
    /// How they were compared.
    pub options: Options,
    /// Case by case.
    pub comparison: Comparison,
}

/// One of the runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Party {
    /// Where it was found: a folder, a table, `REV:path`.
    pub place: String,
    /// The scenario's name; empty for a lone table.
    pub scenario: String,
    /// The run's id; empty for a lone table.
    pub run_id: String,
    /// When it began.
    pub started: Option<String>,
    /// The commit of the scenario's repository, and whether files differed from it.
    pub commit: Option<String>,
    /// The program that measured, and its version.
    pub tool: Option<String>,
    /// Why it is partial; empty when it is complete.
    pub partial: Vec<String>,
}

impl Party {
    /// Of a run and where it was found.
    pub fn of(place: &str, run: &Run) -> Party {
        let manifest = &run.manifest;
        let commit = manifest.repository.as_ref().map(|repository| {
            let dirty = if repository.dirty { ", with changes" } else { "" };
            format!("{}{dirty}", repository.commit.get(..12).unwrap_or(&repository.commit))
        });
        Party {
            place: place.to_owned(),
            scenario: manifest.scenario.clone(),
            run_id: manifest.run_id.clone(),
            started: manifest.started.map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string()),
            commit,
            tool: manifest.tool.as_ref().map(|tool| format!("{} {}", tool.name, tool.version)),
            partial: run.state.partial.clone(),
        }
    }
}

impl Compared {
    /// Compares two runs; each with where it was found.
    pub fn of(before: (&str, &Run), after: (&str, &Run), options: &Options) -> Compared {
        Compared {
            before: Party::of(before.0, before.1),
            after: Party::of(after.0, after.1),
            options: options.clone(),
            comparison: results::compare(before.1, after.1, options),
        }
    }

    /// What is said of the two as a whole: the worst of the cases.
    pub fn word(&self) -> Word {
        self.comparison.cases.iter().map(Word::of).max().unwrap_or(Word::NotComparable)
    }
}

/// What is said of a case, the worse last: of several, the worst speaks for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// Certainly faster.
    Better,
    /// Certainly within the tolerance.
    Same,
    /// Certainly slower, by less than the tolerance.
    SlightlyWorse,
    /// Nothing that a verdict could rest on.
    None,
    /// Cannot tell yet.
    Inconclusive,
    /// Something else differs than what is compared.
    NotComparable,
    /// Certainly slower, and by the tolerance or more.
    Worse,
}

impl Word {
    /// Of a case.
    pub fn of(case: &CaseComparison) -> Word {
        match case.verdict {
            _ if !case.comparability.mismatches.is_empty() => Word::NotComparable,
            Verdict::Worse => Word::Worse,
            Verdict::SlightlyWorse => Word::SlightlyWorse,
            Verdict::Better => Word::Better,
            Verdict::Same => Word::Same,
            Verdict::Inconclusive => Word::Inconclusive,
            Verdict::None => Word::None,
        }
    }

    /// The verdict's name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Word::Better => "better",
            Word::Same => "same",
            Word::SlightlyWorse => "slightly_worse",
            Word::Inconclusive => "inconclusive",
            Word::None | Word::NotComparable => "none",
            Word::Worse => "worse",
        }
    }
}
