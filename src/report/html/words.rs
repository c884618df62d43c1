//! Marks: a sign, a word and a tone for whatever was judged. Never a colour alone.

use serde::Serialize;

use crate::report::verdict::Verdict;
use crate::stats::Label;

/// How something was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Mark {
    sign: &'static str,
    /// `good`, `warn`, `bad` or `plain`.
    tone: &'static str,
    word: &'static str,
}

impl Mark {
    /// A mark.
    pub(super) fn new(sign: &'static str, tone: &'static str, word: &'static str) -> Mark {
        Mark { sign, tone, word }
    }

    /// Of a gate's state.
    pub(super) fn of_gate(state: &str) -> Mark {
        match state {
            "passed" => Mark::new("✓", "good", "passed"),
            "failed" => Mark::new("✕", "bad", "failed"),
            _ => Mark::new("?", "warn", "undecided"),
        }
    }
}

/// Of a verdict.
pub(super) fn verdict_mark(verdict: Verdict) -> Mark {
    match verdict {
        Verdict::Passed => Mark::new("✓", "good", "Passed"),
        Verdict::Failed => Mark::new("✕", "bad", "Failed"),
        Verdict::PreflightFailed => Mark::new("✕", "bad", "Pre-flight failed"),
        Verdict::Undecided => Mark::new("?", "warn", "Undecided"),
        Verdict::Partial => Mark::new("◐", "warn", "Partial"),
        Verdict::Unjudged => Mark::new("–", "plain", "Not judged"),
        Verdict::Empty => Mark::new("–", "plain", "No load"),
    }
}

/// Of the measurement itself.
pub(super) fn label_mark(label: Option<Label>) -> Mark {
    match label {
        Some(Label::Valid) => Mark::new("✓", "good", "Valid measurement"),
        Some(Label::Degraded) => Mark::new("!", "warn", "Degraded measurement"),
        Some(Label::Invalid) => Mark::new("✕", "bad", "Invalid measurement"),
        None => Mark::new("–", "plain", "Validity not checked"),
    }
}
