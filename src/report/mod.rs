//! A run, shown: text for a terminal, Markdown, JSON, HTML, JUnit, tables. Pure: the same run gives the same bytes.
//!
//! What a server sent is data here, never markup: every format escapes it in its own way.

pub mod ancestor;
pub mod calibration;
pub mod comparison;
pub mod history;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
mod markup;
pub mod measured;
pub mod numbers;
pub mod splice;
pub mod text;
pub mod verdict;
pub mod view;

#[cfg(test)]
mod tests;

use std::io;

use crate::results::{Rendering, Run, folder, tables};
use crate::stats::failures::FailureGroup;

/// What to do about failures of one cause, for a kind of server by its name in a scenario.
pub type Advice<'a> = &'a dyn Fn(&str, &FailureGroup) -> Option<String>;

/// Every file that is remade from a run: what `lamb-load run` leaves at its end and `lamb-load report` makes again.
pub fn files(run: &Run, advice: Advice<'_>) -> Vec<Rendering> {
    vec![
        (folder::SUMMARY_CSV, tables::summary_csv(run)),
        (folder::ROUNDS_CSV, tables::rounds_csv(run)),
        (folder::SUMMARY_JSON, in_memory(|out| json::render(run, advice, out))),
        (folder::SUMMARY_MD, in_memory(|out| markdown::render(run, advice, out))),
        (folder::REPORT_HTML, in_memory(|out| html::render(run, advice, out))),
        (folder::JUNIT_XML, in_memory(|out| junit::render(run, advice, out))),
    ]
}

fn in_memory(render: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Vec<u8> {
    let mut out = Vec::new();
    // Memory takes whatever is written to it.
    render(&mut out).expect("writing to memory does not fail");
    out
}
