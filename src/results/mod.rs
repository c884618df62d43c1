//! The only room that knows `results/` and its file names.
//!
//! `requests.csv`, `run.json` and `scenario.toml` are the truth; everything else is remade from them, byte for byte.
//! [`RunWriter`] takes a run in as it happens, [`read()`] makes a [`Run`] of what it left.

pub mod ab;
pub mod address;
pub mod baseline;
pub mod cell;
mod collected;
pub mod columns;
mod finish;
pub mod folder;
mod git;
pub mod manifest;
mod origin;
pub mod parts;
mod pen;
pub mod provenance;
mod read;
pub mod record;
pub mod rows;
mod run;
mod scenario_copy;
mod scribe;
mod scrub;
mod shared;
mod sides;
mod table;
pub mod tables;
pub mod times;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use address::{AddressError, Found, all_runs, baseline, last_two, open};
pub use finish::{Finished, Rendering, write_renderings};
pub use folder::{find, keep, list};
pub use git::GitError;
pub use manifest::Manifest;
pub use origin::Origin;
pub use read::{ReadError, read, read_alone, read_keeping};
pub use run::{CaseRun, Picture, Preflight, Run, State};
pub use sides::{compare, series};
pub use writer::{RunWriter, StartError};

/// What a run's samples are.
pub use crate::sample::Sample;
