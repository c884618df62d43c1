//! `lamb-load mock`: the embedded endpoint in a process of its own, until Ctrl-C.

use anyhow::{Context, anyhow};
use serde_json::{Map, Value};

use super::out::Out;
use super::signals::Signals;
use super::{Exit, warn};
use crate::cli::Mock;
use crate::mock::{self, Settings, StartOptions};

/// Serves until it is asked to stop.
pub(super) fn mock(args: Mock) -> anyhow::Result<Exit> {
    let mut out = Out::new();
    if args.faults {
        let width = mock::faults().iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, sentence) in mock::faults() {
            out.line(&format!("{name:width$}  {sentence}"));
        }
        return Ok(Exit::Passed);
    }
    let settings = Settings::from_json(settings(&args)?).map_err(|wrong| anyhow!("mock: {wrong}"))?;
    let models = if args.models.is_empty() { vec!["mock".to_owned()] } else { args.models.clone() };
    let mut options = StartOptions { bind: args.address(), log: args.log.clone(), ..StartOptions::default() };
    options.backlog = args.backlog.unwrap_or(options.backlog);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lateness = runtime
        .block_on(async {
            let mut signals = Signals::new()?;
            let ready = |address| {
                out.line(&format!("listening on http://{address}"));
                out.line("any model name answers; Ctrl-C ends it");
            };
            let stop = async {
                signals.next().await;
            };
            mock::serve_until(settings, models, &options, ready, stop).await
        })
        .with_context(|| format!("mock at {}", options.bind))?;
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    let (p50, p99, max) = (ms(lateness.p50), ms(lateness.p99), ms(lateness.max));
    warn(&format!(
        "{} paced writes, late by {p50:.3} ms (median), {p99:.3} ms (P99), {max:.3} ms at most",
        lateness.writes
    ));
    Ok(Exit::Passed)
}

/// The flags as the table that a scenario would have.
fn settings(args: &Mock) -> anyhow::Result<Value> {
    let mut table = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            table.insert(key.to_owned(), value);
        }
    };
    put("first_token", args.first_token.as_deref().map(delay).transpose()?);
    put("per_token", args.per_token.as_deref().map(delay).transpose()?);
    put("tokens", args.tokens.map(Value::from));
    put("slots", args.slots.map(Value::from));
    put("seed", args.seed.map(Value::from));
    put("kind", args.kind.clone().map(Value::from));
    put("api_key", args.api_key.clone().map(Value::from));
    let mut faults = Map::new();
    for fault in &args.fault {
        let (name, share) = fault.split_once('=').unwrap_or((fault, "100%"));
        faults.insert(name.to_owned(), share.into());
    }
    put("faults", Some(Value::Object(faults)));
    Ok(Value::Object(table))
}

/// A time, or a TOML table of a distribution.
fn delay(text: &str) -> anyhow::Result<Value> {
    if !text.trim_start().starts_with('{') {
        return Ok(text.into());
    }
    let table: toml::Table =
        toml::from_str(&format!("delay = {text}")).with_context(|| format!("{text}: not a table"))?;
    Ok(serde_json::to_value(&table["delay"])?)
}
