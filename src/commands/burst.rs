//! `lamb-load burst`: flags become a scenario file like any other and enter by the same door.

use std::time::Duration;

use anyhow::Context;
use indexmap::IndexMap;

use crate::cli::Burst;
use crate::scenario::file::{Request, ScenarioFile, Target};
use crate::scenario::plan::Connections;
use crate::scenario::prompts::PromptEntry;
use crate::scenario::secrets::Hidden;
use crate::scenario::units::{Count, Time, parse_time};

/// The scenario's name, and so its folder's.
pub(super) const NAME: &str = "burst";
/// The target's name.
const TARGET: &str = "server";

/// What the flags say, as a scenario: cold connections and one round, as the ancestor measured.
pub(super) fn scenario(args: &Burst) -> anyhow::Result<ScenarioFile> {
    Ok(ScenarioFile {
        models: Some(vec![args.model.clone()]),
        users: Some(vec![Count(u64::from(args.users))]),
        prompts: args.prompt.clone().map(|prompt| vec![PromptEntry::Text(prompt)]),
        timeout: Some(Time(time(&args.timeout).context("--timeout")?)),
        request: args.stream.then(|| Request { stream: Some(true), ..Request::default() }),
        ..at(&args.url, &args.api_key)
    })
}

/// A scenario of one user at a server.
pub(super) fn at(url: &str, api_key: &str) -> ScenarioFile {
    let target = Target {
        url: Some(Hidden(url.to_owned())),
        api_key: Some(Hidden(api_key.to_owned())).filter(|key| !key.0.is_empty()),
        connections: Some(Connections::Cold),
        ..Target::default()
    };
    ScenarioFile {
        description: Some("One burst, described by flags.".to_owned()),
        models: Some(vec!["any".to_owned()]),
        users: Some(vec![Count(1)]),
        targets: Some(IndexMap::from([(TARGET.to_owned(), target)])),
        ..ScenarioFile::default()
    }
}

/// A duration as a flag has it: seconds, or a number with a unit.
pub(super) fn time(text: &str) -> anyhow::Result<Duration> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => parse_time(text).map_err(anyhow::Error::msg),
    }
}
