//! A comparison with a case of every kind, and every word that is said of it.

use crate::report::comparison::{Compared, Party, json, markdown, text};
use crate::report::text::Colour;
use crate::scenario::plan::CaseKey;
use crate::stats::Measured;
use crate::stats::compare::comparable::{Comparability, Mismatch};
use crate::stats::compare::verdict::Verdict;
use crate::stats::compare::{CaseComparison, Comparison, Options, Secondary};

fn key(load: &str) -> CaseKey {
    CaseKey { target: "local".into(), model: "m`@you`|x".into(), prompts: "all".into(), load: load.into() }
}

/// A case whose rounds are `before` and `after`, in milliseconds.
fn case(load: &str, before: &[f64], after: &[f64], verdict: Verdict) -> CaseComparison {
    let ratio = after[0] / before[0];
    let several = before.len() > 1 && after.len() > 1;
    let ttft = |value: f64| Some(Measured::Value(value));
    CaseComparison {
        key: key(load),
        key_after: None,
        metric: "latency_p90".into(),
        comparability: Comparability::default(),
        rounds: [before.to_vec(), after.to_vec()],
        unreached: [0; 2],
        ratio: Some(ratio),
        interval: several.then_some([ratio * 0.97, ratio * 1.03]),
        bounds: several.then_some([ratio * 0.98, ratio * 1.02]),
        p: several.then_some(0.001),
        p_adjusted: several.then_some(0.005),
        verdict,
        why: None,
        pairs_needed: several.then_some(7),
        answered: [[150, 150], [147, 150]],
        success_difference: Some([-0.02, -0.0572, 0.0087]),
        secondary: vec![
            Secondary { metric: "ttft_p90".into(), before: ttft(200.0), after: ttft(210.0), ratio: Some(1.05) },
            Secondary { metric: "tpot_median".into(), before: None, after: Some(Measured::NotReached), ratio: None },
            Secondary { metric: "goodput".into(), before: None, after: None, ratio: None },
        ],
    }
}

fn cases() -> Vec<CaseComparison> {
    let why = |case: CaseComparison, why: &str| CaseComparison { why: Some(why.into()), ..case };
    let apart = Comparability {
        mismatches: vec![
            Mismatch { what: "prompts".into(), before: "ab12".into(), after: "cd34".into() },
            Mismatch { what: "max_tokens".into(), before: String::new(), after: "400".into() },
            Mismatch { what: "served model".into(), before: "gpt".into(), after: "![x](http://x.y) \u{1b}[2J".into() },
        ],
        unchecked: vec![],
    };
    let unchecked = Comparability { mismatches: vec![], unchecked: vec!["stream".into(), "validity".into()] };
    vec![
        case("10", &[1200.0, 1200.0, 1200.0], &[1500.0, 1500.0, 1500.0], Verdict::Worse),
        case("20", &[1200.0, 1200.0], &[1250.0, 1250.0], Verdict::SlightlyWorse),
        case("30", &[1200.0, 1200.0], &[900.0, 900.0], Verdict::Better),
        CaseComparison { comparability: unchecked, ..case("40", &[12.0, 12.0], &[12.1, 12.1], Verdict::Same) },
        why(
            case("50", &[1200.0, 1200.0], &[1300.0, 1300.0], Verdict::Inconclusive),
            "cannot tell yet: about 18 rounds a side would",
        ),
        why(case("60", &[1200.0], &[2400.0], Verdict::None), "one round a side cannot tell a change from luck"),
        why(
            CaseComparison { comparability: apart, ..case("70", &[1.0, 1.0], &[3.0, 3.0], Verdict::None) },
            "not comparable: prompts, max_tokens, served model",
        ),
    ]
}

/// Two runs of a scenario with a case of every kind.
pub(crate) fn some_comparison() -> Compared {
    let party = |run_id: &str, commit: &str| Party {
        place: format!("results/poem/{run_id}"),
        scenario: "poem".into(),
        run_id: run_id.into(),
        started: Some("2026-11-23 23:31 UTC".into()),
        commit: Some(commit.into()),
        tool: Some("lamb-load 0.1.0".into()),
        partial: vec![],
    };
    Compared {
        before: Party { place: "main:results/poem/baseline".into(), ..party("20261122T120000Z-0001", "0123456789ab") },
        after: Party {
            partial: vec!["it was interrupted".into()],
            ..party("20261123T233104Z-3f2a", "cd, with changes")
        },
        options: Options::default(),
        comparison: Comparison { cases: cases(), missing: vec![key("80")], new: vec![key("90"), key("100")] },
    }
}

/// The same with fewer cases.
fn of(cases: Vec<CaseComparison>) -> Compared {
    Compared { comparison: Comparison { cases, ..Comparison::default() }, ..some_comparison() }
}

fn plain(all: &[Compared]) -> String {
    let mut out = Vec::new();
    text::render(all, Colour::Off, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn comment(all: &[Compared]) -> String {
    let mut out = Vec::new();
    markdown::render(all, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_comparison_in_a_terminal() {
    insta::assert_snapshot!(plain(&[some_comparison()]));
}

#[test]
fn a_comparison_in_a_pull_request() {
    insta::assert_snapshot!(comment(&[some_comparison()]));
}

#[test]
fn a_comparison_for_programs() {
    let mut out = Vec::new();
    json::render(&[of(vec![cases().remove(0), cases().remove(6)])], &mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn the_published_schema_describes_the_document() {
    let schema: serde_json::Value = serde_json::from_str(&json::schema()).unwrap();
    let document = serde_json::to_value(json::document(&[some_comparison(), some_comparison()])).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(wrong, [""; 0]);
    let mut other = document;
    other["cases"][0]["verdict"] = "fine".into();
    assert!(!validator.is_valid(&other));
    insta::assert_snapshot!(json::schema());
}

#[test]
fn runs_held_against_one_are_told_apart() {
    let mut other = of(vec![cases().remove(3)]);
    other.after.place = "results/poem/third".into();
    let all = [of(vec![cases().remove(2)]), other];
    let shown = plain(&all);
    assert!(shown.starts_with("SAME WITHIN 10 % · 2 cases: 1 better, 1 the same\nbefore "), "{shown}");
    assert_eq!((shown.matches("\nbefore ").count(), shown.matches("\nafter ").count()), (1, 2));
    let document = serde_json::to_value(json::document(&all)).unwrap();
    let runs: Vec<_> = (0..2).map(|case| document["cases"][case]["run"].as_u64()).collect();
    assert_eq!((runs, document["runs"].as_array().unwrap().len()), (vec![Some(1), Some(2)], 3));
    assert!(comment(&all).contains("results/poem/third"));
}

#[test]
fn the_worst_case_speaks_for_all() {
    let first_line = |cases: Vec<CaseComparison>| plain(&[of(cases)]).lines().next().unwrap().to_owned();
    assert_eq!(
        first_line(cases()),
        "WORSE · 7 cases: 1 worse, 1 slightly worse, 1 better, 1 the same, 1 inconclusive, 1 not comparable, 1 without a verdict"
    );
    assert_eq!(
        first_line(cases().split_off(1)[..3].to_vec()),
        "SLIGHTLY WORSE · 3 cases: 1 slightly worse, 1 better, 1 the same"
    );
    assert_eq!(first_line(vec![]), "NOT COMPARABLE: the runs share no case");
}

#[test]
fn a_comment_fits_however_many_cases_there_are_and_keeps_the_worst() {
    let mut many: Vec<CaseComparison> =
        (0..2000).map(|load| CaseComparison { key: key(&load.to_string()), ..cases().remove(3) }).collect();
    many[1234].verdict = Verdict::Worse;
    let shown = comment(&[of(many)]);
    assert!(shown.chars().count() <= markdown::MOST && shown.chars().count() > markdown::MOST / 4, "{}", shown.len());
    assert!(shown.contains("/1234`` | **WORSE**") && shown.contains("more cases, none of them worse off"), "{shown}");
}

#[test]
fn colours_are_for_terminals() {
    let mut out = Vec::new();
    text::render(&[some_comparison()], Colour::On, &mut out).unwrap();
    let coloured = String::from_utf8(out).unwrap();
    assert!(coloured.contains("\u{1b}[31mWORSE") && !plain(&[some_comparison()]).contains('\u{1b}'), "{coloured}");
}
