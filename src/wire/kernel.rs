//! What only the kernel knows of a socket: when its bytes arrived, what it had to send again, what was acknowledged.
//!
//! The one file with `unsafe` in this room: `recvmsg` with its control message, `getsockopt(TCP_INFO)` and two socket
//! options, none of which std, tokio or socket2 have. Off Linux everything answers "not known".

#[cfg(target_os = "linux")]
pub(super) use linux::{bind_late, receive, sleeps, stamp_reads, tcp_facts, unread};
#[cfg(not(target_os = "linux"))]
pub(super) use other::{bind_late, receive, sleeps, stamp_reads, tcp_facts, unread};

/// A part of `TCP_INFO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TcpFacts {
    /// Segments sent again since the socket exists; right after connecting, those are SYNs.
    pub(super) retransmits: u32,
    /// Bytes that the peer's kernel has acknowledged (the SYN is not one of them); kernels before 4.1 do not say.
    pub(super) acknowledged: Option<u64>,
    /// Segments with data that have arrived; kernels before 4.6 do not say.
    pub(super) segments: Option<u32>,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::mem::{MaybeUninit, offset_of, size_of, zeroed};
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::Duration;

    use tokio::io::ReadBuf;

    use super::TcpFacts;

    /// Room for one `SCM_TIMESTAMPING` (64 bytes with its header) and some to spare, aligned as `cmsghdr` wants it.
    #[repr(C, align(8))]
    struct Control([u8; 128]);

    /// Three instants: software, deprecated, hardware.
    #[repr(C)]
    struct Timestamping([libc::timespec; 3]);

    /// Reads what is there into `buf`: how many bytes (0 is the end), and when the last of them reached the kernel,
    /// since 1970, if it says.
    ///
    /// Never waits, allocates nothing. On a stream the kernel tells the time of the last segment that it copied from.
    pub(in super::super) fn receive(socket: impl AsFd, buf: &mut ReadBuf<'_>) -> io::Result<(usize, Option<Duration>)> {
        let mut control = MaybeUninit::<Control>::uninit();
        // SAFETY: the bytes are only handed to the kernel, which writes and never reads them.
        let room = unsafe { buf.unfilled_mut() };
        let mut vector = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
        // SAFETY: a msghdr is integers and pointers, for which all zeroes is a value.
        let mut message: libc::msghdr = unsafe { zeroed() };
        message.msg_iov = &mut vector;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of::<Control>() as _;
        // SAFETY: the descriptor is borrowed and so open; `message` points to `vector` and `control`, both of which
        // outlive the call and are as long as it says.
        let got = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &mut message, libc::MSG_DONTWAIT) };
        if got < 0 {
            return Err(io::Error::last_os_error());
        }
        let got = got as usize;
        // SAFETY: the kernel has written `got` bytes at the start of the unfilled part, which is at least as long.
        unsafe { buf.assume_init(got) };
        buf.advance(got);
        // SAFETY: `message` is as the kernel left it, and `control` still alive.
        Ok((got, unsafe { arrival(&message) }))
    }

    /// The software receive time among the control messages.
    ///
    /// # Safety
    ///
    /// `message` must be as a successful `recvmsg` left it, its control buffer alive.
    #[allow(clippy::unnecessary_cast)] // cmsg_len is a usize here and a u32 with musl
    unsafe fn arrival(message: &libc::msghdr) -> Option<Duration> {
        // SAFETY: the CMSG macros walk within msg_controllen, which the kernel has set to what it wrote; the length of
        // the one message that is read is checked, and it is read unaligned.
        unsafe {
            let mut header = libc::CMSG_FIRSTHDR(message);
            while let Some(found) = header.as_ref() {
                let wanted = found.cmsg_level == libc::SOL_SOCKET && found.cmsg_type == libc::SCM_TIMESTAMPING;
                if wanted && found.cmsg_len as usize >= libc::CMSG_LEN(size_of::<Timestamping>() as u32) as usize {
                    let Timestamping([software, ..]) = libc::CMSG_DATA(header).cast::<Timestamping>().read_unaligned();
                    let known = software.tv_sec > 0;
                    return known.then(|| Duration::new(software.tv_sec as u64, software.tv_nsec as u32));
                }
                header = libc::CMSG_NXTHDR(message, header);
            }
        }
        None
    }

    /// Asks the kernel to tell when bytes arrive; `false` where it will not.
    pub(in super::super) fn stamp_reads(socket: impl AsFd) -> bool {
        let wish = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
        set(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, wish as libc::c_int)
    }

    /// Binding to an address leaves the port to `connect`, so that ports are counted per peer and not per machine.
    pub(in super::super) fn bind_late(socket: impl AsFd) -> bool {
        set(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
    }

    fn set(socket: impl AsFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> bool {
        let length = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the descriptor is borrowed and so open; the value is an int, and its length is told.
        let done =
            unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), level, option, (&raw const value).cast(), length) };
        done == 0
    }

    /// How often this thread has given up its processor of itself, since it began.
    pub(in super::super) fn sleeps() -> Option<u64> {
        // SAFETY: a rusage is integers, for which all zeroes is a value.
        let mut usage: libc::rusage = unsafe { zeroed() };
        // SAFETY: `usage` is a rusage to write to.
        let done = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) };
        if done == 0 { u64::try_from(usage.ru_nvcsw).ok() } else { None }
    }

    /// The start of the kernel's `struct tcp_info`, which only ever grows at its end. (libc's stops before the last
    /// fields here.)
    #[repr(C)]
    struct TcpInfo {
        flags: [u8; 8],
        numbers: [u32; 23],
        total_retrans: u32,
        pacing: [u64; 2],
        bytes_acked: u64,
        bytes_received: u64,
        segments: [u32; 2],
        notsent: u32,
        min_rtt: u32,
        data_segments_in: u32,
    }

    /// Bytes that wait to be read. Unlike a peek it leaves a pending error where it is, for the next read to tell.
    pub(in super::super) fn unread(socket: impl AsFd) -> Option<usize> {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the descriptor is borrowed and so open; FIONREAD writes one integer, and `bytes` is one.
        let done = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::FIONREAD, &mut bytes) };
        usize::try_from(bytes).ok().filter(|_| done == 0)
    }

    /// What the kernel says of a TCP socket.
    pub(in super::super) fn tcp_facts(socket: impl AsFd) -> Option<TcpFacts> {
        let mut info = MaybeUninit::<TcpInfo>::zeroed();
        let mut length = size_of::<TcpInfo>() as libc::socklen_t;
        // SAFETY: the descriptor is borrowed and so open; `info` is as long as `length` says.
        let done = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                info.as_mut_ptr().cast(),
                &mut length,
            )
        };
        if done != 0 || (length as usize) < offset_of!(TcpInfo, pacing) {
            return None;
        }
        // SAFETY: zeroed before and written by the kernel; integers have no invalid values.
        let info = unsafe { info.assume_init() };
        let told = |field: usize, size: usize| length as usize >= field + size;
        let acknowledged = told(offset_of!(TcpInfo, bytes_acked), 8).then(|| info.bytes_acked.saturating_sub(1));
        let segments = told(offset_of!(TcpInfo, data_segments_in), 4).then_some(info.data_segments_in);
        Some(TcpFacts { retransmits: info.total_retrans, acknowledged, segments })
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::io::{self, Read};
    use std::time::Duration;

    use tokio::io::ReadBuf;
    use tokio::net::TcpStream;

    use super::TcpFacts;

    pub(in super::super) fn receive(
        socket: &TcpStream,
        buf: &mut ReadBuf<'_>,
    ) -> io::Result<(usize, Option<Duration>)> {
        let got = (&*socket2::SockRef::from(socket)).read(buf.initialize_unfilled())?;
        buf.advance(got);
        Ok((got, None))
    }

    pub(in super::super) fn stamp_reads<S>(_: S) -> bool {
        false
    }

    pub(in super::super) fn bind_late<S>(_: S) -> bool {
        false
    }

    pub(in super::super) fn unread<S>(_: S) -> Option<usize> {
        None
    }

    pub(in super::super) fn tcp_facts<S>(_: S) -> Option<TcpFacts> {
        None
    }

    pub(in super::super) fn sleeps() -> Option<u64> {
        None
    }
}
