//! Both sides under way: events on their way to two runs, and after each pair how far apart they are.

use crate::commands::record::Record;
use crate::commands::{warn, words};
use crate::progress::Progress;
use crate::report::comparison::words::{bounded, change, interval};
use crate::results::CaseRun;
use crate::runner::event::Event;
use crate::sample::Sample;
use crate::stats::compare::comparable::Provenance;
use crate::stats::compare::verdict::{LOOKS, look};
use crate::stats::compare::{CaseComparison, Comparison, Options, Side};

use super::sides::Pairs;

/// The cases of a run that were measured.
fn sides<'a>(cases: &'a [CaseRun], provenance: &'a Provenance) -> Vec<Side<'a>> {
    let measured = cases.iter().filter(|case| case.summary.requests > 0);
    measured.map(|case| Side { pooled: &case.summary, rounds: &case.rounds, provenance }).collect()
}

/// Two runs under way.
pub(super) struct Duel {
    progress: Progress,
    records: [Record; 2],
    quiet: bool,
    pairs: Pairs,
    options: Options,
    /// Pairs that were measured.
    done: u32,
    /// The latency of the pre-flight under way, in each run.
    lone: Option<std::time::Duration>,
    told: Vec<String>,
}

/// What is left of it when nothing more is sent.
pub(super) struct Over {
    pub(super) records: [Record; 2],
    /// How to compare: with the level that the looks leave.
    pub(super) options: Options,
    /// Pairs that were measured.
    pub(super) pairs: u32,
    /// What went wrong in writing, and was said.
    pub(super) told: Vec<String>,
}

impl Duel {
    pub(super) fn new(progress: Progress, records: [Record; 2], quiet: bool, pairs: Pairs, options: Options) -> Duel {
        Duel { progress, records, quiet, pairs, options, done: 0, lone: None, told: Vec::new() }
    }

    /// Takes in what happened on a side.
    pub(super) fn tell(&mut self, side: usize, event: Event<'_>) {
        self.progress.tell(&event);
        match &event {
            Event::Sampled { case: None, sample, .. } => self.lone = Sample::latency(sample),
            Event::PreflightEnded { target, model, diagnosis } => {
                let text = words::preflight(&target.name, model, diagnosis, self.lone.take());
                // What is wrong is said even to those who asked for silence.
                if !self.quiet || diagnosis.problem.is_some() {
                    self.progress.above(|| warn(text.trim_end()));
                }
            }
            _ => {}
        }
        let record = &mut self.records[side];
        record.tell(event);
        for trouble in record.writer().trouble() {
            self.progress.above(|| warn(&format!("warning: {trouble}")));
            self.told.push(trouble);
        }
    }

    /// Says where things stand after a pair, and whether there is to be another.
    pub(super) fn goes_on(&mut self, pair: u32) -> bool {
        self.done = pair;
        let [Some(before), Some(after)] = [0, 1].map(|side: usize| self.records[side].writer().so_far()) else {
            self.progress
                .above(|| warn("warning: rows wait for the disk: what they say is looked at after a later pair"));
            return true;
        };
        let level = self.level();
        let known = Provenance::default();
        let [before, after] = [&before, &after].map(|cases| sides(cases, &known));
        let options = Options { paired: true, level, ..self.options.clone() };
        let comparison = Comparison::of(&before, &after, &options);
        if !self.quiet {
            let lines: Vec<String> =
                comparison.cases.iter().map(|case| self.line(case, comparison.cases.len())).collect();
            self.progress.above(|| lines.iter().for_each(|line| warn(line)));
        }
        let is_told = |case: &CaseComparison| case.p_adjusted.is_some_and(|p| p < level);
        let may_stop = self.pairs == Pairs::Auto && look(pair as usize).is_some();
        !(may_stop && !comparison.cases.is_empty() && comparison.cases.iter().all(is_told))
    }

    /// `pair 3 of 8: +4.2 % (95 %: -10.1 % to +20.8 %)`
    fn line(&self, case: &CaseComparison, cases: usize) -> String {
        let of = match self.pairs {
            Pairs::Fixed(pairs) => format!("of {pairs}"),
            Pairs::Auto => format!("of at most {}", Pairs::Auto.most()),
        };
        let label = if cases > 1 { format!(", {}", bounded(&case.key.to_string())) } else { String::new() };
        let effect = case.ratio.map_or_else(|| "not measured".to_owned(), change);
        let interval = interval(case).map(|interval| format!(" (95 %: {interval})")).unwrap_or_default();
        format!("pair {} {of}{label}: {} {effect}{interval}", self.done, case.metric)
    }

    /// The p below which a difference counts after the pairs that there are.
    fn level(&self) -> f64 {
        let strictest = LOOKS[0].1;
        match self.pairs {
            Pairs::Fixed(_) => self.options.level,
            Pairs::Auto => look(self.done as usize).unwrap_or(strictest),
        }
    }

    /// Takes the progress away.
    pub(super) fn over(self) -> Over {
        let options = Options { level: self.level(), ..self.options };
        Over { records: self.records, options, pairs: self.done, told: self.told }
    }
}
