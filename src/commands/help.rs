//! What this program says of itself: completions, the man page, the schema of its files.

use std::io::Cursor;

use anyhow::Context;
use clap::CommandFactory;

use super::Exit;
use super::out::Out;
use crate::cli::{Cli, Completions, Schema, SchemaOf};

/// `lamb-load completions`
pub(super) fn completions(args: Completions) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lamb-load", &mut script);
    print(script)
}

/// `lamb-load man`
pub(super) fn man() -> anyhow::Result<Exit> {
    let mut page = Cursor::new(Vec::new());
    clap_mangen::Man::new(Cli::command()).render(&mut page).context("the man page")?;
    print(page.into_inner())
}

/// `lamb-load schema`
pub(super) fn schema(args: Schema) -> anyhow::Result<Exit> {
    Out::new().text(&match args.of {
        SchemaOf::Scenario => crate::scenario::schema(),
        SchemaOf::Summary => crate::report::json::schema(),
        SchemaOf::Comparison => crate::report::comparison::json::schema(),
    });
    Ok(Exit::Passed)
}

fn print(bytes: Vec<u8>) -> anyhow::Result<Exit> {
    Out::new().text(&String::from_utf8(bytes)?);
    Ok(Exit::Passed)
}
