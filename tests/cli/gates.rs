//! Exit codes: what passed, what failed, what was typed wrong; the worst counts.

use crate::support::{Folder, QUICK, load, manifest, scenario};

/// Exit code of a run of this scenario, what it said, and the folder.
fn run(text: &str, flags: &[&str]) -> (Option<i32>, String, Folder) {
    let folder = Folder::new();
    folder.write("s.toml", text);
    let arguments: Vec<&str> = ["run", "s.toml"].into_iter().chain(flags.iter().copied()).collect();
    let done = folder.run(&arguments);
    (done.code, done.said(), folder)
}

#[test]
fn every_gate_passed_is_0_and_a_failed_one_is_1() {
    let expect = "[expect]\nsuccess_rate = \">= 99%\"\nlatency_max = \"< 25s\"";
    let (code, said, folder) = run(&scenario("users = [4]", QUICK, expect), &[]);
    assert_eq!(code, Some(0), "{said}");
    let manifest = manifest(&folder.latest("s"));
    assert_eq!((&manifest["complete"], &manifest["exit_code"]), (&true.into(), &0.into()));

    let expect = "[expect]\nsuccess_rate = \">= 99%\"\nlatency_max = \"< 1ms\"";
    let (code, said, _) = run(&scenario("users = [4]", QUICK, expect), &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("latency_max"), "{said}");
}

#[test]
fn the_default_gate_is_nine_of_ten() {
    let failing = r#"mock = { first_token = "5ms", faults = { status_500 = "100%" } }"#;
    let (code, said, folder) = run(&scenario("users = [4]", failing, "[preflight]\nrequests = 0"), &[]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(folder.load("s").len(), 4, "a failure is a row");
    assert!(said.contains("success_rate"), "{said}");
}

#[test]
fn a_wrong_file_is_2_and_says_file_line_column_and_hint() {
    let wrong = scenario("users = [4]\nmodel = [\"x\"]", QUICK, "");
    let (code, said, folder) = run(&wrong, &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("s.toml:5:1"), "{said}");
    assert!(said.contains("models"), "did you mean: {said}");
    assert_eq!(folder.runs("s"), Vec::<std::path::PathBuf>::new(), "nothing was sent");
}

#[test]
fn one_wrong_file_of_two_sends_nothing() {
    let folder = Folder::new();
    folder.write("good.toml", &scenario("users = [2]", QUICK, ""));
    folder.write("wrong.toml", &scenario("users = [0]", QUICK, ""));
    let done = folder.run(&["run", "good.toml", "wrong.toml"]);
    assert_eq!(done.code, Some(2), "{}", done.said());
    assert_eq!(folder.runs("good"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_wrong_command_line_is_2() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [2]", QUICK, ""));
    for arguments in [
        &["run", "s.toml", "--no-such-flag"][..],
        &["run", "s.toml", "--set", "no.such.key=1"],
        &["run", "s.toml", "--users", "many"],
        &["run", "nowhere.toml"],
        &["run"],
        &["fly"],
        &["burst", "--users", "0"],
    ] {
        let done = folder.run(arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.said());
        assert!(!done.err.trim().is_empty(), "{arguments:?} says why");
    }
}

#[test]
fn the_worst_code_counts() {
    let folder = Folder::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    folder.write("a.toml", &scenario("users = [2]", QUICK, "[expect]\nlatency_max = \"< 1ms\""));
    folder.write("b.toml", &scenario("users = [2]", &format!("url = \"http://127.0.0.1:{port}\""), ""));
    folder.write("c.toml", &scenario("users = [2]", QUICK, ""));
    assert_eq!(folder.run(&["run", "a.toml", "c.toml"]).code, Some(1));
    let done = folder.run(&["run", "a.toml", "b.toml", "c.toml"]);
    assert_eq!(done.code, Some(3), "{}", done.said());
    assert_eq!(folder.load("c").len(), 2, "what follows still runs");
}

#[test]
fn fail_fast_stops_at_the_first_failure() {
    let folder = Folder::new();
    folder.write("a.toml", &scenario("users = [2, 3]", QUICK, "[expect]\nlatency_max = \"< 1ms\""));
    folder.write("b.toml", &scenario("users = [2]", QUICK, ""));
    let done = folder.run(&["run", "a.toml", "b.toml", "--fail-fast"]);
    assert_eq!(done.code, Some(1), "{}", done.said());
    assert_eq!(load(&folder.latest("a")).len(), 2, "the second case of a is not sent");
    assert_eq!(folder.runs("b"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn flags_narrow_the_matrix() {
    let folder = Folder::new();
    let text = scenario("users = [2, 3]", QUICK, "[targets.u]\nmock = { first_token = \"5ms\", tokens = 2 }")
        .replace("[\"m\"]", "[\"m\", \"n\"]");
    folder.write("s.toml", &text);
    let cases = |flags: &[&str]| {
        let arguments: Vec<&str> = ["run", "s.toml"].into_iter().chain(flags.iter().copied()).collect();
        let done = folder.run(&arguments);
        assert_eq!(done.code, Some(0), "{flags:?}: {}", done.said());
        let mut cases: Vec<String> = folder.load("s").iter().map(|row| row["case"].clone()).collect();
        cases.dedup();
        cases
    };
    assert_eq!(cases(&["--users", "4", "--models", "n", "--targets", "u"]), ["u/n/all/4"]);
    assert_eq!(cases(&["--only", "t/m/*/2"]), ["t/m/all/2"]);
    assert_eq!(cases(&["--set", "users=[1]", "--targets", "t"]), ["t/m/all/1", "t/n/all/1"]);
}

#[test]
fn a_dry_run_sends_nothing_and_prints_the_plan() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [2, 30]", "url = \"http://127.0.0.1:1\"", ""));
    for arguments in [&["check", "s.toml"][..], &["run", "s.toml", "--dry-run"]] {
        let done = folder.run(arguments);
        assert_eq!(done.code, Some(0), "{}", done.said());
        assert!(done.out.contains("30") && done.out.contains("127.0.0.1:1"), "{}", done.out);
    }
    assert!(!folder.path().join("results").exists());
}
