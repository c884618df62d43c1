//! Checks of what went out: was the load that was asked for the load that the server got?

use super::{Check, CheckLabel, course, ms, percent, send_lag, valid_limit};
use crate::facts::ClientFacts;
use crate::sample::Outcome;
use crate::stats::summary::Summary;

pub(super) fn checks(summary: &Summary, facts: &ClientFacts) -> Vec<Check> {
    let mut checks = vec![conservation(summary, facts), client_failed(summary), lag(summary)];
    if summary.subject.closed {
        checks.extend(course::checks(summary));
    } else {
        let skew = skew(summary);
        let simultaneity = simultaneity(summary, skew.fired());
        checks.extend([skew, simultaneity]);
    }
    checks.extend([connect(summary, facts), stale(summary, facts)]);
    checks
}

/// Planned = issued = Σ outcomes = rows.
fn conservation(summary: &Summary, facts: &ClientFacts) -> Check {
    if facts.planned == 0 {
        return Check::unknown("conservation", "the run does not say how many requests were planned");
    }
    let counts = [facts.planned, facts.issued, summary.requests, facts.rows];
    let missing = counts.iter().max().zip(counts.iter().min()).map_or(0, |(most, least)| most - least);
    let [planned, issued, outcomes, rows] = counts;
    let counted = format!("{planned} planned, {issued} issued, {outcomes} outcomes, {rows} rows");
    Check::above("conservation", CheckLabel::Invalid, missing as f64, 0.0, "count").saying(
        || format!("{counted}: requests were lost or counted twice, and no number of this case can be trusted"),
        || counted.clone(),
    )
}

fn client_failed(summary: &Summary) -> Check {
    let count = summary.outcomes.of(Outcome::ClientFailed);
    Check::above("client_failed", CheckLabel::Invalid, count as f64, 0.0, "count").saying(
        || {
            format!(
                "{count} of {} requests failed on this machine (descriptors, ports or memory), not on the server: raise its limits or ask for fewer users",
                summary.requests
            )
        },
        || "no request failed on this machine".to_owned(),
    )
}

/// P99 of our own lateness: it counts as our error of `latency_from_due`.
fn lag(summary: &Summary) -> Check {
    let Some(value) = send_lag(summary) else { return Check::unknown("send_lag", "nothing was sent") };
    let limit = valid_limit(summary.latency_from_due.answered_median().unwrap_or(0.0));
    Check::above("send_lag", CheckLabel::Note, value, limit, "ms").saying(
        || {
            format!(
                "requests left up to {} (P99) after they were due: this machine was late, and latency_from_due holds that delay; latency, which counts from the byte sent, does not",
                ms(value)
            )
        },
        || format!("requests left within {} (P99) of when they were due", ms(value)),
    )
}

/// Earliest to latest departure, against when each was due.
fn skew(summary: &Summary) -> Check {
    let lag = &summary.send_lag;
    let (Some(first), Some(last)) = (lag.min, lag.answered_only.max.printable()) else {
        return Check::unknown("skew", "nothing was sent");
    };
    let limit = (0.1 * summary.latency.answered_median().unwrap_or(0.0)).max(20.0);
    let value = last - first;
    Check::above("skew", CheckLabel::Degraded, value, limit, "ms").saying(
        || {
            format!(
                "{} lay between the first and the last request of the burst, more than {}: it was a wave rather than a burst; ask for fewer users, or give this machine more processor",
                ms(value),
                ms(limit)
            )
        },
        || format!("{} lay between the first and the last request", ms(value)),
    )
}

/// The share in the air when the last one left, and the most ever in the air.
///
/// Requests that the server kept from leaving (a refused connection) or threw out at once (a 429) are its own doing.
/// An answer that came before the last request had left is ours if we sent as slowly as `skew` says, and else the
/// server's: it answers faster than any machine sends.
fn simultaneity(summary: &Summary, skewed: bool) -> Check {
    let together = summary.simultaneity;
    let Some(at_last) = together.at_last else {
        return Check::unknown("simultaneity", "too many requests, or none was sent");
    };
    if summary.subject.spread_ms > 0.0 {
        return Check::unknown("simultaneity", "users were to start one after the other");
    }
    let asked = together.requests.max(1);
    let share = at_last as f64 / asked as f64;
    let ours = skewed && together.answered_before_last > 0;
    let label = match () {
        () if at_last >= asked => CheckLabel::Silent,
        () if ours => CheckLabel::Invalid,
        () => CheckLabel::Note,
    };
    let seen = format!("{} of {asked} were in the air when the last one left, and {} at most", at_last, together.most);
    let why = if ours {
        format!(
            "{} had their answer before we had sent the rest: the load asked for was not reached",
            together.answered_before_last
        )
    } else if together.answered_before_last > 0 {
        format!(
            "{} had their answer by then: the server is faster than a burst can be sent",
            together.answered_before_last
        )
    } else {
        "the others were refused, or had failed by then".to_owned()
    };
    Check {
        id: "simultaneity".to_owned(),
        label,
        value: Some(share),
        limit: Some(1.0),
        unit: "share".to_owned(),
        sentence: if label == CheckLabel::Silent { seen } else { format!("{seen} ({}); {why}", percent(share)) },
    }
}

/// SYN packets sent again: users waited for the accept queue, not for the model.
fn connect(summary: &Summary, facts: &ClientFacts) -> Check {
    // Without TCP_INFO times that gather at the kernel's steps tell the same; a single one may be chance.
    let gathered = if summary.connected_at_retry >= 3 { summary.connected_at_retry } else { 0 };
    let count = summary.syn_retransmitted.max(gathered);
    let several = match facts.other_addresses {
        0 => String::new(),
        more => format!("; the name stands for {more} more addresses, tried only where the first does not connect"),
    };
    Check::above("connect", CheckLabel::Note, count as f64, 0.0, "count").saying(
        || {
            format!(
                "{count} users waited for the accept queue, not for the model: their connection had to be asked for again; raise the server's listen backlog{several}"
            )
        },
        || format!("every connection was accepted at once{several}"),
    )
}

/// Kept-alive connections that the server had closed.
fn stale(summary: &Summary, facts: &ClientFacts) -> Check {
    let count = summary.outcomes.of(Outcome::StaleConnection);
    let replaced = match facts.stale_replaced {
        0 => String::new(),
        replaced => format!("; {replaced} more were found closed before the barrier and replaced"),
    };
    let old = match facts.oldest_connection_ms {
        Some(age) if age > 2000.0 => {
            format!(
                "; the oldest connection was {} old at the barrier, and servers such as uvicorn close at 5 s",
                ms(age)
            )
        }
        _ => String::new(),
    };
    Check::above("stale", CheckLabel::Degraded, count as f64, 0.0, "count").saying(
        || {
            format!(
                "{count} requests met a connection that the server had already closed: these failures say nothing about the model; use connections = \"cold\" or fewer users{replaced}{old}"
            )
        },
        || format!("no request met a closed connection{replaced}{old}"),
    )
}
