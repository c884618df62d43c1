//! Any body, cut anywhere: decoded twice, whole and in pieces, it must say the same, and never panic.
//!
//! The first byte chooses what the body is declared as and where it is cut.

#![no_main]

use std::time::Duration;

use chat::answer::Answer;
use chat::reading::{Declared, Read, Reading};
use libfuzzer_sys::fuzz_target;

#[path = "../../src/sample.rs"]
#[allow(dead_code)]
mod sample;

#[allow(dead_code, unreachable_pub)]
mod chat;

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let declared = [Declared::Events, Declared::Json, Declared::Html, Declared::Other][usize::from(choice & 3)];
    let step = usize::from(choice >> 3) + 1;
    let stream = choice & 4 != 0;
    assert_eq!(said(declared, stream, body, body.len().max(1)), said(declared, stream, body, step));
});

fn said(declared: Declared, stream: bool, body: &[u8], step: usize) -> String {
    let mut reading = Reading::new(declared, stream, Answer::new(1000));
    for (number, bytes) in body.chunks(step).enumerate() {
        if reading.is_over() {
            break;
        }
        let read = Read { bytes, at: Duration::ZERO, number: number as u64 };
        if reading.take(read).is_err() {
            return "too large".to_owned();
        }
    }
    reading.end();
    format!("{:?} {}", reading.answer, reading.streamed())
}
