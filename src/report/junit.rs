//! `junit.xml`: a case is a test case, its gates are the assertions, for whatever collects test results in CI.
//!
//! One element says what became of a case, since many readers look at the first alone: `failure` where a gate failed,
//! `error` where the measurement cannot tell, `skipped` where no load was sent.

use std::io::{self, Write};

use crate::report::Advice;
use crate::report::markup::escape;
use crate::report::verdict::{self, Verdict};
use crate::report::view::{self, CaseView, GateView};
use crate::results::cell::printable;
use crate::results::{CaseRun, Run};

/// Writes the run as one test suite.
pub fn render(run: &Run, advice: Advice<'_>, out: &mut dyn Write) -> io::Result<()> {
    let manifest = &run.manifest;
    let name = if manifest.scenario.is_empty() { "requests.csv" } else { &manifest.scenario };
    let cases: Vec<TestCase> = run.cases.iter().map(|case| TestCase::of(run, case, advice)).collect();
    let count =
        |kind: &str| cases.iter().filter(|case| case.ended.as_ref().is_some_and(|end| end.kind == kind)).count();
    let seconds: f64 = cases.iter().map(|case| case.seconds).sum();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\"",
        cases.len(),
        count("failure"),
        count("error"),
        count("skipped")
    );
    let name = attribute(name);
    let started = manifest.started.map(|at| format!(" timestamp=\"{}\"", at.strftime("%Y-%m-%dT%H:%M:%SZ")));
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"{name}\" {counts}>")?;
    writeln!(out, "  <testsuite name=\"{name}\" {counts}{}>", started.unwrap_or_default())?;
    writeln!(out, "    <properties>")?;
    let seed = manifest.started.map(|_| manifest.seed.to_string()).unwrap_or_default();
    let properties = [("run_id", &manifest.run_id), ("headline", &verdict::headline(run)), ("seed", &seed)];
    for (key, value) in properties.into_iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "      <property name=\"{key}\" value=\"{}\"/>", attribute(value))?;
    }
    writeln!(out, "    </properties>")?;
    cases.iter().try_for_each(|case| case.write(&name, out))?;
    writeln!(out, "  </testsuite>\n</testsuites>")
}

struct TestCase {
    label: String,
    seconds: f64,
    assertions: usize,
    ended: Option<End>,
    /// What was measured, for who looks into it.
    measured: String,
}

/// How a case ended that did not pass.
struct End {
    /// `failure`, `error` or `skipped`.
    kind: &'static str,
    /// A machine's word for why.
    cause: &'static str,
    message: String,
    /// Every gate, a line each.
    details: String,
}

impl TestCase {
    fn of(run: &Run, case: &CaseRun, advice: Advice<'_>) -> TestCase {
        let view = view::case(run, case, advice);
        let verdict = Verdict::of_case(run, case);
        let kind = match verdict {
            Verdict::Passed | Verdict::Unjudged => None,
            Verdict::Failed => Some("failure"),
            Verdict::Undecided | Verdict::Partial => Some("error"),
            Verdict::PreflightFailed | Verdict::Empty => Some("skipped"),
        };
        TestCase {
            ended: kind.map(|kind| End {
                kind,
                cause: verdict.name(),
                message: message(run, verdict, &view),
                details: view.gates.iter().map(|gate| gate_line(gate) + "\n").collect(),
            }),
            label: view.label.clone(),
            seconds: case.summary.makespan_s.unwrap_or(0.0),
            assertions: view.gates.len(),
            measured: measured(&view),
        }
    }

    fn write(&self, suite: &str, out: &mut dyn Write) -> io::Result<()> {
        let (label, seconds, assertions) = (attribute(&self.label), self.seconds, self.assertions);
        writeln!(
            out,
            "    <testcase name=\"{label}\" classname=\"{suite}\" time=\"{seconds:.3}\" assertions=\"{assertions}\">"
        )?;
        if let Some(end) = &self.ended {
            let (kind, message) = (end.kind, attribute(&end.message));
            match kind {
                "skipped" => writeln!(out, "      <skipped message=\"{message}\"/>")?,
                _ => writeln!(
                    out,
                    "      <{kind} type=\"{}\" message=\"{message}\">{}</{kind}>",
                    end.cause,
                    escape(&end.details)
                )?,
            }
        }
        if !self.measured.is_empty() {
            writeln!(out, "      <system-out>{}</system-out>", escape(&self.measured))?;
        }
        writeln!(out, "    </testcase>")
    }
}

/// What was expected and not met, or why nothing can be said.
fn message(run: &Run, verdict: Verdict, view: &CaseView) -> String {
    let unmet: Vec<String> = view.gates.iter().filter(|gate| gate.state != "passed").map(gate_line).collect();
    match verdict {
        Verdict::Partial => format!("{}: {}", verdict.word().to_lowercase(), run.state.partial.join("; ")),
        Verdict::PreflightFailed | Verdict::Empty if view.notes.is_empty() => verdict.word().to_lowercase(),
        Verdict::PreflightFailed | Verdict::Empty => {
            format!("{}: {}", verdict.word().to_lowercase(), view.notes.join("; "))
        }
        _ if unmet.is_empty() => view.headline.clone(),
        _ => unmet.join("; "),
    }
}

fn gate_line(gate: &GateView) -> String {
    let why = gate.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{} {}{why}", gate.state, gate.expected)
}

fn measured(view: &CaseView) -> String {
    let mut text = String::new();
    for line in &view.lines {
        let struck = if line.struck { "[invalid] " } else { "" };
        text.push_str(&format!("{:13}{struck}{}\n", line.name, line.value));
    }
    for failure in &view.failures {
        text.push_str(&format!("failed       {} ({})\n", failure.headline, failure.who));
        text.extend(failure.example.as_ref().map(|example| format!("  said: {example}\n")));
        text.extend(failure.advice.as_ref().map(|advice| format!("  try:  {advice}\n")));
    }
    text.extend(view.notes.iter().map(|note| format!("note         {note}\n")));
    text
}

/// Text for an attribute: on one line.
fn attribute(text: &str) -> String {
    escape(&printable(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{advice, some_run};
    use crate::stats::GateState;

    fn xml(run: &Run) -> String {
        let mut out = Vec::new();
        render(run, &advice, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_case_is_a_test_case_and_its_gates_are_the_assertions() {
        insta::assert_snapshot!(xml(&some_run()));
    }

    #[test]
    fn what_the_measurement_cannot_tell_is_an_error_and_what_got_no_load_is_skipped() {
        let mut run = some_run();
        run.cases[0].gates[0].state = GateState::Undecided { why: "our own error is too large".into() };
        run.cases[0].gates[1].state = GateState::Passed;
        let target = run.cases[1].facts.target.clone();
        run.cases[1].summary.requests = 0;
        run.manifest.preflights = vec![crate::results::parts::PreflightFacts {
            model: run.cases[1].facts.model.clone(),
            sentence: Some("connection refused".into()),
            target,
            ..Default::default()
        }];
        let xml = xml(&run);
        assert!(xml.contains("tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"1\""), "{xml}");
        assert!(
            xml.contains("<error type=\"undecided\" message=\"undecided success_rate &gt;= 90%: our own error"),
            "{xml}"
        );
        assert!(xml.contains("<skipped message=\"pre-flight failed: connection refused\"/>"), "{xml}");
    }

    #[test]
    fn a_partial_run_is_an_error_in_every_case() {
        let mut run = some_run();
        run.state.partial = vec!["interrupted".into()];
        assert!(xml(&run).contains("errors=\"2\"") && xml(&run).contains("message=\"partial: interrupted\""));
    }

    #[test]
    fn no_letter_that_xml_lacks_and_no_markup_of_others() {
        let mut run = some_run();
        run.cases[0].facts.case = "]]><x a='\"'>\u{0}\u{1b}\u{fffe}\u{ffff}&".into();
        let text = xml(&run);
        assert!(
            text.contains("name=\"]]&gt;&lt;x a=&#39;&quot;&#39;&gt;\\u{0}\\u{1b}\u{fffd}\u{fffd}&amp;\""),
            "{text}"
        );
        assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()));
    }
}
