//! `lamb-load run` and `lamb-load burst`: from what was typed to runs, one scenario after the other.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::out::Out;
use super::session::{Header, Save, Terms, Voice, carry_out};
use super::signals::Interruption;
use super::{Exit, burst, check, plans, warn};
use crate::cli::{self, Burst, Run};
use crate::results::{self, Found};
use crate::scenario::{self, Overrides, Resolved};

/// Where results go if nothing else is said.
pub(super) const RESULTS: &str = "results";

/// Resolves all scenarios, then carries them out.
pub(super) fn run(args: Run) -> anyhow::Result<Exit> {
    let overrides = plans::overrides(&args.overrides, &args.output.tag, args.output.allow_invalid);
    let Some(resolved) = plans::resolve(&args.scenarios, &overrides)? else { return Ok(Exit::Refused) };
    if args.output.print_scenario {
        return Ok(print(&resolved));
    }
    let mut baselines = baselines(args.baseline.as_deref(), args.output.out.as_deref(), &resolved)?;
    if args.dry_run {
        check::show(&resolved, false);
        return Ok(Exit::Passed);
    }
    let terms =
        Terms { fail_fast: args.fail_fast, many: resolved.len() > 1, ..terms(args.output, Voice::Own, Save::Always)? };
    let mut worst = Exit::Passed;
    for one in resolved {
        let baseline = baselines.remove(&one.plan.name);
        worst = worst.max(carry_out(one, baseline, &terms)?);
        if terms.interruption.exit().is_some() || (terms.fail_fast && worst != Exit::Passed) {
            break;
        }
    }
    Ok(worst)
}

/// Makes a scenario of the flags and carries it out.
pub(super) fn burst(args: Burst) -> anyhow::Result<Exit> {
    let file = burst::scenario(&args)?;
    let mut overrides = Overrides { set: args.set.clone(), tags: args.output.tag.clone(), ..Overrides::default() };
    if args.output.allow_invalid {
        overrides.set.push(plans::ALLOW_INVALID.to_owned());
    }
    let resolved = match scenario::resolve_file(&file, burst::NAME, &overrides, &plans::environment) {
        Ok(resolved) => resolved,
        Err(problems) => {
            plans::complain(&problems);
            return Ok(Exit::Refused);
        }
    };
    if args.output.print_scenario {
        return Ok(print(&[resolved]));
    }
    let header =
        Header { url: shown(&resolved), model: args.model, users: args.users, timeout: burst::time(&args.timeout)? };
    let save = if args.no_save { Save::Never } else { Save::IfPossible };
    carry_out(resolved, None, &terms(args.output, Voice::Ancestor(header), save)?)
}

/// The run that each scenario is held against, by its name: all are read before anything is sent.
fn baselines(named: Option<&str>, out: Option<&Path>, resolved: &[Resolved]) -> anyhow::Result<HashMap<String, Found>> {
    let out = out.unwrap_or(Path::new(RESULTS));
    let mut found = HashMap::new();
    for plan in resolved.iter().map(|one| &one.plan) {
        match named {
            Some(what) => {
                let baseline = results::baseline(out, &plan.name, what);
                let baseline = baseline.with_context(|| format!("--baseline for {}; nothing was sent", plan.name))?;
                found.insert(plan.name.clone(), baseline);
            }
            None if !plan.vs_baseline.is_empty() => {
                warn(&format!(
                    "advice: {}: [expect] vs_baseline is judged only with --baseline RUN or git:REV",
                    plan.name
                ));
            }
            None => {}
        }
    }
    Ok(found)
}

fn terms(output: cli::Output, voice: Voice, save: Save) -> anyhow::Result<Terms> {
    Ok(Terms {
        voice,
        out_dir: output.out.clone().unwrap_or_else(|| PathBuf::from(RESULTS)),
        grace: burst::time(&output.grace).map_err(|error| error.context("--grace"))?,
        output,
        save,
        fail_fast: false,
        many: false,
        interruption: Interruption::default(),
    })
}

/// The URL of a burst, without userinfo.
fn shown(resolved: &Resolved) -> String {
    let place = resolved.plan.targets.first().map(|target| &target.place);
    match place {
        Some(scenario::plan::Place::Url(url)) => url.display.clone(),
        _ => String::new(),
    }
}

/// The scenarios as they are meant.
fn print(resolved: &[Resolved]) -> Exit {
    let mut out = Out::new();
    for one in resolved {
        out.text(&one.plan.toml);
    }
    Exit::Passed
}
