//! The columns of `requests.csv`: their names and order, and where a file at hand has them.
//!
//! A file may have lost columns, gained some or put them in another order: they are found by name. New columns go to
//! the end.

use crate::results::record::Record;

/// The columns of `requests.csv`, in order.
pub const COLUMNS: [&str; 52] = [
    "run_id",
    "scenario",
    "case",
    "target",
    "model",
    "users",
    "prompt",
    "round",
    "phase",
    "user",
    "turn",
    "request",
    "outcome",
    "status",
    "error",
    "start_utc",
    "due_ms",
    "send_lag_ms",
    "dns_ms",
    "tcp_ms",
    "tls_ms",
    "connect_ms",
    "reused",
    "syn_retransmits",
    "sent_ms",
    "headers_ms",
    "ttfe_ms",
    "ttft_ms",
    "ttfo_ms",
    "latency_ms",
    "latency_from_due_ms",
    "tail_ms",
    "tpot_ms",
    "max_gap_ms",
    "read_lag_max_ms",
    "events",
    "reads",
    "tokens_in",
    "tokens_cached",
    "tokens_out",
    "tokens_reasoning",
    "token_source",
    "finish_reason",
    "served_model",
    "fingerprint",
    "request_id",
    "bytes_in",
    "answer_chars",
    "answer_hash",
    "remote_addr",
    "shard",
    "end_ms",
];

/// Columns without which a row says nothing.
const NEEDED: [&str; 3] = ["phase", "outcome", "end_ms"];

/// Where a file has its columns.
#[derive(Debug, Clone)]
pub struct Layout {
    /// For each of [`COLUMNS`], its place in the file.
    places: [Option<usize>; COLUMNS.len()],
    /// Cells in the file's header.
    width: usize,
}

impl Layout {
    /// Finds the columns in a header; the error names those that are missing and cannot be done without.
    pub fn of(header: &Record) -> Result<Layout, String> {
        let mut places = [None; COLUMNS.len()];
        for (place, cell) in header.iter().enumerate() {
            let name = cell.strip_prefix(b"\xef\xbb\xbf").unwrap_or(cell).trim_ascii();
            if let Some(column) = COLUMNS.iter().position(|column| column.as_bytes() == name) {
                places[column].get_or_insert(place);
            }
        }
        let layout = Layout { places, width: header.len() };
        let missing: Vec<&str> = NEEDED.into_iter().filter(|name| layout.place(name).is_none()).collect();
        if missing.is_empty() { Ok(layout) } else { Err(missing.join(", ")) }
    }

    /// The header's width.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Puts points into times where a spreadsheet has written commas.
    pub fn put_points(&self, record: &mut Record) {
        let times = self.places.iter().zip(COLUMNS).filter(|(_, name)| name.ends_with("_ms"));
        for place in times.filter_map(|(place, _)| *place) {
            record.get_mut(place).iter_mut().filter(|byte| **byte == b',').for_each(|byte| *byte = b'.');
        }
    }

    /// A record's cells by column.
    pub fn cells<'a>(&'a self, record: &'a Record) -> Cells<'a> {
        Cells { layout: self, record, next: 0 }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.places[COLUMNS.iter().position(|column| *column == name)?]
    }
}

/// The cells of one record in the order of [`COLUMNS`], whatever their order in the file.
#[derive(Debug)]
pub struct Cells<'a> {
    layout: &'a Layout,
    record: &'a Record,
    next: usize,
}

impl<'a> Cells<'a> {
    /// The next column's cell; empty where the file has no such column or the record is short.
    ///
    /// `name` is the column that the caller believes to be next: a slip shows in the first test.
    pub fn take(&mut self, name: &str) -> &'a [u8] {
        debug_assert_eq!(COLUMNS[self.next], name, "columns are taken in order");
        let place = self.layout.places[self.next];
        self.next += 1;
        place.map_or(&[], |place| self.record.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_behind_a_mark_and_in_any_order() {
        let layout = Layout::of(&Record::from_iter(["\u{feff}end_ms", "mine", "phase", " outcome "])).unwrap();
        let record = Record::from_iter(["12", "x", "load", "ok"]);
        let mut cells = layout.cells(&record);
        let found: Vec<(&str, &[u8])> =
            COLUMNS.iter().map(|name| (*name, cells.take(name))).filter(|(_, cell)| !cell.is_empty()).collect();
        assert_eq!(found, [("phase", &b"load"[..]), ("outcome", b"ok"), ("end_ms", b"12")]);
    }

    #[test]
    fn a_file_without_outcomes_is_refused_by_name() {
        let missing = Layout::of(&Record::from_iter(["phase", "a;b"])).unwrap_err();
        assert_eq!(missing, "outcome, end_ms");
    }
}
