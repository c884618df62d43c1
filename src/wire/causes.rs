//! Why a connection could not be made, or did not bear its answer: closed lists.
//!
//! The cause is read from the kinds and numbers in an error's chain of sources (`io::ErrorKind`, the operating system's
//! number, `rustls::Error`, hyper's and h2's kinds), never from its text. What people are told of it is said elsewhere.

use std::error::Error;
use std::io::{self, ErrorKind};

use super::http1::Fault;
use super::proxy::ProxyError;
use super::start::NoStart;

type Source = Box<dyn Error + Send + Sync>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The resolver knows no such name (or does not answer).
    #[error("the name was not found")]
    Name(#[source] io::Error),
    /// Nobody listens there.
    #[error("the connection was refused")]
    Refused(#[source] io::Error),
    /// No way leads there, or nobody answered before the kernel gave up.
    #[error("the host is unreachable")]
    Unreachable(#[source] io::Error),
    /// The connection was reset while it was being made.
    #[error("the connection was reset while connecting")]
    Reset(#[source] io::Error),
    /// The connection was closed while it was being made.
    #[error("the connection was closed while connecting")]
    Closed(#[source] io::Error),
    /// TCP stands, TLS does not.
    #[error("TLS: {0}")]
    Tls(TlsCause, #[source] io::Error),
    /// The proxy was reached, and did not lead on.
    #[error("proxy: {0}")]
    Proxy(#[source] ProxyError),
    /// No more descriptors: our fault.
    #[error("no more file descriptors")]
    Descriptors(#[source] io::Error),
    /// No more local ports: our fault.
    #[error("no more local ports")]
    Ports(#[source] io::Error),
    /// The kernel has no more memory for sockets: our fault.
    #[error("no memory for another socket")]
    Memory(#[source] io::Error),
    /// Anything else.
    #[error("could not connect")]
    Other(#[source] io::Error),
}

/// Why TLS does not stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsCause {
    /// No trusted authority has signed the certificate.
    #[error("the certificate's authority is unknown")]
    UnknownAuthority,
    /// The certificate is for others: at most eight of their names, each bounded and escaped.
    #[error("the certificate is for {}", names.join(", "))]
    WrongHost {
        /// Whom it is for; empty if it names nobody.
        names: Vec<String>,
    },
    /// The certificate has expired.
    #[error("the certificate has expired")]
    Expired,
    /// The certificate is not valid yet.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// What answered does not speak TLS, plain HTTP for example.
    #[error("the server does not speak TLS")]
    NotTls,
    /// The server closed or reset the connection in the middle of the handshake.
    #[error("the server closed the connection during the handshake")]
    Closed,
    /// The server does not speak HTTP/2.
    #[error("the server does not offer HTTP/2")]
    NoHttp2,
    /// The host of the URL can be in no certificate.
    #[error("the host's name cannot be in a certificate")]
    NotAName,
    /// Anything else.
    #[error("the handshake failed")]
    Other,
}

/// Why an answer did not come, or not whole.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A connection that was kept for this request had been closed by the server: nothing of the request was received,
    /// and nothing answered.
    #[error("the server had closed the connection")]
    Stale(#[source] Source),
    /// The connection (or with HTTP/2 the stream) was reset.
    #[error("the connection was reset")]
    Reset(#[source] Source),
    /// The connection ended before the framing did.
    #[error("the connection ended before the answer did")]
    Incomplete(#[source] Source),
    /// What came is not HTTP.
    #[error("the answer is not HTTP")]
    Protocol(#[source] Source),
    /// What came is TLS, on a connection without it.
    #[error("the server speaks TLS")]
    SpeaksTls(#[source] Source),
    /// More than a hundred header fields, or more than 64 KiB of them.
    #[error("the answer's headers are too large")]
    HeadersTooLarge(#[source] Source),
    /// The kernel has no more memory for sockets: our fault.
    #[error("no memory for the socket")]
    Memory(#[source] Source),
    /// Anything else.
    #[error("the request failed")]
    Other(#[source] Source),
}

impl ConnectError {
    /// Classes an error of the resolver.
    pub(super) fn resolving(error: io::Error) -> ConnectError {
        if out_of_descriptors(&error) { ConnectError::Descriptors(error) } else { ConnectError::Name(error) }
    }

    /// Classes an error of `socket`, `bind` or `connect`.
    pub(super) fn connecting(error: io::Error) -> ConnectError {
        match error.kind() {
            _ if out_of_descriptors(&error) => ConnectError::Descriptors(error),
            _ if out_of_memory(&error) => ConnectError::Memory(error),
            ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => ConnectError::Ports(error),
            ErrorKind::ConnectionRefused => ConnectError::Refused(error),
            ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::TimedOut => ConnectError::Unreachable(error),
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                ConnectError::Reset(error)
            }
            ErrorKind::UnexpectedEof => ConnectError::Closed(error),
            _ => ConnectError::Other(error),
        }
    }

    /// Whether the fault is ours: another address would fare no better.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, ConnectError::Descriptors(_) | ConnectError::Ports(_) | ConnectError::Memory(_))
    }
}

fn out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

fn out_of_memory(error: &io::Error) -> bool {
    error.kind() == ErrorKind::OutOfMemory || matches!(error.raw_os_error(), Some(libc::ENOMEM | libc::ENOBUFS))
}

/// What classing an error must know beside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    /// The connection had been kept for this request, nothing has answered, and the request was not received.
    pub(super) stale: bool,
    /// The answer began like a TLS record.
    pub(super) tls: bool,
}

impl WireError {
    /// Classes what went wrong with an answer over HTTP/1.1.
    pub(super) fn of(fault: Fault, around: Circumstances) -> WireError {
        let end = match &fault {
            Fault::Start(NoStart::TooLarge) => return WireError::HeadersTooLarge(fault.into()),
            Fault::Start(_) if around.tls => return WireError::SpeaksTls(fault.into()),
            Fault::Start(_) | Fault::Chunks(_) => End::Protocol,
            Fault::Closed(_) | Fault::Unasked => End::Closed,
            Fault::Io(error) => end_of_io(error),
        };
        WireError::ended(end, fault.into(), around)
    }

    /// Classes what hyper says of a request over HTTP/2 or its answer.
    pub(super) fn class(error: hyper::Error, around: Circumstances) -> WireError {
        let source = |error: hyper::Error| -> Source { Box::new(error) };
        if error.is_parse() {
            return WireError::Protocol(source(error));
        }
        WireError::ended(end_of(&error), source(error), around)
    }

    fn ended(end: End, source: Source, around: Circumstances) -> WireError {
        if around.stale && !matches!(end, End::Memory | End::Protocol) {
            return WireError::Stale(source);
        }
        match end {
            End::Closed => WireError::Incomplete(source),
            End::Reset => WireError::Reset(source),
            End::Memory => WireError::Memory(source),
            End::Protocol => WireError::Protocol(source),
            End::Other => WireError::Other(source),
        }
    }
}

/// How a connection ended, as far as its error tells.
enum End {
    Closed,
    Reset,
    Memory,
    Protocol,
    Other,
}

fn end_of(error: &hyper::Error) -> End {
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return End::Closed;
    }
    let mut link: Option<&(dyn Error + 'static)> = error.source();
    while let Some(found) = link {
        if let Some(found) = found.downcast_ref::<io::Error>()
            && found.get_ref().is_none_or(|inner| !inner.is::<h2::Error>())
        {
            return end_of_io(found);
        }
        if let Some(found) = found.downcast_ref::<hyper::Error>()
            && found.is_incomplete_message()
        {
            return End::Closed;
        }
        if let Some(found) = found.downcast_ref::<h2::Error>() {
            return match found.get_io() {
                Some(found) => end_of_io(found),
                None if found.is_remote() => End::Reset,
                None => End::Protocol,
            };
        }
        link = found.source();
    }
    End::Other
}

fn end_of_io(error: &io::Error) -> End {
    match error.kind() {
        _ if out_of_memory(error) => End::Memory,
        ErrorKind::UnexpectedEof => End::Closed,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe | ErrorKind::TimedOut => {
            End::Reset
        }
        ErrorKind::InvalidData | ErrorKind::InvalidInput => End::Protocol,
        _ => End::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_read_from_the_numbers_of_the_operating_system() {
        let cause = |number| match ConnectError::connecting(io::Error::from_raw_os_error(number)) {
            ConnectError::Refused(_) => "refused",
            ConnectError::Unreachable(_) => "unreachable",
            ConnectError::Reset(_) => "reset",
            ConnectError::Descriptors(_) => "descriptors",
            ConnectError::Ports(_) => "ports",
            ConnectError::Memory(_) => "memory",
            ConnectError::Other(_) => "other",
            cause => panic!("{cause:?}"),
        };
        let table = [
            (libc::ECONNREFUSED, "refused"),
            (libc::EHOSTUNREACH, "unreachable"),
            (libc::ENETUNREACH, "unreachable"),
            (libc::ETIMEDOUT, "unreachable"),
            (libc::ECONNRESET, "reset"),
            (libc::EMFILE, "descriptors"),
            (libc::ENFILE, "descriptors"),
            (libc::EADDRNOTAVAIL, "ports"),
            (libc::ENOBUFS, "memory"),
            (libc::ENOMEM, "memory"),
            (libc::EACCES, "other"),
        ];
        for (number, expected) in table {
            assert_eq!(cause(number), expected, "{number}");
        }
    }
}
