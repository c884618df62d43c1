//! A closed loop from the command line: what is printed, what is kept, and that Ctrl-C ends it.

use std::collections::BTreeMap;

use crate::support::{Folder, QUICK, load, manifest, outcomes, scenario, signal, wait};

fn looped(closed: &str) -> Folder {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [4]", QUICK, &format!("[preflight]\nrequests = 0\n[closed]\n{closed}")));
    folder
}

#[test]
fn a_loop_is_told_as_one_and_a_report_remakes_it() {
    let folder = looped("requests = 120");
    let done = folder.run(&["run", "s.toml"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    for words in ["t/m/all/closed-4 · 4 users, a closed loop, 120 requests in all", "4 users asking again and again"] {
        assert!(done.out.contains(words), "{words:?} is not in {}", done.out);
    }
    assert!(!done.out.contains("of the burst") && !done.out.contains("effective concurrency"), "{}", done.out);
    let run = folder.latest("s");
    assert_eq!(outcomes(&load(&run)), [("ok".to_owned(), 120)].into());
    let told = manifest(&run)["cases"][0]["rounds"][0]["client"].clone();
    assert_eq!([&told["planned"], &told["issued"], &told["rows"]], [120; 3]);
    let summary = |file: &str| std::fs::read(run.join(file)).unwrap();
    let before = ["summary.csv", "summary.json", "summary.md"].map(summary);
    let again = folder.run(&["report", run.to_str().unwrap()]);
    assert_eq!(again.code, Some(0), "{}", again.said());
    assert_eq!(["summary.csv", "summary.json", "summary.md"].map(summary), before);
}

#[test]
fn a_dry_run_tells_for_how_long_and_sends_nothing() {
    let folder = looped("duration = \"5m\"\nthink_time = \"1s\"");
    let done = folder.run(&["check", "s.toml"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    assert!(done.out.contains("requests   load for 300s a round\n"), "{}", done.out);
    assert!(done.out.contains("at once    4 connections at most\n"), "{}", done.out);
}

#[test]
fn ctrl_c_ends_a_loop_by_time_and_every_arrival_has_landed() {
    let folder = looped("duration = \"10m\"");
    let child = folder.start(&["run", "s.toml", "--grace", "30s"]);
    folder.wait_for_load("s", 20);
    signal(&child, libc::SIGINT);
    let done = wait(child);
    assert_eq!(done.code, Some(130), "{}", done.said());
    let run = folder.latest("s");
    let rows = load(&run);
    let told = manifest(&run)["cases"][0]["rounds"][0]["client"].clone();
    assert_eq!([&told["planned"], &told["issued"], &told["rows"]], [rows.len(); 3]);
    assert_eq!(outcomes(&rows), BTreeMap::from([("ok".to_owned(), rows.len())]), "who has an answer asks no more");
    let place = run.to_str().unwrap();
    let held = folder.run(&["compare", place, place]);
    assert!(held.out.contains("last round"), "a part of a loop is not compared: {}", held.said());
}

#[test]
fn rounds_warm_up_and_fail_fast_work_with_loops() {
    let rest =
        "[preflight]\nrequests = 0\n[warmup]\nrequests = 3\n[closed]\nrequests = 10\n[expect]\nlatency_max = \"< 1ms\"";
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [2, 3]\nrepeat = 2\npause = \"10ms\"", QUICK, rest));
    let done = folder.run(&["run", "s.toml", "--fail-fast"]);
    assert_eq!(done.code, Some(1), "{}", done.said());
    let run = folder.latest("s");
    let phases = crate::support::rows(&run).iter().fold(BTreeMap::new(), |mut counts: BTreeMap<String, u32>, row| {
        *counts.entry(row["phase"].clone()).or_default() += 1;
        counts
    });
    assert_eq!(phases, [("warmup".to_owned(), 3), ("load".to_owned(), 20)].into());
}
