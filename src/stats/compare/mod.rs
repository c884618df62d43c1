//! Two runs side by side: worse, the same, or cannot tell yet.
//!
//! The round is the unit, never the request: requests of one round share its luck. Cases are joined by the fields of
//! their key, and what is not comparable gets numbers and no verdict. It refuses to know where runs are kept.

pub mod comparable;
pub mod history;
mod rounds;
pub mod slo;
pub mod student;
#[cfg(test)]
mod tests;
pub mod verdict;
pub mod versus;

use serde::{Deserialize, Serialize};

use self::comparable::{Comparability, Provenance};
use self::rounds::{Rounds, is_rate, primary, side_by_side};
use self::student::{Estimate, logarithms};
use self::verdict::{Verdict, decide, holm, pairs_needed, success_difference};
use super::quantile::Measured;
use super::summary::Summary;
use crate::scenario::plan::CaseKey;

/// Metrics that are told beside the primary one: unadjusted, and never a gate.
pub const SECONDARY: [&str; 9] = [
    "latency_median",
    "latency_p90",
    "latency_from_due_p90",
    "ttft_p90",
    "tpot_median",
    "makespan",
    "requests_per_s",
    "output_tokens_per_s",
    "tokens_out",
];

/// A case of one run.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Its rounds pooled.
    pub pooled: &'a Summary,
    /// Its rounds, in order.
    pub rounds: &'a [Summary],
    /// What else a comparison has to know.
    pub provenance: &'a Provenance,
}

/// How to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How much slower is tolerated, as a fraction.
    pub tolerance: f64,
    /// The primary metric; `None` takes `latency_p90` from ten requests a round, else the median.
    pub metric: Option<String>,
    /// Rounds of the same number were measured side by side.
    pub paired: bool,
    /// The p below which a difference counts: 5 %, or what a look of `ab --pairs auto` leaves of it.
    pub level: f64,
    /// What differs on purpose: `target` and `model` leave the key, these and others the comparability.
    pub varied: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options { tolerance: 0.1, metric: None, paired: false, level: 0.05, varied: Vec::new() }
    }
}

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// The cases that both have, in the order of the run before.
    pub cases: Vec<CaseComparison>,
    /// Cases that only the run before has.
    pub missing: Vec<CaseKey>,
    /// Cases that only the run after has.
    pub new: Vec<CaseKey>,
}

/// One case in both runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseComparison {
    /// The case, as the run before names it.
    pub key: CaseKey,
    /// The case as the run after names it, where what differs on purpose is part of the key.
    pub key_after: Option<CaseKey>,
    /// The primary metric.
    pub metric: String,
    /// Whether the two may be compared at all.
    pub comparability: Comparability,
    /// The metric in each round, before and after, those in which it has a value.
    pub rounds: [Vec<f64>; 2],
    /// Rounds before and after in which it was not reached, so many had failed.
    #[serde(default)]
    pub unreached: [usize; 2],
    /// After ÷ before: the ratio of the geometric means of the rounds.
    pub ratio: Option<f64>,
    /// Between which values the ratio lies with 95 %; needs two rounds a side.
    pub interval: Option<[f64; 2]>,
    /// The same with 90 %, on which "the same" rests: 95 % to one side.
    pub bounds: Option<[f64; 2]>,
    /// The chance of such a difference where there is none.
    pub p: Option<f64>,
    /// The same, adjusted for the number of cases.
    pub p_adjusted: Option<f64>,
    /// What may be said.
    pub verdict: Verdict,
    /// Why there is no verdict, or not yet; as a sentence.
    pub why: Option<String>,
    /// Pairs of rounds that would tell a difference of the tolerance.
    pub pairs_needed: Option<u64>,
    /// Answered and attempted requests, before and after.
    pub answered: [[u64; 2]; 2],
    /// Difference of the success rates, after − before, and its 95 % interval.
    pub success_difference: Option<[f64; 3]>,
    /// Secondary metrics: unadjusted, never a gate.
    pub secondary: Vec<Secondary>,
}

/// A secondary metric, pooled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Secondary {
    /// Its name.
    pub metric: String,
    /// In the run before; `None` where nothing was measured.
    pub before: Option<Measured>,
    /// In the run after.
    pub after: Option<Measured>,
    /// After ÷ before.
    pub ratio: Option<f64>,
}

impl Comparison {
    /// Compares the cases of two runs.
    pub fn of(before: &[Side<'_>], after: &[Side<'_>], options: &Options) -> Comparison {
        let key = |side: &Side<'_>| joined(&side.pooled.subject.key, &options.varied);
        let only = |sides: &[Side<'_>], others: &[Side<'_>]| -> Vec<CaseKey> {
            let is_alone = |side: &&Side<'_>| !others.iter().any(|other| key(other) == key(side));
            sides.iter().filter(is_alone).map(|side| side.pooled.subject.key.clone()).collect()
        };
        let pairs = before.iter().filter_map(|side| Some((side, after.iter().find(|other| key(other) == key(side))?)));
        let mut judged: Vec<Judged> = pairs.map(|(before, after)| Judged::of(before, after, options)).collect();
        let raw: Vec<f64> = judged.iter().filter_map(|case| case.told.p).collect();
        let mut adjusted = holm(&raw).into_iter();
        for case in &mut judged {
            if case.told.p.is_some() {
                case.told.p_adjusted = adjusted.next();
            }
            case.decide(options);
        }
        let cases = judged.into_iter().map(|case| case.told).collect();
        Comparison { cases, missing: only(before, after), new: only(after, before) }
    }

    /// Whether any case is worse: the only verdict that fails.
    pub fn is_worse(&self) -> bool {
        self.cases.iter().any(|case| case.verdict == Verdict::Worse)
    }
}

/// The key without what differs on purpose: what cases are joined on.
pub fn joined(key: &CaseKey, varied: &[String]) -> CaseKey {
    let mut key = key.clone();
    for what in varied {
        match what.as_str() {
            "target" => key.target.clear(),
            "model" => key.model.clear(),
            "prompts" => key.prompts.clear(),
            "users" => key.load.clear(),
            _ => (),
        }
    }
    key
}

struct Judged {
    told: CaseComparison,
    estimate: Option<Estimate>,
}

impl Judged {
    fn of(before: &Side<'_>, after: &Side<'_>, options: &Options) -> Judged {
        let metric = options.metric.clone().unwrap_or_else(|| primary([before.rounds, after.rounds]).to_owned());
        let sides = [Rounds::of(before.rounds, &metric), Rounds::of(after.rounds, &metric)];
        let varied: Vec<&str> = options.varied.iter().map(String::as_str).collect();
        let comparability =
            Comparability::of((before.pooled, before.provenance), (after.pooled, after.provenance), &varied, &metric);
        let mut told = CaseComparison {
            key: before.pooled.subject.key.clone(),
            key_after: Some(&after.pooled.subject.key).filter(|key| **key != before.pooled.subject.key).cloned(),
            comparability,
            rounds: [Vec::new(), Vec::new()],
            unreached: [0; 2],
            ratio: None,
            interval: None,
            bounds: None,
            p: None,
            p_adjusted: None,
            verdict: Verdict::None,
            why: None,
            pairs_needed: None,
            answered: [before, after].map(|side| [side.pooled.ok, side.pooled.requests]),
            success_difference: success_difference(attempts(before.pooled), attempts(after.pooled))
                .map(|(difference, low, high)| [difference, low, high]),
            secondary: SECONDARY.iter().map(|name| secondary(name, before.pooled, after.pooled)).collect(),
            metric,
        };
        let estimate = match told.effect(sides, options.paired) {
            Ok(estimate) => Some(estimate),
            Err(why) => {
                told.why = Some(why);
                None
            }
        };
        if !told.comparability.mismatches.is_empty() {
            told.why = Some(format!("not comparable: {}", told.comparability.reasons()));
        }
        // What gets no verdict takes no part in the adjustment for several.
        told.p = estimate.filter(|_| told.why.is_none()).map(|estimate| estimate.p());
        Judged { told, estimate }
    }

    fn decide(&mut self, options: &Options) {
        let (Some(estimate), Some(p)) = (self.estimate, self.told.p_adjusted) else { return };
        // Of a rate, less is slower.
        let estimate = if is_rate(&self.told.metric) { estimate.reversed() } else { estimate };
        self.told.verdict = decide(&estimate, options.tolerance, p, options.level);
        self.told.pairs_needed = Some(pairs_needed(&estimate, options.tolerance));
        if self.told.verdict == Verdict::Inconclusive {
            let needed = pairs_needed(&estimate, options.tolerance);
            self.told.why = Some(format!("cannot tell yet: about {needed} rounds a side would"));
        }
    }
}

impl CaseComparison {
    /// Ratio, interval and the estimate behind them, or why there is none.
    fn effect(&mut self, sides: [Rounds; 2], paired: bool) -> Result<Estimate, String> {
        let [before, after] = sides;
        self.unreached = [before.unreached, after.unreached];
        let unreached = before.unreached + after.unreached;
        let pairs = (before.values.clone(), after.values.clone());
        self.rounds = [before.finite(), after.finite()];
        if unreached > 0 {
            return Err(format!("failures decide: in {unreached} rounds {} was not reached", self.metric));
        }
        let (one, other) =
            if paired { side_by_side(&pairs.0, &pairs.1) } else { (self.rounds[0].clone(), self.rounds[1].clone()) };
        let (Some(one), Some(other)) = (logarithms(&one), logarithms(&other)) else {
            return Err(format!("{} is not positive in every round", self.metric));
        };
        if one.is_empty() || other.is_empty() {
            return Err(format!("{} was not measured", self.metric));
        }
        let mean = |logs: &[f64]| logs.iter().sum::<f64>() / logs.len() as f64;
        self.ratio = Some((mean(&other) - mean(&one)).exp());
        let estimate = if paired { Estimate::paired(&one, &other) } else { Estimate::welch(&one, &other) };
        let estimate = estimate.ok_or(
            "one round a side cannot tell a change of the server from the luck of a round: repeat at least twice, better five times",
        )?;
        let ratios = |(low, high): (f64, f64)| Some([low.exp(), high.exp()]);
        (self.interval, self.bounds) = (ratios(estimate.interval(0.95)), ratios(estimate.interval(0.9)));
        Ok(estimate)
    }
}

fn attempts(summary: &Summary) -> (u64, u64) {
    (summary.ok, summary.requests)
}

fn secondary(name: &str, before: &Summary, after: &Summary) -> Secondary {
    let of = |summary: &Summary| summary.metric(name).map(|metric| metric.value);
    let (before, after) = (of(before), of(after));
    let ratio = match (before, after) {
        (Some(Measured::Value(before)), Some(Measured::Value(after))) if before > 0.0 => Some(after / before),
        _ => None,
    };
    Secondary { metric: name.to_owned(), before, after, ratio }
}
