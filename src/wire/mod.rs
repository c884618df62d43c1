//! One measured connection: resolve, connect, TLS, each timed, and HTTP over a socket that stamps its writes and reads.
//!
//! The socket sits below TLS and below HTTP, since only there is it known when bytes left and arrived: a write is
//! stamped as it is handed to the kernel, a read with the kernel's own receive time where there is one. There is no
//! pool, no retry, no redirect, no cookie and no decompression that could hide anything, and no task beside the
//! caller's: whoever awaits [`Connection::send`] or [`Response::next`] drives the connection.
//!
//! This room knows no JSON, no schedule, no scenario and no timeout; who waits decides how long. Every instant is a
//! [`tokio::time::Instant`].

mod causes;
pub mod clocks;
mod connect;
mod connection;
pub mod fields;
mod framing;
mod http1;
mod http2;
mod kernel;
mod ledger;
mod meter;
mod outgoing;
mod proxy;
pub mod pulse;
mod request;
mod response;
mod route;
mod scratch;
mod socket;
mod stamps;
mod start;
mod tls;

pub use causes::{ConnectError, TlsCause, WireError};
pub use connect::{Connected, connect};
pub use connection::Connection;
pub use ledger::Ledger;
pub use proxy::{Proxy, ProxyError};
pub use request::{Head, Request};
pub use response::{Piece, Response};
pub use route::{Route, resolve};
pub use stamps::{Probe, Stamps};
pub use tls::{TlsSetupError, tls_config};
