//! `lamb-load ab`: two sides by turns, a verdict, two runs that compare as what they are.

use std::path::{Path, PathBuf};

use crate::support::{Done, Folder, Mock, QUICK, load, manifest, scenario, signal, wait, wait_until};

/// Two targets of which the second is slower by far more than a busy machine can be.
const FAST_AND_SLOW: &str = r#"models = ["m"]
users = [4]
seed = 7

[targets.fast]
mock = { first_token = "5ms", per_token = "1ms", tokens = 4 }

[targets.slow]
mock = { first_token = "400ms", per_token = "1ms", tokens = 4 }
"#;

fn ab(folder: &Folder, arguments: &[&str]) -> Done {
    folder.run(&[&["ab"], arguments].concat())
}

/// The runs of a scenario: the side before and the side after.
fn sides(folder: &Folder, scenario: &str) -> [PathBuf; 2] {
    let mut runs = folder.runs(scenario);
    runs.sort_by_key(|run| manifest(run)["ab"]["side"] == "after");
    runs.try_into().unwrap_or_else(|runs| panic!("an ab leaves two runs, not {runs:?}"))
}

fn document(done: &Done) -> serde_json::Value {
    serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{}", done.said()))
}

/// When each round of a run's only case began.
fn starts(run: &Path) -> Vec<String> {
    let rounds = manifest(run)["cases"][0]["rounds"].as_array().unwrap().clone();
    rounds.iter().map(|round| round["started"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_slower_side_is_worse_and_the_runs_it_leaves_say_so_again() {
    let folder = Folder::new();
    folder.write("s.toml", FAST_AND_SLOW);
    let done = ab(&folder, &["s.toml", "--vary", "target=fast,slow", "--pairs", "6"]);
    assert_eq!(done.code, Some(1), "{}", done.said());
    assert!(done.out.starts_with("WORSE · 1 case: 1 worse\n"), "{}", done.out);
    assert!(done.out.contains("fast/m/all/4 → slow/m/all/4\n  WORSE · latency_median"), "{}", done.out);
    assert!(done.err.contains("pair 1 of 6: latency_median +") && done.err.contains("pair 6 of 6: "), "{}", done.err);

    let [before, after] = sides(&folder, "s");
    let facts = manifest(&before);
    assert_eq!((&facts["repeat"], &facts["complete"]), (&6.into(), &true.into()));
    assert_eq!(facts["ab"]["varied"], serde_json::json!(["target"]));
    let [one, other] = [&before, &after].map(|run| run.to_str().unwrap());
    let again = document(&folder.run(&["compare", one, other, "--format", "json"]));
    let first = document(&ab(&folder, &["s.toml", "--targets", "fast", "--aa", "--pairs", "2", "--format", "json"]));
    assert_eq!((&again["verdict"], &again["cases"][0]["comparable"]), (&"worse".into(), &true.into()), "{again}");
    assert_eq!(again["varied"], serde_json::json!(["target"]));
    assert_eq!(first["cases"][0]["before"].as_array().map(Vec::len), Some(2), "{first}");
}

#[test]
fn auto_stops_at_a_look_and_keeps_the_level_that_the_look_leaves() {
    let folder = Folder::new();
    folder.write("s.toml", &FAST_AND_SLOW.replace("400ms", "300ms"));
    let done = ab(&folder, &["s.toml", "--vary", "target=fast,slow", "--pairs", "auto", "--format", "json"]);
    let told = document(&done);
    assert_eq!((done.code, &told["verdict"]), (Some(1), &"worse".into()), "{}", done.said());
    let facts = manifest(&sides(&folder, "s")[0]);
    // How many it takes is this machine's affair: as a rule, five.
    let level = match facts["repeat"].as_u64() {
        Some(5) => 0.0005,
        Some(10) => 0.014,
        Some(15) => 0.045,
        other => panic!("{other:?} pairs are none that one may look at"),
    };
    assert_eq!((&facts["ab"]["level"], &facts["ab"]["pairs"]), (&level.into(), &15.into()));
    assert!(told["cases"][0]["p"].as_f64().unwrap() < level, "{told}");
    assert_eq!(told["cases"][0]["before"].as_array().map(Vec::len), facts["repeat"].as_u64().map(|n| n as usize));
    assert!(done.err.contains("pair 1 of at most 15: "), "{}", done.err);
}

#[test]
fn pairs_stand_together_and_the_seed_decides_who_is_first() {
    let order = |seed: &str| {
        let folder = Folder::new();
        folder.write("s.toml", &scenario("users = [1]", QUICK, "[preflight]\nrequests = 0"));
        let done = ab(&folder, &["s.toml", "--aa", "--pairs", "12", "--set", &format!("seed={seed}")]);
        assert_eq!(done.code, Some(0), "{}", done.said());
        let [before, after] = sides(&folder, "s").map(|run| starts(&run));
        assert_eq!((before.len(), after.len()), (12, 12));
        let pairs: Vec<[&String; 2]> = before.iter().zip(&after).map(|(one, other)| [one, other]).collect();
        for two in pairs.windows(2) {
            assert!(two[0].iter().max() < two[1].iter().min(), "a pair ends before the next begins: {pairs:?}");
        }
        pairs.iter().map(|[one, other]| one < other).collect::<Vec<_>>()
    };
    let (one, again, other) = (order("3"), order("3"), order("4"));
    assert_eq!(one, again);
    assert_ne!(one, other);
    assert!(one.contains(&true) && one.contains(&false), "{one:?}");
}

#[test]
fn both_sides_ask_the_same_within_a_pair_and_something_else_in_the_next() {
    let folder = Folder::new();
    let mock = Mock::start(&folder, &["--first-token", "5ms", "--tokens", "2", "--log", "log.jsonl"]);
    let text = scenario("users = [3]", &format!("url = \"{}\"", mock.url), "[request]\ncache_bust = \"prefix\"");
    folder.write("s.toml", &text);
    let done = ab(&folder, &["s.toml", "--vary", "model=x,y", "--pairs", "4", "--set", "preflight.requests=0"]);
    assert!(matches!(done.code, Some(0 | 1)), "{}", done.said());
    mock.stop();
    let log = std::fs::read_to_string(folder.path().join("log.jsonl")).unwrap();
    let asked = |model: &str| {
        let records = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let of = records.filter(|record| record["model"] == model);
        let mut markers: Vec<String> = of.map(|record| record["marker"].as_str().unwrap().to_owned()).collect();
        markers.sort();
        markers
    };
    let (x, y) = (asked("x"), asked("y"));
    assert_eq!(x, y, "each message of one side is one of the other");
    let different: std::collections::BTreeSet<&String> = x.iter().collect();
    assert_eq!((x.len(), different.len()), (12, 12), "{x:?}");
}

#[test]
fn a_side_that_asks_more_often_goes_on_from_the_same_number() {
    let folder = Folder::new();
    let start = |wait: &str, log: &str| Mock::start(&folder, &["--first-token", wait, "--tokens", "1", "--log", log]);
    let mocks = [start("10ms", "fast.jsonl"), start("150ms", "slow.jsonl")];
    let [fast, slow] = [&mocks[0].url, &mocks[1].url];
    let text = format!(
        "models = [\"m\"]\nusers = [1]\n[targets.fast]\nurl = \"{fast}\"\n[targets.slow]\nurl = \"{slow}\"\n\
         [closed]\nduration = \"400ms\"\n[request]\ncache_bust = \"suffix\"\n[preflight]\nrequests = 0\n"
    );
    folder.write("s.toml", &text);
    let done = ab(&folder, &["s.toml", "--vary", "target=fast,slow", "--pairs", "2"]);
    assert!(matches!(done.code, Some(0 | 1)), "{}", done.said());
    mocks.into_iter().for_each(Mock::stop);
    let runs = sides(&folder, "s");
    let second_round_begins_at = |log: &str, run: &Path| {
        let log = std::fs::read_to_string(folder.path().join(log)).unwrap();
        let number = |line: &str| {
            let marker = serde_json::from_str::<serde_json::Value>(line).unwrap()["marker"].as_str()?.to_owned();
            marker.rsplit_once("(request ")?.1.trim_end_matches(')').parse::<u64>().ok()
        };
        let mut numbers: Vec<u64> = log.lines().filter_map(number).collect();
        numbers.sort_unstable();
        let first = load(run).iter().filter(|row| row["round"] == "1").count();
        (first, numbers[first])
    };
    let fast = second_round_begins_at("fast.jsonl", &runs[0]);
    let slow = second_round_begins_at("slow.jsonl", &runs[1]);
    assert_eq!(fast.1, slow.1, "{fast:?} {slow:?}");
    assert_ne!(fast.0, slow.0, "one side asks more often");
}

#[test]
fn a_thing_against_itself_gives_the_noise_floor_and_no_failure() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [4]", QUICK, ""));
    let done = ab(&folder, &["s.toml", "--aa", "--pairs", "4"]);
    assert_eq!(done.code, Some(0), "{}", done.said());
    assert!(done.out.contains("\nnoise floor: t/m/all/4: differences of latency_median below "), "{}", done.out);
    assert!(done.out.contains("\nfalse alarms: "), "{}", done.out);
    let quiet = ab(&folder, &["s.toml", "--aa", "--pairs", "2", "-q"]);
    assert_eq!((quiet.code, quiet.out.lines().count(), quiet.err.as_str()), (Some(0), 1, ""), "{}", quiet.said());
}

#[test]
fn a_key_is_varied_and_what_follows_from_it_forbids_no_verdict() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [2]", QUICK, ""));
    let flags = ["s.toml", "--vary", "request.max_tokens=2,3", "--pairs", "2", "--gap", "10ms", "--format", "json"];
    let document = document(&ab(&folder, &flags));
    assert_eq!((&document["varied"], &document["comparable"]), (&serde_json::json!(["max_tokens"]), &true.into()));
    let [before, after] = sides(&folder, "s");
    let kept = [&before, &after].map(|run| std::fs::read_to_string(run.join("scenario.toml")).unwrap());
    assert!(kept[0].contains("max_tokens = 2") && kept[1].contains("max_tokens = 3"), "{kept:?}");
    assert!(kept.iter().all(|text| text.contains("pause = \"10ms\"") && text.contains("repeat = 2")), "{kept:?}");
    assert_eq!(manifest(&before)["seed"], manifest(&after)["seed"], "a seed that is drawn is drawn once");
}

#[test]
fn two_scenarios_are_two_sides() {
    let folder = Folder::new();
    folder.write("old.toml", &scenario("users = [2]", QUICK, "[request]\ntemperature = 0"));
    folder.write("new.toml", &scenario("users = [2]", QUICK, "[request]\ntemperature = 1"));
    let done = ab(&folder, &["old.toml", "new.toml", "--pairs", "2", "--format", "json"]);
    let document = document(&done);
    assert_eq!(document["varied"], serde_json::json!(["output length", "temperature"]), "{}", done.said());
    assert_eq!(["old", "new"].map(|name| folder.runs(name).len()), [1, 1]);
}

#[test]
fn ctrl_c_keeps_both_partial_runs() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [2]", QUICK, "[preflight]\nrequests = 0"));
    let child = folder.start(&["ab", "s.toml", "--aa", "--pairs", "1000", "--gap", "20ms"]);
    wait_until("two pairs", || {
        let runs = folder.runs("s");
        runs.len() == 2 && runs.iter().all(|run| load(run).len() >= 4)
    });
    signal(&child, libc::SIGINT);
    let done = wait(child);
    assert_eq!(done.code, Some(130), "{}", done.said());
    let sides = sides(&folder, "s");
    for run in &sides {
        let facts = manifest(run);
        assert_eq!((&facts["complete"], &facts["exit_code"]), (&false.into(), &130.into()));
        assert!(load(run).len() >= 4);
    }
    let [one, other] = sides.map(|run| run.to_str().unwrap().to_owned());
    let again = folder.run(&["compare", &one, &other]);
    assert!(again.out.contains("partial: it was interrupted"), "{}", again.said());
}

#[test]
fn a_target_that_does_not_answer_gets_no_load_on_either_side() {
    let folder = Folder::new();
    let text = format!("{FAST_AND_SLOW}\n[targets.gone]\nurl = \"http://127.0.0.1:1\"\n");
    folder.write("s.toml", &text);
    let done = ab(&folder, &["s.toml", "--vary", "target=fast,gone", "--pairs", "2"]);
    assert_eq!(done.code, Some(3), "{}", done.said());
    let rows: usize = sides(&folder, "s").iter().map(|run| load(run).len()).sum();
    assert_eq!(rows, 0);
}

#[test]
fn what_cannot_be_two_sides_is_said_before_anything_is_sent() {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [2]", QUICK, ""));
    folder.write("two.toml", &scenario("users = [2, 3]", QUICK, ""));
    let table: [(&[&str], &str); 9] = [
        (&["s.toml"], "error: name what to compare: a second scenario, --vary KEY=BEFORE,AFTER, or --aa for the noise"),
        (&["s.toml", "two.toml", "--aa"], "error: two scenarios are compared as they are: leave --vary and --aa out"),
        (&["s.toml", "two.toml"], "error: the sides have 1 and 2 cases: each needs a partner"),
        (&["s.toml", "--vary", "model=x"], "error: --vary: model needs two values that differ, before and after"),
        (&["s.toml", "--vary", "model"], "error: --vary: model has no value"),
        (&["s.toml", "--vary", "timeouts.totl=1,2"], "hint: did you mean total?"),
        (&["s.toml", "--vary", "seed=1,2"], "error: --vary: seed is the same on both sides"),
        (&["s.toml", "--aa", "--pairs", "1"], "error: --pairs: 1 is no number of pairs"),
        (&["s.toml", "--aa", "--tolerance", "0%"], "error: --tolerance: "),
    ];
    for (arguments, expected) in table {
        let done = ab(&folder, arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.said());
        assert!(done.err.contains(expected), "{arguments:?}: {}", done.err);
    }
    assert!(!folder.path().join("results").exists());
}
