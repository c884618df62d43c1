//! Opening a connection, each step timed apart.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::time::Instant;

use super::causes::ConnectError;
use super::connection::Connection;
use super::kernel;
use super::meter::Meter;
use super::route::Route;
use super::socket::{Link, Socket, Tcp};
use super::tls;

/// How connecting went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connected {
    /// Name resolution; `None` where the route already had addresses.
    pub dns: Option<Duration>,
    /// From the first `connect` to the last: addresses that failed before are part of it, and so is a proxy.
    pub tcp: Duration,
    /// The TLS handshake; `None` without TLS.
    pub tls: Option<Duration>,
    /// From the first step to the last.
    pub total: Duration,
    /// SYN packets that the kernel had to send again; `None` where it does not say.
    pub syn_retransmits: Option<u32>,
    /// The address that connected (a proxy's, where there is one); `None` for what is no socket.
    pub remote: Option<SocketAddr>,
    /// Addresses that the name stands for beside this one, none of which is used.
    pub others: u32,
    /// Whether the kernel stamps the reads.
    pub kernel_time: bool,
    /// When the connection stood.
    pub at: Instant,
}

/// Opens a connection. How long that may take, and what happens then, is the caller's business: dropping the future
/// leaves nothing behind.
pub async fn connect(route: &Route) -> Result<Connection, ConnectError> {
    let began = Instant::now();
    let mut dns = None;
    let resolved;
    let addresses = if route.addresses.is_empty() {
        let (found, took) = route.resolve().await?;
        dns = Some(took);
        resolved = found;
        &resolved
    } else {
        &route.addresses
    };
    let meter = Arc::new(Meter::new(began));
    let tcp_began = Instant::now();
    let (tcp, remote, kernel_time) = dial_in_order(route, addresses).await?;
    let syn_retransmits = tcp.facts().map(|facts| facts.retransmits);
    let mut socket = Socket::tcp(tcp, meter, route.in_ledger);
    if let Some(proxy) = &route.proxy {
        let (host, port) = match route.overridden() {
            Some(address) => (address.ip().to_string(), address.port()),
            None => (route.host.clone(), route.port),
        };
        proxy.lead(&mut socket, &host, port).await.map_err(ConnectError::Proxy)?;
    }
    let tcp_took = tcp_began.elapsed();
    let tls_began = Instant::now();
    let (link, tls) = match &route.tls {
        None => (Link::plain(socket), None),
        Some(config) => {
            let stream = tls::handshake(config, &route.host, route.http2, socket).await?;
            (Link::tls(stream), Some(tls_began.elapsed()))
        }
    };
    let at = Instant::now();
    let total = at.saturating_duration_since(began);
    let others = u32::try_from(addresses.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let info =
        Connected { others, dns, tcp: tcp_took, tls, total, syn_retransmits, remote: Some(remote), kernel_time, at };
    Connection::new(link, info, route.http2).await
}

/// The first address that connects; the last one's error if none does, or the first that is our own fault.
async fn dial_in_order(route: &Route, addresses: &[SocketAddr]) -> Result<(Tcp, SocketAddr, bool), ConnectError> {
    let mut last = None;
    for address in addresses {
        match dial(route, *address).await {
            Ok((tcp, kernel_time)) => return Ok((tcp, *address, kernel_time)),
            Err(error) if error.is_ours() => return Err(error),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| ConnectError::Name(std::io::ErrorKind::NotFound.into())))
}

async fn dial(route: &Route, address: SocketAddr) -> Result<(Tcp, bool), ConnectError> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(ConnectError::connecting)?;
    socket.set_nodelay(true).map_err(ConnectError::connecting)?;
    let kernel_time = route.kernel_time && kernel::stamp_reads(&socket);
    if let Some(local) = route.local_for(address) {
        kernel::bind_late(&socket);
        socket.bind(SocketAddr::new(local, 0)).map_err(ConnectError::connecting)?;
    }
    let stream = socket.connect(address).await.map_err(ConnectError::connecting)?;
    Ok((Tcp::new(stream), kernel_time))
}
