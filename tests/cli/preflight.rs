//! Before any load: one request that answers, or exit 3 and a sentence that says what is wrong.

use crate::support::{Folder, QUICK, load, manifest, outcomes, rows, scenario};

/// Runs a scenario that must fail its pre-flight, and says what was said.
fn refused(target: &str, rest: &str) -> String {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [3]", target, rest));
    let done = folder.run(&["run", "s.toml"]);
    assert_eq!(done.code, Some(3), "{}", done.said());
    assert_eq!(folder.load("s"), [], "no load is sent");
    assert_eq!(manifest(&folder.latest("s"))["exit_code"], 3);
    done.said().to_lowercase()
}

#[test]
fn nobody_at_the_port_is_a_connection_problem() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = refused(&format!("url = \"http://127.0.0.1:{port}\""), "");
    assert!(said.contains("refused") && said.contains(&port.to_string()), "{said}");
}

#[test]
fn a_name_that_nobody_has_is_a_name_problem() {
    let said = refused("url = \"http://nobody-has-this-name.invalid:9099\"", "");
    assert!(said.contains("nobody-has-this-name.invalid"), "{said}");
    assert!(!said.contains("refused"), "{said}");
}

#[test]
fn a_wrong_key_is_called_a_wrong_key() {
    let said = refused(r#"mock = { first_token = "5ms", tokens = 2, api_key = "right" }"#.to_owned().as_str(), "");
    assert!(said.contains("key"), "{said}");
    let wrong =
        refused("mock = { first_token = \"5ms\", tokens = 2, api_key = \"right\" }\napi_key = \"wrong-key-1234\"", "");
    assert!(wrong.contains("key") && !wrong.contains("wrong-key-1234"), "{wrong}");
}

#[test]
fn a_server_that_only_fails_gets_no_load() {
    let said = refused(r#"mock = { first_token = "5ms", faults = { status_500 = "100%" } }"#, "");
    assert!(said.contains("500"), "{said}");
}

#[test]
fn an_answer_that_is_not_what_the_scenario_asks_for_fails_before_the_load() {
    let said = refused(QUICK, "[answer]\nmust_match = [\"no answer says this\"]");
    assert!(said.contains("no answer says this"), "{said}");
}

#[test]
fn a_target_that_fails_leaves_the_others_their_load() {
    let folder = Folder::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = scenario("users = [3]", QUICK, &format!("[targets.dead]\nurl = \"http://127.0.0.1:{port}\""));
    folder.write("s.toml", &text);
    let done = folder.run(&["run", "s.toml"]);
    assert_eq!(done.code, Some(3), "{}", done.said());
    let load = folder.load("s");
    assert_eq!(load.iter().map(|row| row["target"].as_str()).collect::<Vec<_>>(), ["t", "t", "t"]);
    assert_eq!(outcomes(&load), [("ok".to_owned(), 3)].into());
}

#[test]
fn its_requests_are_rows_and_in_no_statistic() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [3]", QUICK, "[warmup]\nrequests = 2"));
    let done = folder.run(&["run", "s.toml", "--format", "json"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    let run = folder.latest("s");
    let phases: Vec<String> = rows(&run).iter().map(|row| row["phase"].clone()).collect();
    assert_eq!(phases, ["preflight", "warmup", "warmup", "load", "load", "load"]);
    let preflight = &rows(&run)[0];
    assert_eq!((preflight["case"].as_str(), preflight["users"].as_str(), preflight["round"].as_str()), ("", "", ""));
    let summary = std::fs::read_to_string(run.join("summary.csv")).unwrap();
    let mut summary = csv::Reader::from_reader(summary.as_bytes());
    let column = summary.headers().unwrap().iter().position(|name| name == "requests").unwrap();
    let cases: Vec<String> = summary.records().map(|record| record.unwrap()[column].to_owned()).collect();
    assert_eq!(cases, ["3"]);
}

#[test]
fn it_can_be_turned_off_and_the_summary_says_so() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [3]", QUICK, "[preflight]\nrequests = 0"));
    let done = folder.run(&["run", "s.toml"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    let run = folder.latest("s");
    assert_eq!(rows(&run).len(), load(&run).len());
    let summary = std::fs::read_to_string(run.join("summary.md")).unwrap().to_lowercase();
    assert!(summary.contains("pre-flight") || summary.contains("preflight"), "{summary}");
}

#[test]
fn a_burst_whose_preflight_fails_exits_3_where_the_ancestor_exited_0() {
    let folder = Folder::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let done = folder.run(&["burst", "--url", &url, "--users", "3"]);
    assert_eq!(done.code, Some(3), "{}", done.said());
    assert!(!done.out.contains("LOAD TEST PASSED"), "{}", done.out);
}
