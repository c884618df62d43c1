//! A small run for the tests of this room and of `report`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::facts::{ClientFacts, Lag, ReadLag};
use crate::results::manifest::{Clock, Host, Manifest};
use crate::results::{Run, RunWriter};
use crate::sample::{Arrival, ConnectTimes, Instants, Outcome, Phase, Sample, TokenSource, Tokens};
use crate::scenario::example::case;
use crate::scenario::plan::{Case, CaseKey, Comparison, Gate, Load, Plan, Preflight, RequestSpec, Secrets};

/// The secret of the plan: it must be found nowhere.
pub(crate) const TRIPWIRE: &str = "tr1pwire-0123456789";

/// When the run began.
pub(crate) fn began() -> Timestamp {
    "2026-11-23T23:31:04Z".parse().unwrap()
}

/// Bursts of 10 and 30 users in two rounds, streamed.
pub(crate) fn plan() -> Plan {
    let cases: Vec<Arc<Case>> = [10, 30].map(|users| Arc::new(streamed(users))).into();
    let gate =
        |metric: &str, op, threshold, text: &str| Gate { metric: metric.into(), op, threshold, text: text.into() };
    Plan {
        name: "poem".into(),
        description: Some("Long answers.".into()),
        notes: None,
        tags: vec!["nightly".into()],
        seed: 42,
        targets: vec![Arc::clone(&cases[0].target)],
        cases,
        repeat: 2,
        pause: Duration::ZERO,
        preflight: Preflight { requests: 1, models: true },
        warmup: 0,
        gates: vec![
            gate("success_rate", Comparison::AtLeast, 0.9, ">= 90%"),
            gate("latency_p90", Comparison::Less, 8000.0, "< 8s"),
        ],
        vs_baseline: vec![],
        allow_invalid: false,
        toml: format!("# poem\nusers = [10, 30]\n[targets.local]\napi_key = \"{TRIPWIRE}\"\n"),
        scenario_hash: "ab".repeat(32),
        prompts_hash: "cd".repeat(32),
        source: None,
        secrets: Secrets(vec![SecretString::from(TRIPWIRE)]),
    }
}

fn streamed(users: u32) -> Case {
    let plain = case(2);
    Case {
        key: CaseKey { load: users.to_string(), ..plain.key },
        load: Load::Burst { users, spread: Duration::ZERO },
        request: Arc::new(RequestSpec { stream: true, ..(*plain.request).clone() }),
        ..plain
    }
}

/// What the plan says before anything is sent.
pub(crate) fn manifest(plan: &Plan) -> Manifest {
    let command = vec!["lamb-load".into(), "run".into(), "poem.toml".into(), format!("--set={TRIPWIRE}")];
    Manifest::of(plan, command, Host::default(), Clock::default(), began())
}

/// What became of a user's request: user 1 times out, user 2 is told off, the rest is answered, each a little later.
pub(crate) fn sample(user: u32, round: u32) -> Sample {
    let us = |us: u64| Some(Duration::from_micros(us));
    let sent = 1000 + u64::from(user) * 7;
    let slow = sent + 1_000_000 + u64::from(user * 31 + round * 17) * 1000;
    let arrival =
        Arrival { request: u64::from(user), user, turn: 1, due: Duration::ZERO, prompt: user as usize % 2, serial: 1 };
    let unsent = Sample::unsent(arrival, Phase::Load, round, Outcome::Ok, Duration::from_micros(slow + 250));
    match user {
        1 => Sample {
            at: Instants { sent: us(sent), end: Duration::from_secs(180), ..Instants::default() },
            error: Some("no complete answer within 180 s".into()),
            outcome: Outcome::TimeoutTotal,
            ..unsent
        },
        2 => Sample {
            at: Instants { sent: us(sent), headers: us(sent + 300), ..unsent.at },
            error: Some(format!("=bad\u{1b}[2J `key` {TRIPWIRE}, @you\r\nand more").into()),
            outcome: Outcome::HttpError,
            status: Some(500),
            ..unsent
        },
        _ => Sample {
            at: Instants {
                sent: us(sent),
                headers: us(sent + 500),
                first_event: us(sent + 600),
                first_token: us(sent + 200_000),
                first_visible: us(sent + 200_000),
                last_token: us(slow),
                finish: us(slow + 3),
                ..unsent.at
            },
            status: Some(200),
            streamed: true,
            gaps_us: (0..10).map(|gap| 10_000 + gap * user).collect(),
            connect: ConnectTimes { tcp: us(400), total: us(450 + u64::from(user)), ..ConnectTimes::default() },
            max_gap: us(10_000 + 9 * u64::from(user)),
            events: 12,
            reads: 11,
            token_reads: 10,
            tokens: Tokens { input: Some(20), output: Some(10), source: TokenSource::Usage, ..Tokens::default() },
            finish_reason: Some("stop".into()),
            served_model: Some("gpt-4o-mini".into()),
            bytes_in: 2048,
            answer_chars: Some(42),
            answer_hash: Some(u64::from(user) << 8 | u64::from(round)),
            remote: Some("127.0.0.1:9".parse().unwrap()),
            ..unsent
        },
    }
}

/// What the client saw of itself in a round of so many requests: nothing that would make anyone doubt.
pub(crate) fn client_facts(requests: u32) -> ClientFacts {
    let requests = u64::from(requests);
    let left = Lag { n: requests * 11, p50_ms: 0.005, p90_ms: 0.01, p99_ms: 0.02, max_ms: 0.1 };
    let uncorrected = Lag { p50_ms: 0.1, p90_ms: 0.2, p99_ms: 0.4, max_ms: 2.0, ..left };
    ClientFacts {
        planned: requests,
        issued: requests,
        rows: requests,
        read_lag: Some(ReadLag { uncorrected, left, without_kernel_time: 0 }),
        runtime_lag: Some(Lag { n: 2000, ..left }),
        cpu_share_max: Some(0.1),
        usable_cpus: Some(2.0),
        oldest_connection_ms: Some(350.0),
        ..ClientFacts::default()
    }
}

/// A pre-flight request that was answered.
pub(crate) fn preflight() -> Sample {
    let answered = sample(3, 0);
    let arrival = Arrival { request: 0, user: 0, serial: 0, ..answered.arrival };
    Sample { arrival, phase: Phase::Preflight, ..answered }
}

/// A pre-flight, and both cases in two rounds with a warm-up.
pub(crate) fn measure(writer: &RunWriter) {
    writer.row(&writer.preflight("local", "m", began()), preflight().into());
    for (case, users) in [(0, 10), (1, 30)] {
        writer.row(&writer.warmup(case, began()), Sample { phase: Phase::Warmup, ..sample(5, 0) }.into());
        for round in [1, 2] {
            let origin = writer.round(case, round, began());
            for user in (1..=users).rev() {
                writer.row(&origin, sample(user, round).into());
            }
            writer.client_facts(case, round, client_facts(users));
        }
    }
}

/// The run that this makes.
pub(crate) fn run() -> Run {
    let plan = plan();
    let manifest = Manifest { tool: None, ..manifest(&plan) };
    let writer = RunWriter::in_memory(&plan, manifest);
    writer.update(|manifest| manifest.run_id = "20261123T233104Z-3f2a".into());
    measure(&writer);
    writer.finish(began() + Duration::from_secs(400), |_| Vec::new(), |_, _| 0).run
}
