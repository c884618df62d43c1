//! A run, read back: `requests.csv` and `run.json`, or a lone CSV file that a spreadsheet has touched.
//!
//! What can be read is; what cannot is counted and said. Memory does not grow with the number of rows.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use crate::results::cell::parse_count;
use crate::results::collected::Collected;
use crate::results::columns::{Cells, Layout};
use crate::results::folder::{MANIFEST, REQUESTS};
use crate::results::manifest::Manifest;
use crate::results::origin::Home;
use crate::results::rows::Row;
use crate::results::run::{Run, State};

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
    let manifest = manifest(&folder.join(MANIFEST))?;
    let mut collected = Collected::of(manifest.as_ref().unwrap_or(&Manifest::default()), keep);
    let unreadable = match fs_err::File::open(&rows) {
        Ok(file) => add_rows(file, &rows, manifest.as_ref(), &mut collected)?,
        // Nothing was sent yet, and the manifest says so.
        Err(error) if error.kind() == io::ErrorKind::NotFound && manifest.is_some() => 0,
        Err(error) => return Err(error.into()),
    };
    let state = State::of(manifest.as_ref(), unreadable);
    let manifest = manifest.unwrap_or_default();
    collected.take_gaps(&manifest);
    Ok(collected.into_run(manifest, state))
}

fn manifest(path: &Path) -> Result<Option<Manifest>, ReadError> {
    let text = match fs_err::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let manifest = Manifest::parse(&text);
    manifest.map(Some).map_err(|source| ReadError::Manifest { path: path.to_path_buf(), source })
}

/// Adds every row that can be read; the count is of those that cannot.
fn add_rows(
    mut file: fs_err::File,
    path: &Path,
    manifest: Option<&Manifest>,
    collected: &mut Collected,
) -> Result<u64, ReadError> {
    let torn = is_torn(&mut file)?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(BufReader::with_capacity(1 << 18, file));
    let mut header = ByteRecord::new();
    if !reader.read_byte_record(&mut header).map_err(csv_error)? {
        return Ok(0);
    }
    let layout = Layout::of(&header).map_err(|missing| ReadError::Header { path: path.to_path_buf(), missing })?;
    let mut rows = Rows { prompts: prompts(manifest), last: None, unreadable: 0 };
    let (mut record, mut ahead) = (ByteRecord::new(), ByteRecord::new());
    let mut is_first = true;
    while reader.read_byte_record(&mut ahead).map_err(csv_error)? {
        if !is_first {
            rows.add(&layout, &record, collected);
        }
        is_first = false;
        std::mem::swap(&mut record, &mut ahead);
    }
    match (is_first, torn) {
        (true, _) => {}
        (false, true) => rows.unreadable += 1,
        (false, false) => rows.add(&layout, &record, collected),
    }
    Ok(rows.unreadable)
}

/// Rows on their way into the numbers.
struct Rows {
    prompts: HashMap<String, usize>,
    /// The cells that say what the row before belonged to, and what that was.
    last: Option<(Vec<u8>, Home, Option<u32>)>,
    unreadable: u64,
}

impl Rows {
    fn add(&mut self, layout: &Layout, record: &ByteRecord, collected: &mut Collected) {
        let mut cells = layout.cells(record);
        let (home, users) = self.home(&mut cells);
        let Some(row) = Row::parse(&mut cells) else {
            self.unreadable += 1;
            return;
        };
        let prompt = self.prompts.get(row.prompt.as_ref()).copied().unwrap_or(0);
        collected.add(&home, users, &row.to_sample(prompt));
    }

    fn home(&mut self, cells: &mut Cells<'_>) -> (Home, Option<u32>) {
        cells.take("run_id");
        cells.take("scenario");
        let [case, target, model, users] = ["case", "target", "model", "users"].map(|name| cells.take(name));
        let raw = [case, target, model, users].join(&0);
        if let Some((known, home, users)) = &self.last
            && *known == raw
        {
            return (home.clone(), *users);
        }
        let users = parse_count(users);
        let home = Home::parse([case, target, model], users);
        self.last = Some((raw, home.clone(), users));
        (home, users)
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

/// Whether the last line lacks its end, so that it may be a part of one. Spreadsheets end lines with CRLF, and some
/// leave the last one open: theirs is whole.
fn is_torn(file: &mut fs_err::File) -> io::Result<bool> {
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    file.seek(SeekFrom::Start(0))?;
    if last == *b"\n" || last == *b"\r" {
        return Ok(false);
    }
    let mut first = Vec::new();
    BufReader::new(&mut *file).take(1 << 16).read_until(b'\n', &mut first)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(!first.ends_with(b"\r\n"))
}

fn csv_error(error: csv::Error) -> ReadError {
    ReadError::Io(io::Error::other(error))
}
