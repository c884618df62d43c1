//! Ctrl-C, SIGTERM, kill -9: what was measured stays, and the exit code says what happened.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use crate::support::{Done, Folder, Mock, load, manifest, outcomes, rows, scenario, signal, wait, wait_until};

/// Half of the answers come at once, the other half long after every test has ended.
const HALF: &str = r#"mock = { first_token = { bimodal = { fast = "10ms", slow = "300s", share = "50%" } }, per_token = "0ms", tokens = 1 }"#;

fn half() -> Folder {
    let folder = Folder::new();
    let text = scenario("users = [40, 50]", HALF, "[preflight]\nrequests = 0").replace("\"30s\"", "\"600s\"");
    folder.write("s.toml", &text);
    folder
}

#[test]
fn ctrl_c_lands_what_is_in_the_air_and_exits_130() {
    let folder = half();
    let child = folder.start(&["run", "s.toml", "--grace", "0.2s"]);
    folder.wait_for_load("s", 5);
    signal(&child, libc::SIGINT);
    let done = wait(child);
    assert_eq!(done.code, Some(130), "{}", done.said());
    let run = folder.latest("s");
    let counts = outcomes(&load(&run));
    assert_eq!(counts.values().sum::<usize>(), 40, "every arrival lands once, and no further case begins: {counts:?}");
    assert_eq!(counts.keys().map(String::as_str).collect::<Vec<_>>(), ["cancelled", "ok"], "{counts:?}");
    let manifest = manifest(&run);
    assert_eq!((&manifest["complete"], &manifest["exit_code"]), (&false.into(), &130.into()));
    let report = folder.run(&["report", run.to_str().unwrap()]);
    assert_eq!(report.code, Some(0), "{}", report.said());
    assert!(report.out.to_lowercase().contains("partial"), "{}", report.out);
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_the_grace() {
    let folder = half();
    let child = folder.start(&["run", "s.toml", "--grace", "600s"]);
    folder.wait_for_load("s", 5);
    signal(&child, libc::SIGINT);
    // Two signals that arrive together are one: the second follows when the first has had its time.
    std::thread::sleep(Duration::from_millis(500));
    signal(&child, libc::SIGINT);
    let done = wait(child);
    assert_eq!(done.code, Some(130), "{}", done.said());
    assert!(load(&folder.latest("s")).len() >= 5);
}

/// Interrupts a run at a server that accepts and says nothing, as soon as it does.
fn interrupted_at_a_silent_server(scheme: &str, preflight: u32, grace: &str) -> (Folder, Done) {
    let folder = Folder::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("url = \"{scheme}://{}\"", silent.local_addr().unwrap());
    let rest = format!("[timeouts]\nconnect = \"600s\"\n[preflight]\nrequests = {preflight}");
    folder.write("s.toml", &scenario("users = [40]", &target, &rest).replace("\"30s\"", "\"600s\""));
    let mut child = folder.start(&["run", "s.toml", "--grace", grace]);
    let _open = silent.accept().unwrap();
    signal(&child, libc::SIGINT);
    wait_until("its end", || child.try_wait().unwrap().is_some());
    let done = wait(child);
    assert_eq!(done.code, Some(130), "{}", done.said());
    (folder, done)
}

#[test]
fn ctrl_c_while_connecting_waits_for_no_connection() {
    let (folder, done) = interrupted_at_a_silent_server("https", 0, "600s");
    assert_eq!(outcomes(&folder.load("s")), [("cancelled".to_owned(), 40)].into(), "{}", done.said());
}

#[test]
fn ctrl_c_in_the_pre_flight_waits_as_long_as_it_says() {
    let (folder, done) = interrupted_at_a_silent_server("https", 1, "0.1s");
    assert!(done.said().contains("called off while connecting to 127.0.0.1"), "{}", done.said());
    assert_eq!(outcomes(&rows(&folder.latest("s"))), [("cancelled".to_owned(), 1)].into(), "{}", done.said());
    // The list of models, and what would be asked after it.
    let (_, done) = interrupted_at_a_silent_server("http", 1, "0.1s");
    assert!(done.said().contains("run it again") && !done.said().contains("no list"), "{}", done.said());
}

#[test]
fn sigterm_exits_143() {
    let folder = half();
    let child = folder.start(&["run", "s.toml", "--grace", "0.2s"]);
    folder.wait_for_load("s", 5);
    signal(&child, libc::SIGTERM);
    let done = wait(child);
    assert_eq!(done.code, Some(143), "{}", done.said());
    assert_eq!(load(&folder.latest("s")).len(), 40);
}

#[test]
fn gates_are_shown_and_not_judged_when_interrupted() {
    let folder = half();
    let child = folder.start(&["run", "s.toml", "--grace", "0.2s", "--set", "expect.latency_max=\"< 1ms\""]);
    folder.wait_for_load("s", 5);
    signal(&child, libc::SIGINT);
    let done = wait(child);
    assert_eq!(done.code, Some(130), "{}", done.said());
    assert!(done.out.contains("latency_max"), "{}", done.out);
}

#[test]
fn kill_9_in_a_burst_of_a_thousand_loses_nothing_that_had_finished() {
    let folder = Folder::new();
    let log = folder.path().join("mock.jsonl");
    let spread = r#"{ lognormal = { median = "1500ms", sigma = 0.8 } }"#;
    let flags = ["--first-token", spread, "--per-token", "0ms", "--tokens", "1", "--log", log.to_str().unwrap()];
    let mock = Mock::start(&folder, &flags);
    let text = scenario("users = [1000]", &format!("url = \"{}\"", mock.url), "[preflight]\nrequests = 0");
    folder.write("s.toml", &text.replace("\"30s\"", "\"300s\""));
    let mut child = folder.start(&["run", "s.toml", "-q"]);
    folder.wait_for_load("s", 300);
    // Longer than the 100 ms that a row may stay in memory, so that what was read above is not all there is to lose.
    std::thread::sleep(Duration::from_millis(400));
    let killed = monotonic_ns();
    child.kill().unwrap();
    child.wait().unwrap();
    mock.stop();

    let run = folder.latest("s");
    let rows = load(&run);
    let kept: BTreeSet<u64> = rows.iter().map(|row| row["request"].parse().unwrap()).collect();
    assert!(rows.len() >= 300 && rows.len() < 1000, "the kill came in the middle: {} rows", rows.len());
    assert_eq!(kept.len(), rows.len(), "no row twice");
    assert_eq!(outcomes(&rows).keys().map(String::as_str).collect::<Vec<_>>(), ["ok"]);
    // 100 ms are ours by contract, the rest is for a busy machine to read the answer at all.
    let due = killed - 400_000_000;
    let answered = answered_before(&std::fs::read_to_string(&log).unwrap(), due);
    assert!(answered.len() >= 250, "the endpoint's log tells of {} answers", answered.len());
    let lost: Vec<&u64> = answered.difference(&kept).collect();
    assert!(lost.is_empty(), "answered in time and not kept: {lost:?}");

    assert_eq!(manifest(&run)["complete"], false);
    let report = folder.run(&["report", run.to_str().unwrap()]);
    assert_eq!(report.code, Some(0), "{}", report.said());
    assert!(report.out.to_lowercase().contains("partial"), "{}", report.out);
}

/// The numbers of the requests whose answers were written to their end by then, from the endpoint's log: each prompt
/// ends in `(request N)`.
fn answered_before(log: &str, instant_ns: u64) -> BTreeSet<u64> {
    let lines =
        log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of the log is JSON"));
    lines
        .filter(|record| {
            record["ended"] == "complete" && record["end_ns"].as_u64().is_some_and(|end| end <= instant_ns)
        })
        .filter_map(|record| record["marker"].as_str()?.rsplit_once("(request ")?.1.trim_end_matches(')').parse().ok())
        .collect()
}

/// The clock of the endpoint's log.
fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of our own.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) }, 0);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}

#[test]
fn an_endpoint_in_the_run_ends_with_the_run() {
    let folder = half();
    let mut child = folder.start(&["run", "s.toml"]);
    folder.wait_for_load("s", 5);
    child.kill().unwrap();
    child.wait().unwrap();
    // Nothing of it is left: a second run starts as the first did.
    let child = folder.start(&["run", "s.toml", "--grace", "0s"]);
    wait_until("a second run", || folder.runs("s").len() == 2);
    folder.wait_for_load("s", 5);
    signal(&child, libc::SIGINT);
    assert_eq!(wait(child).code, Some(130));
}
