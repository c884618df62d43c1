//! The resolved scenario as TOML: what a run keeps beside its numbers, and what can be run again as it is.
//!
//! Everything is explicit in it: no `extends`, no profiles, no defaults left to a later version, secrets by name only.

use std::path::{Component, Path, PathBuf};

use super::file::ScenarioFile;
use super::matrix::{Axes, Point};
use super::units::Count;

/// Writes the matrix down so that it gives just these points.
pub(super) fn matrix(kept: &mut ScenarioFile, typed: &ScenarioFile, axes: &Axes, points: &[Point]) {
    let around = axes.around(points);
    if let Some(targets) = &mut kept.targets {
        targets.retain(|name, _| around.targets.contains(name));
    }
    kept.models = Some(around.models.clone());
    kept.users = Some(around.users.iter().map(|users| Count(u64::from(*users))).collect());
    let mut full = around.points();
    let mut exclude = typed.exclude.clone().unwrap_or_default();
    exclude.retain(|entry| full.iter().any(|point| point.is_excluded_by(entry)));
    full.retain(|point| !exclude.iter().any(|entry| point.is_excluded_by(entry)));
    if full.as_slice() != points {
        exclude = around.holes(points);
    }
    kept.exclude = (!exclude.is_empty()).then_some(exclude);
}

/// The TOML. What was decoded from TOML can be written as TOML.
pub(super) fn to_toml(kept: &ScenarioFile) -> String {
    toml::to_string(kept).unwrap_or_else(|error| format!("# cannot be written: {error}\n"))
}

/// Rewrites the paths in a resolved scenario, absolute so far, relative to the folder in which it will lie.
pub fn relocate(toml: &str, folder: &Path) -> String {
    let Ok(mut document) = toml.parse::<toml_edit::DocumentMut>() else { return toml.to_owned() };
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let shorten = |item: Option<&mut toml_edit::Value>| {
        if let Some(value) = item
            && let Some(path) = value.as_str().map(Path::new).filter(|path| path.is_absolute())
        {
            let decor = value.decor().clone();
            *value = relative(path, &folder).display().to_string().into();
            *value.decor_mut() = decor;
        }
    };
    let prompts = document.get_mut("prompts");
    if let Some(array) = prompts.and_then(toml_edit::Item::as_array_mut) {
        for table in array.iter_mut().filter_map(toml_edit::Value::as_inline_table_mut) {
            shorten(table.get_mut("file"));
            shorten(table.get_mut("jsonl"));
        }
    } else if let Some(tables) = document.get_mut("prompts").and_then(toml_edit::Item::as_array_of_tables_mut) {
        for table in tables.iter_mut() {
            shorten(table.get_mut("file").and_then(toml_edit::Item::as_value_mut));
            shorten(table.get_mut("jsonl").and_then(toml_edit::Item::as_value_mut));
        }
    }
    if let Some(targets) = document.get_mut("targets").and_then(toml_edit::Item::as_table_like_mut) {
        for (_, target) in targets.iter_mut() {
            if let Some(target) = target.as_table_like_mut() {
                shorten(target.get_mut("ca_file").and_then(toml_edit::Item::as_value_mut));
            }
        }
    }
    document.to_string()
}

/// A path as seen from a folder, both absolute.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let (path, folder): (Vec<_>, Vec<_>) = (path.components().collect(), folder.components().collect());
    let shared = path.iter().zip(&folder).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return path.iter().collect();
    }
    let up = folder[shared..].iter().map(|_| Component::ParentDir);
    up.chain(path[shared..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_rewritten_as_seen_from_the_runs_folder() {
        let toml = "prompts = [\"p\", { file = \"/w/scenarios/a.md\" }, { name = \"d\", jsonl = \"/data/q.jsonl\" }]\n\n\
                    [targets.t]\nca_file = \"/w/ca.pem\"\n";
        let wanted = "prompts = [\"p\", { file = \"../../../scenarios/a.md\" }, { name = \"d\", jsonl = \"../../../../data/q.jsonl\" }]\n\n\
                      [targets.t]\nca_file = \"../../../ca.pem\"\n";
        assert_eq!(relocate(toml, Path::new("/w/results/poem/run")), wanted);
        let tables = "[[prompts]]\nfile = \"/w/a.md\"\n";
        assert_eq!(relocate(tables, Path::new("/w/r")), "[[prompts]]\nfile = \"../a.md\"\n");
    }
}
