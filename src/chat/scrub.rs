//! What a server says, made safe to keep: secrets out, control characters visible, one line, bounded.
//!
//! It knows the secrets and nothing else. What CSV, Markdown or HTML need escaped is those renderings' business.

use std::borrow::Cow;
use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::ExposeSecret as _;

use crate::scenario::plan::Secrets;

/// An echo of a secret is a run of at least so many of its bytes.
const ECHO: usize = 8;

/// What stands in place of a secret.
const STARS: &str = "***";

/// Replaces every echo of a secret: plain, JSON-, URL- and base64-encoded, whole or in part.
#[derive(Debug, Default)]
pub struct Scrubber {
    /// Every window of [`ECHO`] bytes of every encoding of every secret.
    windows: HashSet<u64>,
    sieve: Sieve,
    /// How long an encoding of a secret can be: a text cut for scrubbing keeps this much more than is shown.
    longest: usize,
}

impl Scrubber {
    /// A scrubber of these secrets; those shorter than 8 bytes cannot be told from ordinary words and are left.
    pub fn new(secrets: &Secrets) -> Scrubber {
        let mut scrubber = Scrubber::default();
        for secret in &secrets.0 {
            scrubber.learn(secret.expose_secret());
        }
        scrubber
    }

    fn learn(&mut self, secret: &str) {
        if secret.len() < ECHO {
            return;
        }
        for form in encodings(secret) {
            self.longest = self.longest.max(form.len());
            for window in form.windows(ECHO).map(key) {
                self.sieve.add(window);
                self.windows.insert(window);
            }
        }
    }

    /// The text with every echo replaced by `***`: the same text where there is none, as in almost every answer.
    pub fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.windows.is_empty() {
            return Cow::Borrowed(text);
        }
        let bytes = text.as_bytes();
        let mut out = String::new();
        let mut kept = 0;
        let mut at = 0;
        while at + ECHO <= bytes.len() {
            if !self.echoes(&bytes[at..at + ECHO]) {
                at += 1;
                continue;
            }
            let mut end = at + ECHO;
            while end < bytes.len() && self.echoes(&bytes[end + 1 - ECHO..=end]) {
                end += 1;
            }
            let from = text.floor_char_boundary(at).max(kept);
            out.push_str(&text[kept..from]);
            out.push_str(STARS);
            kept = text.ceil_char_boundary(end);
            at = kept;
        }
        if kept == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(&text[kept..]);
        Cow::Owned(out)
    }

    /// One line for a person: scrubbed, then escaped, then cut to `limit` characters.
    pub fn line<'t>(&self, text: &'t str, limit: usize) -> Cow<'t, str> {
        // The cut before scrubbing only spares work on megabytes. It leaves room for an echo to be whole.
        let room = limit.saturating_mul(4).saturating_add(self.longest);
        let text = &text[..text.floor_char_boundary(room)];
        let scrubbed = self.scrub(trimmed(text));
        if is_plain(&scrubbed, limit) { scrubbed } else { escape(&scrubbed, limit).into() }
    }

    fn echoes(&self, window: &[u8]) -> bool {
        let window = key(window);
        self.sieve.may_hold(window) && self.windows.contains(&window)
    }
}

/// Says of most windows at once that they are of no secret: names that a server gives with every answer are looked through
/// byte by byte.
#[derive(Debug)]
struct Sieve([u64; Sieve::WORDS]);

impl Default for Sieve {
    fn default() -> Sieve {
        Sieve([0; Sieve::WORDS])
    }
}

impl Sieve {
    /// 2^13 bits, some ten for each window of a secret of fifty bytes.
    const LOG_OF_BITS: u32 = 13;
    const WORDS: usize = (1 << Sieve::LOG_OF_BITS) / 64;

    fn add(&mut self, window: u64) {
        let (word, bit) = Sieve::place(window);
        self.0[word] |= bit;
    }

    fn may_hold(&self, window: u64) -> bool {
        let (word, bit) = Sieve::place(window);
        self.0[word] & bit != 0
    }

    /// A bit, always the same of the same window: the highest digits of a product with 2^64 ÷ the golden ratio.
    fn place(window: u64) -> (usize, u64) {
        let place = window.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - Sieve::LOG_OF_BITS);
        ((place / 64) as usize, 1 << (place % 64))
    }
}

fn key(window: &[u8]) -> u64 {
    u64::from_le_bytes(window.try_into().expect("a window has 8 bytes: every caller cuts it so"))
}

/// Every way in which a server may write the secret back.
fn encodings(secret: &str) -> Vec<Vec<u8>> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let mut forms = vec![secret.to_owned(), json.replace('/', "\\/"), ascii(&json), json];
    for upper in [true, false] {
        let url = percent(secret, upper);
        forms.push(url.replace("%20", "+"));
        forms.push(url);
    }
    let mut forms: Vec<Vec<u8>> = forms.into_iter().map(String::into_bytes).collect();
    // Inside a longer base64 text a secret begins at any of three alignments; the characters at its edges mix with
    // its neighbours and are left out.
    for before in 0..3 {
        let mut padded = vec![0; before];
        padded.extend_from_slice(secret.as_bytes());
        let edge = [0, 2, 3][before];
        let whole = padded.len() / 3 * 4;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let code = engine.encode(&padded);
            forms.push(code.as_bytes()[edge..whole.max(edge)].to_vec());
        }
    }
    forms
}

/// JSON as an encoder writes it that keeps to ASCII.
fn ascii(json: &str) -> String {
    let mut out = String::new();
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => out.push(byte as char),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out
}

fn percent(secret: &str, upper: bool) -> String {
    let mut out = String::new();
    for byte in secret.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ if upper => out.push_str(&format!("%{byte:02X}")),
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

/// Control characters, and those that reorder or hide text, written visibly; at most `limit` characters.
pub fn escape(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit * 4));
    for (at, char) in text.chars().enumerate() {
        if at == limit {
            out.push('…');
            break;
        }
        match char {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if char.is_control() || hides(char) => out.extend(char.escape_unicode()),
            _ => out.push(char),
        }
    }
    out
}

/// The text without blanks around it: of a name its first and last byte tell that there are none.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// Whether there is nothing to escape and nothing to cut, as in almost every name.
fn is_plain(text: &str, limit: usize) -> bool {
    text.len() <= limit && text.bytes().fold(true, |plain, byte| plain & (b' '..=b'~').contains(&byte))
}

fn hides(char: char) -> bool {
    matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubber(secret: &str) -> Scrubber {
        Scrubber::new(&Secrets(vec![secret.into()]))
    }

    #[test]
    fn most_windows_of_other_texts_are_told_at_once() {
        let scrubber = scrubber("0123456789abcdefghijklmnopqrstuvwxyz0123456789");
        let text: String = (0..2000).map(|place| format!("model-{place} ")).collect();
        let windows = text.as_bytes().windows(ECHO).map(key);
        let (all, held) = (windows.len(), windows.filter(|window| scrubber.sieve.may_hold(*window)).count());
        assert!(held * 5 < all, "{held} of {all}");
    }

    #[test]
    fn a_secret_is_replaced_in_every_encoding() {
        let secret = "sk-a/b+c \"d\" é!xyz";
        let scrubber = scrubber(secret);
        let json = serde_json::Value::from(secret).to_string();
        let url = percent(secret, true);
        let texts = [
            secret.to_owned(),
            json.clone(),
            json.replace('/', "\\/"),
            ascii(&json),
            url.clone(),
            percent(secret, false),
            url.replace("%20", "+"),
        ];
        for text in texts {
            let text = format!("wrong key <{text}>");
            let out = scrubber.scrub(&text);
            assert!(out.contains(STARS) && !out.contains("xyz") && !out.contains("a/b"), "{text}: {out}");
            assert!(out.starts_with("wrong key <") && out.ends_with('>'), "{out}");
        }
    }

    #[test]
    fn a_secret_inside_base64_is_replaced_at_every_alignment() {
        let scrubber = scrubber("0p3n-w3bu!-0p3n-w3bu!");
        for user in ["", "a", "ab", "abc", "user:"] {
            let code = STANDARD_NO_PAD.encode(format!("{user}0p3n-w3bu!-0p3n-w3bu!"));
            let text = format!("Basic {code}");
            let out = scrubber.scrub(&text);
            assert!(out.contains(STARS), "{out}");
            assert!(out.len() < "Basic ".len() + 16, "{out}");
        }
    }

    #[test]
    fn a_part_of_8_characters_is_an_echo_and_7_are_not() {
        let scrubber = scrubber("abcdefghijklmnop");
        assert_eq!(scrubber.scrub("key abcdefgh…"), "key ***…");
        assert_eq!(scrubber.scrub("key abcdefg…mnop"), "key abcdefg…mnop");
        assert_eq!(scrubber.scrub("ijklmnopabcdefgh"), "******");
    }

    #[test]
    fn a_short_secret_and_no_secret_change_nothing() {
        assert_eq!(scrubber("abc").scrub("abc abc abc"), "abc abc abc");
        assert_eq!(Scrubber::default().scrub("ein langer Text"), "ein langer Text");
        for scrubber in [Scrubber::default(), scrubber("abcdefghijklmnop")] {
            assert!(matches!(scrubber.line("stop", 200), Cow::Borrowed("stop")), "no copy of what is kept as it is");
        }
    }

    #[test]
    fn a_secret_across_the_cut_is_replaced_before_the_cut() {
        let scrubber = scrubber("abcdefghijklmnop");
        assert_eq!(scrubber.line("xx abcdefghijklmnop", 8), "xx ***");
        let late = format!("{}abcdefghijklmnop", "x".repeat(4));
        assert_eq!(scrubber.line(&late, 5), "xxxx*…");
    }

    #[test]
    fn a_line_is_one_line_without_control_characters() {
        let nasty = "a\u{1b}[31mred\r\nb\t\u{202e}evil\u{7f}\u{9b}";
        assert_eq!(escape(nasty, 100), "a\\u{1b}[31mred\\r\\nb\\t\\u{202e}evil\\u{7f}\\u{9b}");
        assert_eq!(escape("äöü", 2), "äö…");
    }
}
