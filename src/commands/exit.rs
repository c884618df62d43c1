//! What a run's end means to whoever called: the exit code, and what may be advised.

use super::Exit;
use crate::chat::server;
use crate::report::verdict::Verdict;
use crate::results::Run;
use crate::sample::Outcome;
use crate::scenario::plan::ServerKind;
use crate::stats::failures::FailureGroup;

/// The exit that a run's cases ask for.
pub(super) fn of(run: &Run) -> Exit {
    match Verdict::of_run(run) {
        Verdict::Undecided => Exit::Invalid,
        Verdict::PreflightFailed => Exit::Preflight,
        Verdict::Failed => Exit::Failed,
        // A partial run's cause has an exit of its own.
        Verdict::Empty | Verdict::Unjudged | Verdict::Passed | Verdict::Partial => Exit::Passed,
    }
}

/// What to do about failures of one cause, for a kind of server by its name.
pub(super) fn advice(kind: &str, group: &FailureGroup) -> Option<String> {
    let kind = ServerKind::ALL.into_iter().find(|known| known.name() == kind)?;
    server::advice(kind, Outcome::parse(&group.outcome)?, group.status).map(str::to_owned)
}
