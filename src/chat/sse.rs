//! Server-sent events out of a byte stream, as the HTML standard has them and as real servers bend them.
//!
//! Pure and incremental: bytes go in as they were read, cut anywhere; whole events come out, each handed to a closure
//! as a slice of a reused buffer, so that an event costs one copy and no allocation. It knows nothing of JSON, clocks
//! or sockets.
//!
//! Why an own decoder: an event must be handed over within the read that completed it (also when its line ends in a
//! CR whose LF may follow), its size must be bounded while it grows, and a last event that no blank line ends must be
//! recovered and marked. The crates looked at lack at least one of the three.

use memchr::memchr2;

/// One event; `data` holds the joined `data:` lines without the last newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `event:` field; empty when there was none.
    pub name: &'a [u8],
    /// The `data:` lines, joined by newlines. Not necessarily UTF-8.
    pub data: &'a [u8],
    /// The stream ended before the blank line that ends an event.
    pub unterminated: bool,
}

/// An event or a line grew beyond the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// Bytes in, events out.
#[derive(Debug)]
pub struct Decoder {
    /// The line so far, when a read ended inside it.
    line: Vec<u8>,
    /// The `data:` lines so far, each with a newline behind it.
    data: Vec<u8>,
    name: Vec<u8>,
    limit: usize,
    /// Before the first line: a byte order mark may come.
    start: bool,
    /// The last byte was a CR: an LF after it belongs to the same line end.
    after_cr: bool,
    strayed: bool,
}

impl Decoder {
    /// A decoder that refuses events of more than `limit` bytes.
    pub fn new(limit: usize) -> Decoder {
        Decoder {
            line: Vec::new(),
            data: Vec::new(),
            name: Vec::new(),
            limit,
            start: true,
            after_cr: false,
            strayed: false,
        }
    }

    /// Takes the bytes of a read and hands over every event that they complete.
    ///
    /// After [`TooLarge`] the decoder is of no further use.
    pub fn feed(&mut self, mut bytes: &[u8], mut on_event: impl FnMut(Event<'_>)) -> Result<(), TooLarge> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', bytes) else {
                self.line.extend_from_slice(bytes);
                return self.check(0);
            };
            self.after_cr = bytes[end] == b'\r';
            if self.line.is_empty() {
                self.check(end)?;
                self.take_line(&bytes[..end], &mut on_event);
            } else {
                self.line.extend_from_slice(&bytes[..end]);
                self.check(0)?;
                self.take_own_line(&mut on_event);
            }
            bytes = &bytes[end + 1..];
        }
        Ok(())
    }

    /// The stream has ended: an event that no blank line ended is handed over too, marked as such.
    pub fn finish(&mut self, mut on_event: impl FnMut(Event<'_>)) {
        if !self.line.is_empty() {
            self.take_own_line(&mut on_event);
        }
        self.dispatch(true, &mut on_event);
    }

    /// Whether there were lines that no event stream has: neither a field that the standard knows nor a comment.
    pub fn strayed(&self) -> bool {
        self.strayed
    }

    fn check(&self, more: usize) -> Result<(), TooLarge> {
        let size = self.line.len() + self.data.len() + more;
        if size > self.limit { Err(TooLarge) } else { Ok(()) }
    }

    fn take_own_line(&mut self, on_event: &mut impl FnMut(Event<'_>)) {
        let mut line = std::mem::take(&mut self.line);
        self.take_line(&line, on_event);
        line.clear();
        self.line = line;
    }

    fn take_line(&mut self, mut line: &[u8], on_event: &mut impl FnMut(Event<'_>)) {
        if std::mem::take(&mut self.start) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch(false, on_event);
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            // Comments have an empty field name; `id` and `retry` are about reconnecting, which nobody does here.
            b"" | b"id" | b"retry" => {}
            _ => self.strayed = true,
        }
    }

    fn dispatch(&mut self, unterminated: bool, on_event: &mut impl FnMut(Event<'_>)) {
        if let Some((_, data)) = self.data.split_last() {
            on_event(Event { name: &self.name, data, unterminated });
        }
        self.data.clear();
        self.name.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(reads: &[&[u8]]) -> Vec<(String, String, bool)> {
        let mut decoder = Decoder::new(1 << 20);
        let mut seen = Vec::new();
        let mut keep = |event: Event<'_>| {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            seen.push((text(event.name), text(event.data), event.unterminated));
        };
        for read in reads {
            decoder.feed(read, &mut keep).unwrap();
        }
        decoder.finish(&mut keep);
        seen
    }

    fn datas(stream: &str) -> Vec<String> {
        events(&[stream.as_bytes()]).into_iter().map(|(_, data, _)| data).collect()
    }

    #[test]
    fn lines_end_in_lf_crlf_or_cr() {
        for stream in ["data: a\n\ndata: b\n\n", "data: a\r\n\r\ndata: b\r\n\r\n", "data: a\r\rdata: b\r\r"] {
            assert_eq!(datas(stream), ["a", "b"], "{stream:?}");
        }
    }

    #[test]
    fn an_event_is_handed_over_by_the_read_that_ends_it_even_at_a_cr() {
        let mut decoder = Decoder::new(100);
        let mut count = 0;
        decoder.feed(b"data: a\r\n\r", |_| count += 1).unwrap();
        assert_eq!(count, 1);
        decoder.feed(b"\n", |_| count += 1).unwrap();
        assert_eq!(count, 1);
    }

    #[test]
    fn one_space_after_the_colon_is_dropped_and_none_is_needed() {
        assert_eq!(datas("data:a\n\ndata: b\n\ndata:  c\n\ndata\n\n"), ["a", "b", " c", ""]);
    }

    #[test]
    fn data_lines_are_joined_by_newlines() {
        assert_eq!(datas("data: {\ndata: }\n\n"), ["{\n}"]);
    }

    #[test]
    fn comments_ids_and_unknown_fields_make_no_event() {
        assert_eq!(datas(": ping\n\nid: 7\nretry: 10\nevent: x\n\nfoo: bar\n\ndata: a\n\n"), ["a"]);
    }

    #[test]
    fn a_byte_order_mark_is_dropped_once_at_the_start_however_it_is_split() {
        assert_eq!(datas("\u{feff}data: a\n\n"), ["a"]);
        let split = events(&[b"\xEF", b"\xBB", b"\xBFdata: a\n\n"]);
        assert_eq!(split, [(String::new(), "a".to_owned(), false)]);
        assert_eq!(datas("data: a\n\n\u{feff}data: b\n\n"), ["a"]);
    }

    #[test]
    fn the_event_name_belongs_to_one_event() {
        let seen = events(&[b"event: error\ndata: a\n\ndata: b\n\n"]);
        assert_eq!(seen, [("error".into(), "a".into(), false), (String::new(), "b".into(), false)]);
    }

    #[test]
    fn an_event_without_its_blank_line_is_flushed_at_the_end_and_marked() {
        assert_eq!(events(&[b"data: a\n\ndata: b\n"])[1], (String::new(), "b".into(), true));
        assert_eq!(events(&[b"data: a\n\ndata: b"])[1], (String::new(), "b".into(), true));
    }

    #[test]
    fn a_backslash_and_n_is_text_not_a_line_end() {
        assert_eq!(datas(r"data: {}\n\n"), [r"{}\n\n"]);
    }

    #[test]
    fn a_line_an_event_and_a_comment_without_end_are_too_large() {
        for read in ["data: aaaa", "data: a\n", ": aaaaaaa", "data: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"] {
            let mut decoder = Decoder::new(32);
            let refused = (0..100).any(|_| decoder.feed(read.as_bytes(), |_| {}).is_err());
            assert!(refused, "{read:?}");
            assert!(decoder.line.len() + decoder.data.len() <= 64, "{read:?}");
        }
    }

    #[test]
    fn small_events_are_never_too_large_however_many() {
        let mut decoder = Decoder::new(16);
        for _ in 0..1000 {
            decoder.feed(b"data: a\n\ndata: b\n\n", |_| {}).unwrap();
        }
    }
}
