//! Where a run lies: its folder and id, the pointer to the newest, files that are there whole or not at all.
//!
//! It knows names and paths, and nothing of what stands in the files.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// One row per request.
pub const REQUESTS: &str = "requests.csv";
/// Provenance.
pub const MANIFEST: &str = "run.json";
/// The resolved scenario.
pub const SCENARIO: &str = "scenario.toml";
/// One row per case.
pub const SUMMARY_CSV: &str = "summary.csv";
/// One row per round.
pub const ROUNDS_CSV: &str = "rounds.csv";
/// The summary for programs.
pub const SUMMARY_JSON: &str = "summary.json";
/// The summary for people.
pub const SUMMARY_MD: &str = "summary.md";
/// The report for people.
pub const REPORT_HTML: &str = "report.html";
/// The cases as tests, for CI.
pub const JUNIT_XML: &str = "junit.xml";
/// The pointer to a scenario's newest run: a link, or where there are none a file with its name.
pub const LATEST: &str = "latest";
/// The run that a user keeps to compare with.
pub const BASELINE: &str = "baseline";

/// How often a taken id is drawn again before the folder itself must be at fault.
const TRIES: u32 = 64;

/// A run's id: when it began, in UTC, and four digits that tell it from others of the same second.
pub fn new_id(now: Timestamp) -> String {
    format!("{}-{:04x}", now.strftime("%Y%m%dT%H%M%SZ"), rand::random::<u16>())
}

/// Makes a run's folder below `out/scenario`; two that begin at the same time get two.
pub fn create(out: &Path, scenario: &str, now: Timestamp) -> io::Result<(String, PathBuf)> {
    let parent = out.join(scenario);
    fs_err::create_dir_all(&parent)?;
    let mut taken = None;
    for _ in 0..TRIES {
        let id = new_id(now);
        let folder = parent.join(&id);
        // Making a folder fails if it is there: that is what makes the id ours.
        match fs_err::create_dir(&folder) {
            Ok(()) => return Ok((id, folder)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(taken.unwrap_or_else(|| io::Error::other("no id is free")))
}

/// Points `latest` to a run, replacing what it pointed to in one step.
pub fn point_latest(folder: &Path) -> io::Result<()> {
    let (Some(parent), Some(id)) = (folder.parent(), folder.file_name()) else {
        return Err(io::Error::other("a run's folder has a parent and a name"));
    };
    let beside = parent.join(format!(".{LATEST}-{:08x}", rand::random::<u32>()));
    if link(Path::new(id), &beside).is_err() {
        fs_err::write(&beside, id.as_encoded_bytes())?;
    }
    fs_err::rename(&beside, parent.join(LATEST)).inspect_err(|_| {
        // What cannot be put in place must not be left lying about; if even that fails, the first error says more.
        let _ = fs_err::remove_file(&beside);
    })
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(not(unix))]
fn link(_to: &Path, _at: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Writes a file beside its place and renames it into it: a reader finds the old one or the new one, never a part.
pub fn write_whole(path: &Path, contents: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("a file lies in a folder"))?;
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut beside = tempfile::Builder::new();
    // As a file that is simply created: readable by whoever the umask lets.
    #[cfg(unix)]
    beside.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = beside.prefix(".").suffix(".part").tempfile_in(folder).map_err(named)?;
    file.write_all(contents).map_err(named)?;
    file.persist(path).map_err(|error| named(error.error))?;
    Ok(())
}

/// The run that a person means by `what`: a run's folder, its `requests.csv`, a scenario's folder or name (its newest
/// run). Paths are tried before names below `out`.
pub fn find(out: &Path, what: &str) -> Option<PathBuf> {
    [PathBuf::from(what), out.join(what)].into_iter().find_map(|path| run_at(&path))
}

fn run_at(path: &Path) -> Option<PathBuf> {
    if is_run(path) || path.is_file() && path.file_name().is_some_and(|name| name != LATEST) {
        return Some(path.to_path_buf());
    }
    // A file in place of a link holds the run's name.
    let pointer = if path.is_dir() { path.join(LATEST) } else { path.to_path_buf() };
    if is_run(&pointer) {
        return Some(pointer.canonicalize().unwrap_or(pointer));
    }
    if path.is_dir() && !pointer.exists() {
        // Copied or cloned without its pointer: the newest run, else the one that was kept.
        let newest = runs(Path::new(""), &path.to_string_lossy()).pop();
        return newest.or_else(|| Some(path.join(BASELINE)).filter(|kept| is_run(kept)));
    }
    let name = fs_err::read_to_string(&pointer).ok()?;
    let run = pointer.parent()?.join(name.trim());
    // The name is one of ours, not a way out of the folder.
    (Path::new(name.trim()).components().count() == 1 && is_run(&run)).then_some(run)
}

/// Whether a run lies in this folder, or what a crash left of one.
pub fn is_run(folder: &Path) -> bool {
    folder.is_dir() && (folder.join(REQUESTS).is_file() || folder.join(MANIFEST).is_file())
}

/// A scenario's runs by id, so the oldest first, without its baseline: of a name below `out`, or of the folder itself.
/// Ids of the same second are in no order.
pub fn runs(out: &Path, scenario: &str) -> Vec<PathBuf> {
    let places = [PathBuf::from(scenario), out.join(scenario)];
    let mut all = places.iter().map(|place| {
        let folders = sorted_folders(place).unwrap_or_default();
        folders.into_iter().filter(|folder| is_run(folder) && !folder.is_symlink() && !folder.ends_with(BASELINE))
    });
    all.find_map(|runs| Some(runs.collect()).filter(|runs: &Vec<PathBuf>| !runs.is_empty())).unwrap_or_default()
}

/// Every run below `out`, by scenario and id, so the oldest first; baselines after the runs of their scenario.
pub fn list(out: &Path) -> io::Result<Vec<PathBuf>> {
    let mut runs = Vec::new();
    for scenario in sorted_folders(out)? {
        let (kept, mut found): (Vec<_>, Vec<_>) = sorted_folders(&scenario)?
            .into_iter()
            .filter(|folder| is_run(folder) && !folder.is_symlink())
            .partition(|folder| folder.ends_with(BASELINE));
        found.extend(kept);
        runs.extend(found);
    }
    Ok(runs)
}

fn sorted_folders(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs_err::read_dir(parent)? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// What is copied when a run is kept: its truth, and the table that a person reads in a diff.
const KEPT: [&str; 4] = [SCENARIO, MANIFEST, REQUESTS, SUMMARY_CSV];

/// Copies a run to its scenario's `baseline` below `out`, in place of the one before.
pub fn keep(out: &Path, scenario: &str, run: &Path) -> io::Result<PathBuf> {
    let parent = out.join(scenario);
    let place = parent.join(BASELINE);
    if run.canonicalize().ok() == place.canonicalize().ok().filter(|_| place.exists()) {
        return Ok(place);
    }
    fs_err::create_dir_all(&place)?;
    for name in KEPT {
        let from = run.join(name);
        if from.exists() {
            write_whole(&place.join(name), &fs_err::read(&from)?)?;
        } else if place.join(name).exists() {
            // A file of the baseline before would tell of another run.
            fs_err::remove_file(place.join(name))?;
        }
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T23:31:04.5Z".parse().unwrap()
    }

    fn some_run(out: &Path, scenario: &str) -> PathBuf {
        let (_, folder) = create(out, scenario, now()).unwrap();
        fs_err::write(folder.join(REQUESTS), "rows").unwrap();
        fs_err::write(folder.join(MANIFEST), "{}").unwrap();
        point_latest(&folder).unwrap();
        folder
    }

    #[test]
    fn runs_of_the_same_second_get_folders_of_their_own() {
        let out = tempfile::tempdir().unwrap();
        let ids: std::collections::BTreeSet<String> =
            (0..300).map(|_| create(out.path(), "poem", now()).unwrap().0).collect();
        assert_eq!(ids.len(), 300);
        assert!(ids.iter().all(|id| id.starts_with("20261123T233104Z-") && id.len() == 21), "{ids:?}");
    }

    #[test]
    fn a_run_is_found_by_folder_file_scenario_and_latest() {
        let out = tempfile::tempdir().unwrap();
        some_run(out.path(), "poem");
        let newest = some_run(out.path(), "poem");
        let real = newest.canonicalize().unwrap();
        let typed = |path: &Path| path.to_str().unwrap().to_owned();
        assert_eq!(find(out.path(), &typed(&newest)), Some(newest.clone()));
        assert_eq!(find(out.path(), &typed(&newest.join(REQUESTS))), Some(newest.join(REQUESTS)));
        assert_eq!(find(out.path(), "poem"), Some(real.clone()));
        assert_eq!(find(out.path(), &typed(&out.path().join("poem"))), Some(real));
        assert!(find(out.path(), "poem/latest").is_some_and(|run| is_run(&run)));
        assert_eq!(find(out.path(), "limerick"), None);
    }

    #[test]
    fn where_there_are_no_links_a_file_names_the_newest_run() {
        let out = tempfile::tempdir().unwrap();
        let run = some_run(out.path(), "poem");
        let pointer = out.path().join("poem").join(LATEST);
        fs_err::remove_file(&pointer).unwrap();
        fs_err::write(&pointer, run.file_name().unwrap().to_str().unwrap()).unwrap();
        assert_eq!(find(out.path(), "poem"), Some(run.clone()));
        assert_eq!(find(out.path(), "poem/latest"), Some(run));
        fs_err::write(&pointer, "../../etc").unwrap();
        assert_eq!(find(out.path(), "poem"), None);
    }

    #[test]
    fn without_a_pointer_the_newest_run_is_meant_and_then_the_kept_one() {
        let out = tempfile::tempdir().unwrap();
        let run = some_run(out.path(), "poem");
        let kept = keep(out.path(), "poem", &run).unwrap();
        fs_err::remove_file(out.path().join("poem").join(LATEST)).unwrap();
        assert_eq!(find(out.path(), "poem"), Some(run.clone()));
        fs_err::remove_dir_all(run).unwrap();
        assert_eq!(find(out.path(), "poem"), Some(kept));
    }

    #[test]
    fn runs_are_listed_oldest_first_and_a_kept_one_last() {
        let out = tempfile::tempdir().unwrap();
        let older = some_run(out.path(), "poem");
        let later = out.path().join("poem").join("20270101T000000Z-0000");
        fs_err::rename(some_run(out.path(), "poem"), &later).unwrap();
        let kept = keep(out.path(), "poem", &older).unwrap();
        let other = some_run(out.path(), "limerick");
        fs_err::create_dir(out.path().join("poem").join("notes")).unwrap();
        assert_eq!(list(out.path()).unwrap(), [other, older, later, kept]);
    }

    #[test]
    fn a_kept_run_has_nothing_of_the_one_kept_before() {
        let out = tempfile::tempdir().unwrap();
        let first = some_run(out.path(), "poem");
        fs_err::write(first.join(SUMMARY_CSV), "first").unwrap();
        let place = keep(out.path(), "poem", &first).unwrap();
        let second = some_run(out.path(), "poem");
        fs_err::write(second.join(REQUESTS), "second").unwrap();
        assert_eq!(keep(out.path(), "poem", &second).unwrap(), place);
        assert_eq!(keep(out.path(), "poem", &place).unwrap(), place);
        assert_eq!(fs_err::read_to_string(place.join(REQUESTS)).unwrap(), "second");
        assert!(!place.join(SUMMARY_CSV).exists());
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"two");
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_whole(&folder.path().join("no/run.json"), b"x").is_err());
    }
}
