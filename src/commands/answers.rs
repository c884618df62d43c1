//! `--responses FILE`: the answers themselves, as JSON lines, each bounded by what a sample keeps.

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::json;

use crate::sample::Sample;

/// A file of answers.
pub(super) struct Answers {
    file: BufWriter<fs_err::File>,
    /// The first thing that went wrong; the measuring goes on.
    failed: Option<std::io::Error>,
}

impl Answers {
    /// A new file; an older one of the name is replaced.
    pub(super) fn create(path: &Path) -> anyhow::Result<Answers> {
        let file = fs_err::File::create(path).context("--responses")?;
        Ok(Answers { file: BufWriter::new(file), failed: None })
    }

    /// Writes one line.
    pub(super) fn keep(&mut self, target: &str, model: &str, case: Option<String>, sample: &Sample) {
        if self.failed.is_some() {
            return;
        }
        let line = json!({
            "target": target,
            "model": model,
            "case": case,
            "phase": sample.phase.name(),
            "round": sample.round,
            "request": sample.arrival.request,
            "user": sample.arrival.user,
            "outcome": sample.outcome.name(),
            "status": sample.status,
            "error": sample.error,
            "finish_reason": sample.finish_reason,
            "answer": sample.answer,
        });
        self.failed = writeln!(self.file, "{line}").err();
    }

    /// Hands what is left to the kernel.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        let failed = self.failed.take();
        failed.map_or_else(|| self.file.flush(), Err).context("--responses")
    }
}
