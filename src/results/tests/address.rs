//! Which run is meant, on disk and in a commit.

use std::path::Path;
use std::process::Command;

use fs_err as fs;

use crate::results::address::{all_runs, committed};
use crate::results::tests::{a_run, assert_same};
use crate::results::{AddressError, last_two, open, read};

fn git(folder: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
    let done = Command::new("git").arg("-C").arg(folder).args(identity).args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// A repository on branch `main`; `None` on a machine without git, where there is nothing to ask.
fn repository() -> Option<tempfile::TempDir> {
    Command::new("git").arg("--version").output().ok()?;
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q", "-b", "main"]);
    Some(folder)
}

fn commit(folder: &Path) -> String {
    git(folder, &["add", "-A", "-f"]);
    git(folder, &["commit", "-qm", "x", "--no-verify"]);
    git(folder, &["rev-parse", "HEAD"])
}

#[test]
fn a_run_is_read_out_of_a_commit_as_it_was_and_not_as_it_is() {
    let Some(folder) = repository() else { return };
    let here = folder.path();
    let results = here.join("results");
    let run = a_run(&results).folder.unwrap();
    let id = run.file_name().unwrap().to_str().unwrap().to_owned();
    let expected = read(&run).unwrap();
    let first = commit(here);
    fs::write(run.join("requests.csv"), "phase,outcome,end_ms\n").unwrap();
    commit(here);
    let short = &first[..8];
    for (path, place) in [
        (format!("results/poem/{id}"), format!("results/poem/{id}")),
        (format!("results/poem/{id}/"), format!("results/poem/{id}")),
        (format!("results/poem/{id}/requests.csv"), format!("results/poem/{id}/requests.csv")),
        ("results/poem".to_owned(), format!("results/poem/{id}")),
        ("results/poem/latest".to_owned(), format!("results/poem/{id}")),
    ] {
        let found = committed(here, short, &path).unwrap();
        assert_same(&found.run, &expected);
        assert_eq!(found.place, format!("{short}:{place}"));
    }
    assert_eq!(committed(here, "main", "results/poem").unwrap().run.rows, 0, "the branch has the later one");
    let relative = committed(&results, short, "./poem").unwrap();
    assert_same(&relative.run, &expected);
}

#[test]
fn of_a_scenario_in_a_commit_the_kept_run_is_meant_before_the_newest() {
    let Some(folder) = repository() else { return };
    let here = folder.path();
    let run = a_run(&here.join("results")).folder.unwrap();
    crate::results::keep(&here.join("results"), "poem", &run).unwrap();
    commit(here);
    assert_eq!(committed(here, "main", "results/poem").unwrap().place, "main:results/poem/baseline");
    fs::remove_file(here.join("results/poem/baseline/run.json")).unwrap();
    commit(here);
    let lone = committed(here, "HEAD", "results/poem").unwrap();
    assert_eq!(lone.run.state.partial, ["there is no run.json beside the rows, so the plan is not known"]);
}

#[test]
fn what_git_has_not_got_is_said_and_nothing_that_was_typed_is_an_option() {
    let Some(folder) = repository() else { return };
    let here = folder.path();
    fs::write(here.join("notes.csv"), "month;amount\n1;2\n").unwrap();
    commit(here);
    let said = |revision: &str, path: &str| committed(here, revision, path).unwrap_err().to_string();
    assert_eq!(said("nowhere", "results"), "nowhere: there is no revision nowhere in this repository");
    assert_eq!(said("--all", "results"), "--all: there is no revision --all in this repository");
    assert_eq!(
        said("main", "results/poem"),
        "main:results/poem: no run there in main; a path starts at the top of the repository, or with ./ here"
    );
    assert!(said("main", "notes.csv").ends_with("notes.csv: not a requests.csv: no column phase, outcome, end_ms"));
    let elsewhere = tempfile::tempdir().unwrap();
    let none = committed(elsewhere.path(), "main", "results/poem").unwrap_err();
    assert_eq!(none.to_string(), "main: this folder is in no git repository; name a folder instead of a revision");
}

#[test]
fn a_committed_link_leads_nowhere_else() {
    let Some(folder) = repository() else { return };
    let here = folder.path();
    let run = a_run(&here.join("results")).folder.unwrap();
    let id = run.file_name().unwrap().to_str().unwrap();
    fs::remove_file(here.join("results/poem/latest")).unwrap();
    fs::create_dir_all(here.join("results/other")).unwrap();
    fs::write(here.join("results/other/latest"), format!("../poem/{id}")).unwrap();
    commit(here);
    assert!(committed(here, "main", "results/other/latest").is_err());
    assert!(committed(here, "main", "results/other").is_err());
}

#[test]
fn filters_and_textconv_of_a_repository_are_not_run() {
    let Some(folder) = repository() else { return };
    let here = folder.path();
    let run = a_run(&here.join("results")).folder.unwrap();
    let expected = read(&run).unwrap();
    git(here, &["config", "diff.rows.textconv", "touch textconv-ran; cat"]);
    git(here, &["config", "core.fsmonitor", "touch monitor-ran; false"]);
    fs::write(here.join(".gitattributes"), "*.csv diff=rows\n").unwrap();
    commit(here);
    let _ = fs::remove_file(here.join("monitor-ran"));
    let _ = fs::remove_file(here.join("textconv-ran"));
    assert_same(&committed(here, "main", "results/poem").unwrap().run, &expected);
    assert!(!here.join("textconv-ran").exists() && !here.join("monitor-ran").exists());
}

#[test]
fn a_scenarios_last_two_runs_are_compared_in_the_order_in_which_they_began() {
    let out = tempfile::tempdir().unwrap();
    let first = a_run(out.path()).folder.unwrap();
    let few = last_two(out.path(), "poem").unwrap_err();
    assert!(matches!(few, AddressError::Few { found: 1, .. }), "{few}");
    // Two of one second, whose ids are in the other order than they began.
    let places = ["20261123T233104Z-ffff", "20261123T233104Z-0000"].map(|id| out.path().join("poem").join(id));
    for (place, began) in places.iter().zip(["2026-11-23T23:31:04.1Z", "2026-11-23T23:31:04.2Z"]) {
        fs::create_dir(place).unwrap();
        fs::copy(first.join("requests.csv"), place.join("requests.csv")).unwrap();
        let text = fs::read_to_string(first.join("run.json")).unwrap();
        fs::write(place.join("run.json"), text.replace("2026-11-23T23:31:04Z", began)).unwrap();
    }
    fs::remove_dir_all(&first).unwrap();
    assert_eq!(all_runs(out.path(), "poem"), places);
    let [older, newer] = last_two(out.path(), "poem").unwrap();
    assert_eq!([older.place, newer.place].map(std::path::PathBuf::from), places);
    let nothing = last_two(out.path(), "limerick").unwrap_err().to_string();
    assert!(nothing.starts_with("limerick: no run there; name a run's folder, its requests.csv, a git revision"));
    assert!(open(out.path(), "limerick").is_err());
}
