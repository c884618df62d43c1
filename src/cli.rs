//! What may be typed: clap structs, no logic.

mod ab;
mod compare;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use self::ab::Ab;
pub use self::compare::{Across, Compare, ComparisonFormat, FailOn, History, HowToCompare};

/// The load test you can commit, and that cannot fool you.
#[derive(Debug, Parser)]
#[command(name = "lamb-load", version, about, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// When to colour what is printed.
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub color: When,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run scenarios: pre-flight, bursts, results.
    Run(Run),
    /// Fire one burst, described by flags.
    Burst(Burst),
    /// Check scenarios and print their plan; nothing is sent.
    Check(Check),
    /// Find out how many users this machine can measure, against the embedded endpoint.
    Calibrate(Calibrate),
    /// List what a server's /v1/models lists.
    Models(Models),
    /// Start the embedded OpenAI-compatible endpoint.
    Mock(Mock),
    /// Remake every rendering of a run from its requests.csv, run.json and scenario.toml.
    Report(Report),
    /// Measure two things by turns, and say whether one is slower.
    Ab(Ab),
    /// Compare runs: worse, the same, or cannot tell yet.
    Compare(Compare),
    /// Show a scenario over its runs, one line each, with an alarm where one was not to be expected.
    History(History),
    /// List the runs, or keep one as the baseline.
    Results(Results),
    /// Print the JSON Schema of the scenario file, or of a document that programs read.
    Schema(Schema),
    /// Write a commented scenario to start from.
    Init(Init),
    /// Print a completion script for a shell.
    Completions(Completions),
    /// Print the man page.
    Man,
}

/// What replaces parts of a scenario.
#[derive(Debug, Clone, Default, Args)]
pub struct Overrides {
    /// Set one key: `--set request.max_tokens=100`; the value is TOML. May be repeated.
    #[arg(long, value_name = "PATH=TOML")]
    pub set: Vec<String>,
    /// User counts in place of the scenario's: `10,50`.
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub users: Option<Vec<u32>>,
    /// Models in place of the scenario's.
    #[arg(long, value_name = "MODEL,…", value_delimiter = ',')]
    pub models: Option<Vec<String>>,
    /// Only these of the scenario's targets.
    #[arg(long, value_name = "TARGET,…", value_delimiter = ',')]
    pub targets: Option<Vec<String>>,
    /// Only the cases whose label (target/model/prompts/users) matches.
    #[arg(long, value_name = "GLOB")]
    pub only: Option<String>,
    /// Apply this table of `[profiles]`.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Stream the answers.
    #[arg(long)]
    pub stream: bool,
    /// Refuse to send anywhere but to these hosts. May be repeated.
    #[arg(long, value_name = "HOST")]
    pub allow_host: Vec<String>,
}

/// What both `run` and `burst` take: where results go, what is printed.
#[derive(Debug, Clone, Args)]
pub struct Output {
    /// Put the results here instead of `results/`.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Label the run. May be repeated.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Keep the answers in this file, as JSON lines.
    #[arg(long, value_name = "FILE")]
    pub responses: Option<PathBuf>,
    /// How long requests in the air may take to land after Ctrl-C.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub grace: String,
    /// Let the gates decide although the measurement is invalid.
    #[arg(long)]
    pub allow_invalid: bool,
    /// Print the scenario that the flags make, and send nothing.
    #[arg(long)]
    pub print_scenario: bool,
    /// Print errors and the last line only.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print a line for every request, however many there are.
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// What is printed in the end.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// What is printed in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one document, or one object a line with several scenarios.
    Json,
}

/// `lamb-load run`
#[derive(Debug, Args)]
pub struct Run {
    /// Scenario files, folders (their own *.toml, sorted, without names that begin with `_`) or patterns.
    #[arg(required = true, value_name = "FILE|DIR|GLOB")]
    pub scenarios: Vec<PathBuf>,
    /// What replaces parts of the scenario.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Where results go, what is printed.
    #[command(flatten)]
    pub output: Output,
    /// Hold each run against this one when it has ended, and judge `[expect] vs_baseline`: a folder, a requests.csv, a scenario's name, git:REV for what a revision has of the same scenario, or git:REV:PATH.
    #[arg(long, value_name = "RUN")]
    pub baseline: Option<String>,
    /// Print the plan and send nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Stop after the first case with a failed gate.
    #[arg(long)]
    pub fail_fast: bool,
}

/// `lamb-load burst`
#[derive(Debug, Args)]
pub struct Burst {
    /// The server.
    #[arg(long, default_value = "http://localhost:9099", value_name = "URL")]
    pub url: String,
    /// The bearer token.
    #[arg(long, default_value = "0p3n-w3bu!", env = "LAMB_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub api_key: String,
    /// The model or assistant.
    #[arg(long, default_value = "lamb_assistant.58", value_name = "MODEL")]
    pub model: String,
    /// How many press Enter together.
    #[arg(long, default_value_t = 30, value_name = "N")]
    pub users: u32,
    /// How long a request may take: seconds, or "250ms", "3m".
    #[arg(long, default_value = "180", value_name = "TIME")]
    pub timeout: String,
    /// What they ask, in place of "Say hello in exactly one word."
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Set one more key of the scenario: `--set request.max_tokens=100`. May be repeated.
    #[arg(long, value_name = "PATH=TOML")]
    pub set: Vec<String>,
    /// Stream the answers.
    #[arg(long)]
    pub stream: bool,
    /// Leave no run in `results/`.
    #[arg(long)]
    pub no_save: bool,
    /// Where results go, what is printed.
    #[command(flatten)]
    pub output: Output,
}

/// `lamb-load check`
#[derive(Debug, Args)]
pub struct Check {
    /// Scenario files, folders or patterns.
    #[arg(required = true, value_name = "FILE|DIR|GLOB")]
    pub scenarios: Vec<PathBuf>,
    /// What replaces parts of the scenario.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Also print where each value came from.
    #[arg(long)]
    pub origin: bool,
}

/// `lamb-load calibrate`
#[derive(Debug, Args)]
pub struct Calibrate {
    /// Fewer loads, 20 s at most in place of 90.
    #[arg(long)]
    pub quick: bool,
    /// How long it may take: seconds, or "250ms", "3m".
    #[arg(long, value_name = "TIME")]
    pub time: Option<String>,
    /// Keep the result in this file instead of the user's cache, where check and run look for it.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `lamb-load models`
#[derive(Debug, Args)]
pub struct Models {
    /// A server's URL, or a scenario file.
    #[arg(value_name = "URL|FILE")]
    pub place: String,
    /// The bearer token, for a URL.
    #[arg(long, env = "LAMB_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub api_key: Option<String>,
    /// What is printed.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// `lamb-load mock`
#[derive(Debug, Args)]
pub struct Mock {
    /// The port to listen at; 0 takes a free one.
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    pub port: u16,
    /// The address to listen at.
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub bind: IpAddr,
    /// Write what it did to this file, as JSON lines.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Models to list; any name answers. May be repeated.
    #[arg(long, value_name = "MODEL,…", value_delimiter = ',')]
    pub models: Vec<String>,
    /// Time to the first token: "200ms", or a table such as {lognormal={median="200ms",sigma=0.5}}.
    #[arg(long, value_name = "TIME|TABLE")]
    pub first_token: Option<String>,
    /// Time for each further token.
    #[arg(long, value_name = "TIME|TABLE")]
    pub per_token: Option<String>,
    /// Tokens of an answer.
    #[arg(long, value_name = "N")]
    pub tokens: Option<u32>,
    /// Requests served at once; the others queue.
    #[arg(long, value_name = "N")]
    pub slots: Option<u32>,
    /// Everything random derives from it.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The kind of server to be: openai, lamb, ollama, litellm, vllm, llama_cpp.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// The key to ask for.
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<String>,
    /// Misbehave: `--fault status_429=2%`. May be repeated.
    #[arg(long, value_name = "NAME=SHARE")]
    pub fault: Vec<String>,
    /// List the faults and end.
    #[arg(long)]
    pub faults: bool,
    /// Connections that the kernel may queue.
    #[arg(long, value_name = "N")]
    pub backlog: Option<u32>,
}

impl Mock {
    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind, self.port)
    }
}

/// `lamb-load report`
#[derive(Debug, Args)]
pub struct Report {
    /// A run's folder, its requests.csv, or a scenario's name for its newest run.
    #[arg(value_name = "RUN", required_unless_present = "splice")]
    pub run: Option<PathBuf>,
    /// Where scenarios' names are looked up, in place of `results/`.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Read the rows alone, whatever lies beside them, and write nothing: git's textconv for requests.csv.
    #[arg(long)]
    pub alone: bool,
    /// What is printed.
    #[arg(long, value_enum, default_value = "text")]
    pub format: ReportFormat,
    /// Write tables into this file instead, each between `<!-- lamb-load: report NAME -->` and `<!-- lamb-load: end -->`, where NAME is as RUN.
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    pub splice: Option<PathBuf>,
}

/// What `report` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    Text,
    /// For pull requests.
    Markdown,
    /// For programs.
    Json,
    /// A page with pictures, for a browser.
    Html,
    /// For what shows test results in CI.
    Junit,
}

/// `lamb-load results`
#[derive(Debug, Args)]
pub struct Results {
    /// List (the default) or keep.
    #[command(subcommand)]
    pub verb: Option<ResultsVerb>,
    /// Look here in place of `results/`.
    #[arg(long, global = true, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// What can be done with results.
#[derive(Debug, Subcommand)]
pub enum ResultsVerb {
    /// List the runs, newest last.
    List,
    /// Copy a run to `results/SCENARIO/baseline/`, which git does not ignore.
    Keep {
        /// A run's folder, or a scenario's name for its newest run.
        #[arg(value_name = "RUN")]
        run: PathBuf,
    },
}

/// `lamb-load schema`
#[derive(Debug, Args)]
pub struct Schema {
    /// Of what.
    #[arg(value_enum, default_value = "scenario", value_name = "DOCUMENT")]
    pub of: SchemaOf,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The scenario file.
    Scenario,
    /// `summary.json`, which `run` and `report` print with `--format json`.
    Summary,
    /// What `compare --format json` prints.
    Comparison,
}

/// `lamb-load init`
#[derive(Debug, Args)]
pub struct Init {
    /// The file to write; an existing one is left as it is.
    #[arg(default_value = "scenarios/first.toml", value_name = "FILE")]
    pub file: PathBuf,
}

/// `lamb-load completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
