//! Ephemeral ports: how many connections to one server this machine can have beside those that it has.
//!
//! A port is taken only for the server that it is used with, so those in use are counted by the server's port, and apart
//! for each address that connections leave from. It sends nothing and binds nothing.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use super::limits::Server;

/// In TIME_WAIT and listening, as `/proc/net/tcp` has it.
const TIME_WAIT: &str = "06";
const LISTEN: &str = "0A";

/// Ports to connect from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    /// Free for connections to the server, from all addresses together: exactly where they are scarce, else at least.
    pub(super) free: u64,
    /// Of one address when nothing is open.
    pub(super) range: u64,
}

/// Ports free for connections to a server; `None` where the system does not tell.
pub(super) fn free(server: &Server) -> Option<Ports> {
    let range = range(&read("/proc/sys/net/ipv4/ip_local_port_range"))?;
    let reserved: BTreeSet<u16> =
        read("/proc/sys/net/ipv4/ip_local_reserved_ports").trim().split(',').filter_map(span).flatten().collect();
    let all = range.clone().filter(|port| !reserved.contains(port)).count() as u64;
    let addresses = server.from.len().max(1) as u64;
    // On loopback ports in TIME_WAIT are given out again unless that is forbidden; elsewhere only if it is allowed.
    let reuse: u8 = read("/proc/sys/net/ipv4/tcp_tw_reuse").trim().parse().unwrap_or(0);
    let given_back = reuse == 1 || reuse > 1 && server.loopback;
    // Which ports are taken, and by whom, takes the kernel milliseconds to list; that few are is known at once.
    let open = open(&read("/proc/net/sockstat")).zip(open(&read("/proc/net/sockstat6")));
    let at_least = open.map_or(0, |(v4, v6)| {
        let waiting = if given_back { 0 } else { v4.waiting + v6.waiting };
        all.saturating_sub(v4.used + v6.used + waiting) * addresses
    });
    if at_least >= server.connections {
        return Some(Ports { free: at_least, range: all });
    }
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(read);
    let left = |from: Option<IpAddr>| {
        let mut taken = reserved.clone();
        tables.iter().for_each(|table| taken.extend(used(table, server.port, from, reuse)));
        range.clone().filter(|port| !taken.contains(port)).count() as u64
    };
    let free = match server.from.as_slice() {
        [] => left(None),
        all => all.iter().map(|from| left(Some(*from))).sum(),
    };
    Some(Ports { free, range: all })
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
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

/// Sockets of this machine: none of them has more than one port.
#[derive(Debug, PartialEq, Eq)]
struct Open {
    used: u64,
    /// In TIME_WAIT.
    waiting: u64,
}

fn open(sockstat: &str) -> Option<Open> {
    let line = sockstat.lines().find(|line| line.starts_with("TCP: ") || line.starts_with("TCP6: "))?;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let count = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)?.parse().ok());
    Some(Open { used: count("inuse")?, waiting: count("tw").unwrap_or(0) })
}

/// Local ports that no further connection to `destination` can have, from one address or from whichever the kernel
/// chooses.
fn used(table: &str, destination: u16, from: Option<IpAddr>, reuse: u8) -> Vec<u16> {
    let port = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
    let taken = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
        let loopback = remote.split(':').next()?.ends_with("7F");
        let given_back = state == TIME_WAIT && (reuse == 1 || reuse > 1 && loopback);
        let listens = state == LISTEN;
        let here = listens || port(remote)? == destination && !given_back;
        // What listens on every address leaves its port to none.
        let same = match (from, address(local)) {
            (Some(from), Some(at)) => at == from || (listens && at.is_unspecified()),
            _ => true,
        };
        if here && same { port(local) } else { None }
    };
    table.lines().skip(1).filter_map(taken).collect()
}

/// `0100007F:9C40`: words in this machine's order, an IPv4 address within IPv6 as itself.
fn address(cell: &str) -> Option<IpAddr> {
    let digits = cell.split(':').next()?;
    let word = |at: usize| Some(u32::from_str_radix(digits.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    if digits.len() == 8 {
        return Some(Ipv4Addr::from(word(0)?).into());
    }
    let mut bytes = [0; 16];
    for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
        part.copy_from_slice(&word(at)?);
    }
    Some(Ipv6Addr::from(bytes).to_canonical())
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
        let all: Vec<Vec<u16>> = [0, 1, 2].map(|reuse| used(table, 9000, None, reuse)).into();
        assert_eq!(all, [vec![40000, 40001, 40003, 40004], vec![40000, 40001], vec![40000, 40001, 40004]]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn an_address_has_ports_of_its_own_but_for_those_that_listen_everywhere() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
            0: 0100007F:9C41 0100007F:2328 01 0:0\n\
            1: 0200007F:9C42 0100007F:2328 01 0:0\n\
            2: 0300007F:9C43 00000000:0000 0A 0:0\n\
            3: 00000000:9C44 00000000:0000 0A 0:0\n\
            4: 0000000000000000FFFF00000200007F:9C45 0000000000000000FFFF00000100007F:2328 01 0:0\n";
        let from = |text: &str| used(table, 9000, Some(text.parse().unwrap()), 0);
        assert_eq!([from("127.0.0.2"), from("127.0.0.3")], [vec![40002, 40004, 40005], vec![40003, 40004]]);
    }

    #[test]
    fn ranges_are_read_as_the_kernel_writes_them() {
        assert_eq!(range("32768\t60999\n"), Some(32768..=60999));
        assert_eq!(range(""), None);
        assert_eq!((span("8080"), span("9000-9010"), span("")), (Some(8080..=8080), Some(9000..=9010), None));
    }

    #[test]
    fn open_sockets_are_those_in_use_and_those_that_wait_for_their_end() {
        let text = "sockets: used 140\nTCP: inuse 9 orphan 0 tw 12 alloc 20 mem 1\nUDP: inuse 2 mem 1\n";
        assert_eq!(open(text), Some(Open { used: 9, waiting: 12 }));
        assert_eq!((open("TCP6: inuse 3\n"), open("")), (Some(Open { used: 3, waiting: 0 }), None));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_open_connection_leaves_one_port_less() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server { port, connections: u64::MAX, from: Vec::new(), loopback: true };
        let before = free(&server).unwrap();
        let local = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap().local_addr().unwrap().port();
        let after = free(&server).unwrap();
        let range = range(&std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap());
        // Others may open and close meanwhile; this one is certainly taken.
        assert!(range.unwrap().contains(&local) && before.free > 0 && after.free > 0);
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let here = [None, Some("127.0.0.1".parse().unwrap())].map(|from| used(&table, port, from, 0).contains(&local));
        assert_eq!(here, [true, true]);
        let two = Server { from: vec!["127.0.0.2".parse().unwrap(), "127.0.0.3".parse().unwrap()], ..server };
        assert!(free(&two).unwrap().free > after.free);
    }
}
