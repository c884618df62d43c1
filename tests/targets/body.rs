//! `[request]`: the body as the server reads it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::ran::{Ran, column};
use crate::server::{Asked, Server};

/// A run of so many users; what the server was asked.
fn asked(top: &str, rest: &str) -> (Vec<Asked>, Ran) {
    let server = Server::hello();
    let ran = Ran::target(top, &format!("url = \"{}\"", server.url()), rest).passed();
    (server.chats(), ran)
}

#[test]
fn a_body_is_model_messages_and_stream_and_nothing_else() {
    let (asked, _) = asked("users = [1]", "");
    let body = |n: u32| {
        let content = format!("Say hello. (request {n})");
        json!({ "model": "m", "messages": [{ "role": "user", "content": content }], "stream": false })
    };
    assert_eq!(asked.into_iter().map(|asked| asked.body).collect::<Vec<_>>(), [body(0), body(1)]);
}

#[test]
fn every_other_key_is_passed_through_as_it_is() {
    let rest = r#"
[request]
max_tokens = 400
temperature = 0.25
top_p = 1.0
seed = 42
stop = ["\n\n", "END"]
logprobs = true
user = "ann"
logit_bias = { "50256" = -100 }
response_format = { type = "json_schema", json_schema = { name = "x", schema = { type = "object" } } }
metadata = { deep = [[1, 2], [{ a = "b" }]] }
cache_bust = "off"
system = "You are terse.""#;
    let (asked, ran) = asked("users = [1]", rest);
    let expected = json!({
        "model": "m",
        "messages": [{ "role": "system", "content": "You are terse." }, { "role": "user", "content": "Say hello." }],
        "stream": false,
        "max_tokens": 400,
        "temperature": 0.25,
        "top_p": 1.0,
        "seed": 42,
        "stop": ["\n\n", "END"],
        "logprobs": true,
        "user": "ann",
        "logit_bias": { "50256": -100 },
        "response_format": { "type": "json_schema", "json_schema": { "name": "x", "schema": { "type": "object" } } },
        "metadata": { "deep": [[1, 2], [{ "a": "b" }]] },
    });
    assert_eq!(asked.into_iter().map(|asked| asked.body).collect::<Vec<_>>(), [expected.clone(), expected.clone()]);
    // The scenario that the run wrote down asks for the same.
    let server = Server::hello();
    let text = ran.file("scenario.toml");
    let old = ran.manifest()["targets"][0]["url"].as_str().unwrap().to_owned();
    let again = Ran::within(crate::support::Folder::new(), &text.replace(&old, &server.url()), &[], &[]).passed();
    assert_eq!(server.chats().into_iter().map(|asked| asked.body).collect::<Vec<_>>(), [expected.clone(), expected]);
    drop(again);
}

#[test]
fn a_streaming_request_asks_for_token_counts_unless_the_scenario_says_otherwise() {
    for (options, sent) in [
        ("", json!({ "include_usage": true })),
        ("stream_options = { include_usage = false }", json!({ "include_usage": false })),
        ("stream_options = { other = 1 }", json!({ "other": 1, "include_usage": true })),
    ] {
        let (asked, ran) = asked("users = [2]", &format!("[request]\nstream = true\n{options}"));
        for asked in &asked {
            assert_eq!((&asked.body["stream"], &asked.body["stream_options"]), (&Value::Bool(true), &sent));
        }
        assert!(ran.load().iter().all(|row| !row["ttft_ms"].is_empty()));
    }
}

#[test]
fn the_flag_that_streams_does_the_same() {
    let server = Server::hello();
    let text = crate::support::scenario("users = [1]", &format!("url = \"{}\"", server.url()), "");
    Ran::within(crate::support::Folder::new(), &text, &["--stream"], &[]).passed();
    assert!(server.chats().iter().all(|asked| asked.body["stream"] == true));
}

/// What was said by pre-flight, and by the load in the order of its numbers.
fn said(asked: &[Asked]) -> (String, BTreeSet<String>) {
    (asked[0].said().to_owned(), asked[1..].iter().map(|asked| asked.said().to_owned()).collect())
}

#[test]
fn each_way_of_being_unique_counts_over_the_run_from_1_and_pre_flight_is_0() {
    // Two cases of 2 and 3 users after one warm-up each: 1 + 2 + 1 + 3.
    let numbers = 1..=7;
    for (form, write) in [
        ("suffix", &(|n: u32, _: &str| format!("Say hello. (request {n})")) as &dyn Fn(u32, &str) -> String),
        ("prefix", &|n, run| format!("[{run} {n}] Say hello.")),
        ("user", &|n, _| format!("User {n}: Say hello.")),
        ("off", &|_, _| "Say hello.".to_owned()),
    ] {
        let rest = format!("[request]\ncache_bust = \"{form}\"\n[warmup]\nrequests = 1");
        let (asked, ran) = asked("users = [2, 3]", &rest);
        assert_eq!(asked.len(), 8);
        let run = ran.manifest()["run_id"].as_str().unwrap().to_owned();
        assert_eq!(run, ran.path().file_name().unwrap().to_string_lossy());
        let load: BTreeSet<String> = numbers.clone().map(|n| write(n, &run)).collect();
        assert_eq!(said(&asked), (write(0, &run), load));
    }
}

#[test]
fn without_a_prompt_the_ancestors_question_is_asked_in_the_ancestors_way() {
    let server = Server::hello();
    let text = format!("models = [\"m\"]\nusers = [2]\n[targets.t]\nurl = \"{}\"\n", server.url());
    Ran::within(crate::support::Folder::new(), &text, &[], &[]).passed();
    let question = |n: u32| format!("User {n}: Say hello in exactly one word.");
    assert_eq!(said(&server.chats()), (question(0), [question(1), question(2)].into()));
}

#[test]
fn only_the_last_user_message_is_made_unique_and_a_system_message_comes_first() {
    let server = Server::hello();
    let folder = crate::support::Folder::new();
    let conversation = json!({ "messages": [
        { "role": "user", "content": "a" }, { "role": "assistant", "content": "b" }, { "role": "user", "content": "c" },
    ] });
    folder.write("talk.jsonl", &format!("{conversation}\n"));
    let text = format!(
        "models = [\"m\"]\nusers = [1]\nprompts = [{{ jsonl = \"talk.jsonl\" }}]\n[request]\nsystem = \"s\"\n[targets.t]\nurl = \"{}\"\n",
        server.url()
    );
    let ran = Ran::within(folder, &text, &[], &[]).passed();
    let messages = json!([
        { "role": "system", "content": "s" }, { "role": "user", "content": "a" },
        { "role": "assistant", "content": "b" }, { "role": "user", "content": "c (request 1)" },
    ]);
    assert_eq!(server.chats()[1].body["messages"], messages);
    assert_eq!(column(&ran.load(), "outcome"), ["ok"]);
}
