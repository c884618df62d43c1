//! `run --baseline` and `[expect] vs_baseline`: a run held against another when it has ended.

use std::process::Command;

use crate::support::{Folder, manifest, scenario};

/// A server whose answers take about so many milliseconds, with little spread however busy this machine is.
fn target(ms: u32) -> String {
    format!("mock = {{ first_token = \"{ms}ms\", per_token = \"0ms\", tokens = 2, seed = 1 }}")
}

fn poem(ms: u32) -> String {
    let expect = "[expect]\nvs_baseline = { latency_median = \"<= +60%\" }";
    scenario("users = [2]\nrepeat = 4", &target(ms), expect)
}

#[test]
fn a_run_much_slower_than_its_baseline_fails_and_one_like_it_does_not() {
    let folder = Folder::new();
    folder.write("poem.toml", &poem(300));
    let first = folder.run(&["run", "poem.toml"]);
    assert_eq!(first.code, Some(0), "{}", first.said());
    assert!(first.err.contains("advice: poem: [expect] vs_baseline is judged only with --baseline"), "{}", first.err);
    let baseline = folder.latest("poem").display().to_string();
    let kept = std::fs::read_to_string(folder.latest("poem").join("scenario.toml")).unwrap();
    assert!(kept.contains("[expect.vs_baseline]\nlatency_median = \"<= +60%\"\n"), "{kept}");
    let checked = folder.run(&["check", &format!("{baseline}/scenario.toml")]);
    assert!(checked.out.contains("vs baseline latency_median <= +60%"), "{}", checked.said());

    let same = folder.run(&["run", "poem.toml", "--baseline", &baseline]);
    assert_eq!(same.code, Some(0), "{}", same.said());
    assert!(same.out.contains("passed    vs_baseline.latency_median <= +60%"), "{}", same.out);
    let judged = &manifest(&folder.latest("poem"))["baseline"];
    assert_eq!(judged["judged"][0]["gates"][0]["state"], "passed", "{judged}");

    folder.write("poem.toml", &poem(1200));
    let slow = folder.run(&["run", "poem.toml", "--baseline", &baseline]);
    assert_eq!(slow.code, Some(1), "{}", slow.said());
    assert!(slow.out.contains("failed    vs_baseline.latency_median <= +60%: +"), "{}", slow.out);
    let comparison = slow.out.find("\nWORSE · 1 case: 1 worse\nbefore ").expect("the comparison is printed");
    assert!(slow.out.find("FAILED").is_some_and(|summary| summary < comparison), "{}", slow.out);

    // A report is made from what was judged; the baseline may be gone.
    let summary = std::fs::read(folder.latest("poem").join("summary.md")).unwrap();
    std::fs::remove_dir_all(&baseline).unwrap();
    let again = folder.run(&["report", "poem"]);
    assert!(again.out.contains("failed    vs_baseline.latency_median <= +60%: +"), "{}", again.out);
    assert!(summary == std::fs::read(folder.latest("poem").join("summary.md")).unwrap());
}

#[test]
fn a_baseline_that_is_not_there_stops_everything_before_a_request_is_sent() {
    let folder = Folder::new();
    folder.write("poem.toml", &poem(1));
    for (baseline, said) in
        [("results/poem/20260101T000000Z-0001", "no run there; name a run's folder"), ("git:nowhere", "nowhere")]
    {
        let done = folder.run(&["run", "poem.toml", "--baseline", baseline]);
        assert_eq!(done.code, Some(2), "{}", done.said());
        assert!(done.err.contains("--baseline for poem; nothing was sent"), "{}", done.err);
        assert!(done.err.contains(said), "{}", done.err);
    }
    assert_eq!(folder.runs("poem"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn what_is_not_comparable_cannot_be_decided() {
    let folder = Folder::new();
    folder.write("poem.toml", &poem(5));
    assert_eq!(folder.run(&["run", "poem.toml"]).code, Some(0));
    let baseline = folder.latest("poem").display().to_string();
    folder.write("poem.toml", &poem(5).replace("Say hello.", "Say goodbye."));
    let done = folder.run(&["run", "poem.toml", "--baseline", &baseline]);
    assert_eq!(done.code, Some(4), "{}", done.said());
    assert!(done.out.contains("undecided vs_baseline.latency_median <= +60%: not comparable: prompts"), "{}", done.out);
}

#[test]
fn a_revision_names_the_baseline_of_the_same_scenario() {
    let folder = Folder::new();
    if Command::new("git").arg("--version").output().is_err() {
        return; // nothing to ask on a machine without git
    }
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
        let done = Command::new("git").current_dir(folder.path()).args(identity).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    git(&["init", "-q", "-b", "main"]);
    folder.write("poem.toml", &poem(5));
    assert_eq!(folder.run(&["run", "poem.toml"]).code, Some(0));
    assert_eq!(folder.run(&["results", "keep", "poem"]).code, Some(0));
    git(&["add", "poem.toml", "results/poem/baseline"]);
    git(&["commit", "-qm", "x", "--no-verify"]);
    std::fs::remove_dir_all(folder.path().join("results")).unwrap();
    folder.write("poem.toml", &poem(1000));
    for baseline in ["git:main", "git:main:results/poem", "main:results/poem/baseline"] {
        let done = folder.run(&["run", "poem.toml", "--baseline", baseline, "--set", "repeat=2"]);
        assert_eq!(done.code, Some(1), "{}", done.said());
        assert!(done.out.contains("\nbefore         "), "{}", done.out);
        assert!(done.out.contains("results/poem/baseline · poem 2"), "{}", done.out);
    }
}
