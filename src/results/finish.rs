//! The end of a run: the last rows, the numbers, and every file that is remade from them.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::results::baseline::{Versus, take_judged};
use crate::results::collected::Collected;
use crate::results::folder;
use crate::results::pen::Pen;
use crate::results::run::{Run, State};
use crate::results::scribe::save_manifest;
use crate::results::shared::{Shared, lock};

/// What a run ended as.
#[derive(Debug)]
pub struct Finished {
    /// The run: the same that [`crate::results::read()`] makes of its folder.
    pub run: Run,
    /// Its folder; `None` where it leaves no files.
    pub folder: Option<PathBuf>,
    /// The renderings that were written.
    pub paths: Vec<PathBuf>,
    /// Everything that went wrong in writing, told or not; not empty is exit code 2.
    pub trouble: Vec<String>,
}

/// A file that is made of a run: its name and what stands in it.
pub type Rendering = (&'static str, Vec<u8>);

/// Ends a run whose thread has ended; `pen` is what that left, or `None` if it died.
pub(super) fn finish(
    shared: &Shared,
    folder: Option<&Path>,
    pen: Option<Pen>,
    versus: Option<&Versus>,
    ended: Timestamp,
    render: impl FnOnce(&Run) -> Vec<Rendering>,
    exit: impl FnOnce(&Run, &[String]) -> i32,
) -> Finished {
    let mut lost = lock(&shared.trouble).lost;
    let mut torn = Ok(());
    match pen {
        Some(pen) => {
            lost += pen.lost();
            if let Some(folder) = folder.filter(|_| pen.is_stuck()) {
                torn = cut_torn_line(&folder.join(folder::REQUESTS));
            }
        }
        None => lock(&shared.trouble).note("the thread that writes rows died".to_owned()),
    }
    let mut collected = std::mem::take(&mut *lock(&shared.collected));
    let state = seal(shared, &mut collected, lost, ended);
    let mut run = collected.into_run(lock(&shared.manifest).clone(), state);
    run.scenario_toml = Some(shared.scenario_toml.clone());
    if let Some(versus) = versus {
        let facts = versus.judge(&run);
        run.manifest.baseline = Some(facts.clone());
        lock(&shared.manifest).baseline = Some(facts);
        take_judged(&mut run);
    }
    let mut paths = Vec::new();
    if let Some(folder) = folder {
        let (written, failed) = write_renderings(folder, render(&run));
        paths = written;
        let torn = torn.err().map(|error| format!("could not write {}: {error}", folder::REQUESTS));
        failed.into_iter().chain(torn).for_each(|sentence| lock(&shared.trouble).note(sentence));
    }
    let code = exit(&run, &lock(&shared.trouble).sentences);
    run.manifest.exit_code = Some(code);
    lock(&shared.manifest).exit_code = Some(code);
    save_manifest(shared);
    let trouble = std::mem::take(&mut lock(&shared.trouble).sentences);
    Finished { run, folder: folder.map(Path::to_path_buf), paths, trouble }
}

/// Writes renderings into a run's folder: the paths written, and a sentence for each that was not.
pub fn write_renderings(folder: &Path, renderings: Vec<Rendering>) -> (Vec<PathBuf>, Vec<String>) {
    let mut paths = Vec::new();
    let mut failed = Vec::new();
    for (name, contents) in renderings {
        let path = folder.join(name);
        match folder::write_whole(&path, &contents) {
            Ok(()) => paths.push(path),
            Err(error) => failed.push(format!("could not write {error}")),
        }
    }
    (paths, failed)
}

/// Writes into the manifest what is known only now, and says whether all of the run is there.
fn seal(shared: &Shared, collected: &mut Collected, lost: u64, ended: Timestamp) -> State {
    let mut manifest = lock(&shared.manifest);
    manifest.ended = Some(ended);
    manifest.rows = collected.rows() - lost.min(collected.rows());
    manifest.rows_lost = lost;
    manifest.complete = manifest.ended_early.is_none() && lost == 0;
    collected.give_gaps(&mut manifest, lost);
    *manifest = manifest.cleaned(&|text| shared.scrubber.clean(text));
    State::of(Some(&manifest), 0)
}

/// Takes away what stands behind the last end of a line: the row that the disk had no room for.
fn cut_torn_line(path: &Path) -> io::Result<()> {
    /// Longer than any row: cells are bounded.
    const TAIL: u64 = 1 << 20;
    let mut file = fs_err::OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let Some(end) = tail.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
    file.set_len(from + end as u64 + 1)
}
