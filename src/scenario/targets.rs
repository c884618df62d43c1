//! `[targets]`: from what was typed to a place that requests can be sent to.
//!
//! It fills in the environment, keeps secrets apart, and refuses combinations that mean nothing. It opens nothing but
//! the certificate file, and resolves no names.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret, SecretString};

use super::desk::Desk;
use super::environment::{self, Filled};
use super::file;
use super::plan::{Connections, Place, ServerKind, Target};
use super::prompts::read_bounded;
use super::proxy;
use super::secrets::{self, Hidden};
use super::source::{Origin, Spot};
use super::tree::Node;
use super::url;

/// Headers that the client writes itself.
const OURS: [&str; 5] = ["host", "content-length", "transfer-encoding", "connection", "content-type"];

/// A target as meant, and as it is written down again.
pub(super) struct Resolved {
    pub(super) target: Target,
    pub(super) written: file::Target,
}

/// One target under way.
pub(super) struct Work<'d, 'a> {
    pub(super) desk: &'d mut Desk<'a>,
    pub(super) secrets: &'d mut Vec<SecretString>,
    /// The target's table.
    pub(super) node: &'d Node,
    /// Whether it has a case. If not, what it wants of the environment need not be there.
    pub(super) chosen: bool,
}

impl Work<'_, '_> {
    /// Where a key of this target stands, or the target itself.
    pub(super) fn spot(&self, key: &str) -> Spot {
        self.node.key(key).unwrap_or(self.node).spot.clone()
    }

    /// Fills in a value; what flags gave is a value already.
    pub(super) fn fill(&mut self, spot: &Spot, text: &str) -> Option<Filled> {
        if self.desk.sources.get(spot.source).origin == Origin::Built {
            return Some(Filled { value: text.to_owned(), parts: Vec::new() });
        }
        let nothing = |_: &str| Some("-".to_owned());
        let lookup = if self.chosen { self.desk.lookup } else { &nothing };
        match environment::fill(text, lookup) {
            Ok(filled) if self.chosen => {
                self.desk.environment.extend(environment::names(text));
                Some(filled)
            }
            // What it holds is not known here, and not needed.
            Ok(filled) if !filled.parts.is_empty() => None,
            Ok(filled) => Some(filled),
            Err(unfilled) => {
                self.desk.wrong(spot, unfilled.message, unfilled.hint);
                None
            }
        }
    }

    pub(super) fn secret(&mut self, value: &str) {
        if self.chosen && !value.is_empty() {
            self.secrets.push(SecretString::from(value));
        }
    }
}

/// Resolves one target; `None` when something is wrong that was reported.
pub(super) fn resolve(work: &mut Work<'_, '_>, name: &str, typed: &file::Target) -> Option<Resolved> {
    let mut written = typed.clone();
    let mut headers = Vec::new();
    let api_key = api_key(work, typed, &mut written);
    other_headers(work, typed, &mut written, &mut headers);
    let place = match (&typed.url, &typed.mock) {
        (Some(_), None) => at_url(work, typed, &mut written, &mut headers),
        (None, Some(mock)) => at_mock(work, typed, mock, &mut written),
        (Some(_), Some(_)) => {
            let spot = work.spot("mock");
            work.desk.wrong_key(&spot, "a target has a url or a mock, not both", "keep one of the two");
            None
        }
        (None, None) => {
            if !["url", "mock"].iter().any(|key| work.node.key(key).is_some()) {
                let spot = work.node.spot.clone();
                work.desk.wrong_key(
                    &spot,
                    "no url and no mock",
                    "add url = \"http://…\", or mock = {} for the embedded endpoint",
                );
            }
            None
        }
    };
    if api_key.is_some() && headers.iter().any(|(name, _): &(String, _)| name.eq_ignore_ascii_case("authorization")) {
        let spot = work.spot("api_key");
        work.desk.wrong_key(
            &spot,
            "the target authenticates in two ways",
            "keep one: api_key, headers.authorization or userinfo in the url",
        );
    }
    let ca_file = typed.ca_file.as_ref().and_then(|path| ca_file(work, path));
    written.ca_file = ca_file.as_ref().map(|path| path.display().to_string());
    let resolve = addresses(work, typed, place.as_ref());
    let proxy = proxy::resolve(work, typed, &mut written, place.as_ref());
    written.server = Some(typed.server.unwrap_or(ServerKind::Auto));
    written.connections = Some(typed.connections.unwrap_or(Connections::Warm));
    let target = Target {
        name: name.to_owned(),
        place: place?,
        api_key,
        headers,
        server: typed.server.unwrap_or(ServerKind::Auto),
        connections: typed.connections.unwrap_or(Connections::Warm),
        http2: typed.http2.unwrap_or(false),
        proxy,
        ca_file,
        insecure: typed.insecure.unwrap_or(false),
        resolve,
    };
    Some(Resolved { target, written })
}

fn api_key(work: &mut Work<'_, '_>, typed: &file::Target, written: &mut file::Target) -> Option<SecretString> {
    let Hidden(text) = typed.api_key.as_ref()?;
    written.api_key = Some(Hidden(secrets::without_value(text, "LAMB_API_KEY")));
    let spot = work.spot("api_key");
    advise_of_literal(work, &spot, text);
    let value = work.fill(&spot, text)?.value;
    work.secret(&value);
    if !sendable(&value) {
        work.desk.wrong(&spot, "holds characters that a header cannot", "check for line ends and letters beyond ASCII");
        return None;
    }
    (!value.is_empty()).then(|| SecretString::from(value))
}

fn advise_of_literal(work: &mut Work<'_, '_>, spot: &Spot, text: &str) {
    let in_a_file = work.desk.sources.get(spot.source).origin == Origin::File;
    if in_a_file && secrets::looks_like_a_key(text) {
        work.desk.advise(spot, "a literal that looks like a key", "write \"${LAMB_API_KEY}\", and export it");
    }
}

fn sendable(value: &str) -> bool {
    value.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b))
}

fn other_headers(
    work: &mut Work<'_, '_>,
    typed: &file::Target,
    written: &mut file::Target,
    headers: &mut Vec<(String, SecretString)>,
) {
    for (name, Hidden(text)) in typed.headers.iter().flatten() {
        let table = work.node.key("headers").unwrap_or(work.node);
        let spot = table.key(name).unwrap_or(table).spot.clone();
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) {
            work.desk.wrong_key(&spot, "not a header's name", "letters, digits and -");
            continue;
        }
        if OURS.contains(&name.to_ascii_lowercase().as_str()) {
            let hint = if name.eq_ignore_ascii_case("host") {
                "remove it; resolve sends a name to another address"
            } else {
                "remove it"
            };
            work.desk.wrong_key(&spot, "a header that lamb-load writes itself", hint);
            continue;
        }
        if headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            work.desk.wrong_key(&spot, "the same header twice", "keep one; case does not tell headers apart");
            continue;
        }
        let secret = secrets::is_secret_header(name);
        if secret {
            advise_of_literal(work, &spot, text);
            let fallback =
                format!("LAMB_HEADER_{}", name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
            if let Some(kept) = written.headers.as_mut().and_then(|all| all.get_mut(name)) {
                *kept = Hidden(secrets::without_value(text, &fallback));
            }
        }
        let Some(Filled { value, .. }) = work.fill(&spot, text) else { continue };
        if secret {
            let bare = ["Bearer ", "Basic ", "Token "].iter().find_map(|scheme| value.strip_prefix(scheme));
            work.secret(bare.unwrap_or(&value));
        }
        if !sendable(&value) {
            work.desk.wrong(
                &spot,
                "holds characters that a header cannot",
                "check for line ends and letters beyond ASCII",
            );
            continue;
        }
        headers.push((name.clone(), SecretString::from(value)));
    }
}

fn at_url(
    work: &mut Work<'_, '_>,
    typed: &file::Target,
    written: &mut file::Target,
    headers: &mut Vec<(String, SecretString)>,
) -> Option<Place> {
    let Hidden(text) = typed.url.as_ref()?;
    let spot = work.spot("url");
    let path_is_right = path(work, typed);
    let filled = work.fill(&spot, text)?;
    let authority = filled.value.find("://").map_or(0, |at| at + 3);
    let end = secrets::authority_end(&filled.value, authority);
    let beyond = |range: &std::ops::Range<usize>| {
        !filled.value[end.min(range.end).max(range.start)..range.end].trim_matches('/').is_empty()
    };
    if let Some((_, name)) = filled.parts.iter().find(|(range, _)| range.end > end && beyond(range)) {
        let hint = format!("let {name} hold scheme, host and port, and write the path behind it");
        work.desk.wrong(&spot, "the environment may not fill path or query of a url", hint);
        return None;
    }
    let address = match url::parse(&filled.value, typed.path.as_deref()) {
        Ok(address) => address,
        Err((message, hint)) => {
            work.desk.wrong(&spot, message, hint);
            return None;
        }
    };
    written.url = Some(Hidden(address.url.display.clone()));
    if let Some(userinfo) = address.userinfo {
        let encoded = BASE64.encode(&userinfo);
        work.secret(&userinfo);
        work.secret(&encoded);
        work.secret(userinfo.split_once(':').map_or("", |(_, password)| password));
        headers.push(("authorization".to_owned(), SecretString::from(format!("Basic {encoded}"))));
        let typed_userinfo = secrets::userinfo(text).map_or("", |range| &text[range]);
        let kept = userinfo_names(typed_userinfo);
        let (scheme, rest) = address.url.display.split_once("://").unwrap_or(("http", &address.url.display));
        written.url = Some(Hidden(format!("{scheme}://{kept}@{rest}")));
    }
    path_is_right.then_some(Place::Url(address.url))
}

/// Userinfo as it is written down: its names, or one that stands for it.
pub(super) fn userinfo_names(typed: &str) -> String {
    match typed.split_once(':') {
        Some((user, password)) if !user.contains("${") && password.starts_with("${") => {
            format!("{user}:{}", secrets::without_value(password, "LAMB_PASSWORD"))
        }
        _ => secrets::without_value(if typed.is_empty() { "literal" } else { typed }, "LAMB_USERINFO"),
    }
}

fn path(work: &mut Work<'_, '_>, typed: &file::Target) -> bool {
    let Some(path) = &typed.path else { return true };
    let right = path.starts_with('/') && url::path_is_plain(path) && !path.contains('#');
    if !right {
        let spot = work.spot("path");
        work.desk.wrong(&spot, "not a path", "begin it with /, and percent-encode what a path cannot hold");
    }
    right
}

fn at_mock(
    work: &mut Work<'_, '_>,
    typed: &file::Target,
    mock: &super::mock_table::Mock,
    written: &mut file::Target,
) -> Option<Place> {
    let of_a_server = [
        ("path", typed.path.is_some()),
        ("proxy", typed.proxy.is_some()),
        ("ca_file", typed.ca_file.is_some()),
        ("insecure", typed.insecure.is_some()),
        ("resolve", typed.resolve.is_some()),
    ];
    for (key, _) in of_a_server.iter().filter(|(_, given)| *given) {
        let spot = work.spot(key);
        work.desk.wrong_key(&spot, "means nothing for the embedded endpoint", "remove it, or mock");
    }
    let mut mock = mock.clone();
    if let Some(Hidden(text)) = &mock.api_key {
        let node = work.node.find(&["mock", "api_key"]).unwrap_or(work.node);
        let spot = node.spot.clone();
        if let Some(kept) = written.mock.as_mut() {
            kept.api_key = Some(Hidden(secrets::without_value(text, "LAMB_API_KEY")));
        }
        let value = work.fill(&spot, text)?.value;
        work.secret(&value);
        mock.api_key = (!value.is_empty()).then_some(Hidden(value));
    }
    super::faults::check(work, &mock)?;
    serde_json::to_value(&mock).ok().map(Place::Mock)
}

fn ca_file(work: &mut Work<'_, '_>, typed: &str) -> Option<PathBuf> {
    let spot = work.spot("ca_file");
    let path = work.desk.path(&spot, typed);
    match read_bounded(&path, 1 << 20) {
        Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => {
            work.desk.files.push(path.clone());
            Some(path)
        }
        Ok(_) => {
            work.desk.wrong(&spot, "no certificate in it", "name a PEM file: it has -----BEGIN CERTIFICATE----- in it");
            None
        }
        Err(fault) => {
            let message = fault.message.replace(&path.display().to_string(), typed);
            work.desk.wrong(&spot, message, fault.hint);
            None
        }
    }
}

fn addresses(work: &mut Work<'_, '_>, typed: &file::Target, place: Option<&Place>) -> BTreeMap<String, SocketAddr> {
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
