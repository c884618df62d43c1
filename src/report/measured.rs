//! What was measured of a case, line by line, in words.

use crate::report::numbers::{self, count, digits, percent, span, time};
use crate::results::CaseRun;
use crate::results::cell::printable;
use crate::stats::burst::Finding;
use crate::stats::validity::{Label, Validity};
use crate::stats::{Distribution, Quantile, Summary};

/// One thing that was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub name: &'static str,
    /// Its values.
    pub value: String,
    /// Whether our own error is too large to believe it.
    pub struck: bool,
}

/// What was measured, in the order in which a person asks.
pub fn lines(case: &CaseRun) -> Vec<Line> {
    let summary = &case.summary;
    let mut lines = vec![plain("success", success(summary))];
    let headline = summary.headline.as_str();
    let other = if headline == "latency" { "latency_from_due" } else { "latency" };
    for name in [headline, other, "ttft", "ttfo", "tpot", "gap"] {
        let like = if name == other { headline } else { "ttft" };
        // The same number under two names explains nothing.
        if !matches!(name, "ttfo") && name != other || differs(summary, name, like) {
            lines.extend(distribution(case, name, name == headline));
        }
    }
    lines.extend(connecting(case).map(|text| plain("connect", text)));
    lines.push(plain("sent", sent(summary)));
    lines.push(plain("took", took(summary)));
    if let Some(text) = tokens(summary) {
        lines.push(plain("tokens", text));
    }
    if let Some(goodput) = summary.goodput {
        lines.push(plain("goodput", format!("{} within every limit", percent(goodput))));
    }
    if let Some(text) = server(summary) {
        lines.push(plain("server", text));
    }
    lines.push(plain("answered by", models(summary)));
    lines.extend(control(case).map(|text| plain("own lag", text)));
    lines
}

/// How late this client was with a stream of known timing.
fn control(case: &CaseRun) -> Option<String> {
    let lag = case.client.as_ref()?.control_stream?;
    let [p50, p90, p99, max] = [lag.p50_ms, lag.p90_ms, lag.p99_ms, lag.max_ms].map(time);
    let events = count(lag.n, "event");
    Some(format!("P50 {p50} · P90 {p90} · P99 {p99} · max {max}, a control stream of {events}"))
}

/// Whether the medians of two distributions are more than 1 % apart.
fn differs(summary: &Summary, one: &str, other: &str) -> bool {
    let median = |name: &str| summary.distribution(name).and_then(Distribution::answered_median);
    match (median(one), median(other)) {
        (Some(one), Some(other)) => (one - other).abs() > 0.01 * other,
        (one, _) => one.is_some(),
    }
}

fn plain(name: &'static str, value: String) -> Line {
    Line { name, value, struck: false }
}

fn success(summary: &Summary) -> String {
    let of = format!("{} of {}", summary.ok, summary.requests);
    let Some(share) = summary.success_rate else { return of };
    if summary.failures == 0 {
        return format!("{of} (100 %): failure rate below {} (95 %)", percent(1.0 - share.low));
    }
    let (low, high) = (percent(share.low), percent(share.high));
    format!("{of} ({}; 95 % interval {}–{high})", percent(share.rate), low.trim_end_matches(" %"))
}

fn distribution(case: &CaseRun, name: &str, is_headline: bool) -> Vec<Line> {
    let Some(all) = case.summary.distribution(name).filter(|all| all.n > 0) else { return Vec::new() };
    let metric = case.validity.as_ref().and_then(|validity| validity.metrics.get(name));
    let struck = is_struck(case, name);
    let label: &'static str = match name {
        "latency" => "latency",
        "latency_from_due" => "from due",
        "ttft" => "ttft",
        "ttfo" => "ttfo",
        "tpot" => "tpot",
        _ => "gap",
    };
    let failed = all.n - all.answered;
    let of = |quantile: Quantile| numbers::quantile(quantile, failed, all.n);
    let order = &all.ranked;
    let mut value =
        format!("P50 {} · P90 {} · P95 {} · P99 {}", of(order.median), of(order.p90), of(order.p95), of(order.p99));
    if all.approximate {
        value.push_str(" (±0.1 %)");
    }
    if all.missing > 0 {
        value.push_str(&format!(" · {} without it", count(all.missing, "answer")));
    }
    let mut lines = vec![Line { name: label, value, struck }];
    if is_headline || failed > 0 && all.answered > 0 && name == "ttft" {
        lines.extend(answered(all, failed).map(|value| Line { name: "", value, struck }));
    }
    if is_headline && let Some(value) = intervals(all) {
        lines.push(Line { name: "", value, struck });
    }
    if struck {
        let broken = case.validity.as_ref().and_then(Validity::broken);
        let why = match (broken, metric.and_then(|metric| metric.error_ms)) {
            (Some(check), _) => format!("{} (below)", check.id),
            (None, Some(error)) => format!("our own error is up to {}", time(error)),
            (None, None) => "our own error is not known".to_owned(),
        };
        lines.push(plain("", format!("not to be believed: {why}")));
    }
    lines
}

/// Whether our own error is too large to believe this metric.
pub fn is_struck(case: &CaseRun, name: &str) -> bool {
    let metric = case.validity.as_ref().and_then(|validity| validity.metrics.get(name));
    metric.is_some_and(|metric| metric.label == Label::Invalid)
}

/// Means are of answered requests and say so.
fn answered(all: &Distribution, failed: u64) -> Option<String> {
    let (mean, min) = (all.mean?, all.min?);
    let of = |quantile: Quantile| quantile.printable().map(time);
    let deviation = all.stdev.map(|stdev| format!(" ± {}", time(stdev))).unwrap_or_default();
    let order = &all.answered_only;
    let title = if failed > 0 { "successes only" } else { "all answered" };
    let mut text = format!("{title} (n = {}): min {} · mean {}{deviation}", all.answered, time(min), time(mean));
    if failed > 0 {
        for (name, value) in [("P50", of(order.median)), ("P90", of(order.p90))] {
            text.extend(value.map(|value| format!(" · {name} {value}")));
        }
    }
    text.extend(of(order.max).map(|max| format!(" · max {max}")));
    Some(text)
}

fn intervals(all: &Distribution) -> Option<String> {
    let of = |name: &str, quantile: Quantile| match quantile {
        Quantile::Value { interval: Some(interval), .. } => Some(format!("{name} {}", span(interval))),
        _ => None,
    };
    let order = &all.ranked;
    let parts = [of("P50", order.median), of("P90", order.p90), of("P95", order.p95), of("P99", order.p99)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("95 % intervals within this run: {}", parts.join(" · ")))
}

fn connecting(case: &CaseRun) -> Option<String> {
    let connect = &case.summary.connect;
    let of = |name: &str, quantile: Quantile| quantile.printable().map(|ms| format!("{name} {}", time(ms)));
    let order = &connect.ranked;
    let mut parts: Vec<String> = [of("P50", order.median), of("max", order.max)].into_iter().flatten().collect();
    if parts.is_empty() {
        return None;
    }
    parts.push(if case.summary.subject.cold { "part of the answer's time" } else { "before the start" }.to_owned());
    if case.summary.syn_retransmitted > 0 {
        parts.push(format!("{} waited for the accept queue", count(case.summary.syn_retransmitted, "user")));
    }
    let oldest = case.client.as_ref().and_then(|client| client.oldest_connection_ms);
    parts.extend(oldest.map(|ms| format!("the oldest {} at the start", time(ms))));
    Some(parts.join(" · "))
}

fn sent(summary: &Summary) -> String {
    let together = &summary.simultaneity;
    let asked = if summary.subject.closed { u64::from(summary.subject.users) } else { together.requests };
    let air = format!("most in the air {} of {asked}", summary.in_air_max);
    match summary.send_spread_ms {
        Some(spread) => format!("within {} · {air}", time(spread)),
        None => air,
    }
}

fn took(summary: &Summary) -> String {
    let mut parts = Vec::new();
    parts.extend(summary.makespan_s.map(|makespan| time(makespan * 1000.0)));
    parts.extend(summary.requests_per_s.map(|rate| format!("{} answers/s", digits(rate))));
    parts.extend(summary.output_tokens_per_s.map(|rate| format!("{} tokens/s", digits(rate))));
    parts.join(" · ")
}

fn tokens(summary: &Summary) -> Option<String> {
    let tokens = &summary.tokens;
    let output = tokens.output?;
    let mut text = format!("{output} out");
    text.extend(tokens.input.map(|input| format!(", {input} in")));
    if tokens.source == "estimate" {
        text.push_str(" (estimated by us)");
    }
    if tokens.missing > 0 {
        text.push_str(&format!(" · {} without a count", count(tokens.missing, "answer")));
    }
    if let Some([least, middle, most]) = tokens.output_spread {
        text.push_str(&format!(" · an answer has {middle} ({least}–{most})"));
    }
    Some(text)
}

fn server(summary: &Summary) -> Option<String> {
    let inference = &summary.inference;
    let found = match &inference.finding {
        Finding::AllParallel => Some("all parallel".to_owned()),
        Finding::OneAtATime => Some("1 at a time".to_owned()),
        Finding::Limit { estimate, low, high } if low == high => {
            Some(format!("looks like a limit of {estimate} in flight"))
        }
        Finding::Limit { estimate, low, high } => {
            Some(format!("looks like a limit of {estimate} in flight ({low} to {high})"))
        }
        Finding::Nothing { .. } => None,
    };
    let concurrency = summary.effective_concurrency().map(|value| format!("effective concurrency {}", digits(value)));
    let evidence = Some(printable(&inference.evidence).into_owned()).filter(|text| found.is_some() && !text.is_empty());
    let parts: Vec<String> = [found, concurrency, evidence].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn models(summary: &Summary) -> String {
    let mut parts: Vec<String> =
        summary.served_models.iter().map(|(model, count)| format!("{} ({count})", printable(model))).collect();
    if summary.unnamed_answers > 0 {
        parts.push(format!("no name ({})", summary.unnamed_answers));
    }
    if parts.is_empty() { "nobody".to_owned() } else { parts.join(", ") }
}
