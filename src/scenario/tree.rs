//! TOML that remembers where each value was written, so that files can be merged and still be pointed at.
//!
//! It knows TOML and nothing of scenarios, except which keys hold secrets to mask.

use std::cell::Cell;
use std::ops::Range;

use indexmap::IndexMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::secrets;
use super::source::{SourceId, Spot};

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) spot: Spot,
    /// Already reported: it is as if it were absent, except that it is not missing.
    pub(super) bad: Cell<bool>,
}

/// A TOML value.
#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    /// Too large for TOML's 64 bits.
    HugeInteger,
    Float(f64),
    Boolean(bool),
    Datetime,
    List(Vec<Node>),
    Table(IndexMap<String, Node>),
}

/// What a parse gives: the tree, the bytes of its secrets, and what is wrong with its syntax.
pub(super) struct Parsed {
    pub(super) root: Node,
    pub(super) secrets: Vec<Range<usize>>,
    pub(super) errors: Vec<(String, Range<usize>)>,
}

/// Parses a TOML document.
pub(super) fn parse(text: &str, source: SourceId) -> Parsed {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { source, text, secrets: Vec::new() };
    let errors = errors.iter().map(|error| (error.message().to_owned(), error.span().unwrap_or(0..0))).collect();
    let spot = Spot { source, key: 0..0, value: 0..0, path: String::new() };
    let root = Node { value: reader.table(table.into_inner(), ""), spot, bad: Cell::new(false) };
    Parsed { root, secrets: reader.secrets, errors }
}

struct Reader<'a> {
    source: SourceId,
    text: &'a str,
    secrets: Vec<Range<usize>>,
}

impl Reader<'_> {
    fn table(&mut self, table: DeTable<'_>, path: &str) -> Value {
        let in_headers = path == "headers" || path.ends_with(".headers");
        let mut entries = IndexMap::new();
        for (key, value) in table {
            let key_span = key.span();
            let key = key.into_inner().into_owned();
            let child = join(path, &key);
            if key == "api_key" || in_headers && secrets::is_secret_header(&key) {
                self.secrets.push(value.span());
            }
            entries.insert(key, self.node(value, key_span, child));
        }
        Value::Table(entries)
    }

    fn node(&mut self, value: Spanned<DeValue<'_>>, key: Range<usize>, path: String) -> Node {
        let span = value.span();
        let value = match value.into_inner() {
            DeValue::String(text) => {
                self.look_for_secrets(&text, &span);
                Value::Text(text.into_owned())
            }
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::HugeInteger, Value::Integer)
            }
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(truth) => Value::Boolean(truth),
            DeValue::Datetime(_) => Value::Datetime,
            DeValue::Array(items) => {
                let item = |(index, item): (usize, Spanned<DeValue<'_>>)| {
                    let span = item.span();
                    self.node(item, span, format!("{path}[{index}]"))
                };
                Value::List(items.into_iter().enumerate().map(item).collect())
            }
            DeValue::Table(table) => self.table(table, &path),
        };
        Node { value, spot: Spot { source: self.source, key, value: span, path }, bad: Cell::new(false) }
    }

    fn look_for_secrets(&mut self, value: &str, span: &Range<usize>) {
        let Some(typed) = self.text.get(span.clone()) else { return };
        if let Some(userinfo) = secrets::userinfo(typed) {
            self.secrets.push(span.start + userinfo.start..span.start + userinfo.end);
        } else if secrets::looks_like_a_key(value) {
            self.secrets.push(span.clone());
        }
    }
}

/// `path.key`, the key in quotes where TOML wants it so.
pub(super) fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let key = if bare { key.to_owned() } else { format!("\"{}\"", key.escape_debug()) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// A step into a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Node {
    /// A node that nobody typed as TOML: what a flag like `--users` stands for.
    pub(super) fn new(value: Value, spot: Spot) -> Node {
        Node { value, spot, bad: Cell::new(false) }
    }

    pub(super) fn entries(&self) -> Option<&IndexMap<String, Node>> {
        match &self.value {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn entries_mut(&mut self) -> Option<&mut IndexMap<String, Node>> {
        match &mut self.value {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn key(&self, key: &str) -> Option<&Node> {
        self.entries()?.get(key)
    }

    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The node at a path of keys and indexes.
    pub(super) fn at(&self, steps: &[Step]) -> Option<&Node> {
        steps.iter().try_fold(self, |node, step| match step {
            Step::Key(key) => node.key(key),
            Step::Index(index) => node.items().get(*index),
        })
    }

    /// The node at a path of keys.
    pub(super) fn find(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.key(key))
    }

    /// Merges `over` into this: tables merge, everything else is replaced.
    pub(super) fn merge(&mut self, over: Node) {
        match (&mut self.value, over.value) {
            (Value::Table(mine), Value::Table(theirs)) => {
                for (key, node) in theirs {
                    match mine.get_mut(&key) {
                        Some(old) => old.merge(node),
                        None => {
                            mine.insert(key, node);
                        }
                    }
                }
                self.spot = over.spot;
            }
            (mine, theirs) => {
                *mine = theirs;
                self.spot = over.spot;
                self.bad = over.bad;
            }
        }
    }
}
