//! What the page owes: it shows the run, runs nothing of a server's, and asks nobody for anything.

use super::*;
use crate::report::comparison::tests::some_comparison;
use crate::report::tests::{advice, some_run};
use crate::stats::compare::Options;
use crate::stats::compare::comparable::Mismatch;
use crate::stats::failures::FailureGroup;

const PAYLOAD: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&<!--";

fn page(run: &Run) -> String {
    let mut out = Vec::new();
    render(run, &advice, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The page without its style and script, which are ours word for word.
fn words(run: &Run) -> String {
    page(run).replace(STYLE, "").replace(SCRIPT, "")
}

/// A run in which every word that is not ours is a payload.
fn hostile() -> Run {
    let mut run = some_run();
    let text = || PAYLOAD.to_owned();
    let manifest = &mut run.manifest;
    (manifest.scenario, manifest.run_id, manifest.description) = (text(), text(), Some(text()));
    (manifest.notes, manifest.tags, manifest.command) = (Some(text()), vec![text()], vec![text()]);
    (manifest.scenario_hash, manifest.prompts_hash, manifest.host.cpu) = (text(), text(), Some(text()));
    manifest.targets[0].name = text();
    (manifest.targets[0].url, manifest.targets[0].addresses) = (Some(text()), vec![text()]);
    run.scenario_toml = Some(text());
    for case in &mut run.cases {
        let facts = &mut case.facts;
        (facts.case, facts.target, facts.model, facts.prompts, facts.load) = (text(), text(), text(), text(), text());
        case.summary.served_models = [(text(), 3)].into();
        case.summary.fingerprints = [(text(), 3), ("other".into(), 1)].into();
        case.summary.inference.evidence = text();
        case.summary.failure_groups = vec![FailureGroup {
            outcome: text(),
            status: None,
            count: 3,
            example: Some(text()),
            users: vec![1],
            more_users: false,
        }];
        for gate in &mut case.gates {
            (gate.metric, gate.expected) = (text(), text());
        }
        for check in case.validity.iter_mut().flat_map(|validity| &mut validity.checks) {
            check.sentence = text();
        }
    }
    run.state.partial = vec![text()];
    run
}

#[test]
fn nothing_that_a_server_sent_becomes_markup() {
    let page = words(&hostile());
    assert!(page.matches("&lt;&#x2f;script&gt;").count() + page.matches("&lt;/script&gt;").count() > 20);
    assert_eq!(page.matches("<script").count(), 2, "the data and the script");
    assert_eq!(page.matches("</script").count(), 2);
    for markup in ["<img", "<!--", "\"'&<"] {
        assert!(!page.contains(markup), "{markup}");
    }
}

#[test]
fn the_page_names_its_style_and_script_and_asks_nobody_for_anything() {
    let page = page(&some_run());
    let policy = policy();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"));
    assert!(page.contains(&format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">")));
    assert!(page.contains(&format!("<style>{STYLE}</style>")) && page.contains(&format!("<script>{SCRIPT}</script>")));
    for way_out in ["src=", "srcset", "<link", "@import", "url(", "<iframe", "<base", "<form", "style=\"", " onclick"] {
        assert!(!page.contains(way_out), "{way_out}");
    }
    let links: Vec<&str> = page.match_indices("href=\"").map(|(at, _)| &page[at + 6..at + 7]).collect();
    assert!(links.iter().all(|first| *first == "#"), "every link stays on the page");
}

#[test]
fn the_scripts_data_are_numbers_and_outcomes() {
    let data: serde_json::Value = serde_json::from_str(&run::data(&some_run())).unwrap();
    assert_eq!(data["outcomes"], serde_json::json!(["ok", "timeout_total", "http_error"]));
    let round = &data["cases"]["case-1"][1];
    assert_eq!(
        (&round["round"], &round["user"][2], &round["outcome"]),
        (&2.into(), &3.into(), &[1, 2, 0, 0, 0, 0, 0, 0, 0, 0][..].into())
    );
    // 1021 µs after the start, 200 ms later, and so on, in hundredths of a millisecond.
    assert_eq!(
        (&round["sent"][2], &round["first"][2], &round["end"][2]),
        (&102.into(), &20_102.into(), &112_802.into())
    );
    assert_eq!((&round["first"][0], round.get("connect")), (&serde_json::Value::Null, None));
}

#[test]
fn what_is_not_to_be_believed_is_struck_in_words_and_for_the_eye() {
    let mut run = some_run();
    let validity = run.cases[0].validity.as_mut().unwrap();
    validity.metrics.get_mut("latency").unwrap().label = crate::stats::Label::Invalid;
    validity.label = crate::stats::Label::Invalid;
    let page = words(&run);
    assert!(page.contains("Invalid measurement") && page.contains("not to be believed"));
    assert!(page.contains("<s class=\"struck\">1.") && !words(&some_run()).contains("<s class"));
    // Nor does its curve bear percentiles as if they were numbers.
    let marks = |page: &str| page.matches("class=\"mark-name\"").count();
    assert!(marks(&page) < marks(&words(&some_run())));
}

#[test]
fn a_run_of_nothing_is_a_page_too() {
    let page = words(&Run::default());
    assert!(page.contains("No load") && page.contains("No request was sent."), "{page}");
}

#[test]
fn what_the_page_says_of_a_run() {
    insta::assert_snapshot!(said(&words(&some_run())));
}

fn comparison_page(all: &[Compared], runs: &[&Run]) -> String {
    let mut out = Vec::new();
    render_comparison(all, runs, &mut out).unwrap();
    String::from_utf8(out).unwrap().replace(STYLE, "").replace(SCRIPT, "")
}

#[test]
fn what_the_page_says_of_two_runs() {
    insta::assert_snapshot!(said(&comparison_page(&[some_comparison()], &[])));
}

#[test]
fn both_distributions_lie_over_each_other_with_every_round() {
    let (before, after) = (some_run(), some_run());
    let compared = Compared::of(("a", &before), ("b", &after), &Options::default());
    let page = comparison_page(std::slice::from_ref(&compared), &[&before, &after]);
    assert_eq!(compared.comparison.cases.len(), 2);
    for (class, times) in [("curve before", 2), ("curve each-before", 4), ("curve each", 4), ("curve", 2)] {
        assert_eq!(page.matches(&format!("<path class=\"{class}\"")).count(), times, "{class}");
    }
}

#[test]
fn nothing_that_a_run_says_becomes_markup_beside_another() {
    let (before, after) = (hostile(), hostile());
    let mut compared = Compared::of((PAYLOAD, &before), (PAYLOAD, &after), &Options::default());
    let mut key = compared.comparison.cases[0].key.clone();
    key.model = PAYLOAD.into();
    compared.comparison.missing = vec![key];
    compared.comparison.cases[0].why = Some(PAYLOAD.into());
    let mismatch = Mismatch { what: PAYLOAD.into(), before: PAYLOAD.into(), after: PAYLOAD.into() };
    compared.comparison.cases[0].comparability.mismatches.push(mismatch);
    let page = comparison_page(&[compared], &[&before, &after]);
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (2, 2));
    assert!(!page.contains("<img") && !page.contains("<!--") && page.matches("&lt;img").count() > 3, "{page}");
}

/// What is read of a page; pictures are looked at in a browser.
fn said(page: &str) -> String {
    let mut said = String::new();
    let mut rest = page;
    while let Some(at) = rest.find("<svg") {
        let end = rest[at..].find("</svg>").map_or(rest.len(), |end| at + end + 6);
        said.push_str(&rest[..at]);
        rest = &rest[end..];
    }
    said.push_str(rest);
    text_of(&said)
}

/// What is read of a page: its text, a line for each element that has some.
fn text_of(html: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in html.split('<').skip(1) {
        let text = part.split_once('>').map_or("", |(_, text)| text);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() && !text.starts_with('{') {
            lines.push(text);
        }
    }
    lines.join("\n")
}
