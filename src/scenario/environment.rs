//! `${NAME}` and `${NAME:-default}`: filling in the environment.
//!
//! It refuses to know where a value goes; who calls it decides which keys may be filled at all.

use std::ops::Range;

/// How the environment is read: tests pass their own.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A text with its names filled in.
#[derive(Clone, PartialEq, Eq)]
pub struct Filled {
    /// The value.
    pub value: String,
    /// Where in `value` each name's part stands, and the name.
    pub parts: Vec<(Range<usize>, String)>,
}

/// What cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfilled {
    /// What is wrong.
    pub message: String,
    /// What puts it right.
    pub hint: String,
}

/// Fills in every `${NAME}`; an empty value counts as not set, as in a shell's `:-`.
pub fn fill(text: &str, lookup: &Lookup<'_>) -> Result<Filled, Unfilled> {
    let mut filled = Filled { value: String::new(), parts: Vec::new() };
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        filled.value += &rest[..start];
        let inside = &rest[start + 2..];
        let Some(end) = inside.find('}') else {
            return Err(Unfilled {
                message: "a ${ without its }".into(),
                hint: "write ${NAME} or ${NAME:-default}".into(),
            });
        };
        let (name, default) = match inside[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inside[..end], None),
        };
        if !is_name(name) {
            let hint = "write ${NAME} or ${NAME:-default}; a name has letters, digits and _".to_owned();
            return Err(Unfilled { message: "what stands in ${…} is not a name".into(), hint });
        }
        let found = lookup(name).filter(|value| !value.is_empty()).or_else(|| default.map(str::to_owned));
        let Some(value) = found else {
            let message = format!("{name} is not set");
            return Err(Unfilled { message, hint: format!("export it, or write ${{{name}:-default}}") });
        };
        let from = filled.value.len();
        filled.value += &value;
        filled.parts.push((from..filled.value.len(), name.to_owned()));
        rest = &inside[end + 1..];
    }
    filled.value += rest;
    Ok(filled)
}

/// A `${NAME}` or `${NAME:-default}`: where in its text what stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder {
    /// All of it.
    pub whole: Range<usize>,
    /// Its name.
    pub name: Range<usize>,
    /// Its default; empty where there is none.
    pub default: Range<usize>,
}

/// The placeholders of a text, in order.
pub fn placeholders(text: &str) -> Vec<Placeholder> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|at| from + at) {
        from = start + 2;
        let length = text[from..].bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let name = from..from + length;
        if !is_name(&text[name.clone()]) {
            continue;
        }
        let default = match text[name.end..].strip_prefix(":-") {
            // Without an end there is none behind it either.
            Some(inside) => match inside.find('}') {
                Some(length) => name.end + 2..name.end + 2 + length,
                None => break,
            },
            None => name.end..name.end,
        };
        if text[default.end..].starts_with('}') {
            from = default.end + 1;
            found.push(Placeholder { whole: start..from, name, default });
        }
    }
    found
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "KEY" => Some("secret".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn value(text: &str) -> Result<String, String> {
        fill(text, &lookup).map(|filled| filled.value).map_err(|unfilled| unfilled.message)
    }

    #[test]
    fn placeholders_are_found_with_their_names_and_defaults() {
        let text = "a${KEY}b${K_2:-x:-y}${}${1A}${${KEY:-}$${A:b}${OPEN";
        let found = placeholders(text);
        let told: Vec<[&str; 3]> = found
            .iter()
            .map(|found| [&found.whole, &found.name, &found.default].map(|range| &text[range.clone()]))
            .collect();
        let expected = [["${KEY}", "KEY", ""], ["${K_2:-x:-y}", "K_2", "x:-y"], ["${KEY:-}", "KEY", ""]];
        assert_eq!(told, expected);
    }

    #[test]
    fn names_are_filled_in_and_a_lone_dollar_is_a_dollar() {
        assert_eq!(value("Bearer ${KEY}!"), Ok("Bearer secret!".into()));
        assert_eq!(value("$5 and ${NONE:-a:-b}"), Ok("$5 and a:-b".into()));
        assert_eq!(value("${EMPTY:-x}"), Ok("x".into()));
        assert_eq!(value("${NONE:-}"), Ok(String::new()));
    }

    #[test]
    fn what_cannot_be_filled_in_is_said() {
        assert_eq!(value("${NONE}"), Err("NONE is not set".into()));
        assert_eq!(value("${EMPTY}"), Err("EMPTY is not set".into()));
        assert_eq!(value("${KEY"), Err("a ${ without its }".into()));
        assert_eq!(value("${KE Y}"), Err("what stands in ${…} is not a name".into()));
    }

    #[test]
    fn a_value_is_not_filled_in_again() {
        let nested = |name: &str| Some(if name == "A" { "${B}".to_owned() } else { "never".to_owned() });
        assert_eq!(fill("${A}", &nested).map(|filled| filled.value).ok(), Some("${B}".to_owned()));
    }
}
