//! What a summary is of: the facts about a case that its requests do not tell. `run.json` keeps it, so that a report does
//! not need the plan.

use serde::{Deserialize, Serialize};

use crate::scenario::plan::CaseKey;

/// What a case's requests do not tell of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Subject {
    /// Which case.
    pub key: CaseKey,
    /// How many users.
    pub users: u32,
    /// The round, or `None` where a case's rounds are pooled.
    pub round: Option<u32>,
    /// Requests planned in one round; `None` where only time ends it.
    pub requests_per_round: Option<u64>,
    /// Whether users ask again when they have their answer.
    #[serde(default)]
    pub closed: bool,
    /// Whether connecting is part of what is measured.
    pub cold: bool,
    /// Whether answers are streamed.
    pub stream: bool,
    /// Over how long users start, in milliseconds; 0 is at once.
    pub spread_ms: f64,
    /// Whether the scenario bounds the length of answers (`max_tokens` or `max_completion_tokens`).
    pub length_asked: bool,
    /// Latency of a second pre-flight answer, in seconds: how long one request takes alone.
    pub lone_s: Option<f64>,
}

impl Subject {
    /// The same case, of one round.
    pub fn of_round(&self, round: u32) -> Subject {
        Subject { round: Some(round), ..self.clone() }
    }
}
