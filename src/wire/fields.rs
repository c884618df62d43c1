//! The header fields of an answer: one copy of the bytes that they came in, and where each of them is.
//!
//! An answer is asked for a handful of its fields, once, so nothing is hashed and no field is an allocation of its own.

use std::ops::Range;

use hyper::HeaderMap;

/// Header fields in their order. Names are lower-case.
#[derive(Debug, Clone, Default)]
pub struct HeaderFields {
    text: Vec<u8>,
    places: Vec<Place>,
    /// The [`mark`] of every name: of most names that are asked for there is no field.
    marks: u64,
}

/// Where a field's name and value are.
#[derive(Debug, Clone)]
struct Place {
    name: Range<u32>,
    value: Range<u32>,
}

impl HeaderFields {
    /// What was parsed of the start of an answer, `head`; the parts of `parsed` lie in it. A folded value becomes one line.
    pub(super) fn of(head: &[u8], parsed: &[httparse::Header<'_>]) -> HeaderFields {
        let mut fields = HeaderFields { text: head.to_vec(), places: Vec::with_capacity(parsed.len()), marks: 0 };
        // Where nothing is folded or ignored there is a line for the status, one for each field, and an empty one.
        let has_other_lines = memchr::memchr_iter(b'\n', head).count() != parsed.len() + 2;
        let begin = head.as_ptr().addr();
        let range = |part: &[u8]| {
            let from = part.as_ptr().addr() - begin;
            from..from + part.len()
        };
        for field in parsed {
            let (name, value) = (range(field.name.as_bytes()), range(field.value));
            fields.text[name.clone()].make_ascii_lowercase();
            if has_other_lines {
                for at in memchr::memchr2_iter(b'\r', b'\n', field.value) {
                    fields.text[value.start + at] = b' ';
                }
            }
            fields.marks |= mark(&fields.text[name.clone()]);
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
        let places = if self.marks & mark(name.as_bytes()) == 0 { &[][..] } else { &self.places };
        let named = move |place: &&Place| self.part(&place.name) == name.as_bytes();
        places.iter().filter(named).map(|place| self.part(&place.value))
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
        self.marks |= mark(name);
        let (name, value) = (add(name), add(value));
        self.places.push(Place { name, value });
    }
}

impl From<&HeaderMap> for HeaderFields {
    fn from(map: &HeaderMap) -> HeaderFields {
        let mut fields = HeaderFields::default();
        map.iter().for_each(|(name, value)| fields.push(name.as_str().as_bytes(), value.as_bytes()));
        fields
    }
}

/// A value is text where it keeps to ASCII, as it should.
pub fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| text.is_ascii())
}

/// One of 64 bits, the same for the same name.
fn mark(name: &[u8]) -> u64 {
    let last = name.last().copied().unwrap_or_default();
    1 << ((name.len() + 7 * usize::from(last)) % 64)
}

/// A place in the start of an answer, which is at most 64 KiB: it fits.
fn short(range: Range<usize>) -> Range<u32> {
    let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    short(range.start)..short(range.end)
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    const GIVEN: [(&str, &[u8]); 6] = [
        ("X-Name", b"first"),
        ("x-name", b"second"),
        ("X-Empty", b""),
        ("x-letters", b"caf\xc3\xa9"),
        ("x-bytes", b"\xff"),
        ("x-bytes", b"text"),
    ];

    fn parsed() -> HeaderFields {
        let lines = GIVEN.iter().map(|(name, value)| [name.as_bytes(), b": ", value, b"\r\n"].concat());
        let head = [b"HTTP/1.1 200 OK\r\n".to_vec(), lines.flatten().collect(), b"\r\n".to_vec()].concat();
        let mut headers = [httparse::EMPTY_HEADER; 8];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(&head).unwrap();
        HeaderFields::of(&head, response.headers)
    }

    fn mapped() -> HeaderFields {
        let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
        let value = |value: &[u8]| HeaderValue::from_bytes(value).unwrap();
        HeaderFields::from(&GIVEN.iter().map(|(key, said)| (name(key), value(said))).fold(
            HeaderMap::new(),
            |mut map, (name, value)| {
                map.append(name, value);
                map
            },
        ))
    }

    #[test]
    fn the_first_field_of_a_name_counts_where_it_is_text() {
        for fields in [parsed(), mapped()] {
            assert_eq!(fields.get("x-name"), Some("first"));
            assert_eq!(fields.all("x-name").collect::<Vec<_>>(), [&b"first"[..], b"second"]);
            assert_eq!(fields.get("x-empty"), Some(""));
            assert_eq!([fields.get("x-letters"), fields.get("x-bytes"), fields.get("x-none")], [None; 3]);
            assert!(fields.texts().eq([
                ("x-name", "first"),
                ("x-name", "second"),
                ("x-empty", ""),
                ("x-bytes", "text")
            ]));
        }
    }
}
