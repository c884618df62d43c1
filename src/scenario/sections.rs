//! The tables that every case shares: timeouts, request, answer, warm-up, pre-flight, load, expect.
//!
//! Each is given its defaults here, in the one place that has any, and is held to what makes sense.

use std::sync::Arc;
use std::time::Duration;

use regex::{Regex, RegexBuilder};

use super::desk::Desk;
use super::expect::{Expect, Validity, default_gate};
use super::file::{self, ScenarioFile};
use super::load_tables::{self, Shape};
use super::plan::{AnswerSpec, CacheBust, Gate, Preflight, RelativeGate, RequestSpec, Timeouts};
use super::resolve::{Typed, count};
use super::tree::{Node, Value};
use super::units::{Count, Time};

/// The sections, as meant.
pub(super) struct Sections {
    pub(super) timeouts: Timeouts,
    pub(super) request: Arc<RequestSpec>,
    pub(super) answer: Arc<AnswerSpec>,
    pub(super) warmup: u32,
    pub(super) preflight: Preflight,
    pub(super) shape: Shape,
    pub(super) gates: Vec<Gate>,
    pub(super) vs_baseline: Vec<RelativeGate>,
    pub(super) allow_invalid: bool,
}

/// Resolves every section, and writes each down as meant.
pub(super) fn resolve(desk: &mut Desk<'_>, typed: &Typed, kept: &mut ScenarioFile) -> Sections {
    let request = request(desk, typed, kept);
    let timeouts = timeouts(desk, typed, &request, kept);
    let Expect { gates, vs_baseline, validity } = expect(desk, typed, &request);
    let allow_invalid = validity == Some(Validity::Any);
    kept.expect = Some(Expect { validity, gates: gates.clone(), vs_baseline: vs_baseline.clone() });
    let preflight = typed.file.preflight.clone().unwrap_or_default();
    let preflight = Preflight { requests: count(preflight.requests, 1), models: preflight.models.unwrap_or(true) };
    let warmup = count(typed.file.warmup.clone().unwrap_or_default().requests, 0);
    let shape = load_tables::resolve(desk, typed, kept);
    kept.preflight =
        Some(file::Preflight { requests: Some(Count(u64::from(preflight.requests))), models: Some(preflight.models) });
    kept.warmup = Some(file::Warmup { requests: Some(Count(u64::from(warmup))) });
    kept.repeat = Some(typed.file.repeat.unwrap_or(Count(1)));
    kept.pause = Some(typed.file.pause.unwrap_or(Time(Duration::ZERO)));
    kept.order = Some(typed.file.order.unwrap_or(file::PromptOrder::Sequential));
    Sections {
        timeouts,
        request: Arc::new(request),
        answer: Arc::new(answer(desk, typed, kept)),
        warmup,
        preflight,
        shape,
        gates,
        vs_baseline: vs_baseline.unwrap_or_default().0,
        allow_invalid,
    }
}

fn timeouts(desk: &mut Desk<'_>, typed: &Typed, request: &RequestSpec, kept: &mut ScenarioFile) -> Timeouts {
    let given = typed.file.timeouts.clone().unwrap_or_default();
    let total = given.total.unwrap_or(Time(Duration::from_secs(180)));
    let connect = given.connect.unwrap_or(Time(Duration::from_secs(10)));
    let parts = [("connect", given.connect), ("first_token", given.first_token), ("idle", given.idle)];
    for (key, time) in parts.into_iter().chain([("total", given.total)]) {
        let (Some(time), Some(node)) = (time, typed.root().find(&["timeouts", key])) else { continue };
        if time.0.is_zero() {
            desk.wrong(&node.spot, "no time at all", "write a longer one, such as \"180s\"");
        } else if time.0 > total.0 {
            let message = format!("longer than the whole request may take, {}", super::units::format_time(total.0));
            desk.wrong(&node.spot, message, "lower it, or raise timeout");
        }
    }
    if let (Some(node), false) = (typed.root().find(&["timeouts", "first_token"]), request.stream) {
        desk.wrong_key(
            &node.spot,
            "only a streamed answer has a first token",
            "write stream = true under [request], or remove it",
        );
    }
    kept.timeouts = Some(file::Timeouts {
        // Longer than the whole it would be refused as typed; as a default it is left to mean nothing.
        connect: given.connect.or((connect.0 <= total.0).then_some(connect)),
        first_token: given.first_token,
        idle: given.idle,
        total: Some(total),
    });
    let optional = |time: Option<Time>| time.map(|time| time.0);
    Timeouts {
        connect: connect.0,
        first_token: optional(given.first_token),
        idle: optional(given.idle),
        total: total.0,
    }
}

fn request(desk: &mut Desk<'_>, typed: &Typed, kept: &mut ScenarioFile) -> RequestSpec {
    let given = typed.file.request.clone().unwrap_or_default();
    let node = typed.root().key("request");
    for (key, instead) in [("model", "models"), ("messages", "prompts"), ("prompt", "prompts")] {
        if let Some(own) = node.and_then(|node| node.key(key)) {
            desk.wrong_key(
                &own.spot,
                "written by lamb-load itself",
                format!("remove it, and write {instead} = [\"…\"] above the first [table]"),
            );
        }
    }
    if let Some(node) = node {
        only_json(desk, node);
    }
    let usual = if typed.file.prompts.is_some() || typed.root().key("prompts").is_some() {
        CacheBust::Suffix
    } else {
        // The ancestor's default question is asked as "User N: …".
        CacheBust::User
    };
    let mut extra = serde_json::Map::new();
    if let Some(max_tokens) = given.max_tokens {
        extra.insert("max_tokens".into(), max_tokens.0.into());
    }
    extra.extend(given.extra.clone());
    let spec = RequestSpec {
        stream: given.stream.unwrap_or(false),
        system: given.system.clone(),
        cache_bust: given.cache_bust.unwrap_or(usual),
        extra,
    };
    kept.request = Some(file::Request { stream: Some(spec.stream), cache_bust: Some(spec.cache_bust), ..given });
    spec
}

/// Refuses what TOML can say and JSON cannot.
fn only_json(desk: &mut Desk<'_>, node: &Node) {
    match &node.value {
        Value::Float(number) if !number.is_finite() => {
            desk.wrong(&node.spot, "JSON has no such number", "write a finite number");
        }
        Value::List(items) => items.iter().for_each(|item| only_json(desk, item)),
        Value::Table(entries) => entries.values().for_each(|entry| only_json(desk, entry)),
        _ => {}
    }
}

fn answer(desk: &mut Desk<'_>, typed: &Typed, kept: &mut ScenarioFile) -> AnswerSpec {
    let Some(given) = typed.file.answer.clone() else { return AnswerSpec::default() };
    kept.answer = Some(given.clone());
    let node = typed.root().key("answer");
    let mut patterns = |key: &str, list: &Option<Vec<String>>| -> Vec<Regex> {
        let items = node.and_then(|node| node.key(key)).map(Node::items).unwrap_or_default();
        let sound = items.iter().filter(|item| !item.bad.get());
        let mut compiled = Vec::new();
        for (pattern, node) in list.iter().flatten().zip(sound) {
            // A bound, so that a pattern from a stranger's file cannot take the machine's memory.
            match RegexBuilder::new(pattern).size_limit(1 << 20).build() {
                Ok(regex) => compiled.push(regex),
                Err(error) => {
                    desk.wrong(&node.spot, pattern_fault(&error), "escape what is meant literally: '\\[', '\\('")
                }
            }
        }
        compiled
    };
    let (must_match, must_not_match) =
        (patterns("must_match", &given.must_match), patterns("must_not_match", &given.must_not_match));
    let finish_reason = given.finish_reason.unwrap_or_default();
    let min_chars = given.min_chars.map(|chars| chars.0);
    AnswerSpec { must_match, must_not_match, min_chars, finish_reason, model: given.model }
}

/// The last line of the engine's own message, which says what is wrong.
fn pattern_fault(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    format!("not a regular expression: {}", last.strip_prefix("error: ").unwrap_or(last))
}

fn expect(desk: &mut Desk<'_>, typed: &Typed, request: &RequestSpec) -> Expect {
    let mut given = typed.file.expect.clone().unwrap_or_default();
    let node = typed.root().key("expect");
    let own = given.gates.iter().map(|gate| &gate.metric).filter_map(|metric| Some((metric, node?.key(metric)?)));
    let versus = given.vs_baseline.iter().flat_map(|table| &table.0).map(|gate| &gate.metric);
    let versus = versus.filter_map(|metric| Some((metric, node?.find(&["vs_baseline", metric])?)));
    for (_, own) in own.chain(versus).filter(|(metric, _)| needs_streaming(metric) && !request.stream) {
        desk.wrong_key(&own.spot, "only a streamed answer has it", "write stream = true under [request], or remove it");
    }
    let named = node.is_some_and(|node| node.key("success_rate").is_some());
    if !named {
        given.gates.insert(0, default_gate());
    }
    given
}

fn needs_streaming(metric: &str) -> bool {
    ["ttft_", "ttfo_", "tpot_", "gap_"].iter().any(|prefix| metric.starts_with(prefix))
}
