//! Whether two cases may be compared: whether what was asked of the server, and who answered, is the same.
//!
//! What a run does not tell (a lone table of requests tells little) is named, and blocks nothing.

use serde::{Deserialize, Serialize};

use crate::stats::summary::Summary;
use crate::stats::validity::Label;

/// What a comparison has to know of a case beside its numbers; `None` is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Hash of every prompt in order.
    pub prompts_hash: Option<String>,
    /// Whether answers are streamed.
    pub stream: Option<bool>,
    /// `max_tokens` of the request, as the scenario has it; `Some("")` is none.
    pub max_tokens: Option<String>,
    /// Major version of this program.
    pub major_version: Option<u64>,
    /// The label of the measurement.
    pub validity: Option<Label>,
}

/// Something that differs and must not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// What.
    pub what: String,
    /// In the run before.
    pub before: String,
    /// In the run after.
    pub after: String,
}

/// What differs and must not, and what could not be checked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Comparability {
    /// Reasons not to compare; none is comparable.
    pub mismatches: Vec<Mismatch>,
    /// What one of the runs does not tell.
    pub unchecked: Vec<String>,
}

impl Comparability {
    /// Of a case before and after; what is `varied` on purpose (`model`, `max_tokens` …) may differ, and with a model or
    /// a length the served model and the length of answers follow.
    pub fn of(before: (&Summary, &Provenance), after: (&Summary, &Provenance), varied: &[&str]) -> Comparability {
        let mut all = Comparability::default();
        let ((summary, known), (other, other_known)) = (before, after);
        let free = |names: &[&str]| names.iter().any(|name| varied.contains(name));
        if !free(&["prompts"]) {
            all.equal("prompts", known.prompts_hash.clone(), other_known.prompts_hash.clone());
        }
        if !free(&["users"]) {
            all.equal("users", Some(summary.subject.users), Some(other.subject.users));
        }
        if !free(&["stream"]) {
            all.equal("stream", known.stream, other_known.stream);
        }
        if !free(&["max_tokens"]) {
            all.equal("max_tokens", known.max_tokens.clone(), other_known.max_tokens.clone());
        }
        all.equal("version", known.major_version, other_known.major_version);
        if !free(&["model", "target"]) {
            all.equal("served model", models(summary), models(other));
        }
        if !free(&["model", "target", "max_tokens", "prompts"]) {
            all.lengths(summary, other);
        }
        all.valid(known.validity, other_known.validity);
        all
    }

    /// The reasons in one line: `prompts, served model`; empty where comparable.
    pub fn reasons(&self) -> String {
        let names: Vec<&str> = self.mismatches.iter().map(|mismatch| mismatch.what.as_str()).collect();
        names.join(", ")
    }

    fn equal<T: PartialEq + ToString>(&mut self, what: &str, before: Option<T>, after: Option<T>) {
        match (before, after) {
            (Some(before), Some(after)) if before == after => (),
            (Some(before), Some(after)) => self.mismatch(what, before.to_string(), after.to_string()),
            _ => self.unchecked.push(what.to_owned()),
        }
    }

    /// The middle answers' lengths within 5 %.
    fn lengths(&mut self, before: &Summary, after: &Summary) {
        let middle = |summary: &Summary| summary.tokens.output_spread.map(|[_, middle, _]| middle);
        match (middle(before), middle(after)) {
            (Some(before), Some(after)) => {
                if before.abs_diff(after) * 20 > before.max(after) {
                    self.mismatch("output length", format!("{before} tokens"), format!("{after} tokens"));
                }
            }
            _ => self.unchecked.push("output length".to_owned()),
        }
    }

    fn valid(&mut self, before: Option<Label>, after: Option<Label>) {
        match (before, after) {
            (Some(Label::Valid), Some(Label::Valid)) => (),
            (Some(before), Some(after)) => {
                self.mismatch("validity", before.name().to_owned(), after.name().to_owned());
            }
            _ => self.unchecked.push("validity".to_owned()),
        }
    }

    fn mismatch(&mut self, what: &str, before: String, after: String) {
        self.mismatches.push(Mismatch { what: what.to_owned(), before, after });
    }
}

/// The models that answered, in order; `None` where no answer names one.
fn models(summary: &Summary) -> Option<String> {
    let names: Vec<&str> = summary.served_models.keys().map(String::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{burst, summary};

    fn provenance() -> Provenance {
        Provenance {
            prompts_hash: Some("aa".into()),
            stream: Some(true),
            max_tokens: Some(String::new()),
            major_version: Some(0),
            validity: Some(Label::Valid),
        }
    }

    #[test]
    fn the_same_case_is_comparable_with_itself() {
        let (summary, known) = (summary(&burst()), provenance());
        assert_eq!(Comparability::of((&summary, &known), (&summary, &known), &[]), Comparability::default());
    }

    #[test]
    fn whatever_changes_the_work_or_the_worker_is_named_with_both_values() {
        let (before, known) = (summary(&burst()), provenance());
        let mut samples = burst();
        for sample in &mut samples {
            sample.served_model = Some("model-b".into());
            sample.tokens.output = Some(106);
        }
        let other = Provenance {
            prompts_hash: Some("bb".into()),
            stream: None,
            max_tokens: Some("400".into()),
            validity: Some(Label::Degraded),
            ..provenance()
        };
        let after = summary(&samples);
        let got = Comparability::of((&before, &known), (&after, &other), &[]);
        assert_eq!(got.reasons(), "prompts, max_tokens, served model, output length, validity");
        assert_eq!(got.unchecked, ["stream"]);
        let lengths =
            Mismatch { what: "output length".into(), before: "100 tokens".into(), after: "106 tokens".into() };
        assert_eq!(got.mismatches[3], lengths);
        let varied = Comparability::of((&before, &known), (&after, &other), &["model", "max_tokens"]);
        assert_eq!(varied.reasons(), "prompts, validity");
    }

    #[test]
    fn five_percent_more_tokens_are_still_the_same_length() {
        let (before, known) = (summary(&burst()), provenance());
        let mut samples = burst();
        samples.iter_mut().for_each(|sample| sample.tokens.output = Some(105));
        let got = Comparability::of((&before, &known), (&summary(&samples), &known), &[]);
        assert_eq!(got, Comparability::default());
    }
}
