//! A sample as one line: all that does not depend on how fast the machine is.

use lamb_load::sample::Sample;

/// `ok 200 stop | m fp | in 3 cached - out 5 reasoning - | 5 chars | 4 events 2 | ttfe ttft ttfo latency | error`
///
/// The parts: outcome, status and finish_reason · model and fingerprint if any · token counts if any · characters ·
/// events · the metrics that have a value · the error's line.
pub(super) fn row(sample: &Sample) -> String {
    let mut parts = vec![sample.outcome.name().to_owned()];
    parts.extend(sample.status.map(|status| status.to_string()));
    parts.extend(sample.finish_reason.as_deref().map(str::to_owned));
    let mut line = parts.join(" ");
    if let Some(model) = &sample.served_model {
        let fingerprint = sample.fingerprint.as_ref().map(|fingerprint| format!(" {fingerprint}")).unwrap_or_default();
        line.push_str(&format!(" | {model}{fingerprint}"));
    }
    let tokens = sample.tokens;
    let counts =
        [("in", tokens.input), ("cached", tokens.cached), ("out", tokens.output), ("reasoning", tokens.reasoning)];
    let counts: Vec<_> = counts.iter().filter_map(|(name, count)| Some(format!("{name} {}", (*count)?))).collect();
    if !counts.is_empty() {
        line.push_str(&format!(" | {}", counts.join(" ")));
    }
    if let Some(chars) = sample.answer_chars {
        line.push_str(&format!(" | {chars} chars"));
    }
    if sample.events > 0 {
        line.push_str(&format!(" | {} events", sample.events));
    }
    let metrics =
        [("ttfe", sample.ttfe()), ("ttft", sample.ttft()), ("ttfo", sample.ttfo()), ("latency", sample.latency())];
    let metrics: Vec<_> = metrics.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name).collect();
    if !metrics.is_empty() {
        line.push_str(&format!(" | {}", metrics.join(" ")));
    }
    if let Some(error) = &sample.error {
        line.push_str(&format!(" | {error}"));
    }
    line
}
