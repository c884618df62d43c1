//! `server` and `mock`: who answers, what is made of its words, and an endpoint of our own where there is none.

use crate::ran::{Ran, column};
use crate::server::{Server, listing, saying};
use crate::support::{QUICK, outcomes};

const KINDS: [&str; 6] = ["openai", "lamb", "ollama", "litellm", "vllm", "llama_cpp"];

fn mock(kind: &str, more: &str) -> String {
    format!("mock = {{ first_token = \"5ms\", per_token = \"1ms\", tokens = 4, kind = \"{kind}\" }}\n{more}")
}

#[test]
fn every_kind_is_recognised_by_what_it_says_of_itself() {
    // The endpoint's OpenAI is whatever speaks like it: nothing betrays the company itself.
    for (kind, known) in KINDS.map(|kind| (kind, if kind == "openai" { "auto" } else { kind })) {
        for rest in ["", "[request]\nstream = true"] {
            let ran = Ran::target("users = [2]", &mock(kind, ""), rest).passed();
            assert_eq!(ran.manifest()["targets"][0]["server"], known, "{rest}");
            assert!(ran.done.out.contains(&format!("(server: {known})")), "{}", ran.done.out);
            assert_eq!(column(&ran.load(), "tokens_out"), ["4", "4"], "{kind} {rest}");
        }
    }
}

#[test]
fn a_kind_that_is_named_is_not_guessed() {
    for kind in KINDS {
        let ran = Ran::target("users = [1]", &mock("lamb", &format!("server = \"{kind}\"")), "").passed();
        assert_eq!(ran.manifest()["targets"][0]["server"], kind);
    }
}

#[test]
fn nobody_in_particular_stays_auto_and_the_company_is_known_by_its_models() {
    for (owner, known) in [("somebody", "auto"), ("openai-internal", "openai")] {
        let server = Server::answering(move |asked| {
            let (status, kind, body) = saying("Hello.", asked);
            (status, kind, body.replace("somebody", owner))
        });
        let ran = Ran::target("users = [1]", &format!("url = \"{}\"", server.url()), "").passed();
        assert_eq!(ran.manifest()["targets"][0]["server"], known);
    }
}

#[test]
fn the_kind_decides_what_is_an_error_delivered_as_an_answer() {
    // Well in pre-flight, ill under load.
    let server = || {
        Server::answering(|asked| match asked.said().contains("(request 0)") {
            true => saying("Hello.", asked),
            false => saying("[Ollama Error] Connection error for model x", asked),
        })
    };
    for (kind, exit, outcome) in [("lamb", 1, "error_in_body"), ("openai", 0, "ok")] {
        let server = server();
        let target = format!("url = \"{}\"\nserver = \"{kind}\"", server.url());
        let ran = Ran::target("users = [3]", &target, "");
        assert_eq!(ran.done.code, Some(exit), "{}", ran.done.said());
        assert_eq!(outcomes(&ran.load()), [(outcome.to_owned(), 3)].into());
    }
}

#[test]
fn what_a_kind_drops_without_a_word_is_told() {
    let ran = Ran::target("users = [1]", &mock("lamb", ""), "[request]\nmax_tokens = 2\nseed = 7").passed();
    let notes = ran.notes().to_string();
    assert!(notes.contains("LAMB drops max_tokens, seed without a word"), "{notes}");
    let ran = Ran::target("users = [1]", &mock("vllm", ""), "[request]\nmax_tokens = 2").passed();
    assert_eq!(column(&ran.load(), "tokens_out"), ["2"], "vLLM honours it");
}

#[test]
fn the_models_that_a_server_lists_are_kept_and_one_that_is_missing_is_a_note() {
    let server = Server::answering(|asked| match asked.method.as_str() {
        "GET" => listing(&["other", "another"]),
        _ => saying("Hello.", asked),
    });
    let ran = Ran::target("users = [2]", &format!("url = \"{}\"", server.url()), "").passed();
    let models = ran.manifest()["targets"][0]["models"].clone();
    let ids: Vec<&str> = models.as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["other", "another"]);
    assert_eq!(ran.notes(), serde_json::json!(["the server does not list m; whether it answers is what counts"]));
}

#[test]
fn the_embedded_endpoint_is_what_its_table_says() {
    let key = "mock = { first_token = \"5ms\", tokens = 3, api_key = \"${THE_KEY:-let-me-in-1}\" }\napi_key = \"let-me-in-1\"";
    let ran = Ran::target("users = [3]", key, "").passed();
    assert_eq!(column(&ran.load(), "tokens_out"), ["3"; 3]);
    assert!(!ran.tells("let-me-in-1"));
    assert_eq!(
        (&ran.manifest()["targets"][0]["embedded"], &ran.manifest()["targets"][0]["url"]),
        (&true.into(), &().into())
    );

    let faulty = "mock = { first_token = \"5ms\", tokens = 3, faults = { status_429 = \"100%\" } }";
    let ran = Ran::target("users = [3]", faulty, "[preflight]\nrequests = 0");
    assert_eq!(ran.done.code, Some(1), "{}", ran.done.said());
    assert_eq!(outcomes(&ran.load()), [("rate_limited".to_owned(), 3)].into());
}

#[test]
fn its_slots_make_a_queue() {
    // One answer at a time, each of 20 ms or more: whenever they were asked, four of them take four times as long.
    let queue = "mock = { first_token = \"20ms\", per_token = \"0ms\", tokens = 1, slots = 1 }";
    let ran = Ran::target("users = [4]", queue, "").passed();
    let rows = ran.load();
    let ms = |name: &str| column(&rows, name).into_iter().map(|cell| cell.parse::<f64>().unwrap()).collect::<Vec<_>>();
    let first = ms("sent_ms").into_iter().fold(f64::MAX, f64::min);
    let last = ms("end_ms").into_iter().fold(0.0, f64::max);
    assert!(last - first >= 80.0, "from {first} to {last}");
}

#[test]
fn several_targets_are_each_their_own() {
    let server = Server::hello();
    let rest = format!("[targets.u]\nurl = \"{}\"\nconnections = \"cold\"", server.url());
    let ran = Ran::target("users = [2]", QUICK, &rest).passed();
    assert_eq!(column(&ran.load(), "target"), ["t", "t", "u", "u"]);
    assert_eq!(server.chats().len(), 3);
    let targets = ran.manifest()["targets"].clone();
    assert_eq!((&targets[0]["connections"], &targets[1]["connections"]), (&"warm".into(), &"cold".into()));
}
