//! The body of an answer as it arrives: which format it is, what it says, and when.
//!
//! Pure: reads with their instants go in. It finds out what the body really is, whatever it is declared as, keeps no
//! more than it needs, and refuses what has no end. It decides no outcome.

use std::time::Duration;

use super::answer::{Answer, Effect};
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
    declared: Declared,
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
    /// Reads that brought tokens.
    pub token_reads: u64,
    /// Gaps between these, in microseconds.
    pub gaps_us: Vec<u32>,
    /// The largest of them, exactly.
    pub max_gap: Option<Duration>,
    /// How much earlier than its instant the first token may have come; 0 unless its read held more behind it.
    pub first_token_doubt: Duration,
    /// The same of each token-bearing read where it is not 0, in microseconds, rounded up.
    pub doubts_us: Vec<u32>,
    last_read: Option<u64>,
    last_token_read: Option<u64>,
    /// The read in which an event came behind a token, until it is asked about; and the last that was.
    crowded: Option<u64>,
    asked_about: Option<u64>,
}

impl Reading {
    /// Nothing yet.
    pub fn new(declared: Declared, asked_stream: bool, answer: Answer) -> Reading {
        Reading {
            declared,
            asked_stream,
            body: Body::Unknown(Vec::new()),
            answer,
            at: Instants::default(),
            bytes: 0,
            reads: 0,
            token_reads: 0,
            gaps_us: Vec::new(),
            max_gap: None,
            first_token_doubt: Duration::ZERO,
            doubts_us: Vec::new(),
            last_read: None,
            last_token_read: None,
            crowded: None,
            asked_about: None,
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

    /// Whether the latest read held a token and an event behind it, and nobody has said yet how much earlier than the
    /// read's instant that token may have come: then [`Reading::doubted`] is due.
    pub fn is_crowded(&self) -> bool {
        self.crowded.is_some()
    }

    /// The tokens of the crowded read may have come so much earlier.
    pub fn doubted(&mut self, by: Duration) {
        self.asked_about = self.crowded.take();
        if by.is_zero() {
            return;
        }
        if self.token_reads == 1 {
            self.first_token_doubt = by;
        }
        self.doubts_us.push(u32::try_from(by.as_nanos().div_ceil(1000)).unwrap_or(u32::MAX));
    }

    /// The body has ended, or nothing more will be read: what was not ended is looked at too.
    pub fn end(&mut self) {
        self.end_body();
        self.answer.end();
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
                self.mark(seen, at, number);
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
                let mut seen = Seen { behind: self.last_token_read == Some(read.number), ..Seen::default() };
                let answer = &mut self.answer;
                let fed = decoder.feed(bytes, |event| seen.add(answer.event(event)));
                self.mark(seen, read.at, read.number);
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

    /// Everything that one read brought happened at its instant.
    fn mark(&mut self, seen: Seen, at: Duration, number: u64) {
        if seen.crowded && self.asked_about != Some(number) {
            self.crowded = Some(number);
        }
        if seen.events > 0 {
            self.at.first_event.get_or_insert(at);
        }
        if seen.effect.finish {
            self.at.finish = Some(at);
        }
        if seen.effect.visible {
            self.at.first_visible.get_or_insert(at);
        }
        if !seen.effect.token {
            return;
        }
        self.at.first_token.get_or_insert(at);
        let previous = self.at.last_token.replace(at);
        if self.last_token_read.replace(number) == Some(number) {
            return;
        }
        self.token_reads += 1;
        if let Some(previous) = previous {
            let gap = at.saturating_sub(previous);
            self.max_gap = self.max_gap.max(Some(gap));
            self.gaps_us.push(u32::try_from(gap.as_micros()).unwrap_or(u32::MAX));
        }
    }
}

/// What the events of one read brought together.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    events: u32,
    effect: Effect,
    /// A token came earlier in this read.
    behind: bool,
    /// And an event after it.
    crowded: bool,
}

impl Seen {
    fn add(&mut self, effect: Effect) {
        self.events += 1;
        self.crowded |= self.behind;
        self.behind |= effect.token;
        self.effect.token |= effect.token;
        self.effect.visible |= effect.visible;
        self.effect.finish |= effect.finish;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn token(text: &str) -> String {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text:?}}}}}]}}\n\n")
    }

    /// Which of the parts, each a read's number and its bytes, make the read crowded; a crowded read is asked about.
    fn crowded(parts: &[(u64, &str)]) -> (Vec<bool>, Reading) {
        let mut reading = Reading::new(Declared::Events, true, Answer::new(0));
        let mut all = Vec::new();
        for (number, text) in parts {
            reading.take(Read { bytes: text.as_bytes(), at: MILLI * *number as u32, number: *number }).unwrap();
            all.push(reading.is_crowded());
            if reading.is_crowded() {
                reading.doubted(MILLI * *number as u32 / 2);
            }
        }
        (all, reading)
    }

    #[test]
    fn a_read_is_crowded_once_if_anything_came_behind_a_token_in_it_piece_by_piece_too() {
        let (a, two, role) = (token("a"), token("a") + &token("b"), "data: {\"choices\":[{\"delta\":{}}]}\n\n");
        let role_and_token = role.to_owned() + &a;
        let (all, reading) =
            crowded(&[(1, role), (2, &role_and_token), (3, &a), (4, &two), (5, &a), (5, &a), (5, role), (6, role)]);
        assert_eq!(all, [false, false, false, true, false, true, false, false]);
        assert_eq!((reading.first_token_doubt, reading.doubts_us), (Duration::ZERO, vec![2000, 2500]));
    }

    #[test]
    fn a_first_token_is_doubtful_if_its_own_read_is_and_nothing_is_where_the_read_was_one_segment() {
        let two = token("a") + "data: [DONE]\n\n";
        let (_, reading) = crowded(&[(7, &two)]);
        assert_eq!((reading.first_token_doubt, &reading.doubts_us), (MILLI * 7 / 2, &vec![3500]));
        let (_, reading) = crowded(&[(0, &two)]);
        assert_eq!((reading.first_token_doubt, reading.doubts_us), (Duration::ZERO, vec![]));
    }
}
