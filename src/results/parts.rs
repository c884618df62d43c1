//! The parts of `run.json`: what it says of each target, pre-flight, case and round.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::facts::ClientFacts;
use crate::scenario::plan::{Case, CaseKey, Connections, Place, RequestSpec, Target};

/// One target: what was configured, and what it said of itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetFacts {
    /// Its name.
    pub name: String,
    /// Its URL without secrets; `None` for the embedded endpoint.
    pub url: Option<String>,
    /// Whether it was the embedded endpoint.
    pub embedded: bool,
    /// The kind of server that answered.
    pub server: String,
    /// `warm` or `cold`.
    pub connections: String,
    /// HTTP/2 instead of HTTP/1.1.
    pub http2: bool,
    /// Whether a proxy stood between.
    pub proxied: bool,
    /// Whether certificates went unchecked.
    pub insecure: bool,
    /// The addresses that were used.
    pub addresses: Vec<String>,
    /// What `/v1/models` answered.
    pub models: Option<Value>,
}

impl TargetFacts {
    pub(super) fn of(target: &Target) -> TargetFacts {
        let url = match &target.place {
            Place::Url(url) => Some(url.display.clone()),
            Place::Mock(_) => None,
        };
        let connections = match target.connections {
            Connections::Warm => "warm",
            Connections::Cold => "cold",
        };
        TargetFacts {
            name: target.name.clone(),
            embedded: url.is_none(),
            url,
            server: target.server.name().to_owned(),
            connections: connections.to_owned(),
            http2: target.http2,
            proxied: target.proxy.is_some(),
            insecure: target.insecure,
            addresses: Vec::new(),
            models: None,
        }
    }
}

/// What pre-flight found out about one target and model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PreflightFacts {
    /// The target's name.
    pub target: String,
    /// The model.
    pub model: String,
    /// Whether it answered; no load is sent where it did not.
    pub passed: bool,
    /// What was wrong: name, connection, tls, key, model, body or answer.
    pub problem: Option<String>,
    /// The same in a sentence.
    pub sentence: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// What else was learnt.
    pub notes: Vec<String>,
    /// The model that says it answered.
    pub served_model: Option<String>,
    /// Its fingerprint.
    pub fingerprint: Option<String>,
}

/// One case of the plan, and what the client knows of its rounds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CaseFacts {
    /// The label, for people.
    pub case: String,
    /// The target's name.
    pub target: String,
    /// The model.
    pub model: String,
    /// The prompt set.
    pub prompts: String,
    /// The load.
    pub load: String,
    /// How many users.
    pub users: u32,
    /// Requests of a round; `None` where only time ends it.
    pub requests: Option<u64>,
    /// Whether users ask again.
    pub closed: bool,
    /// How long users ask, in milliseconds, where that ends a round.
    pub duration_ms: Option<f64>,
    /// Whether connecting is part of what is measured.
    pub cold: bool,
    /// Over how long users start, in milliseconds.
    pub spread_ms: f64,
    /// Whether answers were streamed.
    pub stream: bool,
    /// Whether the scenario bounds the length of answers.
    pub length_asked: bool,
    /// `max_tokens`, where the scenario sets it.
    pub max_tokens: Option<u64>,
    /// What else goes into the body, beside model and messages: its value as JSON, a long one's hash; `None` in runs of
    /// versions that did not say.
    pub parameters: Option<BTreeMap<String, String>>,
    /// The total timeout in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The prompts' names, in order.
    pub prompt_names: Vec<String>,
    /// The rounds that began.
    pub rounds: Vec<RoundFacts>,
}

impl CaseFacts {
    pub(super) fn of(case: &Case) -> CaseFacts {
        let asked = |key: &str| case.request.extra.contains_key(key);
        CaseFacts {
            case: case.key.to_string(),
            target: case.key.target.clone(),
            model: case.key.model.clone(),
            prompts: case.key.prompts.clone(),
            load: case.key.load.clone(),
            users: case.load.users(),
            requests: case.load.requests(),
            closed: case.load.is_loop(),
            duration_ms: case.load.duration().map(|duration| duration.as_secs_f64() * 1000.0),
            cold: case.target.connections == Connections::Cold,
            spread_ms: case.load.spread().as_secs_f64() * 1000.0,
            stream: case.request.stream,
            length_asked: asked("max_tokens") || asked("max_completion_tokens"),
            max_tokens: case.request.extra.get("max_tokens").and_then(Value::as_u64),
            parameters: Some(parameters(&case.request)),
            timeout_ms: u64::try_from(case.timeouts.total.as_millis()).ok(),
            prompt_names: case.prompts.iter().map(|prompt| prompt.name.clone()).collect(),
            rounds: Vec::new(),
        }
    }

    /// What the case is joined on.
    pub fn key(&self) -> CaseKey {
        CaseKey {
            target: self.target.clone(),
            model: self.model.clone(),
            prompts: self.prompts.clone(),
            load: self.load.clone(),
        }
    }
}

/// Every key of a request that has a word in how long an answer takes.
fn parameters(request: &RequestSpec) -> BTreeMap<String, String> {
    /// Characters of a value that is told as it is.
    const SHORT: usize = 80;
    let told = |text: String| match text.chars().count() <= SHORT {
        true => text,
        false => format!("sha256 {:.16}", format!("{:x}", Sha256::digest(text.as_bytes()))),
    };
    let extra = request.extra.iter().filter(|(name, _)| *name != "max_tokens");
    let mut all: BTreeMap<String, String> =
        extra.map(|(name, value)| (name.clone(), told(value.to_string()))).collect();
    let bust = format!("{:?}", request.cache_bust).to_lowercase();
    all.insert("cache_bust".to_owned(), bust);
    all.extend(request.system.clone().map(|system| ("system".to_owned(), told(system))));
    all
}

/// What the client knows of one round beyond its rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RoundFacts {
    /// 1-based.
    pub round: u32,
    /// When it started.
    pub started: Option<Timestamp>,
    /// The gaps of all answers, as an HdrHistogram V2 of microseconds in base64.
    pub gaps: Option<String>,
    /// What was seen of the client itself.
    pub client: Option<ClientFacts>,
}
