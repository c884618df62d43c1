//! The numbers of one finished case, or of one of its rounds: plain data, ready to be printed, saved and judged.
//!
//! Pure: the same requests give the same summary, whether they were just measured or read from disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::binomial::{Share, share};
use super::burst::{self, Inference};
use super::course::Course;
use super::distribution::Distribution;
use super::failures::FailureGroup;
use super::flights::Flights;
use super::subject::Subject;
use super::tally::{Tally, TokenValues};
use crate::sample::{Outcome, TokenSource};

/// The numbers of one case or round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// Requests that connected about as long as the kernel waits before it sends a SYN again.
    pub connected_at_retry: u64,
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
    /// How many were in the air together, in the round with the fewest.
    pub simultaneity: Simultaneity,
    /// How a loop went, in the worse of its rounds; `None` of a burst.
    #[serde(default)]
    pub course: Option<Course>,
    /// Last sent − first sent; of several rounds the longest. Of a loop nothing.
    pub send_spread_ms: Option<f64>,
    /// What the burst tells about the server; of a single round nothing.
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

/// How many requests of a round were in the air together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Simultaneity {
    /// Requests of the round.
    pub requests: u64,
    /// Of these, sent.
    pub sent: u64,
    /// The most in the air at once; a lower bound beyond 100,000 requests.
    pub most: u64,
    /// Still in the air when the last one left; `None` beyond 100,000 requests.
    pub at_last: Option<u64>,
    /// Answered by then.
    pub answered_before_last: u64,
}

impl Simultaneity {
    fn of(round: &Flights) -> Simultaneity {
        Simultaneity {
            requests: round.requests,
            sent: round.sent,
            most: round.most(),
            at_last: round.at_last_departure(),
            answered_before_last: round.answered_before_last_departure(),
        }
    }
}

/// Requests by outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct OutcomeCounts(pub BTreeMap<String, u64>);

impl OutcomeCounts {
    /// How many ended so.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0.get(outcome.name()).copied().unwrap_or(0)
    }
}

/// Token counts of answered requests.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
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
        let simultaneity = flights.iter().map(|round| Simultaneity::of(round)).min_by_key(|round| round.most);
        let simultaneity = simultaneity.unwrap_or_default();
        let inference = inference(&subject, &flights);
        let courses = flights.iter().filter(|_| subject.closed).filter_map(|round| round.course(subject.users));
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
            connected_at_retry: tally.connected_at_retry,
            makespan_s: timing.makespan_s,
            requests_per_s: timing.requests_per_s,
            output_tokens_per_s: timing.output_tokens_per_s.filter(|_| tally.usage.output.n() > 0),
            tokens: tokens(tally),
            in_air_max: simultaneity.most,
            simultaneity,
            course: courses.reduce(Course::worse),
            send_spread_ms: timing.send_spread_ms.filter(|_| !subject.closed),
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

    /// The numbers of a case: of `pooled`, the sum of rounds that have these numbers. A single round's are the case's own but
    /// for what it tells of the server: all its values would only be ranked again.
    pub fn of_rounds(subject: Subject, pooled: &Tally, rounds: &[Summary]) -> Summary {
        match rounds {
            [only] => {
                let flights: Vec<&Flights> = pooled.rounds.values().collect();
                Summary { inference: inference(&subject, &flights), subject, ..only.clone() }
            }
            _ => Summary::of(subject, pooled),
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

/// One answer a case: its rounds met the same server, and a single round tells less.
fn inference(subject: &Subject, flights: &[&Flights]) -> Inference {
    match subject.round {
        None if !subject.closed => burst::infer_rounds(flights, subject.lone_s, subject.spread_ms),
        _ => Inference::default(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::TokenSource;
    use crate::scenario::plan::{Comparison, DISTRIBUTIONS, Gate, SCALARS, STATISTICS, metric_unit};
    use crate::stats::goodput::Limits;
    use crate::stats::quantile::{Interval, Measured, Quantile};
    use crate::stats::testing::{answer, burst, failure, subject, summary, tally};

    #[test]
    fn a_burst_is_summarised() {
        let mut samples = burst();
        samples[49] = failure(50, Outcome::TimeoutTotal, 180_000.0);
        samples[0].tokens.output = None;
        let got = summary(&samples);
        assert_eq!((got.requests, got.ok, got.failures, got.rounds), (50, 49, 1, 1));
        assert_eq!(got.outcomes.0, BTreeMap::from([("ok".into(), 49), ("timeout_total".into(), 1)]));
        let interval = Some(Interval { low: 1241.0, high: None });
        assert_eq!(got.latency.ranked.p90, Quantile::Value { value: 1246.0, interval });
        assert_eq!((got.latency.min, got.latency.mean, got.latency.missing), (Some(1201.0), Some(1225.0), 0));
        assert_eq!(got.latency.ranked.p99, Quantile::NeedsSamples { needs: 300, value: None });
        assert_eq!((got.ttft.n, got.ttft.answered, got.tpot.missing), (50, 49, 1));
        assert_eq!((got.gap.n, got.gap.min, got.gap.approximate), (49 * 99, Some(10.004), true));
        assert_eq!((got.makespan_s, got.send_spread_ms, got.in_air_max), (Some(180.0), Some(4.8), 50));
        assert_eq!(got.requests_per_s, Some(49.0 / 180.0));
        assert_eq!((got.tokens.input, got.tokens.output, got.tokens.missing), (Some(49 * 20), Some(48 * 100), 1));
        assert_eq!((got.tokens.source.as_str(), got.tokens.output_spread), ("usage", Some([100, 100, 100])));
        assert_eq!(got.served_models, BTreeMap::from([("model-a".into(), 49)]));
        assert_eq!((got.failure_groups.len(), got.goodput, got.headline.as_str()), (1, None, "latency"));
    }

    #[test]
    fn a_case_of_one_round_has_that_rounds_numbers_and_an_answer_about_the_server() {
        let tally = tally(&burst());
        for subject in [subject(), Subject { closed: true, ..subject() }, Subject { cold: true, ..subject() }] {
            let rounds = [Summary::of(subject.of_round(1), &tally)];
            let case = Summary::of_rounds(subject.clone(), &tally, &rounds);
            assert_eq!(case, Summary::of(subject.clone(), &tally));
            assert_eq!(case.inference == rounds[0].inference, subject.closed);
        }
    }

    #[test]
    fn a_summary_survives_json() {
        let mut samples = burst();
        samples[3] = failure(4, Outcome::HttpError, 30.0);
        let got = summary(&samples);
        let text = serde_json::to_string(&got).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), got);
    }

    #[test]
    fn every_metric_that_a_gate_may_name_is_known() {
        let gates =
            [Gate { metric: "latency_p90".into(), op: Comparison::Less, threshold: 1230.0, text: String::new() }];
        let mut tally = Tally::new(Limits::of(&gates));
        burst().iter().for_each(|sample| tally.add(sample));
        let got = Summary::of(subject(), &tally);
        assert_eq!(got.goodput, Some(29.0 / 50.0));
        let mut names: Vec<String> = SCALARS.iter().map(|(name, _)| (*name).to_owned()).collect();
        for name in DISTRIBUTIONS {
            for statistic in STATISTICS {
                names.extend([format!("{name}_{statistic}"), format!("{name}_{statistic}_answered")]);
            }
        }
        for name in names {
            assert!(metric_unit(&name).is_some() && got.metric(&name).is_some(), "{name}");
        }
        assert_eq!(got.metric("timeout_total").map(|metric| metric.value), Some(Measured::Value(0.0)));
        let unknown = ["latency_p42", "p90", "latency", "timeout"].map(|name| got.metric(name));
        assert_eq!(unknown, [None, None, None, None]);
    }

    #[test]
    fn without_streaming_there_is_no_ttft_and_never_latency_in_its_place() {
        let mut samples = burst();
        for sample in &mut samples {
            sample.streamed = false;
            sample.at.last_byte = sample.at.last_token;
            sample.gaps_us.clear();
            sample.max_gap = None;
        }
        let plain = Subject { stream: false, ..subject() };
        let got = Summary::of(plain, &tally(&samples));
        assert_eq!((&got.ttft, got.tpot.n, got.gap.n), (&Distribution::default(), 0, 0));
        assert_eq!(got.metric("ttft_p90"), None);
        assert_eq!(got.latency.mean, Some(1225.5));
    }

    #[test]
    fn when_all_failed_times_are_not_reached_and_rates_are_zero() {
        let samples: Vec<_> = (1..=30).map(|user| failure(user, Outcome::HttpError, 20.0)).collect();
        let got = summary(&samples);
        assert_eq!((got.latency.ranked.p90, got.ttft.ranked.p90), (Quantile::NotReached, Quantile::NotReached));
        assert_eq!((got.requests_per_s, got.output_tokens_per_s, got.tokens.output), (Some(0.0), None, None));
        assert_eq!(got.success_rate.unwrap().rate, 0.0);
    }

    #[test]
    fn an_estimate_is_labelled_and_never_mixed_with_usage() {
        let mut samples = burst();
        samples[1..].iter_mut().for_each(|sample| sample.tokens.source = TokenSource::Estimate);
        let mixed = summary(&samples).tokens;
        assert_eq!((mixed.source.as_str(), mixed.output, mixed.missing), ("usage", Some(100), 49));
        let estimates = summary(&samples[1..]).tokens;
        assert_eq!((estimates.source.as_str(), estimates.output), ("estimate", Some(4900)));
    }

    #[test]
    fn rounds_are_pooled_and_the_worst_round_speaks_for_spans() {
        let mut samples = burst();
        let second: Vec<_> = (1..=50)
            .map(|user| crate::sample::Sample { round: 2, ..answer(user, f64::from(user) * 0.2, 2400.0) })
            .collect();
        samples.extend(second);
        let got = summary(&samples);
        assert_eq!((got.rounds, got.requests, got.latency.n), (2, 100, 100));
        assert_eq!((got.makespan_s, got.send_spread_ms, got.in_air_max), (Some(2.411), Some(9.8), 50));
        assert_eq!(got.requests_per_s, Some(100.0 * 1e6 / 3_667_000.0));
    }
}
