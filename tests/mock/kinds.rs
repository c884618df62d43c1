//! Each kind of server: what it says of itself, how it refuses, what it makes of parameters.

use serde_json::{Value, json};

use crate::client::{Answer, ask, get, once, post};
use crate::endpoint;

const KINDS: [&str; 6] = ["openai", "lamb", "ollama", "litellm", "vllm", "llama_cpp"];

fn completion(key: Option<&str>, body: &str) -> Vec<u8> {
    let line = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
    post("/v1/chat/completions", &line, body)
}

/// For each kind: what these settings and this request bring.
fn all(settings: Value, request: &[u8]) -> Vec<(&'static str, Answer)> {
    let answer = |kind: &'static str| {
        let mut settings = settings.clone();
        settings["kind"] = json!(kind);
        (kind, once(endpoint(settings).addr(), request))
    };
    KINDS.into_iter().map(answer).collect()
}

/// Kind, status and body of each.
fn replies(answers: &[(&'static str, Answer)]) -> Vec<String> {
    answers.iter().map(|(kind, answer)| format!("{kind} {} {}", answer.status, answer.body)).collect()
}

#[test]
fn a_wrong_key_is_refused_in_each_kinds_own_words() {
    let request = completion(Some("wrong"), "{}");
    let wanted = [
        r#"openai 401 {"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
        r#"lamb 401 {"detail":"Invalid API key"}"#,
        r#"ollama 401 {"error":"unauthorized"}"#,
        r#"litellm 400 {"error":{"message":"No connected db.","type":"no_db_connection","param":"None","code":"400"}}"#,
        r#"vllm 401 {"error":"Unauthorized"}"#,
        r#"llama_cpp 401 {"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}}"#,
    ];
    assert_eq!(replies(&all(json!({ "api_key": "right" }), &request)), wanted);
}

#[test]
fn the_right_key_is_answered_and_none_is_refused() {
    let statuses = |request: &[u8]| -> Vec<u16> {
        all(json!({ "api_key": "right" }), request).iter().map(|(_, answer)| answer.status).collect()
    };
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(statuses(&completion(Some("right"), body)), [200; 6]);
    assert_eq!(statuses(&completion(None, body)), [401, 401, 401, 500, 401, 401]);
    assert_eq!(statuses(&get("/v1/models")), [401, 200, 200, 500, 401, 200]);
}

#[test]
fn models_are_owned_as_each_kind_has_it() {
    let answers = all(json!({}), &get("/v1/models"));
    let owners: Vec<Value> = answers.iter().map(|(_, answer)| answer.json()["data"][1]["owned_by"].clone()).collect();
    assert_eq!(owners, ["openai", "lamb_v4", "library", "openai", "vllm", "llamacpp"]);
}

#[test]
fn each_kind_has_its_own_pages_and_its_own_way_of_not_having_one() {
    let statuses =
        |path: &str| -> Vec<u16> { all(json!({}), &get(path)).iter().map(|(_, answer)| answer.status).collect() };
    assert_eq!(statuses("/status"), [404, 200, 404, 404, 404, 404]);
    assert_eq!(statuses("/api/tags"), [404, 200, 200, 404, 404, 404]);
    assert_eq!(statuses("/version"), [404, 200, 404, 404, 200, 404]);
    assert_eq!(statuses("/props"), [404, 200, 404, 404, 404, 200]);
    assert_eq!(statuses("/health/liveliness"), [404, 200, 404, 200, 404, 404]);
    let lamb = once(endpoint(json!({ "kind": "lamb" })).addr(), &get("/health"));
    assert_eq!((lamb.status, lamb.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let tags = once(endpoint(json!({ "kind": "ollama" })).addr(), &get("/api/tags")).json();
    assert_eq!(tags["models"][0]["name"], "a");
}

#[test]
fn a_body_that_asks_for_nothing_is_refused() {
    let statuses = |body: &str| -> Vec<u16> {
        all(json!({}), &completion(None, body)).iter().map(|(_, answer)| answer.status).collect()
    };
    assert_eq!(statuses("{"), [400; 6]);
    assert_eq!(statuses(r#"{"messages":[{"role":"user","content":"hi"}]}"#), [400; 6]);
    assert_eq!(statuses(r#"{"model":"m","messages":[]}"#), [400, 500, 400, 400, 400, 400]);
}

#[test]
fn max_tokens_and_n_count_except_for_lamb() {
    let request = ask("m", json!({ "max_tokens": 2, "n": 2 }));
    let answers = all(json!({ "tokens": 5 }), &request);
    let facts = |answer: &Answer| {
        let body = answer.json();
        let choices = body["choices"].as_array().expect("choices").len();
        let finish = body["choices"][0]["finish_reason"].as_str().expect("a reason").to_owned();
        (choices, finish, body["usage"]["completion_tokens"].as_u64())
    };
    for (kind, answer) in answers {
        let wanted = if kind == "lamb" { (1, "stop".into(), Some(5)) } else { (2, "length".into(), Some(4)) };
        assert_eq!(facts(&answer), wanted, "{kind}");
    }
}

#[test]
fn only_lamb_tells_usage_in_a_stream_unasked() {
    let usage = |more: Value| -> Vec<bool> {
        let answers = all(json!({}), &ask("m", more));
        answers.iter().map(|(_, answer)| answer.body.contains("\"completion_tokens\":3")).collect()
    };
    assert_eq!(usage(json!({ "stream": true })), [false, true, false, false, false, false]);
    let asked = json!({ "stream": true, "stream_options": { "include_usage": true } });
    assert_eq!(usage(asked), [true; 6]);
}

#[test]
fn every_choice_of_a_stream_gets_its_tokens() {
    let answer = once(endpoint(json!({})).addr(), &ask("m", json!({ "stream": true, "n": 3 })));
    let chunks: Vec<Value> = answer.events().iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
    let contents = |choice: u64| {
        let mine = chunks.iter().filter(|chunk| chunk["choices"][0]["index"] == choice);
        mine.filter(|chunk| chunk["choices"][0]["delta"]["content"].as_str().is_some_and(|text| !text.is_empty()))
            .count()
    };
    assert_eq!([contents(0), contents(1), contents(2)], [3, 3, 3]);
}

#[test]
fn ollama_tells_the_role_in_every_chunk() {
    let answer = once(endpoint(json!({ "kind": "ollama" })).addr(), &ask("m", json!({ "stream": true })));
    let chunks: Vec<Value> = answer.events().iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
    assert_eq!(chunks.len(), 4);
    assert!(chunks.iter().all(|chunk| chunk["choices"][0]["delta"]["role"] == "assistant"));
}

#[test]
fn an_assistant_of_lamb_is_reached_by_its_own_path() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    let request = post("/creator/assistant/58/chat/completions", "", body);
    assert_eq!(once(endpoint(json!({ "kind": "lamb" })).addr(), &request).json()["object"], "chat.completion");
}
