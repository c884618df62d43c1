//! Streams: those that are answers however they are bent, and those that are not though every status is 200.

use lamb_load::scenario::plan::ServerKind;

use super::script::{
    Act, Ask, STOP, Script, USAGE, chunked, content, delta, document, events, framed, plain, streamed, unended, whole,
};
use super::{Behaviour, hold};

const SSE: &str = "text/event-stream";
const DONE: &str = "[DONE]";
const ALL: &str = "ttfe ttft ttfo latency";

fn answer() -> Vec<String> {
    let hi = [content("Hel"), content("lo"), STOP.to_owned(), USAGE.to_owned(), DONE.to_owned()];
    framed(&hi.each_ref().map(String::as_str))
}

fn bytes_of(parts: &[String]) -> String {
    parts.concat()
}

fn case(name: &'static str, script: Script, row: &'static str) -> Behaviour {
    Behaviour { name, ask: streamed(), script, row }
}

#[tokio::test]
async fn answers_however_they_are_framed() {
    let plain_row = "ok 200 stop | m | in 3 out 2 | 5 chars | 5 events | ttfe ttft ttfo latency";
    assert!(plain_row.ends_with(ALL));
    let text = bytes_of(&answer());
    let crlf = text.replace('\n', "\r\n");
    let cr = text.replace('\n', "\r");
    let no_space = text.replace("data: ", "data:");
    let comments = text.replace("data: ", ": ping\n\ndata: ");
    let bom = format!("\u{feff}{text}");
    let multi = text.replace("{\"model\"", "{\ndata: \"model\"");
    let fields = text.replace("data: ", "id: 7\nretry: 10\nevent: message\ndata: ");
    let no_blank = text.trim_end().to_owned();
    let bytewise: Vec<String> = text.bytes().map(|byte| (byte as char).to_string()).collect();
    let bytewise: Vec<&str> = bytewise.iter().map(String::as_str).collect();
    let parts: Vec<String> = answer();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let unlike_one_another = vec![
        case("one event a chunk", chunked(SSE, &parts), plain_row),
        case("all events in one read", chunked(SSE, &[&text]), plain_row),
        case("every byte in a chunk of its own", chunked(SSE, &bytewise), plain_row),
        case("lines end in CRLF", chunked(SSE, &[&crlf]), plain_row),
        case("lines end in CR", chunked(SSE, &[&cr]), plain_row),
        case("no space after data:", chunked(SSE, &[&no_space]), plain_row),
        case("comments between the events", chunked(SSE, &[&comments]), plain_row),
        case("a byte order mark", chunked(SSE, &[&bom]), plain_row),
        case("JSON over several data lines", chunked(SSE, &[&multi]), plain_row),
        case("ids, retries and message names", chunked(SSE, &[&fields]), plain_row),
        case("no blank line after [DONE]", chunked(SSE, &[&no_blank]), plain_row),
        case("declared as text/plain", chunked("text/plain", &[&text]), plain_row),
        case("declared as JSON, as a stream was asked for", chunked("application/json", &[&text]), plain_row),
        case("the type says charset too", chunked("Text/Event-Stream; charset=utf-8", &[&text]), plain_row),
        case("of known length", document(SSE, &text), plain_row),
        case(
            "HTTP/1.0 without a length: the end of the connection is the framing's",
            Script(vec![Act::Say(format!("HTTP/1.0 200 OK\r\nContent-Type: {SSE}\r\n\r\n{text}").into_bytes())]),
            plain_row,
        ),
        case(
            "the connection stays open after [DONE]: nobody waits for its end",
            Script([unended(SSE, &parts).0, vec![Act::Hold]].concat()),
            plain_row,
        ),
        case(
            "data after [DONE] is none of ours",
            events(&[&content("Hello"), STOP, USAGE, DONE, &content("more"), "garbage"]),
            "ok 200 stop | m | in 3 out 2 | 5 chars | 4 events | ttfe ttft ttfo latency",
        ),
    ];
    hold(unlike_one_another).await;
}

#[tokio::test]
async fn answers_whose_chunks_are_odd() {
    let emoji = r#"{"content":"h\u00e9 \ud83d\ude00"}"#;
    let tool = r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}"#;
    let behaviours = vec![
        case(
            "role-only and empty deltas are no tokens",
            events(&[&delta(r#"{"role":"assistant","content":""}"#), &content(""), &content("Hi"), STOP, DONE]),
            "ok 200 stop | m | 2 chars | 5 events | ttfe ttft ttfo latency",
        ),
        case(
            "no [DONE], but a finish_reason and a proper end",
            events(&[&content("Hi"), STOP]),
            "ok 200 stop | m | 2 chars | 2 events | ttfe ttft ttfo latency",
        ),
        case(
            "usage in every chunk: the last counts",
            events(&[
                r#"{"choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
                r#"{"choices":[{"index":0,"delta":{"content":"!"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":9}}"#,
                DONE,
            ]),
            "ok 200 stop | in 3 out 9 | 3 chars | 3 events | ttfe ttft ttfo latency",
        ),
        case(
            "usage with choices null, and usage null before",
            events(&[
                r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"length"}],"usage":null}"#,
                r#"{"choices":null,"usage":{"prompt_tokens":3,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1},"completion_tokens_details":{"reasoning_tokens":1}}}"#,
                DONE,
            ]),
            "ok 200 length | in 3 cached 1 out 2 reasoning 1 | 2 chars | 3 events | ttfe ttft ttfo latency",
        ),
        case(
            "usage of -1 is none",
            events(&[
                &content("Hi"),
                STOP,
                r#"{"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":-1,"total_tokens":-1}}"#,
                DONE,
            ]),
            "ok 200 stop | m | 2 chars | 4 events | ttfe ttft ttfo latency",
        ),
        case(
            "reasoning first, then content",
            events(&[&delta(r#"{"reasoning":"hm"}"#), &content("Hi"), STOP, DONE]),
            "ok 200 stop | m | 2 chars | 4 events | ttfe ttft ttfo latency",
        ),
        case(
            "a refusal is an answer",
            events(&[&delta(r#"{"refusal":"No."}"#), STOP, DONE]),
            "ok 200 stop | m | 3 chars | 3 events | ttfe ttft ttfo latency",
        ),
        case(
            "a tool call is an answer",
            events(&[&delta(tool), r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#, DONE]),
            "ok 200 tool_calls | m | 3 chars | 3 events | ttfe ttft ttfo latency",
        ),
        case(
            "two choices: the first carries everything",
            events(&[
                r#"{"choices":[{"index":1,"delta":{"content":"other"}}]}"#,
                r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"},{"index":1,"delta":{"content":"x"},"finish_reason":"length"}]}"#,
                DONE,
            ]),
            "ok 200 stop | 2 chars | 3 events | ttfe ttft ttfo latency",
        ),
        case(
            "escapes beyond the BMP",
            events(&[&delta(emoji), STOP, DONE]),
            "ok 200 stop | m | 4 chars | 3 events | ttfe ttft ttfo latency",
        ),
        case(
            "content as parts, one of them thinking",
            events(&[
                &delta(
                    r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"Hi"}]}"#,
                ),
                STOP,
                DONE,
            ]),
            "ok 200 stop | m | 2 chars | 3 events | ttfe ttft ttfo latency",
        ),
        case(
            "fields of odd types",
            events(&[
                r#"{"id":7,"model":"m","created":"now","system_fingerprint":"fp_1","choices":[{"index":"0","delta":{"content":"Hi","role":3},"logprobs":[],"finish_reason":"stop"}],"usage":"none"}"#,
                DONE,
            ]),
            "ok 200 stop | m fp_1 | 2 chars | 2 events | ttfe ttft ttfo latency",
        ),
        case(
            "an empty finish_reason in every chunk but the last",
            events(&[
                r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":""}]}"#,
                r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]}"#,
                DONE,
            ]),
            "ok 200 stop | 2 chars | 3 events | ttfe ttft ttfo latency",
        ),
        case(
            "keep-alive events of another protocol",
            chunked(SSE, &["event: ping\ndata: still here\n\n", &bytes_of(&answer())]),
            "ok 200 stop | m | in 3 out 2 | 5 chars | 6 events | ttfe ttft ttfo latency",
        ),
        case(
            "a whole JSON answer where a stream was asked for has no time to a first token",
            document(
                "application/json",
                r#"{"model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#,
            ),
            "ok 200 stop | m | 2 chars | latency",
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn streams_that_are_no_answer_though_their_status_is_200() {
    let cut = |parts: &[&str]| unended(SSE, parts);
    let hel = framed(&[&content("Hel")]).concat();
    let error = r#"data: {"error":{"message":"upstream failed","type":"server_error"}}"#;
    let literal = format!(r"data: {}\n\n", content("Hi"));
    let behaviours = vec![
        case(
            "tokens, then the connection closes without the last chunk",
            cut(&[&hel]),
            "truncated 200 | m | 3 chars | 1 events | ttfe ttft ttfo | the connection ended before the answer did: \
             its last chunk did not come",
        ),
        case(
            "finished, but the body never ends and the connection closes",
            cut(&[&hel, &framed(&[STOP]).concat()]),
            "truncated 200 stop | m | 3 chars | 2 events | ttfe ttft ttfo | the connection ended before the answer \
             did: its last chunk did not come",
        ),
        case(
            "tokens and a proper end without finish_reason",
            events(&[&content("Hel")]),
            "truncated 200 | m | 3 chars | 1 events | ttfe ttft ttfo | ended without a finish_reason",
        ),
        case(
            "a gateway adds [DONE] to a stream that died",
            events(&[&content("Hel"), DONE]),
            "truncated 200 | m | 3 chars | 2 events | ttfe ttft ttfo | [DONE] without a finish_reason",
        ),
        case(
            "reset after some tokens",
            Script([cut(&[&hel]).0, vec![Act::Reset]].concat()),
            "reset 200 | m | 3 chars | 1 events | ttfe ttft ttfo | the connection was reset: Connection reset by \
             peer (os error 104)",
        ),
        case(
            "LAMB: a 200 and an empty chunked body without its last chunk",
            cut(&[]),
            "truncated 200 | the connection ended before the answer did: its last chunk did not come",
        ),
        case(
            "the declared length is not reached",
            Script(vec![Act::Say(
                format!("HTTP/1.1 200 OK\r\nContent-Type: {SSE}\r\nContent-Length: 9999\r\n\r\n{hel}").into_bytes(),
            )]),
            "truncated 200 | m | 3 chars | 1 events | ttfe ttft ttfo | the connection ended before the answer did: \
             its length is not reached",
        ),
        case(
            "llama-cpp-python: a cleanly framed empty stream",
            chunked(SSE, &[]),
            "empty 200 | a proper end and no output (finish_reason none)",
        ),
        case(
            "llama-cpp-python: a role chunk and [DONE]",
            events(&[&delta(r#"{"role":"assistant"}"#), DONE]),
            "empty 200 | m | 2 events | ttfe | a proper end and no output (finish_reason none)",
        ),
        case(
            "a finish_reason and no output",
            events(&[STOP, USAGE, DONE]),
            "empty 200 stop | m | in 3 out 2 | 3 events | ttfe | a proper end and no output (finish_reason stop)",
        ),
        case(
            "only [DONE]",
            events(&[DONE]),
            "empty 200 | 1 events | ttfe | a proper end and no output (finish_reason none)",
        ),
        case(
            "only comments",
            chunked(SSE, &[": ping\n\n"]),
            "empty 200 | a proper end and no output (finish_reason none)",
        ),
        case(
            "max_tokens spent on reasoning: nothing that a person sees",
            events(&[
                &delta(r#"{"reasoning_content":"hm"}"#),
                r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#,
                DONE,
            ]),
            "empty 200 length | m | 3 events | ttfe ttft | only reasoning, nothing visible (finish_reason length)",
        ),
        case(
            "an answer of white space",
            events(&[&content(" "), &content("\\n"), STOP, DONE]),
            "empty 200 stop | m | 2 chars | 4 events | ttfe ttft ttfo | only white space (finish_reason stop)",
        ),
        case(
            "an error payload among the events",
            chunked(SSE, &[&hel, &format!("{error}\n\n")]),
            "error_in_body 200 | m | 3 chars | 2 events | ttfe ttft ttfo | upstream failed (server_error)",
        ),
        case(
            "an error payload, then [DONE]",
            chunked(SSE, &[&format!("{error}\n\ndata: [DONE]\n\n")]),
            "error_in_body 200 | 1 events | ttfe | upstream failed (server_error)",
        ),
        case(
            "an error payload that no blank line ends, then the connection closes",
            unended(SSE, &[error]),
            "error_in_body 200 | 1 events | ttfe | upstream failed (server_error)",
        ),
        case(
            "event: error",
            chunked(SSE, &["event: error\ndata: out of memory\n\n"]),
            "error_in_body 200 | 1 events | ttfe | out of memory",
        ),
        case(
            "LAMB: its exception as a bare line of text",
            events(&["Error in create_completion: no such model"]),
            "error_in_body 200 | 1 events | ttfe | Error in create_completion: no such model",
        ),
        case(
            "LAMB: an error payload behind which a literal \\n stands",
            chunked(SSE, &[&format!(r"{error}\n\n")]),
            "error_in_body 200 | 1 events | ttfe | upstream failed (server_error)",
        ),
        case(
            "a literal \\n where the event should end",
            chunked(SSE, &[&literal]),
            "malformed 200 | 1 events | ttfe | not JSON: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":\
             {\"content\":\"Hi\"},\"finish_reason\":null}]}\\n\\n",
        ),
        case(
            "a JSON error where a stream was asked for",
            document("application/json", r#"{"error":{"message":"no such model","code":"model_not_found"}}"#),
            "error_in_body 200 | no such model (model_not_found)",
        ),
        case(
            "an error of the model inside its choice",
            events(&[
                r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error","error":{"message":"boom"}}]}"#,
            ]),
            "error_in_body 200 | 1 events | ttfe | boom",
        ),
        case(
            "an event that is not JSON",
            events(&[&content("Hel"), "<html>", STOP, DONE]),
            "malformed 200 stop | m | 3 chars | 4 events | ttfe ttft ttfo | not JSON: <html>",
        ),
        case(
            "a whole JSON answer declared as an event stream",
            document(SSE, r#"{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#),
            "malformed 200 stop | 2 chars | JSON declared as text/event-stream",
        ),
        case(
            "events declared as HTML",
            chunked("text/html", &[&bytes_of(&answer())]),
            "malformed 200 stop | m | in 3 out 2 | 5 chars | 5 events | ttfe ttft ttfo | events declared as text/html",
        ),
        case(
            "text declared as an event stream",
            document(SSE, "Internal Server Error"),
            "malformed 200 | an event stream without an event",
        ),
        case("nothing where JSON is declared", document("application/json", ""), "malformed 200 | an empty body"),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn where_preflight_saw_no_finish_reason_done_is_the_end() {
    let ask = || Ask { finishes_without_reason: true, ..streamed() };
    let behaviours = vec![
        Behaviour {
            name: "[DONE]",
            ask: ask(),
            script: events(&[&content("Hi"), DONE]),
            row: "ok 200 | m | 2 chars | 2 events | ttfe ttft ttfo latency",
        },
        Behaviour {
            name: "not even [DONE]",
            ask: ask(),
            script: events(&[&content("Hi")]),
            row: "truncated 200 | m | 2 chars | 1 events | ttfe ttft ttfo | ended without a finish_reason",
        },
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn a_stream_that_nobody_asked_for_is_read_all_the_same() {
    let text = bytes_of(&answer());
    let behaviours = vec![
        Behaviour {
            name: "declared as what it is",
            ask: whole(),
            script: chunked(SSE, &[&text]),
            row: "ok 200 stop | m | in 3 out 2 | 5 chars | 5 events | ttfe ttft ttfo latency",
        },
        Behaviour {
            name: "declared as JSON",
            ask: whole(),
            script: chunked("application/json", &[&text]),
            row: "malformed 200 stop | m | in 3 out 2 | 5 chars | 5 events | ttfe ttft ttfo | events declared as JSON, \
                  and not asked for",
        },
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn a_text_that_a_kind_of_server_is_known_for_is_an_error() {
    let lamb = || Ask { kind: ServerKind::Lamb, ..streamed() };
    let ollama = content("[Ollama Error] Connection Error");
    let image = content("Unable to send image to the base LLM, multimodality is not supported. x");
    let row = "error_in_body 200 stop | m | 31 chars | 3 events | ttfe ttft ttfo | [Ollama Error] Connection Error";
    let behaviours = vec![
        Behaviour { name: "LAMB", ask: lamb(), script: events(&[&ollama, STOP, DONE]), row },
        Behaviour {
            name: "unknown",
            ask: Ask { kind: ServerKind::Auto, ..streamed() },
            script: events(&[&ollama, STOP, DONE]),
            row,
        },
        Behaviour {
            name: "LAMB, in fragments",
            ask: lamb(),
            script: events(&[&content("[Olla"), &content("ma Error] x"), STOP, DONE]),
            row: "error_in_body 200 stop | m | 16 chars | 4 events | ttfe ttft ttfo | [Ollama Error] x",
        },
        Behaviour {
            name: "LAMB and images",
            ask: lamb(),
            script: events(&[&image, STOP, DONE]),
            row: "error_in_body 200 stop | m | 71 chars | 3 events | ttfe ttft ttfo | Unable to send image to the base \
                  LLM, multimodality is not supported. x",
        },
        Behaviour {
            name: "OpenAI may say so",
            ask: streamed(),
            script: events(&[&ollama, STOP, DONE]),
            row: "ok 200 stop | m | 31 chars | 3 events | ttfe ttft ttfo latency",
        },
        Behaviour {
            name: "LAMB may speak of it",
            ask: lamb(),
            script: events(&[&content("It says [Ollama Error]"), STOP, DONE]),
            row: "ok 200 stop | m | 22 chars | 3 events | ttfe ttft ttfo latency",
        },
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn a_status_decides_before_its_body() {
    let text = framed(&[&content("Hi"), STOP]).concat();
    let behaviours = vec![case(
        "a stream with a status of 500 is no answer",
        plain("500 Internal Server Error", &format!("Content-Type: {SSE}\r\n"), &text),
        "http_error 500 | HTTP 500: data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\
         \"finish_reason\":null}]}\\n\\ndata: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\
         \"finish_reason\":\"stop\"}]}",
    )];
    hold(behaviours).await;
}
