//! `report.html`: a run, or runs side by side, on one page that opens from a disk, without a network, and in which nothing that a server sent
//! can run.
//!
//! The template escapes whatever is not our own picture; style and script are named by their hash in the page's policy,
//! which allows nothing else. The script gets numbers and outcomes, and only ever sets text. Without it, the pictures are
//! still and the tables are there.

mod bars;
mod case;
mod comparison;
mod ecdf;
mod forest;
mod growth;
mod run;
mod svg;
#[cfg(test)]
mod tests;
mod words;

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;
use sha2::{Digest, Sha256};

use self::comparison::ComparisonPage;
use self::run::RunPage;
use crate::report::Advice;
use crate::report::comparison::Compared;
use crate::results::Run;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");
const TEMPLATES: [(&str, &str); 4] = [
    ("page.html", include_str!("page.html")),
    ("parts.html", include_str!("parts.html")),
    ("run.html", include_str!("run.html")),
    ("comparison.html", include_str!("comparison.html")),
];

/// Writes the page of a run.
pub fn render(run: &Run, advice: Advice<'_>, out: &mut dyn Write) -> io::Result<()> {
    let page = RunPage::of(run, advice);
    write("run.html", &page.title, &run::data(run), &page, out)
}

/// Writes the page of comparisons with the same run; `runs` are that one and then the others, in order.
pub fn render_comparison(all: &[Compared], runs: &[&Run], out: &mut dyn Write) -> io::Result<()> {
    let page = ComparisonPage::of(all, runs);
    write("comparison.html", &page.title, "{\"outcomes\":[],\"cases\":{}}", &page, out)
}

/// Fills a template. `data` is JSON of ours, without a `<` in it.
fn write<T: Serialize>(name: &str, title: &str, data: &str, page: &T, out: &mut dyn Write) -> io::Result<()> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(io::Error::other)?);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    // A name that the page does not have is a mistake of ours, and shows in the first test.
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).map_err(io::Error::other)?;
    }
    let template = environment.get_template(name).map_err(io::Error::other)?;
    let filled = context! { title, data, style => STYLE, script => SCRIPT, policy => policy(), page => Value::from(Serde(page)) };
    let text = template.render(filled).map_err(io::Error::other)?;
    out.write_all(text.as_bytes())
}

/// What the page may do: show itself. Style and script are allowed by name, and nothing may be fetched.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}
