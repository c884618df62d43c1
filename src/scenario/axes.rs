//! The axes as typed: models, users, prompts, and which points of the matrix are left.
//!
//! It refuses duplicates and what matches nothing. It knows no targets beyond their names.

use std::collections::{BTreeMap, BTreeSet};

use super::Overrides;
use super::desk::Desk;
use super::file::{PromptOrder, ScenarioFile};
use super::matrix::{ALL_PROMPTS, Axes, MOST_CASES, Point};
use super::names;
use super::plan::{Prompt, PromptContent};
use super::problem::choose;
use super::prompts::{self, DEFAULT_PROMPT, FileFault, PromptEntry};
use super::resolve::Typed;
use super::source::Spot;
use super::tree::{Node, Value};

/// The longest name of a model, in characters.
const LONGEST_MODEL: usize = 200;

/// The items of a list that decoded, in step with their decoded values.
fn sound<'a>(root: &'a Node, key: &str) -> impl Iterator<Item = &'a Node> {
    root.key(key).map(Node::items).unwrap_or_default().iter().filter(|node| !node.bad.get())
}

/// Every prompt, in order.
pub(super) fn prompts(desk: &mut Desk<'_>, typed: &Typed, kept: &mut ScenarioFile) -> Vec<Prompt> {
    let Some(entries) = &typed.file.prompts else {
        kept.prompts = Some(vec![PromptEntry::Text(DEFAULT_PROMPT.to_owned())]);
        return vec![Prompt { name: "p1".into(), content: PromptContent::Text(DEFAULT_PROMPT.into()) }];
    };
    if let Some(node) = typed.root().key("prompts").filter(|node| node.items().is_empty() && !node.bad.get()) {
        desk.wrong(&node.spot, "names no prompt", format!("write [\"{DEFAULT_PROMPT}\"], or remove it"));
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let (mut all, mut written) = (Vec::new(), Vec::new());
    for (index, (entry, node)) in entries.iter().zip(sound(typed.root(), "prompts")).enumerate() {
        let Some((name, mut said, entry)) = one(desk, entry, node, index) else { continue };
        let spot = node.key("name").unwrap_or(node).spot.clone();
        if let Err((message, hint)) = names::check(&name) {
            let hint = if node.key("name").is_some() { hint } else { format!("add a name to it, and {hint}") };
            desk.wrong(&spot, message, hint);
        } else if name == ALL_PROMPTS {
            desk.wrong(&spot, "\"all\" means all prompts of a case", "call it something else");
        } else if let Some(first) = seen.insert(name.clone(), index) {
            let hint = "add name = \"…\" to one of them: { name = \"…\", file = \"…\" }";
            desk.wrong(&spot, format!("{name} is also what prompts[{first}] is called"), hint);
        }
        all.append(&mut said);
        written.push(entry);
    }
    kept.prompts = Some(written);
    all
}

/// One entry: its name, what it says, and how it is written down again.
fn one(
    desk: &mut Desk<'_>,
    entry: &PromptEntry,
    node: &Node,
    index: usize,
) -> Option<(String, Vec<Prompt>, PromptEntry)> {
    let (key, typed_path, typed_name) = match entry {
        PromptEntry::Text(text) => {
            let name = format!("p{}", index + 1);
            if text.trim().is_empty() {
                desk.wrong(&node.spot, "an empty prompt", format!("write \"{DEFAULT_PROMPT}\""));
                return None;
            }
            let prompt = Prompt { name: name.clone(), content: PromptContent::Text(text.clone()) };
            return Some((name, vec![prompt], entry.clone()));
        }
        PromptEntry::File { file, name } => ("file", file, name),
        PromptEntry::Jsonl { jsonl, name } => ("jsonl", jsonl, name),
    };
    let spot = node.key(key).unwrap_or(node).spot.clone();
    let path = desk.path(&spot, typed_path);
    let stem = || path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = typed_name.clone().unwrap_or_else(stem);
    let absolute = path.display().to_string();
    let read = if key == "file" {
        prompts::read_file(&path)
            .map(|content| vec![Prompt { name: name.clone(), content }])
            .map_err(|fault| vec![fault])
    } else {
        let row = |(line, content)| Prompt { name: format!("{name}:{line}"), content };
        prompts::read_jsonl(&path).map(|rows| rows.into_iter().map(row).collect())
    };
    match read {
        Ok(said) => {
            // As the file system has it and with its name, so that it is found and called the same from anywhere.
            let path = path.canonicalize().unwrap_or(path);
            let (shown, named) = (path.display().to_string(), Some(name.clone()));
            let entry = match entry {
                PromptEntry::Jsonl { .. } => PromptEntry::Jsonl { jsonl: shown, name: named },
                _ => PromptEntry::File { file: shown, name: named },
            };
            desk.files.push(path);
            Some((name, said, entry))
        }
        Err(faults) => {
            for fault in faults {
                file_fault(desk, &spot, typed_path, &absolute, fault);
            }
            None
        }
    }
}

fn file_fault(desk: &mut Desk<'_>, spot: &Spot, typed: &str, absolute: &str, fault: FileFault) {
    match fault.line {
        Some(line) => desk.wrong_line(spot, typed, line, fault.message, fault.hint),
        None => desk.wrong(spot, fault.message.replace(absolute, typed), fault.hint),
    }
}

/// The axes; `None` when one is missing or wrong, which was reported.
pub(super) fn axes(desk: &mut Desk<'_>, typed: &Typed, overrides: &Overrides, prompts: &[Prompt]) -> Option<Axes> {
    let models = models(desk, typed);
    let users = users(desk, typed);
    let all: Vec<&str> = typed.file.targets.iter().flatten().map(|(name, _)| name.as_str()).collect();
    let mut targets: Vec<String> = all.iter().map(|name| (*name).to_owned()).collect();
    if let Some(chosen) = &overrides.targets {
        for name in chosen.iter().filter(|name| !all.contains(&name.as_str())) {
            let spot = desk.flag("--targets", name);
            desk.wrong(&spot, "no such target", choose(name, all.iter().copied()));
        }
        targets.retain(|name| chosen.contains(name));
    }
    let sets = match typed.file.order {
        Some(PromptOrder::Each) => prompts.iter().map(|prompt| prompt.name.clone()).collect(),
        _ => vec![ALL_PROMPTS.to_owned()],
    };
    let axes = Axes { targets, models: models?, prompts: sets, users: users?, closed: typed.file.closed.is_some() };
    if axes.size() > MOST_CASES {
        let spot = typed.root().key("models").unwrap_or(typed.root()).spot.clone();
        let message = format!("a matrix of {} cases: at most {MOST_CASES}", axes.size());
        desk.wrong(&spot, message, "name fewer models, users or targets, or fewer prompts with order = \"each\"");
        return None;
    }
    (axes.size() > 0).then_some(axes)
}

fn models(desk: &mut Desk<'_>, typed: &Typed) -> Option<Vec<String>> {
    let Some(node) = typed.root().key("models") else {
        typed.missing(desk, "models", "add models = [\"…\"]");
        return None;
    };
    if node.items().is_empty() && !node.bad.get() {
        desk.wrong(&node.spot, "names no model", "write [\"…\"] with a model's name");
    }
    let models = typed.file.models.clone()?;
    let mut seen = BTreeSet::new();
    for (model, node) in models.iter().zip(sound(typed.root(), "models")) {
        let spot = &node.spot;
        if model.trim().is_empty() {
            desk.wrong(spot, "an empty name", "write the model's name");
        } else if model.trim() != model || model.chars().any(char::is_control) {
            desk.wrong(
                spot,
                "a model's name with spaces around it or control characters in it",
                "write the name alone",
            );
        } else if model.chars().count() > LONGEST_MODEL {
            desk.wrong(spot, format!("a name of more than {LONGEST_MODEL} characters"), "write the model's name");
        } else if !seen.insert(model.clone()) {
            desk.wrong(spot, "the same model twice", "remove one of them; repeat asks for more rounds");
        }
    }
    (!models.is_empty()).then_some(models)
}

fn users(desk: &mut Desk<'_>, typed: &Typed) -> Option<Vec<u32>> {
    let Some(node) = typed.root().key("users") else {
        typed.missing(desk, "users", "add users = [30]");
        return None;
    };
    if node.items().is_empty() && !node.bad.get() {
        desk.wrong(&node.spot, "names no number of users", "write [30]");
    }
    let users: Vec<u32> =
        typed.file.users.as_ref()?.iter().map(|users| u32::try_from(users.0).unwrap_or(u32::MAX)).collect();
    let mut seen = BTreeSet::new();
    for (users, node) in users.iter().zip(sound(typed.root(), "users")) {
        if !seen.insert(*users) {
            desk.wrong(&node.spot, "the same number of users twice", "remove one of them; repeat asks for more rounds");
        }
    }
    (!users.is_empty()).then_some(users)
}

/// The points that `exclude` and `--only` leave.
pub(super) fn points(desk: &mut Desk<'_>, typed: &Typed, overrides: &Overrides, axes: &Axes) -> Option<Vec<Point>> {
    let excludes = typed.file.exclude.clone().unwrap_or_default();
    for node in sound(typed.root(), "exclude") {
        excluded_words(desk, typed, node, axes);
    }
    let mut points = axes.points();
    points.retain(|point| !excludes.iter().any(|exclude| point.is_excluded_by(exclude)));
    if points.is_empty() {
        if let (Some(node), true) = (typed.root().key("exclude"), desk.is_clean()) {
            desk.wrong(&node.spot, "no case is left", "exclude less");
        }
        return None;
    }
    if let Some(pattern) = &overrides.only {
        let labels: Vec<String> = points.iter().map(|point| point.key().to_string()).collect();
        let spot = desk.flag("--only", pattern);
        let glob = match globset::Glob::new(pattern) {
            Ok(glob) => glob.compile_matcher(),
            Err(error) => {
                desk.wrong(&spot, format!("not a pattern: {}", error.kind()), "write something like '*/50'");
                return None;
            }
        };
        points.retain(|point| glob.is_match(point.key().to_string()));
        if points.is_empty() {
            desk.wrong(&spot, "no case has such a label", choose(pattern, labels.iter().map(String::as_str)));
            return None;
        }
    }
    Some(points)
}

/// Holds the words of one `exclude` against what any layer of the scenario names.
fn excluded_words(desk: &mut Desk<'_>, typed: &Typed, node: &Node, axes: &Axes) {
    let all: Vec<String> = typed.file.targets.iter().flatten().map(|(name, _)| name.clone()).collect();
    let models: Vec<String> = typed.layers.models.iter().cloned().collect();
    for (key, known, what) in [("target", &all, "target"), ("model", &models, "model")] {
        let Some((own, word)) = node.key(key).and_then(|own| Some((own, own.text()?))) else { continue };
        if !known.iter().any(|name| name == word) {
            desk.wrong(&own.spot, format!("no such {what}"), choose(word, known.iter().map(String::as_str)));
        }
    }
    if let Some((own, word)) = node.key("prompts").and_then(|own| Some((own, own.text()?))) {
        if typed.file.order != Some(PromptOrder::Each) {
            desk.wrong_key(&own.spot, "prompts are no axis here", "write order = \"each\", or remove it");
        } else if !axes.prompts.iter().any(|name| name == word) {
            desk.wrong(&own.spot, "no such prompt", choose(word, axes.prompts.iter().map(String::as_str)));
        }
    }
    if let Some(own) = node.key("users")
        && let Value::Integer(users) = own.value
        && !own.bad.get()
        && !typed.layers.users.contains(&users)
    {
        let known: Vec<String> = typed.layers.users.iter().map(i64::to_string).collect();
        desk.wrong(&own.spot, "no such number of users", format!("one of: {}", known.join(", ")));
    }
    if node.entries().is_some_and(|entries| entries.is_empty()) {
        desk.wrong(&node.spot, "excludes everything", "give it a target, a model, prompts or users");
    }
}
