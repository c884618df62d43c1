//! A file of rows as lines: what ends them, what separates their cells, whether the last one is whole.
//!
//! Spreadsheets write other separators, other ends of lines, a mark before the first cell, and commas in numbers. It
//! finds that out from the first line and knows nothing of columns.

use std::io::{self, Read};

use crate::results::record::Record;

/// How much is read at a time; a row of ours has a few hundred bytes.
const CHUNK: usize = 1 << 18;

/// The longest line; cells of ours are bounded far below.
const LONGEST: usize = 1 << 22;

/// A file of rows, read once from its beginning.
pub(super) struct Table<R> {
    bytes: R,
    buffer: Vec<u8>,
    /// Where in the buffer the next line begins, and where what was read ends.
    next: usize,
    filled: usize,
    /// What ends a line: a line feed, or a carriage return where there is none.
    end: u8,
    /// Whether lines end with both, as spreadsheets end them.
    crlf: bool,
    /// What stands between two cells.
    pub(super) separator: u8,
    /// Whether the last line lacks its end, so that it may be a part of one.
    torn: bool,
}

impl<R: Read> Table<R> {
    /// Looks at the first line; nothing of it is lost.
    pub(super) fn open(bytes: R) -> io::Result<Table<R>> {
        let (end, crlf, separator) = (b'\n', false, b',');
        let mut table = Table { bytes, buffer: Vec::new(), next: 0, filled: 0, end, crlf, separator, torn: false };
        while table.filled < CHUNK && table.fill()? {}
        let head = &table.buffer[..table.filled];
        if memchr::memchr(b'\n', head).is_none() && memchr::memchr(b'\r', head).is_some() {
            table.end = b'\r';
        }
        let first = head.split_inclusive(|byte| *byte == table.end).next().unwrap_or_default();
        (table.crlf, table.separator) = (first.ends_with(b"\r\n"), separator_of(first));
        Ok(table)
    }

    /// The next line that is not empty, taken apart; false at the end.
    pub(super) fn next(&mut self, record: &mut Record) -> io::Result<bool> {
        loop {
            let Some((from, to)) = self.line()? else { return Ok(false) };
            let line = &self.buffer[from..to];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() {
                record.fill(line, self.separator)?;
                return Ok(true);
            }
        }
    }

    /// Whether the line that was last read lacks its end. Some spreadsheets leave the last line open: theirs is whole.
    pub(super) fn is_torn(&self) -> bool {
        self.torn && !self.crlf
    }

    /// The next line without its end, in the buffer: up to the next end that no quote holds.
    fn line(&mut self) -> io::Result<Option<(usize, usize)>> {
        let mut seen = self.next;
        let mut quotes = Quotes::default();
        loop {
            if let Some(at) = memchr::memchr(self.end, &self.buffer[seen..self.filled]) {
                let (from, to) = (self.next, seen + at);
                if !quotes.hold(&self.buffer[seen..=to], self.separator) {
                    self.next = to + 1;
                    return Ok(Some((from, to)));
                }
                seen = to + 1;
                continue;
            }
            let begun = self.filled - self.next;
            let looked = seen - self.next;
            if begun > LONGEST {
                return Err(io::Error::other("a line longer than any row of requests"));
            }
            self.make_room();
            seen = self.next + looked;
            if !self.fill()? {
                self.next = self.filled;
                self.torn |= begun > 0;
                return Ok((begun > 0).then_some((self.filled - begun, self.filled)));
            }
        }
    }

    /// Moves what is left of the buffer to its beginning.
    fn make_room(&mut self) {
        self.buffer.copy_within(self.next..self.filled, 0);
        self.filled -= self.next;
        self.next = 0;
    }

    /// Reads on; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.buffer.len() < self.filled + CHUNK {
            self.buffer.resize(self.filled + CHUNK, 0);
        }
        loop {
            match self.bytes.read(&mut self.buffer[self.filled..]) {
                Ok(read) => {
                    self.filled += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether the end of a line stands within quotes, told piece by piece. A quote within a cell that begins without one is
/// a character like any other.
#[derive(Default)]
struct Quotes {
    /// Within a quoted cell.
    inside: bool,
    /// Right behind a quote in one: its end, unless another quote follows.
    behind: bool,
    /// Within a cell that begins without a quote.
    plain: bool,
}

impl Quotes {
    /// Takes in a piece up to an end of a line, and says whether quotes hold that end.
    fn hold(&mut self, piece: &[u8], separator: u8) -> bool {
        if !self.inside && memchr::memchr(b'"', piece).is_none() {
            return false;
        }
        for byte in piece {
            match *byte {
                b'"' if self.inside => self.behind = !self.behind,
                b'"' if !self.plain => self.inside = true,
                _ if self.inside && !self.behind => {}
                byte => *self = Quotes { plain: byte != separator, ..Quotes::default() },
            }
        }
        self.inside && !self.behind
    }
}

/// The separator that the first line has most of, outside quotes.
fn separator_of(line: &[u8]) -> u8 {
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in line {
        quoted ^= *byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(separator, _)| !quoted && separator == byte) {
            *count += 1;
        }
    }
    // Of equals the last is taken: a comma where there is none at all.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(separator, _)| separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time, so that every border of a read is somewhere.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn cells(text: &str) -> (Vec<Vec<String>>, u8, bool) {
        let read = |mut table: Table<&mut dyn Read>| {
            let (mut record, mut all) = (Record::default(), Vec::new());
            while table.next(&mut record).unwrap() {
                all.push(record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect());
            }
            (all, table.separator, table.is_torn())
        };
        let (mut whole, mut slowly) = (text.as_bytes(), Slowly(text.as_bytes()));
        let at_once = read(Table::open(&mut whole as &mut dyn Read).unwrap());
        assert_eq!(at_once, read(Table::open(&mut slowly as &mut dyn Read).unwrap()));
        at_once
    }

    #[test]
    fn the_first_line_tells_the_separator_unless_it_is_quoted() {
        let two = |one: &str, other: &str| vec![vec![one.to_owned(), other.to_owned()]; 2];
        assert_eq!(cells("a,b\na,b\n"), (two("a", "b"), b',', false));
        assert_eq!(cells("a;b\r\na;b"), (two("a", "b"), b';', false));
        assert_eq!(cells("a\tb\n\na\tb\n"), (two("a", "b"), b'\t', false));
        assert_eq!(cells("\"a;;\",b\n\"a;;\",b\n"), (two("a;;", "b"), b',', false));
        assert_eq!(cells("\"a\nx\",b\r\n\"a\nx\",b\r\n"), (two("a\nx", "b"), b',', false));
        assert_eq!(cells("a\nb\n").1, b',');
        assert_eq!(cells("a,5\" b\nc,\"d\"\"\n,\"\n").0, [vec!["a", "5\" b"], vec!["c", "d\"\n,"]]);
    }

    #[test]
    fn a_last_line_without_its_end_is_torn_where_lines_have_ends() {
        assert!(cells("a,b\n1,2").2);
        assert!(cells("a,b\n1,\"2\n").2, "an open quote");
        assert!(!cells("").2);
        assert_eq!(cells("a,b\r1,2\r").0.len(), 2);
        assert!(!cells("a,b\r1,2\r").2);
    }

    #[test]
    fn lines_are_whole_wherever_a_read_ends() {
        let long = format!("{}\n", "x,".repeat(CHUNK / 3)).repeat(7);
        let (all, ..) = {
            let mut table = Table::open(long.as_bytes()).unwrap();
            let (mut record, mut all) = (Record::default(), Vec::new());
            while table.next(&mut record).unwrap() {
                all.push(record.len());
            }
            (all, ())
        };
        assert_eq!(all, [CHUNK / 3 + 1; 7]);
    }
}
