//! The lowest floor: a request's bytes by hand, an answer's end by its length or its last chunk, over a tokio socket.
//!
//! Instants are the program's own, taken before the write and after the read. One buffer serves all connections.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::Answer;
use crate::scan::Scan;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

/// The last bytes of a chunked answer.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// One connection.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) fn new(socket: TcpStream) -> Client {
        Client(socket)
    }

    /// Asks, and reads to the end of the answer.
    pub(crate) async fn ask(&mut self, body: &str) -> Answer {
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: floor\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let sent = Instant::now();
        self.0.write_all(request.as_bytes()).await.expect("a request that leaves");
        let mut reading = Reading::default();
        let end = poll_fn(|cx| self.poll_end(cx, &mut reading)).await;
        Answer { sent, first: reading.first, end, events: reading.scan.events }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>, reading: &mut Reading) -> Poll<Instant> {
        BUFFER.with_borrow_mut(|buffer| {
            loop {
                let mut room = ReadBuf::new(buffer);
                ready!(Pin::new(&mut self.0).poll_read(cx, &mut room)).expect("bytes");
                let now = Instant::now();
                assert!(!room.filled().is_empty(), "the answer was cut off");
                if reading.feed(room.filled(), now) {
                    return Poll::Ready(now);
                }
            }
        })
    }
}

/// An answer so far.
#[derive(Default)]
struct Reading {
    /// Bytes until the head is complete, the last few of a chunked body from then on.
    kept: Vec<u8>,
    body: Option<Body>,
    scan: Scan,
    first: Option<Instant>,
}

enum Body {
    /// So many bytes are still to come.
    Length(usize),
    Chunked,
}

impl Reading {
    /// Takes one read; whether the answer is complete.
    fn feed(&mut self, bytes: &[u8], now: Instant) -> bool {
        let mut bytes = bytes;
        if self.body.is_none() {
            let before = self.kept.len();
            self.kept.extend_from_slice(bytes);
            let Some(at) = memmem::find(&self.kept, b"\r\n\r\n") else { return false };
            self.body = Some(body_of(&self.kept[..at]));
            bytes = &bytes[at + 4 - before..];
            self.kept.clear();
        }
        match self.body.as_mut().expect("set above") {
            Body::Length(left) => {
                *left -= bytes.len();
                *left == 0
            }
            Body::Chunked => {
                self.scan.feed(bytes);
                if self.scan.has_token && self.first.is_none() {
                    self.first = Some(now);
                }
                let tail = &bytes[bytes.len().saturating_sub(LAST_CHUNK.len())..];
                self.kept.extend_from_slice(tail);
                let surplus = self.kept.len().saturating_sub(LAST_CHUNK.len());
                self.kept.drain(..surplus);
                self.kept == LAST_CHUNK
            }
        }
    }
}

fn body_of(head: &[u8]) -> Body {
    assert!(head.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(head));
    match memmem::find(head, b"content-length: ") {
        None => Body::Chunked,
        Some(at) => {
            let digits = head[at + 16..].iter().take_while(|byte| byte.is_ascii_digit());
            Body::Length(digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
        }
    }
}
