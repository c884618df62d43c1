//! HTTP/1.1 over one connection: a request written as it is, an answer read one read at a time.
//!
//! What is handed on came with the latest read and no later one, and a connection that waits holds no buffer. Whoever
//! waits drives it; nothing here knows the clock, which is the socket's business.
//!
//! Why not a library: hyper's client costs half as much again a request and a chunk, and 12 KiB more a connection; it
//! writes when its own task gets its turn, and reads on before what it read is handed out.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::{Framing, NotChunked};
use super::outgoing::Outgoing;
use super::request::Request;
use super::scratch::Scratch;
use super::socket::Link;
use super::start::{self, NoStart, Start};

/// What a connection tells that ends before an answer begins.
const NOTHING: &str = "nothing of it came";

/// One connection.
pub(super) struct Http1 {
    link: Link,
    out: Option<Outgoing>,
    /// Something written may still wait in TLS.
    unflushed: bool,
    /// Why writing ended before its time.
    write_error: Option<io::Error>,
    /// An answer's start so far, when a read ended inside it.
    begun: Vec<u8>,
    /// The latest read, while something of it is still to be handed on.
    read: Option<Held>,
    framing: Framing,
    keeps: bool,
    /// Something came behind the request.
    heard: bool,
    over: bool,
}

/// A read, of which `rest` has not been looked at.
struct Held {
    bytes: Scratch,
    rest: Range<usize>,
}

/// Why an answer did not come, or not whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The end of the connection where more was due.
    #[error("{0}")]
    Closed(&'static str),
    #[error("the server spoke before it was asked")]
    Unasked,
    #[error(transparent)]
    Start(#[from] NoStart),
    #[error(transparent)]
    Chunks(#[from] NotChunked),
}

impl Http1 {
    pub(super) fn new(link: Link) -> Http1 {
        Http1 {
            link,
            out: None,
            unflushed: false,
            write_error: None,
            begun: Vec::new(),
            read: None,
            framing: Framing::Length(0),
            keeps: true,
            heard: false,
            over: false,
        }
    }

    /// Whether no request can go over it any more.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether anything came behind the latest request.
    pub(super) fn heard(&self) -> bool {
        self.heard
    }

    /// Takes a request, to be written by whoever waits for its answer.
    pub(super) fn ask(&mut self, request: Request) {
        (self.out, self.heard) = (Some(Outgoing::new(request)), false);
        self.begun.clear();
    }

    /// Writes what is to be written, and reads the start of the answer.
    pub(super) fn poll_start(&mut self, cx: &mut Context<'_>) -> Poll<Result<Start, Fault>> {
        let started = ready!(self.poll_begin(cx));
        match &started {
            Ok(start) => (self.framing, self.keeps) = (start.framing, start.keeps),
            Err(_) => self.over = true,
        }
        Poll::Ready(started)
    }

    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<Start, Fault>> {
        if self.over {
            return Poll::Ready(Err(Fault::Closed("no more answers come over it")));
        }
        if self.out.as_ref().is_some_and(Outgoing::is_whole)
            && let Poll::Ready(early) = self.poll_read(cx)?
        {
            // Whatever is there already is no answer to what was not asked yet.
            return Poll::Ready(Err(if early { Fault::Unasked } else { Fault::Closed(NOTHING) }));
        }
        self.write(cx);
        loop {
            let Poll::Ready(read) = self.poll_read(cx) else {
                // From a server that hung up, an answer may still come; without our own means it will not.
                let error = self.write_error.take_if(|error| !hung_up(error));
                return error.map_or(Poll::Pending, |error| Poll::Ready(Err(error.into())));
            };
            if !read? {
                let closed = Fault::Closed(if self.begun.is_empty() { NOTHING } else { "its head breaks off" });
                // What never went out explains it better.
                return Poll::Ready(Err(self.write_error.take().map_or(closed, Fault::Io)));
            }
            self.heard = true;
            if let Some(start) = self.started()? {
                return Poll::Ready(Ok(start));
            }
        }
    }

    /// The answer's start, if the latest read completed it.
    fn started(&mut self) -> Result<Option<Start>, NoStart> {
        let Some(held) = &mut self.read else { return Ok(None) };
        let before = self.begun.len();
        let parsed = if before == 0 {
            start::parse(&held.bytes[held.rest.clone()])?
        } else {
            self.begun.extend_from_slice(&held.bytes[held.rest.clone()]);
            // Without a blank line it is not whole.
            let new = &self.begun[before.saturating_sub(3)..];
            let blank = [&b"\n\r\n"[..], b"\n\n"].iter().any(|blank| memchr::memmem::find(new, blank).is_some());
            if blank || self.begun.len() >= start::BYTES { start::parse(&self.begun)? } else { None }
        };
        match parsed {
            Some((start, length)) => {
                held.rest.start += length - before;
                self.begun = Vec::new();
                Ok(Some(start))
            }
            None => {
                if before == 0 {
                    self.begun.extend_from_slice(&held.bytes[held.rest.clone()]);
                }
                self.read = None;
                Ok(None)
            }
        }
    }

    /// The next part of the body, to be asked of [`Http1::piece`]; `None` at the end of its framing.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Range<usize>, Fault>>> {
        let next = ready!(self.poll_part(cx));
        match &next {
            Some(Ok(_)) => {}
            Some(Err(_)) => self.over = true,
            // What stands behind the end was not asked for; a request that was not written whole is in the way.
            None => self.over = !self.keeps || self.read.is_some() || self.is_writing() || self.write_error.is_some(),
        }
        Poll::Ready(next)
    }

    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Range<usize>, Fault>>> {
        self.write(cx);
        loop {
            if let Some(held) = &mut self.read {
                let from = held.rest.start;
                let (passed, part) = match self.framing.next(&held.bytes[held.rest.clone()]) {
                    Ok(next) => next,
                    Err(error) => return Poll::Ready(Some(Err(error.into()))),
                };
                held.rest.start += passed;
                if !part.is_empty() {
                    return Poll::Ready(Some(Ok(from + part.start..from + part.end)));
                }
                if held.rest.is_empty() {
                    self.read = None;
                }
            }
            if self.framing.is_over() {
                return Poll::Ready(None);
            }
            match ready!(self.poll_read(cx)) {
                Ok(true) => {}
                Ok(false) if self.framing == Framing::UntilClosed => return Poll::Ready(None),
                Ok(false) => return Poll::Ready(Some(Err(Fault::Closed(self.framing.missing())))),
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    /// A part of the body that [`Http1::poll_piece`] has just told of.
    pub(super) fn piece(&self, part: Range<usize>) -> &[u8] {
        self.read.as_ref().map_or(&[], |held| &held.bytes[part])
    }

    fn is_writing(&self) -> bool {
        self.out.is_some() || self.unflushed
    }

    /// Whether bytes may wait above the socket.
    pub(super) fn is_tls(&self) -> bool {
        self.link.is_tls()
    }

    /// Between two requests: that the server has ended the connection, or said something unasked, makes it over.
    pub(super) fn look(&mut self, cx: &mut Context<'_>) {
        if self.read.is_some() || self.poll_read(cx).is_ready() {
            (self.read, self.over) = (None, true);
        }
    }

    /// Reads once; `false` at the end of the connection.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut bytes = Scratch::take();
        let mut room = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.link).poll_read(cx, &mut room))?;
        let rest = 0..room.filled().len();
        if rest.is_empty() {
            return Poll::Ready(Ok(false));
        }
        self.read = Some(Held { bytes, rest });
        Poll::Ready(Ok(true))
    }

    /// Writes as much as goes. An error is kept for later: the answer may be there all the same.
    fn write(&mut self, cx: &mut Context<'_>) {
        if !self.is_writing() {
            return;
        }
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            (self.out, self.unflushed, self.write_error) = (None, false, Some(error));
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(out) = &mut self.out {
            let link = Pin::new(&mut self.link);
            let written = ready!(match out.parts() {
                (first, []) => link.poll_write(cx, first),
                (first, body) => link.poll_write_vectored(cx, &[first, body].map(IoSlice::new)),
            })?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            if out.advance(written) {
                self.out = None;
            }
        }
        ready!(Pin::new(&mut self.link).poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }
}

/// Whether it was the other side that ended the writing.
fn hung_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
}
