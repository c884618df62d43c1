//! What the writer of a run and its thread share, and how they take it.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::results::collected::Collected;
use crate::results::manifest::Manifest;
use crate::results::origin::Origin;
use crate::results::scrub::Scrubber;
use crate::sample::Sample;

/// What the writer and its thread share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Mutex<Queue>,
    pub(super) wake: Condvar,
    pub(super) collected: Mutex<Collected>,
    /// Rows were added to `collected`.
    pub(super) settled: Condvar,
    pub(super) manifest: Mutex<Manifest>,
    pub(super) trouble: Mutex<Trouble>,
    pub(super) scrubber: Scrubber,
    /// Where `run.json` lies.
    pub(super) manifest_path: Option<PathBuf>,
    /// What stands in `scenario.toml`.
    pub(super) scenario_toml: String,
}

/// What waits for the thread.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) rows: Vec<(Origin, Box<Sample>)>,
    /// Samples that came, taken or not.
    pub(super) came: u64,
    pub(super) manifest_changed: bool,
    pub(super) closed: bool,
}

/// What went wrong, and how much of it was told.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    pub(super) sentences: Vec<String>,
    pub(super) told: usize,
    /// Rows that found the queue full.
    pub(super) lost: u64,
}

impl Trouble {
    /// Remembers a sentence, once.
    pub(super) fn note(&mut self, sentence: String) {
        if !self.sentences.contains(&sentence) {
            self.sentences.push(sentence);
        }
    }
}

/// The lock, even if a thread died holding it: what it guards is whole after every step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
