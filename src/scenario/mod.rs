//! What a person wrote, made into what we shall do.
//!
//! A scenario enters by one door: [`load`] for a file, [`resolve_file`] for what flags built. Both read everything,
//! report every problem at once, and give a [`plan::Plan`] that needs no further checks. The room reads files and the
//! environment that it is handed; it sends nothing and prints nothing.

use std::path::{Path, PathBuf};

pub mod advice;
pub mod describe;
pub mod environment;
pub mod expect;
pub mod faults;
pub mod file;
pub mod mock_table;
pub mod names;
pub mod origin;
pub mod plan;
pub mod problem;
pub mod prompts;
pub mod schema;
pub mod secrets;
pub mod time_range;
pub mod units;
pub mod url;

mod addresses;
mod axes;
mod credentials;
mod decode;
mod desk;
mod keys;
mod layers;
mod load_tables;
mod matrix;
mod proxy;
mod resolve;
mod sections;
mod shape;
mod source;
mod targets;
mod tree;
mod versus;
mod written;

pub use environment::Lookup;
pub use file::ScenarioFile;
pub use problem::{Problem, Problems};
pub use schema::schema;

/// What the command line says over the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--set path.to.key=<TOML>`, in order.
    pub set: Vec<String>,
    /// `--users 10,50`: the axis, in place of the file's.
    pub users: Option<Vec<u32>>,
    /// `--models a,b`: the axis, in place of the file's.
    pub models: Option<Vec<String>>,
    /// `--targets a,b`: of the file's targets, only these.
    pub targets: Option<Vec<String>>,
    /// `--only GLOB`: of the cases, only those whose label matches.
    pub only: Option<String>,
    /// `--profile NAME`.
    pub profile: Option<String>,
    /// `--tag NAME`: further labels of the run.
    pub tags: Vec<String>,
    /// `--allow-host HOST`: the only hosts that anything may be sent to; no restriction if empty.
    pub allow_hosts: Vec<String>,
}

/// A scenario, resolved, and what was noticed on the way.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// What to do.
    pub plan: plan::Plan,
    /// What may be wrong: seen, what it may mean, what to try. The plan can be carried out all the same.
    pub advice: Vec<Problem>,
    /// Names of the environment that the scenario reads, sorted.
    pub environment: Vec<String>,
    /// Files that the scenario reads: itself and what it extends, prompts, certificates.
    pub files: Vec<PathBuf>,
    /// Where each value came from, in the order of `Plan::toml`.
    pub origins: Vec<origin::Origin>,
}

/// Reads and resolves a scenario file; `path` is named in messages as it is given here.
///
/// # Errors
/// Every problem of the file, what it extends, its profile, its prompts and the overrides, at once.
pub fn load(path: &Path, overrides: &Overrides, lookup: &Lookup<'_>) -> Result<Resolved, Problems> {
    resolve::file(path, overrides, lookup)
}

/// Resolves what flags built, named `name`; its values are values, and `${…}` in them is not filled in.
///
/// # Errors
/// Every problem at once.
pub fn resolve_file(
    file: &ScenarioFile,
    name: &str,
    overrides: &Overrides,
    lookup: &Lookup<'_>,
) -> Result<Resolved, Problems> {
    resolve::built(file, name, overrides, lookup)
}

/// A commented scenario to begin with; it passes its own check.
pub fn init_template() -> &'static str {
    include_str!("template.toml")
}

#[cfg(test)]
pub(crate) mod example;
