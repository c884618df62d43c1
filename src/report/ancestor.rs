//! What the ancestor script printed, line by line: a script that reads its output reads ours.
//!
//! Its "(all)" times are end − due of every request, failures included, finite, at any number of requests.

use std::io::{self, Write};

use crate::results::Sample;
use crate::stats::exact;

const RULE: &str = "=================================================================";

/// Failures that are listed.
const LISTED: usize = 10;

/// Characters of what went wrong.
const PREVIEW: usize = 80;

/// What the block before the first request says.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// As typed.
    pub url: &'a str,
    /// The model.
    pub model: &'a str,
    /// How many at once.
    pub users: u32,
    /// The timeout in whole seconds.
    pub timeout_s: u64,
}

impl Header<'_> {
    /// Writes the block, and what stands above the pre-flight's line.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\n{RULE}\n  LAMB Load Test - /v1/chat/completions\n{RULE}")?;
        writeln!(out, "  URL:              {}", self.url)?;
        writeln!(out, "  Model:            {}", self.model)?;
        writeln!(out, "  Concurrent users: {}", self.users)?;
        writeln!(out, "  Request timeout:  {}s\n{RULE}\n", self.timeout_s)?;
        writeln!(out, "Pre-flight check: single request...")
    }
}

/// The line of one request; user 0 is the pre-flight.
pub fn line(sample: &Sample) -> String {
    let (user, seconds) = (sample.arrival.user, seconds(sample));
    match kind(sample) {
        Kind::Ok => format!("  User {user:3}  OK  {}  {seconds:6.2}s", status(sample)),
        Kind::Fail => format!("  User {user:3}  FAIL  {}  {seconds:6.2}s", status(sample)),
        Kind::Timeout => format!("  User {user:3}  TIMEOUT          {seconds:6.2}s"),
        Kind::Error => format!("  User {user:3}  ERROR            {seconds:6.2}s  {}", shortened(&preview(sample))),
    }
}

/// What follows the pre-flight's line.
pub fn preflight(sample: &Sample) -> String {
    match kind(sample) {
        Kind::Ok => format!("\nPre-flight OK ({:.2}s). Starting load test...\n", seconds(sample)),
        _ => format!(
            "\nPre-flight FAILED: {}\nAborting load test. Fix single-request issues first.",
            shortened(&preview(sample))
        ),
    }
}

/// Whether the ancestor's one gate is met: at least 90 % answered.
pub fn passed(samples: &[Sample]) -> bool {
    let ok = samples.iter().filter(|sample| sample.outcome.is_ok()).count();
    !samples.is_empty() && ok * 10 >= samples.len() * 9
}

/// Writes the block of results and the last line. `samples` are in the order in which they ended, `total_s` is the
/// time from the barrier to the last end.
pub fn results(samples: &[Sample], total_s: f64, out: &mut dyn Write) -> io::Result<()> {
    let (ok, failed): (Vec<&Sample>, Vec<&Sample>) = samples.iter().partition(|sample| sample.outcome.is_ok());
    let share = if samples.is_empty() { 0.0 } else { ok.len() as f64 / samples.len() as f64 * 100.0 };
    writeln!(out, "\n{RULE}\n  RESULTS\n{RULE}")?;
    writeln!(out, "  Total time:       {total_s:.2}s")?;
    writeln!(out, "  Requests sent:    {}", samples.len())?;
    writeln!(out, "  Successful:       {}", ok.len())?;
    writeln!(out, "  Failed:           {}", failed.len())?;
    writeln!(out, "  Success rate:     {share:.1}%")?;
    let all: Vec<f64> = samples.iter().map(seconds).collect();
    if !all.is_empty() {
        writeln!(out, "\n  Response times (all):")?;
        times(&all, out)?;
        if let Some(stdev) = exact::stdev(&all) {
            writeln!(out, "    Std dev:        {stdev:6.2}s")?;
        }
        writeln!(out, "    P90:            {:6.2}s", p90(&all))?;
    }
    if !ok.is_empty() {
        writeln!(out, "\n  Response times (successes only):")?;
        times(&ok.iter().map(|sample| seconds(sample)).collect::<Vec<f64>>(), out)?;
    }
    if !failed.is_empty() {
        writeln!(out, "\n  Failures:")?;
        for sample in failed.iter().take(LISTED) {
            let preview = shortened(&preview(sample));
            writeln!(out, "    User {:3}: status={} - {preview}", sample.arrival.user, status(sample))?;
        }
        if failed.len() > LISTED {
            writeln!(out, "    ... and {} more", failed.len() - LISTED)?;
        }
    }
    let last = if passed(samples) { "LOAD TEST PASSED" } else { "LOAD TEST FAILED (< 90% success rate)" };
    writeln!(out, "{RULE}\n\n{last}")
}

/// How the ancestor told ends apart.
enum Kind {
    Ok,
    /// A status came, and no answer: where the ancestor saw a 200 and was content, too.
    Fail,
    Timeout,
    Error,
}

fn kind(sample: &Sample) -> Kind {
    match sample.outcome {
        outcome if outcome.is_ok() => Kind::Ok,
        outcome if outcome.name().starts_with("timeout_") => Kind::Timeout,
        _ if sample.status.is_some() => Kind::Fail,
        _ => Kind::Error,
    }
}

fn status(sample: &Sample) -> u16 {
    sample.status.filter(|_| !matches!(kind(sample), Kind::Timeout)).unwrap_or(0)
}

fn preview(sample: &Sample) -> String {
    match kind(sample) {
        Kind::Timeout => "TIMEOUT".to_owned(),
        _ => {
            let text = sample.error.as_deref().unwrap_or(sample.outcome.name());
            crate::results::cell::printable(text).into_owned()
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(PREVIEW).collect()
}

/// End − due, in seconds.
fn seconds(sample: &Sample) -> f64 {
    sample.at.end.saturating_sub(sample.arrival.due).as_secs_f64()
}

fn times(seconds: &[f64], out: &mut dyn Write) -> io::Result<()> {
    let (min, max) = seconds.iter().fold((f64::MAX, 0.0_f64), |(min, max), value| (min.min(*value), max.max(*value)));
    for (label, value) in [
        ("Min:   ", Some(min)),
        ("Max:   ", Some(max)),
        ("Mean:  ", exact::mean(seconds)),
        ("Median:", exact::median(seconds)),
    ] {
        writeln!(out, "    {label}         {:6.2}s", value.unwrap_or_default())?;
    }
    Ok(())
}

/// `sorted[floor(0.9 n)]`, in whole numbers.
fn p90(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() * 9 / 10).min(sorted.len() - 1)]
}
