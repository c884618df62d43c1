//! The smaller verbs: init, models, schema, completions, man, check.

use crate::support::{Folder, Mock, QUICK, scenario};

#[test]
fn init_writes_a_scenario_that_check_accepts_and_never_overwrites() {
    let folder = Folder::new();
    let first = folder.run(&["init", "mine.toml"]);
    assert_eq!(first.code, Some(0), "{}", first.said());
    let path = folder.path().join("mine.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().filter(|line| line.trim_start().starts_with('#')).count() > 5, "it is commented");
    let check = folder.run(&["check", "mine.toml"]);
    assert_eq!(check.code, Some(0), "{}", check.said());
    std::fs::write(&path, "mine").unwrap();
    let second = folder.run(&["init", "mine.toml"]);
    assert_eq!(second.code, Some(2), "{}", second.said());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn models_lists_what_a_server_lists() {
    let folder = Folder::new();
    let mock = Mock::start(&folder, &["--models", "a,b"]);
    let table = folder.run(&["models", &mock.url]);
    assert_eq!(table.code, Some(0), "{}", table.said());
    assert!(table.out.contains('a') && table.out.contains('b'), "{}", table.out);
    let json = folder.run(&["models", &mock.url, "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert!(document.to_string().contains("\"a\""), "{document}");
    folder.write("s.toml", &scenario("users = [1]", QUICK, ""));
    let of_scenario = folder.run(&["models", "s.toml"]);
    assert_eq!(of_scenario.code, Some(0), "{}", of_scenario.said());
    assert!(of_scenario.out.contains('m'), "{}", of_scenario.out);
    let nobody = folder.run(&["models", "http://127.0.0.1:1"]);
    assert_ne!(nobody.code, Some(0));
    assert!(!nobody.err.trim().is_empty());
}

#[test]
fn schema_is_the_committed_one() {
    let folder = Folder::new();
    let done = folder.run(&["schema"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/scenario.schema.json");
    assert_eq!(done.out, std::fs::read_to_string(committed).unwrap());
}

#[test]
fn completions_and_the_manual_are_printed() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish"] {
        let done = folder.run(&["completions", shell]);
        assert_eq!(done.code, Some(0), "{}", done.said());
        assert!(done.out.contains("lamb-load") && done.out.contains("burst"), "{shell}");
    }
    let man = folder.run(&["man"]);
    assert_eq!(man.code, Some(0), "{}", man.said());
    assert!(man.out.contains(".TH") && man.out.contains("lamb"), "{}", man.out);
}

#[test]
fn check_names_every_problem_of_a_file_and_the_file_as_typed() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    folder.write(
        "sub/s.toml",
        &scenario("users = [0]\nrepeet = 2", "url = \"ftp://x\"", "[expect]\nlatency_p91 = \"< 8s\""),
    );
    let done = folder.run(&["check", "sub/../sub/s.toml"]);
    assert_eq!(done.code, Some(2), "{}", done.said());
    assert_eq!(done.out, "", "problems go to stderr");
    for key in ["users", "repeet", "url", "latency_p91"] {
        let line = done.err.lines().find(|line| line.starts_with("sub/../sub/s.toml:") && line.contains(key));
        assert!(line.is_some(), "{key} is named with its place:\n{}", done.err);
    }
    assert!(done.err.contains("did you mean") && done.err.contains("repeat"), "{}", done.err);
}

#[test]
fn a_committed_scenario_checks_without_a_server_or_a_key() {
    let folder = Folder::new();
    let scenarios = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut checked = 0;
    for entry in std::fs::read_dir(scenarios).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let done = folder.run(&["check", path.to_str().unwrap()]);
            assert_eq!(done.code, Some(0), "{}: {}", path.display(), done.said());
            checked += 1;
        }
    }
    assert!(checked >= 4, "quickstart, hello, poem and a classroom: {checked}");
}
