//! What must not be written anywhere: which values are secret, and what stands in their place.
//!
//! It decides and masks; it never sends a secret anywhere, and it refuses to print one.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::environment::placeholders;

/// Text that may hold a secret. It is written to a scenario's TOML only as `${NAME}`, and to a log never.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(***)")
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Hidden(text.to_owned())
    }
}

impl JsonSchema for Hidden {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Hidden".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// Whether a header of this name holds a secret.
pub fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "cookie", "key", "token", "secret", "password", "credential"].iter().any(|word| name.contains(word))
}

/// How keys of known makes begin.
const KEYS: [&str; 11] = ["sk-", "sk_", "pk-", "ghp_", "gho_", "xoxa-", "xoxb-", "xoxp-", "hf_", "AIza", "eyJ"];

/// Whether a literal looks like a key that should not stand in a file: a known beginning and eight characters more, or 32 of
/// a word's.
pub fn looks_like_a_key(text: &str) -> bool {
    let key = text.strip_prefix("Bearer ").unwrap_or(text);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_rest = |rest: &str| rest.len() >= 8 && rest.bytes().all(|byte| is_word(byte) || byte == b'.');
    KEYS.iter().any(|begin| key.strip_prefix(begin).is_some_and(is_rest))
        || (key.len() >= 32 && key.bytes().all(is_word))
}

/// What a secret becomes in a resolved scenario: its `${NAME}`s without their defaults, or `${fallback}` where it holds
/// anything literal beyond the name of an authentication scheme.
pub fn without_value(typed: &str, fallback: &str) -> String {
    let literal = with_placeholders(typed, |_| String::new());
    let scheme_only = ["", "Bearer", "Basic", "Token"].contains(&literal.trim());
    if scheme_only && typed.contains("${") {
        without_defaults(typed)
    } else if typed.is_empty() {
        String::new()
    } else {
        format!("${{{fallback}}}")
    }
}

/// `${NAME:-default}` as `${NAME}`.
pub fn without_defaults(typed: &str) -> String {
    with_placeholders(typed, |name| format!("${{{name}}}"))
}

/// A text with something else in the place of each `${…}`.
fn with_placeholders(typed: &str, other: impl Fn(&str) -> String) -> String {
    let (mut text, mut from) = (String::new(), 0);
    for found in placeholders(typed) {
        text += &typed[from..found.whole.start];
        text += &other(&typed[found.name]);
        from = found.whole.end;
    }
    text + &typed[from..]
}

/// Where userinfo stands in a URL: between `://` and the last `@` before the path.
pub fn userinfo(url: &str) -> Option<Range<usize>> {
    let start = url.find("://")? + 3;
    let authority_end = authority_end(url, start);
    let at = url[start..authority_end].rfind('@')?;
    Some(start..start + at)
}

/// Where the authority that starts at `start` ends; a `/` inside `${…}` does not end it.
pub fn authority_end(url: &str, start: usize) -> usize {
    let mut depth = 0u32;
    for (index, character) in url[start..].char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' | '?' | '#' if depth == 0 => return start + index,
            _ => {}
        }
    }
    url.len()
}

/// Replaces the bytes of each range by as many `*`, except quotes at its ends and the names in `${NAME:-…}`.
pub fn mask(text: &str, ranges: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in ranges {
        let Some(secret) = text.get(range.clone()) else { continue };
        let quotes = |c: char| c == '"' || c == '\'';
        let inner_start = range.start + secret.len() - secret.trim_start_matches(quotes).len();
        let inner_end = (range.start + secret.trim_end_matches(quotes).len()).max(inner_start);
        let mut hide = vec![true; inner_end - inner_start];
        for found in placeholders(&text[inner_start..inner_end]) {
            for index in found.whole {
                hide[index] = found.default.contains(&index);
            }
        }
        for (offset, hidden) in hide.into_iter().enumerate() {
            if hidden && bytes[inner_start + offset] != b'\n' {
                bytes[inner_start + offset] = b'*';
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| "*".repeat(text.len()))
}

/// Where a file too broken to be read as TOML may hold secrets: the strings behind keys of such names, userinfo, and
/// words that look like keys.
pub fn suspicious(text: &str) -> Vec<Range<usize>> {
    const WORDS: [&str; 6] = ["key", "token", "secret", "cookie", "auth", "password"];
    // To compile the pattern takes milliseconds of a start, and most values of `--set` hold none of this.
    let lower = text.to_ascii_lowercase();
    if text.is_ascii() && !WORDS.iter().chain(&["://", "sk-"]).any(|hint| lower.contains(hint)) {
        return Vec::new();
    }
    static SUSPICIOUS: LazyLock<Regex> = LazyLock::new(|| {
        let words = WORDS.join("|");
        let value = r#"(?P<value>"[^"\n]*"?|'[^'\n]*'?|[^"'\s\[{][^\n]*)"#;
        let others = r"://(?P<userinfo>[^/\s@]+)@|(?P<key>\bsk-[A-Za-z0-9_-]+)";
        Regex::new(&format!(r#"(?i)[\w-]*(?:{words})[\w-]*["']?\s*=\s*{value}|{others}"#))
            .expect("a literal pattern, compiled by a test")
    });
    let group = |found: regex::Captures<'_>| {
        ["value", "userinfo", "key"].into_iter().find_map(|name| found.name(name).map(|group| group.range()))
    };
    SUSPICIOUS.captures_iter(text).filter_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_becomes_its_name_and_never_its_default() {
        assert_eq!(without_value("${KEY:-hunter2}", "LAMB_API_KEY"), "${KEY}");
        assert_eq!(without_value("Bearer ${KEY}", "LAMB_API_KEY"), "Bearer ${KEY}");
        assert_eq!(without_value("sk-abc${KEY}", "LAMB_API_KEY"), "${LAMB_API_KEY}");
        assert_eq!(without_value("literal", "LAMB_API_KEY"), "${LAMB_API_KEY}");
        assert_eq!(without_value("", "LAMB_API_KEY"), "");
    }

    #[test]
    fn a_mask_keeps_quotes_names_and_length() {
        let text = r#"api_key = "${KEY:-hunter2}x""#;
        let secret = 10..text.len();
        assert_eq!(mask(text, std::slice::from_ref(&secret)), r#"api_key = "${KEY:-*******}*""#);
    }

    #[test]
    fn each_way_of_writing_a_secret_is_suspicious_by_itself() {
        let keys = ["api_key", "x-TOKEN", "secret", "cookie", "Auth", "password", "to\u{212a}en"];
        let lines = keys
            .iter()
            .map(|key| format!("{key} = hunter2"))
            .chain(["u = http://hunter2@h", "k = [sk-hunter2]"].map(str::to_owned));
        for line in lines {
            assert!(!mask(&line, &suspicious(&line)).contains("hunter2"), "{line}");
        }
        assert!(suspicious("users = [10]").is_empty());
    }

    #[test]
    fn a_broken_file_shows_no_secret() {
        let text = "api_key = \"hunter2\nurl = http://u:p@h\nx-token = 'abc\nk = [ sk-12345 ]\n";
        let masked = mask(text, &suspicious(text));
        for secret in ["hunter2", "u:p", "abc", "sk-12345"] {
            assert!(!masked.contains(secret), "{masked}");
        }
    }

    #[test]
    fn what_looks_like_a_key() {
        assert!(looks_like_a_key("sk-proj-abcdefgh12345678"));
        assert!(looks_like_a_key("Bearer sk-abcdefgh12345678"));
        assert!(looks_like_a_key("eyJhbGciOiJI.eyJzdWIi.c2ln"));
        assert!(looks_like_a_key("0123456789abcdef0123456789abcdef"));
        let word = "0123456789abcdefABCDEF-_-_-_-_-_";
        let table = [
            ("sk-1234567", false),
            ("sk-12345678", true),
            ("xoxc-12345678", false),
            ("sk-12345678\n", false),
            (word, true),
            (&word[1..], false),
            (&["Bearer ", word].concat(), true),
            (&["Bearer ", &word[1..]].concat(), false),
            (&word.replace('-', "."), false),
        ];
        for (text, expected) in table {
            assert_eq!(looks_like_a_key(text), expected, "{text}");
        }
        assert!(!looks_like_a_key("http://localhost:8000/v1/chat/completions"));
        assert!(!looks_like_a_key("0p3n-w3bu!"));
        assert!(!looks_like_a_key("${LAMB_API_KEY}"));
    }

    #[test]
    fn userinfo_is_found_behind_the_scheme_only() {
        let url = "http://user:pa@ss@host:80/@path";
        assert_eq!(userinfo(url).map(|range| &url[range]), Some("user:pa@ss"));
        assert_eq!(userinfo("http://host/@x"), None);
    }
}
