//! The committed scenarios and the schema: fresh, valid, and able to run.

use std::path::{Path, PathBuf};

use lamb_load::scenario::{Overrides, Resolved, init_template, load, schema};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn committed() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "toml")).collect();
    paths.sort();
    assert!(paths.len() >= 5, "{paths:?}");
    paths
}

fn resolved(path: &Path) -> Resolved {
    let nothing = |_: &str| None;
    load(path, &Overrides::default(), &nothing).unwrap_or_else(|problems| panic!("{problems}"))
}

fn validator() -> jsonschema::Validator {
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    jsonschema::draft7::new(&schema).unwrap()
}

fn errors(validator: &jsonschema::Validator, toml: &str) -> Vec<String> {
    let value: serde_json::Value = toml::from_str(toml).unwrap();
    validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_committed_schema_is_fresh() {
    let path = folder().join("scenario.schema.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed != schema() {
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, schema()).unwrap();
        } else {
            panic!("scenarios/scenario.schema.json is stale: run `lamb-load schema > scenarios/scenario.schema.json`");
        }
    }
}

#[test]
fn every_committed_scenario_fits_the_schema_and_resolves_without_a_word_of_advice() {
    let validator = validator();
    for path in committed() {
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().next(), Some("#:schema ./scenario.schema.json"), "{}", path.display());
        assert_eq!(errors(&validator, &text), Vec::<String>::new(), "{}", path.display());
        let resolved = resolved(&path);
        assert_eq!(resolved.advice, [], "{}", path.display());
        assert_eq!(errors(&validator, &resolved.plan.toml), Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn the_template_passes_its_own_check() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, init_template()).unwrap();
    assert_eq!(errors(&validator(), init_template()), Vec::<String>::new());
    assert_eq!(resolved(&path).advice, []);
}
