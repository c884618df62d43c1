//! Documents that are almost chat answers, and answers that almost are not.

use super::super::script::{STOP, chunked, content, delta, document, events, play};
use super::*;

#[tokio::test]
async fn streams_of_odd_shape_that_are_answers() {
    let both = |delta: &str, so_far: &str, finish: &str| {
        format!(
            r#"{{"model":"m","choices":[{{"index":0,"finish_reason":{finish},"message":{{"role":"assistant","content":"{so_far}"}},"delta":{{"role":"assistant","content":"{delta}"}}}}]}}"#
        )
    };
    let reversed = |delta: &str, so_far: &str, finish: &str| {
        format!(
            r#"{{"model":"m","choices":[{{"index":0,"delta":{{"content":"{delta}"}},"message":{{"content":"{so_far}"}},"finish_reason":{finish}}}]}}"#
        )
    };
    let empty_error = r#""error":{"message":"","type":"","param":null,"code":null}"#;
    let go = |rest: &str| format!(r#"{{"model":"m",{empty_error},{rest}}}"#);
    let behaviours = vec![
        stream(
            "each chunk brings all that was said so far beside what is new",
            events(&[&both("H", "H", "null"), &both("i", "Hi", "null"), &both("", "Hi", r#""stop""#), DONE]),
            "ok 200 stop | m | 2 chars | 4 events | ttfe ttft ttfo latency",
        ),
        stream(
            "the same in the other order",
            events(&[
                &reversed("H", "H", "null"),
                &reversed("i", "Hi", "null"),
                &reversed("", "Hi", r#""stop""#),
                DONE,
            ]),
            "ok 200 stop | m | 2 chars | 4 events | ttfe ttft ttfo latency",
        ),
        stream(
            "message where delta should stand",
            events(&[&content("Hi").replace("delta", "message"), STOP, DONE]),
            STREAMED,
        ),
        stream(
            "an emoji cut between two chunks, each half escaped",
            events(&[&content("\\ud83d"), &content("\\ude00"), STOP, DONE]),
            "ok 200 stop | m | 2 chars | 4 events | ttfe ttft ttfo latency",
        ),
        stream(
            "an error object beside each chunk in which nothing stands",
            events(&[
                &go(r#""choices":[{"index":0,"delta":{"content":"Hi"}}]"#),
                &go(r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#),
                DONE,
            ]),
            STREAMED,
        ),
        stream(
            "an error of 0 beside the answer",
            events(&[r#"{"model":"m","error":0,"choices":[{"delta":{"content":"Hi"}}]}"#, STOP, DONE]),
            STREAMED,
        ),
        stream(
            "a message about the queue before the answer",
            events(&[r#"{"status":"queued","message":"2 before you"}"#, &content("Hi"), STOP, DONE]),
            "ok 200 stop | m | 2 chars | 4 events | ttfe ttft ttfo latency",
        ),
        stream(
            "the same in an event of another name",
            chunked(
                SSE,
                &[
                    "event: status\ndata: {\"message\":\"2 before you\"}\n\n",
                    &super::super::script::framed(&[&content("Hi"), STOP, DONE]).concat(),
                ],
            ),
            "ok 200 stop | m | 2 chars | 4 events | ttfe ttft ttfo latency",
        ),
        stream("content null, then content", events(&[&delta(r#"{"content":null}"#), &content("Hi"), STOP]), STREAMED),
        stream(
            "the finish_reason only in the chunk that brings usage, numbers as strings",
            events(&[
                &content("Hi"),
                r#"{"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":"3","completion_tokens":"2"}}"#,
            ]),
            "ok 200 stop | m | in 3 out 2 | 2 chars | 2 events | ttfe ttft ttfo latency",
        ),
        stream("[DONE] amid spaces", events(&[&content("Hi"), STOP, "  [DONE]\t "]), STREAMED),
        stream("[DONE] as a JSON string", events(&[&content("Hi"), STOP, "\"[DONE]\""]), STREAMED),
        stream(
            "content that speaks of data: [DONE] and an error",
            events(&[&content(r#"data: [DONE]\n\ndata: {\"error\":1}\n\nHTTP/1.1 500"#), STOP, DONE]),
            "ok 200 stop | m | 45 chars | 3 events | ttfe ttft ttfo latency",
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn documents_of_odd_shape_that_are_answers() {
    let deep = format!(r#"{{"x":{}{},{}"#, "[".repeat(500), "]".repeat(500), &ANSWER[1..]);
    let huge = format!(
        r#"{{"id":"{}","created":1e400,"x":-123456789012345678901234567890,{}"#,
        "7".repeat(1 << 20),
        &ANSWER[1..]
    );
    let usage = |usage: &str| document(JSON, format!(r#"{{"usage":{usage},{}"#, &ANSWER[1..]));
    let audio = r#"{"model":"m","choices":[{"message":{"content":null,"audio":{"id":"a","data":"AAAA","transcript":"Hi"}},"finish_reason":"stop"}]}"#;
    let behaviours = vec![
        answer("nested 500 deep where nobody looks", document(JSON, deep), WHOLE),
        answer("an id of a megabyte, numbers beyond all types", document(JSON, huge), WHOLE),
        answer("a key in escapes", document(JSON, ANSWER.replace("choices", r"ch\u006fices")), WHOLE),
        answer("a key twice: the last counts", document(JSON, format!(r#"{{"choices":[],{}"#, &ANSWER[1..])), WHOLE),
        answer("half an emoji in escapes", document(JSON, ANSWER.replace("Hi", r"H\ud83d")), WHOLE),
        answer(
            "an escaped backslash before what looks like half an emoji",
            document(JSON, ANSWER.replace("Hi", r"\\ud83d")),
            "ok 200 stop | m | 6 chars | latency",
        ),
        answer("usage of fractions and negatives", usage(r#"{"prompt_tokens":2.5,"completion_tokens":-2}"#), WHOLE),
        answer(
            "usage beyond all numbers",
            usage(r#"{"prompt_tokens":1e30,"completion_tokens":123456789012345678901234567890}"#),
            WHOLE,
        ),
        answer("usage in an array", usage("[3,2]"), WHOLE),
        answer("speech instead of text", document(JSON, audio), "ok 200 stop | m | 0 chars | latency"),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn documents_that_only_resemble_an_answer() {
    let behaviours = vec![
        answer(
            "NaN in its JSON",
            document(JSON, ANSWER.replace("0,", "NaN,")),
            r#"malformed 200 | not JSON: {"model":"m","choices":[{"index":NaN,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#,
        ),
        answer(
            "an answer inside an array",
            document(JSON, format!("[{ANSWER}]")),
            r#"malformed 200 | m | JSON without choices: [{"model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}]"#,
        ),
        answer(
            "two answers in one body",
            document(JSON, format!("{ANSWER}{ANSWER}")),
            r#"malformed 200 | not JSON: {"model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}{"model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#,
        ),
        answer(
            "wrapped for JSONP",
            document("application/javascript", format!("callback({ANSWER})")),
            r#"malformed 200 | neither JSON nor events: callback({"model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]})"#,
        ),
        answer(
            "choices as an object",
            document(JSON, ANSWER.replace("[{", "{").replace("}]", "}")),
            "empty 200 | m | a proper end and no output (finish_reason none)",
        ),
        answer(
            "choices as text",
            document(JSON, r#"{"choices":"Hi"}"#),
            "empty 200 | a proper end and no output (finish_reason none)",
        ),
        answer(
            "a completion of the old kind: text, no message",
            document(
                JSON,
                r#"{"object":"text_completion","choices":[{"index":0,"text":"Hi","finish_reason":"stop"}]}"#,
            ),
            "empty 200 stop | a proper end and no output (finish_reason stop)",
        ),
        answer(
            "as Anthropic answers",
            document(
                JSON,
                r#"{"type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn"}"#,
            ),
            r#"malformed 200 | JSON without choices: {"type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn"}"#,
        ),
        answer(
            "as Gemini answers",
            document(JSON, r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}]}"#),
            r#"malformed 200 | JSON without choices: {"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}]}"#,
        ),
        answer(
            "as Ollama answers",
            document(
                JSON,
                r#"{"model":"m","message":{"role":"assistant","content":"Hi"},"done":true,"done_reason":"stop"}"#,
            ),
            r#"malformed 200 | m | JSON without choices: {"model":"m","message":{"role":"assistant","content":"Hi"},"done":true,"done_reason":"stop"}"#,
        ),
        answer(
            "a page behind a byte order mark, declared as JSON",
            document(JSON, "\u{feff}\r\n<!DOCTYPE html><p>{}"),
            r#"malformed 200 | HTML where an answer was due: \u{feff}\r\n<!DOCTYPE html><p>{}"#,
        ),
        answer(
            "a tool call of no name",
            document(
                JSON,
                r#"{"model":"m","choices":[{"message":{"content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"","arguments":""}}]},"finish_reason":"tool_calls"}]}"#,
            ),
            "empty 200 tool_calls | m | a proper end and no output (finish_reason tool_calls)",
        ),
        stream(
            "events as Anthropic sends them",
            chunked(
                SSE,
                &[
                    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[]}}\n\n",
                    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n",
                    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
                ],
            ),
            "empty 200 | 3 events | ttfe | a proper end and no output (finish_reason none)",
        ),
        stream(
            "events that hold arrays of chunks",
            events(&[&format!("[{}]", content("Hi")), &format!("[{STOP}]"), DONE]),
            "empty 200 | m | 3 events | ttfe | a proper end and no output (finish_reason none)",
        ),
        stream(
            "data: twice in each line",
            events(&[&format!("data: {}", content("Hi")), &format!("data: {STOP}"), DONE]),
            r#"malformed 200 | 3 events | ttfe | not JSON: data: {"model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"#,
        ),
        stream(
            "Data: with a capital",
            chunked(SSE, &[&format!("Data: {}\n\nData: {STOP}\n\n", content("Hi"))]),
            "malformed 200 | an event stream without an event",
        ),
        stream(
            "chunks one a line, and no data:",
            chunked("application/x-ndjson", &[&format!("{}\n{STOP}\n", content("Hi"))]),
            r#"malformed 200 | not JSON: {"model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n{"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        ),
        stream(
            "[done] in small letters",
            events(&[&content("Hi"), STOP, "[done]"]),
            "malformed 200 stop | m | 2 chars | 3 events | ttfe ttft ttfo | not JSON: [done]",
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn an_answer_in_utf_16_is_none() {
    let body: Vec<u8> = ANSWER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [vec![0xff, 0xfe], body.clone()].concat();
    for body in [body, marked] {
        let sample = play(&whole(), document("application/json; charset=utf-16", body)).await;
        assert_eq!(sample.outcome.name(), "malformed", "{sample:?}");
    }
}

#[tokio::test]
async fn a_whole_answer_beside_which_an_empty_delta_stands_is_all_there() {
    let delta = r#""delta":{"role":"assistant","content":""}"#;
    let behaviours = vec![
        answer("behind it", document(JSON, ANSWER.replace(r#""finish"#, &format!(r#"{delta},"finish"#))), WHOLE),
        answer("before it", document(JSON, ANSWER.replace(r#""message"#, &format!(r#"{delta},"message"#))), WHOLE),
    ];
    hold(behaviours).await;
}
