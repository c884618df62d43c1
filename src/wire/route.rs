//! Everything needed to open a connection, and how names become addresses.
//!
//! It knows no clock but the one that times the resolver.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::causes::ConnectError;
use super::proxy::Proxy;

/// The way to a server.
#[derive(Debug)]
pub struct Route {
    /// The host as in the URL, without brackets; with TLS the name that its certificate must bear.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Addresses to try in order: those of the proxy if there is one, else of the host. Empty: each connection asks the
    /// resolver, and that is part of its time. Who pins puts the one that connected here.
    pub addresses: Vec<SocketAddr>,
    /// `host:port` answered here instead of by the resolver.
    pub overrides: BTreeMap<String, SocketAddr>,
    /// TLS over the connection, or not.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// HTTP/2 instead of HTTP/1.1 (without TLS: with prior knowledge).
    pub http2: bool,
    /// Through which proxy.
    pub proxy: Option<Proxy>,
    /// Reads are stamped by the kernel, where it can; off only to measure what that is worth.
    pub kernel_time: bool,
    /// Reads are noted in their thread's ledger; off for connections that measure nothing of the server's.
    pub in_ledger: bool,
    /// Local addresses that connections leave from, in turn; empty: the kernel chooses.
    pub local: Vec<IpAddr>,
    /// Whose turn it is.
    turn: AtomicUsize,
}

impl Route {
    /// The plain way to a host: HTTP/1.1, no TLS, no proxy, kernel time where there is one.
    pub fn new(host: impl Into<String>, port: u16) -> Route {
        Route {
            host: host.into(),
            port,
            addresses: Vec::new(),
            overrides: BTreeMap::new(),
            tls: None,
            http2: false,
            proxy: None,
            kernel_time: true,
            in_ledger: true,
            local: Vec::new(),
            turn: AtomicUsize::new(0),
        }
    }

    /// Asks for the addresses that connections go to (the proxy's if there is one), and how long that took.
    pub async fn resolve(&self) -> Result<(Vec<SocketAddr>, Duration), ConnectError> {
        match &self.proxy {
            Some(proxy) => resolve(proxy.host(), proxy.port(), &BTreeMap::new()).await,
            None => resolve(&self.host, self.port, &self.overrides).await,
        }
    }

    /// The address that stands in place of the host's own.
    pub fn overridden(&self) -> Option<SocketAddr> {
        overridden(&self.host, self.port, &self.overrides)
    }

    /// The local address whose turn it is, of the family of `remote`.
    pub(super) fn local_for(&self, remote: SocketAddr) -> Option<IpAddr> {
        let fitting: Vec<_> = self.local.iter().filter(|local| local.is_ipv4() == remote.is_ipv4()).collect();
        let turn = self.turn.fetch_add(1, Relaxed);
        fitting.get(turn % fitting.len().max(1)).map(|local| **local)
    }
}

fn overridden(host: &str, port: u16, overrides: &BTreeMap<String, SocketAddr>) -> Option<SocketAddr> {
    let typed = overrides.get(&format!("{host}:{port}"));
    typed.or_else(|| overrides.get(&format!("[{host}]:{port}"))).copied()
}

/// The addresses of a host in the resolver's order, each once, and how long it took to find them.
///
/// An entry `host:port` of `overrides` stands in place of the resolver.
pub async fn resolve(
    host: &str,
    port: u16,
    overrides: &BTreeMap<String, SocketAddr>,
) -> Result<(Vec<SocketAddr>, Duration), ConnectError> {
    let began = Instant::now();
    if let Some(address) = overridden(host, port, overrides) {
        return Ok((vec![address], began.elapsed()));
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok((vec![SocketAddr::new(ip, port)], began.elapsed()));
    }
    let mut addresses = Vec::new();
    for address in tokio::net::lookup_host((host, port)).await.map_err(ConnectError::resolving)? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(ConnectError::Name(io::ErrorKind::NotFound.into()));
    }
    Ok((addresses, began.elapsed()))
}
