//! `[targets]`: from what was typed to a place that requests can be sent to.
//!
//! It fills in the environment, keeps secrets apart, and refuses combinations that mean nothing. It opens nothing but
//! the certificate file, and resolves no names.

use std::path::PathBuf;

use secrecy::SecretString;

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
use super::{addresses, credentials};

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
                self.desk.environment.extend(filled.parts.iter().map(|(_, name)| name.clone()));
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

    /// What the environment filled in is secret by itself: a server may echo it without what stands around it.
    pub(super) fn secret_parts(&mut self, filled: &Filled) {
        for (range, _) in &filled.parts {
            self.secret(&filled.value[range.clone()]);
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
    let api_key = credentials::api_key(work, typed, &mut written);
    credentials::headers(work, typed, &mut written, &mut headers);
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
    credentials::one_way(work, api_key.is_some(), &headers);
    let ca_file = typed.ca_file.as_ref().and_then(|path| ca_file(work, path));
    written.ca_file = ca_file.as_ref().map(|path| path.display().to_string());
    let resolve = addresses::pinned(work, typed, place.as_ref());
    let local_addresses = addresses::local(work, typed);
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
        local_addresses,
    };
    Some(Resolved { target, written })
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
        headers.push(credentials::basic(work, &userinfo));
        let typed_userinfo = secrets::userinfo(text).map_or("", |range| &text[range]);
        let kept = credentials::userinfo_names(typed_userinfo);
        let (scheme, rest) = address.url.display.split_once("://").unwrap_or(("http", &address.url.display));
        written.url = Some(Hidden(format!("{scheme}://{kept}@{rest}")));
    }
    path_is_right.then_some(Place::Url(address.url))
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
            let path = path.canonicalize().unwrap_or(path);
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
