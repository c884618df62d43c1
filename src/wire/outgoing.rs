//! A request on its way out: its head and its body in as few buffers as is cheap.

use bytes::Bytes;

use super::request::Request;

/// The longest body that is copied behind its head.
const COPIED: usize = 16 * 1024;

/// What of a request is still to be written.
pub(super) struct Outgoing {
    /// The head, and a short body behind it: one buffer is cheaper to send than several.
    first: Vec<u8>,
    /// A body too long to be copied.
    body: Bytes,
    written: usize,
}

impl Outgoing {
    pub(super) fn new(Request { head, body }: Request) -> Outgoing {
        let together = body.len() <= COPIED;
        let mut first = Vec::with_capacity(head.written.len() + 48 + if together { body.len() } else { 0 });
        first.extend_from_slice(&head.written);
        let mut digits = itoa::Buffer::new();
        for part in ["content-length: ", digits.format(body.len()), "\r\n\r\n"] {
            first.extend_from_slice(part.as_bytes());
        }
        if !together {
            return Outgoing { first, body, written: 0 };
        }
        first.extend_from_slice(&body);
        Outgoing { first, body: Bytes::new(), written: 0 }
    }

    /// Whether nothing of it is written yet.
    pub(super) fn is_whole(&self) -> bool {
        self.written == 0
    }

    /// The next bytes, in one buffer or in two.
    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        let from = self.written.min(self.first.len());
        (&self.first[from..], &self.body[self.written - from..])
    }

    /// So many bytes more were written; whether those were the last.
    pub(super) fn advance(&mut self, written: usize) -> bool {
        self.written += written;
        self.written >= self.first.len() + self.body.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyper::{HeaderMap, Uri};

    use super::super::request::Head;
    use super::*;

    #[test]
    fn a_request_that_is_written_in_parts_is_the_same_request() {
        let head = Arc::new(Head::post(Uri::from_static("/v1"), HeaderMap::new()));
        for body in ["hello, lambs".to_owned(), "long ".repeat(COPIED / 5 + 1)] {
            let whole = format!("POST /v1 HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            for step in [1, 7, 40, 41, 42, 60_000, 100_000] {
                let mut out = Outgoing::new(Request::new(head.clone(), body.clone().into()));
                let mut sent = Vec::new();
                loop {
                    let (first, rest) = out.parts();
                    let next: Vec<u8> = first.iter().chain(rest).copied().take(step).collect();
                    sent.extend_from_slice(&next);
                    if out.advance(next.len()) {
                        break;
                    }
                }
                assert!(sent == whole.as_bytes(), "{step} bytes at a time");
            }
        }
    }
}
