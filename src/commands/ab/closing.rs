//! The end of an `ab`: two runs on disk, their difference in words, and the exit.

use super::duel::Over;
use crate::cli::{Ab, ComparisonFormat, HowToCompare};
use crate::commands::out::Out;
use crate::commands::record::Record;
use crate::commands::signals::Interruption;
use crate::commands::{Exit, compare, exit, warn};
use crate::report::comparison::{Compared, noise, words};
use crate::report::markdown::escape;
use crate::report::{self};
use crate::results::{Finished, Run};
use crate::runner::RunError;
use crate::runner::ab::Ended;

/// Ends both runs, compares them, prints.
pub(super) fn end(
    over: Over,
    ended: Result<[Ended; 2], RunError>,
    interruption: &Interruption,
    args: &Ab,
    how: &HowToCompare,
) -> anyhow::Result<Exit> {
    let interrupted = interruption.exit();
    let early = interrupted.map(|_| "it was interrupted".to_owned());
    let early = early.or_else(|| ended.as_ref().err().map(RunError::to_string));
    let Over { records, options, pairs, told } = over;
    let mut worst = interrupted.unwrap_or(Exit::Passed);
    let finished = records.map(|record| {
        record.writer().update(|manifest| {
            manifest.ended_early.clone_from(&early);
            // As many rounds as there are: with `--pairs auto` that was not known before.
            manifest.repeat = pairs;
            manifest.ab.as_mut().into_iter().for_each(|facts| facts.level = options.level);
        });
        finish(record, worst)
    });
    for trouble in finished.iter().flat_map(|one| &one.trouble) {
        worst = worst.max(Exit::Refused);
        if !told.contains(trouble) {
            warn(&format!("error: {trouble}"));
        }
    }
    if ended?.iter().any(|side| !side.unanswered.is_empty()) {
        worst = worst.max(Exit::Preflight);
    }
    let [before, after] = &finished;
    let compared = Compared::of((&place(before), &before.run), (&place(after), &after.run), &options);
    print(&compared, &[&before.run, &after.run], args)?;
    // Of one thing against itself no verdict is a regression: it is a false alarm, and said to be one.
    let verdict = if args.aa { Exit::Passed } else { compare::exit(&[compared], how).max(exit::of(&after.run)) };
    Ok(worst.max(verdict))
}

fn finish(record: Record, worst: Exit) -> Finished {
    record.finish(
        |run| report::files(run, &exit::advice),
        |run, trouble| {
            let refused = if trouble.is_empty() { Exit::Passed } else { Exit::Refused };
            i32::from(exit::of(run).max(refused).max(worst).code())
        },
    )
}

fn place(finished: &Finished) -> String {
    finished.folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default()
}

fn print(compared: &Compared, runs: &[&Run], args: &Ab) -> anyhow::Result<()> {
    let noise = if args.aa { noise::lines(compared) } else { Vec::new() };
    let mut out = Out::new();
    match args.format {
        ComparisonFormat::Text if args.quiet => {
            let mut last = words::headline(std::slice::from_ref(compared));
            noise.iter().for_each(|line| last += &format!(" · {line}"));
            out.line(&last);
        }
        ComparisonFormat::Text => {
            compare::print(std::slice::from_ref(compared), runs, args.format)?;
            noise.iter().for_each(|line| out.line(&format!("\n{line}")));
        }
        ComparisonFormat::Markdown => {
            compare::print(std::slice::from_ref(compared), runs, args.format)?;
            noise.iter().for_each(|line| out.line(&format!("\n{}", escape(line))));
        }
        // The document has its schema, the page its end: what they have no place for is said beside them.
        ComparisonFormat::Json | ComparisonFormat::Html => {
            compare::print(std::slice::from_ref(compared), runs, args.format)?;
            noise.iter().for_each(|line| warn(line));
        }
    }
    Ok(())
}
