//! The decoders' own files.

#[path = "../../../src/chat/answer.rs"]
pub mod answer;
#[path = "../../../src/chat/chunk.rs"]
mod chunk;
#[path = "../../../src/chat/complaint.rs"]
mod complaint;
#[path = "../../../src/chat/lenient.rs"]
mod lenient;
#[path = "../../../src/chat/message.rs"]
mod message;
#[path = "../../../src/chat/reading.rs"]
pub mod reading;
#[path = "../../../src/chat/sniff.rs"]
mod sniff;
#[path = "../../../src/chat/sse.rs"]
pub mod sse;
#[path = "../../../src/chat/surrogates.rs"]
mod surrogates;
