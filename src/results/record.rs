//! One line of a table, taken apart into cells: a few nanoseconds each, since there may be fifty million of them.
//!
//! Most lines hold no quotes, and are split where the separator stands. Only the others go through a CSV reader.

use std::io;

/// One line's cells.
#[derive(Debug, Clone, Default)]
pub struct Record {
    bytes: Vec<u8>,
    /// Where each cell begins and ends in `bytes`.
    spans: Vec<(u32, u32)>,
}

impl Record {
    /// Takes a line without its end.
    pub fn fill(&mut self, line: &[u8], separator: u8) -> io::Result<()> {
        self.bytes.clear();
        self.spans.clear();
        if memchr::memchr(b'"', line).is_some() {
            return self.unquote(line, separator);
        }
        self.bytes.extend_from_slice(line);
        let mut start = 0;
        for end in memchr::memchr_iter(separator, line) {
            self.spans.push((start, place(end)));
            start = place(end) + 1;
        }
        self.spans.push((start, place(line.len())));
        Ok(())
    }

    /// A line with quotes, which may hold separators and ends of lines.
    fn unquote(&mut self, line: &[u8], separator: u8) -> io::Result<()> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(line);
        let mut cells = csv::ByteRecord::new();
        if reader.read_byte_record(&mut cells).map_err(io::Error::other)? {
            cells.iter().for_each(|cell| self.push(cell));
        }
        Ok(())
    }

    fn push(&mut self, cell: &[u8]) {
        let start = place(self.bytes.len());
        self.bytes.extend_from_slice(cell);
        self.spans.push((start, place(self.bytes.len())));
    }

    /// A cell by its place; empty where the line is short.
    pub fn get(&self, at: usize) -> &[u8] {
        self.spans.get(at).map_or(&[], |(start, end)| &self.bytes[*start as usize..*end as usize])
    }

    /// The same, to be changed in place.
    pub fn get_mut(&mut self, at: usize) -> &mut [u8] {
        match self.spans.get(at) {
            Some((start, end)) => &mut self.bytes[*start as usize..*end as usize],
            None => &mut [],
        }
    }

    /// Every cell.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

impl<'a> FromIterator<&'a str> for Record {
    fn from_iter<I: IntoIterator<Item = &'a str>>(cells: I) -> Record {
        let mut record = Record::default();
        cells.into_iter().for_each(|cell| record.push(cell.as_bytes()));
        record
    }
}

/// A place in a line; lines are bounded far below four gigabytes.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells(line: &str) -> Vec<String> {
        let mut record = Record::default();
        record.fill(line.as_bytes(), b',').unwrap();
        record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
    }

    #[test]
    fn cells_are_what_stands_between_separators_and_quotes_hold_some() {
        assert_eq!(cells("a,,b,"), ["a", "", "b", ""]);
        assert_eq!(cells("\"a,\"\"\nb\",c"), ["a,\"\nb", "c"]);
        assert_eq!(cells(""), [""]);
        let mut record: Record = ["1,5", "x"].into_iter().collect();
        record.get_mut(0)[1] = b'.';
        record.get_mut(7).fill(b'!');
        assert_eq!((record.get(0), record.get(7), record.len()), (&b"1.5"[..], &b""[..], 2));
    }

    proptest! {
        #[test]
        fn a_csv_reader_sees_the_same_cells(line in "[a-c,\" ]{1,20}") {
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line.as_bytes());
            let mut expected = csv::StringRecord::new();
            reader.read_record(&mut expected).unwrap();
            prop_assert_eq!(cells(&line), expected.iter().collect::<Vec<_>>());
        }
    }
}
