//! Whether an answer's headers say that a cache gave it.

use crate::wire::Fields;

/// Headers whose value says `hit` or `true` where a cache answered: of caches in general, and of gateways to models.
const SAY_HIT: [&str; 9] = [
    "cache-status",
    "cf-cache-status",
    "cf-aig-cache-status",
    "helicone-cache",
    "x-cache",
    "x-cache-hit",
    "x-cache-status",
    "x-portkey-cache-status",
    "x-proxy-cache",
];
/// Headers that only answers from a cache have.
const TELL_BY_THEMSELVES: [&str; 1] = ["x-litellm-cache-key"];

/// Whether a cache says that it answered.
pub(super) fn answered(fields: &Fields) -> bool {
    // An answer has few headers, and most have none of these names.
    fields.texts().any(|(name, value)| match name {
        // An answer made for us has no age.
        "age" => value.trim().parse::<u64>().is_ok_and(|age| age > 0),
        name => SAY_HIT.contains(&name) && says_hit(value) || TELL_BY_THEMSELVES.contains(&name),
    })
}

/// Whether a word of the value is `hit` (also `TCP_HIT`) or `true`.
fn says_hit(value: &str) -> bool {
    let mut words = value.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word.eq_ignore_ascii_case("hit") || word.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
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
            assert_eq!(answered(&Fields::from_iter([(name, value)])), expected, "{name}: {value}");
        }
    }
}
