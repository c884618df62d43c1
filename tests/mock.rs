//! The embedded endpoint, held against raw sockets.

#[path = "mock/client.rs"]
mod client;

use lamb_load::mock::{Handle, Settings, StartOptions, start};
use serde_json::{Value, json};

use client::{ask, connect, exchange, get, once, post, until_close};

/// An endpoint that is as fast as it can be, unless the settings say otherwise.
fn endpoint(settings: Value) -> Handle {
    let mut all = json!({ "first_token": "0s", "per_token": "0s", "tokens": 3 });
    for (key, value) in settings.as_object().expect("an object") {
        all[key] = value.clone();
    }
    let settings = Settings::from_json(all).expect("right settings");
    start(settings, vec!["a".into(), "b".into()], &StartOptions::default()).expect("an endpoint")
}

#[test]
fn a_plain_answer_has_words_and_usage_and_echoes_nothing() {
    let endpoint = endpoint(json!({}));
    let answer = once(endpoint.addr(), &ask("any", json!({})));
    let body = answer.json();
    assert_eq!(answer.status, 200);
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], "any");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    let content = body["choices"][0]["message"]["content"].as_str().expect("content");
    assert_eq!(content.split_whitespace().count(), 3);
    assert!(!answer.body.contains("hello"));
    assert_eq!(
        body["usage"],
        json!({ "prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7, "prompt_tokens_details": { "cached_tokens": 0 } })
    );
}

#[test]
fn a_stream_is_role_tokens_finish_usage_and_done() {
    let endpoint = endpoint(json!({}));
    let body = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let answer = once(endpoint.addr(), &ask("any", body));
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let mut events = answer.events();
    assert_eq!(events.pop(), Some("[DONE]"));
    let chunks: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).expect("JSON")).collect();
    let deltas: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    assert_eq!(deltas[0], &json!({ "role": "assistant", "content": "" }));
    assert!(deltas[1..4].iter().all(|delta| delta["content"].as_str().is_some_and(|text| !text.is_empty())));
    assert_eq!((deltas[4], &chunks[4]["choices"][0]["finish_reason"]), (&json!({}), &json!("stop")));
    assert_eq!((&chunks[5]["choices"], &chunks[5]["usage"]["completion_tokens"]), (&json!([]), &json!(3)));
    assert_eq!(chunks.len(), 6);
}

#[test]
fn a_connection_serves_one_request_after_another_until_told_to_close() {
    let endpoint = endpoint(json!({}));
    let mut stream = connect(endpoint.addr());
    for _ in 0..3 {
        assert_eq!(exchange(&mut stream, &ask("any", json!({}))).status, 200);
        assert_eq!(exchange(&mut stream, &ask("any", json!({ "stream": true }))).status, 200);
    }
    let last = exchange(&mut stream, &post("/v1/chat/completions", "connection: close\r\n", "{"));
    assert_eq!((last.status, last.header("connection")), (400, Some("close")));
    assert_eq!(std::io::Read::read(&mut stream, &mut [0]).expect("a proper end"), 0);
}

#[test]
fn the_models_given_are_listed() {
    let endpoint = endpoint(json!({}));
    let body = once(endpoint.addr(), &get("/v1/models")).json();
    let names: Vec<&str> = body["data"].as_array().expect("a list").iter().filter_map(|m| m["id"].as_str()).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn an_answer_to_a_request_that_closes_is_all_there_before_the_end() {
    let endpoint = endpoint(json!({}));
    let (text, reset) = until_close(endpoint.addr(), &post("/v1/chat/completions", "connection: close\r\n", "{"));
    assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n") && text.ends_with('}') && !reset, "{text}");
}
