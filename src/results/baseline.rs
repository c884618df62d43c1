//! The run that another is held against: what `run.json` keeps of it, and of what its gates came to.
//!
//! The baseline itself may be gone when a report is made again: what was judged is kept, not judged anew.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::results::address::Found;
use crate::results::manifest::{GateText, Manifest};
use crate::results::run::Run;
use crate::results::sides::compare;
use crate::scenario::plan::{CaseKey, RelativeGate};
use crate::stats::GateResult;
use crate::stats::compare::{Comparison, versus};

/// The baseline, and what was judged by it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BaselineFacts {
    /// Where it was found: a folder, a table, `REV:path`.
    pub place: String,
    /// Its run's id.
    pub run_id: String,
    /// When it began.
    pub started: Option<Timestamp>,
    /// The gates of `vs_baseline`, case by case.
    pub judged: Vec<JudgedCase>,
}

/// What the gates of `vs_baseline` came to in a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedCase {
    /// The case.
    pub key: CaseKey,
    /// In the order of the scenario.
    pub gates: Vec<GateResult>,
}

/// A baseline at hand, while the run that is held against it goes on.
#[derive(Debug)]
pub(super) struct Versus {
    pub(super) found: Found,
    pub(super) gates: Vec<RelativeGate>,
}

impl Versus {
    /// Judges a run; cases that no load was sent to are not.
    pub(super) fn judge(&self, run: &Run) -> BaselineFacts {
        let of = |gate: &RelativeGate| compare(&self.found.run, run, &versus::options(gate));
        let comparisons: Vec<Comparison> = self.gates.iter().map(of).collect();
        let loaded = run.cases.iter().filter(|case| case.summary.requests > 0);
        let judged = loaded.map(|case| {
            let key = case.facts.key();
            let gates = self.gates.iter().zip(&comparisons).map(|(gate, comparison)| {
                versus::judge(gate, comparison.cases.iter().find(|compared| compared.key == key))
            });
            JudgedCase { gates: gates.collect(), key }
        });
        let baseline = &self.found.run.manifest;
        BaselineFacts {
            place: self.found.place.clone(),
            run_id: baseline.run_id.clone(),
            started: baseline.started,
            judged: judged.collect(),
        }
    }
}

/// Gives each case of a run what its manifest says of the gates of `vs_baseline`.
pub(super) fn take_judged(run: &mut Run) {
    let Some(baseline) = &run.manifest.baseline else { return };
    for case in &mut run.cases {
        let judged = baseline.judged.iter().find(|judged| judged.key == case.facts.key());
        case.gates.extend(judged.into_iter().flat_map(|judged| judged.gates.iter().cloned()));
    }
}

/// The lines of `vs_baseline` as `run.json` has them; the threshold is the change as a fraction.
pub(super) fn texts(gates: &[RelativeGate]) -> Vec<GateText> {
    let text = |gate: &RelativeGate| GateText {
        metric: gate.metric.clone(),
        op: gate.op.sign().to_owned(),
        threshold: gate.change,
        text: gate.text.clone(),
    };
    gates.iter().map(text).collect()
}

impl Manifest {
    /// The lines of `vs_baseline`; those of a later version that compare in a way unknown here are left out.
    pub fn relative_gates(&self) -> Vec<RelativeGate> {
        let gate = |text: &GateText| {
            // What a stranger's file says is no tolerance where nothing, or everything, would be one.
            let gate = text.gate().filter(|gate| gate.threshold.is_finite() && gate.threshold > -1.0)?;
            Some(RelativeGate { metric: gate.metric, op: gate.op, change: gate.threshold, text: gate.text })
        };
        self.vs_baseline.iter().filter_map(gate).collect()
    }
}
