//! From what was seen of an exchange to its sample: the outcome, the columns, and one line of why.
//!
//! Everything that a server said passes through the scrubber here, before it is kept.

use std::borrow::Cow;
use std::time::Duration;

use compact_str::CompactString;
use tokio::time::Instant;

use super::answer::Answer;
use super::brief::Brief;
use super::cache;
use super::complaint::complaint;
use super::exchange::{Head, Seen, retry_after};
use super::outcome::{Facts, Stop, decide};
use super::scrub::Scrubber;
use crate::sample::{Outcome, Sample};
use crate::scenario::plan::{AnswerSpec, Timeouts};

/// The most characters of an error's line.
const LINE: usize = 300;
/// The most characters of a name that a server gives: model, fingerprint, request id, finish_reason.
const NAME: usize = 200;
/// Where a request's name stands. LiteLLM calls it otherwise, and its log too.
const REQUEST_IDS: [&str; 2] = ["x-request-id", "x-litellm-call-id"];

/// Fills in the sample of an exchange.
pub(super) fn conclude(sample: &mut Sample, seen: &mut Seen, brief: &Brief, scrubber: &Scrubber, start: Instant) {
    let answer = &seen.reading.answer;
    let unmet = unmet(&brief.case.answer, answer);
    let wrong_model = brief.case.answer.model.as_deref().is_some_and(|model| answer.model.as_deref() != Some(model));
    let facts = facts(seen, brief, wrong_model, unmet.is_some());
    let outcome = decide(&facts);
    let why = why(outcome, seen, brief, unmet);

    sample.outcome = outcome;
    sample.status = facts.status;
    sample.error = why.map(|why| scrubber.line(&why, LINE).into());
    instants(sample, seen, start);
    sample.streamed = seen.reading.streamed();
    sample.from_cache = seen.head.as_ref().is_some_and(|head| cache::answered(&head.fields));
    sample.read_lag_max = seen.lag;
    sample.tokens = answer.usage;
    let id = seen.head.as_ref().and_then(|head| REQUEST_IDS.iter().find_map(|name| head.header(name)));
    sample.request_id = id.map(|id| scrubber.line(id, NAME).into());
    sample.answer_chars = answer.visible.then_some(answer.chars);
    sample.answer_hash = answer.hash();
    if brief.keep_answers && answer.visible {
        sample.answer = Some(scrubber.scrub(&answer.text).into());
    }
    sample.bytes_in = seen.bytes_in;
    let reading = &mut seen.reading;
    sample.finish_reason = name(&mut reading.answer.finish_reason, scrubber);
    sample.served_model = name(&mut reading.answer.model, scrubber);
    sample.fingerprint = name(&mut reading.answer.fingerprint, scrubber);
    sample.events = reading.answer.events;
    sample.reads = reading.reads;
    sample.token_reads = reading.pace.token_reads;
    sample.max_gap = reading.pace.max_gap;
    sample.gaps_us = std::mem::take(&mut reading.pace.gaps_us);
    sample.doubts = std::mem::take(&mut reading.pace.doubts);
}

/// A name that the server gave; moved, where nothing in it had to be replaced.
fn name(said: &mut Option<CompactString>, scrubber: &Scrubber) -> Option<CompactString> {
    let said = said.take()?;
    match scrubber.line(&said, NAME) {
        Cow::Borrowed(line) if line.len() == said.len() => {}
        line => return Some(line.into()),
    }
    Some(said)
}

fn instants(sample: &mut Sample, seen: &Seen, start: Instant) {
    let since = |at: Instant| at.saturating_duration_since(start);
    let body = &seen.reading.at;
    let at = &mut sample.at;
    at.sent = seen.stamps.first_write.map(since);
    at.written = seen.stamps.last_write.map(since);
    at.headers = seen.head.as_ref().map(|head| since(head.at));
    at.first_event = body.first_event;
    at.first_token = body.first_token;
    at.first_visible = body.first_visible;
    at.last_token = body.last_token;
    at.finish = body.finish;
    at.last_byte = body.last_byte;
    at.end = since(seen.end);
}

fn facts(seen: &Seen, brief: &Brief, wrong_model: bool, unexpected: bool) -> Facts {
    let answer = &seen.reading.answer;
    Facts {
        stop: seen.stop.as_ref().map(|(stop, _)| *stop),
        status: seen.head.as_ref().map(|head| head.status),
        retry_after: seen.head.as_ref().is_some_and(|head| retry_after(head).is_some()),
        error: answer.error.is_some() || brief.habits.is_error(&answer.text),
        ended: seen.ended,
        done: answer.done,
        streamed: seen.reading.streamed(),
        malformed: answer.malformed.is_some(),
        tokens: answer.tokens,
        visible: answer.said,
        finish: answer.finish_reason.is_some(),
        finishes_without_reason: brief.learnt.finishes_without_reason,
        wrong_model,
        unexpected,
    }
}

/// Which of the scenario's expectations the answer does not meet.
fn unmet(spec: &AnswerSpec, answer: &Answer) -> Option<String> {
    let text = &answer.text;
    if let Some(pattern) = spec.must_match.iter().find(|pattern| !pattern.is_match(text)) {
        return Some(format!("does not match `{pattern}`: {text}"));
    }
    if let Some(pattern) = spec.must_not_match.iter().find(|pattern| pattern.is_match(text)) {
        return Some(format!("matches `{pattern}`: {text}"));
    }
    if let Some(least) = spec.min_chars.filter(|least| answer.chars < *least) {
        return Some(format!("has {} characters, fewer than {least}: {text}", answer.chars));
    }
    let reason = answer.finish_reason.as_deref().unwrap_or("none");
    let wanted = &spec.finish_reason;
    let fits = wanted.is_empty() || wanted.iter().any(|wanted| wanted == reason);
    (!fits).then(|| format!("finish_reason {reason}, not {}", wanted.join(" or ")))
}

/// One line of why, not yet scrubbed.
fn why(outcome: Outcome, seen: &Seen, brief: &Brief, unmet: Option<String>) -> Option<String> {
    let answer = &seen.reading.answer;
    let timeouts = &brief.case.timeouts;
    let stop = seen.stop.as_ref();
    let said = || stop.map(|(_, text)| text.clone()).filter(|text| !text.is_empty());
    Some(match outcome {
        Outcome::Ok => return None,
        Outcome::RateLimited | Outcome::HttpError => of_status(seen.head.as_ref()?, &seen.error_body),
        Outcome::TimeoutFirstToken => {
            format!("no token within {}{}", seconds(timeouts.first_token?), so_far(seen))
        }
        Outcome::TimeoutIdle => format!("nothing for {}{}", seconds(timeouts.idle?), so_far(seen)),
        Outcome::TimeoutTotal => format!("no complete answer within {}{}", seconds(timeouts.total), so_far(seen)),
        Outcome::ErrorInBody => answer.error.clone().unwrap_or_else(|| answer.text.clone()),
        Outcome::Truncated => said().unwrap_or_else(|| without_an_end(answer).to_owned()),
        Outcome::Malformed => said().or_else(|| answer.malformed.clone())?,
        Outcome::Empty => empty(answer),
        Outcome::WrongModel => {
            let served = answer.model.as_deref().unwrap_or("a model that it does not name");
            format!("answered by {served}, not {}", brief.case.answer.model.as_deref()?)
        }
        Outcome::UnexpectedAnswer => unmet?,
        Outcome::Cancelled => format!("called off{}", so_far(seen)),
        _ => said()?,
    })
}

fn of_status(head: &Head, body: &[u8]) -> String {
    let mut text = format!("HTTP {}", head.status);
    if let Some(after) = retry_after(head) {
        text.push_str(&format!(", retry after {after}"));
    }
    if let Some(location) = head.header("location") {
        text.push_str(&format!(", to {location}"));
    }
    let complaint = complaint(body);
    if !complaint.is_empty() {
        text.push_str(&format!(": {complaint}"));
    }
    text
}

/// How far a request got that was stopped by a clock.
fn so_far(seen: &Seen) -> String {
    let reading = &seen.reading;
    match &seen.head {
        None if seen.stamps.first_write.is_none() => ", not even sent".to_owned(),
        None => ", no answer at all".to_owned(),
        Some(_) if seen.bytes_in == 0 => ", headers only".to_owned(),
        Some(_) if reading.streamed() => format!(", {} bytes in {} events", seen.bytes_in, reading.answer.events),
        Some(_) => format!(", {} bytes", seen.bytes_in),
    }
}

fn without_an_end(answer: &Answer) -> &'static str {
    match (answer.done, answer.finish_reason.is_some()) {
        (true, _) => "[DONE] without a finish_reason",
        (false, _) => "ended without a finish_reason",
    }
}

fn empty(answer: &Answer) -> String {
    let reason = answer.finish_reason.as_deref().unwrap_or("none");
    if answer.visible {
        format!("only white space (finish_reason {reason})")
    } else if answer.tokens {
        format!("only reasoning, nothing visible (finish_reason {reason})")
    } else {
        format!("a proper end and no output (finish_reason {reason})")
    }
}

/// `180 s`
pub(super) fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

/// A sample that never got a connection.
pub(super) fn unconnected(
    sample: &mut Sample,
    stop: Stop,
    text: &str,
    timeouts: &Timeouts,
    scrubber: &Scrubber,
    end: Duration,
) {
    sample.outcome = decide(&Facts { stop: Some(stop), ..Facts::default() });
    let text = match stop {
        Stop::ConnectTimeout => format!("not connected within {}", seconds(timeouts.connect)),
        Stop::TotalTimeout => format!("not connected within {}", seconds(timeouts.total)),
        Stop::Cancelled => "called off while connecting".to_owned(),
        _ => text.to_owned(),
    };
    sample.error = Some(scrubber.line(&text, LINE).into());
    sample.at.end = end;
}
