//! The JSON of an answer: chunks, the whole message, usage. Its words come from the draw and never from the request.

use std::cell::OnceCell;
use std::io::Write;

/// As many as a power of two, so that any odd step visits each before it repeats one.
const WORDS: [&str; 64] = [
    "the", "ocean", "wide", "and", "blue", "sings", "under", "morning", "light", "waves", "carry", "salt", "stories",
    "home", "while", "silver", "fish", "turn", "like", "thoughts", "between", "dark", "rocks", "a", "gull", "calls",
    "over", "foam", "where", "tides", "keep", "time", "with", "moon", "slow", "currents", "dream", "of", "distant",
    "shores", "deep", "water", "holds", "its", "breath", "until", "wind", "returns", "bright", "sails", "lean", "into",
    "evening", "coral", "gardens", "glow", "below", "quiet", "whales", "remember", "every", "storm", "that", "passed",
];

/// What kind of tokens an answer is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Content,
    /// The first half in this field, the rest content.
    Reasoning(&'static str),
    /// All of it in this field.
    Only(&'static str),
    /// One function call, its arguments in fragments.
    ToolCall,
}

/// Where a stream tells its usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Nowhere,
    /// In a last chunk with `choices: []`.
    LastEmpty,
    /// In a last chunk with `choices: null`.
    LastNull,
    /// In every chunk, counting, and in a last one.
    EveryChunk,
}

/// What usage is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) prompt: i64,
    pub(super) completion: i64,
    pub(super) total: i64,
    pub(super) place: Place,
}

/// Everything that an answer says.
pub(super) struct Voice {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) created: u64,
    pub(super) fingerprint: Option<String>,
    /// Of each choice.
    pub(super) tokens: u32,
    pub(super) choices: u32,
    pub(super) finish: Option<&'static str>,
    pub(super) speech: Speech,
    /// Said in place of the first word.
    pub(super) opening: Option<&'static str>,
    pub(super) usage: Usage,
    /// Chunks without usage say `"usage":null`.
    pub(super) usage_null: bool,
    /// The role stands in every delta.
    pub(super) role_in_each: bool,
    /// Chooses the words.
    pub(super) wording: u64,
    /// A chunk up to its choices; made when the first one is, after which nothing above may change.
    pub(super) prefix: OnceCell<Vec<u8>>,
}

impl Voice {
    /// A chunk that holds tokens of one choice.
    pub(super) fn token_chunk(&self, choice: u32, tokens: std::ops::Range<u32>, out: &mut Vec<u8>) {
        let last = tokens.end;
        self.chunk(choice, None, last, out, |voice, out| {
            if voice.speech == Speech::ToolCall {
                return voice.call_fragment(tokens, out);
            }
            for part in ["\"", voice.field(tokens.start), "\":\""] {
                out.extend_from_slice(part.as_bytes());
            }
            tokens.for_each(|token| voice.token(token, out));
            out.push(b'"');
        });
    }

    /// A chunk that holds a piece of a token: its `piece`-th three letters. False where there is no such piece.
    pub(super) fn piece_chunk(&self, choice: u32, token: u32, piece: usize, out: &mut Vec<u8>) -> bool {
        let mut text = Vec::new();
        self.token(token, &mut text);
        let pieces: Vec<&[u8]> = if text.contains(&b'\\') { vec![text.as_slice()] } else { text.chunks(3).collect() };
        let Some(text) = pieces.get(piece) else { return false };
        self.chunk(choice, None, token + 1, out, |voice, out| {
            let _ = write!(out, "\"{}\":\"", voice.field(token));
            out.extend_from_slice(text);
            out.push(b'"');
        });
        true
    }

    /// The chunk that only tells the role.
    pub(super) fn role_chunk(&self, choice: u32, out: &mut Vec<u8>) {
        self.chunk(choice, None, 0, out, |voice, out| {
            let comma = if voice.role_in_each { "" } else { "\"role\":\"assistant\"," };
            let _ = write!(out, "{comma}\"content\":\"\"");
        });
    }

    /// The chunk with the reason to finish.
    pub(super) fn finish_chunk(&self, choice: u32, out: &mut Vec<u8>) {
        self.chunk(choice, self.finish, self.tokens, out, |_, _| {});
    }

    /// The last chunk, which holds usage.
    pub(super) fn usage_chunk(&self, out: &mut Vec<u8>) {
        self.start(out);
        out.extend_from_slice(if self.usage.place == Place::LastNull { b"null" } else { b"[]" });
        out.extend_from_slice(b",\"usage\":");
        self.usage_json(self.usage.completion, out);
        out.push(b'}');
    }

    fn chunk(
        &self,
        choice: u32,
        finish: Option<&str>,
        so_far: u32,
        out: &mut Vec<u8>,
        delta: impl FnOnce(&Voice, &mut Vec<u8>),
    ) {
        self.start(out);
        let _ = write!(out, "[{{\"index\":{choice},\"delta\":{{");
        if self.role_in_each {
            out.extend_from_slice(b"\"role\":\"assistant\",");
        }
        delta(self, out);
        if out.ends_with(b",") {
            out.pop();
        }
        match finish {
            Some(finish) => write!(out, "}},\"logprobs\":null,\"finish_reason\":\"{finish}\"}}]"),
            None => out.write_all(b"},\"logprobs\":null,\"finish_reason\":null}]"),
        }
        .expect("a Vec takes every write");
        if self.usage.place == Place::EveryChunk {
            out.extend_from_slice(b",\"usage\":");
            self.usage_json(i64::from(so_far), out);
        } else if self.usage_null {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.push(b'}');
    }

    fn start(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix.get_or_init(|| {
            let mut prefix = Vec::with_capacity(192);
            self.identity("chat.completion.chunk", &mut prefix);
            prefix.extend_from_slice(b"\"choices\":");
            prefix
        }));
    }

    fn identity(&self, object: &str, out: &mut Vec<u8>) {
        let _ =
            write!(out, "{{\"id\":\"{}\",\"object\":\"{object}\",\"created\":{},\"model\":\"", self.id, self.created);
        escape(&self.model, out);
        out.push(b'"');
        if let Some(fingerprint) = &self.fingerprint {
            let _ = write!(out, ",\"system_fingerprint\":\"{fingerprint}\"");
        }
        out.push(b',');
    }

    /// The whole answer, for a request that is not streamed.
    pub(super) fn message(&self, out: &mut Vec<u8>) {
        self.identity("chat.completion", out);
        out.extend_from_slice(b"\"choices\":[");
        for choice in 0..self.choices {
            if choice > 0 {
                out.push(b',');
            }
            let _ = write!(out, "{{\"index\":{choice},\"message\":{{\"role\":\"assistant\",");
            self.message_parts(out);
            out.extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":");
            match self.finish {
                Some(finish) => write!(out, "\"{finish}\"}}"),
                None => out.write_all(b"null}"),
            }
            .expect("a Vec takes every write");
        }
        out.push(b']');
        if self.usage.place != Place::Nowhere {
            out.extend_from_slice(b",\"usage\":");
            self.usage_json(self.usage.completion, out);
        }
        out.push(b'}');
    }

    fn message_parts(&self, out: &mut Vec<u8>) {
        let text = |field: &str, tokens: std::ops::Range<u32>, out: &mut Vec<u8>| {
            let _ = write!(out, "\"{field}\":\"");
            tokens.for_each(|token| self.token(token, out));
            out.push(b'"');
        };
        match self.speech {
            Speech::Content => text("content", 0..self.tokens, out),
            Speech::Reasoning(field) => {
                text(field, 0..self.tokens / 2, out);
                out.push(b',');
                text("content", self.tokens / 2..self.tokens, out);
            }
            Speech::Only(field) => {
                out.extend_from_slice(b"\"content\":null,");
                text(field, 0..self.tokens, out);
            }
            Speech::ToolCall => {
                out.extend_from_slice(b"\"content\":null,");
                self.call_fragment(0..self.tokens, out);
            }
        }
    }

    fn call_fragment(&self, tokens: std::ops::Range<u32>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":0,");
        if tokens.start == 0 {
            let _ = write!(out, "\"id\":\"call_{:016x}\",\"type\":\"function\",", self.wording);
        }
        let name = if tokens.start == 0 { "\"name\":\"say\"," } else { "" };
        let _ = write!(out, "\"function\":{{{name}\"arguments\":\"");
        if tokens.start == 0 {
            out.extend_from_slice(br#"{\"text\":\""#);
        }
        for token in tokens.clone() {
            // Escaped once more: it is a string within a string.
            let mut text = Vec::new();
            self.token(token, &mut text);
            escape(&String::from_utf8_lossy(&text), out);
        }
        if tokens.end == self.tokens {
            out.extend_from_slice(br#"\"}"#);
        }
        out.extend_from_slice(b"\"}}]");
    }

    fn field(&self, token: u32) -> &'static str {
        match self.speech {
            Speech::Reasoning(field) if token < self.tokens / 2 => field,
            Speech::Only(field) => field,
            _ => "content",
        }
    }

    /// One token's text, escaped for JSON: a word, and before it a space or, every eighth time, a new line.
    fn token(&self, token: u32, out: &mut Vec<u8>) {
        if let (0, Some(opening)) = (token, self.opening) {
            return escape(opening, out);
        }
        match token {
            0 => {}
            _ if token.is_multiple_of(8) => out.extend_from_slice(b"\\n"),
            _ => out.push(b' '),
        }
        let step = (self.wording >> 32) | 1;
        let index = self.wording.wrapping_add(step.wrapping_mul(u64::from(token))) % WORDS.len() as u64;
        out.extend_from_slice(WORDS[index as usize].as_bytes());
    }

    fn usage_json(&self, completion: i64, out: &mut Vec<u8>) {
        let Usage { prompt, total, .. } = self.usage;
        let total = if completion == self.usage.completion { total } else { prompt + completion };
        let _ = write!(
            out,
            "{{\"prompt_tokens\":{prompt},\"completion_tokens\":{completion},\"total_tokens\":{total},\"prompt_tokens_details\":{{\"cached_tokens\":0}}"
        );
        if matches!(self.speech, Speech::Reasoning(_)) {
            let _ = write!(out, ",\"completion_tokens_details\":{{\"reasoning_tokens\":{}}}", self.tokens / 2);
        }
        out.push(b'}');
    }
}

/// A string as it stands between quotes in JSON.
pub(super) fn escape(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, text).is_ok() {
        out.pop();
        out.remove(start);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn voice() -> Voice {
        Voice {
            id: "chatcmpl-1".into(),
            model: "a \"b\"".into(),
            created: 7,
            fingerprint: None,
            tokens: 9,
            choices: 1,
            finish: Some("stop"),
            speech: Speech::Content,
            opening: None,
            usage: Usage { prompt: 3, completion: 9, total: 12, place: Place::LastEmpty },
            usage_null: false,
            role_in_each: false,
            wording: 1,
            prefix: OnceCell::new(),
        }
    }

    fn json_of(write: impl FnOnce(&mut Vec<u8>)) -> Value {
        let mut out = Vec::new();
        write(&mut out);
        serde_json::from_slice(&out).expect("it writes JSON")
    }

    fn text(voice: &Voice, field: &str) -> String {
        let chunks = (0..voice.tokens).map(|token| json_of(|out| voice.token_chunk(0, token..token + 1, out)));
        chunks.filter_map(|chunk| chunk["choices"][0]["delta"][field].as_str().map(str::to_owned)).collect()
    }

    #[test]
    fn chunks_add_up_to_the_message() {
        for speech in [Speech::Content, Speech::Reasoning("reasoning"), Speech::Only("refusal")] {
            let voice = Voice { speech, ..voice() };
            let message = json_of(|out| voice.message(out))["choices"][0]["message"].clone();
            for field in ["content", "reasoning", "refusal"] {
                assert_eq!(text(&voice, field), message[field].as_str().unwrap_or_default(), "{field} of {speech:?}");
            }
        }
        assert_eq!(text(&voice(), "content"), "ocean wide and blue sings under morning light\nwaves");
    }

    #[test]
    fn a_message_is_what_a_client_expects() {
        let wanted = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "a \"b\"",
            "choices": [{
                "index": 0, "logprobs": null, "finish_reason": "stop",
                "message": { "role": "assistant", "content": "ocean wide and blue sings under morning light\nwaves" },
            }],
            "usage": {
                "prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12, "prompt_tokens_details": { "cached_tokens": 0 },
            },
        });
        assert_eq!(json_of(|out| voice().message(out)), wanted);
    }

    #[test]
    fn the_fragments_of_a_call_are_json_when_joined() {
        let voice = Voice { speech: Speech::ToolCall, ..voice() };
        let fragments = (0..9).map(|token| {
            let chunk = json_of(|out| voice.token_chunk(0, token..token + 1, out));
            chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"]
                .as_str()
                .expect("a fragment")
                .to_owned()
        });
        let joined: String = fragments.collect();
        let wanted = json!({ "text": "ocean wide and blue sings under morning light\nwaves" });
        assert_eq!(serde_json::from_str::<Value>(&joined).expect("JSON"), wanted);
    }

    #[test]
    fn pieces_of_a_token_are_the_token() {
        let voice = voice();
        let mut text = String::new();
        for piece in 0.. {
            let mut out = Vec::new();
            if !voice.piece_chunk(0, 4, piece, &mut out) {
                break;
            }
            let chunk: Value = serde_json::from_slice(&out).expect("JSON");
            text += chunk["choices"][0]["delta"]["content"].as_str().expect("a piece");
        }
        assert_eq!(text, " sings");
    }
}
