//! Every wrong scenario of `tests/refusals/` gets its message, and its hint, applied, makes it pass.

use std::fs;
use std::path::{Path, PathBuf};

use lamb_load::scenario::{Overrides, Problems, Resolved, load, schema};

const FOLDER: &str = "tests/refusals";

fn lookup(name: &str) -> Option<String> {
    let value = match name {
        "SET" => "a-value",
        "SERVER" => "http://localhost:9099",
        "WITH_PATH" => "http://localhost:9099/v1",
        _ => return None,
    };
    Some(value.to_owned())
}

fn resolve(path: &Path) -> Result<Resolved, Problems> {
    load(path, &Overrides::default(), &lookup)
}

fn wrong_files() -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "toml")).collect();
    paths.sort();
    paths
}

#[test]
fn there_are_at_least_forty_ways_to_be_wrong() {
    assert!(wrong_files().len() >= 40);
}

#[test]
fn every_wrong_file_gets_exactly_its_message() {
    let update = std::env::var_os("UPDATE_REFUSALS").is_some();
    let mut failures = String::new();
    for path in wrong_files() {
        let said = match resolve(&path) {
            Err(problems) => problems.to_string(),
            Ok(_) => "it passes\n".to_owned(),
        };
        let expected = path.with_extension("expected");
        if update {
            fs::write(&expected, &said).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if said != wanted || said == "it passes\n" {
            failures += &format!("{}\n--- wanted\n{wanted}--- said\n{said}\n", path.display());
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_message_has_a_key_a_place_and_a_hint_and_shows_no_secret() {
    for path in wrong_files() {
        let Err(problems) = resolve(&path) else { panic!("{} passes", path.display()) };
        for problem in &problems.0 {
            let shown = problem.to_string();
            assert!(problem.hint.is_some(), "{shown}");
            assert!(problem.place.is_some(), "{shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

#[test]
fn every_hint_applied_makes_the_file_pass_and_fit_the_schema() {
    let schema = jsonschema::draft7::new(&serde_json::from_str(&schema()).unwrap()).unwrap();
    let mut failures = String::new();
    for path in wrong_files() {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&Path::new(FOLDER).join("files"), &copy.path().join("files"));
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        let fix = fs::read_to_string(path.with_extension("fix")).unwrap();
        let fixed = match apply(&fix, copy.path(), &stem) {
            Ok(fixed) => fixed,
            Err(why) => panic!("{stem}.fix: {why}"),
        };
        if let Err(problems) = resolve(&fixed) {
            failures += &format!("{stem}\n{problems}\n");
        }
        let right: serde_json::Value = toml::from_str(&fs::read_to_string(&fixed).unwrap()).unwrap();
        if let Err(error) = schema.validate(&right) {
            failures += &format!("{stem}: the schema refuses what passes: {error}\n");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// Wrong in a way that a schema can tell.
#[test]
fn the_schema_refuses_unknown_keys_wrong_types_and_what_is_out_of_range() {
    let schema = jsonschema::draft7::new(&serde_json::from_str(&schema()).unwrap()).unwrap();
    let structural = ["unknown_key_", "misplaced_", "not_supported_", "type_", "range_users", "enum_", "gate_unknown"];
    let mut held = 0;
    for path in wrong_files() {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if !structural.iter().any(|kind| stem.starts_with(kind))
            || ["type_date", "type_huge_seed"].contains(&stem.as_str())
        {
            continue;
        }
        let wrong: serde_json::Value = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert!(!schema.is_valid(&wrong), "the schema lets {stem} pass");
        held += 1;
    }
    assert!(held >= 30, "{held}");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Applies a fix; the answer is the scenario that must pass.
fn apply(fix: &str, folder: &Path, stem: &str) -> Result<PathBuf, String> {
    let scenario = folder.join(format!("{stem}.toml"));
    let mut target = scenario.clone();
    let mut lines = fix.lines().peekable();
    while let Some(line) = lines.peek() {
        if let Some(name) = line.strip_prefix("@ ") {
            target = folder.join(name);
            lines.next();
            continue;
        }
        if let Some(name) = line.strip_prefix("> ") {
            // What is wrong is the file's own name.
            let renamed = folder.join(name);
            fs::rename(&scenario, &renamed).map_err(|error| error.to_string())?;
            return Ok(renamed);
        }
        let mut take = |prefix: &str| {
            let mut taken = Vec::new();
            while let Some(rest) = lines.peek().and_then(|line| line.strip_prefix(prefix)) {
                taken.push(rest.to_owned());
                lines.next();
            }
            taken.join("\n")
        };
        let (from, to) = (take("- "), take("+ "));
        let text = fs::read_to_string(&target).map_err(|error| error.to_string())?;
        if from.is_empty() || text.matches(&from).count() != 1 {
            return Err(format!("{from:?} does not stand once in {}", target.display()));
        }
        fs::write(&target, text.replace(&from, &to)).map_err(|error| error.to_string())?;
    }
    Ok(scenario)
}
