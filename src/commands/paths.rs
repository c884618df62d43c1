//! Which files were meant: files, folders and patterns, in a fixed order.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::scenario::problem::nearest;

/// The scenario files that `typed` names.
///
/// A folder stands for its own `*.toml`, sorted, without names that begin with `_`; a pattern for what it matches.
/// What names nothing is an error, and so are two files of the same stem, since their results would share a folder.
pub(super) fn scenarios(typed: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in typed {
        let found = if path.is_dir() {
            within(path, |name| !name.starts_with('_') && name.ends_with(".toml"))?
        } else if path.exists() {
            vec![path.clone()]
        } else if !is_pattern(path) {
            match near(path) {
                Some(near) => bail!("{}: no such file; did you mean {}?", path.display(), near.display()),
                None => bail!("{}: no such file; `lamb-load init` writes a scenario to begin with", path.display()),
            }
        } else {
            matching(path)?
        };
        if found.is_empty() {
            bail!("{}: no scenario there; a scenario is a *.toml file (`lamb-load init` writes one)", path.display());
        }
        files.extend(found);
    }
    for (index, file) in files.iter().enumerate() {
        if let Some(twin) = files[..index].iter().find(|other| other.file_stem() == file.file_stem()) {
            bail!(
                "{} and {} have the same name: their results would share a folder; rename one or run them apart",
                twin.display(),
                file.display()
            );
        }
    }
    Ok(files)
}

/// A scenario named like one that is not there, beside it or in `scenarios/`.
fn near(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let wanted = name.strip_suffix(".toml").unwrap_or(name);
    let beside = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files = Vec::new();
    for folder in [beside, Path::new("scenarios")] {
        let found = within(folder, |name| !name.starts_with('_') && name.ends_with(".toml"));
        files.extend(found.unwrap_or_default().into_iter().map(plain));
    }
    let stem = |file: &PathBuf| file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stems: Vec<String> = files.iter().filter_map(stem).collect();
    let best = if stems.iter().any(|stem| stem == wanted) {
        wanted
    } else {
        nearest(wanted, stems.iter().map(String::as_str))?
    };
    let best = best.to_owned();
    files.into_iter().find(|file| stem(file).as_ref() == Some(&best))
}

/// Without the `./` that nobody typed.
fn plain(path: PathBuf) -> PathBuf {
    path.strip_prefix(".").map(Path::to_path_buf).unwrap_or(path)
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '[', '{'])
}

/// The files of a folder whose names are wanted, sorted.
fn within(folder: &Path, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs_err::read_dir(folder)?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(&wanted))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    Ok(files)
}

/// The files that a pattern matches; folders in a pattern are taken from its longest part without signs.
fn matching(pattern: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let text = pattern.to_string_lossy();
    let glob = globset::GlobBuilder::new(&text).literal_separator(true).build();
    let glob = glob.with_context(|| format!("{text}: not a pattern"))?.compile_matcher();
    let root: PathBuf = pattern.components().take_while(|part| !is_pattern(part.as_ref())).collect();
    let deep = pattern.components().count() - root.components().count();
    let mut files = Vec::new();
    let start = if root.as_os_str().is_empty() { Path::new(".") } else { &root };
    walk(start, if text.contains("**") { 16 } else { deep }, &mut files);
    let mut files: Vec<PathBuf> = files.into_iter().map(plain).filter(|path| glob.is_match(path)).collect();
    files.sort();
    Ok(files)
}

/// Every file down to `depth` folders; what cannot be read is passed over.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 1 => walk(&path, depth - 1, files),
            Ok(kind) if kind.is_file() => files.push(path),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    fn names(folder: &Path, typed: &str) -> Vec<String> {
        let files = scenarios(&[folder.join(typed)]).unwrap();
        files.iter().map(|file| file.strip_prefix(folder).unwrap().display().to_string()).collect()
    }

    #[test]
    fn a_folder_is_its_own_scenarios_sorted_without_those_that_begin_with_an_underscore() {
        let folder = folder(&["b.toml", "a.toml", "_base.toml", "notes.md", "deep/c.toml"]);
        assert_eq!(names(folder.path(), ""), ["a.toml", "b.toml"]);
    }

    #[test]
    fn a_pattern_is_what_it_matches() {
        let folder = folder(&["poem.toml", "poet.toml", "hello.toml", "deep/poem2.toml"]);
        assert_eq!(names(folder.path(), "poe*.toml"), ["poem.toml", "poet.toml"]);
        assert_eq!(names(folder.path(), "**/poem*.toml"), ["deep/poem2.toml", "poem.toml"]);
    }

    #[test]
    fn two_scenarios_of_one_name_are_refused() {
        let folder = folder(&["poem.toml", "deep/poem.toml"]);
        let typed = [folder.path().join("poem.toml"), folder.path().join("deep/poem.toml")];
        assert!(scenarios(&typed).unwrap_err().to_string().contains("have the same name"));
    }

    #[test]
    fn a_file_that_is_not_there_is_answered_with_one_of_nearly_that_name() {
        let folder = folder(&["poem.toml", "_base.toml", "notes.md"]);
        let said = |typed: &str| scenarios(&[folder.path().join(typed)]).map_err(|error| error.to_string());
        let expected = format!("{}/pom.toml: no such file; did you mean {0}/poem.toml?", folder.path().display());
        assert_eq!(said("pom.toml"), Err(expected));
        assert!(said("poem").unwrap_err().ends_with("/poem.toml?"));
        let lecture = said("lecture.toml").unwrap_err();
        assert!(lecture.ends_with("/lecture.toml: no such file; `lamb-load init` writes a scenario to begin with"));
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_an_error() {
        let folder = folder(&["a.toml"]);
        assert!(scenarios(&[folder.path().join("x*.toml")]).unwrap_err().to_string().contains("no scenario there"));
    }
}
