//! What the runner tells while it works: a closed list between doing and showing, handed to a plain closure.

use std::sync::Arc;

use crate::chat::preflight::Diagnosis;
use crate::facts::ClientFacts;
pub use crate::load::Gauge;
use crate::sample::Sample;
use crate::scenario::plan::{Case, Plan, Target};

/// One thing that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The plan stands and its work begins.
    PlanMade(&'a Plan),
    /// A target and model are about to prove that they answer.
    PreflightBegun {
        /// Where.
        target: &'a Target,
        /// The model.
        model: &'a str,
    },
    /// They have, or have not.
    PreflightEnded {
        /// Where.
        target: &'a Target,
        /// The model.
        model: &'a str,
        /// What was learnt.
        diagnosis: &'a Diagnosis,
    },
    /// A case begins.
    CaseBegun {
        /// The case.
        case: &'a Case,
        /// Its place among the plan's cases, 1-based.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// A round is about to open its connections and fire.
    RoundBegun {
        /// The case.
        case: &'a Case,
        /// 1-based.
        round: u32,
        /// Rounds of the case.
        of: u32,
        /// Who is in the air, to be read at leisure.
        gauge: Arc<Gauge>,
    },
    /// A request has landed.
    Sampled {
        /// Its case; `None` in pre-flight.
        case: Option<&'a Case>,
        /// Its target.
        target: &'a Target,
        /// Its model.
        model: &'a str,
        /// The round's start in UTC.
        start: jiff::Timestamp,
        /// What became of it.
        sample: Box<Sample>,
    },
    /// A round has ended.
    RoundEnded {
        /// The case.
        case: &'a Case,
        /// 1-based.
        round: u32,
        /// What this program knows of itself in that round.
        facts: &'a ClientFacts,
    },
}
