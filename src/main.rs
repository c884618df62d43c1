//! Parse, dispatch, exit.

use std::process::ExitCode;

use clap::Parser;
use lamb_load::cli::{Cli, When};
use lamb_load::commands;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.color {
        When::Auto => {}
        When::Always => anstream::ColorChoice::Always.write_global(),
        When::Never => anstream::ColorChoice::Never.write_global(),
    }
    ExitCode::from(commands::dispatch(cli).code())
}
