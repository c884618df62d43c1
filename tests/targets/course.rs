//! The course of a run, as the server saw it: rounds, rests, warm-up, what flags choose, several scenarios, answers kept.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::ran::{Ran, column};
use crate::server::{Asked, Server, listing, saying};
use crate::support::{Folder, load, rows, scenario};

/// A scenario of two targets, two models and two counts of users with a profile, all at one server.
fn matrix(server: &Server) -> String {
    let url = server.url();
    let rest = format!(
        "[targets.u]\nurl = \"{url}/u\"\n[profiles.ci]\nusers = [1]\nmodels = [\"small\"]\n[profiles.ci.request]\nmax_tokens = 3"
    );
    scenario("users = [2, 3]", &format!("url = \"{url}/t\""), &rest).replace("[\"m\"]", "[\"m\", \"n\"]")
}

/// Target, model and `max_tokens` of every chat request, in order, each once.
fn course(asked: &[Asked]) -> Vec<String> {
    let word = |asked: &Asked| {
        let limit = &asked.body["max_tokens"];
        let limit = if limit.is_null() { String::new() } else { format!(" {limit}") };
        format!("{} {}{limit}", &asked.target[1..2], asked.body["model"].as_str().unwrap_or_default())
    };
    let mut course: Vec<String> = asked.iter().map(word).collect();
    course.dedup();
    course
}

/// A run of the matrix with flags: its course, and how many chat requests the server saw.
fn flagged(flags: &[&str]) -> (Vec<String>, usize) {
    let server = Server::hello();
    Ran::within(Folder::new(), &matrix(&server), flags, &[]).passed();
    (course(&server.chats()), server.chats().len())
}

#[test]
fn the_matrix_runs_target_by_target_and_model_by_model_each_with_its_pre_flight() {
    let (course, requests) = flagged(&[]);
    assert_eq!(course, ["t m", "t n", "u m", "u n"]);
    assert_eq!(requests, 4 * (1 + 2 + 3));
}

#[test]
fn flags_choose_what_is_sent() {
    let table: [(&[&str], &[&str], usize); 8] = [
        (&["--users", "4"], &["t m", "t n", "u m", "u n"], 4 * 5),
        (&["--models", "x"], &["t x", "u x"], 2 * 6),
        (&["--targets", "u"], &["u m", "u n"], 2 * 6),
        (&["--only", "*/n/*/3"], &["t n", "u n"], 2 * 4),
        (&["--profile", "ci"], &["t small 3", "u small 3"], 2 * 2),
        (&["--profile", "ci", "--users", "2"], &["t small 3", "u small 3"], 2 * 3),
        (
            &["--set", "request.max_tokens=9", "--set", "preflight.requests=0", "--targets", "t"],
            &["t m 9", "t n 9"],
            10,
        ),
        (&["--profile", "ci", "--set", "request.max_tokens=9", "--models", "y"], &["t y 9", "u y 9"], 2 * 2),
    ];
    for (flags, expected, requests) in table {
        assert_eq!(flagged(flags), (expected.iter().map(|word| (*word).to_owned()).collect(), requests), "{flags:?}");
    }
}

#[test]
fn what_is_excluded_is_not_sent() {
    let server = Server::hello();
    let text = format!("exclude = [{{ model = \"n\", users = 3 }}, {{ target = \"u\" }}]\n{}", matrix(&server));
    Ran::within(Folder::new(), &text, &[], &[]).passed();
    assert_eq!((course(&server.chats()), server.chats().len()), (vec!["t m".to_owned(), "t n".to_owned()], 6 + 3));
}

#[test]
fn every_case_is_warmed_up_and_none_of_it_counts() {
    let server = Server::hello();
    let target = format!("url = \"{}\"", server.url());
    let ran = Ran::target("users = [1, 2]\nrepeat = 2", &target, "[warmup]\nrequests = 3").passed();
    let phases = column(&ran.rows(), "phase").join(" ");
    let expected = "preflight warmup warmup warmup load load warmup warmup warmup load load load load";
    assert_eq!(phases, expected, "once before each case, not before each round");
    assert_eq!(server.chats().len(), 13);
    let summary = ran.file("summary.csv");
    let mut summary = csv::Reader::from_reader(summary.as_bytes());
    let column = summary.headers().unwrap().iter().position(|name| name == "requests").unwrap();
    let requests: Vec<String> = summary.records().map(|record| record.unwrap()[column].to_owned()).collect();
    assert_eq!(requests, ["2", "4"]);
}

#[test]
fn pre_flight_makes_as_many_requests_as_it_is_told_and_asks_for_the_list_once() {
    for (table, preflights, lists) in [
        ("", 1, 1),
        ("requests = 3", 3, 1),
        ("requests = 0", 0, 0),
        ("models = false", 1, 0),
        ("requests = 0\nmodels = true", 0, 0),
    ] {
        let server = Server::hello();
        let target = format!("url = \"{}\"", server.url());
        let ran = Ran::target("users = [2]", &target, &format!("[preflight]\n{table}")).passed();
        let asked = server.log.asked();
        let got = asked.iter().filter(|asked| asked.method == "GET").count();
        let of_preflight = column(&ran.rows(), "phase").iter().filter(|phase| **phase == "preflight").count();
        assert_eq!((asked.len() - got - 2, of_preflight, got), (preflights, preflights, lists), "{table}");
        let off = "pre-flight was off: nothing was known to answer before the load";
        assert_eq!(ran.done.out.contains(off), preflights == 0);
        assert_eq!(ran.file("summary.md").contains(off), preflights == 0);
        assert_eq!(ran.manifest()["preflight_requests"], preflights);
    }
}

#[test]
fn rounds_come_one_after_another_with_a_rest_between() {
    let server = Server::hello();
    let target = format!("url = \"{}\"", server.url());
    let top = "users = [2, 3]\nrepeat = 2\npause = \"300ms\"";
    let ran = Ran::target(top, &target, "").passed();
    assert_eq!(column(&ran.load(), "round"), ["1", "1", "2", "2", "1", "1", "1", "2", "2", "2"]);
    let chats = server.chats();
    // A rest between the rounds, and between the cases: at least as long as it was asked for.
    for (before, after) in [(2, 3), (4, 5), (7, 8)] {
        assert!(chats[after].at.duration_since(chats[before].at) >= Duration::from_millis(300), "{before}");
    }
    let rounds: Vec<Value> =
        ran.manifest()["cases"][1]["rounds"].as_array().unwrap().iter().map(|round| round["round"].clone()).collect();
    assert_eq!(rounds, [1, 2]);
}

#[test]
fn a_spread_lets_users_start_one_after_another() {
    let server = Server::hello();
    let target = format!("url = \"{}\"", server.url());
    let ran = Ran::target("users = [4]", &target, "[burst]\nspread = \"400ms\"").passed();
    let mut due: Vec<(u32, f64, f64)> = ran
        .load()
        .iter()
        .map(|row| (row["user"].parse().unwrap(), row["due_ms"].parse().unwrap(), row["sent_ms"].parse().unwrap()))
        .collect();
    due.sort_by_key(|(user, ..)| *user);
    assert_eq!(due.iter().map(|(_, due, _)| *due).collect::<Vec<_>>(), [0.0, 100.0, 200.0, 300.0]);
    assert!(due.iter().all(|(_, due, sent)| sent >= due), "{due:?}");
}

#[test]
fn two_scenarios_of_one_command_run_one_after_the_other_and_leave_a_run_each() {
    let server = Server::hello();
    let folder = Folder::new();
    for name in ["a", "b"] {
        let text = scenario("users = [2]", &format!("url = \"{}\"", server.url()), "");
        folder.write(&format!("{name}.toml"), &text.replace("\"m\"", &format!("\"{name}\"")));
    }
    folder.write("_left_out.toml", "not even TOML");
    for typed in [&["run", "a.toml", "b.toml"][..], &["run", "."], &["run", "[ab].toml"]] {
        let before = server.chats().len();
        let done = folder.run(typed);
        assert_eq!(done.code, Some(0), "{}", done.said());
        let models: Vec<String> =
            server.chats()[before..].iter().map(|asked| asked.body["model"].as_str().unwrap().to_owned()).collect();
        assert_eq!(models, ["a", "a", "a", "b", "b", "b"], "{typed:?}");
    }
    for name in ["a", "b"] {
        assert_eq!(folder.runs(name).len(), 3);
        assert_eq!(column(&folder.load(name), "model"), [name; 2]);
    }
    let done = folder.run(&["run", "a.toml", "./a.toml"]);
    assert_eq!((done.code, folder.runs("a").len()), (Some(2), 3), "{}", done.said());
}

#[test]
fn tags_and_another_folder_come_from_flags() {
    let server = Server::hello();
    let folder = Folder::new();
    folder.write(
        "s.toml",
        &scenario("users = [1]\ntags = [\"of-the-file\"]", &format!("url = \"{}\"", server.url()), ""),
    );
    let done = folder.run(&["run", "s.toml", "--tag", "nightly", "--tag", "gpu", "--out", "elsewhere"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    assert!(!folder.path().join("results").exists());
    let run = std::fs::canonicalize(folder.path().join("elsewhere/s/latest")).unwrap();
    let tags: BTreeSet<String> = serde_json::from_value(crate::support::manifest(&run)["tags"].clone()).unwrap();
    assert!(tags.contains("nightly") && tags.contains("gpu"), "{tags:?}");
    assert_eq!((load(&run).len(), rows(&run).len()), (1, 2));
}

#[test]
fn answers_are_kept_when_asked_for_and_only_then() {
    let server = Server::answering(|asked| match (asked.method.as_str(), asked.said()) {
        ("GET", _) => listing(&["m"]),
        (_, "Say hello. (request 2)") => {
            (500, "application/json", json!({ "error": { "message": "boom" } }).to_string())
        }
        (_, said) => saying(&format!("an answer to {said}: \"quoted\"\nand ü"), asked),
    });
    let text = scenario("users = [2]", &format!("url = \"{}\"", server.url()), "[warmup]\nrequests = 1");
    let ran = Ran::within(Folder::new(), &text, &["--responses", "answers.jsonl"], &[]);
    assert_eq!(ran.done.code, Some(1), "{}", ran.done.said());
    let kept = std::fs::read_to_string(ran.folder.path().join("answers.jsonl")).unwrap();
    let mut kept: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    kept[2..].sort_by_key(|line| line["user"].as_u64());
    let answer = |n: u32| json!(format!("an answer to Say hello. (request {n}): \"quoted\"\nand ü"));
    let told: Vec<Value> = kept
        .iter()
        .map(|line| json!([line["phase"], line["user"], line["outcome"], line["status"], line["answer"]]))
        .collect();
    let expected = [
        json!(["preflight", 0, "ok", 200, answer(0)]),
        json!(["warmup", 1, "ok", 200, answer(1)]),
        json!(["load", 1, "http_error", 500, null]),
        json!(["load", 2, "ok", 200, answer(3)]),
    ];
    assert_eq!(told, expected);
    assert_eq!(kept[2]["error"], "HTTP 500: boom");
    assert_eq!(
        (&kept[3]["target"], &kept[3]["model"], &kept[3]["case"]),
        (&"t".into(), &"m".into(), &"t/m/all/2".into())
    );

    let ran = Ran::within(Folder::new(), &text, &[], &[]);
    assert!(!ran.tells("an answer to"), "an answer is in no file that was not asked for");
}
