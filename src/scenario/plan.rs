//! What is meant: the cases in order, and everything needed to carry them out.
//!
//! Only `resolve` makes a [`Plan`], and a plan needs no further checks: no defaults, no missing pieces, no unknown
//! names. It knows nothing of sockets, clocks or files.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use super::shape::{Load, Think, Until};

/// One scenario, resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenario's name: its file's stem.
    pub name: String,
    /// What it is for, in a sentence.
    pub description: Option<String>,
    /// Free prose that reports print beside the numbers.
    pub notes: Option<String>,
    /// Labels of the run.
    pub tags: Vec<String>,
    /// Everything random derives from it.
    pub seed: u64,
    /// The targets in the order written, those without a case left out.
    pub targets: Vec<Arc<Target>>,
    /// The cases in the order in which they run.
    pub cases: Vec<Arc<Case>>,
    /// Rounds of every case, at least 1.
    pub repeat: u32,
    /// Rest between rounds and between cases.
    pub pause: Duration,
    /// What is sent before any load.
    pub preflight: Preflight,
    /// Requests before each case, in no statistic.
    pub warmup: u32,
    /// What the run must meet; never empty unless the file says so.
    pub gates: Vec<Gate>,
    /// What it must meet against the run that `--baseline` names; nothing of it is judged where none is named.
    pub vs_baseline: Vec<RelativeGate>,
    /// `[expect] validity = "any"` or `--allow-invalid`: invalid numbers do not stop the gates.
    pub allow_invalid: bool,
    /// The resolved scenario as TOML, ready to be written to a run's folder: matrix and overrides applied, `extends`
    /// and profiles flattened, secrets as `${NAME}`; file paths are absolute here and `results` rewrites them.
    pub toml: String,
    /// Hash of the file as read (hexadecimal SHA-256).
    pub scenario_hash: String,
    /// Hash of every prompt in order (hexadecimal SHA-256): the same hash means the same prompts.
    pub prompts_hash: String,
    /// Where the scenario was read from; `None` when flags built it.
    pub source: Option<PathBuf>,
    /// Every secret's value, to be replaced in whatever a server echoes.
    pub secrets: Secrets,
}

impl Plan {
    /// The most connections at once.
    pub fn max_connections(&self) -> u32 {
        self.cases.iter().map(|case| case.load.users()).max().unwrap_or(0)
    }
}

/// The values that must appear nowhere.
#[derive(Debug, Clone, Default)]
pub struct Secrets(pub Vec<SecretString>);

/// How a target and model prove that they answer, before any load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preflight {
    /// Requests for each target and model; 0 turns it off.
    pub requests: u32,
    /// Whether `/v1/models` is read too.
    pub models: bool,
}

/// One point of the matrix: one load, repeated in rounds.
#[derive(Debug, Clone)]
pub struct Case {
    /// What tells it from the others, here and in other runs.
    pub key: CaseKey,
    /// Where.
    pub target: Arc<Target>,
    /// What users say, at least one.
    pub prompts: Arc<[Prompt]>,
    /// Which prompt a user takes.
    pub order: Order,
    /// How many at once, and when.
    pub load: Load,
    /// How long is too long.
    pub timeouts: Timeouts,
    /// What goes into the body beside model and messages.
    pub request: Arc<RequestSpec>,
    /// What counts as an answer.
    pub answer: Arc<AnswerSpec>,
}

/// What a case is joined on across runs: the fields, never their text or position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CaseKey {
    /// The target's name.
    pub target: String,
    /// The model.
    pub model: String,
    /// The prompt set: `all`, or with `order = "each"` the prompt's name.
    pub prompts: String,
    /// The load: `50` users in a burst, `closed-50` in a closed loop.
    pub load: String,
}

impl fmt::Display for CaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.target, self.model, self.prompts, self.load)
    }
}

/// Which prompt a user takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// User u takes prompt (u − 1) mod n.
    Sequential,
    /// A shuffle of the prompts, drawn from the seed, in turn.
    Shuffled,
}

/// One prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// `p1`, a file's stem, or `name:line`.
    pub name: String,
    /// What is said.
    pub content: PromptContent,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptContent {
    /// One user message.
    Text(String),
    /// A conversation as the file has it: an array of messages, the last a user's with text content.
    Messages(Vec<serde_json::Value>),
}

/// Where.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name: the axis value.
    pub name: String,
    /// How it is reached.
    pub place: Place,
    /// The bearer token.
    pub api_key: Option<SecretString>,
    /// Further headers, in the order written; values may be secret.
    pub headers: Vec<(String, SecretString)>,
    /// What kind of server answers there.
    pub server: ServerKind,
    /// When connections are opened.
    pub connections: Connections,
    /// HTTP/2 instead of HTTP/1.1.
    pub http2: bool,
    /// Through which proxy; userinfo is secret.
    pub proxy: Option<SecretString>,
    /// A certificate authority beside the platform's.
    pub ca_file: Option<PathBuf>,
    /// Certificates are not checked.
    pub insecure: bool,
    /// `host:port` answered here instead of by the resolver.
    pub resolve: BTreeMap<String, SocketAddr>,
    /// Addresses of this machine that connections leave from, in turn, all of one family; empty: the kernel chooses.
    pub local_addresses: Vec<IpAddr>,
}

/// How a target is reached.
#[derive(Clone)]
pub enum Place {
    /// A server at a URL.
    Url(Url),
    /// The embedded endpoint, started and stopped by the run, with its settings as JSON (`mock::Settings`).
    Mock(serde_json::Value),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Url(url) => f.debug_tuple("Url").field(url).finish(),
            // Its settings may hold the key that it insists on.
            Place::Mock(_) => f.write_str("Mock(…)"),
        }
    }
}

/// A server's address, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// TLS or not.
    pub https: bool,
    /// Host as typed, without brackets.
    pub host: String,
    /// Port, the scheme's default filled in.
    pub port: u16,
    /// Path of the chat endpoint, with a leading slash.
    pub chat_path: String,
    /// Path of the models list (`/v1/models` beside the chat path).
    pub models_path: String,
    /// As typed, for people; without userinfo.
    pub display: String,
    /// `host` or `host:port`, as the Host header wants it.
    pub authority: String,
}

/// What kind of server answers: its habits, and what counts as an error delivered as an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// Found out in pre-flight.
    Auto,
    /// Plain OpenAI behaviour.
    OpenAi,
    /// LAMB.
    Lamb,
    /// Ollama.
    Ollama,
    /// LiteLLM's proxy.
    LiteLlm,
    /// vLLM.
    Vllm,
    /// llama.cpp's server.
    #[serde(rename = "llama_cpp")]
    LlamaCpp,
}

impl ServerKind {
    /// Every kind.
    pub const ALL: [ServerKind; 7] = [
        ServerKind::Auto,
        ServerKind::OpenAi,
        ServerKind::Lamb,
        ServerKind::Ollama,
        ServerKind::LiteLlm,
        ServerKind::Vllm,
        ServerKind::LlamaCpp,
    ];

    /// The name in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            ServerKind::Auto => "auto",
            ServerKind::OpenAi => "openai",
            ServerKind::Lamb => "lamb",
            ServerKind::Ollama => "ollama",
            ServerKind::LiteLlm => "litellm",
            ServerKind::Vllm => "vllm",
            ServerKind::LlamaCpp => "llama_cpp",
        }
    }
}

/// When connections are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Connections {
    /// Each round opens its own before the barrier, as late as it can.
    Warm,
    /// Connecting is part of what is measured.
    Cold,
}

/// How long is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect: Duration,
    /// From sent to the first token.
    pub first_token: Option<Duration>,
    /// Between two reads.
    pub idle: Option<Duration>,
    /// From issued to the end.
    pub total: Duration,
}

/// What goes into the body beside model and messages.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestSpec {
    /// Whether the answer is streamed.
    pub stream: bool,
    /// A system message before each conversation.
    pub system: Option<String>,
    /// How each user message is made unique.
    pub cache_bust: CacheBust,
    /// Every other key, passed through as it is (`max_tokens`, `temperature`, …).
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// How each user message is made unique, so that no prompt cache answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CacheBust {
    /// ` (request N)` after it: the ancestor's.
    Suffix,
    /// `[<run id> N] ` before it.
    Prefix,
    /// `User N: ` before it.
    User,
    /// Not at all.
    Off,
}

/// What counts as an answer, beyond a complete 2xx.
#[derive(Debug, Clone, Default)]
pub struct AnswerSpec {
    /// Every one must match.
    pub must_match: Vec<regex::Regex>,
    /// None may match.
    pub must_not_match: Vec<regex::Regex>,
    /// At least so many characters.
    pub min_chars: Option<u64>,
    /// One of these, unless empty.
    pub finish_reason: Vec<String>,
    /// The model that must have answered.
    pub model: Option<String>,
}

/// A line of `[expect]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// A column of `summary.csv` without its unit: `latency_p90`, `success_rate`, `failures`.
    pub metric: String,
    /// How it is compared.
    pub op: Comparison,
    /// In the column's unit: milliseconds, a fraction, a count, seconds.
    pub threshold: f64,
    /// As typed: `< 8s`.
    pub text: String,
}

/// A line of `[expect] vs_baseline`.
#[derive(Debug, Clone, PartialEq)]
pub struct RelativeGate {
    /// A time or a rate, named as in a [`Gate`].
    pub metric: String,
    /// `<` or `<=` of a time, `>` or `>=` of a rate.
    pub op: Comparison,
    /// The change that is still accepted, as a fraction: 0.15 of a time, −0.1 of a rate.
    pub change: f64,
    /// As typed: `<= +15%`.
    pub text: String,
}

/// How a gate compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
}

impl Comparison {
    /// Whether `value` meets the threshold.
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::Less => value < threshold,
            Comparison::AtMost => value <= threshold,
            Comparison::Greater => value > threshold,
            Comparison::AtLeast => value >= threshold,
            Comparison::Equal => value == threshold,
        }
    }

    /// The sign as typed.
    pub fn sign(self) -> &'static str {
        match self {
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
            Comparison::Equal => "==",
        }
    }
}

/// The unit of a gate's metric: how its threshold is typed and what its column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricUnit {
    /// Typed `"8s"` or `"250ms"`; the column ends in `_ms`.
    Milliseconds,
    /// Typed `"8s"`; the column ends in `_s`.
    Seconds,
    /// Typed `"90%"` or `0.9`; the column is a fraction.
    Share,
    /// A whole number.
    Count,
    /// A number per second.
    PerSecond,
}

/// Latency-like metrics: each has `_min`, `_mean`, `_median`, `_stdev`, `_p90`, `_p95`, `_p99`, `_max`, and the same
/// with `_answered` behind.
pub const DISTRIBUTIONS: [&str; 6] = ["latency", "latency_from_due", "ttft", "ttfo", "tpot", "gap"];

/// The statistics of a distribution, in the order of `summary.csv`.
pub const STATISTICS: [&str; 8] = ["min", "mean", "median", "stdev", "p90", "p95", "p99", "max"];

/// The other metrics that a gate may name.
pub const SCALARS: [(&str, MetricUnit); 12] = [
    ("requests", MetricUnit::Count),
    ("ok", MetricUnit::Count),
    ("failures", MetricUnit::Count),
    ("success_rate", MetricUnit::Share),
    ("goodput", MetricUnit::Share),
    ("makespan", MetricUnit::Seconds),
    ("requests_per_s", MetricUnit::PerSecond),
    ("output_tokens_per_s", MetricUnit::PerSecond),
    ("tokens_in", MetricUnit::Count),
    ("tokens_out", MetricUnit::Count),
    ("send_spread", MetricUnit::Milliseconds),
    ("in_air_max", MetricUnit::Count),
];

/// The unit of a gate's metric, or `None` when there is no such metric here. (An outcome's name is a metric too, a
/// count: `resolve` knows these.)
pub fn metric_unit(metric: &str) -> Option<MetricUnit> {
    if let Some((_, unit)) = SCALARS.iter().find(|(name, _)| *name == metric) {
        return Some(*unit);
    }
    let plain = metric.strip_suffix("_answered").unwrap_or(metric);
    let distribution = DISTRIBUTIONS.iter().any(|name| {
        plain
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('_'))
            .is_some_and(|statistic| STATISTICS.contains(&statistic))
    });
    distribution.then_some(MetricUnit::Milliseconds)
}
