//! A server's address: taken apart once, with the path of the chat endpoint worked out.
//!
//! Text to [`Url`] and nothing else: no names are resolved, nothing is opened.

use std::net::Ipv6Addr;

use super::plan::Url;
use super::secrets;

const CHAT: &str = "/chat/completions";

/// An address and the userinfo that stood in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    /// Taken apart.
    pub url: Url,
    /// `user:password`, percent-encoding undone.
    pub userinfo: Option<String>,
}

/// What is wrong with an address: a sentence and a hint. Neither repeats the address, which may hold a secret.
pub type Wrong = (String, String);

fn wrong<T>(message: &str, hint: &str) -> Result<T, Wrong> {
    Err((message.to_owned(), hint.to_owned()))
}

/// Takes a base URL apart; `path` stands in place of the chat endpoint's path.
pub fn parse(text: &str, path: Option<&str>) -> Result<Address, Wrong> {
    let (https, rest) = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
        Some(_) => return wrong("the scheme is neither http nor https", "begin it with http:// or https://"),
        None => return wrong("not a URL", "begin it with http:// or https://"),
    };
    let end = secrets::authority_end(rest, 0);
    let (authority, tail) = rest.split_at(end);
    let (userinfo, host_port) = match authority.rsplit_once('@') {
        Some((userinfo, host_port)) => (Some(userinfo), host_port),
        None => (None, authority),
    };
    let (host, port) = host_and_port(host_port)?;
    if tail.contains(['?', '#']) {
        return wrong(
            "a url has no query and no fragment",
            "write path = \"/…?…\" beside it, the whole path with its query",
        );
    }
    if !path_is_plain(tail) {
        return wrong("the path holds what a path cannot", "percent-encode it");
    }
    let base = tail.trim_end_matches('/');
    let (chat_path, models_path) = paths(base);
    let scheme = if https { "https" } else { "http" };
    let default = if https { 443 } else { 80 };
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let port = port.unwrap_or(default);
    let authority = if port == default { bracketed } else { format!("{bracketed}:{port}") };
    let display = format!("{scheme}://{authority}{base}");
    let chat_path = path.map_or(chat_path, str::to_owned);
    let url = Url { https, host, port, chat_path, models_path, display, authority };
    Ok(Address { url, userinfo: userinfo.map(percent_decoded) })
}

/// The paths of the chat endpoint and of the models list under a base path.
fn paths(base: &str) -> (String, String) {
    if let Some(before) = base.strip_suffix(CHAT) {
        return (base.to_owned(), format!("{before}/models"));
    }
    let last = base.rsplit('/').next().unwrap_or_default();
    let versioned = last.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let api = if versioned { base.to_owned() } else { format!("{base}/v1") };
    (format!("{api}{CHAT}"), format!("{api}/models"))
}

/// Whether a path can stand in a request line.
pub fn path_is_plain(path: &str) -> bool {
    path.bytes().all(|b| b.is_ascii_graphic() && !br#"<>"\^`{|}"#.contains(&b))
}

/// Splits `host`, `host:port`, `[v6]:port`.
pub fn host_and_port(text: &str) -> Result<(String, Option<u16>), Wrong> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((v6, "")) => (v6, None),
            Some((v6, rest)) if rest.starts_with(':') => (v6, Some(&rest[1..])),
            _ => return wrong("an IPv6 address without its closing bracket", "write [::1]:8080"),
        },
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let v6 = text.starts_with('[');
    let named = !host.is_empty()
        && host.len() <= 253
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        && !host.starts_with(['.', '-']);
    if v6 && host.parse::<Ipv6Addr>().is_err() {
        return wrong("not an IPv6 address", "write [::1]:8080");
    }
    if !v6 && !named {
        return wrong("not a host name", "write letters, digits, . and -; other names in punycode (xn--…)");
    }
    let port = match port.map(str::parse::<u16>) {
        None => None,
        Some(Ok(port)) if port > 0 => Some(port),
        Some(_) => return wrong("not a port", "a port is a number from 1 to 65535"),
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// Undoes percent-encoding; what is not UTF-8 then becomes U+FFFD.
pub fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(text: &str) -> (String, String) {
        let url = parse(text, None).unwrap().url;
        (url.chat_path, url.models_path)
    }

    #[test]
    fn the_chat_path_follows_from_the_base() {
        let pair = |chat: &str, models: &str| (chat.to_owned(), models.to_owned());
        assert_eq!(chat("http://h"), pair("/v1/chat/completions", "/v1/models"));
        assert_eq!(chat("http://h//"), pair("/v1/chat/completions", "/v1/models"));
        assert_eq!(chat("http://h/api/v2/"), pair("/api/v2/chat/completions", "/api/v2/models"));
        assert_eq!(chat("http://h/v1beta"), pair("/v1beta/v1/chat/completions", "/v1beta/v1/models"));
        assert_eq!(chat("http://h/x/chat/completions"), pair("/x/chat/completions", "/x/models"));
    }

    #[test]
    fn an_address_is_taken_apart() {
        let address = parse("HTTPS://us%65r:p%40ss@Lamb.Example.edu:8443/base/", Some("/own?x=1")).unwrap();
        let url = Url {
            https: true,
            host: "lamb.example.edu".into(),
            port: 8443,
            chat_path: "/own?x=1".into(),
            models_path: "/base/v1/models".into(),
            display: "https://lamb.example.edu:8443/base".into(),
            authority: "lamb.example.edu:8443".into(),
        };
        assert_eq!(address, Address { url, userinfo: Some("user:p@ss".into()) });
        let v6 = parse("http://[::1]:80", None).unwrap().url;
        assert_eq!((v6.host.as_str(), v6.authority.as_str()), ("::1", "[::1]"));
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let said = |text: &str| parse(text, None).unwrap_err().0;
        assert_eq!(said("localhost:9099"), "not a URL");
        assert_eq!(said("ftp://h"), "the scheme is neither http nor https");
        assert_eq!(said("http://"), "not a host name");
        assert_eq!(said("http://h:99999"), "not a port");
        assert_eq!(said("http://h:"), "not a port");
        assert_eq!(said("http://[::1"), "an IPv6 address without its closing bracket");
        assert_eq!(said("http://h/a?b=c"), "a url has no query and no fragment");
        assert_eq!(said("http://a b/"), "not a host name");
        assert_eq!(said("http://h/a b"), "the path holds what a path cannot");
    }
}
