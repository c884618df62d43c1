//! What the page says of a run.

use serde::Serialize;

use super::bars;
use super::case::CasePage;
use super::growth::{self, Growth};
use super::words::{Mark, label_mark, verdict_mark};
use crate::report::Advice;
use crate::report::numbers::{count, time};
use crate::report::verdict::{self, Verdict};
use crate::results::cell::printable;
use crate::results::{CaseRun, Manifest, Run};

/// Characters of the scenario that are shown.
const SCENARIO_CHARS: usize = 60_000;

/// A run, ready for the template.
#[derive(Debug, Serialize)]
pub(super) struct RunPage {
    pub(super) title: String,
    name: String,
    description: Option<String>,
    notes: Option<String>,
    tags: Vec<String>,
    verdict: Mark,
    validity: Mark,
    /// The first line of every rendering.
    headline: String,
    /// What the two words mean here.
    means: &'static str,
    believed: &'static str,
    facts: Vec<Fact>,
    cases: Vec<CasePage>,
    growth: Vec<Picture>,
    scenario: Option<String>,
    provenance: Vec<Fact>,
    targets: Vec<Target>,
}

/// Something with a name.
#[derive(Debug, Serialize)]
struct Fact {
    name: &'static str,
    value: String,
    /// Whether it is machine's language.
    code: bool,
}

#[derive(Debug, Serialize)]
struct Picture {
    title: String,
    svg: String,
}

#[derive(Debug, Serialize)]
struct Target {
    name: String,
    place: String,
    server: String,
    connections: String,
    addresses: String,
}

impl RunPage {
    /// Of a run.
    pub(super) fn of(run: &Run, advice: Advice<'_>) -> RunPage {
        let manifest = &run.manifest;
        let name = if manifest.scenario.is_empty() { "requests.csv" } else { &manifest.scenario };
        let text = |text: &Option<String>| text.as_deref().map(|text| printable(text).into_owned());
        let verdict = Verdict::of_run(run);
        let loaded: Vec<&CaseRun> = run.cases.iter().filter(|case| case.summary.requests > 0).collect();
        let labels = loaded.iter().map(|case| verdict::label(case)).collect::<Option<Vec<_>>>();
        let validity = label_mark(labels.and_then(|labels| labels.into_iter().max()));
        RunPage {
            title: format!("{} · {}", printable(name), verdict.word().to_lowercase()),
            name: printable(name).into_owned(),
            description: text(&manifest.description),
            notes: text(&manifest.notes),
            tags: manifest.tags.iter().map(|tag| printable(tag).into_owned()).collect(),
            verdict: verdict_mark(verdict),
            means: means(verdict),
            believed: believed(&validity),
            validity,
            headline: printable(&verdict::headline(run)).into_owned(),
            facts: facts(run),
            cases: run.cases.iter().enumerate().map(|(place, case)| CasePage::of(run, place, case, advice)).collect(),
            growth: growth::all(run)
                .into_iter()
                .map(|Growth { title, svg }| Picture { title: printable(&title).into_owned(), svg })
                .collect(),
            scenario: run.scenario_toml.as_deref().filter(|toml| !toml.is_empty()).map(scenario),
            provenance: provenance(manifest),
            targets: targets(manifest),
        }
    }
}

fn means(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "Every case met everything that the scenario expects.",
        Verdict::Failed => "At least one expectation of the scenario was not met.",
        Verdict::PreflightFailed => "A target did not answer one request, and so got no load.",
        Verdict::Undecided => "An expectation can be neither called met nor missed: the measurement cannot tell.",
        Verdict::Partial => "Not all of the run is there. Gates are shown, not judged.",
        Verdict::Unjudged => "The scenario expects nothing.",
        Verdict::Empty => "No load was sent.",
    }
}

fn believed(mark: &Mark) -> &'static str {
    match *mark {
        ref mark if *mark == label_mark(Some(crate::stats::Label::Valid)) => {
            "The client kept up: its own error is small beside what it measured."
        }
        ref mark if *mark == label_mark(Some(crate::stats::Label::Degraded)) => {
            "Some numbers carry more of our own error than they should; each case says which and why."
        }
        ref mark if *mark == label_mark(Some(crate::stats::Label::Invalid)) => {
            "Struck numbers are not to be believed: they tell more of our own client than of the server."
        }
        _ => "Nothing was recorded by which the measurement could be judged.",
    }
}

fn facts(run: &Run) -> Vec<Fact> {
    let manifest = &run.manifest;
    let plain = |name, value: String| Fact { name, value, code: false };
    let mut facts = Vec::new();
    if let Some(started) = manifest.started {
        facts.push(plain("started", started.strftime("%Y-%m-%d %H:%M UTC").to_string()));
    }
    if let (Some(started), Some(ended)) = (manifest.started, manifest.ended) {
        let took = ended.as_millisecond().saturating_sub(started.as_millisecond()).max(0);
        facts.push(plain("took", time(took as f64)));
    }
    let requests: u64 = run.cases.iter().map(|case| case.summary.requests).sum();
    facts.push(plain("load", format!("{} in {}", count(requests, "request"), count(run.cases.len() as u64, "case"))));
    if let Some(tool) = &manifest.tool {
        facts.push(plain("measured by", printable(&format!("{} {}", tool.name, tool.version)).into_owned()));
    }
    facts
}

fn scenario(toml: &str) -> String {
    // Line ends stay; whatever else does not print is shown for what it is.
    let mut text: String = toml.split('\n').map(|line| printable(line).into_owned()).collect::<Vec<_>>().join("\n");
    if let Some((end, _)) = text.char_indices().nth(SCENARIO_CHARS) {
        text.truncate(end);
        text.push_str("\n… (the rest stands in scenario.toml)");
    }
    text
}

fn provenance(manifest: &Manifest) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |name: &'static str, value: Option<String>, code: bool| {
        let value = value.filter(|value| !value.is_empty()).map(|value| printable(&value).into_owned());
        facts.extend(value.map(|value| Fact { name, value, code }));
    };
    let host = &manifest.host;
    add("run", Some(manifest.run_id.clone()), true);
    add("command", Some(manifest.command.join(" ")), true);
    add("seed", manifest.started.map(|_| manifest.seed.to_string()), true);
    add("started", manifest.started.map(|at| at.to_string()), true);
    add("ended", manifest.ended.map(|at| at.to_string()), true);
    add("version", manifest.tool.as_ref().map(|tool| format!("{} {}", tool.name, tool.version)), false);
    add("revision", manifest.tool.as_ref().and_then(|tool| tool.revision.clone()), true);
    add(
        "scenario's commit",
        manifest
            .repository
            .as_ref()
            .map(|at| if at.dirty { format!("{} with uncommitted changes", at.commit) } else { at.commit.clone() }),
        true,
    );
    add("scenario hash", Some(manifest.scenario_hash.clone()), true);
    add("prompts hash", Some(manifest.prompts_hash.clone()), true);
    add("machine", host.name.clone(), false);
    add("processor", host.cpu.clone(), false);
    add("cores", host.cores.map(|cores| cores_of(cores, host.usable_cores)), false);
    add("memory", host.memory_bytes.map(|bytes| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))), false);
    let system = [&host.os, &host.kernel, &host.arch].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    add("system", Some(system), false);
    add("clock", manifest.clock.source.clone(), false);
    let kernel = manifest.clock.kernel_receive_time;
    add("kernel receive time", kernel.map(|has| if has { "yes" } else { "no" }.to_owned()), false);
    facts
}

fn cores_of(cores: u64, usable: Option<u64>) -> String {
    match usable {
        Some(usable) if usable != cores => format!("{usable} of {cores} usable"),
        _ => cores.to_string(),
    }
}

fn targets(manifest: &Manifest) -> Vec<Target> {
    let text = |text: &str| printable(text).into_owned();
    let of = |target: &crate::results::parts::TargetFacts| Target {
        name: text(&target.name),
        place: target.url.as_deref().map_or_else(|| "embedded endpoint".to_owned(), text),
        server: text(&target.server),
        connections: [
            Some(target.connections.as_str()).filter(|word| !word.is_empty()),
            target.http2.then_some("HTTP/2"),
            target.proxied.then_some("through a proxy"),
            target.insecure.then_some("certificates unchecked"),
        ]
        .into_iter()
        .flatten()
        .map(text)
        .collect::<Vec<_>>()
        .join(", "),
        addresses: text(&target.addresses.join(", ")),
    };
    manifest.targets.iter().map(of).collect()
}

/// What the page's script draws from: numbers, and the closed list of outcomes.
pub(super) fn data(run: &Run) -> String {
    let mut outcomes = vec!["ok"];
    let mut cases = String::new();
    for (place, case) in run.cases.iter().enumerate() {
        cases.push_str(&format!("{}\"case-{}\":", if place == 0 { "" } else { "," }, place + 1));
        bars::data(&case.picture.timeline, &mut outcomes, &mut cases);
    }
    let outcomes = serde_json::to_string(&outcomes).unwrap_or_default();
    format!("{{\"outcomes\":{outcomes},\"cases\":{{{cases}}}}}")
}
