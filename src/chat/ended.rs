//! Why an exchange ended before its answer did: the wire's classes as what a request can stop by, and in words.

use std::error::Error;

use super::outcome::Stop;
use crate::wire::{ConnectError, WireError};

/// Why an exchange failed, from the wire's own classes.
pub(super) fn stopped_by(error: &WireError, headers: bool) -> (Stop, String) {
    let stop = match error {
        WireError::Stale(_) => Stop::Stale,
        WireError::Reset(_) => Stop::Reset,
        WireError::SpeaksTls(_) if !headers => Stop::SpeaksTls,
        WireError::Protocol(_) if !headers => Stop::NotHttp,
        WireError::HeadersTooLarge(_) => Stop::TooLarge,
        WireError::Memory(_) => Stop::Client,
        WireError::Incomplete(_) | WireError::Protocol(_) | WireError::SpeaksTls(_) | WireError::Other(_) => {
            Stop::Broken
        }
    };
    (stop, chain(error))
}

/// Why there is no connection.
pub(super) fn not_connected(error: &ConnectError) -> (Stop, String) {
    let stop = match error {
        ConnectError::Descriptors(_) | ConnectError::Ports(_) | ConnectError::Memory(_) => Stop::Client,
        ConnectError::Tls(..) => Stop::Tls,
        _ => Stop::Connect,
    };
    (stop, chain(error))
}

/// An error and the cause at its root; what lies between is how libraries are built.
pub(super) fn chain(error: &dyn Error) -> String {
    let said = error.to_string();
    let mut root = error.source();
    while let Some(deeper) = root.and_then(Error::source) {
        root = Some(deeper);
    }
    match root.map(ToString::to_string) {
        Some(root) if !said.contains(&root) => format!("{said}: {root}"),
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::wire::{ProxyError, TlsCause};

    fn io() -> io::Error {
        io::ErrorKind::Other.into()
    }

    #[test]
    fn what_this_machine_lacks_is_never_the_servers_fault() {
        let table = [
            (ConnectError::Descriptors(io()), Stop::Client),
            (ConnectError::Ports(io()), Stop::Client),
            (ConnectError::Memory(io()), Stop::Client),
            (ConnectError::Name(io()), Stop::Connect),
            (ConnectError::Refused(io()), Stop::Connect),
            (ConnectError::Unreachable(io()), Stop::Connect),
            (ConnectError::Reset(io()), Stop::Connect),
            (ConnectError::Closed(io()), Stop::Connect),
            (ConnectError::Other(io()), Stop::Connect),
            (ConnectError::Proxy(ProxyError::Credentials), Stop::Connect),
            (ConnectError::Tls(TlsCause::Expired, io()), Stop::Tls),
        ];
        for (error, stop) in table {
            assert_eq!(not_connected(&error).0, stop, "{error}");
        }
        assert_eq!(stopped_by(&WireError::Memory(Box::new(io())), false).0, Stop::Client);
    }

    #[test]
    fn what_is_not_http_is_malformed_before_the_head_and_broken_framing_after_it() {
        type Make = fn(Box<dyn Error + Send + Sync>) -> WireError;
        let table: [(Make, Stop, Stop); 7] = [
            (WireError::Stale, Stop::Stale, Stop::Stale),
            (WireError::Reset, Stop::Reset, Stop::Reset),
            (WireError::Incomplete, Stop::Broken, Stop::Broken),
            (WireError::Protocol, Stop::NotHttp, Stop::Broken),
            (WireError::SpeaksTls, Stop::SpeaksTls, Stop::Broken),
            (WireError::HeadersTooLarge, Stop::TooLarge, Stop::TooLarge),
            (WireError::Other, Stop::Broken, Stop::Broken),
        ];
        for (make, before, after) in table {
            let error = make(Box::new(io()));
            assert_eq!((stopped_by(&error, false).0, stopped_by(&error, true).0), (before, after), "{error}");
        }
    }
}
