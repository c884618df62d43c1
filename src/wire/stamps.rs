//! The instants of a request, as a connection's meter has them.

use std::sync::Arc;

use tokio::time::Instant;

use super::meter::Meter;

/// The instants of the current request on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamps {
    /// The first byte of the request was handed to the kernel.
    pub first_write: Option<Instant>,
    /// The last one was (so far).
    pub last_write: Option<Instant>,
    /// The last read of this request that brought bytes: kernel receive time where there is one.
    pub last_read: Option<Instant>,
    /// Socket reads since the connection stood.
    pub reads: u64,
    /// Bytes of the request on the socket, TLS and framing included.
    pub bytes_out: u64,
    /// Bytes of the answer on the socket, TLS and framing included.
    pub bytes_in: u64,
    /// Kernel receive times that could not be (before the connection, or in the future) and were not used, since the
    /// connection stood.
    pub distrusted: u64,
}

/// Reads a connection's stamps while somebody else drives it.
#[derive(Debug, Clone)]
pub struct Probe(pub(super) Arc<Meter>);

impl Probe {
    /// The stamps of the current request, as of now.
    pub fn stamps(&self) -> Stamps {
        self.0.stamps()
    }
}
