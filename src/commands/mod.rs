//! One file per verb: glue. The only room that prints a result and knows exit codes.

mod ab;
mod answers;
mod burst;
mod calibrate;
mod check;
mod closing;
mod compare;
mod demand;
mod embedded;
mod exit;
mod facts;
mod help;
mod history;
mod init;
mod mock;
mod models;
mod out;
mod paths;
mod plans;
mod record;
mod report;
mod results;
mod run;
mod session;
mod signals;
mod splice;
mod words;

use std::io::Write;

use crate::cli::{Cli, Verb};

/// How a command ended, from the best to the worst: of several, the worst counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Every gate passed.
    Passed,
    /// A gate failed.
    Failed,
    /// The budget was reached before the end.
    Budget,
    /// A pre-flight failed; that target and model got no load.
    Preflight,
    /// The measurement is invalid, or a gate cannot be decided.
    Invalid,
    /// A bad command line or scenario, or nothing could be written.
    Refused,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Passed => 0,
            Exit::Failed => 1,
            Exit::Refused => 2,
            Exit::Preflight => 3,
            Exit::Invalid => 4,
            Exit::Budget => 5,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }
}

/// Does what was asked.
pub fn dispatch(cli: Cli) -> Exit {
    let done = match cli.verb {
        Verb::Run(args) => run::run(args),
        Verb::Burst(args) => run::burst(args),
        Verb::Check(args) => check::check(args),
        Verb::Calibrate(args) => calibrate::calibrate(args),
        Verb::Models(args) => models::models(args),
        Verb::Mock(args) => mock::mock(args),
        Verb::Report(args) => report::report(args),
        Verb::Ab(args) => ab::ab(args),
        Verb::Compare(args) => compare::compare(args),
        Verb::History(args) => history::history(args),
        Verb::Results(args) => results::results(args),
        Verb::Schema(args) => help::schema(args),
        Verb::Init(args) => init::init(args),
        Verb::Completions(args) => help::completions(args),
        Verb::Man => help::man(),
    };
    let exit = done.unwrap_or_else(|error| {
        warn(&format!("error: {error:#}"));
        Exit::Refused
    });
    if out::has_lost() { exit.max(Exit::Refused) } else { exit }
}

/// A line on stderr; a closed stderr is nobody's loss.
fn warn(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}
