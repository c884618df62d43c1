//! The last look before anything reaches the disk: no secret's value passes.
//!
//! Whoever reads from a server has replaced echoes already, in every encoding and before any truncation. This is the
//! second lock on the same door, and the only one for what did not come from a server.

use secrecy::ExposeSecret;

use crate::sample::Sample;
use crate::scenario::plan::Secrets;

/// What stands where a secret was.
const REPLACEMENT: &str = "***";

/// Shorter values are too likely to stand in honest text.
const SHORTEST: usize = 8;

/// The values that must not reach the disk, as they stand in plain text and inside JSON strings.
#[derive(Clone, Default)]
pub(super) struct Scrubber {
    values: Vec<String>,
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrubber of {} values", self.values.len())
    }
}

impl Scrubber {
    /// For a plan's secrets.
    pub(super) fn of(secrets: &Secrets) -> Scrubber {
        let mut values = Vec::new();
        for secret in &secrets.0 {
            let plain = secret.expose_secret();
            if plain.len() < SHORTEST {
                continue;
            }
            let quoted = serde_json::Value::from(plain).to_string();
            values.push(plain.to_owned());
            values.push(quoted[1..quoted.len() - 1].to_owned());
        }
        // The longest first, so that a secret inside another leaves no rest of it.
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Scrubber { values }
    }

    /// The text without secrets, or `None` when there was none in it.
    pub(super) fn clean(&self, text: &str) -> Option<String> {
        let mut cleaned: Option<String> = None;
        for value in self.values.iter().filter(|value| value.len() <= text.len()) {
            let current = cleaned.as_deref().unwrap_or(text);
            if current.contains(value.as_str()) {
                cleaned = Some(current.replace(value.as_str(), REPLACEMENT));
            }
        }
        cleaned
    }

    /// The text without secrets.
    pub(super) fn cleaned(&self, text: String) -> String {
        self.clean(&text).unwrap_or(text)
    }

    /// Replaces secrets in everything that a server can say in a sample.
    pub(super) fn sample(&self, sample: &mut Sample) {
        if self.values.is_empty() {
            return;
        }
        for text in [&mut sample.error, &mut sample.answer] {
            if let Some(clean) = text.as_deref().and_then(|text| self.clean(text)) {
                *text = Some(clean.into());
            }
        }
        let Sample { finish_reason, served_model, fingerprint, request_id, .. } = sample;
        for text in [finish_reason, served_model, fingerprint, request_id] {
            if let Some(clean) = text.as_deref().and_then(|text| self.clean(text)) {
                *text = Some(clean.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubber(secrets: &[&str]) -> Scrubber {
        Scrubber::of(&Secrets(secrets.iter().map(|secret| (*secret).into()).collect()))
    }

    #[test]
    fn secrets_are_replaced_plain_and_inside_json() {
        let scrubber = scrubber(&["swordfish\"1", "swordfish\"1-and-more", "short"]);
        assert_eq!(scrubber.clean("a swordfish\"1-and-more b swordfish\"1"), Some("a *** b ***".to_owned()));
        assert_eq!(scrubber.clean(r#"{"key": "swordfish\"1"}"#), Some(r#"{"key": "***"}"#.to_owned()));
        assert_eq!(scrubber.clean("short of words"), None);
        assert_eq!(format!("{scrubber:?}"), "Scrubber of 4 values");
    }
}
