//! `results/README.md`, held to the code.

use crate::results::columns::COLUMNS;
use crate::results::{folder, tables};
use crate::sample::Outcome;

const README: &str = include_str!("../../../results/README.md");

/// The names in the first column of the first table below a heading, braces written out.
fn documented(heading: &str) -> Vec<String> {
    let (_, below) = README.split_once(&format!("\n{heading}\n")).expect("the heading is there");
    let section = below.split("\n#").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.flat_map(|(name, _)| expand(name)).collect()
}

/// `a_{b,c}_{,d}` is `a_b_`, `a_b_d`, `a_c_`, `a_c_d`; the last braces turn first.
fn expand(name: &str) -> Vec<String> {
    let Some((before, rest)) = name.split_once('{') else { return vec![name.to_owned()] };
    let (choices, after) = rest.split_once('}').expect("braces are closed");
    let after = expand(after);
    choices.split(',').flat_map(|choice| after.iter().map(move |after| format!("{before}{choice}{after}"))).collect()
}

fn sorted(names: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
    names.sort();
    names
}

#[test]
fn every_column_is_explained_and_none_that_is_not_there() {
    assert_eq!(documented("## requests.csv"), COLUMNS);
    assert_eq!(sorted(documented("## summary.csv and rounds.csv")), sorted(tables::columns()));
}

#[test]
fn every_outcome_is_explained_in_order_of_precedence() {
    assert_eq!(documented("### Outcomes"), Outcome::ALL.map(Outcome::name));
}

#[test]
fn every_file_is_explained() {
    let files = [
        folder::SCENARIO,
        folder::MANIFEST,
        folder::REQUESTS,
        folder::SUMMARY_CSV,
        folder::ROUNDS_CSV,
        folder::SUMMARY_JSON,
        folder::SUMMARY_MD,
        folder::REPORT_HTML,
        folder::JUNIT_XML,
    ];
    assert_eq!(documented("## Files"), files);
}
