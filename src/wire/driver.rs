//! Hyper's half of a connection, driven by whoever waits for an answer on it.
//!
//! For HTTP/1.1 that is one future, for HTTP/2 a few; all of them live and die in here, none on the runtime. Each time
//! it is driven, hyper gets one read at the most, so that what it hands on came with that read and no later one.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::Either;
use futures_util::stream::FuturesUnordered;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::meter::Meter;
use super::socket::Link;

/// The most that an answer's header fields may have together: beyond it, hyper says that they are too large. (Their
/// number is bounded at a hundred by hyper itself.)
const HEADER_BYTES: usize = 64 * 1024;
/// The most header fields of an answer over HTTP/2, where hyper counts only bytes.
pub(super) const HEADERS: usize = 100;
/// How often hyper is driven on for reads that it was denied before others get their turn.
const TURNS: usize = 64;

type Io = TokioIo<Link>;
type Body = Full<Bytes>;

/// One protocol's connection and the end that requests go in by.
pub(super) struct Driver {
    sender: Sender,
    /// `None` once the connection is over: hyper tells its other half only when this is dropped.
    work: Option<Work>,
    /// Why it ended, where hyper told nobody else.
    error: Option<hyper::Error>,
}

enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

enum Work {
    Http1(Box<http1::Connection<Io, Body>>),
    Http2(Box<Tasks>),
}

impl Driver {
    pub(super) async fn http1(link: Link) -> hyper::Result<Driver> {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HEADER_BYTES)
            .max_header_size(HEADER_BYTES)
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .ignore_invalid_headers_in_responses(true)
            .handshake(TokioIo::new(link))
            .await?;
        Ok(Driver { sender: Sender::Http1(sender), work: Some(Work::Http1(Box::new(connection))), error: None })
    }

    pub(super) async fn http2(link: Link) -> hyper::Result<Driver> {
        let spawned = Spawned::default();
        let (sender, connection) = http2::Builder::new(spawned.clone())
            .max_header_list_size(HEADER_BYTES as u32)
            .handshake(TokioIo::new(link))
            .await?;
        let tasks = Tasks { spawned, running: FuturesUnordered::new(), connection: Box::pin(connection) };
        Ok(Driver { sender: Sender::Http2(sender), work: Some(Work::Http2(Box::new(tasks))), error: None })
    }

    /// Lets hyper work until it waits for the peer, or has one read's worth to hand on.
    ///
    /// Returns `true` if a further read was denied: after taking what came, drive again.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>, meter: &Meter) -> bool {
        meter.open_gate();
        let polled = match &mut self.work {
            None => return false,
            Some(Work::Http1(connection)) => Pin::new(connection).poll(cx),
            Some(Work::Http2(tasks)) => tasks.poll(cx),
        };
        if let Poll::Ready(end) = polled {
            self.work = None;
            self.error = end.err();
            return false;
        }
        meter.held()
    }

    /// Drives hyper until `ready` has something, or everybody waits.
    ///
    /// Only driving makes anything ready, and that happens in here: `ready` is polled so that nobody is woken for it.
    pub(super) fn drive_until<T>(
        &mut self,
        cx: &mut Context<'_>,
        meter: &Meter,
        mut ready: impl FnMut(&mut Driver, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let quiet = &mut Context::from_waker(Waker::noop());
        for _ in 0..TURNS {
            if let Poll::Ready(done) = ready(self, quiet) {
                return Poll::Ready(done);
            }
            if !self.drive(cx, meter) {
                return ready(self, quiet);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Hands a request in; the future resolves at the answer's head, if somebody drives.
    pub(super) fn send(
        &mut self,
        request: Request<Body>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + Send + use<> {
        match &mut self.sender {
            Sender::Http1(sender) => Either::Left(sender.send_request(request)),
            Sender::Http2(sender) => Either::Right(sender.send_request(request)),
        }
    }

    /// Whether a request can be handed in, once the answer before it is complete.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        match &mut self.sender {
            Sender::Http1(sender) => sender.poll_ready(cx),
            Sender::Http2(sender) => sender.poll_ready(cx),
        }
    }

    /// Whether the connection is over.
    pub(super) fn is_over(&self) -> bool {
        self.work.is_none()
    }

    /// Why the connection ended, where hyper told nobody else; once.
    pub(super) fn take_error(&mut self) -> Option<hyper::Error> {
        self.error.take()
    }
}

/// What hyper would have spawned for an HTTP/2 connection.
pub(super) struct Tasks {
    spawned: Spawned,
    running: FuturesUnordered<Task>,
    connection: Pin<Box<http2::Connection<Io, Body, Spawned>>>,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes hyper's tasks and keeps them for [`Tasks`]. (The lock is taken by one task only.)
#[derive(Clone, Default)]
pub(super) struct Spawned(Arc<Mutex<Vec<Task>>>);

impl Spawned {
    fn take(&self) -> Vec<Task> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Spawned {
    fn execute(&self, future: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(future));
    }
}

impl Tasks {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        loop {
            let connection = self.connection.as_mut().poll(cx);
            if connection.is_ready() {
                return connection;
            }
            self.running.extend(self.spawned.take());
            while let Poll::Ready(Some(())) = self.running.poll_next_unpin(cx) {}
            if self.spawned.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                return Poll::Pending;
            }
        }
    }
}
