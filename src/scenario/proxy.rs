//! `proxy`: typed, or taken from the environment where the scenario says `proxy = "env"`.
//!
//! It refuses the environment's proxies otherwise, and knows nothing of connecting through one.

use secrecy::SecretString;

use super::credentials::userinfo_names;
use super::environment::Lookup;
use super::file;
use super::plan::{Place, Url};
use super::secrets::{self, Hidden};
use super::targets::Work;
use super::url;

/// The proxy of a target.
pub(super) fn resolve(
    work: &mut Work<'_, '_>,
    typed: &file::Target,
    written: &mut file::Target,
    place: Option<&Place>,
) -> Option<SecretString> {
    let Hidden(text) = typed.proxy.as_ref()?;
    let spot = work.spot("proxy");
    let value = if text == "env" {
        let Some(Place::Url(url)) = place else { return None };
        let (name, value) = from_environment(url, work.desk.lookup)?;
        if work.chosen {
            work.desk.environment.insert(name);
        }
        value
    } else {
        written.proxy = Some(Hidden(rewritten(text)));
        work.fill(&spot, text)?.value
    };
    if let Err((message, hint)) = check(&value) {
        work.desk.wrong(&spot, message, hint);
        return None;
    }
    if let Some(range) = secrets::userinfo(&value) {
        let userinfo = url::percent_decoded(&value[range.clone()]);
        work.secret(&value[range]);
        work.secret(userinfo.split_once(':').map_or("", |(_, password)| password));
        work.secret(&userinfo);
    }
    Some(SecretString::from(value))
}

/// A proxy as it is written down: its userinfo by name, its address as typed.
fn rewritten(text: &str) -> String {
    match secrets::userinfo(text) {
        // Userinfo in a default: the whole default goes.
        Some(range) if text[..range.start].contains("${") => secrets::without_defaults(text),
        Some(range) => {
            let kept = userinfo_names(&text[range.clone()]);
            format!("{}{kept}{}", &text[..range.start], &text[range.end..])
        }
        None if text.contains('@') => secrets::without_defaults(text),
        None => text.to_owned(),
    }
}

fn check(value: &str) -> Result<(), (String, String)> {
    let hint = "write http://host:port, socks5://host:port or socks5h://host:port".to_owned();
    let (scheme, rest) = value.split_once("://").ok_or_else(|| ("not a proxy's URL".to_owned(), hint.clone()))?;
    if !["http", "socks5", "socks5h"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return Err(("a proxy of a kind that is not known here".to_owned(), hint));
    }
    let authority = &rest[..secrets::authority_end(rest, 0)];
    let tail = &rest[authority.len()..];
    if !tail.trim_end_matches('/').is_empty() {
        return Err(("a proxy has no path".to_owned(), hint));
    }
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host_port)| host_port);
    url::host_and_port(host_port).map(|_| ())
}

/// Host and port of a proxy that was checked.
pub(super) fn host(value: &str) -> (String, u16) {
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    let authority = &rest[..secrets::authority_end(rest, 0)];
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host_port)| host_port);
    let (host, port) = url::host_and_port(host_port).unwrap_or_default();
    (host, port.unwrap_or(if scheme.eq_ignore_ascii_case("http") { 80 } else { 1080 }))
}

/// The environment's proxy for a URL, by the usual names, and the name that held it.
fn from_environment(url: &Url, lookup: &Lookup<'_>) -> Option<(String, String)> {
    let find = |names: &[&str]| {
        let set = |name: &&str| lookup(name).filter(|value| !value.is_empty()).map(|value| ((*name).to_owned(), value));
        names.iter().find_map(set)
    };
    let exempt =
        find(&["no_proxy", "NO_PROXY"]).is_some_and(|(_, list)| list.split(',').any(|entry| is_exempt(url, entry)));
    if exempt {
        return None;
    }
    // HTTP_PROXY in capitals is left out: a CGI server sets it from a request's header.
    let own: &[&str] = if url.https { &["https_proxy", "HTTPS_PROXY"] } else { &["http_proxy"] };
    let (name, value) = find(own).or_else(|| find(&["all_proxy", "ALL_PROXY"]))?;
    let value = if value.contains("://") { value } else { format!("http://{value}") };
    Some((name, value))
}

fn is_exempt(url: &Url, entry: &str) -> bool {
    let entry = entry.trim().to_ascii_lowercase();
    let (name, port) = match entry.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() && !name.contains(':') => (name, port.parse::<u16>().ok()),
        _ => (entry.as_str(), None),
    };
    let name = name.trim_start_matches("*.").trim_start_matches('.');
    let fits = name == "*" || url.host == name || url.host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    !name.is_empty() && fits && port.is_none_or(|port| port == url.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(url: &str, environment: &[(&str, &str)]) -> Option<String> {
        let url = url::parse(url, None).unwrap().url;
        let lookup =
            |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        from_environment(&url, &lookup).map(|(_, value)| value)
    }

    #[test]
    fn the_environments_proxy_follows_the_scheme_and_its_exceptions() {
        let environment = [("https_proxy", "p:3128"), ("ALL_PROXY", "socks5://s"), ("no_proxy", ".edu, other:81")];
        assert_eq!(through("https://h", &environment), Some("http://p:3128".into()));
        assert_eq!(through("http://h", &environment), Some("socks5://s".into()));
        assert_eq!(through("https://lamb.edu", &environment), None);
        assert_eq!(through("http://other:81", &environment), None);
        assert_eq!(through("http://other:82", &environment), Some("socks5://s".into()));
        assert_eq!(through("https://h", &[("HTTPS_PROXY", "http://p"), ("NO_PROXY", "*")]), None);
        assert_eq!(through("http://h", &[("HTTP_PROXY", "http://cgi")]), None);
    }

    #[test]
    fn a_proxy_is_an_address_of_a_known_kind() {
        for good in ["http://p:3128", "socks5h://u:p@p", "http://[::1]:1/"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["p:3128", "https://p", "http://p/x", "http://p:x"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert_eq!(host("socks5://u:p@Proxy"), ("proxy".into(), 1080));
    }

    #[test]
    fn a_proxy_is_written_down_without_its_password() {
        assert_eq!(rewritten("http://u:p@p:1"), "http://${LAMB_USERINFO}@p:1");
        assert_eq!(rewritten("http://u:${P:-x}@p:1"), "http://u:${P}@p:1");
        assert_eq!(rewritten("${PROXY:-http://u:p@p}"), "${PROXY}");
        assert_eq!(rewritten("http://p:1"), "http://p:1");
    }
}
