//! Ephemeral ports: how many connections to one server this machine can have beside those that it has.
//!
//! A port is taken only for the server that it is used with, so those in use are counted by the server's port.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;

/// In TIME_WAIT and listening, as `/proc/net/tcp` has it.
const TIME_WAIT: &str = "06";
const LISTEN: &str = "0A";

/// Ports free for connections to `destination`, a server's port; `None` where the system does not tell.
pub(super) fn free(destination: u16) -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let range = range(&read("/proc/sys/net/ipv4/ip_local_port_range"))?;
    let reserved = read("/proc/sys/net/ipv4/ip_local_reserved_ports");
    // On loopback such ports are given out again unless that is forbidden; elsewhere only if it is allowed.
    let reuse: u8 = read("/proc/sys/net/ipv4/tcp_tw_reuse").trim().parse().unwrap_or(0);
    let mut taken = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        taken.extend(used(&read(&Path::new("/proc/net").join(table).to_string_lossy()), destination, reuse));
    }
    for ports in reserved.trim().split(',').filter_map(span) {
        taken.extend(ports);
    }
    Some(range.clone().filter(|port| !taken.contains(port)).count() as u64)
}

/// `32768 60999`, a tab between them
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut bounds = text.split_ascii_whitespace().map_while(|bound| bound.parse().ok());
    Some(bounds.next()?..=bounds.next()?)
}

/// `8080` or `9000-9010`
fn span(text: &str) -> Option<RangeInclusive<u16>> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Some(low.parse().ok()?..=high.parse().ok()?)
}

/// Local ports that no further connection to `destination` can have.
fn used(table: &str, destination: u16, reuse: u8) -> Vec<u16> {
    let port = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
    let taken = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
        let loopback = remote.split(':').next()?.ends_with("7F");
        let given_back = state == TIME_WAIT && (reuse == 1 || reuse > 1 && loopback);
        let here = state == LISTEN || port(remote)? == destination && !given_back;
        if here { port(local) } else { None }
    };
    table.lines().skip(1).filter_map(taken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_taken_by_connections_to_the_same_port_and_by_listeners() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
            0: 0100007F:9C40 00000000:0000 0A 0:0\n\
            1: 0100007F:9C41 0100007F:2328 01 0:0\n\
            2: 0100007F:9C42 0100007F:2329 01 0:0\n\
            3: 0100007F:9C43 0100007F:2328 06 0:0\n\
            4: 0100000A:9C44 0200000A:2328 06 0:0\n";
        let all: Vec<Vec<u16>> = [0, 1, 2].map(|reuse| used(table, 9000, reuse)).into();
        assert_eq!(all, [vec![40000, 40001, 40003, 40004], vec![40000, 40001], vec![40000, 40001, 40004]]);
    }

    #[test]
    fn ranges_are_read_as_the_kernel_writes_them() {
        assert_eq!(range("32768\t60999\n"), Some(32768..=60999));
        assert_eq!(range(""), None);
        assert_eq!((span("8080"), span("9000-9010"), span("")), (Some(8080..=8080), Some(9000..=9010), None));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_open_connection_leaves_one_port_less() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let before = free(port).unwrap();
        let local = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap().local_addr().unwrap().port();
        let (range, after) =
            (range(&std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap()), free(port).unwrap());
        // Others may open and close meanwhile; this one is certainly taken.
        assert!(range.unwrap().contains(&local) && before > 0 && after > 0);
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        assert!(used(&table, port, 0).contains(&local));
    }
}
