//! From what was typed to what is meant: the one function that makes a [`Plan`].
//!
//! It reports every problem it can find before it gives up. Beyond it there are no checks and no defaults.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexSet;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::desk::Desk;
use super::file::{PromptOrder, ScenarioFile};
use super::layers::{self, Layers};
use super::matrix::{ALL_PROMPTS, Point};
use super::plan::{Case, Order, Plan, Prompt, Secrets, Target};
use super::problem::nearest;
use super::sections::Sections;
use super::targets::{self, Work};
use super::tree::Node;
use super::units::Count;
use super::{
    Lookup, Overrides, Problem, Problems, Resolved, addresses, advice, axes, keys, load_tables, names, origin, prompts,
    sections, written,
};

/// Resolves a file.
pub(super) fn file(path: &Path, overrides: &Overrides, lookup: &Lookup<'_>) -> Result<Resolved, Problems> {
    let mut desk = Desk::new(lookup);
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let layers = layers::from_file(&mut desk, path, overrides);
    match layers {
        Some(layers) => resolve(desk, layers, Named { name, path: Some(path) }, overrides),
        None => Err(desk.clear().problems),
    }
}

/// Resolves what flags built.
pub(super) fn built(
    file: &ScenarioFile,
    name: &str,
    overrides: &Overrides,
    lookup: &Lookup<'_>,
) -> Result<Resolved, Problems> {
    let text = toml::to_string(file).map_err(|error| {
        let message = format!("cannot be written as TOML: {error}");
        Problems(vec![Problem { place: None, key: name.to_owned(), message, hint: None }])
    })?;
    let mut desk = Desk::new(lookup);
    let layers = layers::from_text(&mut desk, name, &text, overrides);
    resolve(desk, layers, Named { name: name.to_owned(), path: None }, overrides)
}

/// What a scenario is called, and where it was read.
struct Named<'a> {
    name: String,
    path: Option<&'a Path>,
}

/// What is typed, decoded, beside the tree that knows where each value stands.
pub(super) struct Typed {
    pub(super) file: ScenarioFile,
    pub(super) layers: Layers,
}

impl Typed {
    pub(super) fn root(&self) -> &Node {
        &self.layers.root
    }

    /// Reports a key that must be there and is not, unless another key there was probably meant as it.
    pub(super) fn missing(&self, desk: &mut Desk<'_>, key: &str, hint: &str) {
        let typed = self.root().entries().into_iter().flat_map(|entries| entries.iter());
        let slip = typed.filter(|(_, node)| node.bad.get()).any(|(name, _)| nearest(name, [key]).is_some());
        if !slip {
            desk.missing(self.layers.source, key, "missing", hint);
        }
    }
}

fn resolve(mut desk: Desk<'_>, layers: Layers, named: Named<'_>, overrides: &Overrides) -> Result<Resolved, Problems> {
    if let Err((message, hint)) = names::check(&named.name) {
        desk.name(layers.source, message, hint);
    }
    if desk.is_broken() {
        return Err(desk.clear().problems);
    }
    let mut faults = Vec::new();
    let decoded = super::decode::decode::<ScenarioFile>(&layers.root, &mut faults);
    keys::report(&mut desk, &layers.root, faults);
    let Some(file) = decoded else { return Err(desk.clear().problems) };
    let typed = Typed { file, layers };
    let Some(parts) = parts(&mut desk, &typed, overrides) else { return Err(desk.clear().problems) };
    let origins = origin::origins(&parts.kept, typed.root(), &desk);
    let plan = plan(&typed, named, parts);
    let cleared = desk.clear();
    let mut files: Vec<_> = cleared.sources.files().map(Into::into).collect();
    files.extend(cleared.files);
    let environment = cleared.environment.into_iter().collect();
    Ok(Resolved { plan, advice: cleared.advice, environment, files, origins })
}

/// The parts of a plan.
struct Parts {
    prompts: Vec<Prompt>,
    points: Vec<Point>,
    targets: Vec<Target>,
    sections: Sections,
    secrets: Vec<SecretString>,
    /// The scenario as it is written down.
    kept: ScenarioFile,
}

/// Every part, looked at even where another is wrong, so that all problems are told; `None` if there was any.
fn parts(desk: &mut Desk<'_>, typed: &Typed, overrides: &Overrides) -> Option<Parts> {
    let mut secrets = Vec::new();
    let mut kept = ScenarioFile::default();
    let prompts = axes::prompts(desk, typed, &mut kept);
    let axes = axes::axes(desk, typed, overrides, &prompts);
    let points = axes.as_ref().and_then(|axes| axes::points(desk, typed, overrides, axes));
    let targets = places(desk, typed, overrides, points.as_deref(), &mut secrets, &mut kept);
    let sections = sections::resolve(desk, typed, &mut kept);
    let (axes, points) = (axes?, points?);
    load_tables::enough(desk, typed, sections.shape, &points);
    if !desk.is_clean() {
        return None;
    }
    advice::give(desk, typed, &sections, &points, &targets, &prompts);
    kept.seed = Some(typed.file.seed.unwrap_or_else(draw_seed));
    kept.description = typed.file.description.clone();
    kept.notes = typed.file.notes.clone();
    let mut tags: IndexSet<String> = typed.file.tags.iter().flatten().cloned().collect();
    tags.extend(overrides.tags.iter().cloned());
    kept.tags = (!tags.is_empty()).then(|| tags.into_iter().collect());
    written::matrix(&mut kept, &typed.file, &axes, &points);
    Some(Parts { prompts, points, targets, sections, secrets, kept })
}

fn plan(typed: &Typed, named: Named<'_>, parts: Parts) -> Plan {
    let Parts { prompts, points, targets, sections, secrets, kept } = parts;
    let targets: Vec<Arc<Target>> = targets.into_iter().map(Arc::new).collect();
    let toml = written::to_toml(&kept);
    // What flags built is hashed as it is written down: its text holds the key.
    let hashed = if named.path.is_some() { typed.layers.text.as_str() } else { toml.as_str() };
    Plan {
        name: named.name,
        description: kept.description,
        notes: kept.notes,
        tags: kept.tags.unwrap_or_default(),
        seed: kept.seed.map_or(0, |seed| seed.0),
        cases: cases(&points, &targets, &prompts, typed, &sections),
        targets,
        repeat: count(typed.file.repeat, 1),
        pause: typed.file.pause.map_or(Duration::ZERO, |pause| pause.0),
        preflight: sections.preflight,
        warmup: sections.warmup,
        gates: sections.gates,
        vs_baseline: sections.vs_baseline,
        allow_invalid: sections.allow_invalid,
        scenario_hash: format!("{:x}", Sha256::digest(hashed.as_bytes())),
        toml,
        prompts_hash: prompts::hash(&prompts),
        source: named.path.map(Path::to_owned),
        secrets: Secrets(secrets),
    }
}

/// 53 bits, so that a reader of JSON with doubles reads the same seed.
fn draw_seed() -> Count<0, { i64::MAX as u64 }> {
    Count(rand::random::<u64>() >> 11)
}

pub(super) fn count<const MIN: u64, const MAX: u64>(given: Option<Count<MIN, MAX>>, default: u32) -> u32 {
    given.map_or(default, |count| u32::try_from(count.0).unwrap_or(u32::MAX))
}

/// Every target that has a case, in the order written; of the others only what is wrong in the file itself.
fn places(
    desk: &mut Desk<'_>,
    typed: &Typed,
    overrides: &Overrides,
    points: Option<&[Point]>,
    secrets: &mut Vec<SecretString>,
    kept: &mut ScenarioFile,
) -> Vec<Target> {
    let Some(node) = typed.root().key("targets") else {
        typed.missing(desk, "targets", "add [targets.local] with url = \"http://…\"");
        return Vec::new();
    };
    let mut resolved = Vec::new();
    let mut written = indexmap::IndexMap::new();
    let all = typed.file.targets.clone().unwrap_or_default();
    if all.is_empty() && node.entries().is_some_and(|entries| entries.is_empty()) {
        desk.wrong_key(&node.spot, "names no target", "add [targets.local] with url = \"http://…\"");
    }
    for (name, target) in &all {
        let Some(own) = node.key(name) else { continue };
        if let Err((message, hint)) = names::check(name) {
            desk.wrong_key(&own.spot, message, hint);
        }
        let chosen = match points {
            Some(points) => points.iter().any(|point| point.target == *name),
            None => overrides.targets.as_ref().is_none_or(|chosen| chosen.contains(name)),
        };
        let mut work = Work { desk: &mut *desk, secrets: &mut *secrets, node: own, chosen };
        if let Some(one) = targets::resolve(&mut work, name, target)
            && chosen
        {
            addresses::allowed(desk, own, &one.target, &overrides.allow_hosts);
            written.insert(name.clone(), one.written);
            resolved.push(one.target);
        }
    }
    kept.targets = Some(written);
    resolved
}

fn cases(
    points: &[Point],
    targets: &[Arc<Target>],
    prompts: &[Prompt],
    typed: &Typed,
    sections: &Sections,
) -> Vec<Arc<Case>> {
    let all: Arc<[Prompt]> = prompts.into();
    let order = match typed.file.order {
        Some(PromptOrder::Shuffled) => Order::Shuffled,
        _ => Order::Sequential,
    };
    let case = |point: &Point| {
        let target = targets.iter().find(|target| target.name == point.target)?;
        let said = match prompts.iter().find(|prompt| point.prompts != ALL_PROMPTS && prompt.name == point.prompts) {
            Some(prompt) => [prompt.clone()].into(),
            None => all.clone(),
        };
        Some(Arc::new(Case {
            key: point.key(),
            target: target.clone(),
            prompts: said,
            order,
            load: sections.shape.of(point.users),
            timeouts: sections.timeouts,
            request: sections.request.clone(),
            answer: sections.answer.clone(),
        }))
    };
    points.iter().filter_map(case).collect()
}
