//! From a tree of TOML to a Rust type, reporting every wrong key and type and not just the first.
//!
//! Serde stops at the first error. So each error marks its node as bad, bad nodes are as if absent, and the whole is
//! tried again: the type is the only list of keys, and no check is written twice. It refuses to know any key.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::problem::MOST_PROBLEMS;
use super::tree::{Node, Step, Value};

/// What is wrong with one node.
#[derive(Debug)]
pub(super) struct Fault {
    /// The way to the node.
    pub(super) steps: Vec<Step>,
    pub(super) what: What,
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum What {
    /// There is no such key; these there are.
    UnknownKey(Vec<&'static str>),
    /// There is no such word; these there are.
    UnknownWord(String, &'static [&'static str]),
    /// A key that must be there is not.
    Missing(&'static str),
    /// Another type was expected.
    Type { expected: String, found: String },
    /// A sentence of our own, perhaps with a hint behind "\nhint: ".
    Custom(String),
}

/// Decodes a tree; every fault is told, and what is left of the tree is decoded all the same.
pub(super) fn decode<T: DeserializeOwned>(root: &Node, faults: &mut Vec<Fault>) -> Option<T> {
    for _ in 0..MOST_PROBLEMS {
        match T::deserialize(NodeDeserializer { node: root }) {
            Ok(value) => return Some(value),
            Err(mut error) => {
                error.steps.reverse();
                let node = root.at(&error.steps)?;
                // What is said of a table in which something was wrong already may not be true once that is put right.
                let follows = matches!(error.what, What::Custom(_) | What::Missing(_)) && has_bad(node);
                node.bad.set(true);
                let done = error.steps.is_empty();
                if !follows {
                    faults.push(Fault { steps: error.steps, what: error.what });
                }
                if done {
                    return None;
                }
            }
        }
    }
    None
}

/// Whether something below a node was reported.
fn has_bad(node: &Node) -> bool {
    let children = node.items().iter().chain(node.entries().into_iter().flat_map(|entries| entries.values()));
    children.into_iter().any(|child| child.bad.get() || has_bad(child))
}

/// An error on its way up; the steps are gathered from the innermost outwards.
#[derive(Debug)]
struct Error {
    steps: Vec<Step>,
    what: What,
}

impl Error {
    fn new(what: What) -> Self {
        Error { steps: Vec::new(), what }
    }

    fn under(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error::new(What::Custom(message.to_string()))
    }
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Error::new(What::Type { expected: plain(&expected.to_string()), found: kind(&found) })
    }
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Error::invalid_type(found, expected)
    }
    fn unknown_variant(word: &str, words: &'static [&'static str]) -> Self {
        Error::new(What::UnknownWord(word.to_owned(), words))
    }
    fn unknown_field(_: &str, keys: &'static [&'static str]) -> Self {
        Error::new(What::UnknownKey(keys.to_vec()))
    }
    fn missing_field(key: &'static str) -> Self {
        Error::new(What::Missing(key))
    }
}

/// Serde's words in a person's.
fn plain(expected: &str) -> String {
    match expected {
        "a sequence" => "a list".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a map" => "a table".to_owned(),
        words if words.starts_with("struct ") => "a table".to_owned(),
        words if words.starts_with("enum ") || words == "string" => "a string".to_owned(),
        words => words.to_owned(),
    }
}

fn kind(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(truth) => truth.to_string(),
        Unexpected::Signed(_) | Unexpected::Unsigned(_) => "an integer".to_owned(),
        Unexpected::Float(_) => "a float".to_owned(),
        Unexpected::Str(_) => "a string".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

struct NodeDeserializer<'a> {
    node: &'a Node,
}

impl NodeDeserializer<'_> {
    fn unexpected(&self) -> Unexpected<'_> {
        match &self.node.value {
            Value::Text(text) => Unexpected::Str(text),
            Value::Integer(number) => Unexpected::Signed(*number),
            Value::HugeInteger => Unexpected::Other("an integer of more than 64 bits"),
            Value::Float(number) => Unexpected::Float(*number),
            Value::Boolean(truth) => Unexpected::Bool(*truth),
            Value::Datetime => Unexpected::Other("a date"),
            Value::List(_) => Unexpected::Seq,
            Value::Table(_) => Unexpected::Map,
        }
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Text(text) => visitor.visit_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(truth) => visitor.visit_bool(*truth),
            Value::HugeInteger | Value::Datetime => Err(serde::de::Error::invalid_type(self.unexpected(), &visitor)),
            Value::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Table(entries) => {
                let mut map = Entries { entries: entries.iter(), pending: None };
                visitor.visit_map(&mut map).map_err(|error| match map.pending {
                    // The visitor refused a key that it had taken, before its value.
                    Some((key, _)) if error.steps.is_empty() => error.under(Step::Key(key.clone())),
                    _ => error,
                })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Text(text) => {
                let word: StrDeserializer<'_, Error> = text.as_str().into_deserializer();
                visitor.visit_enum(word)
            }
            _ => Err(serde::de::Error::invalid_type(self.unexpected(), &"a string")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Items<'a> {
    items: &'a [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        while let Some(node) = self.items.get(self.next) {
            let index = self.next;
            self.next += 1;
            if !node.bad.get() {
                let value = seed.deserialize(NodeDeserializer { node });
                return value.map(Some).map_err(|error| error.under(Step::Index(index)));
            }
        }
        Ok(None)
    }
}

struct Entries<'a> {
    entries: indexmap::map::Iter<'a, String, Node>,
    pending: Option<(&'a String, &'a Node)>,
}

impl<'de> MapAccess<'de> for &mut Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.pending = self.entries.by_ref().find(|(_, node)| !node.bad.get());
        let Some((key, _)) = self.pending else { return Ok(None) };
        let word: StrDeserializer<'_, Error> = key.as_str().into_deserializer();
        seed.deserialize(word).map(Some).map_err(|error| error.under(Step::Key(key.clone())))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (key, node) = self.pending.take().expect("serde asks for a value only after its key");
        seed.deserialize(NodeDeserializer { node }).map_err(|error| error.under(Step::Key(key.clone())))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::tree;
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        name: Option<String>,
        sizes: Option<Vec<u32>>,
        inner: Option<Inner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        must: bool,
    }

    fn faults(text: &str) -> (Option<Shape>, Vec<String>) {
        let parsed = tree::parse(text, 0);
        let mut faults = Vec::new();
        let shape = decode(&parsed.root, &mut faults);
        (shape, faults.iter().map(|fault| format!("{:?} {:?}", fault.steps, fault.what)).collect())
    }

    #[test]
    fn every_fault_is_told_and_what_is_sound_is_kept() {
        let (shape, said) = faults("name = 1\nsizes = [1, \"x\", 3, -1]\nnmae = 2\n");
        assert_eq!(shape, Some(Shape { sizes: Some(vec![1, 3]), ..Shape::default() }));
        assert_eq!(
            said,
            [
                r#"[Key("name")] Type { expected: "a string", found: "an integer" }"#,
                r#"[Key("sizes"), Index(1)] Type { expected: "u32", found: "a string" }"#,
                r#"[Key("sizes"), Index(3)] Type { expected: "u32", found: "an integer" }"#,
                r#"[Key("nmae")] UnknownKey(["name", "sizes", "inner"])"#,
            ]
        );
    }

    #[test]
    fn what_is_missing_only_because_it_was_wrong_is_told_once() {
        assert_eq!(faults("[inner]\n").1, [r#"[Key("inner")] Missing("must")"#]);
        let expected = r#"[Key("inner"), Key("must")] Type { expected: "true or false", found: "an integer" }"#;
        assert_eq!(faults("inner = { must = 3 }\n").1, [expected]);
    }
}
