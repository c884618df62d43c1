//! One JSON document of a chat answer: a chunk of a stream or a whole completion, as tolerant as can be.
//!
//! Borrowed from the bytes it was read from. It says what stood there; what it means is `answer.rs`'s business.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::lenient::{Fields, Inside, Number, Object, Text, fill, otherwise_default, skip, take, telling};
use super::message::Message;

/// A chunk, a completion, or an error payload.
#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    pub(super) model: Text<'a>,
    pub(super) fingerprint: Text<'a>,
    /// The key `choices` was there, whatever it held.
    pub(super) has_choices: bool,
    /// The choice that carries the times: index 0.
    pub(super) choice: Option<Choice<'a>>,
    pub(super) usage: Option<Usage>,
    /// llama.cpp's own word on what its prompt cache served, told also where `usage` is silent.
    pub(super) cached: Number,
    /// The value of `error`, unless it says nothing.
    pub(super) error: Option<Box<Value>>,
    /// `detail`: an error where there are no choices.
    pub(super) complaint: Option<Box<Value>>,
    /// `message`: an error where there are no choices, unless an answer comes all the same.
    pub(super) remark: Text<'a>,
    /// It calls itself an error: `"object": "error"`.
    pub(super) is_error: bool,
}

/// One of `choices`.
#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    index: Number,
    /// What is new.
    pub(super) delta: Option<Message<'a>>,
    /// All of it. Some servers send it beside `delta`: in each chunk so far, or with an empty `delta` in the whole.
    pub(super) message: Option<Box<Message<'a>>>,
    pub(super) finish_reason: Text<'a>,
    /// Some gateways put a failure of the model here.
    pub(super) error: Option<Box<Value>>,
}

/// Token counts as the server gives them: any of them may be missing or not positive.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Usage {
    pub(super) input: Number,
    pub(super) output: Number,
    pub(super) cached: Number,
    pub(super) reasoning: Number,
}

impl<'a> Document<'a> {
    /// Reads a document, or says that it is not JSON (an `Eof` error: JSON that was cut off).
    pub(super) fn read(json: &'a [u8]) -> Result<Document<'a>, serde_json::Error> {
        // One look at all of it is cheaper than one at each string in it.
        match std::str::from_utf8(json) {
            Ok(text) => whole(serde_json::Deserializer::from_str(text)),
            Err(_) => whole(serde_json::Deserializer::from_slice(json)),
        }
    }

    /// Reads the first document of bytes that hold more than one: an error payload followed by garbage still tells.
    pub(super) fn read_first(json: &'a [u8]) -> Option<Document<'a>> {
        let mut document = Document::default();
        Root(&mut document).deserialize(&mut serde_json::Deserializer::from_slice(json)).ok()?;
        Some(document)
    }
}

/// A document and nothing behind it.
fn whole<'a, R: serde_json::de::Read<'a>>(
    mut deserializer: serde_json::Deserializer<R>,
) -> Result<Document<'a>, serde_json::Error> {
    let mut document = Document::default();
    Root(&mut document).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(document)
}

/// An object, or the error in the first of an array of them: some gateways wrap it so. An answer never comes in one.
struct Root<'r, 'a>(&'r mut Document<'a>);

impl<'de> DeserializeSeed<'de> for Root<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Root<'_, 'de> {
    type Value = ();
    otherwise_default!(str numbers);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        fill(self.0, map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut first: Option<Document<'de>> = None;
        seq.next_element_seed(Inside(&mut first))?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        *self.0 = Document { has_choices: false, choice: None, usage: None, ..first.unwrap_or_default() };
        Ok(())
    }
}

impl<'de> Fields<'de> for Document<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "model" => self.model = take(map)?,
            "system_fingerprint" => self.fingerprint = take(map)?,
            "choices" => {
                self.has_choices = true;
                map.next_value_seed(Choices(&mut self.choice))?;
            }
            "usage" => self.usage = take::<A, Object<Usage>>(map)?.0.or(self.usage),
            "timings" => {
                self.cached = take::<A, Object<Timings>>(map)?.0.map_or(self.cached, |timings| timings.cached);
            }
            "error" => self.error = self.error.take().or(telling(take(map)?)),
            "detail" => self.complaint = self.complaint.take().or(telling(take(map)?)),
            // An object here is another protocol's answer, and no complaint.
            "message" => {
                let remark: Text<'de> = take(map)?;
                if !remark.0.is_empty() {
                    self.remark = remark;
                }
            }
            "object" | "type" => self.is_error |= take::<A, Text<'de>>(map)?.0 == "error",
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// The choice of index 0; where choices have no index, the first.
struct Choices<'c, 'a>(&'c mut Option<Choice<'a>>);

impl<'de> DeserializeSeed<'de> for Choices<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        *self.0 = None;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Choices<'_, 'de> {
    type Value = ();
    otherwise_default!(map str numbers);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut position = 0;
        while seq.next_element_seed(Inside(&mut *self.0))?.is_some() {
            if self.0.as_ref().is_some_and(|choice| choice.index.0.unwrap_or(position) == 0) {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(());
            }
            position += 1;
        }
        // None of them was it.
        *self.0 = None;
        Ok(())
    }
}

impl<'de> Fields<'de> for Choice<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "index" => self.index = take(map)?,
            "delta" => map.next_value_seed(Inside(&mut self.delta))?,
            "message" => map.next_value_seed(Inside(&mut self.message))?,
            "finish_reason" => {
                let reason: Text<'de> = take(map)?;
                // Some languages write their null as a word.
                self.finish_reason = if matches!(&*reason.0, "null" | "None") { Text::default() } else { reason };
            }
            "error" => self.error = telling(take(map)?),
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl<'de> Fields<'de> for Usage {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "prompt_tokens" => self.input = take(map)?,
            "completion_tokens" => self.output = take(map)?,
            "prompt_tokens_details" => {
                self.cached = take::<A, Object<Details>>(map)?.0.map_or(self.cached, |details| details.cached);
            }
            "completion_tokens_details" => {
                self.reasoning = take::<A, Object<Details>>(map)?.0.map_or(self.reasoning, |details| details.reasoning);
            }
            "prompt_cache_hit_tokens" if self.cached.0.is_none() => self.cached = take(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Details {
    cached: Number,
    reasoning: Number,
}

impl<'de> Fields<'de> for Details {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "cached_tokens" => self.cached = take(map)?,
            "reasoning_tokens" => self.reasoning = take(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Timings {
    cached: Number,
}

impl<'de> Fields<'de> for Timings {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "cache_n" => self.cached = take(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}
