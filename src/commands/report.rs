//! `lamb-load report`: every rendering of a run, remade from its rows, `run.json` and `scenario.toml`.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::out::{Out, colour};
use super::run::RESULTS;
use super::{Exit, exit, warn};
use crate::cli::{Report, ReportFormat};
use crate::report::{files, html, json, junit, markdown, text};
use crate::results::{self, folder};

/// Remakes the files and prints one of them.
pub(super) fn report(args: Report) -> anyhow::Result<Exit> {
    if let Some(file) = &args.splice {
        return super::splice::splice(file, args.out.as_deref(), args.run.as_deref());
    }
    let place = find(args.out.as_deref(), &args.run.unwrap_or_default())?;
    let run = if args.alone { results::read_alone(&place)? } else { results::read(&place)? };
    if folder::is_run(&place) && !args.alone {
        let (_, failed) = results::write_renderings(&place, files(&run, &exit::advice));
        // A run on a read-only disk can still be looked at.
        failed.iter().for_each(|sentence| warn(&format!("warning: {sentence}")));
    }
    let mut page = Vec::new();
    match args.format {
        ReportFormat::Text => text::render(&run, &exit::advice, colour(), &mut page)?,
        ReportFormat::Markdown => markdown::render(&run, &exit::advice, &mut page)?,
        ReportFormat::Json => json::render(&run, &exit::advice, &mut page)?,
        ReportFormat::Html => html::render(&run, &exit::advice, &mut page)?,
        ReportFormat::Junit => junit::render(&run, &exit::advice, &mut page)?,
    }
    Out::new().text(&String::from_utf8(page).context("a rendering is text")?);
    Ok(Exit::Passed)
}

/// The run that was meant.
pub(super) fn find(out: Option<&Path>, what: &Path) -> anyhow::Result<PathBuf> {
    let out = out.unwrap_or(Path::new(RESULTS));
    results::find(out, &what.to_string_lossy()).ok_or_else(|| {
        anyhow!(
            "{}: no run there; name a run's folder, its requests.csv, or a scenario with runs in {} (`lamb-load results` lists them)",
            what.display(),
            out.display()
        )
    })
}
