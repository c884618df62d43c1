//! What `check` says: the plan in words, and advice.

use std::fs;
use std::path::Path;

use lamb_load::scenario::describe::{describe, describe_origins, longest, requests};
use lamb_load::scenario::{Overrides, Resolved, load};

fn resolved(folder: &Path, text: &str) -> Resolved {
    let path = folder.join("lecture.toml");
    fs::write(&path, text).unwrap();
    let lookup = |name: &str| match name {
        "LAMB_API_KEY" => Some("a-key".to_owned()),
        "https_proxy" => Some("http://me:pw@proxy:3128".to_owned()),
        _ => None,
    };
    load(&path, &Overrides::default(), &lookup).unwrap_or_else(|problems| panic!("{problems}"))
}

fn without(folder: &Path, text: &str) -> String {
    let real = folder.canonicalize().unwrap();
    text.replace(&format!("{}/", folder.display()), "").replace(&format!("{}/", real.display()), "")
}

/// Columns as wide as the folder's name happens to be, made one blank wide.
fn squeezed(text: &str) -> String {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(words).collect::<Vec<_>>().join("\n")
}

const LECTURE: &str = r#"description = "A lecture."
seed = 42
models = ["small", "large"]
users = [30, 120]
prompts = [{ file = "essay.md" }, { name = "questions", jsonl = "q.jsonl" }]
timeout = "60s"
repeat = 3
pause = "5s"
[targets.lamb]
url = "https://lamb.example.edu/api"
api_key = "${LAMB_API_KEY}"
proxy = "env"
[targets.demo]
mock = { slots = 4 }
[warmup]
requests = 2
[burst]
spread = "10s"
"#;

fn lecture(folder: &Path) -> Resolved {
    fs::write(folder.join("essay.md"), "Write an essay.\n").unwrap();
    fs::write(
        folder.join("q.jsonl"),
        "{\"prompt\": \"a\"}\n\n{\"messages\": [{\"role\": \"user\", \"content\": \"b\"}]}\n",
    )
    .unwrap();
    resolved(folder, LECTURE)
}

#[test]
fn a_plan_is_told_in_words_and_with_what_it_reads_and_where_it_sends() {
    let folder = tempfile::tempdir().unwrap();
    let lecture = lecture(folder.path());
    insta::assert_snapshot!(without(folder.path(), &describe(&lecture)), @r"
    lecture: A lecture.
      cases      8, 3 rounds each
      requests   1820 (1800 load, 16 warm-up, 4 pre-flight)
      at once    120 connections at most
      longest    1h 1m 55s if every request runs into its timeout
      seed       42
      gates      success_rate >= 90%
      sends to   lamb (https://lamb.example.edu/api/v1/chat/completions), through proxy:3128
      sends to   demo (the embedded endpoint)
      reads environment LAMB_API_KEY, https_proxy
      reads files lecture.toml, essay.md, q.jsonl

      lamb/small/all/30
      lamb/small/all/120
      lamb/large/all/30
      lamb/large/all/120
      demo/small/all/30
      demo/small/all/120
      demo/large/all/30
      demo/large/all/120
    ");
}

#[test]
fn requests_and_the_longest_time_are_sums_that_can_be_checked_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let plan = lecture(folder.path()).plan;
    // 2 targets × 2 models × (30 + 120) × 3 rounds; 8 cases × 2; 4 pairs.
    assert_eq!((requests(&plan).load, requests(&plan).warmup, requests(&plan).preflight), (Some(1800), 16, 4));
    // 24 rounds of 10 + 10 + 60 s, 23 pauses of 5 s, 16 warm-ups and 8 looks at a target of 70 s.
    assert_eq!(longest(&plan).as_secs(), 24 * 80 + 23 * 5 + 16 * 70 + 8 * 70);
}

#[test]
fn prompts_have_names_and_are_found_again_from_any_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = lecture(folder.path());
    let names: Vec<&str> = first.plan.cases[0].prompts.iter().map(|prompt| prompt.name.as_str()).collect();
    assert_eq!(names, ["essay", "questions:1", "questions:3"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let again = elsewhere.path().join("scenario.toml");
    fs::write(&again, &first.plan.toml).unwrap();
    let second = load(&again, &Overrides::default(), &|_| Some("http://a-key".to_owned())).unwrap();
    assert_eq!(second.plan.toml, first.plan.toml);
    assert_eq!(second.plan.prompts_hash, first.plan.prompts_hash);
}

#[test]
fn origins_are_one_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let text = "models = [\"m\"]\nusers = [1]\nseed = 1\n[targets.t]\nmock = {}\n";
    insta::assert_snapshot!(squeezed(&without(folder.path(), &describe_origins(&resolved(folder.path(), text)))), @r#"
    lecture.toml:3 seed = 1
    lecture.toml:1 models = ["m"]
    lecture.toml:2 users = [1]
    default prompts = ["Say hello in exactly one word."]
    default order = "sequential"
    default repeat = 1
    default pause = "0s"
    default targets.t.server = "auto"
    default targets.t.connections = "warm"
    lecture.toml:5 targets.t.mock = {}
    default request.stream = false
    default request.cache_bust = "user"
    default timeouts.connect = "10s"
    default timeouts.total = "180s"
    default warmup.requests = 0
    default preflight.requests = 1
    default preflight.models = true
    default burst.spread = "0s"
    default expect.success_rate = ">= 90%"
    "#);
}

#[test]
fn advice_says_what_was_seen_what_it_may_mean_and_what_to_try() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"models = ["m"]
users = [30]
prompts = ["a", "b"]
[targets.lamb]
url = "http://localhost:9099"
api_key = "sk-abcdefghijklmnop"
server = "lamb"
resolve = { "other:9099" = "127.0.0.1:1" }
[request]
cache_bust = "off"
strem = true
max_tokens = 5
temperature = 0.5
[expect]
latency_p90 = "< 8s"
latency_p99_answered = "< 9s"
"#;
    let said: Vec<String> = resolved(folder.path(), text).advice.iter().map(|one| one.to_string()).collect();
    insta::assert_snapshot!(without(folder.path(), &said.join("\n")), @r#"
    lecture.toml:6:11: targets.lamb.api_key: a literal that looks like a key
      |
    6 | api_key = "*******************"
      |           ^^^^^^^^^^^^^^^^^^^^^
    hint: write "${LAMB_API_KEY}", and export it

    lecture.toml:8:28: targets.lamb.resolve."other:9099": nothing is sent to this name
      |
    8 | resolve = { "other:9099" = "127.0.0.1:1" }
      |                            ^^^^^^^^^^^^^
    hint: the url asks for localhost:9099

    lecture.toml:10:14: request.cache_bust: 30 users share 2 prompts: a prompt cache may answer instead of the model
       |
    10 | cache_bust = "off"
       |              ^^^^^
    hint: remove it to make each message unique, or name more prompts

    lecture.toml:11:9: request.strem: passed through to the server as it is
       |
    11 | strem = true
       |         ^^^^
    hint: did you mean stream?

    lecture.toml:11:9: request.strem: LAMB (lamb) keeps only model, messages and stream, and drops this without a word
       |
    11 | strem = true
       |         ^^^^
    hint: set it in the assistant itself

    lecture.toml:12:14: request.max_tokens: LAMB (lamb) keeps only model, messages and stream, and drops this without a word
       |
    12 | max_tokens = 5
       |              ^
    hint: set it in the assistant itself

    lecture.toml:13:15: request.temperature: LAMB (lamb) keeps only model, messages and stream, and drops this without a word
       |
    13 | temperature = 0.5
       |               ^^^
    hint: set it in the assistant itself

    lecture.toml:16:24: expect.latency_p99_answered: p99 of 30 users: needs 300
       |
    16 | latency_p99_answered = "< 9s"
       |                        ^^^^^^
    hint: repeat = 10 would do; as it is, the gate cannot be decided
    "#);
}

#[test]
fn a_gate_on_enough_pooled_requests_needs_no_advice() {
    let folder = tempfile::tempdir().unwrap();
    let text = |repeat: u32| {
        format!(
            "models = [\"m\"]\nusers = [30]\nrepeat = {repeat}\n[targets.t]\nmock = {{}}\n[expect]\nlatency_p99 = \"< 9s\"\n"
        )
    };
    assert_eq!(resolved(folder.path(), &text(10)).advice, []);
    assert_eq!(resolved(folder.path(), &text(9)).advice.len(), 1);
}

const SEMINAR: &str = r#"seed = 1
models = ["m"]
users = [5, 10]
timeout = "20s"
repeat = 2
[targets.t]
mock = {}
[closed]
think_time = "2s..5s"
"#;

#[test]
fn a_loop_by_count_tells_how_many_requests_and_one_by_time_for_how_long() {
    let folder = tempfile::tempdir().unwrap();
    let by_count = resolved(folder.path(), &format!("{SEMINAR}requests = 101\n"));
    let lines = |resolved: &Resolved| {
        describe(resolved).lines().skip(1).filter(|line| !line.contains("reads")).map(str::to_owned).collect::<Vec<_>>()
    };
    insta::assert_snapshot!(lines(&by_count).join("\n"), @r"
    cases      2, 2 rounds each
    requests   405 (404 load, 1 pre-flight)
    at once    10 connections at most
    longest    38m 20s if every request runs into its timeout
    seed       1
    gates      success_rate >= 90%
    sends to   t (the embedded endpoint)

    t/m/all/closed-5
    t/m/all/closed-10
    ");
    let by_time = resolved(folder.path(), &format!("{SEMINAR}duration = \"5m\"\n"));
    insta::assert_snapshot!(lines(&by_time)[1..4].join("\n"), @r"
    requests   load for 300s a round, 1 pre-flight
    at once    10 connections at most
    longest    23m 0s if every request runs into its timeout
    ");
    // Of 101 requests a user makes at most 21 where there are five, 11 where there are ten.
    let one = 10 + 20;
    assert_eq!(longest(&by_count.plan).as_secs(), 2 * (21 + 11) * (one + 5) + 2 * one);
    assert_eq!(longest(&by_time.plan).as_secs(), 2 * 2 * (300 + one) + 2 * one);
    assert_eq!((requests(&by_time.plan).load, requests(&by_time.plan).all()), (None, None));
}
