//! What has been understood of one answer so far: events or a whole document go in, facts come out.
//!
//! It knows what a token is and what an error payload looks like. It knows no clock (the caller stamps what
//! [`Effect`] tells), no socket, and decides nothing: that is `outcome.rs`.

use sha2::{Digest as _, Sha256};

use super::chunk::{Document, Usage};
use super::complaint::{complaint, excerpt, payload};
use super::lenient::Number;
use super::message::Message;
use super::sse::Event;
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
    pub finish_reason: Option<Box<str>>,
    /// The last `model`.
    pub model: Option<Box<str>>,
    /// The last `system_fingerprint`.
    pub fingerprint: Option<Box<str>>,
    /// An error payload, as text for people, not yet scrubbed.
    pub error: Option<String>,
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
            self.error = Some(complaint(data));
            return Effect::default();
        }
        if data.is_empty() {
            return Effect::default();
        }
        match read(data, |document| self.document(document)) {
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
        let taken = read(json, |document| (document.has_choices, self.document(document)));
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

    /// The body was not an answer at all: `what`, and how it begins.
    pub fn garbage(&mut self, what: &str, bytes: &[u8]) {
        let text = excerpt(bytes);
        let separator = if text.is_empty() { "" } else { ": " };
        self.malformed.get_or_insert(format!("{what}{separator}{text}"));
    }

    fn not_json(&mut self, data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        match Document::read_first(data).and_then(|document| payload(&document)) {
            Some(error) => self.error = Some(error),
            // A server that writes its exception into the stream as bare text.
            None if text.trim_start().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("error")) => {
                self.error = Some(excerpt(data));
            }
            None if self.malformed.is_none() => self.malformed = Some(format!("not JSON: {}", excerpt(data))),
            None => {}
        }
    }

    fn document(&mut self, document: Document<'_>) -> Effect {
        keep_last(&mut self.model, &document.model.0);
        if let Some(error) = payload(&document) {
            self.error = Some(error);
            return Effect::default();
        }
        keep_last(&mut self.fingerprint, &document.fingerprint.0);
        if let Some(usage) = document.usage {
            self.count(usage, document.cached);
        }
        let Some(choice) = document.choice else { return Effect::default() };
        let effect = self.message(&choice.message);
        let finish = !choice.finish_reason.0.is_empty();
        keep_last(&mut self.finish_reason, &choice.finish_reason.0);
        Effect { finish, ..effect }
    }

    fn message(&mut self, message: &Message<'_>) -> Effect {
        let Message { content, reasoning, refusal, calls } = message;
        let mut visible = content.opaque || refusal.opaque;
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

/// Reads a document; bytes that are not UTF-8 are replaced first, as the standard has it for event streams.
fn read<T>(json: &[u8], take: impl FnOnce(Document<'_>) -> T) -> Result<T, serde_json::Error> {
    match Document::read(json) {
        Ok(document) => Ok(take(document)),
        Err(error) if error.is_eof() || std::str::from_utf8(json).is_ok() => Err(error),
        Err(_) => Document::read(String::from_utf8_lossy(json).as_bytes()).map(take),
    }
}

fn keep_last(place: &mut Option<Box<str>>, text: &str) {
    if !text.is_empty() && place.as_deref() != Some(text) {
        let text = &text[..text.floor_char_boundary(NAME_LIMIT)];
        *place = Some(text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(events: &[&str]) -> Answer {
        let mut answer = Answer::new(1000);
        for data in events {
            answer.event(Event { name: b"", data: data.as_bytes(), unterminated: false });
        }
        answer
    }

    fn effect(data: &str) -> Effect {
        Answer::new(1000).event(Event { name: b"", data: data.as_bytes(), unterminated: false })
    }

    fn delta(delta: &str) -> String {
        format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
    }

    const NOTHING: Effect = Effect { token: false, visible: false, finish: false };
    const VISIBLE: Effect = Effect { token: true, visible: true, finish: false };
    const HIDDEN: Effect = Effect { token: true, visible: false, finish: false };

    #[test]
    fn content_refusal_and_tool_calls_are_visible_tokens_reasoning_is_a_hidden_one() {
        let table = [
            (r#"{"content":"a"}"#, VISIBLE),
            (r#"{"refusal":"no"}"#, VISIBLE),
            (r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}"#, VISIBLE),
            (r#"{"tool_calls":[{"function":{"arguments":"{"}}]}"#, VISIBLE),
            (r#"{"function_call":{"name":"f"}}"#, VISIBLE),
            (r#"{"content":[{"type":"text","text":"a"}]}"#, VISIBLE),
            (r#"{"content":["a"]}"#, VISIBLE),
            (r#"{"content":[{"type":"image_url","image_url":{"url":"x"}}]}"#, VISIBLE),
            (r#"{"reasoning":"hm"}"#, HIDDEN),
            (r#"{"reasoning_content":"hm","content":""}"#, HIDDEN),
            (r#"{"reasoning":"","reasoning_content":"hm"}"#, HIDDEN),
            (r#"{"reasoning":"hm","reasoning_content":"hm"}"#, HIDDEN),
            (r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#, HIDDEN),
        ];
        for (json, expected) in table {
            assert_eq!(effect(&delta(json)), expected, "{json}");
        }
    }

    #[test]
    fn role_only_empty_and_odd_deltas_are_no_tokens() {
        let deltas = [
            r#"{"role":"assistant"}"#,
            r#"{"role":"assistant","content":""}"#,
            r#"{"content":null,"refusal":null,"tool_calls":null}"#,
            r#"{"tool_calls":[]}"#,
            r#"{"content":7}"#,
            r#"{"content":[]}"#,
            r#"{"content":[{"type":"text","text":""}]}"#,
            "{}",
            "null",
            "[]",
            "\"a\"",
        ];
        for json in deltas {
            assert_eq!(effect(&delta(json)), NOTHING, "{json}");
        }
        for json in [r#"{"choices":[]}"#, r#"{"choices":null}"#, r#"{"choices":{}}"#, "{}", "[]", "1", "null"] {
            assert_eq!(effect(json), NOTHING, "{json}");
        }
    }

    #[test]
    fn choice_0_carries_the_times_wherever_it_stands() {
        let both = r#"{"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}"#;
        assert_eq!(of(&[both]).text, "a");
        let other = r#"{"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]}"#;
        assert_eq!(effect(other), NOTHING);
        let without = r#"{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}"#;
        assert_eq!(of(&[without]).text, "a");
    }

    #[test]
    fn the_last_usage_that_says_something_counts_and_not_positive_is_none() {
        let answer = of(&[
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
            r#"{"choices":null,"usage":{"prompt_tokens":3,"completion_tokens":9,
                "prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":4}}}"#,
            r#"{"choices":[],"usage":null}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":-1,"total_tokens":-1}}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}"#,
        ]);
        let expected =
            Tokens { input: Some(3), cached: Some(2), output: Some(9), reasoning: Some(4), source: TokenSource::Usage };
        assert_eq!(answer.usage, expected);
        assert_eq!(of(&[r#"{"usage":{"prompt_tokens":0,"completion_tokens":0}}"#]).usage, Tokens::default());
        let timings = of(&[r#"{"timings":{"cache_n":53},"usage":{"prompt_tokens":54,"completion_tokens":2}}"#]);
        assert_eq!(timings.usage.cached, Some(53));
    }

    #[test]
    fn an_error_payload_of_any_shape_is_an_error_and_a_silent_one_is_not() {
        let table = [
            (r#"{"error":{"message":"boom","type":"server_error"}}"#, "boom (server_error)"),
            (r#"{"error":"boom"}"#, "boom"),
            (r#"{"error":{"code":500}}"#, r#"{"code":500}"#),
            (r#"{"error":true}"#, "true"),
            (r#"[{"error":{"message":"boom"}}]"#, "boom"),
            (r#"{"detail":"boom"}"#, "boom"),
            (r#"{"detail":[{"loc":["body"],"msg":"boom","type":"missing"}]}"#, "boom (missing)"),
            (r#"{"detail":{"error":{"message":"boom","code":"quota"}}}"#, "boom (quota)"),
            (r#"{"object":"error","message":"boom"}"#, "boom"),
            (r#"{"choices":[{"delta":{"content":""},"error":{"message":"boom"}}]}"#, "boom"),
            (r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#, "finish_reason error"),
            ("Error in create_completion: boom", "Error in create_completion: boom"),
            (r#"{"error":{"message":"boom"}}\n\n"#, "boom"),
        ];
        for (json, expected) in table {
            assert_eq!(of(&[json]).error.as_deref(), Some(expected), "{json}");
        }
        for json in [r#"{"error":null,"choices":[]}"#, r#"{"error":"","choices":[]}"#, r#"{"error":{}}"#] {
            assert_eq!(of(&[json]).error, None, "{json}");
        }
        assert_eq!(of(&[r#"{"choices":[],"message":"ok","detail":"fine"}"#]).error, None);
    }

    #[test]
    fn a_named_error_event_is_an_error_and_other_names_are_none_of_ours() {
        let mut answer = Answer::new(10);
        answer.event(Event { name: b"ping", data: b"not json", unterminated: false });
        assert_eq!((answer.error.as_deref(), answer.malformed.as_deref()), (None, None));
        answer.event(Event { name: b"error", data: b"boom", unterminated: false });
        assert_eq!(answer.error.as_deref(), Some("boom"));
    }

    #[test]
    fn nothing_after_done_counts() {
        let answer = of(&["[DONE]", &delta(r#"{"content":"a"}"#)]);
        assert!(answer.done && !answer.tokens && answer.events == 1);
    }

    #[test]
    fn text_that_is_not_json_is_malformed_unless_the_stream_broke_off_inside_it() {
        assert_eq!(of(&["hello"]).malformed.as_deref(), Some("not JSON: hello"));
        let mut answer = Answer::new(10);
        answer.event(Event { name: b"", data: br#"{"choices":[{"del"#, unterminated: true });
        assert_eq!(answer.malformed, None);
        let literal = format!(r"{}\n\n", delta(r#"{"content":"a"}"#));
        assert!(of(&[&literal]).malformed.is_some());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_not_refused() {
        let mut answer = Answer::new(100);
        let data = b"{\"choices\":[{\"delta\":{\"content\":\"a\xffb\"}}]}";
        answer.event(Event { name: b"", data, unterminated: false });
        assert_eq!((answer.text.as_str(), answer.malformed), ("a\u{fffd}b", None));
    }

    #[test]
    fn text_is_bounded_its_count_and_hash_are_not() {
        let mut answer = Answer::new(4);
        for text in ["äb", "cd", "e"] {
            let data = delta(&format!(r#"{{"content":"{text}"}}"#));
            answer.event(Event { name: b"", data: data.as_bytes(), unterminated: false });
        }
        assert_eq!((answer.text.as_str(), answer.chars), ("äbc", 5));
        // The first 16 digits of `printf äbcde | sha256sum`.
        assert_eq!(answer.hash().map(|hash| format!("{hash:016x}")), Some(whole_hash("äbcde")));
    }

    fn whole_hash(text: &str) -> String {
        Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_body_is_a_completion_or_says_why_not() {
        let mut answer = Answer::new(100);
        let body = br#"{"model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
        assert_eq!(answer.body(body), Effect { token: true, visible: true, finish: true });
        assert_eq!((answer.model.as_deref(), answer.finish_reason.as_deref()), (Some("m"), Some("stop")));
        for (body, start) in [
            ("", "empty body"),
            (" \n", "empty body"),
            ("{}", "JSON without choices"),
            ("null", "JSON without choices"),
            ("<html>", "not JSON"),
            (r#"{"choices":[{"#, "JSON that breaks off"),
        ] {
            let mut answer = Answer::new(100);
            answer.body(body.as_bytes());
            assert!(answer.malformed.as_deref().is_some_and(|what| what.starts_with(start)), "{body}: {answer:?}");
        }
    }
}
