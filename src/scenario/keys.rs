//! What to say of a key that is not part of the format, or of a value of the wrong type.
//!
//! It turns faults of decoding into problems with hints. It knows which key lives where, and no values.

use super::decode::{Fault, What};
use super::desk::Desk;
use super::problem::{choose, nearest};
use super::tree::{Node, Step, Value};
use super::units::quoted;

/// Keys of the format that this version does not carry out.
const NOT_YET: [&str; 3] = ["open", "search", "budget"];

/// Keys of `[closed]` that this version does not carry out.
const NOT_YET_CLOSED: [&str; 2] = ["turns", "ramp"];

/// Keys and the table in which they live, for whoever writes them elsewhere.
const HOMES: [(&str, &str); 30] = [
    ("stream", "request"),
    ("system", "request"),
    ("max_tokens", "request"),
    ("temperature", "request"),
    ("cache_bust", "request"),
    ("url", "targets.NAME"),
    ("api_key", "targets.NAME"),
    ("headers", "targets.NAME"),
    ("server", "targets.NAME"),
    ("connections", "targets.NAME"),
    ("http2", "targets.NAME"),
    ("proxy", "targets.NAME"),
    ("insecure", "targets.NAME"),
    ("local_addresses", "targets.NAME"),
    ("mock", "targets.NAME"),
    ("connect", "timeouts"),
    ("first_token", "timeouts"),
    ("idle", "timeouts"),
    ("total", "timeouts"),
    ("must_match", "answer"),
    ("must_not_match", "answer"),
    ("min_chars", "answer"),
    ("finish_reason", "answer"),
    ("spread", "burst"),
    ("duration", "closed"),
    ("think_time", "closed"),
    ("success_rate", "expect"),
    ("failures", "expect"),
    ("validity", "expect"),
    ("vs_baseline", "expect"),
];

/// Keys that stand above the first table.
const TOP: [&str; 13] = [
    "description",
    "notes",
    "tags",
    "extends",
    "seed",
    "models",
    "users",
    "prompts",
    "order",
    "exclude",
    "timeout",
    "repeat",
    "pause",
];

/// Reports every fault.
pub(super) fn report(desk: &mut Desk<'_>, root: &Node, faults: Vec<Fault>) {
    for fault in faults {
        let Some(node) = root.at(&fault.steps) else { continue };
        match fault.what {
            What::UnknownKey(keys) => unknown_key(desk, node, &fault.steps, &keys),
            What::UnknownWord(word, words) => {
                let message = format!("there is no {}", quoted(&word));
                desk.wrong(&node.spot, message, choose(&word, words.iter().copied()));
            }
            What::Missing(key) => {
                desk.wrong(&node.spot, format!("{key} is missing"), format!("add {key} = …"));
            }
            What::Type { expected, found } => wrong_type(desk, node, &expected, &found),
            What::Custom(text) => custom(desk, node, &text),
        }
    }
}

/// A sentence of our own; one about a key itself says so.
fn custom(desk: &mut Desk<'_>, node: &Node, text: &str) {
    let (message, hint) = text.split_once("\nhint: ").unwrap_or((text, ""));
    if ["no such metric", "not compared by its ratio"].contains(&message) {
        desk.wrong_key(&node.spot, message, hint);
    } else {
        desk.wrong(&node.spot, message, hint);
    }
}

fn unknown_key(desk: &mut Desk<'_>, node: &Node, steps: &[Step], keys: &[&'static str]) {
    let Some(Step::Key(key)) = steps.last() else { return };
    let at_top = steps.len() == 1 || steps.len() == 3 && steps[0] == Step::Key("profiles".into());
    if at_top && NOT_YET.contains(&key.as_str()) {
        let instead = match key.as_str() {
            "open" => ": every load is a [burst] or [closed] here",
            "search" => ", and name the numbers to try in users",
            _ => "",
        };
        desk.wrong_key(&node.spot, "not supported by this version", format!("remove [{key}]{instead}"));
        return;
    }
    let table = steps.len().checked_sub(2).map(|table| &steps[table]);
    if table == Some(&Step::Key("closed".into())) && NOT_YET_CLOSED.contains(&key.as_str()) {
        desk.wrong_key(&node.spot, "not supported by this version", format!("remove {key}"));
        return;
    }
    let hint = elsewhere(key, at_top, keys).unwrap_or_else(|| choose(key, keys.iter().copied()));
    desk.wrong_key(&node.spot, "no such key", hint);
}

/// Where a key lives that stands in the wrong place.
fn elsewhere(key: &str, at_top: bool, keys: &[&str]) -> Option<String> {
    if nearest(key, keys.iter().copied()).is_some() {
        return None;
    }
    if !at_top && TOP.contains(&key) {
        return Some(format!("{key} belongs above the first [table]"));
    }
    let (_, home) = HOMES.iter().find(|(name, _)| *name == key)?;
    Some(format!("{key} belongs under [{home}]"))
}

fn wrong_type(desk: &mut Desk<'_>, node: &Node, expected: &str, found: &str) {
    let words = desk.sources.words(node.spot.source, node.spot.value.clone()).map(str::to_owned);
    let hint = match (expected, &node.value, words) {
        ("a list", Value::Text(_) | Value::Integer(_) | Value::Float(_), Some(words)) => format!("write [{words}]"),
        ("a string", Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime, Some(words)) => {
            format!("write \"{words}\"")
        }
        ("a string", Value::List(items), _) if items.len() == 1 => "write the one value without its brackets".into(),
        ("true or false" | "a whole number", Value::Text(text), _)
            if text.parse::<i64>().is_ok() || text == "true" || text == "false" =>
        {
            format!("write {text}, without quotes")
        }
        ("a table", _, _) => format!("write [{}] and its keys under it", node.spot.path),
        _ => format!("write {expected}"),
    };
    desk.wrong(&node.spot, format!("expected {expected}, found {found}"), hint);
}
