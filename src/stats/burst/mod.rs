//! What a burst tells about the server: how many requests it works on at once.
//!
//! From when each of N requests that were sent together was answered, and from how long one takes alone. A queue with k
//! places is fitted to the answer times and played through; where more than one k fits, or none, it says nothing. On
//! LAMB a limit is the connection pool, and one at a time an event loop that blocks.

mod filter;
mod fit;
mod queue;
#[cfg(test)]
mod tests;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use self::filter::Answers;
use self::fit::{Fit, SIGMAS};
use super::flights::Flights;

/// Fewer answers than this tell nothing.
const LEAST: usize = 10;

/// Rounds that are read, the first of a case.
const ROUNDS: usize = 5;

/// What a burst tells about the server.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Inference {
    /// What it looks like.
    #[serde(flatten)]
    pub finding: Finding,
    /// Throughput × lone latency: as many requests alone, side by side, would have been as fast.
    pub effective_concurrency: Option<f64>,
    /// What was seen, in a sentence; empty where nothing was.
    pub evidence: String,
}

/// What the server looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// Every request was worked on at once.
    AllParallel,
    /// One request at a time.
    OneAtATime,
    /// A limit of requests in flight.
    Limit {
        /// The likeliest.
        estimate: usize,
        /// The least that fits, at 95 %.
        low: usize,
        /// The most that fits, at 95 %.
        high: usize,
    },
    /// The data cannot tell.
    Nothing {
        /// Why, as a fragment.
        why: String,
    },
}

impl Default for Finding {
    fn default() -> Finding {
        Finding::Nothing { why: "no burst was measured".to_owned() }
    }
}

impl Inference {
    /// The finding as a sentence.
    pub fn sentence(&self) -> String {
        match &self.finding {
            Finding::AllParallel => "all parallel".to_owned(),
            Finding::OneAtATime => "1 at a time".to_owned(),
            Finding::Limit { estimate, low, high } if low == high => {
                format!("looks like a limit of {estimate} in flight")
            }
            Finding::Limit { estimate, low, high } => {
                format!("looks like a limit of {estimate} in flight ({low} to {high})")
            }
            Finding::Nothing { why } => format!("cannot tell how many at once: {why}"),
        }
    }
}

/// One burst: what became of the requests that were sent together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Burst {
    /// When each was answered, in seconds since the first was sent, in the order of sending.
    pub answered_s: Vec<f64>,
    /// Latency of the fastest.
    pub fastest_s: f64,
    /// Over how long they were sent.
    pub spread_s: f64,
    /// How many were not answered.
    pub failed: u64,
}

/// What the rounds of a case tell together. `lone_s` is the latency of a second pre-flight answer, `planned_spread_ms`
/// over how long users were to start.
pub fn infer_rounds(rounds: &[&Flights], lone_s: Option<f64>, planned_spread_ms: f64) -> Inference {
    if planned_spread_ms > 0.0 {
        return nothing("users were to start one after the other");
    }
    let bursts: Vec<Burst> = rounds.iter().take(ROUNDS).filter_map(|round| round.burst()).collect();
    infer(&bursts, lone_s)
}

/// What bursts of the same size at the same server tell together.
pub fn infer(bursts: &[Burst], lone_s: Option<f64>) -> Inference {
    let Some(smallest) = bursts.iter().min_by_key(|burst| burst.answered_s.len()) else {
        return Inference::default();
    };
    let fastest = bursts.iter().map(|burst| burst.fastest_s).fold(f64::INFINITY, f64::min);
    let lone = lone_s.map_or(fastest, |lone| lone.min(fastest));
    let effective = effective_concurrency(bursts, lone);
    let told = |finding, evidence| Inference { finding, effective_concurrency: effective, evidence };
    if let Some(why) = unfit(bursts, smallest, fastest, lone_s) {
        return told(Finding::Nothing { why }, String::new());
    }
    let answers: Vec<Answers> = bursts.iter().map(|burst| Answers::of(&burst.answered_s)).collect();
    if answers.iter().all(Answers::none_waited) {
        return told(Finding::AllParallel, all_evidence(&answers[0], lone_s));
    }
    let fit = fit::fit(&answers);
    let finding = decide(&fit, smallest.answered_s.len(), &answers, lone_s);
    let evidence = match finding {
        Finding::Nothing { .. } => String::new(),
        Finding::AllParallel => all_evidence(&answers[0], lone_s),
        _ => evidence(&fit, &answers[0], lone_s),
    };
    told(finding, evidence)
}

fn nothing(why: &str) -> Inference {
    Inference { finding: Finding::Nothing { why: why.to_owned() }, ..Inference::default() }
}

/// Throughput × lone latency, over all bursts.
fn effective_concurrency(bursts: &[Burst], lone: f64) -> Option<f64> {
    let answered: usize = bursts.iter().map(|burst| burst.answered_s.len()).sum();
    let lasted: f64 = bursts.iter().map(|burst| burst.answered_s.iter().copied().fold(0.0, f64::max)).sum();
    (lasted > 0.0 && lone.is_finite()).then(|| answered as f64 / lasted * lone)
}

/// Why these bursts cannot tell anything, if they cannot.
fn unfit(bursts: &[Burst], smallest: &Burst, fastest: f64, lone_s: Option<f64>) -> Option<String> {
    let n = smallest.answered_s.len();
    if n < LEAST {
        return Some(format!("{n} answers are too few"));
    }
    let failed: u64 = bursts.iter().map(|burst| burst.failed).sum();
    let answered: u64 = bursts.iter().map(|burst| burst.answered_s.len() as u64).sum();
    if failed * 20 > answered + failed {
        return Some(format!("{failed} of {} requests were not answered", answered + failed));
    }
    let spread = bursts.iter().map(|burst| burst.spread_s).fold(0.0, f64::max);
    if spread > 0.2 * fastest {
        return Some("the fastest answer came before or soon after the last request was sent".to_owned());
    }
    let lone = lone_s?;
    if fastest > 3.0 * lone {
        return Some(format!(
            "even the fastest of the burst took {:.1} times as long as a request alone",
            fastest / lone
        ));
    }
    None
}

/// What the fit says, if it says one thing and that looks like what was seen.
fn decide(fit: &Fit, n: usize, answers: &[Answers], lone_s: Option<f64>) -> Finding {
    let nothing = |why: &str| Finding::Nothing { why: why.to_owned() };
    // Not against the fastest: of fifty that is naturally far below the middle.
    if lone_s.is_some_and(|lone| lone > 3.0 * fit.mean) {
        return nothing("a request alone took more than three times as long as those of the burst");
    }
    if fit.sigma >= SIGMAS[SIGMAS.len() - 1] {
        return nothing("answers differ too much in how long they take");
    }
    let plays = if n > 1000 { 100 } else { 400 };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let looks_like = |answers: &Answers| {
        let claim = (fit.places.min(answers.n()), fit.sigma, answers.mean_service(fit.places));
        queue::plausibility(&answers.times, claim, plays, &mut rng) >= 0.01
    };
    if !answers.iter().all(looks_like) {
        return nothing("the answers do not come as from a queue with a fixed number of places");
    }
    let chance = |wanted: usize| fit.chances.iter().find(|(places, _)| *places == wanted).map_or(0.0, |found| found.1);
    if chance(n) > 0.5 {
        return Finding::AllParallel;
    }
    if chance(1) > 0.5 {
        return Finding::OneAtATime;
    }
    let (low, high) = (bound(fit, 0.025), bound(fit, 0.975));
    // Where late answers are not those of late requests, few of them may just have taken longer.
    if n < 3 * fit.places && answers.iter().any(|answers| answers.lateness(fit.places) < 2.6) {
        return match low * 10 >= n * 7 && chance(n) > 0.05 {
            true => Finding::AllParallel,
            false => nothing("nothing tells whether the later answers waited or just took longer"),
        };
    }
    if low == 1 || high >= n || high > 2 * low {
        return Finding::Nothing { why: format!("anything from {low} to {high} at once fits") };
    }
    Finding::Limit { estimate: fit.places, low, high }
}

/// The number of places up to which the chances add up to `share`.
fn bound(fit: &Fit, share: f64) -> usize {
    let mut sum = 0.0;
    let reached = fit.chances.iter().find(|(_, chance)| {
        sum += chance;
        sum >= share
    });
    reached.or(fit.chances.last()).map_or(1, |(places, _)| *places)
}

/// The earliest and the latest, and how much longer than alone.
fn all_evidence(answers: &Answers, lone_s: Option<f64>) -> String {
    let n = answers.n();
    let (first, last) = (seconds(answers.times[0]), seconds(answers.times[n - 1]));
    format!("all {n} were answered between {first} and {last}{}", slower(answers.mean_service(n), lone_s))
}

/// Steps where service times are even, a steady pace where they are not.
fn evidence(fit: &Fit, answers: &Answers, lone_s: Option<f64>) -> String {
    let n = answers.n();
    let (first, last) = (seconds(answers.times[0]), seconds(answers.times[n - 1]));
    let each = format!("each took about {} once begun{}", seconds(fit.mean), slower(fit.mean, lone_s));
    if fit.sigma <= 0.1 && fit.places > 1 {
        let steps = n.div_ceil(fit.places);
        return format!("answers came in {steps} steps of {}, {} apart; {each}", fit.places, seconds(fit.mean));
    }
    let pace = seconds(fit.mean / fit.places as f64);
    format!("from {first} on one answer came every {pace}, until {last}; {each}")
}

fn slower(mean: f64, lone_s: Option<f64>) -> String {
    match lone_s {
        Some(lone) if mean > 1.5 * lone => format!(", {:.1} times as long as alone", mean / lone),
        _ => String::new(),
    }
}

fn seconds(value: f64) -> String {
    if value < 1.0 { format!("{:.0} ms", value * 1000.0) } else { format!("{value:.2} s") }
}
