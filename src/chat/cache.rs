//! Whether an answer's headers say that a cache gave it.

use crate::wire::fields::{HeaderFields, text};

/// Whether a cache says that it answered.
pub(super) fn answered(fields: &HeaderFields) -> bool {
    fields.iter().any(|(name, value)| {
        let value = || text(value).unwrap_or_default();
        match name {
            // An answer made for us has no age.
            b"age" => value().trim().parse::<u64>().is_ok_and(|age| age > 0),
            // Of caches in general.
            b"cache-status" | b"cf-cache-status" | b"x-cache" | b"x-cache-hit" | b"x-cache-status"
            | b"x-proxy-cache" => says_hit(value()),
            // Of gateways to models.
            b"cf-aig-cache-status" | b"helicone-cache" | b"x-portkey-cache-status" => says_hit(value()),
            // Only answers from a cache have it.
            b"x-litellm-cache-key" => true,
            _ => false,
        }
    })
}

/// Whether a word of the value is `hit` (also `TCP_HIT`) or `true`.
fn says_hit(value: &str) -> bool {
    let mut words = value.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word.eq_ignore_ascii_case("hit") || word.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_cache_that_answered_says_so_and_one_that_did_not_says_that() {
        let table = [
            ("x-cache", "HIT", true),
            ("x-cache", "TCP_HIT from edge-1", true),
            ("x-cache", "MISS", false),
            ("cf-cache-status", "DYNAMIC", false),
            ("cache-status", "gateway; hit; ttl=30", true),
            ("cache-status", "gateway; fwd=miss", false),
            ("x-cache-hit", "True", true),
            ("x-litellm-cache-key", "3f2a", true),
            ("age", "12", true),
            ("age", "0", false),
            ("cache-control", "no-cache", false),
            ("x-cache", "whit", false),
        ];
        for (name, value, expected) in table {
            let header = (HeaderName::from_static(name), HeaderValue::from_static(value));
            assert_eq!(answered(&HeaderFields::from(&HeaderMap::from_iter([header]))), expected, "{name}: {value}");
        }
    }
}
