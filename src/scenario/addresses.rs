//! Where a target's requests really go: pinned addresses, and the hosts that `--allow-host` allows.
//!
//! It compares names and addresses as typed; nothing is looked up.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use secrecy::ExposeSecret;

use super::desk::Desk;
use super::plan::{Place, Target};
use super::targets::Work;
use super::tree::Node;
use super::units::quoted;
use super::{file, proxy, url};

/// `resolve`: names that are sent to another address.
pub(super) fn pinned(
    work: &mut Work<'_, '_>,
    typed: &file::Target,
    place: Option<&Place>,
) -> BTreeMap<String, SocketAddr> {
    let mut addresses = BTreeMap::new();
    for (from, to) in typed.resolve.iter().flatten() {
        let table = work.node.key("resolve").unwrap_or(work.node);
        let spot = table.key(from).unwrap_or(table).spot.clone();
        let Ok((host, Some(port))) = url::host_and_port(from) else {
            work.desk.wrong_key(&spot, "not host:port", "write \"lamb.example.edu:443\" = \"127.0.0.1:8443\"");
            continue;
        };
        let Ok(address) = to.parse::<SocketAddr>() else {
            work.desk.wrong(
                &spot,
                "not address:port",
                "write an address with its port: \"127.0.0.1:8443\", \"[::1]:8443\"",
            );
            continue;
        };
        if let Some(Place::Url(url)) = place
            && (&url.host, url.port) != (&host, port)
            && typed.proxy.is_none()
        {
            let hint = format!("the url asks for {}:{}", url.host, url.port);
            work.desk.advise(&spot, "nothing is sent to this name", hint);
        }
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        addresses.insert(format!("{host}:{port}"), address);
    }
    addresses
}

/// `local_addresses`: what connections leave from.
pub(super) fn local(work: &mut Work<'_, '_>, typed: &file::Target) -> Vec<IpAddr> {
    let Some(texts) = &typed.local_addresses else { return Vec::new() };
    let spot = work.spot("local_addresses");
    let mut addresses = Vec::new();
    for text in texts {
        match text.parse::<IpAddr>() {
            Ok(address) if addresses.contains(&address) => {
                work.desk.wrong(&spot, format!("{address} is named twice"), "name each address once");
            }
            Ok(address) => addresses.push(address),
            Err(_) => {
                let message = format!("{} is not an address", quoted(text));
                work.desk.wrong(&spot, message, "name addresses of this machine: [\"127.0.0.2\", \"127.0.0.3\"]");
            }
        }
    }
    if texts.is_empty() {
        work.desk.wrong(&spot, "no address in it", "name addresses of this machine, or remove the key");
    }
    if addresses.iter().any(IpAddr::is_ipv4) && addresses.iter().any(IpAddr::is_ipv6) {
        let hint = "a server is reached by one family: keep the addresses of that one";
        work.desk.wrong(&spot, "IPv4 and IPv6 addresses together", hint);
    }
    addresses
}

/// Holds every host that a target sends to against `--allow-host`.
pub(super) fn allowed(desk: &mut Desk<'_>, node: &Node, target: &Target, allow: &[String]) {
    if allow.is_empty() {
        return;
    }
    let mut hosts = Vec::new();
    if let Place::Url(url) = &target.place {
        let bracketed = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
        let with_port = format!("{bracketed}:{}", url.port);
        let pinned = target.resolve.get(&with_port);
        hosts.push(("url", with_port, url.host.clone()));
        if let Some(address) = pinned {
            hosts.push(("resolve", address.to_string(), address.ip().to_string()));
        }
        if let Some(proxy) = &target.proxy {
            let (host, port) = proxy::host(proxy.expose_secret());
            hosts.push(("proxy", format!("{host}:{port}"), host));
        }
    }
    let fits = |pattern: &String, with_port: &str, host: &str| {
        globset::Glob::new(pattern).is_ok_and(|glob| {
            let glob = glob.compile_matcher();
            glob.is_match(host) || glob.is_match(with_port)
        }) || pattern == host
            || pattern == with_port
    };
    for (key, with_port, host) in hosts {
        if !allow.iter().any(|pattern| fits(pattern, &with_port, &host)) {
            let spot = node.key(key).unwrap_or(node).spot.clone();
            desk.wrong(&spot, format!("{with_port} is not an allowed host"), format!("add --allow-host {host}"));
        }
    }
}
