//! Requests for tests: a burst as a good machine would record it, to be spoilt by whoever needs it spoilt.

use std::time::Duration;

use super::goodput::Limits;
use super::subject::Subject;
use super::summary::Summary;
use super::tally::Tally;
use crate::facts::{ClientFacts, Lag, Limit, Moves, ReadLag};
use crate::sample::{Arrival, Outcome, Phase, Sample, TokenSource, Tokens};
use crate::scenario::plan::CaseKey;

pub(crate) fn ms(value: f64) -> Duration {
    Duration::from_nanos((value * 1e6).round() as u64)
}

/// A streamed answer of 100 tokens: sent after `sent` ms, first token 200 ms later, complete after `latency` ms.
pub(crate) fn answer(user: u32, sent: f64, latency: f64) -> Sample {
    let arrival =
        Arrival { request: u64::from(user), user, turn: 1, due: Duration::ZERO, prompt: 0, serial: u64::from(user) };
    let mut sample = Sample::unsent(arrival, Phase::Load, 1, Outcome::Ok, ms(sent + latency + 1.0));
    sample.status = Some(200);
    sample.streamed = true;
    sample.at.issued = Some(Duration::ZERO);
    sample.at.sent = Some(ms(sent));
    sample.at.first_token = Some(ms(sent + 200.0));
    sample.at.first_visible = Some(ms(sent + 200.0));
    sample.at.last_token = Some(ms(sent + latency));
    sample.at.finish = Some(ms(sent + latency));
    sample.events = 102;
    sample.reads = 100;
    sample.token_reads = 100;
    sample.max_gap = Some(ms(12.0));
    sample.gaps_us = vec![10_000; 99];
    sample.tokens = Tokens { input: Some(20), output: Some(100), source: TokenSource::Usage, ..Tokens::default() };
    sample.finish_reason = Some("stop".into());
    sample.served_model = Some("model-a".into());
    sample.connect.total = Some(ms(2.0));
    sample.connect.syn_retransmits = Some(0);
    sample.answer_chars = Some(400);
    sample.answer_hash = Some(u64::from(user));
    sample
}

/// A request that ended after `end` ms without an answer.
pub(crate) fn failure(user: u32, outcome: Outcome, end: f64) -> Sample {
    let mut sample = answer(user, 0.1, 0.0);
    sample = Sample { at: sample.at, ..Sample::unsent(sample.arrival, Phase::Load, 1, outcome, ms(end)) };
    sample.at.first_token = None;
    sample.at.first_visible = None;
    sample.at.end = ms(end);
    sample
}

/// Fifty users, sent within 5 ms, answered after 1.2 s and a little more each.
pub(crate) fn burst() -> Vec<Sample> {
    (1..=50).map(|user| answer(user, f64::from(user) * 0.1, 1200.0 + f64::from(user))).collect()
}

pub(crate) fn tally(samples: &[Sample]) -> Tally {
    let mut tally = Tally::new(Limits::default());
    samples.iter().for_each(|sample| tally.add(sample));
    tally
}

pub(crate) fn subject() -> Subject {
    let key = CaseKey { target: "t".into(), model: "m".into(), prompts: "all".into(), load: "50".into() };
    Subject {
        key,
        users: 50,
        round: None,
        requests_per_round: Some(50),
        closed: false,
        cold: false,
        stream: true,
        spread_ms: 0.0,
        length_asked: false,
        lone_s: Some(1.2),
    }
}

pub(crate) fn summary(samples: &[Sample]) -> Summary {
    Summary::of(subject(), &tally(samples))
}

/// What a good machine records of itself during that burst.
pub(crate) fn facts() -> ClientFacts {
    let lag = |p99_ms: f64| Lag { n: 1000, p50_ms: p99_ms / 4.0, p90_ms: p99_ms / 2.0, p99_ms, max_ms: p99_ms * 2.0 };
    ClientFacts {
        planned: 50,
        issued: 50,
        rows: 50,
        read_lag: Some(ReadLag { uncorrected: lag(0.4), left: lag(0.01), without_kernel_time: 0 }),
        control_stream: Some(lag(0.5)),
        runtime_lag: Some(lag(1.0)),
        moves: Moves { ttft_ms: Some(0.1), ttfo_ms: Some(0.1), gap_ms: Some(0.1), ..Moves::default() },
        cpu_share_max: Some(0.3),
        usable_cpus: Some(2.0),
        throttled_periods: Some(0),
        steal_share_max: Some(0.01),
        major_faults: Some(0),
        clock_set_ms: Some(0.0),
        descriptors: Some(Limit { needed: 80, available: 1024 }),
        ports: Some(Limit { needed: 50, available: 28_000 }),
        memory: Some(Limit { needed: 10_000_000, available: 1_000_000_000 }),
        oldest_connection_ms: Some(300.0),
        preflight_model: Some("model-a".into()),
        ..ClientFacts::default()
    }
}
