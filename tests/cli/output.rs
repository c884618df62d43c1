//! Where words go: results to stdout, everything else to stderr, no control characters off a terminal.

use std::process::Stdio;

use crate::support::{Folder, QUICK, done, load, manifest, scenario, wait};

fn quick() -> Folder {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [3]", QUICK, ""));
    folder
}

/// Whether the text holds anything that moves a cursor or changes a colour.
fn controls(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && c != '\n')
}

#[test]
fn off_a_terminal_there_are_plain_lines_only() {
    let folder = quick();
    let done = folder.run(&["run", "s.toml"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    assert!(!controls(&done.out) && !controls(&done.err), "{:?}", done.said());
    assert!(done.out.contains("t/m/all/3"), "the case is named: {}", done.out);
}

#[test]
fn colour_comes_when_asked_for_and_goes_when_not_wanted() {
    let folder = quick();
    let always = folder.run(&["run", "s.toml", "--color", "always"]);
    assert!(always.out.contains("\x1b["), "{:?}", always.out);
    let never = done(folder.command(&["run", "s.toml", "--color", "never"]).env("CLICOLOR_FORCE", "1"));
    assert!(!controls(&never.said()), "{:?}", never.said());
    let no_color = done(folder.command(&["run", "s.toml"]).env("NO_COLOR", "1"));
    assert!(!controls(&no_color.said()), "{:?}", no_color.said());
}

#[test]
fn json_is_one_document_and_nothing_else() {
    let folder = quick();
    let done = folder.run(&["run", "s.toml", "--format", "json"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    let document: serde_json::Value = serde_json::from_str(&done.out).expect("stdout is one JSON document");
    let saved: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.latest("s").join("summary.json")).unwrap()).unwrap();
    assert_eq!(document, saved);
}

#[test]
fn json_of_several_scenarios_is_one_object_a_line() {
    let folder = quick();
    folder.write("u.toml", &scenario("users = [2]", QUICK, ""));
    let done = folder.run(&["run", "s.toml", "u.toml", "--format", "json"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    let objects: Vec<serde_json::Value> = done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 2);
    assert!(objects.iter().all(serde_json::Value::is_object));
}

#[test]
fn quiet_is_the_last_line_only() {
    let folder = quick();
    let loud = folder.run(&["run", "s.toml"]);
    let quiet = folder.run(&["run", "s.toml", "-q"]);
    assert_eq!(quiet.code, Some(0), "{}", quiet.said());
    assert_eq!(quiet.err, "");
    assert_eq!(quiet.out.lines().count(), 1, "{}", quiet.out);
    assert!(loud.out.lines().count() > 3, "{}", loud.out);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let folder = quick();
    let mut command = folder.command(&["run", "s.toml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let done = wait(child);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(!done.err.contains("panicked"), "{}", done.err);
    assert_eq!(manifest(&folder.latest("s"))["complete"], true);
    assert_eq!(folder.load("s").len(), 3);
}

#[test]
#[cfg(target_os = "linux")]
fn a_stdout_that_is_full_is_told_once_and_nothing_measured_is_lost() {
    let folder = quick();
    for arguments in [&["run", "s.toml"][..], &["report", "results/s/latest"], &["schema", "summary"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let child = folder.command(arguments).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let done = wait(child);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.err);
        assert_eq!(done.err.matches("error: stdout does not take what is printed").count(), 1, "{}", done.err);
    }
    assert_eq!(manifest(&folder.latest("s"))["complete"], true);
    assert_eq!(folder.load("s").len(), 3);
}

#[test]
fn a_burst_prints_what_scripts_of_the_ancestor_read() {
    let folder = Folder::new();
    let mock = crate::support::Mock::start(&folder, &["--first-token", "20ms", "--per-token", "1ms", "--tokens", "4"]);
    let done = folder.run(&["burst", "--url", &mock.url, "--users", "12"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    let lines: Vec<&str> = done.out.lines().collect();
    let labels = [
        "  URL:              ",
        "  Model:            lamb_assistant.58",
        "  Concurrent users: 12",
        "  Request timeout:  180s",
        "Pre-flight check: single request...",
        "Pre-flight OK (",
        "  RESULTS",
        "  Total time:       ",
        "  Requests sent:    12",
        "  Successful:       12",
        "  Failed:           0",
        "  Success rate:     100.0%",
        "  Response times (all):",
        "    Min:            ",
        "    Max:            ",
        "    Mean:           ",
        "    Median:         ",
        "    Std dev:        ",
        "    P90:            ",
        "  Response times (successes only):",
        "LOAD TEST PASSED",
    ];
    let mut rest = lines.iter();
    for label in labels {
        assert!(rest.any(|line| line.starts_with(label)), "{label:?} is missing, or out of order, in\n{}", done.out);
    }
    assert_eq!(lines.last(), Some(&"LOAD TEST PASSED"));
    assert_eq!(
        lines.iter().filter(|line| line.starts_with("  User ")).count(),
        13,
        "a line per request, the first too"
    );
    assert!(lines.contains(&"=".repeat(65).as_str()));
    let run = folder.latest("burst");
    assert_eq!(load(&run).len(), 12);
    assert_eq!(manifest(&run)["complete"], true);
}

#[test]
fn a_burst_can_leave_nothing_behind() {
    let folder = Folder::new();
    let mock = crate::support::Mock::start(&folder, &["--first-token", "5ms", "--per-token", "1ms", "--tokens", "2"]);
    let done = folder.run(&["burst", "--url", &mock.url, "--users", "3", "--no-save"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    assert!(!folder.path().join("results").exists());
}
