//! Git, asked without a shell: objects of a revision, read as they were committed and without a checkout.
//!
//! Only plumbing that neither runs filters nor diff programs of a repository, and that fetches nothing. A revision is
//! turned into a commit's hash first; what a person typed is never an argument of its own after that.

use std::io::{self, Read, Take};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Why something cannot be read out of a repository.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// Git itself cannot be started.
    #[error("{what}: git cannot be started ({source}); install it, or name a folder instead of a revision")]
    Absent {
        /// What was to be read.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// There is no repository here.
    #[error("{what}: this folder is in no git repository; name a folder instead of a revision")]
    NoRepository {
        /// What was to be read.
        what: String,
    },
    /// No such revision.
    #[error("{what}: there is no revision {revision} in this repository{hint}")]
    Revision {
        /// What was to be read.
        what: String,
        /// What was typed as the revision.
        revision: String,
        /// What may help.
        hint: &'static str,
    },
    /// No such path in the revision.
    #[error("{what}: no run there in {revision}; a path starts at the top of the repository, or with ./ here")]
    Path {
        /// What was to be read.
        what: String,
        /// The revision.
        revision: String,
    },
    /// Larger than anything that a run writes.
    #[error("{what}: {bytes} bytes, more than the {most} that are read out of a repository")]
    Large {
        /// What was to be read.
        what: String,
        /// Its size.
        bytes: u64,
        /// The most.
        most: u64,
    },
    /// Git answered something else.
    #[error("{what}: git: {said}")]
    Failed {
        /// What was to be read.
        what: String,
        /// What it said.
        said: String,
    },
}

/// Git in a folder, with everything off that a repository could use to start a program or a transfer.
pub(super) fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .args(["--no-optional-locks", "--no-pager", "-c", "core.fsmonitor=false", "-C"])
        .arg(folder)
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A commit of the repository around a folder, and what it is called in messages.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    folder: PathBuf,
    revision: String,
    pub(super) hash: String,
}

/// An entry of a folder in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    Link,
}

impl Commit {
    /// The commit that `revision` names.
    pub(super) fn of(folder: &Path, revision: &str) -> Result<Commit, GitError> {
        let mut found = Commit { folder: folder.to_path_buf(), revision: revision.to_owned(), hash: String::new() };
        let asked = format!("{revision}^{{commit}}");
        let what = revision.to_owned();
        match found.output(&["rev-parse", "--verify", "--quiet", "--end-of-options", &asked]) {
            Ok(Some(answer)) if is_hash(answer.trim()) => answer.trim().clone_into(&mut found.hash),
            Ok(_) if found.output(&["rev-parse", "--git-dir"]).is_ok_and(|answer| answer.is_none()) => {
                return Err(GitError::NoRepository { what });
            }
            Ok(_) => {
                let is_shallow = found
                    .output(&["rev-parse", "--is-shallow-repository"])
                    .is_ok_and(|answer| answer.is_some_and(|answer| answer.trim() == "true"));
                let hint = if is_shallow { "; it is a shallow clone: fetch the revision first" } else { "" };
                return Err(GitError::Revision { what, revision: revision.to_owned(), hint });
            }
            Err(source) => return Err(GitError::Absent { what, source }),
        }
        Ok(found)
    }

    /// What a path in this commit is; `None` where there is nothing.
    pub(super) fn kind(&self, path: &str) -> Option<Kind> {
        let kind = self.output(&["cat-file", "-t", &self.object(path)?]).ok()??;
        match kind.trim() {
            "tree" => Some(Kind::Folder),
            "blob" => Some(Kind::File),
            _ => None,
        }
    }

    /// What lies in a folder, sorted by name.
    pub(super) fn entries(&self, path: &str) -> Vec<Entry> {
        let list = |object: String| self.output(&["ls-tree", "--full-tree", "-z", &object]).ok().flatten();
        let Some(listed) = self.object(path).and_then(list) else { return Vec::new() };
        let mut entries: Vec<Entry> = listed.split('\0').filter_map(entry).collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        entries
    }

    /// A file's bytes as they were committed, unless there are more than `most`.
    pub(super) fn open(&self, path: &str, most: u64) -> Result<Blob, GitError> {
        let what = format!("{}:{path}", self.revision);
        let missing = || GitError::Path { what: what.clone(), revision: self.revision.clone() };
        let object = self.object(path).ok_or_else(missing)?;
        let size = self.output(&["cat-file", "-s", &object]).ok().flatten();
        let bytes: u64 = size.and_then(|size| size.trim().parse().ok()).ok_or_else(missing)?;
        if bytes > most {
            return Err(GitError::Large { what, bytes, most });
        }
        // `cat-file blob` gives what is stored: no filter, no textconv.
        let mut child = git(&self.folder)
            .args(["cat-file", "blob", &object])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| GitError::Absent { what: what.clone(), source })?;
        let out = child.stdout.take().ok_or_else(|| GitError::Failed { what, said: "it has no output".to_owned() })?;
        Ok(Blob { out: out.take(bytes), child })
    }

    /// A file's bytes, whole.
    pub(super) fn read(&self, path: &str, most: u64) -> Result<Vec<u8>, GitError> {
        let mut bytes = Vec::new();
        self.open(path, most)?
            .read_to_end(&mut bytes)
            .map_err(|error| GitError::Failed { what: path.to_owned(), said: error.to_string() })?;
        Ok(bytes)
    }

    /// The hash of whatever lies at a path.
    fn object(&self, path: &str) -> Option<String> {
        let answer = self.output(&["rev-parse", "--verify", "--quiet", &format!("{}:{path}", self.hash)]).ok()??;
        let hash = answer.trim();
        is_hash(hash).then(|| hash.to_owned())
    }

    /// What git prints; `None` where it fails.
    fn output(&self, arguments: &[&str]) -> io::Result<Option<String>> {
        let output = git(&self.folder).args(arguments).output()?;
        Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

/// `<mode> <kind> <hash>\t<name>`
fn entry(line: &str) -> Option<Entry> {
    let (about, name) = line.split_once('\t')?;
    let kind = match about.split(' ').next()? {
        "120000" => Kind::Link,
        "040000" => Kind::Folder,
        mode if mode.starts_with("100") => Kind::File,
        _ => return None,
    };
    Some(Entry { name: name.to_owned(), kind })
}

/// SHA-1 or SHA-256, written out.
pub(super) fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A committed file's bytes on their way out of git.
pub(super) struct Blob {
    out: Take<ChildStdout>,
    child: Child,
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.out.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.out.limit() > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "git ended before the file did"));
        }
        Ok(read)
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        // It may be in the middle of a file that nobody reads on; what becomes of it is nobody's loss.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
