//! A TCP socket that stamps: when the first byte of a request was handed to the kernel, when the last read's bytes came.
//!
//! With kernel time the read is a `recvmsg` that asks when the bytes arrived (`SO_TIMESTAMPING`); elsewhere than on Linux,
//! and where the kernel does not say, the instant after the read.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The instants of one socket, for whoever waits for the answer.
#[derive(Clone, Default)]
pub(crate) struct Stamps(Rc<Inner>);

#[derive(Default)]
struct Inner {
    written: Cell<Option<Instant>>,
    read: Cell<Option<Instant>>,
}

impl Stamps {
    /// The next write begins a request.
    pub(crate) fn expect_write(&self) {
        self.0.written.set(None);
    }

    /// When the request began to be written.
    pub(crate) fn written(&self) -> Instant {
        self.0.written.get().expect("something was written")
    }

    /// When the last read's bytes came.
    pub(crate) fn read(&self) -> Instant {
        self.0.read.get().expect("something was read")
    }

    fn writes(&self) {
        if self.0.written.get().is_none() {
            self.0.written.set(Some(Instant::now()));
        }
    }
}

/// The socket.
pub(crate) struct Socket {
    stream: TcpStream,
    stamps: Stamps,
    kernel_time: bool,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, stamps: Stamps, kernel_time: bool) -> Socket {
        let kernel_time = kernel_time && kernel::stamp_reads(&stream);
        Socket { stream, stamps, kernel_time }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let lag = if self.kernel_time {
            std::task::ready!(kernel::poll_read(&self.stream, cx, buf))?
        } else {
            std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
            std::time::Duration::ZERO
        };
        self.stamps.0.read.set(Some(Instant::now() - lag));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stamps.writes();
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stamps.writes();
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::io;
    use std::mem::{size_of, zeroed};
    use std::os::fd::AsRawFd;
    use std::task::{Context, Poll, ready};
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use tokio::io::{Interest, ReadBuf};
    use tokio::net::TcpStream;

    pub(super) fn stamp_reads(stream: &TcpStream) -> bool {
        let wish: u32 = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
        let (wish, length) = ((&raw const wish).cast(), size_of::<u32>() as libc::socklen_t);
        // SAFETY: the descriptor is open as long as `stream` is borrowed; the value is four bytes, as its length says.
        unsafe { libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPING, wish, length) == 0 }
    }

    /// Reads, and tells how long the bytes had lain in the kernel; 0 where it does not say.
    pub(super) fn poll_read(
        stream: &TcpStream,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<Duration>> {
        let room = buf.remaining();
        loop {
            ready!(stream.poll_read_ready(cx))?;
            let mut got = None;
            let tried = stream.try_io(Interest::READABLE, || {
                let (bytes, stamp) = receive(stream, buf)?;
                got = Some(stamp);
                // A read that is not full has emptied the socket: said so, tokio waits for the next edge without asking.
                if (1..room).contains(&bytes) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (got, tried) {
                (Some(stamp), _) => return Poll::Ready(Ok(stamp.map_or(Duration::ZERO, age))),
                (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
                (None, _) => {}
            }
        }
    }

    /// Since that time of 1970.
    fn age(stamp: Duration) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(stamp)
    }

    /// One `recvmsg`: how many bytes, and when the last of them arrived, since 1970.
    fn receive(stream: &TcpStream, buf: &mut ReadBuf<'_>) -> io::Result<(usize, Option<Duration>)> {
        let mut control = [0_u64; 16];
        let room = buf.initialize_unfilled();
        let mut vector = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
        // SAFETY: a msghdr is integers and pointers, for which all zeroes is a value.
        let mut message: libc::msghdr = unsafe { zeroed() };
        message.msg_iov = &mut vector;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        // SAFETY: the descriptor is open; `vector` and `control` outlive the call and are as long as `message` says.
        let got = unsafe { libc::recvmsg(stream.as_raw_fd(), &mut message, libc::MSG_DONTWAIT) };
        let got = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
        buf.advance(got);
        // SAFETY: the header is within `control`, of which the kernel said how much it wrote, or null; of the three
        // instants that SCM_TIMESTAMPING carries the first is read, unaligned.
        let stamp = unsafe {
            let header = libc::CMSG_FIRSTHDR(&message);
            let told = header.as_ref().is_some_and(|found| found.cmsg_type == libc::SCM_TIMESTAMPING);
            told.then(|| libc::CMSG_DATA(header).cast::<libc::timespec>().read_unaligned())
        };
        let stamp = stamp.filter(|stamp| stamp.tv_sec > 0);
        Ok((got, stamp.map(|stamp| Duration::new(stamp.tv_sec as u64, stamp.tv_nsec as u32))))
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    use std::io;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use tokio::io::ReadBuf;
    use tokio::net::TcpStream;

    pub(super) fn stamp_reads(_: &TcpStream) -> bool {
        false
    }

    pub(super) fn poll_read(_: &TcpStream, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<Duration>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
