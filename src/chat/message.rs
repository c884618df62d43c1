//! What a choice says: text, parts, reasoning, refusals and tool calls, whole or in fragments.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::lenient::{Fields, Object, Text, fields, from_map, otherwise_default, skip, take, telling};

/// What was said, or a fragment of it.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) content: Content<'a>,
    /// `reasoning`, or `reasoning_content` where the former says nothing.
    pub(super) reasoning: Content<'a>,
    pub(super) refusal: Content<'a>,
    /// The fragments of `tool_calls` (or `function_call`): names and arguments, in order.
    pub(super) calls: Calls<'a>,
    /// There was something to hear or to look at.
    pub(super) media: bool,
}

/// Text, or parts of it.
#[derive(Debug, Default)]
pub(super) struct Content<'a> {
    /// What a person reads.
    pub(super) text: Cow<'a, str>,
    /// There were parts that are reasoning.
    pub(super) hidden: bool,
    /// There were parts that are visible and not text, such as images.
    pub(super) opaque: bool,
}

/// Fragments of tool calls.
#[derive(Debug, Default)]
pub(super) struct Calls<'a>(pub(super) Vec<Cow<'a, str>>);

impl<'de> Fields<'de> for Message<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "content" => self.content = take(map)?,
            "reasoning" | "reasoning_content" => {
                let reasoning: Content<'de> = take(map)?;
                if !reasoning.is_empty() {
                    self.reasoning = reasoning;
                }
            }
            "refusal" => self.refusal = take(map)?,
            "tool_calls" | "function_call" => {
                let Calls(calls) = take(map)?;
                self.calls.0.extend(calls);
            }
            "audio" | "images" => self.media |= telling(take(map)?).is_some(),
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Content<'_> {
    /// Nothing was said, visible or not.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && !self.hidden && !self.opaque
    }
}

/// One part of a content that is an array, or the object that a content is.
#[derive(Default)]
struct Part<'a> {
    kind: Text<'a>,
    text: Text<'a>,
    other: bool,
}

impl<'de> Fields<'de> for Part<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "type" => self.kind = take(map)?,
            "text" => self.text = take(map)?,
            _ => self.other |= telling(take(map)?).is_some(),
        }
        Ok(())
    }
}

impl<'a> Content<'a> {
    fn push(&mut self, text: Cow<'a, str>) {
        if self.text.is_empty() {
            self.text = text;
        } else {
            self.text.to_mut().push_str(&text);
        }
    }

    fn add(&mut self, part: Part<'a>) {
        match &*part.kind.0 {
            "thinking" | "reasoning" => self.hidden |= part.other || !part.text.0.is_empty(),
            _ if !part.text.0.is_empty() => self.push(part.text.0),
            "text" => {}
            _ => self.opaque |= part.other,
        }
    }
}

/// A part as an object, or a plain string among parts.
#[derive(Default)]
struct Item<'a>(Content<'a>);

impl<'de> Deserialize<'de> for Item<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfItem;
        impl<'de> Visitor<'de> for OfItem {
            type Value = Item<'de>;
            otherwise_default!(seq numbers);

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Item<'de>, E> {
                Ok(Item(Content { text: Cow::Borrowed(text), ..Content::default() }))
            }

            fn visit_str<E>(self, text: &str) -> Result<Item<'de>, E> {
                Ok(Item(Content { text: Cow::Owned(text.to_owned()), ..Content::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Item<'de>, A::Error> {
                let mut content = Content::default();
                content.add(fields(map)?);
                Ok(Item(content))
            }
        }
        deserializer.deserialize_any(OfItem)
    }
}

impl<'de> Deserialize<'de> for Content<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfContent;
        impl<'de> Visitor<'de> for OfContent {
            type Value = Content<'de>;
            otherwise_default!(numbers);

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Content<'de>, E> {
                Ok(Content { text: Cow::Borrowed(text), ..Content::default() })
            }

            fn visit_str<E>(self, text: &str) -> Result<Content<'de>, E> {
                Ok(Content { text: Cow::Owned(text.to_owned()), ..Content::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Content<'de>, A::Error> {
                from_map::<Item<'de>, A>(map).map(|item| item.0)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content<'de>, A::Error> {
                let mut whole = Content::default();
                while let Some(Item(part)) = seq.next_element()? {
                    whole.push(part.text);
                    whole.hidden |= part.hidden;
                    whole.opaque |= part.opaque;
                }
                Ok(whole)
            }
        }
        deserializer.deserialize_any(OfContent)
    }
}

/// One tool call or a fragment of it: `function` inside, or flat as `function_call` has it.
#[derive(Default)]
struct Call<'a> {
    name: Text<'a>,
    arguments: Text<'a>,
    inner: Option<Box<Call<'a>>>,
}

impl<'de> Fields<'de> for Call<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => self.name = take(map)?,
            "arguments" => self.arguments = take(map)?,
            "function" | "custom" => self.inner = take::<A, Object<Call<'de>>>(map)?.0.map(Box::new),
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl<'a> Calls<'a> {
    fn add(&mut self, call: Call<'a>) {
        self.0.extend([call.name, call.arguments].into_iter().filter_map(Text::some));
        if let Some(inner) = call.inner {
            self.add(*inner);
        }
    }
}

impl<'de> Deserialize<'de> for Calls<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfCalls;
        impl<'de> Visitor<'de> for OfCalls {
            type Value = Calls<'de>;
            otherwise_default!(str numbers);

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Calls<'de>, A::Error> {
                let mut calls = Calls::default();
                calls.add(fields(map)?);
                Ok(calls)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Calls<'de>, A::Error> {
                let mut calls = Calls::default();
                while let Some(Object(call)) = seq.next_element::<Object<Call<'de>>>()? {
                    call.into_iter().for_each(|call| calls.add(call));
                }
                Ok(calls)
            }
        }
        deserializer.deserialize_any(OfCalls)
    }
}
