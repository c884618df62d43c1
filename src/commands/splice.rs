//! `lamb-load report --splice FILE`: a run's table between the markers of a text, such as a README.

use std::path::Path;

use anyhow::{Context, bail};

use super::Exit;
use super::out::Out;
use super::report::find;
use crate::report::splice;
use crate::results::{self, Run};

/// Fills the places of `file`. With a run, those that name its scenario have its numbers; every other name is looked up
/// below `out` as `report` does.
pub(super) fn splice(file: &Path, out: Option<&Path>, run: Option<&Path>) -> anyhow::Result<Exit> {
    let text = fs_err::read_to_string(file)?;
    let given = run.map(|run| Ok::<Run, anyhow::Error>(results::read(&find(out, run)?)?)).transpose()?;
    let mut table = |what: &str| {
        let table = match &given {
            Some(run) if run.manifest.scenario == what => splice::table(run),
            _ => splice::table(
                &results::read(&find(out, Path::new(what)).map_err(say)?).map_err(|error| error.to_string())?,
            ),
        };
        table.map_err(|error| error.to_string())
    };
    let (spliced, places) = match splice::splice(&text, &mut table) {
        Ok(spliced) => spliced,
        Err(problems) => {
            let place = |line: usize| if line == 0 { String::new() } else { format!(":{line}") };
            let told = |one: splice::Problem| format!("{}{}: {}", file.display(), place(one.line), one.message);
            bail!(problems.into_iter().map(told).collect::<Vec<_>>().join("\nerror: "))
        }
    };
    if spliced != text {
        // The file itself where this is a link to it.
        let real = file.canonicalize().context("splice")?;
        results::folder::write_whole(&real, spliced.as_bytes())?;
    }
    let word = if places == 1 { "table" } else { "tables" };
    let done = if spliced == text { "up to date" } else { "written" };
    Out::new().line(&format!("{}: {places} {word} {done}", file.display()));
    Ok(Exit::Passed)
}

fn say(error: anyhow::Error) -> String {
    format!("{error:#}")
}
