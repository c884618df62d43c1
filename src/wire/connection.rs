//! One connection and the requests that go over it, one after another.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::causes::{Circumstances, ConnectError, WireError};
use super::connect::Connected;
use super::http1::{Fault, Http1};
use super::http2::Http2;
use super::meter::Meter;
use super::pulse;
use super::request::Request;
use super::response::Response;
use super::socket::{Link, Socket, Tcp};
use super::stamps::{Probe, Stamps};
use super::start::FIELDS;

/// A connection to a server.
///
/// Nothing happens on it unless somebody awaits; dropping it, at any moment, closes it.
pub struct Connection {
    pub(super) protocol: Protocol,
    pub(super) meter: Arc<Meter>,
    tcp: Option<Tcp>,
    info: Connected,
    used: bool,
    kept: bool,
    busy: bool,
    /// Segments that came together with others in a read, as far as that is certain.
    merged: u64,
}

/// How requests and answers are written on it.
#[allow(clippy::large_enum_variant)] // nearly all are HTTP/1.1: one place in memory for all of a connection
pub(super) enum Protocol {
    Http1(Http1),
    Http2(Box<Http2>),
}

impl Connection {
    /// HTTP over any stream, already connected: how tests stop the clock.
    pub async fn over<S>(stream: S, http2: bool) -> Result<Connection, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let at = Instant::now();
        let socket = Socket::other(Box::new(stream), Arc::new(Meter::new(at)));
        let info = Connected {
            dns: None,
            tcp: Duration::ZERO,
            tls: None,
            total: Duration::ZERO,
            syn_retransmits: None,
            remote: None,
            others: 0,
            kernel_time: false,
            at,
        };
        Connection::new(Link::plain(socket), info, http2).await
    }

    pub(super) async fn new(link: Link, info: Connected, http2: bool) -> Result<Connection, ConnectError> {
        let meter = Arc::clone(link.meter());
        let tcp = link.socket().stream().cloned();
        let protocol = if http2 {
            let made = Http2::new(link).await;
            Protocol::Http2(Box::new(made.map_err(|error| ConnectError::connecting(io::Error::other(error)))?))
        } else {
            Protocol::Http1(Http1::new(link))
        };
        Ok(Connection { protocol, meter, tcp, info, used: false, kept: false, busy: false, merged: 0 })
    }

    /// How connecting went.
    pub fn info(&self) -> &Connected {
        &self.info
    }

    /// Whether an earlier request got its whole answer over this connection.
    pub fn used(&self) -> bool {
        self.used
    }

    /// Lays the connection by for a later request: if the server closes it before that request reaches it, the request
    /// is [`WireError::Stale`]. After a complete answer this is so by itself.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// The stamps of the current request, or of the last one.
    pub fn stamps(&self) -> Stamps {
        self.meter.stamps()
    }

    /// Reads the stamps while [`Connection::send`] is pending.
    pub fn probe(&self) -> Probe {
        Probe(Arc::clone(&self.meter))
    }

    /// Looks, without waiting, whether another request can go over the connection: its last answer is complete, and the
    /// server has neither closed it nor said anything unasked.
    pub async fn is_open(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.look(cx))).await
    }

    /// Whether certainly nothing has happened on it since its last answer, as far as the driver of this thread has told by
    /// now; if not, only [`Connection::is_open`] knows. Costs no system call.
    pub fn is_quiet(&self) -> bool {
        // TLS and HTTP/2 may hold what the socket does not tell of any more.
        let plain = matches!(&self.protocol, Protocol::Http1(http) if !http.is_tls() && !http.is_over());
        plain && !self.busy && self.tcp.as_ref().is_some_and(|tcp| !tcp.is_ready())
    }

    fn look(&mut self, cx: &mut Context<'_>) -> bool {
        if self.busy {
            return false;
        }
        // A few times, for what is to be read first (tickets after a TLS handshake) may hide the end behind it.
        for _ in 0..8 {
            // What TLS has unpacked already, the socket does not tell of.
            if let Protocol::Http1(http) = &mut self.protocol
                && http.is_tls()
            {
                http.look(cx);
            }
            if self.protocol.is_over() {
                return false;
            }
            match self.tcp.as_ref().map(Tcp::peek) {
                Some(Ok(None)) => return true,
                Some(Ok(Some(0)) | Err(_)) => return false,
                Some(Ok(Some(_))) | None => {}
            }
            match &mut self.protocol {
                Protocol::Http1(http) => http.look(cx),
                Protocol::Http2(http) => while http.drive(cx) {},
            }
            if self.tcp.is_none() {
                break;
            }
        }
        !self.protocol.is_over()
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// Dropping the future, or this connection, closes the connection. A connection on which a request failed is of no
    /// further use.
    pub async fn send(&mut self, request: Request) -> Result<Response<'_>, WireError> {
        self.meter.begin(match self.protocol {
            Protocol::Http1(_) => u64::MAX,
            Protocol::Http2(_) => request.body.len() as u64,
        });
        self.busy = true;
        match &mut self.protocol {
            Protocol::Http1(http) => {
                http.ask(request);
                match poll_fn(|cx| http.poll_start(cx)).await {
                    Ok(start) => Ok(Response::starts(self, start)),
                    Err(fault) => Err(self.faulty(fault)),
                }
            }
            // Boxed, so that a request over HTTP/1.1 stays small.
            Protocol::Http2(http) => match Box::pin(send(http, request, self.used)).await {
                Ok(response) if response.headers().len() > FIELDS => {
                    Err(WireError::HeadersTooLarge("more than a hundred header fields".into()))
                }
                Ok(response) => Ok(Response::of_hyper(self, response)),
                Err(error) => Err(self.failed(error)),
            },
        }
    }

    /// When the latest bytes arrived.
    pub(super) fn latest_read(&self) -> Instant {
        self.meter.latest().0
    }

    /// The answer's framing ended properly.
    pub(super) fn completed(&mut self) {
        self.used = true;
        self.kept = true;
        self.busy = false;
    }

    /// How much earlier than its stamp says the first bytes of the latest read may have arrived.
    ///
    /// Nothing, if it was one segment. Asked only of reads that hold several events, for it costs two system calls.
    pub(super) fn doubt(&mut self) -> Duration {
        if self.came_at_once() { Duration::ZERO } else { self.meter.doubt(pulse::caught_up().map(Instant::from_std)) }
    }

    /// Whether the latest read was certainly one segment: no more have arrived than reads have emptied the socket,
    /// those left out that are known to have been merged before.
    fn came_at_once(&mut self) -> bool {
        let Some(tcp) = &self.tcp else { return false };
        let Some(segments) = tcp.facts().and_then(|facts| facts.segments) else { return false };
        let merged = u64::from(segments).saturating_sub(self.meter.emptyings());
        let at_once = merged <= self.merged;
        // With something unread the count would hold segments of the next read.
        if tcp.is_drained() {
            self.merged = merged;
        }
        at_once
    }

    /// Classes what went wrong, with what is known of the connection.
    pub(super) fn faulty(&self, fault: Fault) -> WireError {
        WireError::of(fault, self.circumstances())
    }

    /// Classes an error of hyper's.
    pub(super) fn failed(&mut self, error: hyper::Error) -> WireError {
        let around = self.circumstances();
        let told = if let Protocol::Http2(http) = &mut self.protocol { http.take_error() } else { None };
        match told {
            // Hyper tells the cause to one of us only.
            Some(cause) if std::error::Error::source(&error).is_none() => WireError::class(cause, around),
            _ => WireError::class(error, around),
        }
    }

    fn circumstances(&self) -> Circumstances {
        // The last words of TLS are no answer, though they are bytes on the socket.
        let answered = match &self.protocol {
            Protocol::Http1(http) => http.heard(),
            Protocol::Http2(_) => self.meter.answered(),
        };
        let stale = self.kept && !answered && !self.received_by_peer();
        Circumstances { stale, tls: self.meter.answer_is_tls() }
    }

    /// Whether the peer's kernel has acknowledged any byte of the current request: then it was not a connection that
    /// the server had closed before.
    fn received_by_peer(&self) -> bool {
        if self.meter.stamps().bytes_out == 0 {
            // Our own end of the connection is acknowledged as one byte more: not asked then.
            return false;
        }
        let acknowledged = self.tcp.as_ref().and_then(Tcp::facts).and_then(|facts| facts.acknowledged);
        acknowledged.is_some_and(|acknowledged| acknowledged > self.meter.written_before())
    }
}

impl Protocol {
    fn is_over(&self) -> bool {
        match self {
            Protocol::Http1(http) => http.is_over(),
            Protocol::Http2(http) => http.is_over(),
        }
    }
}

/// Sends over HTTP/2.
async fn send(http: &mut Http2, request: Request, used: bool) -> hyper::Result<hyper::Response<hyper::body::Incoming>> {
    if used {
        // The answer before may still have to be laid aside; a first request can go at once.
        poll_fn(|cx| http.drive_until(cx, |http, cx| http.poll_ready(cx))).await?;
    }
    let mut sending = pin!(http.send(request));
    poll_fn(|cx| http.drive_until(cx, |_, cx| sending.as_mut().poll(cx))).await
}
