//! What a burst tells about the server: how many requests it works on at once.
//!
//! From when each of N requests that were sent together was answered, and from how long one takes alone. Where the data
//! cannot tell, it says nothing.

use serde::{Deserialize, Serialize};

use super::flights::Flights;

/// What a burst tells about the server.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Inference {
    /// What it looks like.
    pub finding: Finding,
    /// Throughput × lone latency: as many requests alone, side by side, would have been as fast.
    pub effective_concurrency: Option<f64>,
    /// What was seen, in a sentence; empty where nothing was.
    pub evidence: String,
}

/// What the server looks like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// Every request was worked on at once.
    AllParallel,
    /// One request at a time.
    OneAtATime,
    /// A limit of requests in flight.
    Limit {
        /// The likeliest.
        estimate: u32,
        /// The least that the data allow.
        low: u32,
        /// The most that the data allow.
        high: u32,
    },
    /// The data cannot tell.
    Nothing {
        /// Why.
        why: String,
    },
}

impl Default for Finding {
    fn default() -> Finding {
        Finding::Nothing { why: "no burst was measured".to_owned() }
    }
}

/// What the rounds of a case tell together. `lone_s` is the latency of a second pre-flight answer, `spread_ms` over how
/// long users were to start.
pub fn infer_rounds(rounds: &[&Flights], lone_s: Option<f64>, spread_ms: f64) -> Inference {
    let _ = (rounds, lone_s, spread_ms);
    Inference::default()
}
