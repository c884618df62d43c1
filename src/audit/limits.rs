//! What the operating system allows: looked at before anything is sent, raised where that needs no privilege.

use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::memory;
use super::ports::{self, Ports};
use crate::facts::{ClientFacts, Limit};

/// Descriptors that are not users' connections: files, the runtimes' own, the embedded endpoint's listener, the control
/// stream.
const BESIDE_USERS: u64 = 128;
/// Bytes that a connection takes: its user's task, the buffers of HTTP and TLS, and the kernel's of a socket.
const CONNECTION: u64 = 40 << 10;
/// Bytes that a finished request leaves until its case is summed up, and how many do: more are summed up in flat memory.
const REQUEST: u64 = 1 << 10;
const MOST_REQUESTS: u64 = 100_000;
/// Ports that one address can have, and those that it surely has beside what else runs.
const MOST_PORTS: u64 = 64_512;
const SAFE_PORTS: u64 = 60_000;

/// What a plan needs of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demand {
    /// The most connections at once.
    pub connections: u64,
    /// 2 when this process also holds the server's end (the embedded endpoint), else 1.
    pub ends: u64,
    /// The most requests of a case.
    pub requests: u64,
    /// The servers.
    pub servers: Vec<Server>,
}

/// What a plan needs to reach one server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Server {
    /// Its port.
    pub port: u16,
    /// The most connections to it at once.
    pub connections: u64,
    /// Addresses of this machine that they leave from, in turn; empty: the kernel chooses one.
    pub from: Vec<IpAddr>,
    /// It is on this machine, as far as its address tells.
    pub loopback: bool,
}

/// What was looked at, and the scarcest of each; `None` where this system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// File descriptors, the soft limit raised as far as needed.
    pub descriptors: Option<Limit>,
    /// Ephemeral ports to one server: where there are plenty, at least so many.
    pub ports: Option<Limit>,
    /// Bytes of memory.
    pub memory: Option<Limit>,
}

impl Allowance {
    /// Enters it into the facts of a round.
    pub fn tell(&self, facts: &mut ClientFacts) {
        (facts.descriptors, facts.ports, facts.memory) = (self.descriptors, self.ports, self.memory);
    }
}

/// Why a plan cannot be carried out on this machine, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too few file descriptors.
    #[error("{needed} connections at once need more file descriptors than the {allowed} that this process may have")]
    Descriptors {
        /// What the plan needs.
        needed: u64,
        /// The hard limit.
        allowed: u64,
    },
    /// Too few ports to connect from.
    #[error("{needed} connections to one server need more ports than the {free} that are free here")]
    Ports {
        /// What the plan needs.
        needed: u64,
        /// Free.
        free: u64,
        /// Ports that one address could have.
        range: u64,
    },
    /// An address to leave from that this machine has not got.
    #[error("{address} in `local_addresses` is no address of this machine")]
    Address {
        /// The address.
        address: IpAddr,
    },
    /// Too little memory.
    #[error("the plan needs about {} MiB of memory, and {} MiB are there", needed >> 20, available >> 20)]
    Memory {
        /// What the plan needs, in bytes.
        needed: u64,
        /// What is there, in bytes.
        available: u64,
    },
}

impl Refusal {
    /// What to type.
    pub fn hint(&self) -> String {
        match self {
            Refusal::Descriptors { needed, .. } => {
                format!("run `ulimit -Hn {needed} && ulimit -n {needed}` as root first, or ask for fewer users")
            }
            Refusal::Ports { needed, range, .. } => {
                let several = |each: u64| {
                    let count = needed.div_ceil(each.max(1)).max(2);
                    format!(
                        "let connections leave from {count} addresses of this machine \
                         (`local_addresses = [\"127.0.0.2\", …]` in the target, on loopback any of 127.0.0.0/8)"
                    )
                };
                if *needed > SAFE_PORTS || *range >= MOST_PORTS {
                    format!("one address has no more than {MOST_PORTS} ports: {}", several(SAFE_PORTS.min(*range)))
                } else {
                    format!(
                        "run `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"` as root first, or {}",
                        several(*range)
                    )
                }
            }
            Refusal::Address { .. } => {
                "name addresses that `ip address` lists; on loopback under Linux any of 127.0.0.0/8".to_owned()
            }
            Refusal::Memory { needed, .. } => {
                format!(
                    "ask for fewer users, or raise the limit: `docker run --memory {}m`, `systemd-run -p MemoryMax={}M`",
                    needed >> 20,
                    needed >> 20
                )
            }
        }
    }
}

/// Raises what can be raised, or says why the plan cannot be carried out here.
pub fn allow(demand: &Demand) -> Result<Allowance, Refusal> {
    are_ours(demand.servers.iter().flat_map(|server| &server.from))?;
    Ok(Allowance {
        descriptors: Some(descriptors(demand.connections * demand.ends + BESIDE_USERS)?),
        ports: scarcest(demand.servers.iter().filter_map(|server| Some((server.connections, ports::free(server)?))))?,
        memory: fits(
            demand.connections * demand.ends * CONNECTION + demand.requests.min(MOST_REQUESTS) * REQUEST,
            memory::available(),
        )?,
    })
}

/// Raises the soft limit of file descriptors as far as needed.
fn descriptors(needed: u64) -> Result<Limit, Refusal> {
    let limit = getrlimit(Resource::Nofile);
    let mut available = limit.current;
    if let Some(current) = raised(needed, limit.current, limit.maximum)? {
        // A refused raise shows when descriptors run out: as `client_failed`, our fault.
        if setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum }).is_ok() {
            available = Some(current);
        }
    }
    Ok(Limit { needed, available: available.unwrap_or(u64::MAX) })
}

/// The soft limit to set, or `None` where the present one will do; no limit is `None` in `current` and `maximum`.
fn raised(needed: u64, current: Option<u64>, maximum: Option<u64>) -> Result<Option<u64>, Refusal> {
    match (current, maximum) {
        (None, _) => Ok(None),
        (Some(current), _) if current >= needed => Ok(None),
        (_, Some(allowed)) if allowed < needed => Err(Refusal::Descriptors { needed, allowed }),
        // The whole of the hard limit: a later scenario of the same command may need more.
        (_, maximum) => Ok(Some(maximum.unwrap_or(needed))),
    }
}

/// Connections can leave from each of these addresses: where not, every request that should would fail.
fn are_ours<'a>(mut addresses: impl Iterator<Item = &'a IpAddr>) -> Result<(), Refusal> {
    let is_foreign = |address: &IpAddr| {
        // Nothing is sent by binding.
        let bound = UdpSocket::bind((*address, 0));
        bound.is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
    };
    match addresses.find(|address| is_foreign(address)) {
        Some(address) => Err(Refusal::Address { address: *address }),
        None => Ok(()),
    }
}

/// Of the servers the one with the fewest ports to spare.
fn scarcest(servers: impl Iterator<Item = (u64, Ports)>) -> Result<Option<Limit>, Refusal> {
    let Some((needed, Ports { free, range })) =
        servers.min_by_key(|(needed, ports)| i128::from(ports.free) - i128::from(*needed))
    else {
        return Ok(None);
    };
    if needed > free {
        Err(Refusal::Ports { needed, free, range })
    } else {
        Ok(Some(Limit { needed, available: free }))
    }
}

fn fits(needed: u64, available: Option<u64>) -> Result<Option<Limit>, Refusal> {
    match available {
        Some(available) if needed > available => Err(Refusal::Memory { needed, available }),
        known => Ok(known.map(|available| Limit { needed, available })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_suffices_is_left_alone() {
        assert_eq!(raised(100, Some(1024), Some(4096)), Ok(None));
        assert_eq!(raised(100, None, None), Ok(None));
    }

    #[test]
    fn a_soft_limit_is_raised_to_the_hard_one() {
        assert_eq!(raised(2_000, Some(1024), Some(4096)), Ok(Some(4096)));
        assert_eq!(raised(2_000, Some(1024), None), Ok(Some(2_000)));
    }

    #[test]
    fn a_hard_limit_that_is_too_low_is_refused_with_the_command_that_fixes_it() {
        let refusal = raised(5_000, Some(1024), Some(4096)).unwrap_err();
        assert_eq!(refusal, Refusal::Descriptors { needed: 5_000, allowed: 4_096 });
        assert!(refusal.hint().starts_with("run `ulimit -Hn 5000 && ulimit -n 5000`"));
    }

    #[test]
    fn of_several_servers_the_one_with_the_fewest_ports_to_spare_decides() {
        let ports = |free| Ports { free, range: 28_232 };
        let all = [(100, ports(28_000)), (20_000, ports(20_000)), (5, ports(6))];
        assert_eq!(scarcest(all.into_iter()), Ok(Some(Limit { needed: 20_000, available: 20_000 })));
        assert_eq!(scarcest(std::iter::empty()), Ok(None));
        let refusal = scarcest([(20_001, ports(20_000))].into_iter()).unwrap_err();
        assert_eq!(refusal, Refusal::Ports { needed: 20_001, free: 20_000, range: 28_232 });
    }

    #[test]
    fn too_few_ports_are_answered_with_a_wider_range_while_that_helps_and_with_more_addresses_beyond() {
        let hint = |needed, free, range| Refusal::Ports { needed, free, range }.hint();
        let (wider, more) = (hint(30_000, 28_000, 28_232), hint(130_000, 28_000, 28_232));
        assert!(wider.starts_with("run `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"` as root first, or let"));
        assert!(wider.contains("leave from 2 addresses of this machine (`local_addresses = ["), "{wider}");
        assert!(more.starts_with("one address has no more than 64512 ports: let connections leave from 5 addresses"));
        assert!(hint(62_000, 60_000, 64_512).contains("leave from 2 addresses"));
    }

    #[test]
    fn memory_is_refused_only_where_it_is_known_to_be_too_little() {
        assert_eq!(fits(10, Some(10)), Ok(Some(Limit { needed: 10, available: 10 })));
        assert_eq!(fits(10, None), Ok(None));
        let refusal = fits(300 << 20, Some(200 << 20)).unwrap_err();
        assert_eq!(refusal.to_string(), "the plan needs about 300 MiB of memory, and 200 MiB are there");
        assert!(refusal.hint().contains("--memory 300m"));
    }

    #[test]
    fn an_address_of_others_is_refused_by_name() {
        let (ours, others): (IpAddr, IpAddr) = ("127.0.0.1".parse().unwrap(), "192.0.2.7".parse().unwrap());
        assert_eq!(are_ours([ours].iter()), Ok(()));
        let refusal = are_ours([ours, others].iter()).unwrap_err();
        assert_eq!(refusal.to_string(), "192.0.2.7 in `local_addresses` is no address of this machine");
    }

    #[test]
    fn a_small_plan_fits_on_any_machine_and_is_told_in_the_facts() {
        let demand = Demand {
            connections: 2,
            ends: 1,
            requests: 2,
            servers: vec![Server { port: 9, connections: 2, from: Vec::new(), loopback: false }],
        };
        let mut facts = ClientFacts::default();
        allow(&demand).unwrap().tell(&mut facts);
        assert!(facts.descriptors.is_some_and(|limit| limit.needed == 2 + BESIDE_USERS && limit.fits()));
        assert_eq!(facts.ports.is_some(), cfg!(target_os = "linux"));
        assert_eq!(facts.memory.is_some(), cfg!(target_os = "linux"));
    }
}
