//! From bytes to an outcome.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use lamb_load::chat::answer::Answer;
use lamb_load::chat::outcome::{Facts, decide};
use lamb_load::chat::reading::EVENT_LIMIT;
use lamb_load::chat::sse::Decoder;

/// Tokens of the streamed answer.
const TOKENS: usize = 100;

/// Benches this room's parts.
pub(crate) fn bench(criterion: &mut Criterion) {
    let stream = stream();
    decode(criterion, &stream);
    understand(criterion, &stream);
    let document = document();
    criterion.bench_function("chat/a whole document", |bencher| {
        bencher.iter(|| {
            let mut answer = Answer::new(0);
            answer.body(black_box(document.as_bytes()));
            answer.end();
            answer.hash()
        });
    });
    let ok = Facts {
        status: Some(200),
        ended: true,
        done: true,
        streamed: true,
        tokens: true,
        visible: true,
        finish: true,
        ..Facts::default()
    };
    criterion.bench_function("chat/outcome", |bencher| bencher.iter(|| decide(black_box(&ok))));
}

/// Events alone, a read each and a thousand bytes at a time, as a busy client gets them.
fn decode(criterion: &mut Criterion, stream: &str) {
    let mut group = criterion.benchmark_group("chat/decoder, an event");
    group.throughput(Throughput::Elements(TOKENS as u64 + 4));
    let reads: Vec<&[u8]> = stream.split_inclusive("\n\n").map(str::as_bytes).collect();
    for (name, reads) in [("a read each", reads), ("in reads of 1000 bytes", stream.as_bytes().chunks(1000).collect())]
    {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let (mut decoder, mut bytes) = (Decoder::new(EVENT_LIMIT), 0);
                for read in &reads {
                    decoder.feed(black_box(read), |event| bytes += event.data.len()).expect("small events");
                }
                bytes
            });
        });
    }
    group.finish();
}

/// Events and what their JSON says.
fn understand(criterion: &mut Criterion, stream: &str) {
    let reads: Vec<&[u8]> = stream.split_inclusive("\n\n").map(str::as_bytes).collect();
    let mut group = criterion.benchmark_group("chat/decoder and answer, an event");
    group.throughput(Throughput::Elements(TOKENS as u64 + 4));
    group.bench_function("a read each", |bencher| {
        bencher.iter(|| {
            let (mut decoder, mut answer) = (Decoder::new(EVENT_LIMIT), Answer::new(0));
            for read in &reads {
                let understood = decoder.feed(black_box(read), |event| {
                    black_box(answer.event(event));
                });
                understood.expect("small events");
            }
            answer.end();
            answer.hash()
        });
    });
    group.finish();
}

const IDENTITY: &str = r#""created":1795476664,"model":"gpt-4o-mini-2024-07-18","system_fingerprint":"fp_44709d6fcb","#;

/// A role, a hundred tokens, a reason to finish, usage, `[DONE]`.
fn stream() -> String {
    let mut text = String::new();
    let mut chunk = |choices: &str| {
        let id = r#"{"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","#;
        let _ = write!(text, "data: {id}{IDENTITY}\"choices\":{choices}}}\n\n");
    };
    let choice = |delta: &str, finish: &str| {
        format!(r#"[{{"index":0,"delta":{{{delta}}},"logprobs":null,"finish_reason":{finish}}}]"#)
    };
    chunk(&choice(r#""role":"assistant","content":"""#, "null"));
    (0..TOKENS).for_each(|token| chunk(&choice(&format!(r#""content":" w{token}""#), "null")));
    chunk(&choice("", r#""stop""#));
    chunk(r#"[],"usage":{"prompt_tokens":12,"completion_tokens":100,"total_tokens":112}"#);
    text + "data: [DONE]\n\n"
}

/// The same, not streamed.
fn document() -> String {
    let text: String = (0..TOKENS).map(|token| format!(" w{token}")).collect();
    let choices = format!(
        r#"[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"logprobs":null,"finish_reason":"stop"}}]"#
    );
    let usage = r#"{"prompt_tokens":12,"completion_tokens":100,"total_tokens":112}"#;
    format!(r#"{{"id":"chatcmpl-1","object":"chat.completion",{IDENTITY}"choices":{choices},"usage":{usage}}}"#)
}
