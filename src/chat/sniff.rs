//! What a body is: as it is declared, and as it looks.

/// What the answer's `content-type` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// `text/event-stream`
    Events,
    /// `application/json` and its kin.
    Json,
    /// `text/html`
    Html,
    /// Something else, or nothing: what the body looks like counts.
    Other,
}

impl Declared {
    /// Reads a `content-type`.
    pub fn parse(content_type: &str) -> Declared {
        let essence = content_type.split(';').next().unwrap_or_default().trim().as_bytes();
        let is = |name: &str| essence.eq_ignore_ascii_case(name.as_bytes());
        let ends = |end: &[u8]| essence.last_chunk::<5>().is_some_and(|last| last.eq_ignore_ascii_case(end));
        if is("text/event-stream") {
            Declared::Events
        } else if is("text/html") || is("application/xhtml+xml") {
            Declared::Html
        } else if ends(b"/json") || ends(b"+json") {
            Declared::Json
        } else {
            Declared::Other
        }
    }
}

/// What a body looks like from its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    Json,
    Events,
    Markup,
    Other,
}

/// `None` while more bytes are needed.
pub(super) fn sniff(bytes: &[u8]) -> Option<Looks> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    match bytes.first()? {
        b'{' | b'[' => return Some(Looks::Json),
        b'<' => return Some(Looks::Markup),
        b':' => return Some(Looks::Events),
        0xEF if bytes.len() < 3 => return None,
        _ => {}
    }
    for field in ["data", "event", "id", "retry"] {
        let field = field.as_bytes();
        if field.starts_with(bytes) {
            return None;
        }
        if bytes.starts_with(field) && matches!(bytes[field.len()], b':' | b'\n' | b'\r') {
            return Some(Looks::Events);
        }
    }
    Some(Looks::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_is_read_without_its_parameters_and_case() {
        let table = [
            ("text/event-stream", Declared::Events),
            ("Text/Event-Stream;charset=utf-8", Declared::Events),
            ("application/json", Declared::Json),
            ("application/problem+json; charset=utf-8", Declared::Json),
            ("text/html; charset=utf-8", Declared::Html),
            ("text/plain", Declared::Other),
            ("", Declared::Other),
        ];
        for (text, declared) in table {
            assert_eq!(Declared::parse(text), declared, "{text}");
        }
    }

    #[test]
    fn a_body_is_known_by_its_first_bytes_as_soon_as_they_can_tell() {
        let table: [(&[u8], Option<Looks>); 14] = [
            (b"", None),
            (b" \n", None),
            (b"\xEF\xBB", None),
            (b"\xEF\xBB\xBF{", Some(Looks::Json)),
            (b" [", Some(Looks::Json)),
            (b"dat", None),
            (b"data", None),
            (b"data:", Some(Looks::Events)),
            (b"event: x", Some(Looks::Events)),
            (b": ping", Some(Looks::Events)),
            (b"database", Some(Looks::Other)),
            (b"idle", Some(Looks::Other)),
            (b"<", Some(Looks::Markup)),
            (b"Error in x", Some(Looks::Other)),
        ];
        for (bytes, looks) in table {
            assert_eq!(sniff(bytes), looks, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
