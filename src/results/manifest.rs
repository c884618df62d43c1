//! `run.json`: what a run was, beside its rows. Provenance, and of the plan all that a report needs.
//!
//! Unknown keys are passed over and missing ones are empty, so that runs of other versions can be read. No secret's
//! value is ever in it: what comes in is scrubbed on its way to the disk.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::ab::AbFacts;
use crate::results::baseline::{self, BaselineFacts};
use crate::results::parts::{CaseFacts, PreflightFacts, RoundFacts, TargetFacts};
use crate::results::provenance::{Repository, Tool};
use crate::scenario::plan::{Comparison, Gate, Plan};

/// Version of the file's schema; it grows when a reader of the one before could be misled.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that `run.json` says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`] of whoever wrote it.
    pub schema_version: u32,
    /// Whether the run came to its end and every file was written.
    pub complete: bool,
    /// What the command exited with.
    pub exit_code: Option<i32>,
    /// The run's id: its folder's name.
    pub run_id: String,
    /// The scenario's name.
    pub scenario: String,
    /// What the scenario is for.
    pub description: Option<String>,
    /// Free prose of the scenario.
    pub notes: Option<String>,
    /// Labels of the run.
    pub tags: Vec<String>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it ended before its plan did: `interrupted`, `budget reached`.
    pub ended_early: Option<String>,
    /// The program that measured.
    pub tool: Option<Tool>,
    /// The command line, secrets replaced.
    pub command: Vec<String>,
    /// Everything random derives from it.
    pub seed: u64,
    /// The machine that measured.
    pub host: Host,
    /// How instants were taken.
    pub clock: Clock,
    /// Hash of the scenario as read.
    pub scenario_hash: String,
    /// Hash of every prompt in order.
    pub prompts_hash: String,
    /// The repository that the scenario lies in.
    pub repository: Option<Repository>,
    /// Rounds of every case.
    pub repeat: u32,
    /// Requests before each case.
    pub warmup: u32,
    /// Pre-flight requests for each target and model; 0 is off.
    pub preflight_requests: u32,
    /// Whether invalid numbers stop the gates.
    pub allow_invalid: bool,
    /// What the run must meet.
    pub gates: Vec<GateText>,
    /// What it must meet against the baseline; thresholds are changes as fractions.
    pub vs_baseline: Vec<GateText>,
    /// The run that it was held against, and what came of that.
    pub baseline: Option<BaselineFacts>,
    /// Of which `ab` it is a side.
    pub ab: Option<AbFacts>,
    /// Where requests went.
    pub targets: Vec<TargetFacts>,
    /// What pre-flight found.
    pub preflights: Vec<PreflightFacts>,
    /// The cases in order.
    pub cases: Vec<CaseFacts>,
    /// Rows in `requests.csv`.
    pub rows: u64,
    /// Rows that could not be written; their requests are in the numbers all the same.
    pub rows_lost: u64,
    /// Which part of a divided run this is.
    pub shard: Option<String>,
}

/// The machine that measured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// Its name.
    pub name: Option<String>,
    /// Operating system.
    pub os: Option<String>,
    /// The kernel's release.
    pub kernel: Option<String>,
    /// Instruction set.
    pub arch: Option<String>,
    /// The processor's model.
    pub cpu: Option<String>,
    /// Cores that there are.
    pub cores: Option<u64>,
    /// Cores that this process may use.
    pub usable_cores: Option<u64>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
}

/// How instants were taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Clock {
    /// The clock.
    pub source: Option<String>,
    /// Whether the kernel stamped what arrived.
    pub kernel_receive_time: Option<bool>,
}

/// A gate as the scenario has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateText {
    /// The metric.
    pub metric: String,
    /// The sign of comparison.
    pub op: String,
    /// In the unit of the metric's column.
    pub threshold: f64,
    /// As typed.
    pub text: String,
}

impl GateText {
    fn of(gate: &Gate) -> GateText {
        let op = gate.op.sign().to_owned();
        GateText { metric: gate.metric.clone(), op, threshold: gate.threshold, text: gate.text.clone() }
    }

    /// The gate; `None` where a later version compares in a way unknown here.
    pub fn gate(&self) -> Option<Gate> {
        let op = [Comparison::Less, Comparison::AtMost, Comparison::Greater, Comparison::AtLeast, Comparison::Equal]
            .into_iter()
            .find(|op| op.sign() == self.op)?;
        Some(Gate { metric: self.metric.clone(), op, threshold: self.threshold, text: self.text.clone() })
    }
}

impl Manifest {
    /// What a plan says before anything is sent. `command` has its secrets replaced already.
    pub fn of(plan: &Plan, command: Vec<String>, host: Host, clock: Clock, now: Timestamp) -> Manifest {
        Manifest {
            schema_version: SCHEMA_VERSION,
            scenario: plan.name.clone(),
            description: plan.description.clone(),
            notes: plan.notes.clone(),
            tags: plan.tags.clone(),
            started: Some(now),
            tool: Some(Tool::this()),
            command,
            seed: plan.seed,
            host,
            clock,
            scenario_hash: plan.scenario_hash.clone(),
            prompts_hash: plan.prompts_hash.clone(),
            repeat: plan.repeat,
            warmup: plan.warmup,
            preflight_requests: plan.preflight.requests,
            allow_invalid: plan.allow_invalid,
            gates: plan.gates.iter().map(GateText::of).collect(),
            vs_baseline: baseline::texts(&plan.vs_baseline),
            targets: plan.targets.iter().map(|target| TargetFacts::of(target)).collect(),
            cases: plan.cases.iter().map(|case| CaseFacts::of(case)).collect(),
            ..Manifest::default()
        }
    }

    /// The facts of a target.
    pub fn target(&mut self, name: &str) -> Option<&mut TargetFacts> {
        self.targets.iter_mut().find(|target| target.name == name)
    }

    /// The facts of a round, made if there are none yet; `None` for a case that is not in the plan.
    pub fn round(&mut self, case: usize, round: u32) -> Option<&mut RoundFacts> {
        let rounds = &mut self.cases.get_mut(case)?.rounds;
        let place = match rounds.iter().position(|facts| facts.round == round) {
            Some(place) => place,
            None => {
                rounds.push(RoundFacts { round, ..RoundFacts::default() });
                rounds.len() - 1
            }
        };
        rounds.get_mut(place)
    }

    /// The manifest as `clean` leaves its texts; names of keys stay as they are.
    pub fn cleaned(&self, clean: &dyn Fn(&str) -> Option<String>) -> Manifest {
        fn walk(value: &mut Value, clean: &dyn Fn(&str) -> Option<String>) {
            match value {
                Value::String(text) => {
                    if let Some(cleaned) = clean(text) {
                        *text = cleaned;
                    }
                }
                Value::Array(values) => values.iter_mut().for_each(|value| walk(value, clean)),
                Value::Object(values) => values.values_mut().for_each(|value| walk(value, clean)),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        let mut value = serde_json::to_value(self).expect("the manifest is plain data");
        walk(&mut value, clean);
        // What a secret's replacement made unreadable, such as an instant, is told as unknown: nothing else can be.
        serde_json::from_value(value).unwrap_or_default()
    }

    /// The manifest that a file holds.
    pub fn parse(text: &str) -> Result<Manifest, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// As the file has it.
    pub fn to_json(&self) -> String {
        // A struct of strings and numbers has no value that JSON lacks.
        let mut text = serde_json::to_string_pretty(self).expect("the manifest is plain data");
        text.push('\n');
        text
    }
}
