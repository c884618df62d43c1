//! A run's events on their way to its files: rows, what pre-flight learnt, what this program saw of itself.

use jiff::Timestamp;

use super::facts;
use crate::results::{Finished, Origin, Rendering, Run, RunWriter};
use crate::runner::event::Event;
use crate::sample::{Phase, Sample};
use crate::scenario::plan::{Case, CaseKey, Plan};

/// A run under way, as its files see it.
pub(super) struct Record {
    writer: RunWriter,
    /// The plan's cases, in order.
    keys: Vec<CaseKey>,
    /// The case under way: its index in the plan.
    case: usize,
    /// Where the rows of the round under way belong.
    origin: Option<(Timestamp, Phase, Origin)>,
}

impl Record {
    pub(super) fn new(plan: &Plan, writer: RunWriter) -> Record {
        let keys = plan.cases.iter().map(|case| case.key.clone()).collect();
        Record { writer, keys, case: 0, origin: None }
    }

    /// The run's files.
    pub(super) fn writer(&self) -> &RunWriter {
        &self.writer
    }

    /// Takes in what happened. A sample goes into its row.
    pub(super) fn tell(&mut self, event: Event<'_>) {
        match event {
            Event::PreflightEnded { diagnosis, .. } => {
                self.writer.update(|manifest| facts::learnt(manifest, diagnosis));
            }
            Event::CaseBegun { case, .. } | Event::RoundBegun { case, .. } => self.turn_to(case),
            Event::RoundEnded { round, facts, .. } => self.writer.client_facts(self.case, round, facts.clone()),
            Event::Sampled { case, target, model, start, sample } => {
                let origin = self.origin(case.is_some(), &target.name, model, start, &sample);
                self.writer.row(&origin, sample);
            }
            _ => {}
        }
    }

    /// Ends the run.
    pub(super) fn finish(
        self,
        render: impl FnOnce(&Run) -> Vec<Rendering>,
        exit: impl FnOnce(&Run, &[String]) -> i32,
    ) -> Finished {
        self.writer.finish(Timestamp::now(), render, exit)
    }

    fn turn_to(&mut self, case: &Case) {
        if let Some(index) = self.keys.iter().position(|key| *key == case.key) {
            self.case = index;
        }
    }

    /// Where the row of a sample belongs; looked up once a round.
    fn origin(&mut self, in_case: bool, target: &str, model: &str, start: Timestamp, sample: &Sample) -> Origin {
        if let Some((known, phase, origin)) = &self.origin
            && (*known, *phase) == (start, sample.phase)
        {
            return origin.clone();
        }
        let origin = match sample.phase {
            _ if !in_case => self.writer.preflight(target, model, start),
            Phase::Load => self.writer.round(self.case, sample.round, start),
            _ => self.writer.warmup(self.case, start),
        };
        self.origin = Some((start, sample.phase, origin.clone()));
        origin
    }
}
