//! What a summary is of: the facts about a case that its requests do not tell. `run.json` keeps it, so that a report does
//! not need the plan.

use serde::{Deserialize, Serialize};

use crate::scenario::plan::{Case, CaseKey, Connections};

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
    /// Of a case, its rounds pooled.
    pub fn of(case: &Case) -> Subject {
        let asked = |key: &str| case.request.extra.contains_key(key);
        Subject {
            key: case.key.clone(),
            users: case.load.users(),
            round: None,
            requests_per_round: case.load.requests(),
            closed: case.load.is_loop(),
            cold: case.target.connections == Connections::Cold,
            stream: case.request.stream,
            spread_ms: case.load.spread().as_secs_f64() * 1000.0,
            length_asked: asked("max_tokens") || asked("max_completion_tokens"),
            lone_s: None,
        }
    }

    /// The same of one round.
    pub fn of_round(&self, round: u32) -> Subject {
        Subject { round: Some(round), ..self.clone() }
    }
}
