//! Advice: what was seen, what it may mean, what to try. Nothing here stops a run.
//!
//! It looks at a scenario in which nothing is wrong.

use super::desk::Desk;
use super::matrix::Point;
use super::plan::{CacheBust, Prompt, ServerKind, Target};
use super::problem::nearest;
use super::resolve::{Typed, count};
use super::sections::Sections;

/// Parameters of the chat API that are passed through; a key near one of ours and not among these may be a slip.
const KNOWN: [&str; 26] = [
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "n",
    "seed",
    "stop",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "user",
    "store",
    "metadata",
    "stream_options",
    "max_completion_tokens",
    "reasoning_effort",
    "service_tier",
    "options",
    "think",
    "keep_alive",
];

/// Looks for everything that deserves a word.
pub(super) fn give(
    desk: &mut Desk<'_>,
    typed: &Typed,
    sections: &Sections,
    points: &[Point],
    targets: &[Target],
    prompts: &[Prompt],
) {
    percentiles(desk, typed, sections, points);
    one_round(desk, typed, sections);
    passed_through(desk, typed);
    same_prompt(desk, typed, sections, points, prompts);
    dropped_by_lamb(desk, typed, sections, targets);
}

/// The fewest samples from which a percentile is printed: n(1 − q) ≥ 3.
pub fn needed(quantile_percent: u32) -> u64 {
    300 / u64::from(100 - quantile_percent.min(99))
}

fn percentiles(desk: &mut Desk<'_>, typed: &Typed, sections: &Sections, points: &[Point]) {
    let repeat = count(typed.file.repeat, 1);
    // How many requests a loop by time makes, nobody knows beforehand.
    let of = |point: &Point| sections.shape.of(point.users).requests();
    let Some(fewest) = points.iter().filter_map(of).min() else { return };
    let what = if points.iter().any(|point| point.closed) { "requests" } else { "users" };
    let pooled = fewest.saturating_mul(u64::from(repeat));
    // Gaps are pooled over tokens, of which nobody knows the number beforehand.
    for gate in sections.gates.iter().filter(|gate| !gate.metric.starts_with("gap_")) {
        let plain = gate.metric.strip_suffix("_answered").unwrap_or(&gate.metric);
        let quantile =
            plain.rsplit("_p").next().filter(|_| plain.contains("_p")).and_then(|digits| digits.parse().ok());
        let Some(needed) = quantile.map(needed).filter(|needed| pooled < *needed) else { continue };
        let Some(node) = typed.root().find(&["expect", &gate.metric]) else { continue };
        let rounds = if repeat > 1 { format!(" × {repeat} rounds") } else { String::new() };
        let (_, name) = plain.rsplit_once('_').unwrap_or(("", plain));
        let message = format!("{name} of {fewest} {what}{rounds}: needs {needed}");
        let hint = format!("repeat = {} would do; as it is, the gate cannot be decided", needed.div_ceil(fewest));
        desk.advise(&node.spot, message, hint);
    }
}

fn one_round(desk: &mut Desk<'_>, typed: &Typed, sections: &Sections) {
    let Some(node) = typed.root().find(&["expect", "vs_baseline"]) else { return };
    if count(typed.file.repeat, 1) < 2 && !sections.vs_baseline.is_empty() {
        let message = "one round cannot tell a change of the server from the luck of a round";
        desk.advise(&node.spot, message, "repeat = 5 would do; as it is, the gate cannot be decided");
    }
}

fn passed_through(desk: &mut Desk<'_>, typed: &Typed) {
    let Some(node) = typed.root().key("request") else { return };
    for key in typed.file.request.iter().flat_map(|request| request.extra.keys()) {
        let ours = ["stream", "system", "max_tokens", "cache_bust"];
        let near = nearest(key, ours.into_iter().chain(KNOWN));
        if let (Some(near), Some(own), false) = (near, node.key(key), KNOWN.contains(&key.as_str())) {
            desk.advise(&own.spot, "passed through to the server as it is", format!("did you mean {near}?"));
        }
    }
}

fn same_prompt(desk: &mut Desk<'_>, typed: &Typed, sections: &Sections, points: &[Point], prompts: &[Prompt]) {
    let most = points.iter().map(|point| point.users).max().unwrap_or(0) as usize;
    let each = points.iter().any(|point| point.prompts != super::matrix::ALL_PROMPTS);
    let different = if each { 1 } else { prompts.len() };
    let Some(node) = typed.root().find(&["request", "cache_bust"]) else { return };
    if sections.request.cache_bust == CacheBust::Off && most > different {
        let message = format!("{most} users share {different} prompts: a prompt cache may answer instead of the model");
        desk.advise(&node.spot, message, "remove it to make each message unique, or name more prompts");
    }
}

fn dropped_by_lamb(desk: &mut Desk<'_>, typed: &Typed, sections: &Sections, targets: &[Target]) {
    let Some(lamb) = targets.iter().find(|target| target.server == ServerKind::Lamb) else { return };
    let Some(node) = typed.root().key("request") else { return };
    for own in sections.request.extra.keys().filter_map(|key| node.key(key)) {
        let message =
            format!("LAMB ({}) keeps only model, messages and stream, and drops this without a word", lamb.name);
        desk.advise(&own.spot, message, "set it in the assistant itself");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_three_samples_beyond_it() {
        assert_eq!([90, 95, 99].map(needed), [30, 60, 300]);
    }
}
