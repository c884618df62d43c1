//! Where a scenario's words come from: a file, what it extends, a flag.
//!
//! It keeps the text with its secrets masked, so that whatever quotes a source can quote no secret.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::problem::{Excerpt, Place, printable};
use super::secrets;

/// Which source, in the order read.
pub(super) type SourceId = usize;

/// What kind of thing a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A file: the scenario, or one that it extends.
    File,
    /// A flag such as `--set`; its text is what follows it.
    Flag,
    /// Ad-hoc flags made into a scenario: nobody typed these lines, so none are shown.
    Built,
}

/// One source.
pub(super) struct Source {
    /// As typed: `scenarios/poem.toml`, `--set`.
    pub(super) name: String,
    pub(super) origin: Origin,
    /// The text, masked; as long as the original, byte for byte.
    pub(super) text: String,
    /// What relative paths in it start from.
    pub(super) folder: PathBuf,
}

/// All of them.
#[derive(Default)]
pub(super) struct Sources(Vec<Source>);

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) source: SourceId,
    /// The bytes of its key, or of its value where there is no key.
    pub(super) key: Range<usize>,
    /// The bytes of its value.
    pub(super) value: Range<usize>,
    /// The key as typed there: `profiles.ci.users[0]`.
    pub(super) path: String,
}

impl Sources {
    pub(super) fn add(&mut self, name: &str, origin: Origin, text: &str, folder: &Path) -> SourceId {
        let (name, text, folder) = (printable(name), text.to_owned(), folder.to_owned());
        self.0.push(Source { name, origin, text, folder });
        self.0.len() - 1
    }

    /// Masks these bytes for good.
    pub(super) fn mask(&mut self, id: SourceId, secret: &[Range<usize>]) {
        self.0[id].text = secrets::mask(&self.0[id].text, secret);
    }

    pub(super) fn get(&self, id: SourceId) -> &Source {
        &self.0[id]
    }

    /// The place of some bytes of a source.
    pub(super) fn place(&self, id: SourceId, span: Range<usize>) -> Place {
        let source = &self.0[id];
        let at = (source.origin != Origin::Built).then(|| Excerpt::cut(&source.text, span));
        Place { source: id, name: source.name.clone(), at }
    }

    /// The words at some bytes, if they are short, on one line and hold no secret.
    pub(super) fn words(&self, id: SourceId, span: Range<usize>) -> Option<&str> {
        let text = self.0[id].text.get(span)?;
        (text.len() <= 60 && !text.contains('\n') && !text.contains("**")).then_some(text)
    }

    /// The files among them.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|source| source.origin == Origin::File).map(|source| source.name.as_str())
    }
}
