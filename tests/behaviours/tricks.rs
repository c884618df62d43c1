//! Tricks that were thought up to fool it: odd servers whose answers are answers, and failures well dressed.
//!
//! What must become of each was decided from what it means to a client, before it was played.

mod frames;
mod moments;
mod shapes;
mod words;

use super::script::{Act, Ask, Script, streamed, whole};
use super::{Behaviour, hold};

const SSE: &str = "text/event-stream";
const JSON: &str = "application/json";
const DONE: &str = "[DONE]";
const ANSWER: &str = r#"{"model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
const WHOLE: &str = "ok 200 stop | m | 2 chars | latency";
const STREAMED: &str = "ok 200 stop | m | 2 chars | 3 events | ttfe ttft ttfo latency";

/// Asked for a stream.
fn stream(name: &'static str, script: Script, row: &'static str) -> Behaviour {
    Behaviour { name, ask: streamed(), script, row }
}

/// Asked for a whole answer.
fn answer(name: &'static str, script: Script, row: &'static str) -> Behaviour {
    Behaviour { name, ask: whole(), script, row }
}

/// These bytes, and the connection closes.
fn says(bytes: impl AsRef<[u8]>) -> Script {
    Script(vec![Act::Say(bytes.as_ref().to_vec())])
}
