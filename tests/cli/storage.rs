//! What is on disk, whatever happens to the disk.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{Folder, QUICK, done, load, manifest, outcomes, rows, scenario, wait};

const FILES: [&str; 8] = [
    "scenario.toml",
    "run.json",
    "requests.csv",
    "summary.csv",
    "summary.json",
    "summary.md",
    "report.html",
    "junit.xml",
];

#[test]
fn a_run_leaves_its_files_and_out_stands_in_place_of_results() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [3]", QUICK, ""));
    let done = folder.run(&["run", "s.toml", "--out", "elsewhere"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    assert!(!folder.path().join("results").exists());
    let run = folder.path().join("elsewhere/s/latest");
    for file in FILES {
        assert!(run.join(file).is_file(), "{file}");
    }
    assert_eq!(load(&run).len(), 3);
}

#[test]
fn the_saved_scenario_can_be_run_again() {
    let folder = Folder::new();
    folder.write("prompt.md", "Say hello.");
    let text = scenario("users = [2]\nrepeat = 2", QUICK, "").replace("[\"Say hello.\"]", "[{ file = \"prompt.md\" }]");
    folder.write("s.toml", &text);
    assert_eq!(folder.run(&["run", "s.toml", "--set", "repeat=1"]).code, Some(0));
    let first = folder.latest("s");
    let saved = first.join("scenario.toml");
    let again = folder.run(&["run", saved.to_str().unwrap(), "--out", "again"]);
    assert_eq!(again.code, Some(0), "{}", again.said());
    let second = folder.path().join("again/scenario/latest");
    assert_eq!(load(&second).len(), 2);
    assert_eq!(manifest(&first)["prompts_hash"], manifest(&second)["prompts_hash"]);
}

#[test]
fn report_remakes_every_rendering_byte_for_byte() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [3, 40]", QUICK, ""));
    assert_eq!(folder.run(&["run", "s.toml"]).code, Some(0));
    let run = folder.latest("s");
    let renderings = ["summary.csv", "summary.json", "summary.md", "report.html", "junit.xml"];
    let before = renderings.map(|name| std::fs::read(run.join(name)).unwrap());
    for name in renderings {
        std::fs::remove_file(run.join(name)).unwrap();
    }
    let done = folder.run(&["report", run.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    let after = renderings.map(|name| std::fs::read(run.join(name)).unwrap());
    for ((name, before), after) in renderings.iter().zip(&before).zip(&after) {
        assert_eq!(String::from_utf8_lossy(before), String::from_utf8_lossy(after), "{name}");
    }
}

#[test]
fn a_place_that_cannot_be_written_stops_a_run_before_it_sends() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [3]", QUICK, ""));
    // A file where the folder should be: no permission lets anybody, root included, write below it.
    folder.write("results", "not a folder");
    let done = folder.run(&["run", "s.toml"]);
    assert_eq!(done.code, Some(2), "{}", done.said());
    assert!(done.err.contains("results"), "{}", done.err);
    assert!(!done.out.contains("t/m/all/3"), "nothing was sent: {}", done.out);
}

#[test]
fn a_burst_where_nothing_can_be_saved_warns_and_goes_on() {
    let folder = Folder::new();
    let mock = crate::support::Mock::start(&folder, &["--first-token", "5ms", "--per-token", "1ms", "--tokens", "2"]);
    folder.write("results", "not a folder");
    let done = folder.run(&["burst", "--url", &mock.url, "--users", "3"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    assert!(done.err.contains("results"), "{}", done.err);
    assert!(done.out.contains("LOAD TEST PASSED"), "{}", done.out);
}

#[test]
fn a_disk_that_fills_up_keeps_what_was_measured_and_says_so() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [400]", QUICK, ""));
    // The largest file that the shell allows: 64 blocks of 512 or 1024 bytes; writing beyond it is an error, as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$@\"";
    let program = env!("CARGO_BIN_EXE_lamb-load");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, "sh", program, "run", "s.toml"]).current_dir(folder.path());
    let done = done(&mut command);
    assert_eq!(done.code, Some(2), "{}", done.said());
    assert!(done.err.contains("requests.csv"), "{}", done.err);
    assert!(!done.said().contains("panicked"), "{}", done.said());
    let run = folder.latest("s");
    let kept = load(&run);
    assert!(kept.len() > 20 && kept.len() < 400, "{} rows", kept.len());
    assert_eq!(outcomes(&kept).len(), 1);
    assert_eq!(manifest(&run)["complete"], false);
    let report = folder.run(&["report", run.to_str().unwrap()]);
    assert_eq!(report.code, Some(0), "{}", report.said());
    assert!(report.out.to_lowercase().contains("partial"), "{}", report.out);
}

#[test]
fn two_runs_at_the_same_time_keep_apart() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [20]\nrepeat = 3", QUICK, ""));
    let running: Vec<_> = (0..2).map(|_| folder.start(&["run", "s.toml"])).collect();
    for child in running {
        let done = wait(child);
        assert_eq!(done.code, Some(0), "{}", done.said());
    }
    let runs = folder.runs("s");
    assert_eq!(runs.len(), 2);
    for run in &runs {
        let ids: BTreeSet<String> = rows(run).iter().map(|row| row["run_id"].clone()).collect();
        assert_eq!(ids.into_iter().collect::<Vec<_>>(), [run.file_name().unwrap().to_str().unwrap()]);
        assert_eq!(load(run).len(), 60);
        assert_eq!(manifest(run)["complete"], true);
    }
    let latest = std::fs::canonicalize(folder.path().join("results/s/latest")).unwrap();
    assert!(runs.iter().any(|run| std::fs::canonicalize(run).unwrap() == latest));
}

#[test]
fn what_is_kept_is_four_files_and_listed() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [3]", QUICK, ""));
    assert_eq!(folder.run(&["run", "s.toml"]).code, Some(0));
    let run = folder.latest("s");
    let name = run.file_name().unwrap().to_str().unwrap().to_owned();
    let list = folder.run(&["results"]);
    assert_eq!(list.code, Some(0), "{}", list.said());
    assert!(list.out.contains(&name), "{}", list.out);
    let keep = folder.run(&["results", "keep", run.to_str().unwrap()]);
    assert_eq!(keep.code, Some(0), "{}", keep.said());
    let baseline = folder.path().join("results/s/baseline");
    assert_eq!(names(&baseline), ["requests.csv", "run.json", "scenario.toml", "summary.csv"]);
    let report = folder.run(&["report", baseline.to_str().unwrap()]);
    assert_eq!(report.code, Some(0), "{}", report.said());
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
