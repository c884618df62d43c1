//! JSON that may be of any type where a type was expected: what does not fit is absent, never an error.
//!
//! Servers send `null`, numbers as strings, arrays for objects, one key twice. Only text that is not JSON at all is
//! unreadable. This file knows how to be lenient, not what a chat answer is.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A type read from a JSON object field by field; fields that it does not know are skipped.
pub(super) trait Fields<'de>: Default {
    /// Takes the value of `key` from the map, or skips it with [`skip`].
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Skips a value.
pub(super) fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(|_| ())
}

/// Takes a value, ignoring its type where it does not fit.
pub(super) fn take<'de, A: MapAccess<'de>, T: Deserialize<'de>>(map: &mut A) -> Result<T, A::Error> {
    map.next_value()
}

/// An object, read to where it will stay, since what is large is dear to move. Nothing stays where something else stood.
pub(super) struct Inside<'a, T>(pub(super) &'a mut Option<T>);

/// An object, or nothing where something else stood.
#[derive(Debug, Default)]
pub(super) struct Object<T>(pub(super) Option<T>);

/// The string of a key or value, borrowed where it holds no escapes; empty where something else stood.
#[derive(Debug, Default, Clone)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// A whole number, also as a float or in a string.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Number(pub(super) Option<i64>);

impl<'a> Text<'a> {
    /// The text, unless it is empty.
    pub(super) fn some(self) -> Option<Cow<'a, str>> {
        Some(self.0).filter(|text| !text.is_empty())
    }
}

/// A value that says something: not null, false, 0, or empty. Boxed, since it is rare and large.
pub(super) fn telling(value: Value) -> Option<Box<Value>> {
    let silent = match &value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => is_silent(&value),
    };
    (!silent).then(|| Box::new(value))
}

/// Nothing is said anywhere in it.
pub(super) fn is_silent(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_silent),
        Value::Object(fields) => fields.values().all(is_silent),
    }
}

/// Everything a lenient visitor does with a type that does not fit.
macro_rules! otherwise_default {
    (@seq) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
    (@map) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
    (@str) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
    (@numbers) => {
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
    ($($kind:tt)*) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything")
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
        $(otherwise_default!(@$kind);)*
    };
}
pub(super) use otherwise_default;

impl<'de, T: Fields<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of<T>(PhantomData<T>);
        impl<'de, T: Fields<'de>> Visitor<'de> for Of<T> {
            type Value = Object<T>;
            otherwise_default!(seq str numbers);

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                Ok(Object(Some(fields(map)?)))
            }
        }
        deserializer.deserialize_any(Of(PhantomData))
    }
}

impl<'de, T: Fields<'de>> DeserializeSeed<'de> for Inside<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        *self.0 = None;
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Fields<'de>> Visitor<'de> for Inside<'_, T> {
    type Value = ();
    otherwise_default!(seq str numbers);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        fill(self.0.insert(T::default()), map)
    }
}

impl<'de, T: Fields<'de>> Fields<'de> for Box<T> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        (**self).field(key, map)
    }
}

/// Reads every field of a map.
pub(super) fn fields<'de, T: Fields<'de>, A: MapAccess<'de>>(map: A) -> Result<T, A::Error> {
    let mut value = T::default();
    fill(&mut value, map)?;
    Ok(value)
}

/// Reads every field of a map into a place.
pub(super) fn fill<'de, T: Fields<'de>, A: MapAccess<'de>>(place: &mut T, mut map: A) -> Result<(), A::Error> {
    while let Some(Text(key)) = map.next_key()? {
        place.field(&key, &mut map)?;
    }
    Ok(())
}

/// Reads a map as any type whose own visitor takes one.
pub(super) fn from_map<'de, T: Deserialize<'de>, A: MapAccess<'de>>(map: A) -> Result<T, A::Error> {
    T::deserialize(MapAccessDeserializer::new(map))
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfText;
        impl<'de> Visitor<'de> for OfText {
            type Value = Text<'de>;
            otherwise_default!(seq map numbers);

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_any(OfText)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfNumber;
        impl<'de> Visitor<'de> for OfNumber {
            type Value = Number;
            otherwise_default!(seq map);

            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number(Some(number)))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(i64::try_from(number).ok()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                // A float beyond i64 is no count; within it, the conversion is exact for whole numbers.
                let fits = number.fract() == 0.0 && number.abs() < 9e15;
                Ok(Number(fits.then_some(number as i64)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Number, E> {
                Ok(Number(text.trim().parse().ok()))
            }
        }
        deserializer.deserialize_any(OfNumber)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(json: &str) -> Option<i64> {
        serde_json::from_str::<Number>(json).unwrap().0
    }

    #[test]
    fn a_number_may_be_a_float_or_a_string_and_anything_else_is_none() {
        for json in ["12", "12.0", "\"12\"", "\" 12 \""] {
            assert_eq!(number(json), Some(12), "{json}");
        }
        for json in ["null", "true", "[12]", "{\"a\":12}", "12.5", "\"twelve\"", "1e300", "18446744073709551615"] {
            assert_eq!(number(json), None, "{json}");
        }
    }

    #[test]
    fn a_text_is_borrowed_unless_it_holds_escapes() {
        let plain: Text<'_> = serde_json::from_str("\"abc\"").unwrap();
        assert!(matches!(plain.0, Cow::Borrowed("abc")));
        let escaped: Text<'_> = serde_json::from_str("\"a\\nb\"").unwrap();
        assert_eq!(escaped.0, "a\nb");
        for json in ["null", "1", "[\"a\"]", "{}", "false", "-1.5"] {
            assert_eq!(serde_json::from_str::<Text<'_>>(json).unwrap().0, "", "{json}");
        }
    }
}
