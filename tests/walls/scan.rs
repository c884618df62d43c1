//! Reads Rust source as far as the walls need it: no comments, no strings, and every path that leaves a module.
//!
//! It is not a parser. It knows comments, literals, braces, `mod`, `use` trees, `crate::` and `super::`, and it does
//! not know macros or types.

/// A path of our own crate that a file names, as segments below the crate's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// 1-based line.
    pub(crate) line: usize,
    /// `crate::scenario::plan::Case` is `["scenario", "plan", "Case"]`; a glob ends in `*`.
    pub(crate) path: Vec<String>,
    /// Inside `#[cfg(test)]`.
    pub(crate) test: bool,
}

/// A word or a sign of the source, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) test: bool,
}

/// The source as words and signs: comments gone, every literal replaced by `""`, `::` and `=>` kept whole.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let chars: Vec<char> = source.chars().collect();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let (length, text) = token(&chars[at..]);
        if !text.is_empty() {
            found.push(Token { line, text, test: false });
        }
        line += chars[at..at + length].iter().filter(|c| **c == '\n').count();
        at += length;
    }
    mark_tests(&mut found);
    found
}

/// Length of what starts here, and its text: empty for space and comments.
fn token(rest: &[char]) -> (usize, String) {
    let starts = |text: &str| rest.iter().zip(text.chars()).filter(|(a, b)| **a == *b).count() == text.len();
    if starts("//") {
        return (rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()), String::new());
    }
    if starts("/*") {
        return (block_comment(rest), String::new());
    }
    if let Some(length) = literal(rest) {
        return (length, "\"\"".to_owned());
    }
    let word = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
    if word > 0 {
        return (word, rest[..word].iter().collect());
    }
    if starts("::") {
        return (2, "::".to_owned());
    }
    let sign = rest[0];
    (1, if sign.is_whitespace() { String::new() } else { sign.to_string() })
}

/// Block comments nest.
fn block_comment(rest: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of the string, byte string, raw string or character that starts here; lifetimes are not characters.
fn literal(rest: &[char]) -> Option<usize> {
    let prefix = rest.iter().take_while(|c| matches!(c, 'b' | 'c' | 'r')).count();
    let body = &rest[prefix..];
    let hashes = body.iter().take_while(|c| **c == '#').count();
    let raw = rest[..prefix].contains(&'r');
    match body.get(hashes) {
        Some('"') if raw => {
            let mut end = hashes + 1;
            while end < body.len() {
                let closes =
                    body[end] == '"' && body[end + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
                end += 1;
                if closes {
                    break;
                }
            }
            Some(prefix + (end + hashes).min(body.len()))
        }
        Some('"') if hashes == 0 && prefix <= 1 => Some(prefix + quoted(body)),
        Some('\'') if hashes == 0 && prefix <= 1 => {
            let character = body.get(1) == Some(&'\\') || body.get(2) == Some(&'\'');
            character.then(|| prefix + quoted(body))
        }
        _ => None,
    }
}

/// Length up to the closing quote; a backslash takes the next character with it.
fn quoted(body: &[char]) -> usize {
    let mut at = 1;
    while at < body.len() && body[at] != body[0] {
        at += if body[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(body.len())
}

/// Marks what belongs to an item behind `#[cfg(test)]`: up to its closing brace, or to its semicolon.
fn mark_tests(tokens: &mut [Token]) {
    let texts: Vec<String> = tokens.iter().map(|token| token.text.clone()).collect();
    let mut at = 0;
    while at < texts.len() {
        if !texts[at..].starts_with(&["#", "[", "cfg", "(", "test", ")", "]"].map(String::from)) {
            at += 1;
            continue;
        }
        let mut depth = 0_i64;
        for (token, text) in tokens[at..].iter_mut().zip(&texts[at..]) {
            token.test = true;
            at += 1;
            depth += match text.as_str() {
                "{" => 1,
                "}" => -1,
                _ => 0,
            };
            if depth == 0 && matches!(text.as_str(), "}" | ";") {
                break;
            }
        }
    }
}

/// Every path of our own crate that `tokens` name. `module` is where the file stands: `["stats", "gates"]`.
pub(crate) fn imports(tokens: &[Token], module: &[String]) -> Vec<Import> {
    let mut found = Vec::new();
    // The inline modules that are open, each with the depth of its braces.
    let (mut inner, mut depth): (Vec<(String, usize)>, usize) = (Vec::new(), 0);
    let mut at = 0;
    while at < tokens.len() {
        match (tokens[at].text.as_str(), tokens.get(at + 2).map(|token| token.text.as_str())) {
            ("mod", Some("{")) => {
                inner.push((tokens[at + 1].text.clone(), depth));
                depth += 1;
                at += 3;
            }
            ("{", _) => (depth, at) = (depth + 1, at + 1),
            ("}", _) => {
                depth = depth.saturating_sub(1);
                inner.retain(|(_, opened)| *opened < depth);
                at += 1;
            }
            ("crate" | "lamb_load" | "super", _) if tokens.get(at + 1).is_some_and(|token| token.text == "::") => {
                let here: Vec<String> =
                    module.iter().cloned().chain(inner.iter().map(|(name, _)| name.clone())).collect();
                at += tree(&tokens[at..], &[], &here, &mut found);
            }
            _ => at += 1,
        }
    }
    found
}

/// Reads one branch of a path that may end in a group; adds its leaves, returns how many tokens it took.
fn tree(tokens: &[Token], before: &[String], here: &[String], found: &mut Vec<Import>) -> usize {
    let mut path = before.to_vec();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => return at + group(&tokens[at..], &path, here, found),
            "crate" | "lamb_load" => path.clear(),
            "super" if path.is_empty() => path = here[..here.len().saturating_sub(1)].to_vec(),
            "super" => drop(path.pop()),
            "self" => {}
            text => path.push(text.to_owned()),
        }
        at += 1;
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
    }
    let first = &tokens[0];
    found.push(Import { line: tokens[at.max(1) - 1].line, path, test: first.test });
    at
}

/// Reads `{a, b::c, d::{e, f}}`.
fn group(tokens: &[Token], before: &[String], here: &[String], found: &mut Vec<Import>) -> usize {
    let mut at = 1;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "}" => return at + 1,
            "," => at += 1,
            "as" => at += 2,
            _ => at += tree(&tokens[at..], before, here, found).max(1),
        }
    }
    at
}
