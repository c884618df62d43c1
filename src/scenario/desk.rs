//! What lies on the desk while a scenario is resolved: sources, problems and advice so far, what was read.
//!
//! Every other file here reports through it. It decides nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::environment::Lookup;
use super::problem::{Excerpt, Place, Problem, Problems, Range2, printable};
use super::source::{Origin, SourceId, Sources, Spot};

/// The state of one resolution.
pub(super) struct Desk<'a> {
    pub(super) sources: Sources,
    pub(super) lookup: &'a Lookup<'a>,
    /// Names read from the environment.
    pub(super) environment: BTreeSet<String>,
    /// Files read beside the scenario and what it extends.
    pub(super) files: Vec<PathBuf>,
    problems: Vec<Problem>,
    advice: Vec<Problem>,
    broken: bool,
}

/// What is left when the desk is cleared.
pub(super) struct Cleared {
    pub(super) problems: Problems,
    pub(super) advice: Vec<Problem>,
    pub(super) sources: Sources,
    pub(super) environment: BTreeSet<String>,
    pub(super) files: Vec<PathBuf>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(lookup: &'a Lookup<'a>) -> Self {
        Desk {
            sources: Sources::default(),
            lookup,
            environment: BTreeSet::new(),
            files: Vec::new(),
            problems: Vec::new(),
            advice: Vec::new(),
            broken: false,
        }
    }

    /// Something is wrong with the value at a spot.
    pub(super) fn wrong(&mut self, spot: &Spot, message: impl Into<String>, hint: impl Into<String>) {
        let problem = self.problem(spot, spot.value.clone(), message.into(), hint.into());
        self.problems.push(problem);
    }

    /// Something is wrong with the key at a spot.
    pub(super) fn wrong_key(&mut self, spot: &Spot, message: impl Into<String>, hint: impl Into<String>) {
        let problem = self.problem(spot, spot.key.clone(), message.into(), hint.into());
        self.problems.push(problem);
    }

    /// Something may be wrong.
    pub(super) fn advise(&mut self, spot: &Spot, message: impl Into<String>, hint: impl Into<String>) {
        let problem = self.problem(spot, spot.value.clone(), message.into(), hint.into());
        self.advice.push(problem);
    }

    /// Something is missing, from a source as a whole.
    pub(super) fn missing(&mut self, source: SourceId, key: &str, message: &str, hint: &str) {
        let mut place = self.sources.place(source, 0..0);
        if let Some(at) = &mut place.at {
            // Nothing to point at: the top of the file, and no caret.
            at.text.clear();
            at.span = Range2 { start: 0, end: 0 };
        }
        let (key, message, hint) = (key.to_owned(), message.to_owned(), Some(hint.to_owned()));
        self.problems.push(Problem { place: Some(place), key, message, hint });
    }

    /// Something is wrong with a line of a prompt file that a spot names as `typed`.
    pub(super) fn wrong_line(
        &mut self,
        spot: &Spot,
        typed: &str,
        line: (usize, String, usize),
        message: String,
        hint: String,
    ) {
        let path = self.sources.get(spot.source).folder.join(typed);
        let (line, text, column) = line;
        let text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
        let start = text.char_indices().nth(column - 1).map_or(0, |(at, _)| at);
        let span = Range2 { start, end: text.len() };
        let at = Some(Excerpt { line, column, text, span });
        let place = Some(Place { source: usize::MAX, name: printable(&path.display().to_string()), at });
        self.problems.push(Problem { place, key: spot.path.clone(), message, hint: Some(hint) });
    }

    fn problem(&self, spot: &Spot, span: std::ops::Range<usize>, message: String, hint: String) -> Problem {
        let hint = (!hint.is_empty()).then_some(hint);
        Problem { place: Some(self.sources.place(spot.source, span)), key: spot.path.clone(), message, hint }
    }

    /// The text of a source is not TOML.
    pub(super) fn syntax(&mut self, source: SourceId, span: std::ops::Range<usize>, message: String, hint: String) {
        self.broken = true;
        let place = Some(self.sources.place(source, span));
        self.problems.push(Problem { place, key: String::new(), message, hint: Some(hint) });
    }

    /// A file that could not be read at all.
    pub(super) fn unreadable(&mut self, name: &str, message: String, hint: String) {
        let source = self.sources.add(name, Origin::Built, "", Path::new(""));
        let place = Some(Place { source, name: printable(name), at: None });
        self.problems.push(Problem { place, key: String::new(), message, hint: Some(hint) });
    }

    /// The scenario's own name does not do.
    pub(super) fn name(&mut self, source: SourceId, message: String, hint: String) {
        self.missing(source, "file name", &message, &hint);
    }

    /// A part of the scenario could not be read, and what is reported without it would not be true.
    pub(super) fn break_off(&mut self) {
        self.broken = true;
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// A word that a flag gave.
    pub(super) fn flag(&mut self, flag: &str, word: &str) -> Spot {
        let source = self.sources.add(flag, Origin::Flag, word, Path::new(""));
        Spot { source, key: 0..word.len(), value: 0..word.len(), path: String::new() }
    }

    /// A path as typed, from the folder of the file in which it stands.
    pub(super) fn path(&self, spot: &Spot, typed: &str) -> PathBuf {
        let path = self.sources.get(spot.source).folder.join(typed);
        std::path::absolute(&path).unwrap_or(path)
    }

    /// Whether nothing was wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// What was wrong, and what may be.
    pub(super) fn clear(self) -> Cleared {
        Cleared {
            problems: Problems(self.problems).tidy(),
            advice: Problems(self.advice).tidy().0,
            sources: self.sources,
            environment: self.environment,
            files: self.files,
        }
    }
}
