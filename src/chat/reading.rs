//! The body of an answer as it arrives: which format it is, what it says, and when.
//!
//! Pure: reads with their instants go in. It finds out what the body really is, whatever it is declared as, keeps no
//! more than it needs, and refuses what has no end. It decides no outcome.

use std::time::Duration;

use super::answer::Answer;
use super::pace::{Pace, Seen};
pub use super::sniff::Declared;
use super::sniff::{Looks, sniff};
use super::sse::Decoder;
use crate::sample::Instants;

/// The most bytes of a stream.
pub const STREAM_LIMIT: u64 = 64 << 20;
/// The most bytes of a JSON document, which has to be kept whole.
pub const DOCUMENT_LIMIT: u64 = 16 << 20;
/// The most bytes of one event.
pub const EVENT_LIMIT: usize = 1 << 20;
/// The most blank bytes before anything else.
const BLANK_LIMIT: u64 = 64 << 10;
/// How much of a body that is no answer is looked at.
const GARBAGE_LIMIT: usize = 1024;

/// One read of the body.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// The bytes, never none.
    pub bytes: &'a [u8],
    /// When they arrived, since the start of the round.
    pub at: Duration,
    /// Which read of the socket brought them.
    pub number: u64,
}

/// Something outgrew its bound; which, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge(pub &'static str);

/// What the body turned out to be.
#[derive(Debug)]
enum Body {
    /// Too few bytes so far to tell.
    Unknown(Vec<u8>),
    Events(Decoder),
    Json(Vec<u8>),
    Garbage(Vec<u8>),
}

/// A body so far.
#[derive(Debug)]
pub struct Reading {
    /// What the head says that it is.
    pub declared: Declared,
    asked_stream: bool,
    body: Body,
    /// What it says.
    pub answer: Answer,
    /// First event and tokens, finish, last byte; the rest is the caller's.
    pub at: Instants,
    /// Bytes of the body.
    pub bytes: u64,
    /// Reads that brought body bytes.
    pub reads: u64,
    /// Its tokens in time.
    pub pace: Pace,
    last_read: Option<u64>,
}

impl Reading {
    /// Nothing yet.
    pub fn new(asked_stream: bool, answer: Answer) -> Reading {
        Reading {
            declared: Declared::Other,
            asked_stream,
            body: Body::Unknown(Vec::new()),
            answer,
            at: Instants::default(),
            bytes: 0,
            reads: 0,
            pace: Pace::default(),
            last_read: None,
        }
    }

    /// Whether the answer came as events; what was asked for, while that cannot be told.
    pub fn streamed(&self) -> bool {
        match self.body {
            Body::Events(_) => true,
            Body::Json(_) => false,
            Body::Unknown(_) | Body::Garbage(_) => self.asked_stream,
        }
    }

    /// Whether nothing that may still come can matter.
    pub fn is_over(&self) -> bool {
        self.answer.is_over() || matches!(&self.body, Body::Garbage(kept) if kept.len() >= GARBAGE_LIMIT)
    }

    /// Takes one read.
    pub fn take(&mut self, read: Read<'_>) -> Result<(), TooLarge> {
        self.bytes += read.bytes.len() as u64;
        self.at.last_byte = Some(read.at);
        if self.last_read.replace(read.number) != Some(read.number) {
            self.reads += 1;
        }
        match &mut self.body {
            Body::Unknown(kept) if kept.is_empty() => match sniff(read.bytes) {
                Some(looks) => self.become_of(looks, read.bytes, read),
                None => {
                    kept.extend_from_slice(read.bytes);
                    self.bounded()
                }
            },
            Body::Unknown(kept) => {
                kept.extend_from_slice(read.bytes);
                match sniff(kept) {
                    Some(looks) => {
                        let kept = std::mem::take(kept);
                        self.become_of(looks, &kept, read)
                    }
                    None => self.bounded(),
                }
            }
            _ => self.add(read.bytes, read),
        }
    }

    /// The body has ended, or nothing more will be read: what was not ended is looked at too.
    pub fn end(&mut self) {
        self.end_body();
        self.answer.end();
        self.pace.end();
    }

    fn end_body(&mut self) {
        let at = self.at.last_byte.unwrap_or_default();
        let number = self.last_read.unwrap_or_default();
        match std::mem::replace(&mut self.body, Body::Unknown(Vec::new())) {
            Body::Events(mut decoder) => {
                let mut seen = Seen::default();
                let answer = &mut self.answer;
                decoder.finish(|event| seen.add(answer.event(event)));
                if self.answer.events == 0 && decoder.strayed() && self.answer.malformed.is_none() {
                    self.answer.malformed = Some("an event stream without an event".to_owned());
                }
                self.body = Body::Events(decoder);
                self.pace.mark(seen, &mut self.at, at, number);
            }
            Body::Json(document) => {
                self.answer.body(&document);
                self.misdeclared(Declared::Events, "JSON declared as text/event-stream");
                self.misdeclared(Declared::Html, "JSON declared as text/html");
                self.body = Body::Json(Vec::new());
            }
            Body::Garbage(kept) => {
                let what = if self.declared == Declared::Html || sniff(&kept) == Some(Looks::Markup) {
                    "HTML where an answer was due"
                } else {
                    "neither JSON nor events"
                };
                self.answer.garbage(what, &kept);
                self.body = Body::Garbage(Vec::new());
            }
            // An event stream may end without an event; a document may not be empty.
            Body::Unknown(kept) if self.declared == Declared::Events && kept.trim_ascii().is_empty() => {
                self.body = Body::Events(Decoder::new(EVENT_LIMIT));
            }
            Body::Unknown(kept) => self.answer.garbage("an empty body", &kept),
        }
    }

    fn bounded(&self) -> Result<(), TooLarge> {
        if self.bytes > BLANK_LIMIT { Err(TooLarge("blank body")) } else { Ok(()) }
    }

    fn become_of(&mut self, looks: Looks, bytes: &[u8], read: Read<'_>) -> Result<(), TooLarge> {
        self.body = match looks {
            Looks::Json => Body::Json(Vec::new()),
            Looks::Events => Body::Events(Decoder::new(EVENT_LIMIT)),
            // A stream may begin with a field that nobody knows.
            Looks::Other if self.declared == Declared::Events => Body::Events(Decoder::new(EVENT_LIMIT)),
            Looks::Other | Looks::Markup => Body::Garbage(Vec::new()),
        };
        if matches!(self.body, Body::Events(_)) {
            self.misdeclared(Declared::Html, "events declared as text/html");
            if !self.asked_stream {
                self.misdeclared(Declared::Json, "events declared as JSON, and not asked for");
            }
        }
        self.add(bytes, read)
    }

    fn misdeclared(&mut self, declared: Declared, what: &str) {
        if self.declared == declared && self.answer.malformed.is_none() {
            self.answer.malformed = Some(what.to_owned());
        }
    }

    fn add(&mut self, bytes: &[u8], read: Read<'_>) -> Result<(), TooLarge> {
        match &mut self.body {
            Body::Events(decoder) => {
                let mut seen = Seen::default();
                let answer = &mut self.answer;
                let fed = decoder.feed(bytes, |event| seen.add(answer.event(event)));
                self.pace.mark(seen, &mut self.at, read.at, read.number);
                if fed.is_err() {
                    return Err(TooLarge("event"));
                }
                if self.bytes > STREAM_LIMIT { Err(TooLarge("stream")) } else { Ok(()) }
            }
            Body::Json(document) => {
                document.extend_from_slice(bytes);
                if self.bytes > DOCUMENT_LIMIT { Err(TooLarge("JSON document")) } else { Ok(()) }
            }
            Body::Garbage(kept) | Body::Unknown(kept) => {
                let room = GARBAGE_LIMIT.saturating_sub(kept.len());
                kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
                Ok(())
            }
        }
    }
}
