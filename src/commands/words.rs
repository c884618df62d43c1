//! What a run says while it goes on, in this program's own words. Strings from servers come scrubbed and escaped.

use std::time::Duration;

use crate::chat::preflight::Diagnosis;
use crate::sample::{Phase, Sample};
use crate::scenario::describe;
use crate::scenario::plan::{Case, Plan};

/// Before anything is sent.
pub(super) fn opening(plan: &Plan) -> String {
    let mut text = plan.name.clone();
    if let Some(description) = &plan.description {
        text += &format!(": {}", description.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    let cases = counted(plan.cases.len() as u64, "case");
    let rounds = if plan.repeat > 1 { format!(", {} rounds each", plan.repeat) } else { String::new() };
    let requests = match (describe::requests(plan).load, describe::lasts(plan)) {
        (None, Some(lasts)) => format!("requests {lasts}"),
        (load, _) => counted(load.unwrap_or(0), "request"),
    };
    text + &format!("\n{cases}{rounds}, {requests}, seed {}\n", plan.seed)
}

/// What pre-flight found, in a line; what else it learnt, a line each.
pub(super) fn preflight(target: &str, model: &str, diagnosis: &Diagnosis, answered: Option<Duration>) -> String {
    let mut text = match (&diagnosis.problem, answered) {
        (Some(problem), _) => {
            format!("pre-flight {target} / {model}: FAILED: {}\n  hint: {}\n", problem.sentence, problem.hint)
        }
        (None, Some(latency)) => {
            let server = diagnosis.server;
            format!("pre-flight {target} / {model}: ok in {:.2}s (server: {server})\n", latency.as_secs_f64())
        }
        (None, None) => format!("pre-flight {target} / {model}: ok\n"),
    };
    for note in &diagnosis.notes {
        text += &format!("  note: {note}\n");
    }
    text
}

/// Before the connections of a case's round.
pub(super) fn round_begins(case: &Case, round: u32, of: u32) -> String {
    let which = if of > 1 { format!(", round {round} of {of}") } else { String::new() };
    let users = counted(u64::from(case.load.users()), "user");
    let how = if case.load.is_loop() { "asking again and again" } else { "at once" };
    format!("\n{}{which}: {users} {how}\n", case.key)
}

/// What became of a request.
pub(super) fn request(sample: &Sample) -> String {
    let who = match sample.phase {
        Phase::Preflight => "pre-flight".to_owned(),
        Phase::Warmup => format!("warm-up {:3}", sample.arrival.user),
        Phase::Load => format!("user {:3}", sample.arrival.user),
    };
    let status = sample.status.map_or("-".to_owned(), |status| status.to_string());
    let seconds = sample.latency().unwrap_or(sample.at.end).as_secs_f64();
    let mut text = format!("  {who}  {:4} {status:>3}  {seconds:7.3}s", sample.outcome.name());
    if let Some(error) = &sample.error {
        text += &format!("  {}", error.chars().take(120).collect::<String>());
    }
    text + "\n"
}

fn counted(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
