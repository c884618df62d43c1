//! What a plan asks of this machine: connections, and ports to each server. It looks at the plan alone.

use std::net::IpAddr;
use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::audit::limits::{Demand, Server};
use crate::scenario::plan::{Place, Plan, Target};
use crate::wire::Proxy;

/// What a plan needs of this machine.
pub(super) fn demand(plan: &Plan, embedded: bool) -> Demand {
    let server = |target: &Arc<Target>| {
        let Place::Url(url) = &target.place else { return None };
        let users = plan.cases.iter().filter(|case| case.target.name == target.name).map(|case| case.load.users());
        let proxy = target.proxy.as_ref().map(|proxy| Proxy::parse(proxy.expose_secret())).transpose().ok()?;
        Some(Server {
            port: proxy.as_ref().map_or(url.port, Proxy::port),
            connections: u64::from(users.max()?),
            from: target.local_addresses.clone(),
            loopback: proxy.is_none() && is_loopback(&url.host),
        })
    };
    Demand {
        connections: u64::from(plan.max_connections()),
        ends: if embedded { 2 } else { 1 },
        requests: plan.cases.iter().filter_map(|case| case.load.requests()).max().unwrap_or(0),
        servers: plan.targets.iter().filter_map(server).collect(),
    }
}

/// An address of this machine; of names, only the one that always is.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
