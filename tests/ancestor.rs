//! Beside the ancestor: on equal latencies the same digits, on one endpoint the same block and verdict.
//!
//! `tests/ancestor/stats.py` is the ancestor's arithmetic and `ancestor.py` its algorithm, both with Python's standard
//! library only. Python 3.11 or later must be there: the machine on which the old script ran has it.

#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "cli/support.rs"]
mod support;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use lamb_load::stats::exact;
use rand::{RngExt, SeedableRng};
use support::{Folder, Mock};

const STATS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ancestor/stats.py");
const ANCESTOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ancestor/ancestor.py");

/// Runs a Python script; its exit code and what it printed.
fn python(arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut command = Command::new("python3");
    command.args(arguments).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("python3 is needed to stand beside the ancestor");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("python3 ends");
    writer.join().expect("the writer ends").expect("python3 reads its input");
    (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
}

/// The lines of the block with numbers in them, from our own arithmetic.
fn block(total: f64, rows: &[(u16, f64)]) -> String {
    let all: Vec<f64> = rows.iter().map(|(_, seconds)| *seconds).collect();
    let good: Vec<f64> = rows.iter().filter(|(status, _)| *status == 200).map(|(_, seconds)| *seconds).collect();
    let mut text = String::new();
    let rate = good.len() as f64 / all.len() as f64 * 100.0;
    writeln!(text, "  Total time:       {total:.2}s").unwrap();
    writeln!(text, "  Requests sent:    {}", all.len()).unwrap();
    writeln!(text, "  Successful:       {}", good.len()).unwrap();
    writeln!(text, "  Failed:           {}", all.len() - good.len()).unwrap();
    writeln!(text, "  Success rate:     {rate:.1}%").unwrap();
    spread(&mut text, &all, true);
    if !good.is_empty() {
        spread(&mut text, &good, false);
    }
    text
}

fn spread(text: &mut String, seconds: &[f64], everything: bool) {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut line = |label: &str, value: Option<f64>| {
        if let Some(value) = value {
            writeln!(text, "    {:<16}{value:6.2}s", format!("{label}:")).unwrap();
        }
    };
    line("Min", sorted.first().copied());
    line("Max", sorted.last().copied());
    line("Mean", exact::mean(seconds));
    line("Median", exact::median(seconds));
    if everything {
        line("Std dev", exact::stdev(seconds));
        line("P90", Some(sorted[sorted.len() * 9 / 10]));
    }
}

/// What is left of a block when titles, rules, failures and the verdict are gone.
fn numbers(text: &str) -> String {
    let kept = text.lines().filter(|line| line.starts_with("    ") || line.starts_with("  Total") || counts(line));
    kept.filter(|line| !line.starts_with("    User") && !line.starts_with("    ...")).fold(
        String::new(),
        |mut all, line| {
            all.push_str(line);
            all.push('\n');
            all
        },
    )
}

fn counts(line: &str) -> bool {
    ["  Requests sent:", "  Successful:", "  Failed:", "  Success rate:"].iter().any(|label| line.starts_with(label))
}

#[test]
fn equal_latencies_give_equal_digits() {
    let mut random = rand_chacha(7);
    let (mut sets, mut expected) = (String::new(), Vec::new());
    for case in 0..400 {
        let n = if case < 20 { case + 1 } else { random.random_range(1..=120) };
        let rows: Vec<(u16, f64)> = (0..n)
            .map(|_| {
                // To the microsecond, as requests.csv has them; every third set in half cents, where rounding is decided.
                let step = if case % 3 == 0 { 5_000 } else { 1 };
                let micros = random.random_range(0..200_000_000_u64 / step) * step;
                (if random.random_bool(0.9) { 200 } else { 500 }, micros as f64 / 1e6)
            })
            .collect();
        let total = rows.iter().map(|row| row.1).fold(0.0, f64::max);
        let json: Vec<serde_json::Value> = rows
            .iter()
            .map(|(status, seconds)| {
                serde_json::json!({ "user": 1, "status": status, "ok": *status == 200, "seconds": seconds, "preview": "" })
            })
            .collect();
        writeln!(sets, "{}", serde_json::json!({ "total": total, "rows": json })).unwrap();
        expected.push(block(total, &rows));
    }
    let (code, printed) = python(&[STATS, "--sets"], &sets);
    assert_eq!(code, Some(0));
    let blocks: Vec<&str> = printed.split("%%\n").filter(|text| !text.is_empty()).collect();
    assert_eq!(blocks.len(), expected.len());
    for (theirs, ours) in blocks.iter().zip(&expected) {
        assert_eq!(numbers(theirs), *ours);
    }
}

fn rand_chacha(seed: u64) -> rand::rngs::ChaCha8Rng {
    rand::rngs::ChaCha8Rng::seed_from_u64(seed)
}

#[test]
fn the_arithmetic_that_we_stand_beside_is_itself_pinned() {
    let set = r#"{"total": 2.5, "rows": [{"user": 1, "status": 200, "ok": true, "seconds": 1.25, "preview": ""},
        {"user": 12, "status": 500, "ok": false, "seconds": 2.5, "preview": "boom"}]}"#;
    let (code, printed) = python(&[STATS, "--sets"], &set.replace('\n', " "));
    let rule = "=".repeat(65);
    let expected = format!(
        "{rule}\n  RESULTS\n{rule}\n  Total time:       2.50s\n  Requests sent:    2\n  Successful:       1\n  Failed:           1
  Success rate:     50.0%\n\n  Response times (all):\n    Min:              1.25s\n    Max:              2.50s\n    Mean:             1.88s
    Median:           1.88s\n    Std dev:          0.88s\n    P90:              2.50s\n\n  Response times (successes only):
    Min:              1.25s\n    Max:              1.25s\n    Mean:             1.25s\n    Median:           1.25s\n\n  Failures:
    User  12: status=500 - boom\n{rule}\n\nLOAD TEST FAILED (< 90% success rate)\n%%\n"
    );
    assert_eq!((code, printed), (Some(0), expected));
}

#[test]
fn a_burst_prints_the_ancestors_block_of_its_own_rows() {
    let folder = Folder::new();
    let delay = r#"{ lognormal = { median = "60ms", sigma = 0.7 } }"#;
    for (users, faults, code) in [("1", "0%", 0), ("2", "0%", 0), ("30", "0%", 0), ("47", "40%", 1)] {
        let fault = format!("status_500={faults}");
        let mock = Mock::start(
            &folder,
            &["--first-token", delay, "--per-token", "0ms", "--tokens", "1", "--seed", "3", "--fault", &fault],
        );
        let done = folder.run(&["burst", "--url", &mock.url, "--users", users]);
        // With faults the pre-flight may be the one that fails: the endpoint's seed makes it answer.
        assert_eq!(done.code, Some(code), "{}", done.said());
        let rows = folder.latest("burst").join("requests.csv");
        let (_, theirs) = python(&[STATS, rows.to_str().expect("a path in UTF-8")], "");
        let ours = &done.out[done.out.find("  RESULTS").expect("a block")..];
        assert_eq!(numbers(ours), numbers(&theirs), "{users} users");
        assert_eq!(ours.lines().last(), theirs.lines().last(), "{users} users: the verdict");
        let shape =
            |text: &str| text.lines().map(|line| line.split(':').next().unwrap_or("").to_owned()).collect::<Vec<_>>();
        let from = &theirs[theirs.find("  RESULTS").expect("a block")..];
        let until = |lines: Vec<String>| lines.into_iter().take_while(|line| line != "  Failures").collect::<Vec<_>>();
        assert_eq!(until(shape(ours)), until(shape(from)), "{users} users: the labels and their order");
    }
}

#[test]
fn the_ancestor_and_we_agree_on_a_server_and_differ_on_a_dead_one() {
    let folder = Folder::new();
    let mock = Mock::start(&folder, &["--first-token", "30ms", "--per-token", "0ms", "--tokens", "1"]);
    let (code, theirs) = python(&[ANCESTOR, "--url", &mock.url, "--users", "8"], "");
    let ours = folder.run(&["burst", "--url", &mock.url, "--users", "8"]);
    assert_eq!((code, ours.code), (Some(0), Some(0)), "{}", ours.said());
    // Line by line the same but for the digits, the order in which users came back and the column of their lines.
    let masked = |text: &str| {
        let digit = |c: char| if c.is_ascii_digit() { '0' } else { c };
        let lines = text
            .lines()
            .map(|line| line.chars().map(digit).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" "));
        lines.filter(|line| !line.starts_with("URL:")).collect::<Vec<_>>()
    };
    assert_eq!(masked(&ours.out), masked(&theirs));
    drop(mock);
    let dead = "http://127.0.0.1:1";
    let (code, _) = python(&[ANCESTOR, "--url", dead, "--users", "2"], "");
    let ours = folder.run(&["burst", "--url", dead, "--users", "2"]);
    assert_eq!((code, ours.code), (Some(0), Some(3)), "the ancestor called it a success");
}
