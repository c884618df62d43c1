//! One HTTP/1.1 request off the socket: head and body, both bounded, and when its bytes came.

use std::mem::MaybeUninit;
use std::time::Duration;

use tokio::net::TcpStream;

use super::socket;

const MAX_HEAD: usize = 64 * 1_024;
const MAX_BODY: usize = 16 * 1_024 * 1_024;

/// A whole request.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without the query.
    pub(super) path: String,
    /// What stands after `Bearer` in `Authorization`.
    pub(super) bearer: Option<String>,
    /// The client wants to go on afterwards.
    pub(super) keep_alive: bool,
    /// An HTTP/1.0 client: it does not understand chunks.
    pub(super) old: bool,
    pub(super) body: Vec<u8>,
    pub(super) came: Came,
}

/// When a request came.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Came {
    /// The read that brought its first byte.
    pub(super) first_byte: u64,
    /// When the kernel had that read's last byte, where it tells.
    pub(super) first_byte_kernel: Option<u64>,
    /// The read that completed it.
    pub(super) complete: u64,
}

/// Why there is no request.
#[derive(Debug)]
pub(super) enum Wrong {
    /// Not HTTP, or too much of it: refuse with this status and close.
    Refuse(u16, &'static str),
    /// The connection has failed.
    Gone,
}

/// Reads requests, one after another, from one connection.
pub(super) struct Reader {
    buffer: Vec<u8>,
    /// The read that brought the oldest byte in the buffer.
    oldest: Came,
}

impl Reader {
    pub(super) fn new() -> Reader {
        Reader { buffer: Vec::with_capacity(4_096), oldest: Came::default() }
    }

    /// The next request; none once the client has closed, or has been silent between requests for longer than `idle`.
    pub(super) async fn next(&mut self, stream: &TcpStream, idle: Option<Duration>) -> Result<Option<Request>, Wrong> {
        let mut continued = false;
        loop {
            if let Some(head) = Head::parse(&self.buffer)? {
                if head.expects_continue && !continued {
                    continued = true;
                    socket::send(stream, b"HTTP/1.1 100 Continue\r\n\r\n").await.map_err(|_| Wrong::Gone)?;
                }
                if let Some((body, used)) = head.body(&self.buffer)? {
                    self.buffer.drain(..used);
                    return Ok(Some(Request { body, came: self.oldest, ..head.request }));
                }
            } else if self.buffer.len() > MAX_HEAD {
                return Err(Wrong::Refuse(431, "Request Header Fields Too Large"));
            }
            if !self.more(stream, idle.filter(|_| self.buffer.is_empty())).await? {
                return Ok(None);
            }
        }
    }

    async fn more(&mut self, stream: &TcpStream, idle: Option<Duration>) -> Result<bool, Wrong> {
        let starts = self.buffer.is_empty();
        let receive = socket::receive(stream, &mut self.buffer);
        let received = match idle {
            Some(idle) => match tokio::time::timeout(idle, receive).await {
                Ok(received) => received,
                Err(_) => return Ok(false),
            },
            None => receive.await,
        };
        let received = received.map_err(|_| Wrong::Gone)?;
        if starts {
            self.oldest.first_byte = received.at;
            self.oldest.first_byte_kernel = received.kernel;
        }
        self.oldest.complete = received.at;
        Ok(received.bytes > 0)
    }
}

struct Head {
    request: Request,
    length: usize,
    body: Body,
    expects_continue: bool,
}

enum Body {
    Length(usize),
    Chunked,
}

impl Head {
    /// The head, if all of it is there.
    fn parse(bytes: &[u8]) -> Result<Option<Head>, Wrong> {
        if bytes.is_empty() {
            return Ok(None);
        }
        // A hundred headers are 3 KiB, which nobody fills for the five of a request.
        let mut headers = [const { MaybeUninit::uninit() }; 100];
        let mut parsed = httparse::Request::new(&mut []);
        let length = match parsed.parse_with_uninit_headers(bytes, &mut headers) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Wrong::Refuse(431, "Request Header Fields Too Large")),
            Err(_) => return Err(Wrong::Refuse(400, "Bad Request")),
        };
        let path = parsed.path.unwrap_or_default().split('?').next().unwrap_or_default();
        let old = parsed.version == Some(0);
        let method = parsed.method.unwrap_or_default().to_owned();
        let request = Request { method, path: path.to_owned(), keep_alive: !old, old, ..Request::default() };
        let mut head = Head { request, length, body: Body::Length(0), expects_continue: false };
        for header in parsed.headers.iter() {
            head.header(header.name, header.value)?;
        }
        Ok(Some(head))
    }

    fn header(&mut self, name: &str, value: &[u8]) -> Result<(), Wrong> {
        let text = std::str::from_utf8(value).unwrap_or_default().trim();
        if name.eq_ignore_ascii_case("content-length") {
            let length = text.parse().map_err(|_| Wrong::Refuse(400, "Bad Request"))?;
            self.body = Body::Length(length);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.body = Body::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            self.request.keep_alive = if self.request.old {
                text.eq_ignore_ascii_case("keep-alive")
            } else {
                !text.eq_ignore_ascii_case("close")
            };
        } else if name.eq_ignore_ascii_case("authorization") {
            self.request.bearer = text.strip_prefix("Bearer ").map(|key| key.trim().to_owned());
        } else if name.eq_ignore_ascii_case("expect") {
            self.expects_continue = text.eq_ignore_ascii_case("100-continue");
        }
        Ok(())
    }

    /// The body and the length of the whole request, if all of it is there.
    fn body(&self, bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Wrong> {
        let rest = &bytes[self.length..];
        match self.body {
            Body::Length(length) if length > MAX_BODY => Err(Wrong::Refuse(413, "Content Too Large")),
            Body::Length(length) => Ok(rest.get(..length).map(|body| (body.to_vec(), self.length + length))),
            Body::Chunked => Ok(dechunk(rest)?.map(|(body, used)| (body, self.length + used))),
        }
    }
}

/// A chunked body and the bytes it took, if all of it is there.
fn dechunk(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Wrong> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let (start, size) = match httparse::parse_chunk_size(&bytes[at..]) {
            Ok(httparse::Status::Complete((start, size))) => (at + start, size),
            Ok(httparse::Status::Partial) if bytes.len() - at > 1_024 => return Err(Wrong::Refuse(400, "Bad Request")),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Wrong::Refuse(400, "Bad Request")),
        };
        if size > (MAX_BODY - body.len()) as u64 {
            return Err(Wrong::Refuse(413, "Content Too Large"));
        }
        // A last chunk is followed by the blank line at once: clients of chat endpoints send no trailers.
        let end = start + size as usize;
        let Some(chunk) = bytes.get(start..end + 2) else { return Ok(None) };
        if !chunk.ends_with(b"\r\n") {
            return Err(Wrong::Refuse(400, "Bad Request"));
        }
        if size == 0 {
            return Ok(Some((body, end + 2)));
        }
        body.extend_from_slice(&bytes[start..end]);
        at = end + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Option<(Request, usize)> {
        let head = Head::parse(bytes).expect("well formed")?;
        let (body, used) = head.body(bytes).expect("well formed")?;
        Some((Request { body, ..head.request }, used))
    }

    #[test]
    fn a_request_is_whole_only_with_its_last_byte() {
        let bytes = b"POST /v1/chat/completions?x=1 HTTP/1.1\r\nAuthorization: Bearer k\r\nContent-Length: 2\r\n\r\n{}";
        for cut in 0..bytes.len() {
            assert_eq!(whole(&bytes[..cut]), None, "cut at {cut}");
        }
        let request = Request {
            method: "POST".into(),
            path: "/v1/chat/completions".into(),
            bearer: Some("k".into()),
            keep_alive: true,
            body: b"{}".into(),
            ..Request::default()
        };
        assert_eq!(whole(&[bytes.as_slice(), b"GET"].concat()), Some((request, bytes.len())));
    }

    #[test]
    fn a_chunked_body_is_joined() {
        let bytes = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n5;x=y\r\n\": 1}\r\n0\r\n\r\n";
        for cut in 0..bytes.len() {
            assert_eq!(whole(&bytes[..cut]), None, "cut at {cut}");
        }
        let (request, used) = whole(bytes).expect("whole");
        assert_eq!((request.body.as_slice(), used), (b"{\"a\": 1}".as_slice(), bytes.len()));
    }

    #[test]
    fn the_connection_header_decides_who_stays() {
        let keeps = |head: &str| whole(head.as_bytes()).expect("whole").0.keep_alive;
        assert!(keeps("GET / HTTP/1.1\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    }

    #[test]
    fn what_is_not_http_or_too_large_is_refused() {
        let refused =
            |bytes: &[u8]| match Head::parse(bytes).and_then(|head| head.map(|head| head.body(bytes)).transpose()) {
                Err(Wrong::Refuse(status, _)) => status,
                other => panic!("{:?}", other.is_ok()),
            };
        assert_eq!(refused(b"\x16\x03\x01\x02\x00"), 400);
        assert_eq!(refused(b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"), 413);
        assert_eq!(refused(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFF\r\n"), 413);
        assert_eq!(refused(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n"), 400);
        assert_eq!(refused(format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101)).as_bytes()), 431);
    }
}
