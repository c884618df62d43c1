//! Failures in the words of a success, and hostile names.

use super::super::script::{KEY, STOP, USAGE, chunked, content, document, events, framed, play};
use super::*;
use lamb_load::scenario::plan::AnswerSpec;

fn finished(reason: &str) -> String {
    STOP.replace("stop", reason)
}

#[tokio::test]
async fn ends_that_say_failure_in_a_reason() {
    let hi = content("Hi");
    let mut behaviours = Vec::new();
    for (name, reason, row) in [
        (
            "the engine gave the request up",
            "abort",
            "error_in_body 200 | m | 2 chars | 2 events | ttfe ttft ttfo | finish_reason abort",
        ),
        (
            "the model's own network failed",
            "network_error",
            "error_in_body 200 | m | 2 chars | 2 events | ttfe ttft ttfo | finish_reason network_error",
        ),
        (
            "resources ran out in the middle",
            "insufficient_system_resource",
            "error_in_body 200 | m | 2 chars | 2 events | ttfe ttft ttfo | finish_reason insufficient_system_resource",
        ),
        (
            "the null of another language",
            "None",
            "truncated 200 | m | 2 chars | 3 events | ttfe ttft ttfo | [DONE] without a finish_reason",
        ),
        (
            "null as a word",
            "null",
            "truncated 200 | m | 2 chars | 3 events | ttfe ttft ttfo | [DONE] without a finish_reason",
        ),
        ("an error", "error", "error_in_body 200 | m | 2 chars | 2 events | ttfe ttft ttfo | finish_reason error"),
    ] {
        behaviours.push(stream(name, events(&[&hi, &finished(reason), DONE]), row));
    }
    hold(behaviours).await;
}

#[tokio::test]
async fn failures_among_or_beside_good_events() {
    let hi = content("Hi");
    let error = r#"{"error":{"message":""}}"#;
    let behaviours = vec![
        stream(
            "an error without a word, after tokens",
            events(&[&hi, error]),
            r#"error_in_body 200 | m | 2 chars | 2 events | ttfe ttft ttfo | {"message":""}"#,
        ),
        answer(
            "an error without a word, and nothing else",
            document(JSON, error),
            r#"error_in_body 200 | {"message":""}"#,
        ),
        answer(
            "it calls itself an error",
            document(JSON, r#"{"object":"error","message":"","code":40303}"#),
            "error_in_body 200 | an error without a message",
        ),
        stream(
            "an error after the finish_reason",
            events(&[&hi, STOP, r#"{"error":"upstream died"}"#, DONE]),
            "error_in_body 200 stop | m | 2 chars | 3 events | ttfe ttft ttfo | upstream died",
        ),
        answer(
            "an error and an answer in one",
            document(JSON, format!(r#"{{"error":{{"message":"half of it"}},{}"#, &ANSWER[1..])),
            "error_in_body 200 | m | half of it",
        ),
        answer(
            "error: null and then error again",
            document(JSON, format!(r#"{{"error":{{"message":"boom"}},"error":null,{}"#, &ANSWER[1..])),
            "error_in_body 200 | m | boom",
        ),
        stream(
            "event: error without data",
            chunked(SSE, &["event: error\ndata:\n\n"]),
            "error_in_body 200 | 1 events | ttfe | an error without a message",
        ),
        stream(
            "a message that is all that comes",
            events(&[r#"{"message":"Internal failure"}"#, DONE]),
            "error_in_body 200 | 2 events | ttfe | Internal failure",
        ),
        stream(
            "a message after tokens, then [DONE]",
            events(&[&hi, r#"{"message":"Internal failure"}"#, DONE]),
            "error_in_body 200 | m | 2 chars | 3 events | ttfe ttft ttfo | Internal failure",
        ),
        stream(
            "an error in a line that is no event",
            chunked(SSE, &[&framed(&[&hi]).concat(), "{\"error\":{\"message\":\"boom\"}}\n\n"]),
            "truncated 200 | m | 2 chars | 1 events | ttfe ttft ttfo | ended without a finish_reason",
        ),
        stream(
            "the error of another choice",
            events(&[&hi, r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#, DONE]),
            "truncated 200 | m | 2 chars | 3 events | ttfe ttft ttfo | [DONE] without a finish_reason",
        ),
        answer(
            "200 as a word for failure",
            document(JSON, r#"{"success":false,"code":500,"choices":null}"#),
            "empty 200 | a proper end and no output (finish_reason none)",
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn the_model_is_the_one_whose_tokens_came() {
    let ask = |model: &str| Ask {
        answer: AnswerSpec { model: Some(model.to_owned()), ..AnswerSpec::default() },
        ..streamed()
    };
    let other = content("Hi").replace("\"m\"", "\"small\"");
    let stop = STOP.replace("\"m\"", "\"small\"");
    let behaviours = vec![
        Behaviour {
            name: "a gateway adds usage under the name that was asked for",
            ask: ask("m"),
            script: events(&[&other, &stop, USAGE, DONE]),
            row: "wrong_model 200 stop | small | in 3 out 2 | 2 chars | 4 events | ttfe ttft ttfo | answered by small, not m",
        },
        Behaviour {
            name: "a name with everything in it",
            ask: ask("org/m:q4_K_M@v1 🦙, \"x\""),
            script: document(JSON, ANSWER.replace("\"m\"", r#""org/m:q4_K_M@v1 🦙, \"x\"""#)),
            row: "ok 200 stop | org/m:q4_K_M@v1 🦙, \"x\" | 2 chars | latency",
        },
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn a_key_that_comes_back_in_pieces_is_in_no_column() {
    use base64::Engine as _;
    let code = base64::engine::general_purpose::STANDARD.encode(format!("user:{KEY}"));
    let (front, back) = code.split_at(code.len() / 2);
    let (one, two) = KEY.split_at(KEY.len() / 2);
    let spec = AnswerSpec { min_chars: Some(1000), ..AnswerSpec::default() };
    let scripts = [
        events(&[&content(front), &content(back), STOP, DONE]),
        events(&[&content(one), &content(two), STOP, DONE]),
        events(&[&content("x"), &STOP.replace("stop", KEY).replace("\"m\"", &format!("\"{code}\"")), DONE]),
        chunked(SSE, &[&format!("data: {{\"error\":\ndata: \"{KEY}\"}}\n\n")]),
        document(
            JSON,
            ANSWER.replace("stop", &KEY.chars().map(|char| format!("\\u{:04x}", u32::from(char))).collect::<String>()),
        ),
    ];
    for script in scripts {
        let sample = play(&Ask { answer: spec.clone(), ..streamed() }, script).await;
        let everything = format!("{sample:?}");
        for part in [&KEY[..9], &KEY[12..], &front[12..], &back[..8]] {
            assert!(!everything.contains(part), "{part} in {everything}");
        }
    }
}
