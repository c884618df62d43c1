//! A run as it can be shown: what was measured, what it means, and whether all of it is there.

use std::collections::BTreeMap;

use crate::facts::ClientFacts;
use crate::results::manifest::Manifest;
use crate::results::parts::CaseFacts;
use crate::sample::Sample;
use crate::stats::validity::Validity;
use crate::stats::{Curve, GateResult, Subject, Summary, Tally, Timeline};

/// Rounds whose own curves are drawn at most.
const ROUNDS: usize = 30;

/// Everything that one `lamb-load run` left, read or just measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    /// What `run.json` says; empty where there is none.
    pub manifest: Manifest,
    /// Whether all of it is there.
    pub state: State,
    /// The cases in the order of the plan; those that no load was sent to have no requests.
    pub cases: Vec<CaseRun>,
    /// Pre-flight, for each target and model.
    pub preflights: Vec<Preflight>,
    /// Rows that were read.
    pub rows: u64,
    /// The resolved scenario as `scenario.toml` has it, secrets as names; `None` where there is none.
    pub scenario_toml: Option<String>,
}

impl CaseRun {
    /// A case of nothing, for what only asks for names.
    pub(super) fn nothing() -> CaseRun {
        let facts = CaseFacts::default();
        let subject = Subject {
            key: facts.key(),
            users: 0,
            round: None,
            requests_per_round: None,
            closed: false,
            cold: false,
            stream: false,
            spread_ms: 0.0,
            length_asked: false,
            lone_s: None,
        };
        CaseRun {
            summary: Summary::of(subject, &Tally::default()),
            rounds: Vec::new(),
            client: None,
            validity: None,
            gates: Vec::new(),
            warmups: 0,
            samples: Vec::new(),
            picture: Picture::default(),
            facts,
        }
    }
}

/// Whether all of a run is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Why it is partial; empty when it is complete.
    pub partial: Vec<String>,
    /// Rows that could not be read: a line that a crash tore, or one that is none.
    pub unreadable: u64,
    /// Whether `run.json` was there.
    pub has_manifest: bool,
}

impl State {
    /// What a manifest and the rows beside it say of themselves.
    pub fn of(manifest: Option<&Manifest>, unreadable: u64) -> State {
        let mut partial = Vec::new();
        match manifest {
            None => partial.push("there is no run.json beside the rows, so the plan is not known".to_owned()),
            Some(manifest) if manifest.complete => {}
            Some(manifest) => partial.push(match (&manifest.ended_early, manifest.ended, manifest.rows_lost) {
                (Some(why), ..) => why.clone(),
                (None, Some(_), 1) => "1 row could not be written".to_owned(),
                (None, Some(_), lost) => format!("{lost} rows could not be written"),
                (None, None, _) => "the run was killed, or is still going on".to_owned(),
            }),
        }
        match unreadable {
            0 => {}
            1 => partial.push("1 row could not be read and is left out".to_owned()),
            _ => partial.push(format!("{unreadable} rows could not be read and are left out")),
        }
        State { partial, unreadable, has_manifest: manifest.is_some() }
    }

    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.partial.is_empty()
    }
}

/// One case of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseRun {
    /// What the plan says of it, and the client of its rounds.
    pub facts: CaseFacts,
    /// Its rounds pooled.
    pub summary: Summary,
    /// Each round.
    pub rounds: Vec<Summary>,
    /// What was seen of the client itself; `None` where it did not say of every round.
    pub client: Option<ClientFacts>,
    /// Whether the numbers can be believed; `None` where there are no client's facts to judge by.
    pub validity: Option<Validity>,
    /// What the scenario expects of it; empty where no load was sent.
    pub gates: Vec<GateResult>,
    /// Requests before the case, in no statistic.
    pub warmups: u64,
    /// The load's requests, where they were asked for.
    pub samples: Vec<Sample>,
    /// What pictures are drawn from.
    pub picture: Picture,
}

/// What pictures of a case are drawn from: shapes and bars, bounded however many rows there are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Picture {
    /// The distribution that the summary's headline names.
    pub headline: Curve,
    /// The same of each round, in order; empty of a single one.
    pub rounds: Vec<Curve>,
    /// Time to first token, where answers were streamed.
    pub ttft: Option<Curve>,
    /// The requests one by one.
    pub timeline: Timeline,
}

impl Picture {
    /// Of a case that has these numbers.
    pub(super) fn of(summary: &Summary, pooled: &Tally, rounds: &BTreeMap<u32, Tally>, timeline: Timeline) -> Picture {
        let curve = |tally: &Tally| tally.curve(&summary.headline).unwrap_or_default();
        let each = if rounds.len() > 1 { rounds.values().take(ROUNDS).map(curve).collect() } else { Vec::new() };
        let ttft = if summary.ttft.answered > 0 { pooled.curve("ttft") } else { None };
        Picture { headline: curve(pooled), rounds: each, ttft, timeline }
    }
}

/// The pre-flight of one target and model.
#[derive(Debug, Clone, PartialEq)]
pub struct Preflight {
    /// The target's name.
    pub target: String,
    /// The model.
    pub model: String,
    /// Its requests, in order.
    pub samples: Vec<Sample>,
}

impl Preflight {
    /// How long one request takes alone, in seconds: the second answer's latency, since the first pays for the start.
    pub fn lone_s(&self) -> Option<f64> {
        let second = self.samples.iter().filter(|sample| sample.outcome.is_ok()).nth(1)?;
        Some(second.latency()?.as_secs_f64())
    }
}
