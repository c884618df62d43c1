//! What may be typed to hold runs against each other.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Format;

/// `lamb-load compare`
#[derive(Debug, Args)]
pub struct Compare {
    /// Runs: a folder, a requests.csv, a git revision (main:results/poem), or a scenario's name for its newest run. The first is the one that the others are held against. One scenario alone compares its last two runs.
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<String>,
    /// The run to hold all of them against, in place of the first: RUN, git:REV or git:REV:PATH.
    #[arg(long, value_name = "RUN")]
    pub baseline: Option<String>,
    /// Where scenarios' names are looked up, in place of `results/`.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How to compare.
    #[command(flatten)]
    pub how: HowToCompare,
    /// What is printed.
    #[arg(long, value_enum, default_value = "text")]
    pub format: ComparisonFormat,
}

/// How runs are compared and what fails.
#[derive(Debug, Clone, Args)]
pub struct HowToCompare {
    /// How much slower is tolerated: 10%, unless the scenario has one line of vs_baseline.
    #[arg(long, value_name = "SHARE")]
    pub tolerance: Option<String>,
    /// The metric that decides, in place of the one in the scenario's vs_baseline, or of latency_p90 (latency_median below ten requests a round).
    #[arg(long, value_name = "METRIC")]
    pub metric: Option<String>,
    /// Compare cases that differ in this, such as two models of one run.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub across: Option<Across>,
    /// Exit 4 where runs are not comparable.
    #[arg(long)]
    pub strict: bool,
    /// What is exit 1: only what is worse, or also where a verdict is missing.
    #[arg(long, value_enum, value_name = "VERDICT", default_value = "worse")]
    pub fail_on: FailOn,
}

/// What `compare` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ComparisonFormat {
    /// For people.
    Text,
    /// For pull requests.
    Markdown,
    /// For programs.
    Json,
    /// A page with pictures, for a browser.
    Html,
}

/// What may differ between cases that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Across {
    /// The target.
    Target,
    /// The model.
    Model,
}

/// What fails a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Only what is certainly slower, by the tolerance or more.
    Worse,
    /// Also what cannot be told.
    Inconclusive,
}

/// `lamb-load history`
#[derive(Debug, Args)]
pub struct History {
    /// A scenario's name, or its folder in `results/`.
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// Look here in place of `results/`.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The metric that is looked at, in place of the one in the scenario's vs_baseline, or of latency_p90.
    #[arg(long, value_name = "METRIC")]
    pub metric: Option<String>,
    /// Only the newest so many runs.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub last: usize,
    /// What to print.
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    pub format: Format,
}
