//! The embedded endpoint, held against raw sockets.

#[path = "mock/client.rs"]
mod client;
#[path = "mock/golden.rs"]
mod golden;
#[path = "mock/kinds.rs"]
mod kinds;
#[path = "mock/log.rs"]
mod log;

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

#[test]
fn a_fault_that_does_not_exist_says_so() {
    let endpoint = endpoint(json!({}));
    let answer = once(endpoint.addr(), &ask("fault.status_492", json!({})));
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("did you mean status_429?"), "{}", answer.body);
}

#[test]
fn a_share_of_everything_is_everything() {
    let endpoint = endpoint(json!({ "faults": { "status_503": "100%" } }));
    assert_eq!([(); 5].map(|()| once(endpoint.addr(), &ask("m", json!({}))).status), [503; 5]);
}

#[test]
fn an_error_can_hold_the_key_that_was_sent() {
    let endpoint = endpoint(json!({}));
    let body = r#"{"model":"fault.key_in_error","messages":[{"role":"user","content":"hi"}]}"#;
    let answer = once(endpoint.addr(), &post("/v1/chat/completions", "authorization: Bearer sk-sesame\r\n", body));
    assert!(answer.status == 401 && answer.body.contains("sk-sesame"), "{}", answer.body);
}

#[test]
fn an_http_1_0_client_gets_no_chunks() {
    let endpoint = endpoint(json!({}));
    let old = |request: Vec<u8>| String::from_utf8(request).expect("text").replace("HTTP/1.1", "HTTP/1.0").into_bytes();
    let (text, _) = until_close(endpoint.addr(), &old(ask("m", json!({ "stream": true }))));
    assert!(!text.contains("chunked") && text.ends_with("data: [DONE]\n\n"), "{text}");
    let (text, _) = until_close(endpoint.addr(), &old(ask("m", json!({}))));
    assert!(text.contains("content-length") && text.ends_with('}'), "{text}");
}

#[test]
fn llama_cpp_closes_after_a_stream_and_after_a_hundred_requests() {
    let endpoint = endpoint(json!({ "kind": "llama_cpp" }));
    let end = |stream: &mut std::net::TcpStream| std::io::Read::read(stream, &mut [0]).expect("a proper end");
    let mut stream = connect(endpoint.addr());
    assert_eq!(exchange(&mut stream, &ask("m", json!({ "stream": true }))).status, 200);
    assert_eq!(end(&mut stream), 0);
    let mut stream = connect(endpoint.addr());
    for _ in 0..100 {
        assert_eq!(exchange(&mut stream, &ask("m", json!({}))).status, 200);
    }
    assert_eq!(end(&mut stream), 0);
}

#[test]
fn an_idle_connection_is_closed_when_its_time_is_over() {
    let endpoint = endpoint(json!({ "idle_close": "20ms" }));
    let mut stream = connect(endpoint.addr());
    assert_eq!(exchange(&mut stream, &ask("m", json!({}))).status, 200);
    assert_eq!(std::io::Read::read(&mut stream, &mut [0]).expect("a proper end"), 0);
}

#[test]
fn dropping_the_handle_closes_every_connection_and_frees_the_port() {
    let endpoint = endpoint(json!({ "first_token": "1h" }));
    let addr = endpoint.addr();
    let mut waiting = connect(addr);
    std::io::Write::write_all(&mut waiting, &ask("m", json!({}))).expect("the request goes out");
    let mut idle = connect(addr);
    drop(endpoint);
    for stream in [&mut waiting, &mut idle] {
        // An end or a reset, as the request was read or not; but no answer, and no waiting.
        assert!(!matches!(std::io::Read::read(stream, &mut [0]), Ok(1..)));
    }
    std::net::TcpListener::bind(addr).expect("the port is free");
}

#[test]
fn serving_in_the_foreground_ends_when_it_is_told_to() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (told, addr) = std::sync::mpsc::channel();
    let settings = Settings::from_json(json!({ "first_token": "0s", "per_token": "0s" })).expect("right settings");
    let options = StartOptions::default();
    let stop = async {
        let addr = addr.recv().expect("an address");
        assert_eq!(once(addr, &ask("m", json!({}))).status, 200);
    };
    let ready = |addr| told.send(addr).expect("somebody listens");
    let lateness = runtime.block_on(lamb_load::mock::serve_until(settings, Vec::new(), &options, ready, stop));
    assert_eq!(lateness.expect("a proper end").writes, 1);
}
