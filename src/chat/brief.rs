//! What requests have in common: those of a case, those of a round.

use std::sync::Arc;

use hyper::Uri;
use hyper::header::{self, HeaderMap, HeaderValue};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::body::Bodies;
use super::server::Habits;
use crate::sample::Phase;
use crate::scenario::plan::{Case, Connections, ServerKind};
use crate::wire::Head;

/// How much of an answer's text is kept where it is wanted, and where only its beginning is looked at.
const KEEP: usize = 1 << 20;
const KEEP_BEGINNING: usize = 1 << 10;

/// What pre-flight learnt about a target and model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// What kind of server it is.
    pub kind: ServerKind,
    /// `stream_options.include_usage` is understood there.
    pub include_usage: bool,
    /// Its answers have no `finish_reason`, and `[DONE]` or the body's end must do.
    pub finishes_without_reason: bool,
}

impl Learnt {
    /// What is taken for granted where nothing was asked.
    pub fn nothing(kind: ServerKind) -> Learnt {
        Learnt { kind, include_usage: true, finishes_without_reason: false }
    }
}

/// What every request of a case has in common.
pub struct Brief {
    /// The case.
    pub case: Arc<Case>,
    pub(super) learnt: Learnt,
    pub(super) habits: &'static Habits,
    pub(super) keep_answers: bool,
    /// A connection is wanted again when its answer is in.
    pub(super) again: bool,
    /// How much of an answer's text is kept while it is read.
    pub(super) keep: usize,
    pub(super) bodies: Bodies,
    pub(super) head: Arc<Head>,
}

impl Brief {
    pub(super) fn new(
        case: &Arc<Case>,
        learnt: &Learnt,
        uri: &Uri,
        headers: &HeaderMap,
        run_id: &str,
        keep_answers: bool,
    ) -> Brief {
        let mut headers = headers.clone();
        let accept = if case.request.stream { "text/event-stream" } else { "application/json" };
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static(accept));
        let answer = &case.answer;
        let wanted = keep_answers || !answer.must_match.is_empty() || !answer.must_not_match.is_empty();
        Brief {
            case: Arc::clone(case),
            bodies: Bodies::new(case, run_id, learnt.include_usage),
            habits: Habits::of(learnt.kind),
            learnt: learnt.clone(),
            keep_answers,
            again: case.load.is_loop() && case.target.connections == Connections::Warm,
            keep: if wanted { KEEP } else { KEEP_BEGINNING },
            head: Arc::new(Head::post(uri.clone(), headers)),
        }
    }
}

/// What every request of a round has in common.
#[derive(Clone)]
pub struct Shot {
    /// The case.
    pub brief: Arc<Brief>,
    /// What the requests are sent for.
    pub phase: Phase,
    /// 1-based round; 0 for pre-flight.
    pub round: u32,
    /// The start of the round: instants are told relative to it.
    pub start: Instant,
    /// Calls off what is in the air: its samples are `cancelled`, with all that was seen.
    pub cancel: CancellationToken,
}
