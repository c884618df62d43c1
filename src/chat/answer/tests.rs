//! What chunks, documents and events mean, one by one.

use super::*;

fn of(events: &[&str]) -> Answer {
    let mut answer = Answer::new(1000);
    for data in events {
        answer.event(Event { name: b"", data: data.as_bytes(), unterminated: false });
    }
    answer
}

fn effect(data: &str) -> Effect {
    Answer::new(1000).event(Event { name: b"", data: data.as_bytes(), unterminated: false })
}

fn delta(delta: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

const NOTHING: Effect = Effect { token: false, visible: false, finish: false };
const VISIBLE: Effect = Effect { token: true, visible: true, finish: false };
const HIDDEN: Effect = Effect { token: true, visible: false, finish: false };

#[test]
fn content_refusal_and_tool_calls_are_visible_tokens_reasoning_is_a_hidden_one() {
    let table = [
        (r#"{"content":"a"}"#, VISIBLE),
        (r#"{"refusal":"no"}"#, VISIBLE),
        (r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}"#, VISIBLE),
        (r#"{"tool_calls":[{"function":{"arguments":"{"}}]}"#, VISIBLE),
        (r#"{"function_call":{"name":"f"}}"#, VISIBLE),
        (r#"{"content":[{"type":"text","text":"a"}]}"#, VISIBLE),
        (r#"{"content":["a"]}"#, VISIBLE),
        (r#"{"content":[{"type":"image_url","image_url":{"url":"x"}}]}"#, VISIBLE),
        (r#"{"reasoning":"hm"}"#, HIDDEN),
        (r#"{"reasoning_content":"hm","content":""}"#, HIDDEN),
        (r#"{"reasoning":"","reasoning_content":"hm"}"#, HIDDEN),
        (r#"{"reasoning":"hm","reasoning_content":"hm"}"#, HIDDEN),
        (r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#, HIDDEN),
    ];
    for (json, expected) in table {
        assert_eq!(effect(&delta(json)), expected, "{json}");
    }
}

#[test]
fn role_only_empty_and_odd_deltas_are_no_tokens() {
    let deltas = [
        r#"{"role":"assistant"}"#,
        r#"{"role":"assistant","content":""}"#,
        r#"{"content":null,"refusal":null,"tool_calls":null}"#,
        r#"{"tool_calls":[]}"#,
        r#"{"content":7}"#,
        r#"{"content":[]}"#,
        r#"{"content":[{"type":"text","text":""}]}"#,
        "{}",
        "null",
        "[]",
        "\"a\"",
    ];
    for json in deltas {
        assert_eq!(effect(&delta(json)), NOTHING, "{json}");
    }
    for json in [r#"{"choices":[]}"#, r#"{"choices":null}"#, r#"{"choices":{}}"#, "{}", "[]", "1", "null"] {
        assert_eq!(effect(json), NOTHING, "{json}");
    }
}

#[test]
fn choice_0_carries_the_times_wherever_it_stands() {
    let both = r#"{"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}"#;
    assert_eq!(of(&[both]).text, "a");
    let other = r#"{"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]}"#;
    assert_eq!(effect(other), NOTHING);
    let without = r#"{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}"#;
    assert_eq!(of(&[without]).text, "a");
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts_and_nothing_of_the_first_stays() {
    let said = r#"[{"delta":{"content":"a"}}]"#;
    for last in ["null", "{}", "[]", "7", r#"[{"index":1,"delta":{"content":"b"}}]"#] {
        assert_eq!(effect(&format!(r#"{{"choices":{said},"choices":{last}}}"#)), NOTHING, "{last}");
    }
    let deltas = |last: &str| format!(r#"{{"choices":[{{"delta":{{"content":"a"}},"delta":{last}}}]}}"#);
    assert_eq!(effect(&deltas("null")), NOTHING);
    assert_eq!(effect(&deltas(r#"{"reasoning":"b"}"#)), HIDDEN);
    let body = r#"{"choices":[{"message":{"content":"a"},"message":[],"finish_reason":"stop"}]}"#;
    let mut answer = Answer::new(10);
    answer.body(body.as_bytes());
    assert!(!answer.visible, "{answer:?}");
    // What is no object has its place all the same.
    assert_eq!(effect(r#"{"choices":[7,{"delta":{"content":"b"}}]}"#), NOTHING);
}

#[test]
fn a_document_is_read_to_its_end_behind_the_choice_that_counts() {
    let broken = |rest: &str, unterminated| {
        let data = format!(r#"{{"choices":[{{"delta":{{"content":"a"}}}}{rest}"#);
        let mut answer = Answer::new(10);
        answer.event(Event { name: b"", data: data.as_bytes(), unterminated });
        (answer.visible, answer.malformed.is_some())
    };
    assert_eq!(broken(",{]}", false), (false, true));
    assert_eq!(broken(r#",{"delta":"#, true), (false, false));
    assert_eq!(broken(",7,null]}", false), (true, false));
}

#[test]
fn the_last_usage_that_says_something_counts_and_not_positive_is_none() {
    let answer = of(&[
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
        r#"{"choices":null,"usage":{"prompt_tokens":3,"completion_tokens":9,
            "prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":4}}}"#,
        r#"{"choices":[],"usage":null}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":-1,"total_tokens":-1}}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}"#,
    ]);
    let expected =
        Tokens { input: Some(3), cached: Some(2), output: Some(9), reasoning: Some(4), source: TokenSource::Usage };
    assert_eq!(answer.usage, expected);
    assert_eq!(of(&[r#"{"usage":{"prompt_tokens":0,"completion_tokens":0}}"#]).usage, Tokens::default());
    let timings = of(&[r#"{"timings":{"cache_n":53},"usage":{"prompt_tokens":54,"completion_tokens":2}}"#]);
    assert_eq!(timings.usage.cached, Some(53));
}

#[test]
fn an_error_payload_of_any_shape_is_an_error_and_a_silent_one_is_not() {
    let table = [
        (r#"{"error":{"message":"boom","type":"server_error"}}"#, "boom (server_error)"),
        (r#"{"error":"boom"}"#, "boom"),
        (r#"{"error":{"code":500}}"#, r#"{"code":500}"#),
        (r#"{"error":true}"#, "true"),
        (r#"[{"error":{"message":"boom"}}]"#, "boom"),
        (r#"{"detail":"boom"}"#, "boom"),
        (r#"{"detail":[{"loc":["body"],"msg":"boom","type":"missing"}]}"#, "boom (missing)"),
        (r#"{"detail":{"error":{"message":"boom","code":"quota"}}}"#, "boom (quota)"),
        (r#"{"object":"error","message":"boom"}"#, "boom"),
        (r#"{"choices":[{"delta":{"content":""},"error":{"message":"boom"}}]}"#, "boom"),
        (r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#, "finish_reason error"),
        ("Error in create_completion: boom", "Error in create_completion: boom"),
        (r#"{"error":{"message":"boom"}}\n\n"#, "boom"),
    ];
    for (json, expected) in table {
        assert_eq!(of(&[json]).error.as_deref(), Some(expected), "{json}");
    }
    for json in [r#"{"error":null,"choices":[]}"#, r#"{"error":"","choices":[]}"#, r#"{"error":{}}"#] {
        assert_eq!(of(&[json]).error, None, "{json}");
    }
    assert_eq!(of(&[r#"{"choices":[],"message":"ok","detail":"fine"}"#]).error, None);
}

#[test]
fn a_named_error_event_is_an_error_and_other_names_are_none_of_ours() {
    let mut answer = Answer::new(10);
    answer.event(Event { name: b"ping", data: b"not json", unterminated: false });
    assert_eq!((answer.error.as_deref(), answer.malformed.as_deref()), (None, None));
    answer.event(Event { name: b"error", data: b"boom", unterminated: false });
    assert_eq!(answer.error.as_deref(), Some("boom"));
}

#[test]
fn nothing_after_done_counts() {
    let answer = of(&["[DONE]", &delta(r#"{"content":"a"}"#)]);
    assert!(answer.done && !answer.tokens && answer.events == 1);
}

#[test]
fn text_that_is_not_json_is_malformed_unless_the_stream_broke_off_inside_it() {
    assert_eq!(of(&["hello"]).malformed.as_deref(), Some("not JSON: hello"));
    let mut answer = Answer::new(10);
    answer.event(Event { name: b"", data: br#"{"choices":[{"del"#, unterminated: true });
    assert_eq!(answer.malformed, None);
    let literal = format!(r"{}\n\n", delta(r#"{"content":"a"}"#));
    assert!(of(&[&literal]).malformed.is_some());
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_not_refused() {
    let mut answer = Answer::new(100);
    let data = b"{\"choices\":[{\"delta\":{\"content\":\"a\xffb\"}}]}";
    answer.event(Event { name: b"", data, unterminated: false });
    assert_eq!((answer.text.as_str(), answer.malformed), ("a\u{fffd}b", None));
}

#[test]
fn text_is_bounded_its_count_and_hash_are_not() {
    let mut answer = Answer::new(4);
    for text in ["äb", "cd", "e"] {
        let data = delta(&format!(r#"{{"content":"{text}"}}"#));
        answer.event(Event { name: b"", data: data.as_bytes(), unterminated: false });
    }
    assert_eq!((answer.text.as_str(), answer.chars), ("äbc", 5));
    // The first 16 digits of `printf äbcde | sha256sum`.
    assert_eq!(answer.hash().map(|hash| format!("{hash:016x}")), Some(whole_hash("äbcde")));
}

fn whole_hash(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_body_is_a_completion_or_says_why_not() {
    let mut answer = Answer::new(100);
    let body = br#"{"model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    assert_eq!(answer.body(body), Effect { token: true, visible: true, finish: true });
    assert_eq!((answer.model.as_deref(), answer.finish_reason.as_deref()), (Some("m"), Some("stop")));
    for (body, start) in [
        ("", "empty body"),
        (" \n", "empty body"),
        ("{}", "JSON without choices"),
        ("null", "JSON without choices"),
        ("<html>", "not JSON"),
        (r#"{"choices":[{"#, "JSON that breaks off"),
    ] {
        let mut answer = Answer::new(100);
        answer.body(body.as_bytes());
        assert!(answer.malformed.as_deref().is_some_and(|what| what.starts_with(start)), "{body}: {answer:?}");
    }
}
