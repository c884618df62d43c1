//! Where each value of a resolved scenario came from: `check --origin`.
//!
//! It compares what is meant with what was typed. It decides nothing.

use toml::Value;

use super::desk::Desk;
use super::file::ScenarioFile;
use super::tree::{Node, join};

/// One value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The key: `targets.local.url`.
    pub key: String,
    /// The value as TOML, secrets by name.
    pub value: String,
    /// `scenarios/poem.toml:7`, `--users`, `default`.
    pub from: String,
}

/// The origin of every value of a resolved scenario.
pub(super) fn origins(kept: &ScenarioFile, root: &Node, desk: &Desk<'_>) -> Vec<Origin> {
    let mut origins = Vec::new();
    if let Ok(Value::Table(table)) = Value::try_from(kept) {
        walk(&table, "", Some(root), desk, &mut origins);
    }
    origins
}

fn walk(table: &toml::Table, path: &str, node: Option<&Node>, desk: &Desk<'_>, origins: &mut Vec<Origin>) {
    for (name, value) in table {
        let key = join(path, name);
        let own = node.and_then(|node| node.key(name));
        match value {
            Value::Table(inner) if !inner.is_empty() => walk(inner, &key, own, desk, origins),
            _ => {
                let from = match own {
                    Some(own) => {
                        let place = desk.sources.place(own.spot.source, own.spot.value.clone());
                        match place.at {
                            Some(at) if !place.name.starts_with("--") => format!("{}:{}", place.name, at.line),
                            _ => place.name,
                        }
                    }
                    None if name == "seed" && path.is_empty() => "drawn".to_owned(),
                    None => "default".to_owned(),
                };
                origins.push(Origin { key, value: value.to_string(), from });
            }
        }
    }
}
