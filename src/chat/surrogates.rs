//! JSON in which a character was cut in two: `\ud83d` in one chunk and `\ude00` in the next.
//!
//! Servers that cut text by UTF-16 units send it, the grammar of JSON allows it, most clients read it, and no Rust string
//! can hold it. Here each half becomes the replacement character, in the JSON's own text.

const REPLACEMENT: &str = "\\ufffd";

/// The text with every half of a character replaced; `None` where there is none.
pub(super) fn mended(json: &str) -> Option<String> {
    let mut out = String::new();
    let mut kept = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &json.as_bytes()[at..]) {
        at += found;
        let unit = unit(json, at);
        let high = unit.is_some_and(|unit| (0xd800..0xdc00).contains(&unit));
        let low = |unit: Option<u16>| unit.is_some_and(|unit| (0xdc00..0xe000).contains(&unit));
        if high && low(self::unit(json, at + 6)) {
            at += 12;
        } else if high || low(unit) {
            out.push_str(&json[kept..at]);
            out.push_str(REPLACEMENT);
            at += 6;
            kept = at;
        } else {
            // What is escaped may itself be a backslash. Both are ASCII in JSON; in what is none, a character may be cut.
            at = json.ceil_char_boundary(at + 2);
        }
    }
    (kept > 0).then(|| out + &json[kept..])
}

/// The UTF-16 unit of the escape that begins here, if one does.
fn unit(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_replaced_and_whole_characters_left() {
        let table = [
            (r#""\ud83d""#, Some(r#""\ufffd""#)),
            (r#""\uDE00a\uD83D""#, Some(r#""\ufffda\ufffd""#)),
            (r#""\ud83d\ud83d\ude00""#, Some(r#""\ufffd\ud83d\ude00""#)),
            (r#""\ud83d\ude00""#, None),
            (r#""\\ud83d""#, None),
            (r#""\\\ud83d""#, Some(r#""\\\ufffd""#)),
            (r#""\u00e9 \n \ud83""#, None),
            (r"\é\ud83d", Some(r"\é\ufffd")),
            (r"\", None),
            ("é", None),
        ];
        for (json, expected) in table {
            assert_eq!(mended(json).as_deref(), expected, "{json}");
        }
    }
}
