//! One tree from many: the file over what it extends, the profile over the file, flags over both.
//!
//! Precedence lives here and nowhere else. It refuses to know what the keys mean, except that `timeout` is short for
//! `timeouts.total`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::Overrides;
use super::desk::Desk;
use super::problem::choose;
use super::prompts::read_bounded;
use super::secrets;
use super::source::{Origin, SourceId, Spot};
use super::tree::{self, Node, Value};

/// The largest scenario file, in bytes.
const LARGEST_SCENARIO: u64 = 1 << 20;
/// How far a chain of `extends` goes.
const LONGEST_CHAIN: usize = 20;

/// The merged tree and what the layers knew.
pub(super) struct Layers {
    /// Merged, without the chosen profile's table.
    pub(super) root: Node,
    /// The scenario's own source.
    pub(super) source: SourceId,
    /// The scenario's own text, as read.
    pub(super) text: String,
    /// Every model that any layer names.
    pub(super) models: BTreeSet<String>,
    /// Every number of users that any layer names.
    pub(super) users: BTreeSet<i64>,
}

/// Reads a file, what it extends, its profile and the flags.
pub(super) fn from_file(desk: &mut Desk<'_>, path: &Path, overrides: &Overrides) -> Option<Layers> {
    let name = path.display().to_string();
    let text = match read_bounded(path, LARGEST_SCENARIO) {
        Ok(text) => text,
        Err(fault) => {
            let message = fault.message.strip_prefix(&format!("{name}: ")).unwrap_or(&fault.message).to_owned();
            desk.unreadable(&name, message, fault.hint);
            return None;
        }
    };
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut chain = vec![canonical(path)];
    let (source, root) = one(desk, &name, Origin::File, &text, &folder);
    let mut layers = Layers { root, source, text, models: BTreeSet::new(), users: BTreeSet::new() };
    know(&layers.root.clone(), &mut layers);
    if let Some(base) = extended(desk, &layers.root.clone(), &folder, &mut chain, &mut layers) {
        let own = std::mem::replace(&mut layers.root, base);
        layers.root.merge(own);
    }
    over(desk, &mut layers, overrides);
    Some(layers)
}

/// Takes a scenario that flags built, and the flags beside it.
pub(super) fn from_text(desk: &mut Desk<'_>, name: &str, text: &str, overrides: &Overrides) -> Layers {
    let (source, root) = one(desk, name, Origin::Built, text, Path::new(""));
    let mut layers = Layers { root, source, text: text.to_owned(), models: BTreeSet::new(), users: BTreeSet::new() };
    know(&layers.root.clone(), &mut layers);
    over(desk, &mut layers, overrides);
    layers
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Parses one text; what is wrong with its syntax is reported, once a line.
fn one(desk: &mut Desk<'_>, name: &str, origin: Origin, text: &str, folder: &Path) -> (SourceId, Node) {
    let source = desk.sources.add(name, origin, text, folder);
    let mut parsed = tree::parse(text, source);
    if !parsed.errors.is_empty() {
        parsed.secrets.extend(secrets::suspicious(text));
    }
    desk.sources.mask(source, &parsed.secrets);
    parsed.errors.sort_by_key(|(_, span)| span.start);
    let mut lines = BTreeSet::new();
    for (message, span) in parsed.errors {
        let line = text.get(..span.start).map_or(0, |before| before.matches('\n').count());
        let in_doubt = message.starts_with("missing comma");
        if lines.insert(line) {
            let hint = syntax_hint(&message);
            desk.syntax(source, span, message, hint.to_owned());
        }
        if in_doubt {
            // A bracket was not closed: what the parser says of the lines that it swallowed is noise.
            break;
        }
    }
    short_timeout(desk, &mut parsed.root);
    plain_profiles(desk, &mut parsed.root);
    (source, parsed.root)
}

/// What usually puts a syntax error right.
fn syntax_hint(message: &str) -> &'static str {
    match message {
        _ if message.starts_with("duplicate key") => "a key stands once in its table: keep one of them",
        _ if message.starts_with("missing comma") => "close the bracket that was opened above, or put a comma",
        _ if message.starts_with("string values must be quoted") => "put it in quotes",
        _ if message.contains("string") => "close the string with the quote that opened it",
        _ => "this is not TOML: KEY = VALUE, strings in quotes, tables in [brackets]",
    }
}

/// Profiles hold neither profiles nor `extends`: these belong to a file.
fn plain_profiles(desk: &mut Desk<'_>, root: &mut Node) {
    let profiles = root.entries_mut().and_then(|entries| entries.get_mut("profiles")).and_then(Node::entries_mut);
    for profile in profiles.into_iter().flat_map(IndexMap::values_mut).filter_map(Node::entries_mut) {
        for node in ["extends", "profiles"].into_iter().filter_map(|key| profile.shift_remove(key)) {
            desk.wrong_key(&node.spot, "not in a profile", "remove it: it belongs to the file");
        }
    }
}

/// The tree that `extends` names, merged with what that one extends.
fn extended(
    desk: &mut Desk<'_>,
    root: &Node,
    folder: &Path,
    chain: &mut Vec<PathBuf>,
    layers: &mut Layers,
) -> Option<Node> {
    let node = root.key("extends")?;
    let path = folder.join(node.text()?);
    let shown = path.display().to_string();
    let own = canonical(&path);
    if chain.contains(&own) {
        let message = format!("{} extends itself through this", chain[0].file_name()?.to_string_lossy());
        desk.wrong(&node.spot, message, "remove it: a chain of files has an end");
        return None;
    }
    if chain.len() >= LONGEST_CHAIN {
        desk.wrong(&node.spot, format!("a chain of more than {LONGEST_CHAIN} files"), "remove it");
        return None;
    }
    chain.push(own);
    let text = match read_bounded(&path, LARGEST_SCENARIO) {
        Ok(text) => text,
        Err(fault) => {
            desk.wrong(&node.spot, fault.message, fault.hint);
            desk.break_off();
            return None;
        }
    };
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let (_, mut base) = one(desk, &shown, Origin::File, &text, &folder);
    know(&base, layers);
    let under = extended(desk, &base, &folder, chain, layers);
    if let Some(entries) = base.entries_mut() {
        entries.shift_remove("extends");
    }
    Some(match under {
        Some(mut under) => {
            under.merge(base);
            under
        }
        None => base,
    })
}

/// `timeout` moves to `timeouts.total`, so that each layer overrides the other whichever way it is written.
fn short_timeout(desk: &mut Desk<'_>, root: &mut Node) {
    let Some(entries) = root.entries_mut() else { return };
    let in_a_table = entries.get("timeouts").is_none_or(|node| node.entries().is_some());
    if !in_a_table {
        return;
    }
    let Some(short) = entries.shift_remove("timeout") else { return };
    let spot = short.spot.clone();
    let table = entries.entry("timeouts".to_owned()).or_insert_with(|| Node::new(Value::Table(IndexMap::new()), spot));
    if let Some(timeouts) = table.entries_mut() {
        if timeouts.contains_key("total") {
            desk.wrong_key(&short.spot, "given twice: it is short for timeouts.total", "keep one of the two");
        } else {
            timeouts.insert("total".to_owned(), short);
        }
    }
}

/// Remembers what a layer names on the axes, so that an `exclude` written for it is not a typing error under another.
fn know(root: &Node, layers: &mut Layers) {
    let models = root.key("models").map(Node::items).unwrap_or_default();
    layers.models.extend(models.iter().filter_map(Node::text).map(str::to_owned));
    let users = root.key("users").map(Node::items).unwrap_or_default();
    layers.users.extend(users.iter().filter_map(|node| match node.value {
        Value::Integer(users) => Some(users),
        _ => None,
    }));
    for profile in root.key("profiles").and_then(Node::entries).into_iter().flat_map(IndexMap::values) {
        know(profile, layers);
    }
}

/// The profile and the flags, over the file.
fn over(desk: &mut Desk<'_>, layers: &mut Layers, overrides: &Overrides) {
    if let Some(name) = &overrides.profile {
        profile(desk, &mut layers.root, name);
    }
    for text in &overrides.set {
        set(desk, &mut layers.root, text);
    }
    if let Some(models) = &overrides.models {
        let values = models.iter().map(|model| (model.clone(), Value::Text(model.clone()))).collect();
        replace(desk, &mut layers.root, "models", values);
    }
    if let Some(users) = &overrides.users {
        let values = users.iter().map(|users| (users.to_string(), Value::Integer(i64::from(*users)))).collect();
        replace(desk, &mut layers.root, "users", values);
    }
    let root = layers.root.clone();
    know(&root, layers);
}

fn profile(desk: &mut Desk<'_>, root: &mut Node, name: &str) {
    let profiles = root.entries_mut().and_then(|entries| entries.get_mut("profiles")).and_then(Node::entries_mut);
    let names: Vec<String> = profiles.as_ref().map(|all| all.keys().cloned().collect()).unwrap_or_default();
    match profiles.and_then(|profiles| profiles.shift_remove(name)) {
        Some(mut chosen) => {
            short_timeout(desk, &mut chosen);
            let spot = root.spot.clone();
            root.merge(chosen);
            root.spot = spot;
        }
        None => {
            let spot = desk.flag("--profile", name);
            desk.wrong(&spot, "no such profile", choose(name, names.iter().map(String::as_str)));
        }
    }
}

/// `--set path.to.key=<TOML>`.
fn set(desk: &mut Desk<'_>, root: &mut Node, text: &str) {
    let source = desk.sources.add("--set", Origin::Flag, text, Path::new(""));
    let mut parsed = tree::parse(text, source);
    desk.sources.mask(source, &[parsed.secrets.clone(), secrets::suspicious(text)].concat());
    if let Some((message, span)) = parsed.errors.into_iter().next() {
        let hint = "write KEY=VALUE with a TOML value: --set repeat=5, --set 'targets.local.url=\"http://localhost\"'";
        desk.syntax(source, span, message, hint.to_owned());
        return;
    }
    short_timeout(desk, &mut parsed.root);
    let Some(entries) = parsed.root.entries() else { return };
    for key in ["extends", "profiles"] {
        if let Some(node) = entries.get(key) {
            desk.wrong_key(&node.spot, "cannot be set by a flag", "set the keys themselves, or choose with --profile");
            return;
        }
    }
    let known: Vec<String> =
        root.key("targets").and_then(Node::entries).map(|all| all.keys().cloned().collect()).unwrap_or_default();
    for (name, node) in entries.get("targets").and_then(Node::entries).into_iter().flatten() {
        if !known.contains(name) {
            let hint = choose(name, known.iter().map(String::as_str));
            desk.wrong_key(&node.spot, "no such target", hint);
            return;
        }
    }
    let spot = root.spot.clone();
    root.merge(parsed.root);
    root.spot = spot;
}

/// A list that a flag such as `--users 10,50` puts in place of the file's.
fn replace(desk: &mut Desk<'_>, root: &mut Node, key: &str, values: Vec<(String, Value)>) {
    let text = values.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(",");
    let source = desk.sources.add(&format!("--{key}"), Origin::Flag, &text, Path::new(""));
    let mut at = 0;
    let mut items = Vec::new();
    for (index, (word, value)) in values.into_iter().enumerate() {
        let span = at..at + word.len();
        at = span.end + 1;
        items.push(Node::new(value, Spot { source, key: span.clone(), value: span, path: format!("{key}[{index}]") }));
    }
    let spot = Spot { source, key: 0..text.len(), value: 0..text.len(), path: key.to_owned() };
    if let Some(entries) = root.entries_mut() {
        entries.insert(key.to_owned(), Node::new(Value::List(items), spot));
    }
}
