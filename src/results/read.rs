//! A run, read back: `requests.csv` and `run.json`, or a lone CSV file that a spreadsheet has touched.
//!
//! What can be read is; what cannot is counted and said. Memory does not grow with the number of rows.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::results::baseline::take_judged;
use crate::results::cell::parse_count;
use crate::results::collected::{Collected, Place};
use crate::results::columns::{Cells, Layout};
use crate::results::folder::{MANIFEST, REQUESTS, SCENARIO};
use crate::results::manifest::Manifest;
use crate::results::origin::Home;
use crate::results::record::Record;
use crate::results::rows::{Memory, Row};
use crate::results::run::{Run, State};
use crate::results::table::Table;

/// So much of a scenario is read.
pub(super) const SCENARIO_BYTES: u64 = 1 << 20;

/// Why a run cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system did not give the file; its message names it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Not a table of requests.
    #[error("{}: not a requests.csv: no column {missing}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// The columns that cannot be done without.
        missing: String,
    },
    /// `run.json` is there and is not one.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Reads rows alone, whatever lies beside them.
pub fn read_alone(rows: &Path) -> Result<Run, ReadError> {
    let rows = if rows.is_dir() { rows.join(REQUESTS) } else { rows.to_path_buf() };
    assemble(None, Some((fs_err::File::open(&rows)?, &rows)), 0)
}

/// Reads the run in a folder, or of a `requests.csv`, which uses the `run.json` beside it.
pub fn read(path: &Path) -> Result<Run, ReadError> {
    read_keeping(path, 0)
}

/// The same, with up to `keep` of the load's samples kept whole.
pub fn read_keeping(path: &Path, keep: usize) -> Result<Run, ReadError> {
    let (folder, rows) = match path.is_dir() {
        true => (path.to_path_buf(), path.join(REQUESTS)),
        false => (path.parent().unwrap_or(Path::new("")).to_path_buf(), path.to_path_buf()),
    };
    let place = folder.join(MANIFEST);
    let manifest = match fs_err::read(&place) {
        Ok(text) => Some(manifest(&place, &text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let run = match fs_err::File::open(&rows) {
        Ok(file) => assemble(manifest, Some((file, &rows)), keep)?,
        // Nothing was sent yet, and the manifest says so.
        Err(error) if error.kind() == io::ErrorKind::NotFound && manifest.is_some() => {
            assemble::<io::Empty>(manifest, None, keep)?
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Run { scenario_toml: scenario(&folder.join(SCENARIO)), ..run })
}

/// What stands in `run.json`.
pub(super) fn manifest(path: &Path, text: &[u8]) -> Result<Manifest, ReadError> {
    let text = String::from_utf8_lossy(text);
    Manifest::parse(&text).map_err(|source| ReadError::Manifest { path: path.to_path_buf(), source })
}

/// When the run in a folder began, where its manifest can be read.
pub(super) fn started(folder: &Path) -> Option<jiff::Timestamp> {
    let place = folder.join(MANIFEST);
    manifest(&place, &fs_err::read(&place).ok()?).ok()?.started
}

/// The run of a manifest and rows, wherever they were found.
pub(super) fn assemble<R: Read>(
    manifest: Option<Manifest>,
    rows: Option<(R, &Path)>,
    keep: usize,
) -> Result<Run, ReadError> {
    let mut collected = Collected::of(manifest.as_ref().unwrap_or(&Manifest::default()), keep).bounded();
    let unreadable = match rows {
        Some((bytes, path)) => add_rows(bytes, path, manifest.as_ref(), &mut collected)?,
        None => 0,
    };
    let state = State::of(manifest.as_ref(), unreadable + collected.beyond());
    let manifest = manifest.unwrap_or_default();
    collected.take_gaps(&manifest);
    let mut run = collected.into_run(manifest, state);
    take_judged(&mut run);
    Ok(run)
}

/// The scenario beside the rows, if there is one and it can be read: a report does without.
fn scenario(path: &Path) -> Option<String> {
    let mut text = Vec::new();
    fs_err::File::open(path).ok()?.take(SCENARIO_BYTES).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Adds every row that can be read; the count is of those that cannot.
fn add_rows<R: Read>(
    bytes: R,
    path: &Path,
    manifest: Option<&Manifest>,
    collected: &mut Collected,
) -> Result<u64, ReadError> {
    let mut table = Table::open(bytes)?;
    let mut record = Record::default();
    if !table.next(&mut record)? {
        return Ok(0);
    }
    let layout = Layout::of(&record).map_err(|missing| ReadError::Header { path: path.to_path_buf(), missing })?;
    let mut rows = Rows { prompts: prompts(manifest), memory: Memory::default(), last: None, unreadable: 0 };
    // Where cells are not separated by commas, numbers may have them.
    let decimal_commas = table.separator != b',';
    while table.next(&mut record)? {
        if decimal_commas {
            layout.put_points(&mut record);
        }
        if table.is_torn() {
            rows.unreadable += 1;
        } else {
            rows.add(&layout, &record, collected);
        }
    }
    Ok(rows.unreadable)
}

/// Rows on their way into the numbers.
struct Rows {
    prompts: HashMap<String, usize>,
    /// What neighbouring rows share.
    memory: Memory,
    /// The cells that say what the row before belonged to, and what that is.
    last: Option<([Vec<u8>; 4], Place)>,
    unreadable: u64,
}

impl Rows {
    fn add(&mut self, layout: &Layout, record: &Record, collected: &mut Collected) {
        let mut cells = layout.cells(record);
        self.find(&mut cells);
        let Some((_, place)) = &mut self.last else { return };
        match Row::parse(&mut cells, &mut self.memory) {
            Some(row) => collected.add_row(place, &row, &[], |name| self.prompts.get(name).copied().unwrap_or(0)),
            None => self.unreadable += 1,
        }
    }

    /// Looks up what a row belongs to, unless the row before belonged there too.
    fn find(&mut self, cells: &mut Cells<'_>) {
        cells.take("run_id");
        cells.take("scenario");
        let [case, target, model, users] = ["case", "target", "model", "users"].map(|name| cells.take(name));
        let raw = [case, target, model, users];
        if self.last.as_ref().is_none_or(|(known, _)| known.iter().zip(raw).any(|(known, raw)| known != raw)) {
            let users = parse_count(users);
            let home = Home::parse([case, target, model], users);
            self.last = Some((raw.map(<[u8]>::to_vec), Place { home, users, case: None }));
        }
    }
}

fn prompts(manifest: Option<&Manifest>) -> HashMap<String, usize> {
    let mut places = HashMap::new();
    for case in manifest.iter().flat_map(|manifest| &manifest.cases) {
        for (place, name) in case.prompt_names.iter().enumerate() {
            places.entry(name.clone()).or_insert(place);
        }
    }
    places
}
