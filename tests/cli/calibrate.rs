//! What this machine can measure: found, kept, and held against plans.

use serde_json::{Value, json};

use crate::support::{Folder, QUICK, scenario};

/// Time for a single step, on a machine that keeps up.
const LITTLE: &str = "8s";

#[test]
fn a_calibration_is_told_and_kept_and_warns_of_plans_that_ask_for_more() {
    let folder = Folder::new();
    let done = folder.run(&["calibrate", "--quick", "--time", LITTLE]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    for word in ["within 1 ms", "within 5 ms", "streams, 20 events/s each", "burst, one second of service"] {
        assert!(done.out.contains(word), "{word}: {}", done.out);
    }
    let file = folder.path().join("cache").join("lamb-load").join("calibration.json");
    let mut saved: Value = serde_json::from_slice(&std::fs::read(&file).expect("it is kept")).expect("JSON");
    assert_eq!(saved["ladders"].as_array().map(Vec::len), Some(2), "{saved}");

    // As if this machine had been found to carry five.
    let steps = json!([
        { "users": 5, "error_ms": 0.1, "spread_ms": 1.0 },
        { "users": 10, "error_ms": 3.0, "spread_ms": 1.0 },
    ]);
    saved["ladders"] = json!([{ "shape": "burst", "steps": steps, "ended": "beyond" }]);
    std::fs::write(&file, saved.to_string()).unwrap();
    folder.write("small.toml", &scenario("users = [5]", QUICK, ""));
    folder.write("large.toml", &scenario("users = [2, 6]", QUICK, ""));
    let small = folder.run(&["check", "small.toml"]);
    assert_eq!((small.code, small.err.contains("calibrate")), (Some(0), false), "{}", small.said());
    for verb in [&["check", "large.toml"][..], &["run", "large.toml", "--dry-run"]] {
        let large = folder.run(verb);
        assert_eq!(large.code, Some(0), "{}", large.said());
        let advice = "6 users at once, and this machine measured 5 within 1 ms";
        assert!(large.err.contains("advice: ") && large.err.contains(advice), "{}", large.err);
    }
    saved["machine"]["kernel"] = json!("another");
    std::fs::write(&file, saved.to_string()).unwrap();
    let elsewhere = folder.run(&["check", "large.toml"]);
    assert!(!elsewhere.err.contains("calibrate"), "of another machine: {}", elsewhere.err);
}

#[test]
fn a_calibration_without_time_says_so_and_one_that_cannot_be_kept_is_an_error() {
    let folder = Folder::new();
    let done = folder.run(&["calibrate", "--time", "0", "--out", "mine.json"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    assert!(done.out.contains("the time was up"), "{}", done.out);
    assert!(folder.path().join("mine.json").exists(), "{}", done.said());
    folder.write("file", "");
    let refused = folder.run(&["calibrate", "--time", "0", "--out", "file/mine.json"]);
    assert_eq!(refused.code, Some(2), "{}", refused.said());
}
