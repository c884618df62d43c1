//! A stream cut anywhere is the same stream: every recorded one, and any mixture of what streams are made of.

use std::time::Duration;

use lamb_load::chat::answer::Answer;
use lamb_load::chat::reading::{Declared, Read, Reading};
use lamb_load::chat::sse::Decoder;
use proptest::prelude::*;
use proptest::sample::Index;

/// Streams as servers send them, byte for byte.
const RECORDED: [&[u8]; 9] = [
    include_bytes!("recorded/openai.sse"),
    include_bytes!("recorded/openai_tools.sse"),
    include_bytes!("recorded/lamb_bypass.sse"),
    include_bytes!("recorded/lamb_ollama_error.sse"),
    include_bytes!("recorded/lamb_literal.sse"),
    include_bytes!("recorded/vllm_reasoning.sse"),
    include_bytes!("recorded/ollama.sse"),
    include_bytes!("recorded/llama_cpp.sse"),
    include_bytes!("recorded/litellm_error.sse"),
];

/// What the recorded streams say: text, finish_reason, tokens out, error, `[DONE]`.
const SAID: [&str; 9] = [
    "Hello there, 世界! 👋 | stop | Some(9) | None | true",
    "get_weather{\"city\":\"Paris\"} | tool_calls | Some(17) | None | true",
    "User 1: Say hello in exactly one word.  | stop | None | None | true",
    "[Ollama Error] Connection Error | stop | None | None | true",
    " |  | None | None | false",
    "Hi! | stop | Some(12) | None | true",
    "Hello! | stop | Some(3) | None | true",
    "Ahoy | length | Some(2) | None | true",
    "Once |  | None | Some(\"litellm.RateLimitError: slow down (throttling_error)\") | false",
];

fn read(parts: &[&[u8]], declared: Declared) -> Option<Reading> {
    let mut reading = Reading::new(true, Answer::new(4096));
    reading.declared = declared;
    for (number, bytes) in parts.iter().copied().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
        if reading.is_over() {
            break;
        }
        reading.take(Read { bytes, at: Duration::ZERO, number: number as u64 }).ok()?;
    }
    reading.end();
    Some(reading)
}

/// Everything that was understood, as text.
fn understood(parts: &[&[u8]], declared: Declared) -> String {
    format!("{:?}", read(parts, declared).map(|reading| (format!("{:?}", reading.answer), reading.streamed())))
}

fn cut<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut parts = Vec::new();
    let mut from = 0;
    for place in places {
        parts.push(&bytes[from..place]);
        from = place;
    }
    parts.push(&bytes[from..]);
    parts
}

/// The events of a whole stream as the standard defines them, written for clarity alone.
fn by_the_standard(stream: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let mut lines = vec![Vec::new()];
    let mut bytes = stream.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                lines.push(Vec::new());
            }
            b'\n' => lines.push(Vec::new()),
            other => lines.last_mut().unwrap().push(other),
        }
    }
    // An unfinished last line, and an event without its blank line, are ours to recover: ended by force.
    lines.push(Vec::new());
    let (mut name, mut data, mut events) = (Vec::new(), Vec::<Vec<u8>>::new(), Vec::new());
    for line in lines {
        if line.is_empty() {
            if !data.is_empty() {
                events.push((name, data.join(&b'\n')));
            }
            (name, data) = (Vec::new(), Vec::new());
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value).to_vec();
        match &line[..colon] {
            b"data" => data.push(value),
            b"event" => name = value,
            _ => {}
        }
    }
    events
}

fn decoded(parts: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut events = Vec::new();
    let mut decoder = Decoder::new(1 << 20);
    for part in parts {
        decoder.feed(part, |event| events.push((event.name.to_vec(), event.data.to_vec()))).unwrap();
    }
    decoder.finish(|event| events.push((event.name.to_vec(), event.data.to_vec())));
    events
}

/// Mixtures of what streams are made of, and of what breaks them.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let bits: Vec<&[u8]> = vec![
        b"data",
        b":",
        b" ",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\xEF\xBB\xBF",
        b"event: error",
        b": ping",
        b"data: [DONE]",
        b"data: {\"choices\":[{\"delta\":{\"content\":\"\xC3\xA4\"}}]}",
        b"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
        b"{\"error\":\"x\"}",
        b"\\n",
        b"\xFF",
        b"id",
        b"retry: 1",
        b"<html>",
        b"x",
    ];
    prop::collection::vec(prop::sample::select(bits), 0..40).prop_map(|bits| bits.concat())
}

#[test]
fn recorded_streams_say_what_they_said() {
    for (stream, expected) in RECORDED.iter().zip(SAID) {
        let answer = read(&[stream], Declared::Events).unwrap().answer;
        let reason = answer.finish_reason.as_deref().unwrap_or_default();
        let said =
            format!("{} | {reason} | {:?} | {:?} | {}", answer.text, answer.usage.output, answer.error, answer.done);
        assert_eq!(said, expected);
    }
}

#[test]
fn recorded_streams_cut_at_every_byte_say_the_same() {
    for stream in RECORDED {
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        let whole = understood(&[stream], Declared::Events);
        assert_eq!(understood(&bytes, Declared::Events), whole);
        for at in (0..stream.len()).step_by(3) {
            let (head, tail) = stream.split_at(at);
            assert_eq!(understood(&[head, tail], Declared::Events), whole, "cut at {at}");
        }
    }
}

proptest! {
    #[test]
    fn recorded_streams_cut_anywhere_say_the_same(which in 0..RECORDED.len(), cuts: Vec<Index>) {
        let stream = RECORDED[which];
        let whole = understood(&[stream], Declared::Events);
        prop_assert_eq!(understood(&cut(stream, &cuts), Declared::Events), whole);
    }

    #[test]
    fn any_mixture_cut_anywhere_says_the_same(soup in soup(), cuts: Vec<Index>, declared in 0..4_usize) {
        let declared = [Declared::Events, Declared::Json, Declared::Html, Declared::Other][declared];
        prop_assert_eq!(understood(&cut(&soup, &cuts), declared), understood(&[&soup], declared));
    }

    #[test]
    fn any_mixture_has_the_events_that_the_standard_gives_it(soup in soup(), cuts: Vec<Index>) {
        prop_assert_eq!(decoded(&cut(&soup, &cuts)), by_the_standard(&soup));
    }
}
