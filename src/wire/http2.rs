//! HTTP/2 over one connection: hyper's half of it, driven by whoever waits for an answer.
//!
//! That is a few futures; all of them live and die in here, none on the runtime. Each time it is driven, hyper gets one
//! read at the most, so that what it hands on came with that read and no later one.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::meter::Meter;
use super::request::Request;
use super::socket::Link;
use super::start;

/// How often hyper is driven on for reads that it was denied before others get their turn.
const TURNS: usize = 64;

type Io = TokioIo<Gated>;
type Body = Full<Bytes>;

/// The connection and the end that requests go in by.
pub(super) struct Http2 {
    sender: http2::SendRequest<Body>,
    /// `None` once the connection is over: hyper tells its other half only when this is dropped.
    work: Option<Tasks>,
    /// Why it ended, where hyper told nobody else.
    error: Option<hyper::Error>,
    meter: Arc<Meter>,
}

impl Http2 {
    pub(super) async fn new(link: Link) -> hyper::Result<Http2> {
        let meter = Arc::clone(link.meter());
        let spawned = Spawned::default();
        let (sender, connection) = http2::Builder::new(spawned.clone())
            .max_header_list_size(start::BYTES as u32)
            .handshake(TokioIo::new(Gated(link)))
            .await?;
        let work = Tasks { spawned, running: FuturesUnordered::new(), connection: Box::pin(connection) };
        Ok(Http2 { sender, work: Some(work), error: None, meter })
    }

    /// Lets hyper work until it waits for the peer, or has one read's worth to hand on.
    ///
    /// Returns `true` if a further read was denied: after taking what came, drive again.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        self.meter.open_gate();
        let Some(tasks) = &mut self.work else { return false };
        if let Poll::Ready(end) = tasks.poll(cx) {
            self.work = None;
            self.error = end.err();
            return false;
        }
        self.meter.held()
    }

    /// Drives hyper until `ready` has something, or everybody waits.
    ///
    /// Only driving makes anything ready, and that happens in here: `ready` is polled so that nobody is woken for it.
    pub(super) fn drive_until<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut ready: impl FnMut(&mut Http2, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let quiet = &mut Context::from_waker(Waker::noop());
        for _ in 0..TURNS {
            if let Poll::Ready(done) = ready(self, quiet) {
                return Poll::Ready(done);
            }
            if !self.drive(cx) {
                return ready(self, quiet);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Hands a request in; the future resolves at the answer's head, if somebody drives.
    pub(super) fn send(
        &mut self,
        request: Request,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + Send + use<> {
        self.sender.send_request(request.for_hyper(Full::new))
    }

    /// Whether a request can be handed in, once the answer before it is complete.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.sender.poll_ready(cx)
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

/// The link as hyper sees it: one read for every time that hyper is driven.
struct Gated(Link);

impl AsyncRead for Gated {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Gated(link) = self.get_mut();
        if link.meter().gate_holds() {
            // Whoever drives sees that a read was held and drives again; a task inside must be woken for that.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut *link).poll_read(cx, buf);
        if buf.filled().len() > before {
            link.meter().close_gate();
        }
        read
    }
}

impl AsyncWrite for Gated {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// What hyper would have spawned for an HTTP/2 connection.
struct Tasks {
    spawned: Spawned,
    running: FuturesUnordered<Task>,
    connection: Pin<Box<http2::Connection<Io, Body, Spawned>>>,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes hyper's tasks and keeps them for [`Tasks`]. (The lock is taken by one task only.)
#[derive(Clone, Default)]
struct Spawned(Arc<Mutex<Vec<Task>>>);

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
