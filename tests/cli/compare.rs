//! `lamb-load compare`: which runs are meant, what is said, and what it means to whoever called.

use std::path::PathBuf;

use crate::support::{Done, Folder};

/// A table of requests whose rounds of ten users each take about so many milliseconds.
fn table(model: &str, rounds: &[f64]) -> String {
    let mut text = "case,target,model,users,round,phase,user,outcome,sent_ms,latency_ms,end_ms\n".to_owned();
    for (round, ms) in (1..).zip(rounds) {
        for user in 1..=10 {
            let ms = ms + f64::from(user) / 10.0;
            text += &format!("t/{model}/all/10,t,{model},10,{round},load,{user},ok,1,{ms:.3},{:.3}\n", ms + 1.5);
        }
    }
    text
}

/// A run as it is left on the disk.
fn run(folder: &Folder, id: &str, model: &str, prompts: &str, rounds: &[f64]) -> PathBuf {
    let place = folder.path().join("results/poem").join(id);
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("requests.csv"), table(model, rounds)).unwrap();
    let manifest = serde_json::json!({
        "schema_version": 1, "complete": true, "run_id": id, "scenario": "poem", "prompts_hash": prompts,
        "tool": { "name": "lamb-load", "version": "0.1.0" },
        "cases": [{ "case": format!("t/{model}/all/10"), "target": "t", "model": model, "prompts": "all",
                    "load": "10", "users": 10, "requests": 10 }],
    });
    std::fs::write(place.join("run.json"), manifest.to_string()).unwrap();
    place
}

const FAST: [f64; 4] = [100.0, 102.0, 99.0, 101.0];
const SLOW: [f64; 4] = [150.0, 152.0, 149.0, 151.0];
const WIDE: [f64; 4] = [80.0, 140.0, 95.0, 160.0];

fn compare(folder: &Folder, arguments: &[&str]) -> Done {
    folder.run(&[&["compare"], arguments].concat())
}

/// The verdict of each case in the document.
fn verdicts(done: &Done) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{}", done.said()));
    let cases = document["cases"].as_array().unwrap();
    cases.iter().map(|case| case["verdict"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_scenario_alone_is_its_last_two_runs_and_what_is_worse_is_exit_1() {
    let folder = Folder::new();
    run(&folder, "20260101T000000Z-0001", "m", "aa", &SLOW);
    run(&folder, "20260102T000000Z-0001", "m", "aa", &FAST);
    run(&folder, "20260103T000000Z-0001", "m", "aa", &SLOW);
    let done = compare(&folder, &["poem"]);
    assert_eq!(done.code, Some(1), "{}", done.said());
    assert!(done.out.starts_with("WORSE · 1 case: 1 worse\nbefore         results/poem/20260102"), "{}", done.out);
    assert!(done.out.contains("WORSE · latency_p90 101 ms → 151 ms, +49.3 % (95 %:"), "{}", done.out);
    let back = compare(&folder, &["poem", "results/poem/20260102T000000Z-0001", "--format", "json"]);
    assert_eq!((back.code, verdicts(&back)), (Some(0), vec!["better".to_owned()]), "{}", back.said());
}

#[test]
fn several_are_held_against_the_first_or_against_a_baseline() {
    let folder = Folder::new();
    for (day, rounds) in [("1", &FAST), ("2", &FAST), ("3", &SLOW)] {
        run(&folder, &format!("2026010{day}T000000Z-0001"), "m", "aa", rounds);
    }
    let runs = ["results/poem/20260101T000000Z-0001", "results/poem/20260102T000000Z-0001", "poem"];
    let done = compare(&folder, &[&runs[..], &["--format", "json"]].concat());
    assert_eq!((done.code, verdicts(&done)), (Some(1), vec!["same".to_owned(), "worse".to_owned()]));
    let against = compare(&folder, &["--baseline", "poem", runs[0], runs[1], "--format", "json"]);
    assert_eq!((against.code, verdicts(&against)), (Some(0), vec!["better".to_owned(); 2]), "{}", against.said());
}

#[test]
fn a_missing_verdict_fails_only_those_who_ask_for_one() {
    let folder = Folder::new();
    run(&folder, "20260101T000000Z-0001", "m", "aa", &FAST);
    run(&folder, "20260102T000000Z-0001", "m", "aa", &WIDE);
    let done = compare(&folder, &["poem", "--format", "json"]);
    assert_eq!((done.code, verdicts(&done)), (Some(0), vec!["inconclusive".to_owned()]), "{}", done.said());
    assert_eq!(compare(&folder, &["poem", "--fail-on", "inconclusive"]).code, Some(1));
    run(&folder, "20260103T000000Z-0001", "m", "aa", &FAST[..1]);
    let one = compare(&folder, &["poem"]);
    assert_eq!(one.code, Some(0));
    assert!(one.out.contains("why          one round a side cannot tell"), "{}", one.out);
}

#[test]
fn what_is_not_comparable_has_numbers_without_a_verdict_and_strictly_exit_4() {
    let folder = Folder::new();
    run(&folder, "20260101T000000Z-0001", "m", "aa", &FAST);
    run(&folder, "20260102T000000Z-0001", "m", "bb", &SLOW);
    let done = compare(&folder, &["poem"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    assert!(done.out.starts_with("NOT COMPARABLE · 1 case: 1 not comparable\n"), "{}", done.out);
    assert!(done.out.contains("+49.3 %") && done.out.contains("differs      prompts: aa before, bb after"));
    assert_eq!(compare(&folder, &["poem", "--strict"]).code, Some(4));
    run(&folder, "20260103T000000Z-0001", "other", "aa", &SLOW);
    let apart = compare(&folder, &["poem", "--strict"]);
    assert_eq!(apart.code, Some(4), "{}", apart.said());
    assert!(apart.out.starts_with("NOT COMPARABLE: the runs share no case\n"), "{}", apart.out);
    assert!(apart.out.contains("only before: t/m/all/10\n\nonly after: t/other/all/10\n"), "{}", apart.out);
}

#[test]
fn lone_tables_are_compared_and_say_what_they_do_not_tell() {
    let folder = Folder::new();
    folder.write("a.csv", &table("m", &FAST));
    let touched = table("m", &SLOW).replace(',', ";").replace('.', ",").replace('\n', "\r\n");
    folder.write("b.csv", &format!("\u{feff}{touched}"));
    let done = compare(&folder, &["a.csv", "b.csv"]);
    assert_eq!(done.code, Some(1), "{}", done.said());
    let unchecked =
        "not checked  prompts, stream, max_tokens, parameters, version, served model, output length, validity";
    assert!(done.out.contains(unchecked), "{}", done.out);
}

#[test]
fn models_of_one_run_or_of_two_are_compared_across() {
    let folder = Folder::new();
    let place = run(&folder, "20260101T000000Z-0001", "m", "aa", &FAST);
    let both = table("m", &FAST) + table("n", &SLOW).split_once('\n').unwrap().1;
    std::fs::write(place.join("requests.csv"), both).unwrap();
    let done = compare(&folder, &["poem", "--across", "model"]);
    assert_eq!(done.code, Some(1), "{}", done.said());
    assert!(done.out.contains("\nt/m/all/10 → t/n/all/10\n  WORSE"), "{}", done.out);
    let unclear = compare(&folder, &["poem", "poem", "--across", "model"]);
    assert_eq!(unclear.code, Some(2));
    assert!(unclear.err.contains("it has several models"), "{}", unclear.err);
    run(&folder, "20260102T000000Z-0001", "n", "aa", &FAST);
    run(&folder, "20260103T000000Z-0001", "m", "aa", &FAST);
    let runs = ["results/poem/20260102T000000Z-0001", "results/poem/20260103T000000Z-0001"];
    let done = compare(&folder, &[&runs[..], &["--across", "model", "--format", "json"]].concat());
    assert_eq!(verdicts(&done), ["same"], "{}", done.said());
    let alone = compare(&folder, &["poem", "--across", "target"]);
    assert!(alone.err.contains("it has one target only"), "{}", alone.err);
}

#[test]
fn tolerance_and_metric_are_what_is_typed() {
    let folder = Folder::new();
    run(&folder, "20260101T000000Z-0001", "m", "aa", &FAST);
    run(&folder, "20260102T000000Z-0001", "m", "aa", &SLOW);
    let verdict = |flags: &[&str]| verdicts(&compare(&folder, &[&["poem", "--format", "json"], flags].concat()));
    assert_eq!(verdict(&["--tolerance", "60%"]), ["slightly_worse"]);
    assert_eq!(verdict(&["--metric", "requests_per_s"]), ["worse"], "fewer a second");
    for (flags, said) in [
        (["--tolerance", "ten"], "--tolerance: expected a share"),
        (["--tolerance", "0%"], "--tolerance: no difference is smaller than 0 %"),
        (["--metric", "p90"], "--metric: there is no metric p90"),
        (["--metric", "success_rate"], "--metric: success_rate is a share or a count"),
    ] {
        let done = compare(&folder, &[&["poem"], &flags[..]].concat());
        assert_eq!(done.code, Some(2), "{}", done.said());
        assert!(done.err.contains(said), "{}", done.err);
    }
}

#[test]
fn a_comment_begins_with_the_tag_by_which_it_is_found_again() {
    let folder = Folder::new();
    run(&folder, "20260101T000000Z-0001", "m", "aa", &FAST);
    run(&folder, "20260102T000000Z-0001", "m", "aa", &SLOW);
    let done = compare(&folder, &["poem", "--format", "markdown"]);
    assert!(done.out.starts_with("<!-- lamb-load: compare poem -->\n### WORSE · 1 case: 1 worse\n"), "{}", done.out);
    assert_eq!(done.code, Some(1));
}

#[test]
fn what_is_no_run_is_refused_with_what_would_be_one() {
    let folder = Folder::new();
    let done = compare(&folder, &["limerick"]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("limerick: no run there; name a run's folder"), "{}", done.err);
    run(&folder, "20260101T000000Z-0001", "m", "aa", &FAST);
    let one = compare(&folder, &["poem"]);
    assert!(one.err.contains("once it has run again; so far there is one"), "{}", one.err);
}

#[test]
fn a_history_has_a_line_a_run_and_an_alarm_where_one_was_not_to_be_expected() {
    let folder = Folder::new();
    for day in 1..=7 {
        let slow = if day == 7 { 50.0 } else { f64::from(day % 3) };
        let place = run(&folder, &format!("2026010{day}T000000Z-0001"), "m", "aa", &FAST.map(|ms| ms + slow));
        let text = std::fs::read_to_string(place.join("run.json")).unwrap();
        let text =
            text.replacen('{', &format!("{{\"allow_invalid\":true,\"started\":\"2026-01-0{day}T00:00:00Z\","), 1);
        std::fs::write(place.join("run.json"), text).unwrap();
    }
    let done = folder.run(&["history", "poem"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    assert!(done.out.starts_with("poem: 7 runs, the oldest first\n\nt/m/all/10 · latency_p90  ▁▁"), "{}", done.out);
    assert_eq!(done.out.matches("\n  2026-01-0").count(), 7, "{}", done.out);
    assert_eq!(done.out.matches("ALARM: latency_p90 151 ms is outside ").count(), 1, "{}", done.out);
    let json = folder.run(&["history", "poem", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let runs = document["cases"][0]["runs"].as_array().unwrap();
    let alarms = runs.iter().map(|run| run["alarm"].is_object()).collect::<Vec<_>>();
    assert_eq!(alarms, [false, false, false, false, false, false, true]);
    let few = folder.run(&["history", "poem", "--last", "5", "--metric", "makespan"]);
    assert!(few.out.contains("· makespan  ") && !few.out.contains("ALARM"), "four runs predict nothing: {}", few.out);
    let nothing = folder.run(&["history", "limerick"]);
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.err.contains("limerick: no runs of it in results"), "{}", nothing.err);
}

#[test]
fn the_schema_of_the_document_is_printed() {
    let done = Folder::new().run(&["schema", "comparison"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    assert!(done.out.contains("\"title\": \"lamb-load comparison\""), "{}", done.out);
}
