//! The sentence in what complains: error payloads of any shape, error bodies, and text.
//!
//! What is found here comes from a server: it is bounded, and not yet scrubbed.

use serde_json::Value;

use super::chunk::Document;

/// How much of an error payload is kept.
const ERROR_LIMIT: usize = 4096;

/// The error that a document is or carries.
pub(super) fn payload(document: &Document<'_>) -> Option<String> {
    let choice = document.choice.as_ref();
    let error = document.error.as_deref().or(choice.and_then(|choice| choice.error.as_deref()));
    if let Some(error) = error {
        return Some(describe(error));
    }
    if choice.is_some_and(|choice| choice.finish_reason.0 == "error") {
        return Some("finish_reason error".to_owned());
    }
    if document.has_choices {
        return None;
    }
    document.complaint.as_deref().map(describe).or(document.is_error.then(|| "an error without a message".to_owned()))
}

/// The sentence of a text or JSON that complains: of an error body, or of an `event: error`.
pub fn complaint(data: &[u8]) -> String {
    let data = data.trim_ascii();
    // LAMB answers some failures with a body that is meant as an event and never ends.
    let json = data.strip_prefix(b"data:").unwrap_or(data);
    match Document::read_first(json).and_then(|document| payload(&document)) {
        Some(error) => error,
        None => excerpt(data),
    }
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
    text[..text.floor_char_boundary(ERROR_LIMIT)].to_owned()
}

/// How bytes begin, as text for people.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(ERROR_LIMIT)]).trim().to_owned()
}
