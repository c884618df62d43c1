//! Servers that mean harm: bounded memory, a clear outcome, nothing that a terminal would obey.

use super::row::row;
use super::script::{
    Act, Ask, KEY, STOP, Script, arrival, chunked, content, document, endpoint, events, framed, plain, play, shot,
    streamed, unended, whole,
};
use super::{Behaviour, hold};

const SSE: &str = "text/event-stream";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

fn case(name: &'static str, script: Script, row: &'static str) -> Behaviour {
    Behaviour { name, ask: streamed(), script, row }
}

fn forever(head: Script, piece: Vec<u8>) -> Script {
    Script([head.0, vec![Act::Forever(piece)]].concat())
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

pub(super) fn packed(text: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn what_has_no_end_is_too_large() {
    let spaces = chunk(&vec![b' '; 1 << 16]);
    let letters = chunk(&vec![b'a'; 1 << 16]);
    let header = Script(vec![Act::Say(b"HTTP/1.1 200 OK\r\nX: ".to_vec())]);
    let headers = Script(vec![Act::Say(b"HTTP/1.1 200 OK\r\n".to_vec())]);
    let behaviours = vec![
        case(
            "an endless header",
            forever(header, vec![b'x'; 4096]),
            "too_large | the answer's headers are too large: more than 100 fields or 64 KiB",
        ),
        case(
            "endless headers",
            forever(headers, b"X: y\r\n".repeat(100)),
            "too_large | the answer's headers are too large: more than 100 fields or 64 KiB",
        ),
        case(
            "endless beginnings before the answer",
            forever(Script(Vec::new()), b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100)),
            "too_large | the answer's headers are too large: more than 100 fields or 64 KiB",
        ),
        case(
            "an endless chunk size",
            forever(Script(vec![Act::Say(CHUNKED.to_vec())]), vec![b'0'; 4096]),
            "truncated 200 | the answer is not HTTP: a chunk is larger than any could be",
        ),
        case(
            "an endless line",
            forever(unended(SSE, &["data: "]), letters.clone()),
            "too_large 200 | the event outgrows its bound",
        ),
        case(
            "an endless comment",
            forever(unended(SSE, &[":"]), letters.clone()),
            "too_large 200 | the event outgrows its bound",
        ),
        case(
            "an event of endless data lines",
            forever(unended(SSE, &["data: x\n"]), chunk(&b"data: x\n".repeat(8192))),
            "too_large 200 | the event outgrows its bound",
        ),
        case("endless blanks", forever(unended(SSE, &[]), spaces), "too_large 200 | the blank body outgrows its bound"),
        case(
            "an endless JSON document",
            forever(unended("application/json", &[r#"{"a":""#]), letters),
            "too_large 200 | the JSON document outgrows its bound",
        ),
        case(
            "an announced body of 10 GB",
            Script(vec![
                Act::Say(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10737418240\r\n\r\n"
                        .to_vec(),
                ),
                Act::Forever(vec![b' '; 1 << 16]),
            ]),
            "too_large 200 | a body of 10737418240 bytes is announced",
        ),
        case(
            "a gzip bomb",
            plain(
                "200 OK",
                "Content-Encoding: gzip\r\n",
                packed(&[b"{\"a\":\"".to_vec(), vec![b'a'; 17 << 20]].concat()),
            ),
            "too_large 200 | the JSON document outgrows its bound",
        ),
        case(
            "gzip that is none",
            plain("200 OK", "Content-Encoding: gzip\r\n", "not packed"),
            "truncated 200 | the gzip stream cannot be read",
        ),
        case(
            "an endless web page is not read to its end",
            forever(unended("text/html", &["<html>"]), chunk(&vec![b' '; 1 << 16])),
            "malformed 200 | HTML where an answer was due: <html>",
        ),
        case(
            "good events, then comments without end",
            forever(
                unended(SSE, &[&framed(&[&content("Hi")]).concat()]),
                chunk(format!(": {}\n", "a".repeat(1 << 18)).as_bytes()),
            ),
            "too_large 200 | m | 2 chars | 1 events | ttfe ttft ttfo | the stream outgrows its bound",
        ),
        case(
            "an endless error page is not read to its end",
            Script(vec![
                Act::Say(b"HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
                Act::Say(chunk(b"boom ")),
                Act::Forever(chunk(&vec![b' '; 1 << 16])),
            ]),
            "http_error 500 | HTTP 500: boom",
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn nothing_reaches_a_terminal_that_it_would_obey() {
    let nasty = "\u{1b}]0;owned\u{7}\u{1b}[31mred\r\n\u{202e}";
    let escaped = r"\u{1b}]0;owned\u{7}\u{1b}[31mred\r\n\u{202e}";
    let sample = play(&whole(), plain("500 Oops", "", format!("{nasty}end"))).await;
    assert_eq!(sample.error.as_deref(), Some(format!("HTTP 500: {escaped}end").as_str()));

    let json = serde_json::Value::from(nasty).to_string();
    let body = format!(
        r#"{{"model":{json},"system_fingerprint":{json},"choices":[{{"message":{{"content":"Hi"}},"finish_reason":{json}}}]}}"#
    );
    let sample = play(&whole(), document("application/json", body)).await;
    assert!(sample.outcome.is_ok());
    let escaped = escaped.trim_end_matches(r"\r\n");
    for text in [sample.served_model.as_deref(), sample.fingerprint.as_deref(), sample.finish_reason.as_deref()] {
        assert!(text.unwrap().starts_with(escaped), "{text:?}");
        assert!(!text.unwrap().chars().any(char::is_control), "{text:?}");
    }
}

#[tokio::test]
async fn a_formula_and_a_script_stay_text_and_are_escaped_where_they_are_shown() {
    let behaviours = vec![
        case("a formula", plain("500 Oops", "", "=cmd|'/c calc'!A1"), "http_error 500 | HTTP 500: =cmd|'/c calc'!A1"),
        case(
            "a script",
            events(&[r#"{"error":"<script>alert(1)</script>"}"#]),
            "error_in_body 200 | 1 events | ttfe | <script>alert(1)</script>",
        ),
    ];
    hold(behaviours).await;
}

#[tokio::test]
async fn an_echoed_key_is_in_no_column() {
    let echo = format!("Incorrect API key provided: {KEY}");
    let body = format!(r#"{{"error":{{"message":"{echo}"}}}}"#);
    let headers = format!("Content-Type: application/json\r\nX-Request-Id: {KEY}\r\n");
    let long = format!("{}{KEY}", "x".repeat(285));
    let model =
        format!(r#"{{"model":"{KEY}","choices":[{{"message":{{"content":"{KEY}"}},"finish_reason":"stop"}}]}}"#);
    let scripts = [
        plain("401 Unauthorized", &headers, &body),
        plain("401 Unauthorized", "", format!("{}…{}", &KEY[..9], &KEY[12..])),
        plain("401 Unauthorized", "", &long),
        plain("307 Moved", &format!("Location: https://example.org/?key={KEY}\r\n"), ""),
        document("application/json", &body),
        document("application/json", &model),
        chunked(SSE, &[&format!("event: error\ndata: {echo}\n\n")]),
    ];
    for script in scripts {
        let sample = play(&Ask { stream: false, ..whole() }, script).await;
        let everything = format!("{sample:?}");
        for part in [&KEY[..9], &KEY[12..]] {
            assert!(!everything.contains(part), "{everything}");
        }
        assert!(row(&sample).contains("***"), "{everything}");
    }
}

#[tokio::test]
async fn deep_json_is_refused_and_wide_json_is_read() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = format!(r#"{{"error":{deep}}}"#);
    let sample = play(&streamed(), events(&[&error, STOP])).await;
    assert_eq!(sample.outcome.name(), "malformed");
    let wide = format!(
        r#"{{"x":[{}1],"choices":[{{"delta":{{"content":"Hi"}},"finish_reason":"stop"}}]}}"#,
        "1,".repeat(100_000)
    );
    let sample = play(&streamed(), events(&[&wide])).await;
    assert!(sample.outcome.is_ok(), "{sample:?}");
}

#[tokio::test]
async fn a_request_in_the_air_takes_little_memory() {
    let endpoint = endpoint(1);
    let shot = shot(&endpoint, &streamed());
    let size = size_of_val(&endpoint.send(arrival(), &shot, None));
    assert!(size < 8 << 10, "{size}");
}
