//! What has been understood of one answer so far: events or a whole document go in, facts come out.
//!
//! It knows what a token is and what an error payload looks like. It knows no clock (the caller stamps what
//! [`Effect`] tells), no socket, and decides nothing: that is `outcome.rs`.

use std::borrow::Cow;

use compact_str::CompactString;
use sha2::{Digest as _, Sha256};

use super::chunk::{Document, Usage};
use super::complaint::{WORDLESS, complaint, excerpt, first, payload, remark};
use super::lenient::Number;
use super::message::Message;
use super::sse::Event;
use super::surrogates::mended;
use crate::sample::{TokenSource, Tokens};

/// The most bytes of a name that is kept: `model`, `finish_reason`, `system_fingerprint`.
const NAME_LIMIT: usize = 1024;

/// What one event or document brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effect {
    /// A non-empty fragment: content, reasoning, refusal or tool call.
    pub token: bool,
    /// One of these that a person sees.
    pub visible: bool,
    /// A `finish_reason`.
    pub finish: bool,
}

/// The answer so far.
#[derive(Debug)]
pub struct Answer {
    /// Visible text, its first `keep` bytes.
    pub text: String,
    keep: usize,
    /// Unicode characters of all visible text.
    pub chars: u64,
    hash: Sha256,
    /// Fragments of any kind were seen.
    pub tokens: bool,
    /// Visible ones were.
    pub visible: bool,
    /// Visible ones that are more than white space: a person would see something.
    pub said: bool,
    /// The last `usage` that says something.
    pub usage: Tokens,
    /// The last `finish_reason`.
    pub finish_reason: Option<CompactString>,
    /// The last `model` that brought tokens.
    pub model: Option<CompactString>,
    /// The last `system_fingerprint`.
    pub fingerprint: Option<CompactString>,
    /// An error payload, as text for people, not yet scrubbed.
    pub error: Option<String>,
    /// What an event without choices remarked: an error, should the answer never finish.
    remark: Option<String>,
    /// Something that is not the format it should be, and what.
    pub malformed: Option<String>,
    /// `[DONE]` was seen: nothing after it counts.
    pub done: bool,
    /// Server-sent events seen.
    pub events: u64,
}

impl Answer {
    /// Nothing yet; keeps at most `keep` bytes of the visible text.
    pub fn new(keep: usize) -> Answer {
        Answer {
            text: String::new(),
            keep,
            chars: 0,
            hash: Sha256::new(),
            tokens: false,
            visible: false,
            said: false,
            usage: Tokens::default(),
            finish_reason: None,
            model: None,
            fingerprint: None,
            error: None,
            remark: None,
            malformed: None,
            done: false,
            events: 0,
        }
    }

    /// Whether nothing that may still come can matter.
    pub fn is_over(&self) -> bool {
        self.done || self.error.is_some()
    }

    /// The first 64 bits of the visible text's SHA-256, if there was any.
    pub fn hash(&self) -> Option<u64> {
        let digest = self.hash.clone().finalize();
        let first = digest.first_chunk::<8>().expect("a SHA-256 has 32 bytes");
        self.visible.then(|| u64::from_be_bytes(*first))
    }

    /// Takes one server-sent event.
    pub fn event(&mut self, event: Event<'_>) -> Effect {
        if self.is_over() {
            return Effect::default();
        }
        self.events += 1;
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            self.done = true;
            return Effect::default();
        }
        if event.name == b"error" {
            self.error = Some(complaint(data)).filter(|text| !text.is_empty()).or_else(|| Some(WORDLESS.to_owned()));
            return Effect::default();
        }
        if data.is_empty() {
            return Effect::default();
        }
        match read(data, |document| self.chunk(&document)) {
            Ok(effect) => effect,
            // The stream broke off inside its last event: that is told by its missing end.
            Err(error) if event.unterminated && error.is_eof() => Effect::default(),
            // A named event of some other protocol, such as a keep-alive, is none of ours.
            Err(_) if !event.name.is_empty() && event.name != b"message" => Effect::default(),
            Err(_) => {
                self.not_json(event.data);
                Effect::default()
            }
        }
    }

    /// Takes a whole body that should be one JSON document.
    pub fn body(&mut self, json: &[u8]) -> Effect {
        let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
        let taken = read(json, |document| (document.has_choices, self.whole(&document)));
        match taken {
            Ok((choices, effect)) => {
                if !choices && self.error.is_none() {
                    self.malformed = Some(format!("JSON without choices: {}", excerpt(json)));
                }
                effect
            }
            Err(_) if json.trim_ascii().is_empty() => {
                self.malformed = Some("empty body where JSON was due".to_owned());
                Effect::default()
            }
            Err(error) => {
                self.not_json(json);
                // JSON that was cut off is told from text that never was JSON.
                if error.is_eof() && self.error.is_none() {
                    self.malformed = Some(format!("JSON that breaks off: {}", excerpt(json)));
                }
                Effect::default()
            }
        }
    }

    /// Nothing more comes.
    pub fn end(&mut self) {
        if self.finish_reason.is_none() && self.error.is_none() {
            self.error = self.remark.take();
        }
    }

    /// The body was not an answer at all: `what`, and how it begins.
    pub fn garbage(&mut self, what: &str, bytes: &[u8]) {
        let text = excerpt(bytes);
        let separator = if text.is_empty() { "" } else { ": " };
        self.malformed.get_or_insert(format!("{what}{separator}{text}"));
    }

    fn not_json(&mut self, data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        match first(data) {
            Some(error) => self.error = Some(error),
            // A server that writes its exception into the stream as bare text.
            None if text.trim_start().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("error")) => {
                self.error = Some(excerpt(data));
            }
            None if self.malformed.is_none() => self.malformed = Some(format!("not JSON: {}", excerpt(data))),
            None => {}
        }
    }

    /// A chunk of a stream: what is new is its `delta`.
    fn chunk(&mut self, document: &Document<'_>) -> Effect {
        let said = document.choice.as_ref().and_then(|choice| choice.delta.as_ref().or(choice.message.as_deref()));
        let effect = self.document(document, said);
        if self.remark.is_none() {
            self.remark = remark(document);
        }
        effect
    }

    /// A whole answer: all of it is its `message`.
    fn whole(&mut self, document: &Document<'_>) -> Effect {
        let said = document.choice.as_ref().and_then(|choice| choice.message.as_deref().or(choice.delta.as_ref()));
        let effect = self.document(document, said);
        if self.error.is_none() {
            self.error = remark(document);
        }
        effect
    }

    fn document(&mut self, document: &Document<'_>, said: Option<&Message<'_>>) -> Effect {
        let spoke = self.tokens;
        let effect = self.take(document, said);
        // A gateway may add chunks of its own, under the name that was asked for.
        if effect.token || !spoke || self.model.is_none() {
            keep_last(&mut self.model, &document.model.0);
        }
        effect
    }

    fn take(&mut self, document: &Document<'_>, said: Option<&Message<'_>>) -> Effect {
        if let Some(error) = payload(document) {
            self.error = Some(error);
            return Effect::default();
        }
        keep_last(&mut self.fingerprint, &document.fingerprint.0);
        if let Some(usage) = document.usage {
            self.count(usage, document.cached);
        }
        let effect = said.map(|said| self.message(said)).unwrap_or_default();
        let Some(choice) = &document.choice else { return effect };
        let finish = !choice.finish_reason.0.is_empty();
        keep_last(&mut self.finish_reason, &choice.finish_reason.0);
        Effect { finish, ..effect }
    }

    fn message(&mut self, message: &Message<'_>) -> Effect {
        let Message { content, reasoning, refusal, calls, media } = message;
        let mut visible = content.opaque || refusal.opaque || *media;
        self.said |= visible;
        let texts = [&content.text, &refusal.text];
        for text in texts.into_iter().chain(&calls.0).filter(|text| !text.is_empty()) {
            visible = true;
            self.said |= !text.trim().is_empty();
            self.say(text);
        }
        let hidden = !reasoning.is_empty() || content.hidden;
        self.visible |= visible;
        self.tokens |= visible || hidden;
        Effect { token: visible || hidden, visible, finish: false }
    }

    fn say(&mut self, text: &str) {
        self.chars += text.chars().count() as u64;
        self.hash.update(text.as_bytes());
        let room = self.keep.saturating_sub(self.text.len());
        self.text.push_str(&text[..text.floor_char_boundary(room)]);
        if text.len() > room {
            // Nothing behind a gap: what is kept is a beginning.
            self.keep = self.text.len();
        }
    }

    fn count(&mut self, usage: Usage, cached: Number) {
        let positive = |number: Number| number.0.and_then(|count| u64::try_from(count).ok()).filter(|count| *count > 0);
        let (input, output) = (positive(usage.input), positive(usage.output));
        if input.is_none() && output.is_none() {
            return;
        }
        self.usage = Tokens {
            input,
            cached: positive(usage.cached).or(positive(cached)),
            output,
            reasoning: positive(usage.reasoning),
            source: TokenSource::Usage,
        };
    }
}

/// Reads a document. Where that fails, what is no text in it is replaced first: bytes that are not UTF-8, as the standard
/// has it for event streams, and escapes of half a character.
fn read<T>(json: &[u8], take: impl FnOnce(Document<'_>) -> T) -> Result<T, serde_json::Error> {
    let error = match Document::read(json) {
        Ok(document) => return Ok(take(document)),
        Err(error) if error.is_eof() => return Err(error),
        Err(error) => error,
    };
    let text = String::from_utf8_lossy(json);
    match (mended(&text), text) {
        (Some(mended), _) => Document::read(mended.as_bytes()).map(take),
        (None, Cow::Owned(text)) => Document::read(text.as_bytes()).map(take),
        (None, Cow::Borrowed(_)) => Err(error),
    }
}

fn keep_last(place: &mut Option<CompactString>, text: &str) {
    if !text.is_empty() && place.as_deref() != Some(text) {
        let text = &text[..text.floor_char_boundary(NAME_LIMIT)];
        *place = Some(text.into());
    }
}

#[cfg(test)]
mod tests;
