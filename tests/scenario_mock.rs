//! What a scenario says of the embedded endpoint is what the endpoint understands: the two share no code.

use std::fs;

use lamb_load::mock;
use lamb_load::scenario::faults::FAULTS;
use lamb_load::scenario::plan::Place;
use lamb_load::scenario::{Overrides, load, schema};
use serde_json::Value;

/// The settings that reach the endpoint from `mock = {…}`.
fn settings(table: &str) -> Result<mock::Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mocked.toml");
    fs::write(&path, format!("models = [\"m\"]\nusers = [1]\n[targets.t]\nmock = {table}\n")).unwrap();
    let resolved = load(&path, &Overrides::default(), &|_| None).map_err(|problems| problems.to_string())?;
    match &resolved.plan.targets[0].place {
        Place::Mock(settings) => mock::Settings::from_json(settings.clone()),
        Place::Url(_) => Err("not a mock".into()),
    }
}

/// The same from JSON, as the endpoint's own tests have it.
fn meant(value: Value) -> Result<mock::Settings, String> {
    mock::Settings::from_json(value)
}

#[test]
fn both_know_the_same_faults() {
    let theirs: Vec<&str> = mock::faults().iter().map(|(name, _)| *name).collect();
    assert_eq!(FAULTS.to_vec(), theirs);
}

#[test]
fn every_key_means_to_the_endpoint_what_was_typed() {
    let typed = settings(concat!(
        "{ first_token = { lognormal = { median = \"0.3s\", sigma = 0.5 } }, ",
        "per_token = { bimodal = { fast = \"5ms\", slow = \"50ms\", share = \"10%\" } }, ",
        "tokens = { min = 10, max = 20 }, slots = 8, seed = 7, kind = \"llama_cpp\", api_key = \"secret\", ",
        "faults = { status_429 = \"2.5%\", reset_mid_body = \"1%\" }, idle_close = \"1m30s\", time_scale = 0.5 }",
    ));
    let json = serde_json::json!({
        "first_token": { "lognormal": { "median": "300ms", "sigma": 0.5 } },
        "per_token": { "bimodal": { "fast": "5ms", "slow": "50ms", "share": "10%" } },
        "tokens": { "min": 10, "max": 20 }, "slots": 8, "seed": 7, "kind": "llama_cpp", "api_key": "secret",
        "faults": { "status_429": "2.5%", "reset_mid_body": "1%" }, "idle_close": "90s", "time_scale": 0.5,
    });
    assert_eq!(typed, meant(json));
    assert!(typed.is_ok());
    assert_eq!(settings("{}"), Ok(mock::Settings::default()));
    assert_eq!(
        settings("{ first_token = \"20ms\", per_token = { constant = \"1h\" }, tokens = 3 }"),
        meant(serde_json::json!({ "first_token": "20ms", "per_token": "1h", "tokens": 3 }))
    );
}

#[test]
fn both_know_the_same_kinds_and_the_same_keys() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let kinds = schema["definitions"]["MockKind"]["oneOf"].as_array().unwrap();
    let names: Vec<&str> = kinds.iter().filter_map(|kind| kind["const"].as_str()).collect();
    assert_eq!(names, ["openai", "lamb", "ollama", "litellm", "vllm", "llama_cpp"]);
    assert!(names.iter().all(|name| name.parse::<mock::Kind>().is_ok()));
    for key in schema["definitions"]["Mock"]["properties"].as_object().unwrap().keys() {
        let said = meant(serde_json::json!({ key: null })).err().unwrap_or_default();
        assert!(!said.contains("unknown field"), "{key}: {said}");
    }
}

#[test]
fn what_the_endpoint_would_refuse_is_refused_before_it_is_started() {
    for table in [
        "{ faults = { no_such = \"1%\" } }",
        "{ faults = { reset_mid_body = \"60%\", status_429 = \"41%\" } }",
        "{ tokens = 0 }",
        "{ slots = 0 }",
        "{ time_scale = -1.0 }",
        "{ time_scale = 1001 }",
        "{ first_token = \"25h\" }",
        "{ idle_close = \"25h\" }",
        "{ per_token = { lognormal = { median = \"1s\", sigma = 11 } } }",
    ] {
        let said = settings(table).unwrap_err();
        assert!(said.contains("hint: "), "{table}: {said}");
    }
}
