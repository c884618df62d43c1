//! `lamb-load models`: what a server's `/v1/models` lists. The list proves neither a key nor a model.

use std::path::PathBuf;

use anyhow::Context;
use comfy_table::Table;
use serde_json::json;

use super::embedded::Embedded;
use super::out::Out;
use super::{Exit, burst, plans, warn};
use crate::chat::models::{Model, list};
use crate::chat::scrub::Scrubber;
use crate::cli::{Format, Models};
use crate::runner::way;
use crate::scenario::plan::Plan;
use crate::scenario::{self, Overrides};

/// Asks every target, and prints what it lists.
pub(super) fn models(args: Models) -> anyhow::Result<Exit> {
    let Some(mut plan) = plan(&args)? else { return Ok(Exit::Refused) };
    let _embedded = Embedded::start(&mut plan)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let scrubber = Scrubber::new(&plan.secrets);
    let mut exit = Exit::Passed;
    let mut lists = Vec::new();
    for target in &plan.targets {
        let (url, route) = way(target).with_context(|| format!("targets.{}", target.name))?;
        match runtime.block_on(list(target, url, &route, &scrubber)) {
            Ok(listing) => lists.push((target.name.clone(), url.display.clone(), listing.models)),
            Err(error) => {
                warn(&format!("error: {}{}: {error}", url.display, url.models_path));
                exit = Exit::Preflight;
            }
        }
    }
    let mut out = Out::new();
    match args.format {
        Format::Json => {
            let of = |(target, url, models): &(String, String, Vec<Model>)| json!({ "target": target, "url": url, "models": models });
            out.line(&serde_json::to_string_pretty(&lists.iter().map(of).collect::<Vec<_>>())?);
        }
        Format::Text => lists.iter().for_each(|(_, url, models)| show(&mut out, url, models)),
    }
    Ok(exit)
}

/// The plan of a scenario, or one around a URL; `None` when its problems are on stderr.
fn plan(args: &Models) -> anyhow::Result<Option<Plan>> {
    if !args.place.contains("://") {
        let resolved = plans::resolve(&[PathBuf::from(&args.place)], &Overrides::default())?;
        return Ok(resolved.and_then(|mut resolved| resolved.pop()).map(|resolved| resolved.plan));
    }
    let file = burst::at(&args.place, args.api_key.as_deref().unwrap_or_default());
    match scenario::resolve_file(&file, burst::NAME, &Overrides::default(), &plans::environment) {
        Ok(resolved) => Ok(Some(resolved.plan)),
        Err(problems) => {
            plans::complain(&problems);
            Ok(None)
        }
    }
}

fn show(out: &mut Out, url: &str, models: &[Model]) {
    let count = models.len();
    out.line(&format!("{url}: {count} model{}", if count == 1 { "" } else { "s" }));
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["model", "owned by", "created"]);
    for model in models {
        let created = model.created.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        let created = created.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
        table.add_row([model.id.clone(), model.owned_by.clone().unwrap_or_default(), created]);
    }
    if count > 0 {
        out.line(&table.trim_fmt());
    }
}
