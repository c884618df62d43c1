//! A run's `scenario.toml`: the resolved scenario with its paths relative to the folder it now lies in, so that it can
//! be run again as it is, from there, on any machine that has the repository.

use std::path::{Component, Path, PathBuf};

use toml_edit::{DocumentMut, Item, Value};

/// The scenario with prompt files and certificate authorities as seen from `folder`; both absolute.
///
/// Text that is not TOML comes back as it is: only `resolve` writes plans, and what it writes is.
pub(super) fn relative_to(toml: &str, folder: &Path) -> String {
    let Ok(mut document) = toml.parse::<DocumentMut>() else { return toml.to_owned() };
    if let Some(prompts) = document.get_mut("prompts") {
        each_table(prompts, &mut |prompt| {
            rewrite(prompt.get_mut("file"), folder);
            rewrite(prompt.get_mut("jsonl"), folder);
        });
    }
    if let Some(targets) = document.get_mut("targets").and_then(Item::as_table_like_mut) {
        for (_, target) in targets.iter_mut() {
            if let Some(target) = target.as_table_like_mut() {
                let ca_file = target.get_mut("ca_file").and_then(Item::as_value_mut);
                rewrite(ca_file, folder);
            }
        }
    }
    document.to_string()
}

/// Calls `change` with every table of an array, however it is written.
fn each_table(item: &mut Item, change: &mut dyn FnMut(&mut toml_edit::InlineTable)) {
    match item {
        Item::Value(Value::Array(array)) => {
            array.iter_mut().filter_map(Value::as_inline_table_mut).for_each(change);
        }
        Item::ArrayOfTables(tables) => {
            for table in tables.iter_mut() {
                let mut inline = std::mem::take(table).into_inline_table();
                change(&mut inline);
                *table = inline.into_table();
            }
        }
        _ => {}
    }
}

fn rewrite(value: Option<&mut Value>, folder: &Path) {
    let Some(value) = value else { return };
    let Some(path) = value.as_str().map(Path::new) else { return };
    if let Some(relative) = relative(path, folder) {
        let decor = value.decor().clone();
        *value = Value::from(relative);
        *value.decor_mut() = decor;
    }
}

/// `path` as seen from `folder`, with `/` between names; `None` where there is no way, or `path` is relative already.
fn relative(path: &Path, folder: &Path) -> Option<String> {
    if !path.is_absolute() || !folder.is_absolute() {
        return None;
    }
    // Links in the way of `..` would lead elsewhere; what is not there cannot be followed and stays as it is.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let (path, folder): (Vec<_>, Vec<_>) = (path.components().collect(), folder.components().collect());
    let shared = path.iter().zip(&folder).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return None; // another drive
    }
    let up = std::iter::repeat_n(Component::ParentDir, folder.len() - shared);
    let way: PathBuf = up.chain(path[shared..].iter().copied()).collect();
    Some(way.to_str()?.replace(std::path::MAIN_SEPARATOR, "/"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_from_the_runs_folder_and_the_rest_stays_as_it_is() {
        let toml = r#"# why
models = ["a"]
prompts = ["/etc/not a path", { file = "/srv/load/scenarios/prompts/essay.md" }, { name = "d", jsonl = "/data/q.jsonl" }]

[targets.prod]
url = "https://example.org" # here
ca_file = "/srv/load/ca.pem"

[targets.inline]
url = "http://x"
"#;
        let expected = toml
            .replace("/srv/load/scenarios/prompts/essay.md", "../../../scenarios/prompts/essay.md")
            .replace("/data/q.jsonl", "../../../../../data/q.jsonl")
            .replace("/srv/load/ca.pem", "../../../ca.pem");
        assert_eq!(relative_to(toml, Path::new("/srv/load/results/poem/1")), expected);
    }

    #[test]
    fn tables_of_prompts_are_followed_too() {
        let toml = "[[prompts]]\nfile = \"/a/p.md\"\n\n[[prompts]]\njsonl = \"q.jsonl\"\n";
        let got: toml::Table = relative_to(toml, Path::new("/a/results")).parse().unwrap();
        assert_eq!(got, "prompts = [{file = \"../p.md\"}, {jsonl = \"q.jsonl\"}]".parse().unwrap());
    }
}
