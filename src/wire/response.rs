//! An answer, as its bytes arrive.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::{HeaderMap, StatusCode, Version};
use tokio::time::Instant;

use super::causes::WireError;
use super::connection::Connection;
use super::meter::{Probe, Stamps};

/// The head of an answer, and the way to its body.
pub struct Response<'a> {
    /// The status.
    pub status: StatusCode,
    /// The version that the server speaks.
    pub version: Version,
    /// The header fields: at most a hundred, at most 64 KiB.
    pub headers: HeaderMap,
    /// When the head was complete.
    pub head_at: Instant,
    connection: &'a mut Connection,
    body: Incoming,
    over: bool,
}

/// A part of the body as the framing brought it: content codings are left as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The bytes; never none.
    pub bytes: Bytes,
    /// When the last of them arrived: the kernel's receive time where there is one, else the instant after the read.
    pub at: Instant,
    /// How long they then waited in the kernel; `None` where the kernel does not tell.
    pub lag: Option<Duration>,
    /// The number of the socket read that brought them: pieces of one read share it.
    pub read: u64,
}

impl<'a> Response<'a> {
    pub(super) fn new(
        connection: &'a mut Connection,
        response: hyper::Response<Incoming>,
        head_at: Instant,
    ) -> Response<'a> {
        let (head, body) = response.into_parts();
        let (status, version, headers) = (head.status, head.version, head.headers);
        Response { status, version, headers, head_at, connection, body, over: false }
    }

    /// The next part of the body; `None` at the end of its framing, which is never just the end of the connection
    /// unless the server frames so.
    ///
    /// Dropping the future loses nothing: the next call goes on.
    pub async fn next(&mut self) -> Option<Result<Piece, WireError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Response::next`], to be polled.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, WireError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let Response { connection, body, .. } = self;
        let Connection { driver, meter, .. } = &mut **connection;
        let frame = driver.drive_until(cx, meter, |_, cx| poll_bytes(body, cx));
        let next = match ready!(frame) {
            Some(Ok(bytes)) => {
                let (at, lag, read) = self.connection.meter.latest();
                return Poll::Ready(Some(Ok(Piece { bytes, at, lag, read })));
            }
            Some(Err(error)) => Some(Err(self.connection.failed(error))),
            None => {
                self.connection.completed();
                None
            }
        };
        self.over = true;
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
