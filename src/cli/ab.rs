//! What may be typed to measure two things by turns.

use std::path::PathBuf;

use clap::Args;

use super::compare::FailOn;
use super::{ComparisonFormat, Overrides};

/// `lamb-load ab`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lamb-load ab scenarios/poem.toml --vary target=old,new
  lamb-load ab scenarios/poem.toml --vary request.max_tokens=100,400 --pairs auto
  lamb-load ab scenarios/before.toml scenarios/after.toml
  lamb-load ab scenarios/poem.toml --aa")]
pub struct Ab {
    /// One scenario with --vary or --aa, or two scenarios: before and after.
    #[arg(required = true, num_args = 1..=2, value_name = "FILE")]
    pub scenarios: Vec<PathBuf>,
    /// What differs between the sides: `target=a,b`, `model=x,y`, or a key and two TOML values: `request.max_tokens=100,400`.
    #[arg(long, value_name = "KEY=BEFORE,AFTER")]
    pub vary: Option<String>,
    /// Measure one thing against itself: what differs is noise, and a verdict a false alarm.
    #[arg(long, conflicts_with = "vary")]
    pub aa: bool,
    /// Pairs of rounds, or `auto`: 5, and if these cannot tell 10, at most 15.
    #[arg(long, default_value = "8", value_name = "N|auto")]
    pub pairs: String,
    /// Rest between two rounds, in place of the scenario's `pause`: seconds, or "250ms", "3m".
    #[arg(long, value_name = "TIME")]
    pub gap: Option<String>,
    /// How much slower is tolerated.
    #[arg(long, default_value = "10%", value_name = "SHARE")]
    pub tolerance: String,
    /// The metric that decides, in place of latency_p90 (latency_median below ten requests a round).
    #[arg(long, value_name = "METRIC")]
    pub metric: Option<String>,
    /// Exit 4 where the sides are not comparable.
    #[arg(long)]
    pub strict: bool,
    /// What is exit 1: only what is worse, or also where a verdict is missing.
    #[arg(long, value_enum, value_name = "VERDICT", default_value = "worse")]
    pub fail_on: FailOn,
    /// What replaces parts of the scenario, on both sides.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Put the two runs here instead of in `results/`.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Label both runs. May be repeated.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// How long requests in the air may take to land after Ctrl-C.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub grace: String,
    /// Give a verdict although the measurement is invalid.
    #[arg(long)]
    pub allow_invalid: bool,
    /// Print errors and the last line only.
    #[arg(short, long)]
    pub quiet: bool,
    /// What is printed in the end.
    #[arg(long, value_enum, default_value = "text")]
    pub format: ComparisonFormat,
}
