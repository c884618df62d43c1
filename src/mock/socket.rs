//! The socket: listening, reading with the kernel's receive time, writing, and the rude ways to end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};

use super::clock;

/// A listening socket with this backlog; it also asks the kernel to stamp what it receives, and accepted sockets inherit that.
pub(super) fn listen(bind: SocketAddr, backlog: u32) -> io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(bind), socket2::Type::STREAM, None)?;
    // A port is to be had again at once after a restart; on Windows the option means sharing it, which nobody wants.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    #[cfg(target_os = "linux")]
    stamp_receives(&socket);
    socket.bind(&bind.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Takes the next connection, without Nagle's delay.
pub(super) async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Bytes that one read brought, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    /// 0 is the end.
    pub(super) bytes: usize,
    /// When this thread had them.
    pub(super) at: u64,
    /// When the kernel had the last of them, where it tells.
    pub(super) kernel: Option<u64>,
}

/// Reads once, onto the end of `into`.
pub(super) async fn receive(stream: &TcpStream, into: &mut Vec<u8>) -> io::Result<Received> {
    if into.capacity() - into.len() < 1_024 {
        into.reserve(4_096);
    }
    stream.async_io(Interest::READABLE, || read_once(stream, into)).await
}

/// Returns when the client has closed its side or the connection has failed; what it sends meanwhile is thrown away.
pub(super) async fn gone(stream: &TcpStream) {
    let mut scrap = [0_u8; 4_096];
    loop {
        if stream.readable().await.is_err() {
            return;
        }
        match stream.try_read(&mut scrap) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
        }
    }
}

/// Writes all of it, waiting while the client reads slowly.
pub(super) async fn send(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends with a FIN that arrives: half-closes, then reads what the client still sends (bytes left unread would turn the FIN
/// into a reset), for a second at most.
pub(super) async fn finish(stream: TcpStream) {
    if socket2::SockRef::from(&stream).shutdown(std::net::Shutdown::Write).is_ok() {
        let _ = tokio::time::timeout(Duration::from_secs(1), gone(&stream)).await;
    }
}

/// Ends with a reset.
pub(super) fn reset(stream: TcpStream) {
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}

#[cfg(not(target_os = "linux"))]
fn read_once(stream: &TcpStream, into: &mut Vec<u8>) -> io::Result<Received> {
    let bytes = stream.try_read_buf(into)?;
    Ok(Received { bytes, at: clock::now(), kernel: None })
}

#[cfg(target_os = "linux")]
fn stamp_receives(socket: &socket2::Socket) {
    use std::os::fd::AsRawFd;
    let on: libc::c_int = 1;
    // SAFETY: a live socket, and an option value of the length that is named. Where it fails there are no stamps.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
}

#[cfg(target_os = "linux")]
fn read_once(stream: &TcpStream, into: &mut Vec<u8>) -> io::Result<Received> {
    use std::os::fd::AsRawFd;
    let spare = into.spare_capacity_mut();
    let mut part = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: spare.len() };
    // u64s, since control messages must be aligned like their header.
    let mut control = [0_u64; 8];
    // SAFETY: a msghdr of zeros is valid: no name, no buffers.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control) as _;
    // SAFETY: the vector points at spare capacity of `into`, the control buffer at `control`; both outlive the call.
    let read = unsafe { libc::recvmsg(stream.as_raw_fd(), &mut message, libc::MSG_DONTWAIT) };
    if read < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has written so many bytes into the spare capacity.
    unsafe { into.set_len(into.len() + read as usize) };
    let at = clock::now();
    Ok(Received { bytes: read as usize, at, kernel: wall_stamp(&message).and_then(clock::from_wall) })
}

#[cfg(target_os = "linux")]
fn wall_stamp(message: &libc::msghdr) -> Option<u64> {
    // SAFETY: `message` was filled by recvmsg, and its control buffer is alive; CMSG_NXTHDR stays within it.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: not null, so it points at a header within the control buffer; a stamp's data is a timespec.
        let (level, kind) = unsafe { ((*header).cmsg_level, (*header).cmsg_type) };
        if (level, kind) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
            // SAFETY: as above; the data need not be aligned for a timespec.
            let time: libc::timespec = unsafe { std::ptr::read_unaligned(libc::CMSG_DATA(header).cast()) };
            return Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64);
        }
        // SAFETY: as above.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_backlog_of_two_keeps_the_fourth_connection_waiting() {
        let listener = listen(([127, 0, 0, 1], 0).into(), 2).expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let connect = || std::net::TcpStream::connect_timeout(&addr, Duration::from_millis(200));
        // The kernel takes one more than it is told, and nobody accepts here.
        let waiting: Vec<_> = (0..3).map(|_| connect().expect("room in the queue")).collect();
        assert_eq!(connect().map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        drop(waiting);
    }
}
