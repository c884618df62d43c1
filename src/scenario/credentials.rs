//! A target's key and headers: filled in, checked, and kept apart where they are secret.
//!
//! It decides what is written down in a secret's place. It refuses to put a value into any message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::SecretString;

use super::environment::Filled;
use super::file;
use super::secrets::{self, Hidden};
use super::source::{Origin, Spot};
use super::targets::Work;

/// Headers that the client writes itself.
const OURS: [&str; 5] = ["host", "content-length", "transfer-encoding", "connection", "content-type"];

/// The bearer token.
pub(super) fn api_key(
    work: &mut Work<'_, '_>,
    typed: &file::Target,
    written: &mut file::Target,
) -> Option<SecretString> {
    let Hidden(text) = typed.api_key.as_ref()?;
    written.api_key = Some(Hidden(secrets::without_value(text, "LAMB_API_KEY")));
    let spot = work.spot("api_key");
    advise_of_literal(work, &spot, text);
    let filled = work.fill(&spot, text)?;
    work.secret_parts(&filled);
    let value = filled.value;
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

/// Every other header.
pub(super) fn headers(
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
        let Some(filled) = work.fill(&spot, text) else { continue };
        if secret {
            work.secret_parts(&filled);
        }
        let Filled { value, .. } = filled;
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

/// The header that userinfo in a url stands for.
pub(super) fn basic(work: &mut Work<'_, '_>, userinfo: &str) -> (String, SecretString) {
    let encoded = BASE64.encode(userinfo);
    work.secret(userinfo);
    work.secret(&encoded);
    work.secret(userinfo.split_once(':').map_or("", |(_, password)| password));
    ("authorization".to_owned(), SecretString::from(format!("Basic {encoded}")))
}

/// Refuses a target that authenticates in more than one way: one header would silently win.
pub(super) fn one_way(work: &mut Work<'_, '_>, api_key: bool, headers: &[(String, SecretString)]) {
    let others = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization")).count();
    if usize::from(api_key) + others > 1 {
        let spot = work.spot(if api_key { "api_key" } else { "url" });
        let hint = "keep one: api_key, headers.authorization or userinfo in the url";
        work.desk.wrong_key(&spot, "the target authenticates in two ways", hint);
    }
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
