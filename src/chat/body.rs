//! The request's body: what is the same for a whole case is serialised once, what makes an arrival unique is written
//! into the gap.
//!
//! It knows the scenario's prompts and keys; it knows no endpoint and no time.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::sample::Arrival;
use crate::scenario::plan::{CacheBust, Case, Prompt, PromptContent, RequestSpec};

/// The bodies of a case: one template a prompt.
#[derive(Debug)]
pub struct Bodies {
    templates: Vec<Template>,
    bust: CacheBust,
    run_id: Box<str>,
}

/// A body with a gap for what makes it unique.
#[derive(Debug)]
struct Template {
    before: Vec<u8>,
    /// `None` where nothing is unique.
    after: Option<Vec<u8>>,
}

impl Bodies {
    /// Serialises every prompt of the case. With `include_usage` a streaming request asks for token counts, unless
    /// the scenario already says what it wants of `stream_options`.
    pub fn new(case: &Case, run_id: &str, include_usage: bool) -> Bodies {
        let request = &case.request;
        let bust = request.cache_bust;
        // Letters, digits, `-` and `.` only, so that it stands in JSON as it is.
        let run_id = run_id.chars().filter(|char| char.is_ascii_alphanumeric() || "-._".contains(*char)).collect();
        let model = &case.key.model;
        let templates =
            case.prompts.iter().map(|prompt| Template::new(model, prompt, request, bust, include_usage)).collect();
        Bodies { templates, bust, run_id }
    }

    /// The body of this arrival.
    pub fn render(&self, arrival: &Arrival) -> Bytes {
        let template = &self.templates[arrival.prompt % self.templates.len()];
        let Some(after) = &template.after else { return Bytes::copy_from_slice(&template.before) };
        let mut digits = itoa::Buffer::new();
        let n = digits.format(arrival.serial);
        let unique: &[&str] = match self.bust {
            CacheBust::Suffix => &[" (request ", n, ")"],
            CacheBust::Prefix => &["[", &self.run_id, " ", n, "] "],
            CacheBust::User => &["User ", n, ": "],
            CacheBust::Off => &[],
        };
        // Of exactly its length: `Bytes` takes it over as it is.
        let length = unique.iter().map(|part| part.len()).sum::<usize>();
        let mut body = Vec::with_capacity(template.before.len() + length + after.len());
        body.extend_from_slice(&template.before);
        unique.iter().for_each(|part| body.extend_from_slice(part.as_bytes()));
        body.extend_from_slice(after);
        Bytes::from(body)
    }
}

impl Template {
    fn new(model: &str, prompt: &Prompt, request: &RequestSpec, bust: CacheBust, include_usage: bool) -> Template {
        let mut messages = messages(prompt, request.system.as_deref());
        let marker = marker(model, &messages, request);
        let marked = bust != CacheBust::Off && mark(&mut messages, &marker, bust);
        let body = Value::Object(body(model, messages, request, include_usage)).to_string();
        match body.split_once(&marker).filter(|_| marked) {
            Some((before, after)) => Template { before: before.into(), after: Some(after.into()) },
            None => Template { before: body.into(), after: None },
        }
    }
}

fn messages(prompt: &Prompt, system: Option<&str>) -> Vec<Value> {
    let system = system.map(|text| json!({ "role": "system", "content": text }));
    match &prompt.content {
        PromptContent::Text(text) => system.into_iter().chain([json!({ "role": "user", "content": text })]).collect(),
        PromptContent::Messages(messages) => system.into_iter().chain(messages.iter().cloned()).collect(),
    }
}

/// A word that stands nowhere in the request and is the same in JSON.
fn marker(model: &str, messages: &[Value], request: &RequestSpec) -> String {
    let whole = json!([model, messages, request.extra]).to_string();
    let mut marker = "here".to_owned();
    while whole.contains(&marker) {
        marker.push_str("-here");
    }
    marker
}

/// Puts the marker before or after the text of the last user message; false where there is none.
fn mark(messages: &mut [Value], marker: &str, bust: CacheBust) -> bool {
    let last = messages.iter_mut().rev().find(|message| message["role"] == "user");
    let Some(content) = last.and_then(|message| message.get_mut("content")) else { return false };
    let text = match content {
        Value::Array(parts) => {
            let mut texts = parts.iter_mut().filter(|part| part["text"].is_string());
            let part = if bust == CacheBust::Suffix { texts.next_back() } else { texts.next() };
            part.and_then(|part| part.get_mut("text"))
        }
        other => Some(other),
    };
    let Some(Value::String(text)) = text else { return false };
    match bust {
        CacheBust::Suffix => text.push_str(marker),
        _ => text.insert_str(0, marker),
    }
    true
}

fn body(model: &str, messages: Vec<Value>, request: &RequestSpec, include_usage: bool) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".to_owned(), Value::from(model));
    body.insert("messages".to_owned(), Value::from(messages));
    body.insert("stream".to_owned(), Value::from(request.stream));
    for (key, value) in &request.extra {
        if !body.contains_key(key) {
            body.insert(key.clone(), value.clone());
        }
    }
    if request.stream && include_usage {
        let options = body.entry("stream_options").or_insert_with(|| json!({}));
        if let Value::Object(options) = options {
            options.entry("include_usage").or_insert(Value::Bool(true));
        }
    }
    body
}

/// Whether the scenario itself says what it wants of `include_usage`: then nothing is dropped behind its back.
pub fn names_include_usage(request: &RequestSpec) -> bool {
    match request.extra.get("stream_options") {
        Some(Value::Object(options)) => options.contains_key("include_usage"),
        Some(_) => true,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::chat::fixture;

    fn rendered(request: RequestSpec, prompt: PromptContent, serial: u64) -> Value {
        let mut case = fixture::case();
        case.request = request.into();
        case.prompts = [Prompt { name: "p1".to_owned(), content: prompt }].into();
        let arrival = Arrival { request: 1, user: 1, turn: 1, due: Duration::ZERO, prompt: 0, serial };
        let body = Bodies::new(&case, "20261123T233104Z-3f2a", true).render(&arrival);
        serde_json::from_slice(&body).unwrap()
    }

    fn text(bust: CacheBust, prompt: &str, serial: u64) -> String {
        let request = RequestSpec { cache_bust: bust, ..fixture::request() };
        let body = rendered(request, PromptContent::Text(prompt.to_owned()), serial);
        body["messages"][0]["content"].as_str().unwrap().to_owned()
    }

    #[test]
    fn each_arrival_is_made_unique_as_the_scenario_says() {
        let hello = "Say hello in exactly one word.";
        assert_eq!(text(CacheBust::User, hello, 7), "User 7: Say hello in exactly one word.");
        assert_eq!(text(CacheBust::Suffix, "Write \"it\".\nNow", 30), "Write \"it\".\nNow (request 30)");
        assert_eq!(text(CacheBust::Prefix, "here", 2), "[20261123T233104Z-3f2a 2] here");
        assert_eq!(text(CacheBust::Off, "here we go", 2), "here we go");
    }

    #[test]
    fn the_body_is_model_messages_stream_and_what_the_scenario_adds() {
        let extra = json!({ "max_tokens": 4, "stop": ["x"] }).as_object().unwrap().clone();
        let request = RequestSpec { system: Some("Be terse.".to_owned()), extra, ..fixture::request() };
        let body = rendered(request, PromptContent::Text("Hi".to_owned()), 1);
        let expected = json!({
            "model": "m",
            "messages": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Hi (request 1)"}],
            "stream": false, "max_tokens": 4, "stop": ["x"],
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_conversation_keeps_its_messages_and_only_its_last_user_message_is_made_unique() {
        let messages = json!([
            {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
            {"role": "user", "content": [{"type": "text", "text": "c"}, {"type": "image_url", "image_url": {}}]},
        ]);
        let content = PromptContent::Messages(messages.as_array().unwrap().clone());
        let body = rendered(fixture::request(), content, 3);
        assert_eq!(body["messages"][0]["content"], "a");
        assert_eq!(body["messages"][2]["content"][0]["text"], "c (request 3)");
    }

    #[test]
    fn token_counts_are_asked_for_when_streaming_unless_the_scenario_says_otherwise() {
        let options = |extra: Value, stream: bool| {
            let extra = extra.as_object().unwrap().clone();
            let request = RequestSpec { stream, extra, ..fixture::request() };
            rendered(request, PromptContent::Text("Hi".to_owned()), 1)["stream_options"].clone()
        };
        assert_eq!(options(json!({}), true), json!({ "include_usage": true }));
        assert_eq!(options(json!({}), false), Value::Null);
        let off = json!({ "stream_options": { "include_usage": false } });
        assert_eq!(options(off, true), json!({ "include_usage": false }));
        let null = json!({ "stream_options": null });
        assert_eq!(options(null, true), Value::Null);
    }
}
