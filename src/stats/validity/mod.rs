//! Did we measure the server, or ourselves: how large our own error was, metric by metric, and what may have caused it.
//!
//! Effects decide, causes explain. Pure: facts that the client recorded of itself ([`ClientFacts`]) and the summary go
//! in, labels and sentences come out. What a check means when it fires is fixed here, for all of them, in [`CheckLabel`].

mod client;
mod course;
mod sending;
mod server;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::summary::Summary;
use crate::facts::ClientFacts;
use crate::scenario::plan::DISTRIBUTIONS;

/// Whether a number can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Our own error is at most max(1 ms, 1 % of the median).
    Valid,
    /// It is at most max(2 ms, 5 % of the median), or something else makes the number doubtful.
    Degraded,
    /// It is larger, or the load that was asked for was not what the server got.
    Invalid,
}

impl Label {
    /// The word in columns and sentences.
    pub fn name(self) -> &'static str {
        match self {
            Label::Valid => "valid",
            Label::Degraded => "degraded",
            Label::Invalid => "invalid",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckLabel {
    /// Nothing.
    Silent,
    /// This platform, or this run, cannot tell.
    Unknown,
    /// Advice beside the numbers.
    Note,
    /// The numbers stand, but compare with no other run's.
    NotComparable,
    /// The numbers are doubtful.
    Degraded,
    /// The numbers are struck.
    Invalid,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Check {
    /// Its name.
    pub id: String,
    /// What it found.
    pub label: CheckLabel,
    /// What was measured; `None` where it could not be.
    pub value: Option<f64>,
    /// Beyond which it fires; `None` where it reads more than one number.
    pub limit: Option<f64>,
    /// Unit of both: `ms`, `share` (a fraction) or `count`.
    pub unit: String,
    /// For people: what was seen, what it may mean, what to try. Of a silent check, what was seen.
    pub sentence: String,
}

impl Check {
    /// Whether it fired.
    pub fn fired(&self) -> bool {
        self.label > CheckLabel::Unknown
    }

    /// A check that fires, as `label`, when the value is above the limit.
    fn above(id: &str, label: CheckLabel, value: f64, limit: f64, unit: &str) -> Check {
        let label = if value > limit { label } else { CheckLabel::Silent };
        let (value, limit) = (Some(value), Some(limit));
        Check { id: id.to_owned(), label, value, limit, unit: unit.to_owned(), sentence: String::new() }
    }

    fn unknown(id: &str, why: &str) -> Check {
        Check {
            id: id.to_owned(),
            label: CheckLabel::Unknown,
            value: None,
            limit: None,
            unit: String::new(),
            sentence: format!("not checked: {why}"),
        }
    }

    fn saying(mut self, fired: impl FnOnce() -> String, silent: impl FnOnce() -> String) -> Check {
        self.sentence = if self.fired() { fired() } else { silent() };
        self
    }
}

/// What can be believed of a summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Validity {
    /// The first line of the summary. Invalid where a check says so or where the headline is; degraded where any other
    /// metric is not valid.
    pub label: Label,
    /// Our own error and its label, by the name of the distribution; those with an answered sample.
    pub metrics: BTreeMap<String, MetricValidity>,
    /// Every check, whether it fired or not, in the order of the documentation.
    pub checks: Vec<Check>,
    /// What this platform cannot check, as fragments.
    pub unchecked: Vec<String>,
}

/// Our own error of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MetricValidity {
    /// Instrument error, in milliseconds; `None` where nothing tells it.
    pub error_ms: Option<f64>,
    /// The error up to which it is valid.
    pub limit_ms: f64,
    /// What it makes of the metric.
    pub label: Label,
}

impl Validity {
    /// Judges a case or round.
    pub fn of(summary: &Summary, facts: &ClientFacts) -> Validity {
        let mut checks = sending::checks(summary, facts);
        checks.extend(client::checks(summary, facts));
        checks.extend(server::checks(summary, facts));
        let metrics = metrics(summary, facts, &checks);
        let worst = checks.iter().map(|check| check.label).max();
        let headline = metrics.get(&summary.headline).map(|metric| metric.label);
        let label = if worst == Some(CheckLabel::Invalid) || headline == Some(Label::Invalid) {
            Label::Invalid
        } else if worst == Some(CheckLabel::Degraded) || metrics.values().any(|metric| metric.label > Label::Valid) {
            Label::Degraded
        } else {
            Label::Valid
        };
        Validity { label, metrics, checks, unchecked: facts.unchecked.clone() }
    }

    /// The first check that makes the whole measurement invalid.
    pub fn broken(&self) -> Option<&Check> {
        self.checks.iter().find(|check| check.label == CheckLabel::Invalid)
    }

    /// The checks that fired, the gravest first.
    pub fn fired(&self) -> Vec<&Check> {
        let mut fired: Vec<&Check> = self.checks.iter().filter(|check| check.fired()).collect();
        fired.sort_by_key(|check| std::cmp::Reverse(check.label));
        fired
    }

    /// The check of that name.
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }
}

/// Our own error of every metric with an answered sample.
fn metrics(summary: &Summary, facts: &ClientFacts, checks: &[Check]) -> BTreeMap<String, MetricValidity> {
    let fired = |id: &str| checks.iter().any(|check| check.id == id && check.fired());
    let floor = match checks.iter().map(|check| check.label).max() {
        Some(CheckLabel::Invalid) => Label::Invalid,
        _ if fired("skew") || fired("stale") || fired("clock") => Label::Degraded,
        _ => Label::Valid,
    };
    let mut metrics = BTreeMap::new();
    // No gate reads the largest gaps, but people do.
    for name in DISTRIBUTIONS.into_iter().chain(["max_gap"]) {
        let Some((median, error_ms)) = summary
            .distribution(name)
            .and_then(Distribution::answered_median)
            .map(|median| (median, instrument_error(name, summary, facts)))
        else {
            continue;
        };
        let limit_ms = valid_limit(median);
        // An error that nothing tells cannot be vouched for, nor held against the number.
        let own = error_ms.map_or(Label::Degraded, |error| label_of(error, median));
        let streamed = !name.starts_with("latency");
        let buffered = if streamed && fired("buffered") { Label::Degraded } else { Label::Valid };
        metrics.insert(name.to_owned(), MetricValidity { error_ms, limit_ms, label: own.max(floor).max(buffered) });
    }
    metrics
}

/// The error up to which a metric with this median is valid: max(1 ms, 1 %).
pub fn valid_limit(median_ms: f64) -> f64 {
    (0.01 * median_ms).max(1.0)
}

fn label_of(error_ms: f64, median_ms: f64) -> Label {
    if error_ms <= valid_limit(median_ms) {
        Label::Valid
    } else if error_ms <= (0.05 * median_ms).max(2.0) {
        Label::Degraded
    } else {
        Label::Invalid
    }
}

/// Instrument error of a distribution, in milliseconds.
///
/// Of every instant: P99 of the read lag left after correction; of the control stream where there is no kernel time;
/// the larger of both where some reads had none. From due it adds the P99 of our own lateness in sending. What reads of
/// several events leave uncertain adds what it may move a percentile by. The pace is a difference of two instants spread
/// over the tokens between them.
fn instrument_error(metric: &str, summary: &Summary, facts: &ClientFacts) -> Option<f64> {
    let control = facts.control_stream.map(|lag| lag.p99_ms);
    let instant = match facts.read_lag {
        Some(lag) if lag.without_kernel_time == 0 => lag.left.p99_ms,
        Some(lag) => control.map_or(lag.uncorrected.p99_ms, |control| control.max(lag.left.p99_ms)),
        None => control?,
    };
    let moved = |by: Option<f64>| instant + by.unwrap_or(0.0);
    let moves = &facts.moves;
    Some(match metric {
        "latency_from_due" => instant + send_lag(summary)?,
        "ttft" => moved(moves.ttft_ms),
        "ttfo" => moved(moves.ttfo_ms),
        "gap" => moved(moves.gap_ms),
        "max_gap" => moved(moves.max_gap_ms),
        "tpot" => {
            let tokens = summary.tokens.output_spread.map_or(2, |[_, middle, _]| middle.max(2));
            2.0 * instant / (tokens - 1) as f64 + moves.tpot_ms.unwrap_or(0.0)
        }
        _ => instant,
    })
}

/// P99 of our own lateness in sending, at any n.
fn send_lag(summary: &Summary) -> Option<f64> {
    Some(summary.send_lag.ranked.p99.measured()?.number())
}

/// Milliseconds as people write them.
fn ms(value: f64) -> String {
    match value {
        value if value >= 1000.0 => format!("{:.2} s", value / 1000.0),
        value if value >= 10.0 => format!("{value:.0} ms"),
        value if value >= 1.0 => format!("{value:.1} ms"),
        value => format!("{value:.2} ms"),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
