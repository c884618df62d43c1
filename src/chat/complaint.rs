//! The sentence in what complains: error payloads of any shape, error bodies, and text.
//!
//! What is found here comes from a server: it is bounded, and not yet scrubbed.

use serde_json::Value;

use super::chunk::Document;
use super::lenient::is_silent;

/// How much of an error payload is kept.
const ERROR_LIMIT: usize = 4096;

/// What is said of an error that says nothing.
pub(super) const WORDLESS: &str = "an error without a message";

/// A `finish_reason` that says that the model did not finish: the engine gave up (SGLang, vLLM), its upstream broke
/// (GLM), its machine had no room (DeepSeek).
const FAILED: [&str; 4] = ["error", "abort", "network_error", "insufficient_system_resource"];

/// The error that a document is or carries.
pub(super) fn payload(document: &Document<'_>) -> Option<String> {
    let choice = document.choice.as_ref();
    let error = document.error.as_deref().or(choice.and_then(|choice| choice.error.as_deref()));
    // Beside a choice, an error in which nothing stands is only how some servers write that there is none.
    if let Some(error) = error.filter(|error| choice.is_none() || !is_silent(error)) {
        return Some(describe(error));
    }
    let reason = choice.map(|choice| &*choice.finish_reason.0).unwrap_or_default();
    if FAILED.contains(&reason) {
        return Some(format!("finish_reason {reason}"));
    }
    if document.has_choices {
        return None;
    }
    let said = document.complaint.as_deref().map(describe);
    said.or_else(|| document.is_error.then(|| remark(document).unwrap_or_else(|| WORDLESS.to_owned())))
}

/// What a document that has no choices remarks: an error, unless an answer comes all the same.
pub(super) fn remark(document: &Document<'_>) -> Option<String> {
    let text = &document.remark.0;
    (!document.has_choices && !text.is_empty()).then(|| bounded(text).to_owned())
}

/// The error that the first document of these bytes is or carries, if any.
pub(super) fn first(json: &[u8]) -> Option<String> {
    let document = Document::read_first(json)?;
    payload(&document).or_else(|| remark(&document))
}

/// The sentence of a text or JSON that complains: of an error body, or of an `event: error`.
pub fn complaint(data: &[u8]) -> String {
    let data = data.trim_ascii();
    // LAMB answers some failures with a body that is meant as an event and never ends.
    let json = data.strip_prefix(b"data:").unwrap_or(data);
    first(json).unwrap_or_else(|| excerpt(data))
}

/// The sentence in an error value of any shape: its message and what names its kind, or all of it.
fn describe(error: &Value) -> String {
    let text = match error {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let sentence = ["message", "msg", "detail", "error"].iter().find_map(|key| match fields.get(*key)? {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                inner @ (Value::Object(_) | Value::Array(_)) => Some(describe(inner)),
                _ => None,
            });
            let kind = ["type", "code", "status"].iter().find_map(|key| fields.get(*key)?.as_str());
            match (sentence, kind) {
                (Some(sentence), Some(kind)) => format!("{sentence} ({kind})"),
                (Some(sentence), None) => sentence,
                (None, _) => error.to_string(),
            }
        }
        Value::Array(items) if items.len() == 1 => describe(&items[0]),
        other => other.to_string(),
    };
    bounded(&text).to_owned()
}

fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(ERROR_LIMIT)]
}

/// How bytes begin, as text for people.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(ERROR_LIMIT)]).trim().to_owned()
}
