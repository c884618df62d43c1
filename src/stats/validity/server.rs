//! Checks of what came back: was it one server, one model, and a stream that was not held back on its way?

use super::{Check, CheckLabel, percent};
use crate::facts::ClientFacts;
use crate::stats::summary::Summary;

pub(super) fn checks(summary: &Summary, facts: &ClientFacts) -> Vec<Check> {
    vec![identity(summary, facts), caching(summary, facts), buffered(summary, facts), length_limited(summary)]
}

/// The models and fingerprints that answered, within the case and against pre-flight.
fn identity(summary: &Summary, facts: &ClientFacts) -> Check {
    let models = names(summary.served_models.keys(), facts.preflight_model.as_ref());
    let prints = names(summary.fingerprints.keys(), facts.preflight_fingerprint.as_ref());
    let most = models.len().max(prints.len());
    let shown = |names: &[&String]| {
        let some: Vec<String> = names.iter().take(5).map(|name| format!("{name:?}")).collect();
        some.join(", ") + if names.len() > 5 { " …" } else { "" }
    };
    Check::above("identity", CheckLabel::NotComparable, most as f64, 1.0, "count").saying(
        || {
            let what = if models.len() > 1 {
                format!("{} models answered, pre-flight included: {}", models.len(), shown(&models))
            } else {
                format!("one model answered with {} fingerprints: {}", prints.len(), shown(&prints))
            };
            format!("{what}; the numbers are of a mixture and compare with no other run")
        },
        || match models.first() {
            Some(model) => format!("every answer came from {model:?}"),
            None => "no answer names its model".to_owned(),
        },
    )
}

fn names<'a>(within: impl Iterator<Item = &'a String>, preflight: Option<&'a String>) -> Vec<&'a String> {
    let mut all: Vec<&String> = within.collect();
    // Where nothing was answered there is nothing to differ from pre-flight.
    if !all.is_empty()
        && let Some(name) = preflight
        && !all.contains(&name)
    {
        all.push(name);
    }
    all
}

/// Signs that a cache answered: its tokens, its headers, equal answers.
fn caching(summary: &Summary, facts: &ClientFacts) -> Check {
    let cached = summary.tokens.cached;
    let signs = [
        (cached, format!("{cached} prompt tokens came from a cache")),
        (facts.cache_headers, format!("{} answers carry a cache's headers", facts.cache_headers)),
        (summary.repeated_answers, format!("{} answers equal an earlier one", summary.repeated_answers)),
    ];
    let seen: Vec<String> = signs.iter().filter(|(count, _)| *count > 0).map(|(_, sign)| sign.clone()).collect();
    let count = signs.iter().map(|(count, _)| count).sum::<u64>();
    Check::above("caching", CheckLabel::Note, count as f64, 0.0, "count").saying(
        || {
            format!(
                "{}: you may be measuring the cache; vary the prompts, or set cache_bust = \"prefix\"",
                seen.join(", ")
            )
        },
        || "no sign of a cache".to_owned(),
    )
}

/// Streams of more than twenty events that came as good as at once. Up to one in a hundred may be chance.
fn buffered(summary: &Summary, facts: &ClientFacts) -> Check {
    let (judged, held) = (summary.judged_streams, summary.buffered_streams);
    if judged == 0 && !facts.preflight_buffered {
        return Check::unknown("buffered", "no stream was long enough to tell");
    }
    let share = if judged == 0 { 1.0 } else { held as f64 / judged as f64 };
    let whose = if judged == 0 { "the pre-flight's stream".to_owned() } else { format!("{held} of {judged} streams") };
    Check::above("buffered", CheckLabel::Degraded, share, 0.01, "share").saying(
        || {
            format!(
                "{whose} came as good as at once: something between this client and the model holds answers back (a proxy's buffering?), so ttft and gaps are not the model's"
            )
        },
        || format!("streams came piece by piece ({} held back)", percent(share)),
    )
}

/// Answers cut at a length limit that the scenario did not set.
fn length_limited(summary: &Summary) -> Check {
    let count = summary.length_limited;
    let length = summary.tokens.output_spread.map_or(String::new(), |[least, middle, most]| {
        format!("; answers have {least} to {most} tokens, {middle} in the middle")
    });
    if summary.subject.length_asked {
        let mut check = Check::above("length_limited", CheckLabel::Silent, count as f64, 0.0, "count");
        check.sentence = format!("{count} answers ended at the length that the scenario asks for{length}");
        return check;
    }
    Check::above("length_limited", CheckLabel::Note, count as f64, 0.0, "count").saying(
        || {
            format!(
                "{count} of {} answers were cut at a limit of the server's: latencies are of cut answers; set max_tokens to say so yourself{length}",
                summary.ok
            )
        },
        || format!("no answer was cut{length}"),
    )
}
