//! The numbers of one finished case, or of one of its rounds: plain data, ready to be printed, saved and judged.
//!
//! Pure: the same requests give the same summary, whether they were just measured or read from disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::binomial::{Share, share};
use super::burst::{self, Inference};
use super::distribution::Distribution;
use super::failures::FailureGroup;
use super::flights::Flights;
use super::tally::{Tally, TokenValues};
use crate::sample::{Outcome, TokenSource};
use crate::scenario::plan::{Case, CaseKey, Connections, Load};

/// What a case's requests do not tell of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Which case.
    pub key: CaseKey,
    /// How many users.
    pub users: u32,
    /// The round, or `None` where a case's rounds are pooled.
    pub round: Option<u32>,
    /// Requests planned in one round.
    pub requests_per_round: u64,
    /// Whether connecting is part of what is measured.
    pub cold: bool,
    /// Whether answers are streamed.
    pub stream: bool,
    /// Over how long users start, in milliseconds; 0 is at once.
    pub spread_ms: f64,
    /// Whether the scenario bounds the length of answers (`max_tokens` or `max_completion_tokens`).
    pub length_asked: bool,
    /// Latency of a second pre-flight answer, in seconds: how long one request takes alone.
    pub lone_s: Option<f64>,
}

impl Subject {
    /// Of a case, its rounds pooled.
    pub fn of(case: &Case) -> Subject {
        let Load::Burst { spread, .. } = case.load;
        let asked = |key: &str| case.request.extra.contains_key(key);
        Subject {
            key: case.key.clone(),
            users: case.load.users(),
            round: None,
            requests_per_round: case.load.requests(),
            cold: case.target.connections == Connections::Cold,
            stream: case.request.stream,
            spread_ms: spread.as_secs_f64() * 1000.0,
            length_asked: asked("max_tokens") || asked("max_completion_tokens"),
            lone_s: None,
        }
    }

    /// The same of one round.
    pub fn of_round(&self, round: u32) -> Subject {
        Subject { round: Some(round), ..self.clone() }
    }
}

/// The numbers of one case or round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// What its requests do not tell.
    #[serde(flatten)]
    pub subject: Subject,
    /// Rounds that it holds.
    pub rounds: u32,
    /// Requests attempted.
    pub requests: u64,
    /// Answered.
    pub ok: u64,
    /// Not answered, for whatever reason.
    pub failures: u64,
    /// How many of each outcome, those that occurred.
    pub outcomes: OutcomeCounts,
    /// Answered ÷ attempted, with its Clopper-Pearson interval at 95 %.
    pub success_rate: Option<Share>,
    /// The distribution to read first: `latency_from_due` where connecting is part of what is measured, else `latency`.
    pub headline: String,
    /// Answer complete − sent.
    pub latency: Distribution,
    /// Answer complete − due: what a user waited.
    pub latency_from_due: Distribution,
    /// First token − sent.
    pub ttft: Distribution,
    /// First visible output − sent.
    pub ttfo: Distribution,
    /// Time per output token.
    pub tpot: Distribution,
    /// Gaps between token-bearing reads, pooled over all requests: `n` counts gaps, not requests.
    pub gap: Distribution,
    /// The largest gap of each request: what a person sees as frozen.
    pub max_gap: Distribution,
    /// Sent − due, less connecting: our own lateness.
    pub send_lag: Distribution,
    /// Connecting: in the answer's way when cold, before the barrier when warm.
    pub connect: Distribution,
    /// Requests whose connection needed a second SYN.
    pub syn_retransmitted: u64,
    /// Last end − barrier; of several rounds the longest.
    pub makespan_s: Option<f64>,
    /// Answered requests ÷ makespan, over all rounds.
    pub requests_per_s: Option<f64>,
    /// Output tokens of answered requests ÷ (last end − first sent), over all rounds; from `usage` only.
    pub output_tokens_per_s: Option<f64>,
    /// Token counts of answered requests.
    pub tokens: TokenCounts,
    /// The most requests in the air at once; of several rounds the least, as every round was to reach it.
    pub in_air_max: u64,
    /// Requests still in the air when the last one left; of several rounds the least.
    pub in_air_at_last: Option<u64>,
    /// Of the requests that had landed before the last one left, those with an answer; of several rounds the most.
    pub answered_before_last: u64,
    /// Last sent − first sent; of several rounds the longest.
    pub send_spread_ms: Option<f64>,
    /// What the burst tells about the server.
    pub inference: Inference,
    /// Requests that are ok and meet every per-request limit ÷ attempted; `None` where the scenario has no such limit.
    pub goodput: Option<f64>,
    /// How many answers each model gave.
    pub served_models: BTreeMap<String, u64>,
    /// Answers that name no model.
    pub unnamed_answers: u64,
    /// How many answers each fingerprint came with.
    pub fingerprints: BTreeMap<String, u64>,
    /// Answers of some length that equal an earlier one.
    pub repeated_answers: u64,
    /// Answers cut at the length limit.
    pub length_limited: u64,
    /// Streams of more than twenty events.
    pub judged_streams: u64,
    /// Of these, those that came as good as at once.
    pub buffered_streams: u64,
    /// Failures by cause, the largest group first.
    pub failure_groups: Vec<FailureGroup>,
}

/// Requests by outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutcomeCounts(pub BTreeMap<String, u64>);

impl OutcomeCounts {
    /// How many ended so.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0.get(outcome.name()).copied().unwrap_or(0)
    }
}

/// Token counts of answered requests.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TokenCounts {
    /// `usage`, `estimate` or `none`; the two are never mixed.
    pub source: String,
    /// Prompt tokens; `None` where no answer tells.
    pub input: Option<u64>,
    /// Answer tokens.
    pub output: Option<u64>,
    /// Answered requests without a count of output tokens.
    pub missing: u64,
    /// Prompt tokens that the server took from its cache.
    pub cached: u64,
    /// Least, middle and most output tokens of an answer.
    pub output_spread: Option<[u64; 3]>,
}

impl Summary {
    /// The numbers of a case or round.
    pub fn of(subject: Subject, tally: &Tally) -> Summary {
        let (ok, failed) = (tally.ok(), tally.failed());
        let timed = |values| Distribution::of(values, failed, ok - values.n().min(ok));
        // A failed request of a streamed case has no first token: it ranks as +∞ there too.
        let stream = subject.stream || tally.streamed;
        let streamed = |values| if stream { timed(values) } else { Distribution::default() };
        let own = |values| Distribution::of(values, 0, 0);
        let flights: Vec<&Flights> = tally.rounds.values().collect();
        let timing = Timing::of(&flights);
        let inference = burst::infer_rounds(&flights, subject.lone_s, subject.spread_ms);
        Summary {
            rounds: u32::try_from(flights.len()).unwrap_or(u32::MAX),
            requests: tally.requests(),
            ok,
            failures: failed,
            outcomes: outcomes(tally),
            success_rate: share(ok, tally.requests()),
            headline: if subject.cold { "latency_from_due" } else { "latency" }.to_owned(),
            latency: timed(&tally.latency),
            latency_from_due: timed(&tally.latency_from_due),
            ttft: streamed(&tally.ttft),
            ttfo: streamed(&tally.ttfo),
            tpot: streamed(&tally.tpot),
            gap: own(&tally.gaps.to_values()),
            max_gap: own(&tally.max_gap),
            send_lag: own(&tally.send_lag),
            connect: own(&tally.connect),
            syn_retransmitted: tally.syn_retransmitted,
            makespan_s: timing.makespan_s,
            requests_per_s: timing.requests_per_s,
            output_tokens_per_s: timing.output_tokens_per_s.filter(|_| tally.usage.output.n() > 0),
            tokens: tokens(tally),
            in_air_max: flights.iter().map(|round| round.most()).min().unwrap_or(0),
            in_air_at_last: flights.iter().map(|round| round.at_last_departure()).min().flatten(),
            answered_before_last: flights.iter().map(|round| round.answered_before_last_departure()).max().unwrap_or(0),
            send_spread_ms: timing.send_spread_ms,
            inference,
            goodput: (tally.limits.any() && tally.requests() > 0)
                .then(|| tally.within_limits as f64 / tally.requests() as f64),
            served_models: tally.models.counts.clone(),
            unnamed_answers: tally.models.missing,
            fingerprints: tally.fingerprints.counts.clone(),
            repeated_answers: tally.answers.repeated(),
            length_limited: tally.length_limited,
            judged_streams: tally.judged_streams,
            buffered_streams: tally.buffered_streams,
            failure_groups: tally.failures.groups(),
            subject,
        }
    }

    /// Effective concurrency: throughput × lone latency.
    pub fn effective_concurrency(&self) -> Option<f64> {
        self.inference.effective_concurrency
    }

    /// The distribution that the headline names.
    pub fn headline(&self) -> &Distribution {
        if self.subject.cold { &self.latency_from_due } else { &self.latency }
    }
}

/// Rates and spans over rounds.
struct Timing {
    makespan_s: Option<f64>,
    requests_per_s: Option<f64>,
    output_tokens_per_s: Option<f64>,
    send_spread_ms: Option<f64>,
}

impl Timing {
    fn of(rounds: &[&Flights]) -> Timing {
        let per_second = |count: u64, us: u64| (us > 0).then(|| count as f64 * 1e6 / us as f64);
        let ok = rounds.iter().map(|round| round.ok).sum();
        let tokens = rounds.iter().map(|round| round.tokens_out).sum();
        let ends = rounds.iter().map(|round| round.last_end_us).sum();
        let spans = rounds.iter().filter_map(|round| round.span_us()).sum();
        Timing {
            makespan_s: rounds.iter().map(|round| round.last_end_us).max().map(|us| us as f64 / 1e6),
            requests_per_s: per_second(ok, ends),
            output_tokens_per_s: per_second(tokens, spans),
            send_spread_ms: rounds.iter().filter_map(|round| round.spread_us()).max().map(|us| us as f64 / 1000.0),
        }
    }
}

fn outcomes(tally: &Tally) -> OutcomeCounts {
    let counts = Outcome::ALL.into_iter().map(|outcome| (outcome.name().to_owned(), tally.count(outcome)));
    OutcomeCounts(counts.filter(|(_, count)| *count > 0).collect())
}

fn tokens(tally: &Tally) -> TokenCounts {
    let has_any = |counts: &TokenValues| counts.input.n() + counts.output.n() > 0;
    let (counts, source) = match (has_any(&tally.usage), has_any(&tally.estimate)) {
        (true, _) => (&tally.usage, TokenSource::Usage),
        (false, true) => (&tally.estimate, TokenSource::Estimate),
        (false, false) => (&tally.usage, TokenSource::None),
    };
    let sum = |n: u64, sum: u128| (n > 0).then(|| u64::try_from(sum).unwrap_or(u64::MAX));
    let output = &counts.output;
    let middle = output.n().checked_sub(1).and_then(|last| output.ranked().at(last / 2));
    TokenCounts {
        source: source.name().to_owned(),
        input: sum(counts.input.n(), counts.input.sum()),
        output: sum(output.n(), output.sum()),
        missing: tally.ok() - output.n().min(tally.ok()),
        cached: tally.cached_tokens,
        output_spread: Some([output.min(), middle, output.max()])
            .and_then(|[min, middle, max]| Some([min?, middle?, max?])),
    }
}
