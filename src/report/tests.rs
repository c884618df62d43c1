//! What every rendering owes, and the run that they show.

use crate::report::text::{Colour, render};
use crate::report::{ancestor, files};
use crate::results::tests::example;
use crate::results::{Run, RunWriter, Sample, read};
use crate::sample::{Arrival, Outcome};
use crate::stats::failures::FailureGroup;

/// Two cases: a gate of the first fails.
pub(super) fn some_run() -> Run {
    example::run()
}

pub(super) fn advice(kind: &str, group: &FailureGroup) -> Option<String> {
    (group.outcome == "http_error").then(|| format!("look into the log of a server of kind {kind}"))
}

pub(super) fn text(run: &Run) -> String {
    let mut out = Vec::new();
    render(run, &advice, Colour::Off, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_report_remakes_every_file_of_a_run_byte_for_byte() {
    let out = tempfile::tempdir().unwrap();
    let plan = example::plan();
    let writer = RunWriter::create(out.path(), &plan, example::manifest(&plan)).unwrap();
    example::measure(&writer);
    let mut before = Vec::new();
    let render = |run: &Run| {
        before = files(run, &advice);
        before.clone()
    };
    let finished = writer.finish(example::began(), render, |_, _| 1);
    assert_eq!((finished.trouble.as_slice(), finished.paths.len()), (&[][..], 6));
    let again = files(&read(&finished.folder.unwrap()).unwrap(), &advice);
    for ((name, before), (_, again)) in before.iter().zip(&again) {
        assert!(before == again, "{name} differs");
        assert!(!String::from_utf8_lossy(before).contains(example::TRIPWIRE), "{name} has the secret");
        assert!(!before.contains(&0x1b), "{name} has an escape sequence");
    }
    assert_eq!(before.len(), again.len());
}

#[test]
fn a_lone_table_and_an_empty_run_can_be_shown() {
    let mut run = some_run();
    run.manifest = Default::default();
    run.state = crate::results::State::of(None, 2);
    let shown = text(&run);
    let first = "PARTIAL: there is no run.json beside the rows, so the plan is not known; 2 rows could not be read and are left out. Gates are shown, not judged\n";
    assert!(shown.starts_with(first), "{shown}");
    let empty = Run::default();
    assert_eq!(text(&empty), "validity not checked · NO LOAD · 0 of 0 cases passed\n\nno request was sent\n");
    assert_eq!(files(&empty, &advice).len(), 6);
}

fn ended(user: u32, outcome: Outcome, status: Option<u16>, seconds: f64, error: Option<&str>) -> Sample {
    let arrival = Arrival { user, request: u64::from(user), ..example::sample(3, 1).arrival };
    let end = std::time::Duration::from_secs_f64(seconds);
    let unsent = Sample::unsent(arrival, crate::sample::Phase::Load, 1, outcome, end);
    Sample { status, error: error.map(Into::into), ..unsent }
}

#[test]
fn the_ancestors_output_is_the_ancestors() {
    let header =
        ancestor::Header { url: "http://localhost:9099", model: "lamb_assistant.58", users: 30, timeout_s: 180 };
    let mut out = Vec::new();
    header.write(&mut out).unwrap();
    let lone = ended(0, Outcome::Ok, Some(200), 1.005, None);
    let mut samples: Vec<Sample> =
        (1..=17).map(|user| ended(user, Outcome::Ok, Some(200), f64::from(user) * 0.375, None)).collect();
    samples.push(ended(18, Outcome::ErrorInBody, Some(200), 2.5, Some("[Ollama Error] no")));
    samples.push(ended(19, Outcome::TimeoutTotal, Some(200), 180.0, Some("no answer")));
    samples.push(ended(120, Outcome::ConnectFailed, None, 0.125, Some(&"x".repeat(200))));
    let mut text = String::from_utf8(out).unwrap();
    text += &format!("{}\n{}\n", ancestor::line(&lone), ancestor::preflight(&lone));
    for sample in &samples[15..] {
        text += &format!("{}\n", ancestor::line(sample));
    }
    let mut out = Vec::new();
    ancestor::results(&samples, 180.5, &mut out).unwrap();
    text += &String::from_utf8(out).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn the_ancestors_block_holds_at_the_edges() {
    let block = |samples: &[Sample]| {
        let mut out = Vec::new();
        ancestor::results(samples, 1.0, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let one = block(&[ended(1, Outcome::Ok, Some(200), 1.0, None)]);
    assert!(one.contains("Median:           1.00s\n    P90:") && !one.contains("Std dev"), "{one}");
    let failures: Vec<Sample> = (1..=12).map(|user| ended(user, Outcome::HttpError, Some(500), 0.1, None)).collect();
    let all_failed = block(&failures);
    assert!(all_failed.contains("User  10: status=500 - http_error\n    ... and 2 more\n"), "{all_failed}");
    assert!(all_failed.ends_with("LOAD TEST FAILED (< 90% success rate)\n") && !all_failed.contains("successes only"));
    assert!(block(&[]).ends_with("LOAD TEST FAILED (< 90% success rate)\n"));
    let failed = ancestor::preflight(&failures[0]);
    assert_eq!(failed, "\nPre-flight FAILED: http_error\nAborting load test. Fix single-request issues first.");
}
