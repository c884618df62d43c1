//! What a pre-flight's answer tells beside that it is one: a sentence each.
//!
//! Facts of one answer only; nothing here fails anything.

use std::time::Duration;

use super::server::Habits;
use crate::sample::{Sample, TokenSource};
use crate::scenario::plan::{Case, ServerKind};

/// More token events than this in one read, and something holds them back.
const BUFFERED: u64 = 20;

/// What was seen.
pub(super) struct Observed<'a> {
    pub(super) case: &'a Case,
    pub(super) sample: &'a Sample,
    pub(super) headers: &'a [(String, String)],
    pub(super) kind: ServerKind,
    /// Whether the model is in the list; `None` where there is no list.
    pub(super) listed: Option<bool>,
}

/// Whether a stream of many events came in one read, or within a millisecond.
pub(super) fn is_buffered(sample: &Sample) -> bool {
    let span = sample.at.last_token.zip(sample.at.first_token).map(|(last, first)| last.saturating_sub(first));
    let at_once = sample.token_reads == 1 || span.is_some_and(|span| span <= Duration::from_millis(1));
    sample.outcome.is_ok() && sample.streamed && sample.events > BUFFERED && at_once
}

/// Every sentence that applies.
pub(super) fn notes(observed: &Observed<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let model = &observed.case.key.model;
    if observed.listed == Some(false) {
        notes.push(format!("the server does not list {model}; whether it answers is what counts"));
    }
    notes.extend(dropped_keys(observed));
    if observed.sample.outcome.is_ok() {
        of_answer(observed, &mut notes);
    }
    let habits = Habits::of(observed.kind);
    let untrue = |name: &str| habits.untrue_headers.iter().any(|prefix| name.starts_with(prefix));
    for (name, value) in observed.headers {
        if name.starts_with("x-ratelimit-limit-") && !untrue(name) {
            notes.push(format!("the server states a limit: {name} {value}"));
        }
    }
    notes
}

fn of_answer(observed: &Observed<'_>, notes: &mut Vec<String>) {
    let Observed { case, sample, .. } = observed;
    let model = &case.key.model;
    if let Some(served) = sample.served_model.as_deref().filter(|served| *served != model.as_str()) {
        notes.push(format!("{model} is answered by {served}"));
    }
    if sample.finish_reason.is_none() {
        notes.push("answers have no finish_reason here: `[DONE]` or the body's end is taken for their end".to_owned());
    }
    if case.request.stream && !sample.streamed {
        notes.push("a stream was asked for and a whole answer came: there is no time to a first token".to_owned());
    }
    if sample.tokens.source == TokenSource::None {
        notes.push("no token counts: columns that need them stay empty".to_owned());
    }
    if is_buffered(sample) {
        notes.push(format!(
            "all {} events came as good as at once: something between holds them back, times to first tokens mean little",
            sample.events
        ));
    }
    for key in ["max_tokens", "max_completion_tokens"] {
        let asked = case.request.extra.get(key).and_then(serde_json::Value::as_u64);
        if let (Some(asked), Some(got)) = (asked, sample.tokens.output)
            && got > asked
        {
            notes.push(format!("asked {key} = {asked} and got {got} tokens: the server does not honour it"));
        }
    }
}

fn dropped_keys(observed: &Observed<'_>) -> Option<String> {
    let habits = Habits::of(observed.kind);
    let request = &observed.case.request;
    let keys: Vec<&str> = request.extra.keys().map(String::as_str).filter(|key| habits.drops(key)).collect();
    let verb = if keys.len() == 1 { "it has" } else { "they have" };
    (!keys.is_empty()).then(|| format!("{} drops {} without a word: {verb} no effect", habits.label, keys.join(", ")))
}
