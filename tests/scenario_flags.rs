//! What the command line says over a file, and what flags alone build.

use std::fs;
use std::path::PathBuf;

use lamb_load::scenario::file::Target;
use lamb_load::scenario::plan::{CacheBust, Place};
use lamb_load::scenario::secrets::Hidden;
use lamb_load::scenario::units::Count;
use lamb_load::scenario::{Overrides, Problems, Resolved, ScenarioFile, load, resolve_file};
use secrecy::ExposeSecret;

const BASE: &str = r#"models = ["base"]
users = [1]
repeat = 2
pause = "1s"
[targets.local]
url = "http://localhost:9099"
[targets.prod]
url = "https://lamb.example.edu"
api_key = "${PROD_KEY}"
"#;

const FILE: &str = r#"extends = "base.toml"
models = ["small", "big/7b:q4"]
users = [10, 50]
timeout = "60s"
exclude = [{ target = "prod", users = 50 }]
[timeouts]
connect = "5s"
[profiles.ci]
users = [10]
timeouts = { total = "30s" }
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("base.toml"), BASE).unwrap();
        fs::write(folder.path().join("poem.toml"), FILE).unwrap();
        Folder(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("poem.toml")
    }

    fn load(&self, overrides: &Overrides) -> Result<Resolved, Problems> {
        load(&self.path(), overrides, &|name| (name == "PROD_KEY").then(|| "prod-key-value".to_owned()))
    }

    /// What is said, without the folder's own name.
    fn refusal(&self, overrides: &Overrides) -> String {
        let said = self.load(overrides).map(|_| ()).unwrap_err().to_string();
        said.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn labels(resolved: &Resolved) -> Vec<String> {
    resolved.plan.cases.iter().map(|case| case.key.to_string()).collect()
}

fn words(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

fn set(texts: &[&str]) -> Overrides {
    Overrides { set: words(texts).unwrap_or_default(), ..Overrides::default() }
}

#[test]
fn flags_stand_over_the_profile_the_profile_over_the_file_and_the_file_over_its_base() {
    let folder = Folder::new();
    let plain = folder.load(&Overrides::default()).unwrap().plan;
    assert_eq!((plain.repeat, plain.pause.as_secs()), (2, 1));
    assert_eq!(plain.cases[0].timeouts.total.as_secs(), 60);
    assert_eq!(plain.cases.len(), 6);
    let ci = folder.load(&Overrides { profile: Some("ci".into()), ..Overrides::default() }).unwrap().plan;
    assert_eq!((ci.cases.len(), ci.cases[0].timeouts.total.as_secs()), (4, 30));
    assert_eq!(ci.cases[0].timeouts.connect.as_secs(), 5);
    let all = Overrides { profile: Some("ci".into()), users: Some(vec![3]), ..set(&["timeout = \"20s\"", "repeat=7"]) };
    let over = folder.load(&all).unwrap().plan;
    assert_eq!((over.max_connections(), over.repeat, over.cases[0].timeouts.total.as_secs()), (3, 7, 20));
}

#[test]
fn every_value_knows_where_it_came_from() {
    let folder = Folder::new();
    let overrides = Overrides { profile: Some("ci".into()), models: words(&["m"]), ..set(&["repeat=7"]) };
    let origins = folder.load(&overrides).unwrap().origins;
    let from = |key: &str| {
        let origin = origins.iter().find(|origin| origin.key == key).unwrap_or_else(|| panic!("no {key}"));
        origin.from.replace(&format!("{}/", folder.0.path().display()), "")
    };
    assert_eq!(from("users"), "poem.toml:9");
    assert_eq!(from("timeouts.total"), "poem.toml:10");
    assert_eq!(from("timeouts.connect"), "poem.toml:7");
    assert_eq!(from("pause"), "base.toml:4");
    assert_eq!(from("models"), "--models");
    assert_eq!(from("repeat"), "--set");
    assert_eq!(from("order"), "default");
    assert_eq!(from("seed"), "drawn");
}

#[test]
fn a_target_without_a_case_needs_nothing_of_the_environment() {
    let folder = Folder::new();
    let lookup = |_: &str| None;
    let only = Overrides { targets: words(&["local"]), ..Overrides::default() };
    let resolved = load(&folder.path(), &only, &lookup).unwrap();
    assert_eq!(labels(&resolved).len(), 4);
    assert_eq!((resolved.environment.len(), resolved.plan.targets.len()), (0, 1));
    let globbed = Overrides { only: Some("local/*/10".into()), ..Overrides::default() };
    assert_eq!(
        labels(&load(&folder.path(), &globbed, &lookup).unwrap()),
        ["local/small/all/10", "local/big/7b:q4/all/10"]
    );
    assert!(load(&folder.path(), &Overrides::default(), &lookup).is_err());
}

#[test]
fn what_only_leaves_is_what_the_resolved_scenario_gives_again() {
    let folder = Folder::new();
    for pattern in ["*/50", "prod/*", "*small*", "local/small/all/10"] {
        let resolved = folder.load(&Overrides { only: Some(pattern.into()), ..Overrides::default() }).unwrap();
        let again = folder.0.path().join("again.toml");
        fs::write(&again, &resolved.plan.toml).unwrap();
        let twice = load(&again, &Overrides::default(), &|_| Some("prod-key-value".into())).unwrap();
        assert_eq!(labels(&twice), labels(&resolved), "{pattern}");
        assert_eq!(twice.plan.toml, resolved.plan.toml, "{pattern}");
    }
}

#[test]
fn a_wrong_flag_is_told_like_a_wrong_file() {
    let folder = Folder::new();
    let said = |overrides: Overrides| folder.refusal(&overrides);
    insta::assert_snapshot!(said(set(&["requst.stream=true"])), @r"
    --set:1:1: requst: no such key
      |
    1 | requst.stream=true
      | ^^^^^^
    hint: did you mean request?
    ");
    insta::assert_snapshot!(said(set(&["targets.locl.url=\"http://h\""])), @r#"
    --set:1:9: targets.locl: no such target
      |
    1 | targets.locl.url="http://h"
      |         ^^^^
    hint: did you mean local?
    "#);
    insta::assert_snapshot!(said(set(&["notes=hello"])), @r#"
    --set:1:7: string values must be quoted, expected literal string
      |
    1 | notes=hello
      |       ^^^^^
    hint: write KEY=VALUE with a TOML value: --set repeat=5, --set 'targets.local.url="http://localhost"'
    "#);
    insta::assert_snapshot!(said(set(&["profiles.ci.users=[1]"])), @r"
    --set:1:1: profiles: cannot be set by a flag
      |
    1 | profiles.ci.users=[1]
      | ^^^^^^^^
    hint: set the keys themselves, or choose with --profile
    ");
    insta::assert_snapshot!(said(Overrides { users: Some(vec![10, 0]), ..Overrides::default() }), @r"
    --users:1:4: users[1]: 0 is out of range: 1 to 1000000
      |
    1 | 10,0
      |    ^
    hint: write 1
    ");
    insta::assert_snapshot!(said(Overrides { profile: Some("cI2".into()), ..Overrides::default() }), @r"
    --profile:1:1: no such profile
      |
    1 | cI2
      | ^^^
    hint: did you mean ci?
    ");
    insta::assert_snapshot!(said(Overrides { targets: words(&["prodd"]), ..Overrides::default() }), @r"
    --targets:1:1: no such target
      |
    1 | prodd
      | ^^^^^
    hint: did you mean prod?
    ");
    insta::assert_snapshot!(said(Overrides { only: Some("*/99".into()), ..Overrides::default() }), @r"
    --only:1:1: no case has such a label
      |
    1 | */99
      | ^^^^
    hint: one of: local/small/all/10, local/small/all/50, local/big/7b:q4/all/10, local/big/7b:q4/all/50, prod/small/all/10, prod/big/7b:q4/all/10
    ");
}

#[test]
fn nothing_is_sent_to_a_host_that_is_not_allowed() {
    let folder = Folder::new();
    let allow = |hosts: &[&str]| Overrides { allow_hosts: words(hosts).unwrap_or_default(), ..Overrides::default() };
    assert!(folder.load(&allow(&["localhost:9099", "*.example.edu"])).is_ok());
    insta::assert_snapshot!(folder.refusal(&allow(&["localhost"])), @r#"
    base.toml:8:7: targets.prod.url: lamb.example.edu:443 is not an allowed host
      |
    8 | url = "https://lamb.example.edu"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: add --allow-host lamb.example.edu
    "#);
    let pinned = r#"targets.prod.resolve={"lamb.example.edu:443"="10.0.0.1:443"}"#;
    let hidden = Overrides { set: vec![pinned.into()], ..allow(&["localhost", "lamb.example.edu"]) };
    assert!(folder.refusal(&hidden).contains("10.0.0.1:443 is not an allowed host"));
    let proxied = Overrides { set: vec!["targets.prod.proxy=\"http://p:1\"".into()], ..allow(&["localhost", "lamb*"]) };
    assert!(folder.refusal(&proxied).contains("p:1 is not an allowed host"));
}

/// What `burst` builds.
fn ad_hoc(api_key: &str) -> ScenarioFile {
    let target =
        Target { url: Some("http://localhost:9099".into()), api_key: Some(api_key.into()), ..Target::default() };
    ScenarioFile {
        models: words(&["lamb_assistant.58"]),
        users: Some(vec![Count(30)]),
        targets: Some([("local".to_owned(), target)].into_iter().collect()),
        ..ScenarioFile::default()
    }
}

#[test]
fn flags_alone_are_a_scenario_whose_values_are_values() {
    let key = "0p3n-${w3bu}!";
    let resolved = resolve_file(&ad_hoc(key), "burst", &Overrides::default(), &|_| None).unwrap();
    let plan = &resolved.plan;
    assert_eq!(labels(&resolved), ["local/lamb_assistant.58/all/30"]);
    assert_eq!(plan.cases[0].request.cache_bust, CacheBust::User);
    assert_eq!(plan.cases[0].target.api_key.as_ref().map(|key| key.expose_secret()), Some(key));
    assert!(matches!(&plan.targets[0].place, Place::Url(url) if url.chat_path == "/v1/chat/completions"));
    assert!(plan.toml.contains("api_key = \"${LAMB_API_KEY}\""), "{}", plan.toml);
    assert_eq!((plan.name.as_str(), plan.source.as_deref()), ("burst", None));
}

#[test]
fn what_is_wrong_with_flags_names_the_key_and_shows_no_line_that_nobody_typed() {
    let mut file = ad_hoc("key");
    file.users = Some(vec![Count(0)]);
    let said = resolve_file(&file, "burst", &Overrides::default(), &|_| None).unwrap_err().to_string();
    assert_eq!(said, "burst: users[0]: 0 is out of range: 1 to 1000000\nhint: write 1\n");
}

#[test]
fn no_secret_is_in_the_resolved_scenario_or_in_any_debug_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.toml");
    let text = r#"models = ["m"]
users = [1]
[targets.a]
url = "http://user:hunter2-url@localhost:1"
headers = { "x-api-token" = "hunter2-header", cookie = "id=${COOKIE}", "x-org" = "${ORG:-uni}" }
proxy = "http://me:${PROXY_PASSWORD:-hunter2-default}@proxy:3128"
[targets.b]
url = "${URL_B}"
[targets.d]
url = "http://h"
api_key = "Bearer-${KEY:-hunter2-key}"
[targets.c]
mock = { api_key = "hunter2-mock" }
api_key = "hunter2-mock"
"#;
    fs::write(&path, text).unwrap();
    let lookup = |name: &str| match name {
        "COOKIE" => Some("hunter2-cookie".to_owned()),
        "URL_B" => Some("http://u:hunter2-env@h".to_owned()),
        _ => None,
    };
    let resolved = load(&path, &Overrides::default(), &lookup).unwrap();
    let debug = format!("{resolved:?}");
    let shown = lamb_load::scenario::describe::describe(&resolved)
        + &lamb_load::scenario::describe::describe_origins(&resolved)
        + &resolved.plan.toml;
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!debug.contains("hunter2"), "{debug}");
    for name in [
        "${LAMB_HEADER_X_API_TOKEN}",
        "id=",
        "me:${PROXY_PASSWORD}@proxy",
        "${LAMB_USERINFO}",
        "x-org = \"${ORG:-uni}\"",
    ] {
        assert_eq!(resolved.plan.toml.contains(name), name != "id=", "{name}\n{}", resolved.plan.toml);
    }
    let mut secrets: Vec<&str> = resolved.plan.secrets.0.iter().map(|secret| secret.expose_secret()).collect();
    secrets.sort_unstable();
    for secret in [
        "hunter2-url",
        "hunter2-header",
        "id=hunter2-cookie",
        "hunter2-cookie",
        "hunter2-default",
        "hunter2-env",
        "hunter2-mock",
    ] {
        assert!(secrets.contains(&secret), "{secret} of {secrets:?}");
    }
    assert!(matches!(Hidden::from("hunter2"), hidden if !format!("{hidden:?}").contains("hunter2")));
}
