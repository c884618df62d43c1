//! Whole answers, not streamed, and the scenario's own expectations.

use lamb_load::scenario::plan::{AnswerSpec, ServerKind};
use regex::Regex;

use super::hostile::packed;
use super::script::{Act, Ask, Script, chunked, document, plain, whole};
use super::{Behaviour, hold};

const JSON: &str = "application/json";
const ANSWER: &str = r#"{"id":"x","model":"m","system_fingerprint":"fp_1","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
const ROW: &str = "ok 200 stop | m fp_1 | in 3 out 2 | 5 chars | latency";

fn case(name: &'static str, script: Script, row: &'static str) -> Behaviour {
    Behaviour { name, ask: whole(), script, row }
}

fn message(message: &str) -> Script {
    let body = format!(r#"{{"model":"m","choices":[{{"index":0,"message":{message},"finish_reason":"stop"}}]}}"#);
    document(JSON, body)
}

#[tokio::test]
async fn whole_answers() {
    let (head, tail) = ANSWER.split_at(40);
    let spaced = format!("\u{feff}\n\n  {ANSWER}\n");
    let behaviours = vec![
        case("of known length", document(JSON, ANSWER), ROW),
        case("in chunks", chunked(JSON, &[head, tail]), ROW),
        case("with a charset", document("application/json; charset=utf-8", ANSWER), ROW),
        case("of a type that ends in +json", document("application/vnd.api+json", ANSWER), ROW),
        case("without a type", plain("200 OK", "", ANSWER), ROW),
        case("declared as text/plain", document("text/plain", ANSWER), ROW),
        case("behind a byte order mark and blank lines", document(JSON, &spaced), ROW),
        case(
            "with status 201",
            plain("201 Created", "Content-Type: application/json\r\n", ANSWER),
            "ok 201 stop | m fp_1 | in 3 out 2 | 5 chars | latency",
        ),
        case(
            "HTTP/1.0 without a length",
            Script(vec![Act::Say(format!("HTTP/1.0 200 OK\r\nContent-Type: {JSON}\r\n\r\n{ANSWER}").into_bytes())]),
            ROW,
        ),
        case(
            "after 100 Continue",
            Script([vec![Act::Say(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())], document(JSON, ANSWER).0].concat()),
            ROW,
        ),
        case(
            "packed with gzip, though identity was asked for",
            plain("200 OK", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", packed(ANSWER.as_bytes())),
            ROW,
        ),
        case(
            "packed, and broken off within its proper framing",
            plain("200 OK", "Content-Encoding: gzip\r\n", &packed(ANSWER.as_bytes())[..60]),
            "truncated 200 | the gzip stream breaks off",
        ),
        case("only a refusal", message(r#"{"content":null,"refusal":"No."}"#), "ok 200 stop | m | 3 chars | latency"),
        case(
            "only a tool call",
            message(
                r#"{"content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]}"#,
            ),
            "ok 200 stop | m | 3 chars | latency",
        ),
        case(
            "content as parts",
            message(r#"{"content":[{"type":"text","text":"Hel"},{"type":"text","text":"lo"}]}"#),
            "ok 200 stop | m | 5 chars | latency",
        ),
        case(
            "LAMB's bypass connector: usage of 0 is none",
            document(
                JSON,
                r#"{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}"#,
            ),
            "ok 200 stop | 2 chars | latency",
        ),
        case(
            "error: null beside an answer",
            document(
                JSON,
                r#"{"error":null,"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#,
            ),
            "ok 200 stop | 2 chars | latency",
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn whole_bodies_that_are_no_answer_though_their_status_is_200() {
    let behaviours = vec![
        case("empty", document(JSON, ""), "malformed 200 | an empty body"),
        case("{}", document(JSON, "{}"), "malformed 200 | JSON without choices: {}"),
        case("null", document(JSON, "null"), "malformed 200 | neither JSON nor events: null"),
        case(
            "no choices",
            document(JSON, r#"{"model":"m"}"#),
            "malformed 200 | m | JSON without choices: {\"model\":\"m\"}",
        ),
        case(
            "choices empty",
            document(JSON, r#"{"model":"m","choices":[]}"#),
            "empty 200 | m | a proper end and no output (finish_reason none)",
        ),
        case(
            "content null",
            message(r#"{"content":null}"#),
            "empty 200 stop | m | a proper end and no output (finish_reason stop)",
        ),
        case(
            "content empty",
            message(r#"{"content":""}"#),
            "empty 200 stop | m | a proper end and no output (finish_reason stop)",
        ),
        case(
            "no finish_reason",
            document(JSON, r#"{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":null}]}"#),
            "truncated 200 | 2 chars | ended without a finish_reason",
        ),
        case(
            "JSON that breaks off, in a body that does not",
            document(JSON, r#"{"choices":[{"index":0,"mess"#),
            "malformed 200 | JSON that breaks off: {\"choices\":[{\"index\":0,\"mess",
        ),
        case(
            "an error payload",
            document(JSON, r#"{"error":{"message":"boom","type":"server_error"}}"#),
            "error_in_body 200 | boom (server_error)",
        ),
        case("an error as a string", document(JSON, r#"{"error":"boom"}"#), "error_in_body 200 | boom"),
        case("an error in an array", document(JSON, r#"[{"error":{"message":"boom"}}]"#), "error_in_body 200 | boom"),
        case("FastAPI's detail", document(JSON, r#"{"detail":"Not Found"}"#), "error_in_body 200 | Not Found"),
        case(
            "a web page",
            document("text/html", "<!doctype html><title>LAMB</title>"),
            "malformed 200 | HTML where an answer was due: <!doctype html><title>LAMB</title>",
        ),
        case(
            "a web page declared as JSON",
            document(JSON, "<html>"),
            "malformed 200 | HTML where an answer was due: <html>",
        ),
        case(
            "JSON declared as a web page",
            document("text/html", ANSWER),
            "malformed 200 stop | m fp_1 | in 3 out 2 | 5 chars | JSON declared as text/html",
        ),
        case(
            "another protocol's answer",
            document("application/x-ndjson", "{\"message\":{\"content\":\"Hi\"},\"done\":false}\n{\"done\":true}\n"),
            r#"malformed 200 | not JSON: {"message":{"content":"Hi"},"done":false}\n{"done":true}"#,
        ),
        case("plain text", document("text/plain", "OK"), "malformed 200 | neither JSON nor events: OK"),
        case("no content", plain("204 No Content", "", ""), "malformed 204 | an empty body"),
        case(
            "the body is cut",
            Script(vec![Act::Say(format!("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{ANSWER}").into_bytes())]),
            "truncated 200 stop | m fp_1 | in 3 out 2 | 5 chars | the connection ended before the answer did: its \
             length is not reached",
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn lamb_delivers_failures_of_its_upstream_as_answers() {
    let body = r#"{"id":"ollama-1","model":"llama3","choices":[{"index":0,"message":{"role":"assistant","content":"[Ollama Error] Connection error for model llama3: Cannot connect"},"finish_reason":"stop"}],"usage":{"prompt_tokens":-1,"completion_tokens":-1,"total_tokens":-1}}"#;
    let behaviours = vec![Behaviour {
        name: "Ollama behind LAMB is down",
        ask: Ask { kind: ServerKind::Lamb, ..whole() },
        script: document(JSON, body),
        row: "error_in_body 200 stop | llama3 | 64 chars | [Ollama Error] Connection error for model llama3: Cannot connect",
    }];
    hold(behaviours).await;
}

#[tokio::test]
async fn an_answer_is_held_against_the_scenarios_expectations() {
    let spec = |change: fn(&mut AnswerSpec)| {
        let mut answer = AnswerSpec::default();
        change(&mut answer);
        Ask { answer, ..whole() }
    };
    let regex = |pattern: &str| Regex::new(pattern).unwrap();
    let _ = regex;
    let case = |name, ask, row| Behaviour { name, ask, script: document(JSON, ANSWER), row };
    let behaviours = vec![
        case(
            "all met",
            spec(|answer| {
                answer.must_match = vec![Regex::new("(?i)HELLO").unwrap()];
                answer.must_not_match = vec![Regex::new("^Error").unwrap()];
                answer.min_chars = Some(5);
                answer.finish_reason = vec!["length".to_owned(), "stop".to_owned()];
                answer.model = Some("m".to_owned());
            }),
            ROW,
        ),
        case(
            "must_match",
            spec(|answer| answer.must_match = vec![Regex::new("Hello").unwrap(), Regex::new("ocean").unwrap()]),
            "unexpected_answer 200 stop | m fp_1 | in 3 out 2 | 5 chars | does not match `ocean`: Hello",
        ),
        case(
            "must_not_match",
            spec(|answer| answer.must_not_match = vec![Regex::new("lo$").unwrap()]),
            "unexpected_answer 200 stop | m fp_1 | in 3 out 2 | 5 chars | matches `lo$`: Hello",
        ),
        case(
            "min_chars",
            spec(|answer| answer.min_chars = Some(6)),
            "unexpected_answer 200 stop | m fp_1 | in 3 out 2 | 5 chars | has 5 characters, fewer than 6: Hello",
        ),
        case(
            "finish_reason",
            spec(|answer| answer.finish_reason = vec!["length".to_owned()]),
            "unexpected_answer 200 stop | m fp_1 | in 3 out 2 | 5 chars | finish_reason stop, not length",
        ),
        case(
            "model: the server fell back to another without a word",
            spec(|answer| answer.model = Some("gpt-4o".to_owned())),
            "wrong_model 200 stop | m fp_1 | in 3 out 2 | 5 chars | answered by m, not gpt-4o",
        ),
    ];
    hold(behaviours).await;
}
