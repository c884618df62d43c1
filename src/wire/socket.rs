//! The socket that stamps, and the link that HTTP reads and writes through.
//!
//! [`Socket`] is the lowest layer that is ours: every write is stamped as it is handed to the kernel, every read with
//! the kernel's receive time or, where there is none, with the instant after the call. [`Link`] is that socket, or TLS
//! over it.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::clocks;
use super::kernel::{self, TcpFacts};
use super::ledger;
use super::meter::Meter;

/// Anything that bytes go through both ways: the two ends of tests on a stopped clock.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A byte stream whose writes and reads are stamped.
pub(super) struct Socket {
    io: Io,
    meter: Arc<Meter>,
    in_ledger: bool,
}

enum Io {
    Tcp(Tcp),
    /// Not a socket at all.
    Other(Box<dyn Stream>),
}

impl Socket {
    /// A connected TCP stream.
    pub(super) fn tcp(stream: Tcp, meter: Arc<Meter>, in_ledger: bool) -> Socket {
        Socket { io: Io::Tcp(stream), meter, in_ledger }
    }

    /// Any other stream.
    pub(super) fn other(stream: Box<dyn Stream>, meter: Arc<Meter>) -> Socket {
        Socket { io: Io::Other(stream), meter, in_ledger: true }
    }

    /// The TCP stream below, if there is one.
    pub(super) fn stream(&self) -> Option<&Tcp> {
        match &self.io {
            Io::Tcp(stream) => Some(stream),
            Io::Other(_) => None,
        }
    }
}

/// A TCP stream, shared by the socket below HTTP and whoever looks at it from outside; it closes with the later one.
#[derive(Clone)]
pub(super) struct Tcp(Arc<TcpStream>);

impl Tcp {
    pub(super) fn new(stream: TcpStream) -> Tcp {
        Tcp(Arc::new(stream))
    }

    /// Looks without reading: `Some(n)` if a read would bring `n > 0` bytes or, with 0, the end; an error if it would
    /// fail; `None` if there is nothing yet.
    pub(super) fn peek(&self) -> io::Result<Option<usize>> {
        match SockRef::from(&*self.0).peek(&mut [MaybeUninit::uninit(); 1]) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the driver has told of something, bytes or the end, that no read has found gone since.
    pub(super) fn is_ready(&self) -> bool {
        let mut ready = false;
        // Never more than a question: readiness is cleared by what the closure says, and it says nothing of the kind.
        let _ = self.0.try_io(Interest::READABLE, || {
            ready = true;
            Ok(())
        });
        ready
    }

    /// Whether nothing waits to be read. It takes nothing, not even an error that the next read must find.
    pub(super) fn is_drained(&self) -> bool {
        kernel::unread(&*self.0) == Some(0)
    }

    /// What the kernel says of the socket.
    pub(super) fn facts(&self) -> Option<TcpFacts> {
        kernel::tcp_facts(&*self.0)
    }

    /// One read, with the kernel's receive time if it tells.
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<Option<Duration>>> {
        let room = buf.remaining();
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            let mut got = None;
            let tried = self.0.try_io(Interest::READABLE, || {
                let (bytes, stamp) = kernel::receive(&*self.0, buf)?;
                got = Some(stamp);
                // Less than there was room for: the socket is drained, and saying so spares the next call. (tokio does
                // the same where readiness is an edge; new bytes raise a new event.)
                let drained = cfg!(target_os = "linux") && (1..room).contains(&bytes);
                if drained { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (got, tried) {
                (Some(stamp), _) => return Poll::Ready(Ok(stamp.filter(|_| clocks::are_steady()))),
                (None, Err(error)) if again(&error) => {}
                (None, Err(error)) => return Poll::Ready(Err(error)),
                (None, Ok(())) => unreachable!("without an error something was read"),
            }
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            // One buffer goes the kernel's shorter way.
            let tried = if let [one] = bufs { self.0.try_write(one) } else { self.0.try_write_vectored(bufs) };
            match tried {
                Err(error) if again(&error) => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

fn again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Socket { io, meter, in_ledger } = self.get_mut();
        let (before, room) = (buf.filled().len(), buf.remaining());
        let stamp = match io {
            Io::Tcp(stream) => ready!(stream.poll_read(cx, buf))?,
            Io::Other(stream) => {
                ready!(Pin::new(stream).poll_read(cx, buf))?;
                None
            }
        };
        let bytes = &buf.filled()[before..];
        if bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let (now, known) = match stamp {
            Some(stamp) => {
                let clocks::Reading { now, real, between } = clocks::read();
                (now, meter.read(bytes, now, Some((stamp, real))).map(|lag| (lag, between)))
            }
            None => {
                let now = Instant::now();
                meter.read(bytes, now, None);
                (now, None)
            }
        };
        meter.read_over(now, bytes.len() < room);
        if *in_ledger {
            ledger::note(known);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Socket { io, meter, .. } = self.get_mut();
        let at = Instant::now();
        let written = ready!(match io {
            Io::Tcp(stream) => stream.poll_write(cx, bufs),
            Io::Other(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        })?;
        if written > 0 {
            meter.wrote(written, at);
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Tcp(_) => Poll::Ready(Ok(())),
            Io::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Tcp(stream) => Poll::Ready(SockRef::from(&*stream.0).shutdown(Shutdown::Write)),
            Io::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// What HTTP reads and writes through.
pub(super) struct Link {
    layer: Layer,
    meter: Arc<Meter>,
}

enum Layer {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Link {
    pub(super) fn plain(socket: Socket) -> Link {
        Link { meter: Arc::clone(&socket.meter), layer: Layer::Plain(socket) }
    }

    pub(super) fn tls(stream: TlsStream<Socket>) -> Link {
        Link { meter: Arc::clone(&stream.get_ref().0.meter), layer: Layer::Tls(Box::new(stream)) }
    }

    pub(super) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self.layer, Layer::Tls(_))
    }

    pub(super) fn socket(&self) -> &Socket {
        match &self.layer {
            Layer::Plain(socket) => socket,
            Layer::Tls(stream) => stream.get_ref().0,
        }
    }

    fn writer(&mut self) -> Pin<&mut dyn AsyncWrite> {
        match &mut self.layer {
            Layer::Plain(socket) => Pin::<&mut Socket>::new(socket),
            Layer::Tls(stream) => Pin::<&mut TlsStream<Socket>>::new(stream),
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().layer {
            Layer::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Layer::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writer().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writer().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_shutdown(cx)
    }
}
