//! Finds events and the first token by looking for the few bytes that the embedded endpoint always writes.
//!
//! No parser: an event ends with an empty line, a token stands behind `"content":"`. An event that two reads share counts
//! once; a first token that two reads share is found in the next event.

use memchr::memmem;

/// What was found so far in one answer.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) events: u64,
    pub(crate) has_token: bool,
    last: u8,
}

impl Scan {
    /// Looks through what one read brought.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.events += u64::from(self.last == b'\n' && bytes.first() == Some(&b'\n'));
        self.events += memmem::find_iter(bytes, b"\n\n").count() as u64;
        self.last = bytes.last().copied().unwrap_or(self.last);
        self.has_token = self.has_token || has_token(bytes);
    }
}

fn has_token(bytes: &[u8]) -> bool {
    const KEY: &[u8] = br#""content":""#;
    memmem::find_iter(bytes, KEY).any(|at| bytes.get(at + KEY.len()).is_some_and(|next| *next != b'"'))
}
