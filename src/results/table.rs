//! A file of rows as bytes: what separates its cells, whether its last line is whole.
//!
//! Spreadsheets write other separators, other ends of lines, a mark before the first cell, and commas in numbers. It
//! finds that out from the first line and knows nothing of columns.

use std::io::{self, Chain, Cursor, Read};

use csv::ByteRecord;

/// How much is looked at for the first line; a header of ours has 600 bytes.
const HEAD: u64 = 1 << 16;

/// The bytes that csv asks for at a time.
const BUFFER: usize = 1 << 18;

/// A file of rows, read once from its beginning.
pub(super) struct Table<R> {
    reader: csv::Reader<Watched<Chain<Cursor<Vec<u8>>, R>>>,
    /// Whether lines end with CRLF, as spreadsheets end them.
    crlf: bool,
    /// What stands between two cells.
    pub(super) separator: u8,
}

impl<R: Read> Table<R> {
    /// Looks at the first line; nothing of it is lost.
    pub(super) fn open(mut bytes: R) -> io::Result<Table<R>> {
        let mut head = Vec::new();
        bytes.by_ref().take(HEAD).read_to_end(&mut head)?;
        let first = head.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let (crlf, separator) = (first.ends_with(b"\r\n"), separator(first));
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .buffer_capacity(BUFFER)
            .from_reader(Watched { inner: Cursor::new(head).chain(bytes), last: b'\n' });
        Ok(Table { reader, crlf, separator })
    }

    /// The next line's cells; false at the end.
    pub(super) fn next(&mut self, record: &mut ByteRecord) -> io::Result<bool> {
        self.reader.read_byte_record(record).map_err(io::Error::other)
    }

    /// Whether the last line lacks its end, so that it may be a part of one; to be asked when all is read. Some
    /// spreadsheets leave the last line open: theirs is whole.
    pub(super) fn is_torn(&self) -> bool {
        let last = self.reader.get_ref().last;
        last != b'\n' && last != b'\r' && !self.crlf
    }
}

/// The separator that the first line has most of, outside quotes.
fn separator(line: &[u8]) -> u8 {
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

/// Remembers the last byte that came through.
struct Watched<R> {
    inner: R,
    last: u8,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if let Some(last) = buffer[..read].last() {
            self.last = *last;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> (Vec<Vec<String>>, u8, bool) {
        let mut table = Table::open(text.as_bytes()).unwrap();
        let (mut record, mut all) = (ByteRecord::new(), Vec::new());
        while table.next(&mut record).unwrap() {
            all.push(record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect());
        }
        (all, table.separator, table.is_torn())
    }

    #[test]
    fn the_first_line_tells_the_separator_unless_it_is_quoted() {
        let two = |one: &str, other: &str| vec![vec![one.to_owned(), other.to_owned()]; 2];
        assert_eq!(cells("a,b\na,b\n"), (two("a", "b"), b',', false));
        assert_eq!(cells("a;b\r\na;b"), (two("a", "b"), b';', false));
        assert_eq!(cells("a\tb\na\tb\n"), (two("a", "b"), b'\t', false));
        assert_eq!(cells("\"a;;\",b\n\"a;;\",b\n"), (two("a;;", "b"), b',', false));
        assert_eq!(cells("a\nb\n").1, b',');
    }

    #[test]
    fn a_last_line_without_its_end_is_torn_where_lines_have_ends() {
        assert!(cells("a,b\n1,2").2);
        assert!(!cells("").2);
        assert!(!cells("a,b\r1,2\r").2);
    }
}
