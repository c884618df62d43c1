//! Streams that bend or break: the dress of events, their order, and how a stream ends.

use super::super::script::{Act, Dialect, End, Manner, Moment, Scene, Script};
use super::super::{kinds, script};
use super::Fault;

const ERROR: &str = r#"{"error":{"message":"The server had an error while processing your request.","type":"server_error","code":500}}"#;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("crlf", "lines end in CRLF", |script, _| script.dialect.eol = "\r\n"),
    Fault::new("cr", "lines end in CR", |script, _| script.dialect.eol = "\r"),
    Fault::new("no_space", "data: without a space", |script, _| script.dialect.space = false),
    Fault::new("comments", "a comment, : ping, before each event", |script, _| script.dialect.comment = true),
    Fault::new("multi_line_data", "each event's JSON over two data lines", |script, _| script.dialect.two_lines = true),
    Fault::new("other_fields", "id, event and retry lines in each event", |script, _| {
        script.dialect = Dialect { other_fields: true, ..script.dialect };
    }),
    Fault::new("bom", "a byte order mark before the first event", |script, _| {
        script.behind(&Act::Head, [Act::Body(b"\xef\xbb\xbf".to_vec())]);
    }),
    Fault::new("role_only_first", "three chunks without a token before the first that has one", |script, _| {
        script.behind(&Act::Head, [Act::Role, Act::Role]);
    }),
    Fault::new("split_bytes", "each byte in a write of its own", |script, _| script.manner = Manner::ByteByByte),
    Fault::new("many_events_one_write", "eight events a write", |script, _| script.manner = Manner::Together(8)),
    Fault::new("buffered", "everything in one write at the end", |script, _| script.manner = Manner::AtTheEnd),
    Fault::new("sse_as_text_plain", "a stream that calls itself text/plain", |script, scene| {
        if scene.ask.stream {
            script.head.content_type = kinds::TEXT;
        }
    }),
    Fault::new("no_content_type", "no content-type, streamed or not", |script, _| script.head.content_type = ""),
    Fault::new("json_instead_of_sse", "one JSON document where a stream was asked for", |script, _| {
        script.head.content_type = kinds::JSON;
        script.framing = script::Framing::Length;
        script.acts = vec![Act::At(Moment::End), Act::Whole, Act::Leave];
    }),
    Fault::new("sse_instead_of_json", "a stream where one JSON document was asked for", Script::stream),
    Fault::new("error_event", "half of the tokens, then an event that holds an error, then [DONE]", |script, scene| {
        mid_stream(script, scene, [Act::Event(ERROR), Act::Done, Act::LastChunk]);
    }),
    Fault::new("error_event_only", "a stream of one event, which holds an error", |script, scene| {
        no_tokens(script, scene, [Act::Event(ERROR), Act::LastChunk]);
    }),
    Fault::new("event_error", "half of the tokens, then an event of type error", |script, scene| {
        let event = format!("event: error\ndata: {ERROR}\n\n").into_bytes();
        mid_stream(script, scene, [Act::Body(event), Act::LastChunk]);
    }),
    Fault::new("lamb_raw_error_line", "a data line that is no JSON: Error in create_completion", |script, scene| {
        no_tokens(script, scene, [Act::Event("Error in create_completion: Connection error."), Act::LastChunk]);
    }),
    Fault::new(
        "lamb_empty_stream",
        "200 and a chunked body that ends without a chunk, not even the last",
        |script, scene| {
            no_tokens(script, scene, []);
            script.end = End::Close;
        },
    ),
    Fault::new("empty_framed_stream", "200 and a chunked body of nothing, properly ended", |script, scene| {
        no_tokens(script, scene, [Act::LastChunk]);
    }),
    Fault::new("done_only", "a role chunk and [DONE], no token, no finish_reason", |script, scene| {
        no_tokens(script, scene, [Act::Role, Act::Done, Act::LastChunk]);
    }),
    Fault::new("finish_only", "a role chunk, finish_reason stop and [DONE], no token", |script, scene| {
        no_tokens(script, scene, [Act::Role, Act::Finish, Act::Done, Act::LastChunk]);
    }),
    Fault::new("no_done", "a whole stream without [DONE]", |script, _| script.without(&[Act::Done])),
    Fault::new("no_finish", "all tokens and [DONE], no finish_reason", |script, _| script.without(&[Act::Finish])),
    Fault::new("no_end", "all tokens, neither finish_reason nor [DONE], properly framed", |script, _| {
        script.without(&[Act::Finish, Act::Usage, Act::Done]);
    }),
    Fault::new("no_final_blank_line", "the line of [DONE] is the last byte", |script, _| {
        script.before(&Act::Done, [Act::Body(b"data: [DONE]".to_vec())]);
        script.without(&[Act::Done]);
    }),
    Fault::new(
        "finish_without_blank_line",
        "no [DONE]; the event of finish_reason lacks its blank line",
        |script, scene| {
            let mut json = b"data: ".to_vec();
            if scene.ask.stream {
                script.voice.finish_chunk(0, &mut json);
            }
            script.before(&Act::Finish, [Act::Body(json)]);
            script.without(&[Act::Finish, Act::Usage, Act::Done]);
        },
    ),
    Fault::new("dead_then_done", "half of the tokens, then the [DONE] of a gateway", |script, scene| {
        mid_stream(script, scene, [Act::Done, Act::LastChunk]);
    }),
    Fault::new("words_after_done", "an event after [DONE]", |script, _| {
        script.behind(&Act::Done, [Act::Event(r#"{"choices":[{"index":0,"delta":{"content":" late"}}]}"#)]);
    }),
    Fault::new("bad_json_event", "an event of half a JSON document among good ones", |script, _| {
        script.before(&Act::Finish, [Act::Event(r#"{"choices":[{"index":0,"del"#)]);
    }),
    Fault::new("invalid_utf8", "a token that is no UTF-8", |script, _| {
        let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xff\xfe\"}}]}\n\n".to_vec();
        script.before(&Act::Finish, [Act::Body(event)]);
    }),
];

/// Half of the tokens and then this; where there is no stream, a JSON error in a 200.
fn mid_stream(script: &mut Script, scene: &Scene, then: impl IntoIterator<Item = Act>) {
    if scene.ask.stream {
        script.break_off(then);
        script.acts.push(Act::Leave);
    } else {
        script.instead(kinds::Reply { status: 200, content_type: kinds::JSON, body: ERROR.into() });
    }
}

/// A head and then this; where there is no stream, a 500 in the server's own shape.
fn no_tokens(script: &mut Script, scene: &Scene, then: impl IntoIterator<Item = Act>) {
    if scene.ask.stream {
        script.acts = vec![Act::At(Moment::Head), Act::Head];
        script.acts.extend(then);
        script.acts.push(Act::Leave);
    } else {
        script.instead(scene.kind.error(500, "server_error", None, "Error in create_completion: Connection error."));
    }
}
