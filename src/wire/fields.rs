//! The header fields of an answer: one copy of the bytes that they came in, and where each of them is.
//!
//! An answer is asked for a handful of its fields, once, so nothing is hashed and no field is an allocation of its own.

use std::ops::Range;

use hyper::HeaderMap;

/// Header fields in their order. Names are lower-case.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    text: Vec<u8>,
    places: Vec<Place>,
}

/// Where a field's name and value are.
#[derive(Debug, Clone)]
struct Place {
    name: Range<u32>,
    value: Range<u32>,
}

impl Fields {
    /// What was parsed of the start of an answer, `head`; the parts of `parsed` lie in it. A folded value becomes one line.
    pub(super) fn of(head: &[u8], parsed: &[httparse::Header<'_>]) -> Fields {
        let mut fields = Fields { text: head.to_vec(), places: Vec::with_capacity(parsed.len()) };
        let begin = head.as_ptr().addr();
        let range = |part: &[u8]| {
            let from = part.as_ptr().addr() - begin;
            from..from + part.len()
        };
        for field in parsed {
            let (name, value) = (range(field.name.as_bytes()), range(field.value));
            fields.text[name.clone()].make_ascii_lowercase();
            for byte in fields.text[value.clone()].iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')) {
                *byte = b' ';
            }
            fields.places.push(Place { name: short(name), value: short(value) });
        }
        fields
    }

    /// The first field of this name, where its value is text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next().and_then(text)
    }

    /// The values of all fields of this name.
    pub(super) fn all(&self, name: &str) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.iter().filter(move |(other, _)| *other == name.as_bytes()).map(|(_, value)| value)
    }

    /// Names and values.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> {
        self.places.iter().map(|place| (self.part(&place.name), self.part(&place.value)))
    }

    /// Names and values, of those whose value is text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter_map(|(name, value)| Some((text(name)?, text(value)?)))
    }

    fn part(&self, range: &Range<u32>) -> &[u8] {
        &self.text[range.start as usize..range.end as usize]
    }

    fn push(&mut self, name: &[u8], value: &[u8]) {
        let mut add = |part: &[u8]| {
            let from = self.text.len();
            self.text.extend_from_slice(part);
            short(from..self.text.len())
        };
        let (name, value) = (add(name), add(value));
        self.places.push(Place { name, value });
    }
}

impl From<&HeaderMap> for Fields {
    fn from(map: &HeaderMap) -> Fields {
        let mut fields = Fields::default();
        map.iter().for_each(|(name, value)| fields.push(name.as_str().as_bytes(), value.as_bytes()));
        fields
    }
}

/// Of names that are lower-case.
impl<'a> FromIterator<(&'a str, &'a str)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(all: I) -> Fields {
        let mut fields = Fields::default();
        all.into_iter().for_each(|(name, value)| fields.push(name.as_bytes(), value.as_bytes()));
        fields
    }
}

/// A value is text where it keeps to ASCII, as it should.
pub fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| text.is_ascii())
}

/// A start is at most 64 KiB, over HTTP/2 a little more.
fn short(range: Range<usize>) -> Range<u32> {
    let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    short(range.start)..short(range.end)
}
