//! The end of a run on stdout: its summary, its document, its last line.

use std::io::Write;

use super::out::{self, Out};
use super::session::{Terms, Voice};
use super::{Exit, exit};
use crate::cli::Format;
use crate::report::comparison::{self, Compared};
use crate::report::{ancestor, json, text, verdict};
use crate::results::{Finished, Found, Run};
use crate::sample::Sample;
use crate::stats::GateState;
use crate::stats::compare::{Options, versus};
use crate::stats::validity::Validity;

/// Prints what a run came to.
pub(super) fn print(
    out: &mut Out,
    finished: &Finished,
    landed: &[Sample],
    ended: Exit,
    terms: &Terms,
    baseline: Option<&Found>,
) -> std::io::Result<()> {
    let run = &finished.run;
    if terms.output.format == Format::Json {
        let mut document = Vec::new();
        json::render(run, &exit::advice, &mut document)?;
        let line = if terms.many { compact(&document) } else { String::from_utf8_lossy(&document).into_owned() };
        out.line(line.trim_end());
        return Ok(());
    }
    let mut page = Vec::new();
    match terms.voice {
        Voice::Own if terms.output.quiet => {}
        Voice::Own => {
            writeln!(page)?;
            text::render(run, &exit::advice, out::colour(), &mut page)?;
            if let Some(baseline) = baseline {
                compared(finished, baseline, &mut page)?;
            }
        }
        Voice::Ancestor(_) if landed.is_empty() => {}
        Voice::Ancestor(_) => ancestor::results(landed, total_s(landed), &mut page)?,
    }
    let page = String::from_utf8_lossy(&page);
    let folder = finished.folder.as_ref().map(|folder| folder.display().to_string());
    match (&terms.voice, folder) {
        (Voice::Own, Some(folder)) => {
            out.text(&page);
            let exit = if ended == Exit::Passed { String::new() } else { format!(" (exit {})", ended.code()) };
            out.line(&format!("{}{exit}: {folder}", verdict::headline(run)));
        }
        (Voice::Own, None) => {
            out.text(&page);
            out.line(&verdict::headline(run));
        }
        (Voice::Ancestor(_), folder) => {
            explain(run, ended);
            // The ancestor's last line stays the last one: where the run lies is said beside it.
            if let Some(folder) = folder.filter(|_| !terms.output.quiet) {
                super::warn(&format!("results in {folder}"));
            }
            let last = if terms.output.quiet { page.trim_end().rsplit('\n').next().unwrap_or_default() } else { &page };
            out.text(last);
            if terms.output.quiet && !last.is_empty() {
                out.line("");
            }
        }
    }
    Ok(())
}

/// The run beside its baseline: by each metric that the scenario holds against it, else by the usual one.
fn compared(finished: &Finished, baseline: &Found, page: &mut Vec<u8>) -> std::io::Result<()> {
    let mut ways: Vec<Options> = finished.run.manifest.relative_gates().iter().map(versus::options).collect();
    if ways.is_empty() {
        ways.push(Options::default());
        writeln!(page, "\nbeside the baseline (shown, and no gate: `[expect] vs_baseline` would make it one):")?;
    }
    let place = finished.folder.as_ref().map_or("this run".to_owned(), |folder| folder.display().to_string());
    for options in ways {
        let one = Compared::of((&baseline.place, &baseline.run), (&place, &finished.run), &options);
        writeln!(page)?;
        comparison::text::render(&[one], out::colour(), page)?;
    }
    writeln!(page)
}

/// Why a run ends otherwise than the ancestor's last line says, on stderr: its block has no place for it.
fn explain(run: &Run, ended: Exit) {
    if ended != Exit::Invalid {
        return;
    }
    super::warn(&format!("{} (exit {})", verdict::headline(run), ended.code()));
    for case in &run.cases {
        let undecided = case.gates.iter().filter_map(|gate| match &gate.state {
            GateState::Undecided { why } => Some(format!("{} {}: {why}", gate.metric, gate.expected)),
            _ => None,
        });
        let checks =
            case.validity.iter().flat_map(Validity::fired).map(|check| format!("{}: {}", check.id, check.sentence));
        undecided.chain(checks).for_each(|line| super::warn(&format!("  {line}")));
    }
}

/// From the barrier to the last end: the ancestor's "Total time".
fn total_s(landed: &[Sample]) -> f64 {
    landed.iter().map(|sample| sample.at.end).max().unwrap_or_default().as_secs_f64()
}

/// One object a line.
fn compact(document: &[u8]) -> String {
    match serde_json::from_slice::<serde_json::Value>(document) {
        Ok(value) => value.to_string(),
        Err(_) => String::from_utf8_lossy(document).into_owned(),
    }
}
