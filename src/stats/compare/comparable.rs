//! Whether two cases may be compared: whether what was asked of the server, and who answered, is the same.
//!
//! What a run does not tell (a lone table of requests tells little) is named, and blocks nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::stats::metric::distribution_of;
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
    /// What else goes into a request, and how it is sent: temperature, connections …; the value as text.
    pub parameters: Option<BTreeMap<String, String>>,
    /// Major version of this program.
    pub major_version: Option<u64>,
    /// The label of the measurement.
    pub validity: Option<Label>,
    /// The label of each distribution that has one, by its name.
    pub metrics: BTreeMap<String, Label>,
    /// Whether the run lets doubtful numbers decide.
    pub allow_invalid: bool,
    /// Why its last round ended before its time, where rows alone do not show that: a loop's.
    pub cut_short: Option<String>,
}

impl Provenance {
    /// The label of a metric: its distribution's, or where it has none the whole measurement's. What spoils the pace of
    /// tokens says nothing against latencies.
    pub fn label(&self, metric: &str) -> Option<Label> {
        let own = distribution_of(metric).and_then(|distribution| self.metrics.get(distribution));
        self.validity.map(|whole| own.copied().unwrap_or(whole))
    }

    /// Whether a metric may be held against another run's.
    pub fn counts(&self, metric: &str) -> bool {
        self.label(metric) == Some(Label::Valid) || self.allow_invalid
    }
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
    /// a length the served model and the length of answers follow. The label is the compared `metric`'s.
    pub fn of(
        before: (&Summary, &Provenance),
        after: (&Summary, &Provenance),
        varied: &[&str],
        metric: &str,
    ) -> Comparability {
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
        all.parameters(known.parameters.as_ref(), other_known.parameters.as_ref(), varied);
        all.equal("version", known.major_version, other_known.major_version);
        if !free(&["model", "target"]) {
            all.equal("served model", models(summary), models(other));
        }
        if !free(&["model", "target", "max_tokens", "prompts", "output length"]) {
            all.lengths(summary, other);
        }
        all.valid(known, other_known, metric);
        if known.cut_short.is_some() || other_known.cut_short.is_some() {
            let told = |known: &Provenance| known.cut_short.clone().unwrap_or_else(|| "whole".to_owned());
            all.mismatch("last round", told(known), told(other_known));
        }
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

    /// Every parameter by its name: what differs is told as itself.
    fn parameters(
        &mut self,
        before: Option<&BTreeMap<String, String>>,
        after: Option<&BTreeMap<String, String>>,
        varied: &[&str],
    ) {
        let (Some(before), Some(after)) = (before, after) else {
            self.unchecked.push("parameters".to_owned());
            return;
        };
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            let [one, other] = [before, after].map(|all| all.get(name).cloned().unwrap_or_default());
            let is_free = varied.iter().any(|free| free.strip_prefix("request.").unwrap_or(free) == name.as_str());
            if one != other && !is_free {
                self.mismatch(name, one, other);
            }
        }
    }

    fn valid(&mut self, before: &Provenance, after: &Provenance, metric: &str) {
        let (Some(one), Some(other)) = (before.label(metric), after.label(metric)) else {
            self.unchecked.push("validity".to_owned());
            return;
        };
        if !before.counts(metric) || !after.counts(metric) {
            self.mismatch("validity", one.name().to_owned(), other.name().to_owned());
        } else if one != Label::Valid || other != Label::Valid {
            // Whoever ran it said so; the doubt stays in sight.
            self.unchecked.push(format!("validity ({} before, {} after: allowed)", one.name(), other.name()));
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
            parameters: Some(BTreeMap::from([("temperature".into(), "0".into())])),
            major_version: Some(0),
            validity: Some(Label::Valid),
            metrics: BTreeMap::new(),
            allow_invalid: false,
            cut_short: None,
        }
    }

    #[test]
    fn the_same_case_is_comparable_with_itself() {
        let (summary, known) = (summary(&burst()), provenance());
        assert_eq!(
            Comparability::of((&summary, &known), (&summary, &known), &[], "latency_p90"),
            Comparability::default()
        );
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
        let got = Comparability::of((&before, &known), (&after, &other), &[], "latency_p90");
        assert_eq!(got.reasons(), "prompts, max_tokens, served model, output length, validity");
        assert_eq!(got.unchecked, ["stream"]);
        let lengths =
            Mismatch { what: "output length".into(), before: "100 tokens".into(), after: "106 tokens".into() };
        assert_eq!(got.mismatches[3], lengths);
        let varied = Comparability::of((&before, &known), (&after, &other), &["model", "max_tokens"], "latency_p90");
        assert_eq!(varied.reasons(), "prompts, validity");
    }

    #[test]
    fn a_parameter_that_differs_is_named_unless_it_is_what_is_varied() {
        let (summary, known) = (summary(&burst()), provenance());
        let warm = BTreeMap::from([("temperature".into(), "0.7".into()), ("top_p".into(), "1".into())]);
        let other = Provenance { parameters: Some(warm), ..provenance() };
        let got = Comparability::of((&summary, &known), (&summary, &other), &[], "latency_p90");
        assert_eq!(got.reasons(), "temperature, top_p");
        assert_eq!((got.mismatches[1].before.as_str(), got.mismatches[1].after.as_str()), ("", "1"));
        let varied = Comparability::of((&summary, &known), (&summary, &other), &["request.temperature"], "latency_p90");
        assert_eq!(varied.reasons(), "top_p");
    }

    #[test]
    fn doubtful_numbers_may_be_compared_where_the_run_allows_it_and_the_doubt_is_told() {
        let (summary, known) = (summary(&burst()), provenance());
        let doubtful = Provenance { validity: Some(Label::Degraded), ..provenance() };
        let allowed = Provenance { allow_invalid: true, ..doubtful.clone() };
        let of = |other: &Provenance| Comparability::of((&summary, &known), (&summary, other), &[], "latency_p90");
        assert_eq!(of(&doubtful).reasons(), "validity");
        let got = of(&allowed);
        assert_eq!((got.reasons().as_str(), got.unchecked.len()), ("", 1));
        assert_eq!(got.unchecked[0], "validity (valid before, degraded after: allowed)");
    }

    #[test]
    fn the_label_that_counts_is_that_of_what_is_compared() {
        let (summary, known) = (summary(&burst()), provenance());
        let metrics = BTreeMap::from([("latency".to_owned(), Label::Valid), ("gap".to_owned(), Label::Degraded)]);
        let other = Provenance { validity: Some(Label::Degraded), metrics, ..provenance() };
        let reasons = |metric| Comparability::of((&summary, &known), (&summary, &other), &[], metric).reasons();
        assert_eq!(["latency_p90", "gap_p99", "makespan"].map(reasons), ["", "validity", "validity"]);
    }

    #[test]
    fn a_loop_that_was_cut_short_is_not_compared_with_a_whole_one() {
        let (summary, known) = (summary(&burst()), provenance());
        let cut = Provenance { cut_short: Some("it was interrupted".into()), ..provenance() };
        let got = Comparability::of((&summary, &known), (&summary, &cut), &[], "latency_p90");
        let reason = Mismatch { what: "last round".into(), before: "whole".into(), after: "it was interrupted".into() };
        assert_eq!(got.mismatches, [reason]);
    }

    #[test]
    fn five_percent_more_tokens_are_still_the_same_length() {
        let (before, known) = (summary(&burst()), provenance());
        let mut samples = burst();
        samples.iter_mut().for_each(|sample| sample.tokens.output = Some(105));
        let got = Comparability::of((&before, &known), (&summary(&samples), &known), &[], "latency_p90");
        assert_eq!(got, Comparability::default());
    }
}
