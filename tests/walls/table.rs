//! Who may know whom, and which words belong to which room: the table of the house as data.

use std::fmt;

use crate::scan::{Import, Token, imports, tokens};

/// A wall broken: file, line, rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) rule: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}:{}: {}", self.file, self.line, self.rule)
    }
}

/// What a room may import beside itself. `facts` is a leaf: what a client recorded of itself.
const ROOMS: [(&str, &[&str]); 17] = [
    ("lib", &[]),
    ("main", &["cli", "commands"]),
    ("cli", &[]),
    ("commands", &["*"]),
    ("sample", &[]),
    ("facts", &[]),
    ("scenario", &["sample"]),
    ("mock", &[]),
    ("stats", &["sample", "scenario::plan", "facts"]),
    ("load", &["sample", "scenario::plan"]),
    ("wire", &[]),
    ("chat", &["wire", "sample", "scenario::plan"]),
    ("audit", &["wire", "chat", "sample", "scenario::plan", "facts"]),
    ("runner", &["scenario", "sample", "load", "chat", "wire", "audit", "facts"]),
    ("results", &["scenario::plan", "sample", "stats", "facts"]),
    ("progress", &["runner::event"]),
    ("report", &["results", "stats"]),
];

/// What tests inside `src/` may import beside that: the endpoint they talk to, and what they build its requests from.
const IN_TESTS: [&str; 4] = ["mock", "sample", "scenario", "wire"];

/// Rooms whose tests are held to the room's own walls.
const NOT_EVEN_IN_TESTS: [&str; 3] = ["mock", "wire", "sample"];

/// Crates that belong to a few modules, and how the rule reads.
const BELONGS: [(&str, &[&str], &str); 4] = [
    ("reqwest", &["chat::models", "chat::preflight"], "reqwest belongs to chat::models and chat::preflight"),
    ("indicatif", &["progress"], "indicatif belongs to progress"),
    ("clap", &["cli", "commands", "main"], "clap belongs to cli, commands and main"),
    ("csv", &["results"], "csv belongs to results"),
];

/// Macros that speak, and who may.
const SPEAKS: [(&str, &[&str], &str); 4] = [
    ("println", &["commands", "main"], "println! belongs to commands and main"),
    ("print", &["commands", "main"], "print! belongs to commands and main"),
    ("eprintln", &["commands", "progress", "main"], "eprintln! belongs to commands, progress and main"),
    ("eprint", &["commands", "progress", "main"], "eprint! belongs to commands, progress and main"),
];

/// Modules that compute and do nothing else.
const PURE: [&str; 5] = ["stats", "report", "sample", "facts", "scenario::plan"];

/// Everything wrong with one file; `file` is its path below `src`.
pub(crate) fn check(file: &str, source: &str) -> Vec<Breach> {
    let module = module(file);
    let tokens = tokens(source);
    let mut rules: Vec<(usize, String)> = Vec::new();
    match ROOMS.iter().find(|(room, _)| *room == module[0]) {
        None => rules.push((1, format!("{} is not a room of ARCHITECTURE's table", module[0]))),
        Some((room, allowed)) => {
            let crossings = imports(&tokens, &module);
            rules.extend(
                crossings.iter().filter_map(|import| Some((import.line, crossing(room, allowed, file, import)?))),
            );
        }
    }
    for (at, token) in tokens.iter().enumerate() {
        rules.extend(words(&module, &tokens[at..]).into_iter().map(|rule| (token.line, rule)));
    }
    rules.sort_by_key(|(line, _)| *line);
    rules.into_iter().map(|(line, rule)| Breach { file: file.to_owned(), line, rule }).collect()
}

/// `stats/gates.rs` is `["stats", "gates"]`, `stats/mod.rs` is `["stats"]`.
fn module(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    stem.split('/').map(String::from).collect()
}

/// The rule that an import breaks, if it breaks one.
fn crossing(room: &str, allowed: &[&str], file: &str, import: &Import) -> Option<String> {
    let path = import.path.join("::");
    if import.path.is_empty() || path == "*" {
        return Some(format!("{room} may not import everything"));
    }
    // `use super::*` in an inline module stays at home.
    let at_home = import.path[0] == room || allowed.contains(&"*");
    let test = (import.test || is_test_file(file)) && !NOT_EVEN_IN_TESTS.contains(&room);
    let fine = at_home
        || allowed.iter().any(|prefix| below(&path, prefix))
        || test && IN_TESTS.iter().any(|prefix| below(&path, prefix));
    (!fine).then(|| format!("{room} may not import {path}"))
}

fn is_test_file(file: &str) -> bool {
    file.split('/').any(|part| part.trim_end_matches(".rs").split('_').any(|word| word == "tests"))
}

/// Whether `path` is `prefix` or inside it.
fn below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The rules that the words starting here break.
fn words(module: &[String], rest: &[Token]) -> Vec<String> {
    let here = module.join("::");
    let within = |homes: &[&str]| homes.iter().any(|home| below(&here, home));
    let word = rest[0].text.as_str();
    let next = |n: usize| rest.get(n).map_or("", |token| token.text.as_str());
    let mut broken = Vec::new();
    // A library is named at the head of a path, or renamed by `use … as`.
    let heads_a_path = matches!(next(1), "::" | "as" | ";");
    if let Some((_, homes, rule)) = BELONGS.iter().find(|(name, ..)| *name == word)
        && heads_a_path
        && !within(homes)
    {
        broken.push((*rule).to_owned());
    }
    if let Some((_, homes, rule)) = SPEAKS.iter().find(|(name, ..)| *name == word)
        && next(1) == "!"
        && !within(homes)
    {
        broken.push((*rule).to_owned());
    }
    if word == "process" && here != "main" && names(rest, "exit") {
        broken.push("process::exit belongs to main".to_owned());
    }
    if word == "serde_json" && below(&here, "wire") {
        broken.push("serde_json stays out of wire".to_owned());
    }
    if let Some(pure) = PURE.iter().find(|pure| below(&here, pure))
        && !rest[0].test
    {
        let what = match (word, next(1), next(2)) {
            ("async" | "await", _, _) => Some("async"),
            ("tokio", "::", _) => Some("tokio"),
            ("fs", "::" | ";", _) => Some("fs"),
            ("fs_err", _, _) => Some("fs_err"),
            ("Instant" | "SystemTime" | "Timestamp" | "Zoned", "::", "now") => Some("clock"),
            _ => None,
        };
        broken.extend(what.map(|what| format!("{pure} is pure: no {what}")));
    }
    broken
}

/// Whether the path or the `use` tree that starts here names `leaf` directly below its first word.
fn names(rest: &[Token], leaf: &str) -> bool {
    let text = |n: usize| rest.get(n).map_or("", |token| token.text.as_str());
    if text(1) != "::" {
        return false;
    }
    if text(2) == leaf {
        return true;
    }
    text(2) == "{" && rest[3..].iter().take_while(|token| token.text != "}").any(|token| token.text == leaf)
}
