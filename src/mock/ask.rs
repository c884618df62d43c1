//! What a chat completion's body asks for. It reads what a server would act on and keeps nothing else.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

/// Characters of the last user message that the log keeps: enough for a "(request N)" at its end.
const MARKER: usize = 80;

/// A chat completion, as asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ask {
    pub(super) model: String,
    pub(super) stream: bool,
    /// `stream_options` is there, whatever it says.
    pub(super) stream_options: bool,
    pub(super) include_usage: bool,
    pub(super) max_tokens: Option<u32>,
    /// Answers wanted.
    pub(super) n: u32,
    /// Words of all messages, in place of their tokens.
    pub(super) prompt_tokens: u32,
    /// The end of the last user message.
    pub(super) marker: String,
}

impl Ask {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong with it, for the client.
    pub(super) fn parse(body: &[u8]) -> Result<Ask, Unclear> {
        let body: Body = serde_json::from_slice(body).map_err(|error| Unclear::NotJson(error.to_string()))?;
        let Some(model) = body.model else { return Err(Unclear::Invalid("you must provide a model parameter")) };
        let messages = body.messages.unwrap_or_default();
        if messages.is_empty() {
            return Err(Unclear::NoMessages);
        }
        let limit = body.max_completion_tokens.or(body.max_tokens);
        if limit.is_some_and(|limit| limit < 1) {
            return Err(Unclear::Invalid("max_tokens must be at least 1"));
        }
        let n = body.n.unwrap_or(1);
        if !(1..=128).contains(&n) {
            return Err(Unclear::Invalid("n must be between 1 and 128"));
        }
        let words: usize = messages.iter().map(|message| words(&message.content)).sum();
        let last = messages.iter().rev().find(|message| message.role == "user");
        Ok(Ask {
            model: model.into_owned(),
            stream: body.stream.unwrap_or(false),
            stream_options: body.stream_options.is_some(),
            include_usage: body.stream_options.is_some_and(|options| options.include_usage.unwrap_or(false)),
            max_tokens: limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)),
            n,
            prompt_tokens: u32::try_from(words.max(1)).unwrap_or(u32::MAX),
            marker: last.map(|message| tail(&message.content)).unwrap_or_default(),
        })
    }
}

/// Why a body asks for nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unclear {
    NotJson(String),
    NoMessages,
    Invalid(&'static str),
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    n: Option<u32>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    role: Cow<'a, str>,
    /// A string, or a list of parts.
    #[serde(default)]
    content: Value,
}

fn texts(content: &Value) -> impl DoubleEndedIterator<Item = &str> {
    let parts = content.as_array().into_iter().flatten().filter_map(|part| part.get("text")?.as_str());
    content.as_str().into_iter().chain(parts)
}

fn words(content: &Value) -> usize {
    texts(content).map(|text| text.split_whitespace().count()).sum()
}

fn tail(content: &Value) -> String {
    let text = texts(content).next_back().unwrap_or_default();
    let start = text.char_indices().rev().nth(MARKER - 1).map_or(0, |(index, _)| index);
    text[start..].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: Value) -> Result<Ask, Unclear> {
        Ask::parse(body.to_string().as_bytes())
    }

    #[test]
    fn a_full_request_is_understood() {
        let ask = parse(json!({
            "model": "m", "stream": true, "stream_options": { "include_usage": true }, "max_tokens": 5, "n": 2, "temperature": 0,
            "messages": [
                { "role": "system", "content": "be terse" },
                { "role": "user", "content": [{ "type": "text", "text": format!("{}é (request 7)", "x".repeat(100)) }] },
                { "role": "assistant", "content": null },
            ],
        }));
        let wanted = Ask {
            model: "m".into(),
            stream: true,
            stream_options: true,
            include_usage: true,
            max_tokens: Some(5),
            n: 2,
            prompt_tokens: 5,
            marker: format!("{}é (request 7)", "x".repeat(67)),
        };
        assert_eq!(ask, Ok(wanted));
    }

    #[test]
    fn the_least_that_is_answered_is_a_model_and_a_message() {
        let message = json!([{ "role": "user", "content": "hi" }]);
        assert_eq!(
            parse(json!({ "model": "m", "messages": message })),
            Ok(Ask { model: "m".into(), n: 1, prompt_tokens: 1, marker: "hi".into(), ..Ask::default() })
        );
        assert_eq!(parse(json!({ "messages": message })), Err(Unclear::Invalid("you must provide a model parameter")));
        assert_eq!(parse(json!({ "model": "m", "messages": [] })), Err(Unclear::NoMessages));
        assert_eq!(
            parse(json!({ "model": "m", "messages": message, "max_tokens": 0 })),
            Err(Unclear::Invalid("max_tokens must be at least 1"))
        );
        assert!(matches!(Ask::parse(b"{"), Err(Unclear::NotJson(_))));
    }
}
