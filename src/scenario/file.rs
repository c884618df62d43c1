//! What was typed: the TOML of a scenario, word for word.
//!
//! Everything is optional here and nothing has a default: this type says nothing but what was typed. Its doc comments
//! are what editors show, through the JSON Schema. It refuses to know what any of it means; `resolve` does.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::expect::Expect;
use super::mock_table::Mock;
use super::plan::{CacheBust, Connections, ServerKind};
use super::prompts::PromptEntry;
use super::secrets::Hidden;
use super::time_range::TimeRange;
use super::units::{Count, Time};

/// The most requests of one round of a loop.
pub const MOST_REQUESTS: u64 = 1_000_000_000;

/// The most users of one case: as many as one machine can have ports for, many times over.
pub const MOST_USERS: u64 = 1_000_000;

/// A load test of chat endpoints: what to send, where, how many at once, and what to expect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// What this scenario is for, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Free prose that the reports print beside the numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Labels of the run, such as "nightly".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Another scenario file, relative to this one, that this one builds on: tables merge, arrays and values replace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// Everything random derives from it. Drawn and recorded in the run if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<Count<0, { i64::MAX as u64 }>>,
    /// The models to ask: an axis of the matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// How many users at once: an axis of the matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<Count<1, MOST_USERS>>>,
    /// What users say: strings, files, or JSON Lines. Default: "Say hello in exactly one word." with cache_bust "user".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompts: Option<Vec<PromptEntry>>,
    /// Which prompt a user takes. Default "sequential": user u takes prompt (u - 1) mod n.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<PromptOrder>,
    /// Points of the matrix to leave out: every key that is given must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclude: Option<Vec<Exclude>>,
    /// From sending to the end of the answer: short for timeouts.total. Default "180s".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Time>,
    /// Rounds of every case. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Count<1, 100_000>>,
    /// Rest between rounds and between cases. Default "0s".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Time>,
    /// Where: one table for each target. Its name is the axis value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<std::collections::BTreeMap<String, Target>>")]
    pub targets: Option<IndexMap<String, Target>>,
    /// What goes into the body beside model and messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// How long is too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Timeouts>,
    /// What counts as an answer, beyond a complete 2xx.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Requests before each case, in no statistic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Warmup>,
    /// How each target and model proves that it answers, before any load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preflight: Option<Preflight>,
    /// The load: all users at once. The default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// The load: users who ask again as soon as they have their answer, each on a kept-alive connection of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// Gates: what every case must meet. Default: success_rate ">= 90%".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// Variants of this scenario, chosen with --profile: the same keys, merged over the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<std::collections::BTreeMap<String, ScenarioFile>>")]
    pub profiles: Option<IndexMap<String, ScenarioFile>>,
}

/// Which prompt a user takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptOrder {
    /// User u takes prompt (u - 1) mod n.
    Sequential,
    /// A shuffle drawn from the seed, in turn.
    Shuffled,
    /// Each prompt is a case of its own: a third axis.
    Each,
}

/// Cases to leave out: every key that is given must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exclude {
    /// A target's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// A model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// A prompt's name, with order = "each".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompts: Option<String>,
    /// A number of users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Count<1, MOST_USERS>>,
}

/// One target: a server at a URL, or the embedded endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Base URL. A path ending in /v1 (any digits) gets /chat/completions, any other /v1/chat/completions; one that ends in it is kept. ${NAME} may fill scheme, host and port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Hidden>,
    /// Exactly this path instead, such as "/creator/assistant/58/chat/completions".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The bearer token: "${NAME}" or "${NAME:-default}". The value is never written anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Hidden>,
    /// Further headers; ${NAME} is filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<std::collections::BTreeMap<String, String>>")]
    pub headers: Option<IndexMap<String, Hidden>>,
    /// What kind of server answers: its habits, and what counts as an error delivered as an answer. Default "auto".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerKind>,
    /// When connections are opened. Default "warm".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<Connections>,
    /// HTTP/2 instead of HTTP/1.1. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http2: Option<bool>,
    /// A proxy: http://, socks5:// or socks5h://. "env" takes the environment's, which is ignored otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Hidden>,
    /// A PEM file with a certificate authority to trust beside the platform's, relative to this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// Do not check certificates. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure: Option<bool>,
    /// Addresses to use instead of the resolver's: "host:port" = "address:port".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<std::collections::BTreeMap<String, String>>")]
    pub resolve: Option<IndexMap<String, String>>,
    /// Addresses of this machine that connections leave from, in turn: one has at most 64,512 ports to one server. Default: the kernel chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_addresses: Option<Vec<String>>,
    /// No server at hand: the embedded endpoint, started and stopped by the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mock: Option<Mock>,
}

/// What goes into the body beside model and messages. Any other key is passed through as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// Whether the answer is streamed. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// A system message before each conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Makes each user message unique, so that no prompt cache answers. Default "suffix".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_bust: Option<CacheBust>,
    /// The most tokens of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<Count<1, { u32::MAX as u64 }>>,
    /// Any other key is passed through as it is: temperature, top_p, seed, stop, …
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// How long is too long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// To connect, TLS included. Default "10s".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Time>,
    /// From sending to the first token, of a streamed answer. Default none: total bounds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token: Option<Time>,
    /// Between two reads. Default none: total bounds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Time>,
    /// From sending to the end of the answer. Default "180s".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Time>,
}

/// What counts as an answer, beyond a complete 2xx.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Regular expressions: every one must match the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub must_match: Option<Vec<String>>,
    /// Regular expressions: none may match the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub must_not_match: Option<Vec<String>>,
    /// The fewest characters of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_chars: Option<Count<1, 100_000_000>>,
    /// How the answer must have ended: one of these, such as "stop".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<Vec<String>>,
    /// The model that must have answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// Requests before each case, in no statistic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warmup {
    /// How many. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Count<0, 100_000>>,
}

/// How each target and model proves that it answers, before any load.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preflight {
    /// Requests for each target and model. Default 1; 0 turns pre-flight off, and the summary says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Count<0, 100>>,
    /// Also read /v1/models; a model that is not listed is a warning. Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<bool>,
}

/// The load: all users at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// Users start at once ("0s", the default), or evenly over this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Time>,
}

/// The load: users who keep asking, by count or by time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// How many requests all users make together, in every round. This or duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Count<1, MOST_REQUESTS>>,
    /// How long users ask, in every round; what is in the air then may land. This or requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Time>,
    /// How long a user thinks between an answer and its next request: a time, or a range to draw from. Default "0s".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub think_time: Option<TimeRange>,
}
