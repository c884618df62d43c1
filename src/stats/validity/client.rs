//! Checks of ourselves: how late our own instants are, and what may have made them so.

use super::{Check, CheckLabel, ms, percent, valid_limit};
use crate::facts::{ClientFacts, Limit};
use crate::stats::summary::Summary;

pub(super) fn checks(summary: &Summary, facts: &ClientFacts) -> Vec<Check> {
    let limit_ms = valid_limit(summary.headline().answered_median().unwrap_or(0.0));
    vec![
        control_stream(facts, limit_ms),
        read_lag(facts, limit_ms),
        clock(facts),
        runtime_lag(facts),
        client_cpu(facts),
        throttled(facts),
        steal(facts),
        memory(facts),
        limits(facts),
    ]
}

/// Where kernel time corrects our instants this is a witness beside it; where there is none it is the error itself.
fn control_stream(facts: &ClientFacts, limit_ms: f64) -> Check {
    let Some(lag) = facts.control_stream else {
        return Check::unknown("control_stream", "no control stream ran");
    };
    let figures = format!(
        "P50 {}, P90 {}, P99 {}, max {} late over {} events",
        ms(lag.p50_ms),
        ms(lag.p90_ms),
        ms(lag.p99_ms),
        ms(lag.max_ms),
        lag.n
    );
    let corrected = facts.read_lag.is_some_and(|lag| lag.without_kernel_time == 0);
    Check::above("control_stream", CheckLabel::Note, lag.p99_ms, limit_ms, "ms").saying(
        || {
            let meaning = if corrected {
                "kernel time corrects the measured instants for it"
            } else {
                "so late are the measured instants too"
            };
            format!("a stream of known timing was parsed {figures}: this client was busy; {meaning}")
        },
        || format!("a stream of known timing was parsed {figures}"),
    )
}

fn read_lag(facts: &ClientFacts, limit_ms: f64) -> Check {
    let Some(lag) = facts.read_lag else {
        return Check::unknown("read_lag", "no kernel receive time on this system");
    };
    let told = format!(
        "reads came {} (P99) after the kernel had the bytes; corrected, {} is left",
        ms(lag.uncorrected.p99_ms),
        ms(lag.left.p99_ms)
    );
    let missing = match lag.without_kernel_time {
        0 => String::new(),
        reads => format!("; {reads} reads had no kernel time"),
    };
    Check::above("read_lag", CheckLabel::Note, lag.left.p99_ms, limit_ms, "ms").saying(
        || {
            format!(
                "{told}: too much for this metric{missing}; ask for fewer users, or give this machine more processor"
            )
        },
        || format!("{told}{missing}"),
    )
}

/// Kernel receive times are of the wall clock: one that is set moves the instants of what is in the air.
fn clock(facts: &ClientFacts) -> Check {
    let Some(set) = facts.clock_set_ms else { return Check::unknown("clock", "it was not watched") };
    Check::above("clock", CheckLabel::Degraded, set, 0.0, "ms").saying(
        || {
            format!(
                "the clock of this machine was set by {} while it measured, so instants around then may be off by as much; let its time service settle, or stop it, and run again",
                ms(set)
            )
        },
        || "the clock of this machine was not set".to_owned(),
    )
}

fn runtime_lag(facts: &ClientFacts) -> Check {
    let Some(lag) = facts.runtime_lag else { return Check::unknown("runtime_lag", "it was not sampled") };
    Check::above("runtime_lag", CheckLabel::Note, lag.p99_ms, 5.0, "ms").saying(
        || {
            format!(
                "tasks of this client waited {} (P99) for their turn, {} at most: something held its threads; close other programs, or give it more processor",
                ms(lag.p99_ms),
                ms(lag.max_ms)
            )
        },
        || format!("tasks of this client waited {} (P99) for their turn", ms(lag.p99_ms)),
    )
}

fn client_cpu(facts: &ClientFacts) -> Check {
    let Some(share) = facts.cpu_share_max else {
        return Check::unknown("client_cpu", "processor time is not told on this system");
    };
    let of = facts.usable_cpus.map(|cpus| format!(" of {cpus:.1} usable processors")).unwrap_or_default();
    Check::above("client_cpu", CheckLabel::Note, share, 0.7, "share").saying(
        || {
            format!(
                "this client used {}{of} in its busiest second: it may be the bottleneck; ask for fewer users or use a larger machine",
                percent(share)
            )
        },
        || format!("this client used {}{of} in its busiest second", percent(share)),
    )
}

fn throttled(facts: &ClientFacts) -> Check {
    let Some(periods) = facts.throttled_periods else {
        return Check::unknown("throttled", "no processor quota is told on this system");
    };
    Check::above("throttled", CheckLabel::Note, periods as f64, 0.0, "count").saying(
        || format!("a processor quota stopped this client {periods} times: raise the container's CPU limit"),
        || "no processor quota stopped this client".to_owned(),
    )
}

fn steal(facts: &ClientFacts) -> Check {
    let Some(share) = facts.steal_share_max else {
        return Check::unknown("steal", "stolen processor time is not told on this system");
    };
    Check::above("steal", CheckLabel::Note, share, 0.05, "share").saying(
        || {
            format!(
                "the host of this virtual machine took {} of its processor time in the worst second: measure on a quieter one",
                percent(share)
            )
        },
        || format!("the host took {} of the processor time at most", percent(share)),
    )
}

fn memory(facts: &ClientFacts) -> Check {
    let Some(faults) = facts.major_faults else {
        return Check::unknown("memory", "page faults are not told on this system");
    };
    Check::above("memory", CheckLabel::Note, faults as f64, 0.0, "count").saying(
        || {
            format!(
                "this client waited {faults} times for memory to come from a disk: free some, or ask for fewer users"
            )
        },
        || "this client never waited for memory".to_owned(),
    )
}

/// Checked before sending, where they refuse; recorded so that a report can tell them.
fn limits(facts: &ClientFacts) -> Check {
    let known: Vec<(&str, Limit)> =
        [("file descriptors", facts.descriptors), ("ephemeral ports", facts.ports), ("bytes of memory", facts.memory)]
            .into_iter()
            .filter_map(|(what, limit)| Some((what, limit?)))
            .collect();
    if known.is_empty() {
        return Check::unknown("limits", "this system does not tell them");
    }
    // How much of the scarcest is needed.
    let used = |limit: Limit| limit.needed as f64 / limit.available.max(1) as f64;
    let share = known.iter().map(|(_, limit)| used(*limit)).fold(0.0, f64::max);
    let short: Vec<String> = known
        .iter()
        .filter(|(_, limit)| !limit.fits())
        .map(|(what, limit)| format!("{} {what} are needed and {} are there", limit.needed, limit.available))
        .collect();
    Check::above("limits", CheckLabel::Note, share, 1.0, "share").saying(
        || format!("{}: raise the limit, or ask for fewer users", short.join(", ")),
        || format!("the plan needs {} of what the scarcest limit allows", percent(share)),
    )
}
