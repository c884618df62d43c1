//! Connections that stall, break, lie about their length, never end, or end too late; streamed or not.

use std::io::Write;
use std::time::Duration;

use super::super::gzip;
use super::super::script::{Act, End, Framing, Manner, Moment, Script};
use super::Fault;

/// What an endless answer stops at, should anybody read that far: 10 GiB.
const ENDLESS: u64 = 10 << 30;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("truncated", "half of the answer, then the connection is closed", |script, _| {
        script.break_off([]);
        script.end = End::Close;
    }),
    Fault::new("reset_mid_body", "half of the answer, then the connection is reset", |script, _| {
        script.break_off([]);
        script.end = End::Reset;
    }),
    Fault::new("reset_before_head", "the connection is reset when the answer is due", |script, _| {
        script.acts = vec![Act::At(Moment::End)];
        script.end = End::Reset;
    }),
    Fault::new("close_before_head", "the connection is closed when the answer is due", |script, _| {
        script.acts = vec![Act::At(Moment::End)];
        script.end = End::Close;
    }),
    Fault::new("truncated_head", "the connection is closed within the head", |script, _| {
        script.acts = vec![Act::At(Moment::End), Act::Wire(b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec())];
        script.end = End::Close;
    }),
    Fault::new("not_http", "an answer in another protocol", |script, _| {
        script.acts = vec![Act::At(Moment::End), Act::Wire(b"220 mail.example.com ESMTP ready\r\n".to_vec())];
        script.end = End::Close;
    }),
    Fault::new("stall", "no answer at all, the connection stays open", |script, _| script.acts = vec![Act::Stall]),
    Fault::new("stall_after_head", "a head and nothing more", |script, _| {
        script.acts = vec![Act::At(Moment::Head), Act::Head, Act::Stall];
    }),
    Fault::new("stall_mid_stream", "half of the answer and nothing more", |script, _| script.break_off([Act::Stall])),
    Fault::new("slow_headers", "a head that drips in, 10 ms a byte", |script, _| {
        let first = [Act::At(Moment::Head), Act::Say(Manner::Slowly(Duration::from_millis(10)))];
        script.acts.splice(0..0, first);
        script.behind(&Act::Head, [Act::Say(Manner::AsItComes)]);
    }),
    Fault::new("one_byte_a_minute", "a prompt head, then one byte of the answer a minute", |script, _| {
        let slowly = Act::Say(Manner::Slowly(Duration::from_secs(60)));
        script.behind(&Act::Head, [slowly.clone()]);
        script.before(&Act::Whole, [slowly]);
    }),
    Fault::new("late_last_chunk", "the end of the framing comes 2 s after the last event", |script, _| {
        script.before(&Act::LastChunk, [Act::At(Moment::After(Duration::from_secs(2)))]);
    }),
    Fault::new("slow_close", "connection: close, and closed 6 s after a whole answer", |script, _| {
        script.head.announce_close = true;
        script.acts.push(Act::Hold(Duration::from_secs(6)));
        script.end = End::Close;
    }),
    Fault::new("done_but_open", "no framing, connection: close, and closed 6 s after the last byte", |script, _| {
        script.framing = Framing::UntilClose;
        script.acts.push(Act::Hold(Duration::from_secs(6)));
        script.end = End::Close;
    }),
    Fault::new("close_after_each", "closed after a whole answer, without a word before", |script, _| {
        script.end = End::Close;
    }),
    Fault::new("keep_alive_then_close", "announces keep-alive, closes after a whole answer", |script, _| {
        script.head.lines.extend_from_slice(b"connection: keep-alive\r\nkeep-alive: timeout=5, max=100\r\n");
        script.end = End::Close;
    }),
    Fault {
        name: "close_idle_5s",
        says: "from this answer on, the connection is closed after 5 s of silence",
        play: |_, _| {},
        idle_close: Some(Duration::from_secs(5)),
    },
    Fault::new("http10", "HTTP/1.0: no length, closed at the end", |script, _| {
        script.head.version = "HTTP/1.0";
        script.framing = Framing::UntilClose;
        script.end = End::Close;
    }),
    Fault::new("until_close", "HTTP/1.1 without length or chunks, connection: close", |script, _| {
        script.framing = Framing::UntilClose;
        script.end = End::Close;
    }),
    Fault::new("truncated_until_close", "half of an answer without length or chunks, then closed", |script, _| {
        script.framing = Framing::UntilClose;
        script.break_off([]);
        script.end = End::Close;
    }),
    Fault::new("length_too_long", "content-length is 100 bytes more than there are, then closed", |script, _| {
        lie(script, 100);
        script.end = End::Close;
    }),
    Fault::new("length_too_short", "content-length is 10 bytes less than there are", |script, _| lie(script, -10)),
    Fault::new("bad_chunk", "half of a stream, then a chunk whose size is no number", |script, _| {
        if script.framing == Framing::Chunked {
            script.break_off([Act::Wire(b"zz\r\nnot a chunk\r\n".to_vec())]);
            script.end = End::Close;
        }
    }),
    Fault::new("trailers", "a header after the last chunk", |script, _| {
        script.before(&Act::LastChunk, [Act::Wire(b"0\r\nx-checksum: 1\r\n\r\n".to_vec())]);
        script.without(&[Act::LastChunk]);
    }),
    Fault::new("early_hints", "103 before the answer's own head", |script, _| {
        let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n";
        script.acts.insert(0, Act::Wire(hints.to_vec()));
    }),
    Fault::new("two_answers", "a second answer that nobody asked for, right behind the first", |script, _| {
        let second = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        script.before(&Act::Leave, [Act::Wire(second.to_vec())]);
    }),
    Fault::new("gzip", "content-encoding: gzip, unasked", |script, _| script.gzip = true),
    Fault::new("gzip_bomb", "1 MiB of gzip that inflates to 160 MiB", |script, _| {
        script.head.lines.extend_from_slice(b"content-encoding: gzip\r\n");
        script.framing = Framing::UntilClose;
        script.acts = vec![Act::At(Moment::End), Act::Head, Act::Body(gzip::bomb().to_vec()), Act::Leave];
        script.end = End::Close;
    }),
    Fault::new("many_headers", "10,000 header lines before a whole answer", |script, _| {
        for number in 0..10_000 {
            let _ = write!(script.head.lines, "x-filler-{number}: {number}\r\n");
        }
    }),
    Fault::new("endless_header", "a header line without an end", |script, _| {
        endless(script, Act::Wire(b"HTTP/1.1 200 OK\r\nx-filler: ".to_vec()), b"aaaaaaaa".to_vec());
    }),
    Fault::new("endless_headers", "header lines without an end", |script, _| {
        endless(script, Act::Wire(b"HTTP/1.1 200 OK\r\n".to_vec()), b"x-filler: aaaaaaaa\r\n".to_vec());
    }),
    Fault::new("endless_line", "an event's line without an end; unstreamed, a body of 10 GiB", |script, scene| {
        if scene.ask.stream {
            let opening = br#"data: {"choices":[{"index":0,"delta":{"content":""#;
            endless(script, Act::Body(opening.to_vec()), chunk(&[b'a'; 8_192]));
        } else {
            endless_body(script);
        }
    }),
    Fault::new("endless_stream", "good events without an end; unstreamed, a body of 10 GiB", |script, scene| {
        if scene.ask.stream {
            let event =
                b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" on\"},\"finish_reason\":null}]}\n\n";
            endless(script, Act::Role, chunk(event));
        } else {
            endless_body(script);
        }
    }),
    Fault::new("endless_body", "a body of 10 GiB, and content-length says so", |script, _| endless_body(script)),
];

/// A wrong length; a stream takes one in place of its chunks, as if it had been cut to or filled up to 1,000 bytes.
fn lie(script: &mut Script, bytes: i64) {
    script.lie = bytes;
    if script.framing == Framing::Chunked {
        script.framing = Framing::Length;
        let told = if bytes > 0 { 1_000_000 } else { 100 };
        let _ = write!(script.head.lines, "content-length: {told}\r\n");
    }
}

fn endless(script: &mut Script, opening: Act, bytes: Vec<u8>) {
    let head = if matches!(opening, Act::Wire(_)) { None } else { Some(Act::Head) };
    script.acts = vec![Act::At(Moment::Head)];
    script.acts.extend(head);
    script.acts.extend([opening, Act::Endless(bytes, ENDLESS)]);
    script.end = End::Close;
}

fn endless_body(script: &mut Script) {
    script.framing = Framing::Length;
    let _ = write!(script.head.lines, "content-length: {ENDLESS}\r\n");
    let opening = br#"{"choices":[{"index":0,"message":{"content":""#.to_vec();
    endless(script, Act::Body(opening), vec![b'a'; 8_192]);
}

/// Bytes as a chunk of a chunked body.
fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut out = format!("{:x}\r\n", bytes.len()).into_bytes();
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
    out
}
