//! An answer, as its bytes arrive.

use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::{StatusCode, Version};
use tokio::time::Instant;

use super::causes::WireError;
use super::connection::{Connection, Protocol};
use super::fields::HeaderFields;
use super::stamps::{Probe, Stamps};
use super::start::Start;

/// An answer, and the way to its body.
pub struct Response<'a> {
    /// The status.
    pub status: StatusCode,
    /// The version that the server speaks.
    pub version: Version,
    /// The header fields: at most a hundred, at most 64 KiB.
    pub fields: HeaderFields,
    /// When the head was complete.
    pub head_at: Instant,
    connection: &'a mut Connection,
    /// The body, where hyper reads it.
    incoming: Option<Incoming>,
    /// The piece that hyper read last.
    held: Bytes,
    over: bool,
}

/// A part of the body as the framing brought it: content codings are left as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The bytes; never none.
    pub bytes: &'a [u8],
    /// When the last of them arrived: the kernel's receive time where there is one, else the instant after the read.
    pub at: Instant,
    /// How long they then waited in the kernel; `None` where the kernel does not tell.
    pub lag: Option<Duration>,
    /// The number of the socket read that brought them: pieces of one read share it.
    pub read: u64,
}

/// Where the next bytes are.
enum Part {
    /// In the connection's latest read.
    Read(Range<usize>),
    /// Handed out by hyper.
    Held(Bytes),
}

impl<'a> Response<'a> {
    pub(super) fn starts(connection: &'a mut Connection, start: Start) -> Response<'a> {
        let Start { status, version, fields, .. } = start;
        let head_at = connection.latest_read();
        Response { status, version, fields, head_at, connection, incoming: None, held: Bytes::new(), over: false }
    }

    pub(super) fn of_hyper(connection: &'a mut Connection, response: hyper::Response<Incoming>) -> Response<'a> {
        let (head, body) = response.into_parts();
        let (status, version, fields) = (head.status, head.version, HeaderFields::from(&head.headers));
        let head_at = connection.latest_read();
        Response { status, version, fields, head_at, connection, incoming: Some(body), held: Bytes::new(), over: false }
    }

    /// The next part of the body; `None` at the end of its framing, which is never just the end of the connection unless
    /// the server frames so.
    ///
    /// Dropping the future loses nothing: the next call goes on.
    pub async fn next(&mut self) -> Option<Result<Piece<'_>, WireError>> {
        let part = match poll_fn(|cx| self.poll_part(cx)).await? {
            Ok(part) => part,
            Err(error) => return Some(Err(error)),
        };
        let (at, lag, read) = self.connection.meter.latest();
        let bytes = match (part, &self.connection.protocol) {
            (Part::Read(range), Protocol::Http1(http)) => http.piece(range),
            (Part::Held(bytes), _) => {
                self.held = bytes;
                &self.held
            }
            (Part::Read(_), Protocol::Http2(_)) => &[],
        };
        Some(Ok(Piece { bytes, at, lag, read }))
    }

    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, WireError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let next = match (&mut self.connection.protocol, &mut self.incoming) {
            (Protocol::Http2(http), Some(body)) => {
                let next = ready!(http.drive_until(cx, |_, cx| poll_bytes(body, cx)));
                next.map(|next| next.map(Part::Held).map_err(|error| self.connection.failed(error)))
            }
            (Protocol::Http1(http), _) => {
                let next = ready!(http.poll_piece(cx));
                next.map(|next| next.map(Part::Read).map_err(|fault| self.connection.faulty(fault)))
            }
            (Protocol::Http2(_), None) => None,
        };
        if next.is_none() {
            self.connection.completed();
        }
        self.over = !matches!(next, Some(Ok(_)));
        Poll::Ready(next)
    }

    /// How much earlier than [`Piece::at`] the first bytes of the latest read may have arrived: a read carries the
    /// instant of its last segment. Worth asking where a read held several events; costs two system calls.
    pub fn doubt(&mut self) -> Duration {
        self.connection.doubt()
    }

    /// The stamps of this request.
    pub fn stamps(&self) -> Stamps {
        self.connection.stamps()
    }

    /// Reads the stamps while [`Response::next`] is pending.
    pub fn probe(&self) -> Probe {
        self.connection.probe()
    }
}

/// The next bytes of a body; trailers are passed over.
fn poll_bytes(body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, hyper::Error>>> {
    loop {
        match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) if !bytes.is_empty() => return Poll::Ready(Some(Ok(bytes))),
                _ => {}
            },
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        }
    }
}
