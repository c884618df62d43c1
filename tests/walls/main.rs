//! The walls of the house: which room may know which, held against every `crate::` path in `src/`.
//!
//! A breach names file, line and rule. The table is in `table.rs`; the checker has wrong snippets of its own, so that
//! a silent checker is a failing test.

mod scan;
mod table;

use std::path::{Path, PathBuf};

use table::Breach;

/// Every `.rs` file below `folder`, sorted.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("src can be listed") {
            let path = entry.expect("src can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_room_stays_within_its_walls() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&root);
    assert!(files.iter().any(|file| file.ends_with("lib.rs")), "src/lib.rs is read");
    let mut breaches = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).expect("files lie below src").to_string_lossy().replace('\\', "/");
        breaches.extend(table::check(&name, &std::fs::read_to_string(&file).expect("sources are readable")));
    }
    let lines: Vec<String> = breaches.iter().map(Breach::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

/// What the checker says of one file, as `line: rule`.
fn said(file: &str, source: &str) -> Vec<String> {
    table::check(file, source).iter().map(|breach| format!("{}: {}", breach.line, breach.rule)).collect()
}

#[test]
fn an_import_across_a_wall_is_named_with_its_line() {
    assert_eq!(said("stats/tally.rs", "\nuse crate::chat::Endpoint;\n"), ["2: stats may not import chat::Endpoint"]);
    assert_eq!(said("mock/mod.rs", "use crate::sample::Sample;"), ["1: mock may not import sample::Sample"]);
    assert_eq!(said("wire/mod.rs", "fn f() { lamb_load::load::drive(); }"), ["1: wire may not import load::drive"]);
    assert_eq!(said("report/text.rs", "pub(crate) use crate::runner;"), ["1: report may not import runner"]);
    assert_eq!(said("runner/mod.rs", "use crate::cli::Run;"), ["1: runner may not import cli::Run"]);
}

#[test]
fn what_a_room_may_import_passes() {
    assert!(
        said("stats/tally.rs", "use crate::sample::{Outcome, Sample};\nuse crate::scenario::plan::Gate;").is_empty()
    );
    assert!(said("chat/mod.rs", "use crate::{sample, wire::{self, Connection as C}};").is_empty());
    assert!(said("commands/run.rs", "use crate::{cli, mock, report, results, runner};").is_empty());
    assert!(said("stats/gates.rs", "use super::summary::Summary;\nuse crate::stats::quantile;").is_empty());
    assert!(said("results/rows.rs", "use crate::facts::ClientFacts;").is_empty());
}

#[test]
fn a_room_reached_through_a_group_a_parent_or_a_glob_is_seen() {
    assert_eq!(
        said("load/users.rs", "use crate::{\n    sample::Sample,\n    stats::{self, tally::Tally},\n};"),
        ["3: load may not import stats", "3: load may not import stats::tally::Tally"]
    );
    assert_eq!(said("stats/gates.rs", "use super::super::runner::Event;"), ["1: stats may not import runner::Event"]);
    assert_eq!(
        said("stats/gates.rs", "mod inner {\n    use super::super::super::load;\n}\nuse super::Tally;"),
        ["2: stats may not import load"]
    );
    assert_eq!(said("chat/mod.rs", "use crate::*;"), ["1: chat may not import everything"]);
    assert_eq!(said("load/mod.rs", "use crate::scenario;"), ["1: load may not import scenario"]);
    assert_eq!(
        said("stats/mod.rs", "use crate::scenario::file::File;"),
        ["1: stats may not import scenario::file::File"]
    );
}

#[test]
fn comments_and_strings_import_nothing() {
    let source = "//! [`crate::chat`]\n/* use crate::chat; /* */ use crate::load; */\nconst A: &str = \"crate::chat::x\";\n\
                  const B: &str = r#\"\"crate::load::y\"#;\nfn f<'a>(c: char) -> bool { c == '\"' || c == '\\'' }\n// println!()";
    assert!(said("stats/mod.rs", source).is_empty());
}

#[test]
fn tests_may_talk_to_the_embedded_endpoint_and_the_program_may_not() {
    let wrong = "use crate::mock::start;";
    assert_eq!(said("chat/mod.rs", wrong), ["1: chat may not import mock::start"]);
    assert!(said("chat/mod.rs", &format!("#[cfg(test)]\nmod tests {{ {wrong} }}")).is_empty());
    assert_eq!(
        said("chat/mod.rs", &format!("#[cfg(test)]\nmod tests {{ fn f() {{}} }}\n{wrong}")),
        ["3: chat may not import mock::start"]
    );
    assert_eq!(
        said("mock/mod.rs", "#[cfg(test)]\nmod tests { use crate::chat; }"),
        ["2: mock may not import chat"],
        "a witness shares no code with the defendant, tests included"
    );
}

#[test]
fn a_room_that_is_not_in_the_table_is_a_breach() {
    assert_eq!(said("util/mod.rs", ""), ["1: util is not a room of ARCHITECTURE's table"]);
    assert_eq!(said("stats/mod.rs", "use crate::util::x;"), ["1: stats may not import util::x"]);
}

#[test]
fn only_the_rooms_that_speak_print_and_only_main_exits() {
    assert_eq!(said("runner/mod.rs", "fn f() { println!(\"x\") }"), ["1: println! belongs to commands and main"]);
    assert_eq!(said("progress.rs", "fn f() { print!(\"x\") }"), ["1: print! belongs to commands and main"]);
    assert_eq!(
        said("chat/sse.rs", "fn f() { eprintln!(\"x\") }"),
        ["1: eprintln! belongs to commands, progress and main"]
    );
    assert!(said("commands/run.rs", "fn f() { println!(\"x\"); eprintln!(\"y\") }").is_empty());
    assert_eq!(said("commands/run.rs", "fn f() { std::process::exit(1) }"), ["1: process::exit belongs to main"]);
    assert_eq!(said("commands/run.rs", "use std::process::{self, exit};"), ["1: process::exit belongs to main"]);
    assert!(said("main.rs", "fn main() { std::process::exit(1) }").is_empty());
    assert!(said("commands/run.rs", "use std::process::{Command, ExitCode};").is_empty());
}

#[test]
fn pure_rooms_have_no_clock_no_disk_and_no_runtime() {
    assert_eq!(said("stats/mod.rs", "async fn f() {}"), ["1: stats is pure: no async"]);
    assert_eq!(said("stats/mod.rs", "use tokio::time::Instant;"), ["1: stats is pure: no tokio"]);
    assert_eq!(said("report/mod.rs", "fn f() { std::fs::write(a, b) }"), ["1: report is pure: no fs"]);
    assert_eq!(
        said("report/mod.rs", "use fs_err as fs;"),
        ["1: report is pure: no fs_err", "1: report is pure: no fs"]
    );
    assert_eq!(said("stats/mod.rs", "fn f() { let t = Instant::now(); }"), ["1: stats is pure: no clock"]);
    assert_eq!(said("sample.rs", "fn f() { let t = SystemTime::now(); }"), ["1: sample is pure: no clock"]);
    assert_eq!(said("scenario/plan.rs", "fn f() { jiff::Timestamp::now(); }"), ["1: scenario::plan is pure: no clock"]);
}

#[test]
fn libraries_stay_where_they_belong() {
    assert_eq!(said("load/mod.rs", "use reqwest::Client;"), ["1: reqwest belongs to chat::models and chat::preflight"]);
    assert_eq!(
        said("chat/body.rs", "use reqwest::Client;"),
        ["1: reqwest belongs to chat::models and chat::preflight"]
    );
    assert!(said("chat/preflight.rs", "use reqwest::Client;").is_empty());
    assert!(said("chat/preflight/name.rs", "use reqwest::Client;").is_empty());
    assert_eq!(said("wire/mod.rs", "use serde_json::Value;"), ["1: serde_json stays out of wire"]);
    assert_eq!(said("runner/mod.rs", "use indicatif::ProgressBar;"), ["1: indicatif belongs to progress"]);
    assert_eq!(said("stats/mod.rs", "use clap::Parser;"), ["1: clap belongs to cli, commands and main"]);
    assert_eq!(said("report/mod.rs", "use csv::Writer;"), ["1: csv belongs to results"]);
}
