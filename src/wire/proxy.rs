//! Leading a connection through a proxy: HTTP `CONNECT`, and SOCKS5 with names resolved by the proxy.
//!
//! Both are a few bytes each way on the stamped socket itself. Also an `http://` target is reached through a tunnel:
//! the proxy sees no request and can change none. Where a proxy is asked for is decided elsewhere; here is its URL.

use std::fmt;
use std::io;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The most that a proxy's answer to `CONNECT` may have.
const ANSWER_BYTES: usize = 8 * 1024;

/// A proxy.
#[derive(Clone)]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    user: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Http,
    Socks5,
}

/// Why a proxy does not lead on.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The URL is not `http://`, `socks5://` or `socks5h://` with a host.
    #[error("not a proxy's URL")]
    Url,
    /// It wants a name and password, or others.
    #[error("it refuses the credentials")]
    Credentials,
    /// It answers `CONNECT` with this status.
    #[error("it answers with status {0}")]
    Status(u16),
    /// It answers a SOCKS request with this code: 2 not allowed, 3 and 4 unreachable, 5 refused.
    #[error("it answers with code {0}")]
    Code(u8),
    /// What it says is neither HTTP nor SOCKS5.
    #[error("it does not speak the protocol")]
    Protocol,
    /// The host's name is too long for SOCKS5.
    #[error("the host's name is too long for it")]
    HostTooLong,
    /// The connection to it failed in between.
    #[error("the connection to it failed")]
    Io(#[from] io::Error),
}

impl Proxy {
    /// Reads `http://user:password@host:port` or the same with `socks5://` or `socks5h://`.
    pub fn parse(url: &str) -> Result<Proxy, ProxyError> {
        let uri: Uri = url.parse().map_err(|_| ProxyError::Url)?;
        let (kind, default_port) = match uri.scheme_str() {
            Some("http") => (Kind::Http, 80),
            Some("socks5" | "socks5h") => (Kind::Socks5, 1080),
            _ => return Err(ProxyError::Url),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(ProxyError::Url)?;
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(userinfo, _)| {
            let (name, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
            (percent_decoded(name), percent_decoded(password))
        });
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Proxy { kind, host, port: uri.port_u16().unwrap_or(default_port), user })
    }

    /// Its host, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leads a connection to the proxy on to `host:port`.
    pub(super) async fn lead<S>(&self, stream: &mut S, host: &str, port: u16) -> Result<(), ProxyError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match self.kind {
            Kind::Http => self.connect(stream, host, port).await,
            Kind::Socks5 => self.socks5(stream, host, port).await,
        }
    }

    async fn connect<S>(&self, stream: &mut S, host: &str, port: u16) -> Result<(), ProxyError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let place = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let credentials = self.user.as_ref().map_or(String::new(), |(name, password)| {
            format!("proxy-authorization: Basic {}\r\n", STANDARD.encode(format!("{name}:{password}")))
        });
        let request = format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n{credentials}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        // Byte by byte, for what comes behind the empty line is no longer the proxy's.
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await?);
            if answer.len() > ANSWER_BYTES {
                return Err(ProxyError::Protocol);
            }
        }
        let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let status = std::str::from_utf8(line)
            .ok()
            .filter(|line| line.starts_with("HTTP/1."))
            .and_then(|line| line.split(' ').nth(1)?.parse().ok());
        match status {
            Some(200..=299) => Ok(()),
            Some(407) => Err(ProxyError::Credentials),
            Some(status) => Err(ProxyError::Status(status)),
            None => Err(ProxyError::Protocol),
        }
    }

    /// RFC 1928, and RFC 1929 for the credentials.
    async fn socks5<S>(&self, stream: &mut S, host: &str, port: u16) -> Result<(), ProxyError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (none, password) = (0, 2);
        let method = if self.user.is_some() { password } else { none };
        stream.write_all(&[5, 1, method]).await?;
        match [stream.read_u8().await?, stream.read_u8().await?] {
            [5, chosen] if chosen == method => {}
            [5, _] => return Err(ProxyError::Credentials),
            _ => return Err(ProxyError::Protocol),
        }
        if let Some((name, password)) = &self.user {
            let mut message = vec![1];
            for part in [name, password] {
                message.push(u8::try_from(part.len()).map_err(|_| ProxyError::Credentials)?);
                message.extend_from_slice(part.as_bytes());
            }
            stream.write_all(&message).await?;
            let [_, verdict] = [stream.read_u8().await?, stream.read_u8().await?];
            if verdict != 0 {
                return Err(ProxyError::Credentials);
            }
        }
        let mut request = vec![5, 1, 0];
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => request.extend([&[1], &ip.octets()[..]].concat()),
            Ok(IpAddr::V6(ip)) => request.extend([&[4], &ip.octets()[..]].concat()),
            Err(_) => {
                let length = u8::try_from(host.len()).map_err(|_| ProxyError::HostTooLong)?;
                request.extend([&[3, length], host.as_bytes()].concat());
            }
        }
        request.extend(port.to_be_bytes());
        stream.write_all(&request).await?;
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        let bound = match head {
            [5, 0, _, 1] => 4,
            [5, 0, _, 4] => 16,
            [5, 0, _, 3] => usize::from(stream.read_u8().await?),
            [5, code, ..] if code != 0 => return Err(ProxyError::Code(code)),
            _ => return Err(ProxyError::Protocol),
        };
        let mut rest = [0; 255 + 2];
        stream.read_exact(&mut rest[..bound + 2]).await?;
        Ok(())
    }
}

/// Without the password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|_| "…");
        write!(f, "Proxy({:?}, {}:{}, {user:?})", self.kind, self.host, self.port)
    }
}

/// `%40` as `@`; what is no escape stays as it is.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = text.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                decoded.push(escaped);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
