//! The start of an HTTP/1.1 answer: its status line and header fields, and what they say of the body behind them.
//!
//! Pure. It reads what real servers send (folded fields, blanks before a colon, lines without one, 1xx before the
//! answer), and refuses what is too much.

use std::mem::MaybeUninit;

use hyper::{StatusCode, Version};

use super::fields::HeaderFields;
use super::framing::Framing;

/// The most header fields of an answer.
pub(super) const FIELDS: usize = 100;
/// The most bytes of a status line and header fields together.
pub(super) const BYTES: usize = 64 * 1024;

/// The start of an answer.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) fields: HeaderFields,
    /// How its body ends.
    pub(super) framing: Framing,
    /// The server will take another request on the connection.
    pub(super) keeps: bool,
}

/// Why there is no start.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoStart {
    #[error("more than {FIELDS} fields or {} KiB", BYTES / 1024)]
    TooLarge,
    #[error("{0}")]
    NotHttp(&'static str),
    #[error(transparent)]
    Unreadable(httparse::Error),
}

/// The start of the answer in `bytes` and how long it is; `None` while it is not whole. What a server says before its
/// answer (1xx) is passed over, and counts to what is too much.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Start, usize)>, NoStart> {
    let mut at = 0;
    loop {
        match parse_one(&bytes[at..])? {
            None if bytes.len() >= BYTES => return Err(NoStart::TooLarge),
            None => return Ok(None),
            Some((_, length)) if at + length > BYTES => return Err(NoStart::TooLarge),
            Some((start, length)) if start.status.is_informational() && start.status.as_u16() != 101 => at += length,
            Some((start, length)) => return Ok(Some((start, at + length))),
        }
    }
}

fn parse_one(bytes: &[u8]) -> Result<Option<(Start, usize)>, NoStart> {
    let mut fields = [MaybeUninit::uninit(); FIELDS];
    let mut head = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .parse_response_with_uninit_headers(&mut head, bytes, &mut fields);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(NoStart::TooLarge),
        Err(error) => return Err(NoStart::Unreadable(error)),
    };
    let status = StatusCode::from_u16(head.code.unwrap_or_default()).map_err(|_| NoStart::NotHttp("no such status"))?;
    let version = if head.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let fields = HeaderFields::of(&bytes[..length], head.headers);
    let framing = framing(status, version, &fields)?;
    let keeps = keeps(version, &fields) && framing != Framing::UntilClosed && status != StatusCode::SWITCHING_PROTOCOLS;
    Ok(Some((Start { status, version, fields, framing, keeps }, length)))
}

/// RFC 9112, section 6.3, for the answer to a POST.
fn framing(status: StatusCode, version: Version, fields: &HeaderFields) -> Result<Framing, NoStart> {
    if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Ok(Framing::Length(0));
    }
    if let Some(coding) = fields.all("transfer-encoding").next_back() {
        if version == Version::HTTP_10 {
            return Err(NoStart::NotHttp("HTTP/1.0 has no transfer-encoding"));
        }
        let last = words(coding).rfind(|word| !word.is_empty()).unwrap_or_default();
        return Ok(if last.eq_ignore_ascii_case(b"chunked") { Framing::chunked() } else { Framing::UntilClosed });
    }
    let mut length = None;
    for word in fields.all("content-length").flat_map(words) {
        let told = number(word).filter(|told| length.is_none_or(|length| length == *told));
        length = Some(told.ok_or(NoStart::NotHttp("content-length is not a length"))?);
    }
    Ok(length.map_or(Framing::UntilClosed, Framing::Length))
}

/// Digits only: no sign, no blanks.
fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    text.parse().ok().filter(|_| digits.iter().all(u8::is_ascii_digit))
}

fn keeps(version: Version, fields: &HeaderFields) -> bool {
    let says = |wanted: &[u8]| {
        let mut words = fields.all("connection").flat_map(words);
        words.any(|word| word.eq_ignore_ascii_case(wanted))
    };
    if version == Version::HTTP_10 { says(b"keep-alive") && !says(b"close") } else { !says(b"close") }
}

/// What stands between commas.
fn words(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, framing, whether the connection is kept, and how long the start is.
    fn read(text: &str) -> (u16, Framing, bool, usize) {
        let (start, length) = parse(text.as_bytes()).unwrap().unwrap();
        (start.status.as_u16(), start.framing, start.keeps, length)
    }

    fn framed(fields: &str) -> (Framing, bool) {
        let (_, framing, keeps, _) = read(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"));
        (framing, keeps)
    }

    #[test]
    fn how_the_body_ends_is_read_from_the_fields() {
        let table = [
            ("content-length: 5\r\n", (Framing::Length(5), true)),
            ("content-length: 5, 5\r\ncontent-length: 5\r\n", (Framing::Length(5), true)),
            ("transfer-encoding: chunked\r\n", (Framing::chunked(), true)),
            ("transfer-encoding: gzip\r\ntransfer-encoding: x, Chunked,\r\n", (Framing::chunked(), true)),
            // Chunks overrule a length beside them.
            ("transfer-encoding: chunked\r\ncontent-length: 5\r\n", (Framing::chunked(), true)),
            ("transfer-encoding: chunked, gzip\r\n", (Framing::UntilClosed, false)),
            ("", (Framing::UntilClosed, false)),
            ("content-length: 5\r\nconnection: x, Close\r\n", (Framing::Length(5), false)),
        ];
        for (fields, expected) in table {
            assert_eq!(framed(fields), expected, "{fields:?}");
        }
        assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n"), (204, Framing::Length(0), true, 27));
        let old = "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n";
        assert_eq!(read(&format!("{old}\r\n")), (200, Framing::Length(1), false, 38));
        assert_eq!(read(&format!("{old}connection: keep-alive\r\n\r\n")), (200, Framing::Length(1), true, 62));
    }

    #[test]
    fn what_is_said_before_the_answer_is_passed_over() {
        let early = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let whole = [early, answer].concat();
        assert_eq!(read(&whole), (200, Framing::Length(0), true, whole.len()));
        for cut in 0..whole.len() {
            assert!(parse(&whole.as_bytes()[..cut]).unwrap().is_none(), "{cut}");
        }
    }

    #[test]
    fn a_folded_field_is_one_value_and_a_line_without_a_colon_none() {
        let text = b"HTTP/1.1 200\r\nX-Folded: one\r\n two\r\nno colon\r\nx-space : 3\r\ncontent-length: 0\r\n\r\n";
        let (start, _) = parse(text).unwrap().unwrap();
        let seen: Vec<_> = start.fields.texts().collect();
        assert_eq!(seen, [("x-folded", "one   two"), ("x-space", "3"), ("content-length", "0")]);
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for text in [
            "hello\r\n\r\n",
            "HTTP/1.1 abc OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 099 Low\r\n\r\n",
        ] {
            assert!(matches!(parse(text.as_bytes()), Err(NoStart::NotHttp(_) | NoStart::Unreadable(_))), "{text:?}");
        }
    }

    #[test]
    fn fields_are_bounded_in_number_and_size() {
        let head = |fields: usize, value: usize| {
            let fields: String = (0..fields).map(|nth| format!("x-{nth}: {}\r\n", "v".repeat(value))).collect();
            parse(format!("HTTP/1.1 204 No\r\n{fields}\r\n").as_bytes())
        };
        assert!(matches!(head(FIELDS, 10), Ok(Some(_))));
        assert!(matches!(head(FIELDS + 1, 10), Err(NoStart::TooLarge)));
        assert!(matches!(head(60, 1000), Ok(Some(_))));
        assert!(matches!(head(70, 1000), Err(NoStart::TooLarge)));
        assert!(matches!(parse(&[b"HTTP/1.1 200 OK\r\nx: ", &[b'v'; BYTES][..]].concat()), Err(NoStart::TooLarge)));
        let early = "HTTP/1.1 100 Continue\r\n\r\n";
        assert!(matches!(parse(early.repeat(BYTES / early.len()).as_bytes()), Ok(None)));
        assert!(matches!(parse(early.repeat(BYTES / early.len() + 1).as_bytes()), Err(NoStart::TooLarge)));
    }
}
