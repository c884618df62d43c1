//! Which run is meant, on disk or in a commit: a folder, a scenario's name, a `requests.csv`, `REV:path`.
//!
//! What lies on the disk is tried before what looks like a revision.

use std::path::{Path, PathBuf};

use crate::results::folder::{self, BASELINE, LATEST, MANIFEST, REQUESTS, SCENARIO};
use crate::results::git::{Commit, GitError, Kind};
use crate::results::read::{self, ReadError};
use crate::results::run::Run;

/// The largest table that is read out of a repository: three million rows.
const MOST_ROWS: u64 = 1 << 30;

/// The largest `run.json`.
const MOST_MANIFEST: u64 = 1 << 26;

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Nothing of the name.
    #[error(
        "{what}: no run there; name a run's folder, its requests.csv, a git revision (main:results/poem), or a scenario with runs in {} (`lamb-load results` lists them)",
        out.display()
    )]
    Nothing {
        /// What was typed.
        what: String,
        /// Where scenarios are looked up.
        out: PathBuf,
    },
    /// One run of a scenario, where two are wanted.
    #[error("{what}: there are two runs to compare once it has run again; so far {}", if *found == 1 { "there is one" } else { "there is none" })]
    Few {
        /// What was typed.
        what: String,
        /// Runs that there are.
        found: usize,
    },
    /// It is there and cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Git has not got it.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// A run, and where it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its folder or table, or `REV:path`; for people.
    pub place: String,
    /// The run.
    pub run: Run,
}

/// The run that `what` means; scenarios' names are looked up in `out`.
pub fn open(out: &Path, what: &str) -> Result<Found, AddressError> {
    if let Some(place) = folder::find(out, what) {
        return at(&place);
    }
    match revision(what) {
        Some((revision, path)) => committed(Path::new("."), revision, path),
        None => Err(AddressError::Nothing { what: what.to_owned(), out: out.to_path_buf() }),
    }
}

/// Every run of a scenario, the oldest first; those of the same second as their manifests tell.
pub fn all_runs(out: &Path, scenario: &str) -> Vec<PathBuf> {
    let mut runs = folder::runs(out, scenario);
    runs.sort_by_cached_key(|run| {
        let id = run.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let second = id.split('-').next().unwrap_or_default().to_owned();
        (second, read::started(run), id)
    });
    runs
}

/// The last two runs of a scenario, the older first.
pub fn last_two(out: &Path, scenario: &str) -> Result<[Found; 2], AddressError> {
    let runs = all_runs(out, scenario);
    match runs.as_slice() {
        [.., older, newer] => Ok([at(older)?, at(newer)?]),
        [] if folder::find(out, scenario).is_none() => {
            Err(AddressError::Nothing { what: scenario.to_owned(), out: out.to_path_buf() })
        }
        few => Err(AddressError::Few { what: scenario.to_owned(), found: few.len() }),
    }
}

/// The baseline that a run of `scenario` is held against: `RUN`, `git:REV` for what REV has in `out`, or `git:REV:path`.
pub fn baseline(out: &Path, scenario: &str, what: &str) -> Result<Found, AddressError> {
    let Some(named) = what.strip_prefix("git:") else { return open(out, what) };
    match revision(named) {
        Some((revision, path)) => committed(Path::new("."), revision, path),
        // A path that starts with ./ is looked up from here, as a folder would be.
        None => {
            let here = std::env::current_dir().unwrap_or_default();
            let path = format!("./{}/{scenario}", out.strip_prefix(&here).unwrap_or(out).display());
            committed(Path::new("."), named, &path)
        }
    }
}

fn at(place: &Path) -> Result<Found, AddressError> {
    Ok(Found { place: place.display().to_string(), run: read::read(place)? })
}

/// `REV:path`; the path may not be empty, since a repository's top is no run.
fn revision(what: &str) -> Option<(&str, &str)> {
    what.split_once(':').filter(|(revision, path)| !revision.is_empty() && !path.is_empty())
}

/// A run as it was committed, read without a checkout.
pub(super) fn committed(folder: &Path, revision: &str, path: &str) -> Result<Found, AddressError> {
    let commit = Commit::of(folder, revision)?;
    let path = path.trim_end_matches('/');
    let missing = || GitError::Path { what: format!("{revision}:{path}"), revision: revision.to_owned() };
    let in_folder = |run: String| (run.clone(), format!("{run}/{REQUESTS}"), format!("{revision}:{run}"));
    let (run, rows, place) = match commit.kind(path).ok_or_else(missing)? {
        Kind::Folder => in_folder(within(&commit, path).ok_or_else(missing)?),
        _ if path.rsplit('/').next() == Some(LATEST) => in_folder(pointed(&commit, path).ok_or_else(missing)?),
        _ => {
            let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
            (folder, path.to_owned(), format!("{revision}:{path}"))
        }
    };
    let beside_rows = |name: &str| if run.is_empty() { name.to_owned() } else { format!("{run}/{name}") };
    let beside = beside_rows(MANIFEST);
    let named = |path: &str| PathBuf::from(format!("{revision}:{path}"));
    let manifest = match commit.kind(&beside) {
        Some(Kind::File) => Some(read::manifest(&named(&beside), &commit.read(&beside, MOST_MANIFEST)?)?),
        _ => None,
    };
    let mut rows = match commit.open(&rows, MOST_ROWS) {
        Err(GitError::Path { .. }) if manifest.is_some() => None,
        opened => Some((opened?, named(&rows))),
    };
    let rows = rows.as_mut().map(|(bytes, path)| (bytes, path.as_path()));
    let run = read::assemble(manifest, rows, 0)?;
    // A report does without the scenario where it cannot be read.
    let scenario = commit.read(&beside_rows(SCENARIO), read::SCENARIO_BYTES).ok();
    let scenario_toml = scenario.map(|text| String::from_utf8_lossy(&text).into_owned());
    Ok(Found { place, run: Run { scenario_toml, ..run } })
}

/// The run in a committed folder, or of a scenario's: the one that was kept, else the newest.
fn within(commit: &Commit, path: &str) -> Option<String> {
    let entries = commit.entries(path);
    let has = |name: &str, kind: Kind| entries.iter().any(|entry| entry.name == name && entry.kind == kind);
    if has(REQUESTS, Kind::File) || has(MANIFEST, Kind::File) {
        return Some(path.to_owned());
    }
    let is_run = |run: &String| commit.kind(&format!("{run}/{REQUESTS}")).is_some();
    let below = |name: &str| format!("{path}/{name}");
    let kept = has(BASELINE, Kind::Folder).then(|| below(BASELINE)).filter(is_run);
    let latest = || has(LATEST, Kind::Link).then(|| pointed(commit, &below(LATEST))).flatten();
    let newest = || {
        let folders = entries.iter().rev().filter(|entry| entry.kind == Kind::Folder);
        folders.map(|entry| below(&entry.name)).find(is_run)
    };
    kept.or_else(latest).or_else(newest)
}

/// The run that a committed `latest` points to: beside it, and nowhere else.
fn pointed(commit: &Commit, path: &str) -> Option<String> {
    let name = commit.read(path, 4096).ok()?;
    let name = std::str::from_utf8(&name).ok()?.trim();
    let run = format!("{}{name}", path.strip_suffix(LATEST)?);
    let is_beside = !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
    (is_beside && commit.kind(&format!("{run}/{REQUESTS}")).is_some()).then_some(run)
}
