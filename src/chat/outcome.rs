//! The decision: what became of a request, from everything that was seen of it.
//!
//! Pure, and the only place where an outcome is chosen. It knows no text that a server sends, no clock and no socket.

use crate::sample::Outcome;

/// Why an exchange stopped before its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It was called off.
    Cancelled,
    /// Descriptors, ports or memory of ours ran out.
    Client,
    /// The name was not found, the connection refused, the host not reached.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// Connecting took too long.
    ConnectTimeout,
    /// The connection had been closed before the request.
    Stale,
    /// The first token took too long.
    FirstTokenTimeout,
    /// Nothing came for too long.
    IdleTimeout,
    /// All of it took too long.
    TotalTimeout,
    /// Headers, an event or the body outgrew their bound.
    TooLarge,
    /// The connection was reset.
    Reset,
    /// The connection ended before the framing did, or the framing went wrong.
    Broken,
    /// What answered does not speak HTTP.
    NotHttp,
    /// It speaks TLS, and was spoken to without.
    SpeaksTls,
}

impl Stop {
    /// Whether a clock (or a person) stopped it, and not something that arrived.
    pub(super) fn is_by_clock(self) -> bool {
        matches!(self, Stop::Cancelled | Stop::FirstTokenTimeout | Stop::IdleTimeout | Stop::TotalTimeout)
    }
}

/// Everything that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Why it stopped before its end.
    pub stop: Option<Stop>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// There was a `Retry-After`.
    pub retry_after: bool,
    /// An error payload, an `event: error`, or a text that this kind of server is known for.
    pub error: bool,
    /// The body ended as its framing says, or with `[DONE]`.
    pub ended: bool,
    /// `[DONE]` was seen.
    pub done: bool,
    /// The answer came as a stream of events.
    pub streamed: bool,
    /// Something was not the declared format.
    pub malformed: bool,
    /// There were tokens, visible or not.
    pub tokens: bool,
    /// There was something that a person sees.
    pub visible: bool,
    /// There was a `finish_reason`.
    pub finish: bool,
    /// The pre-flight's answer had no `finish_reason`: the server never sends one.
    pub finishes_without_reason: bool,
    /// The model that answered is not the one demanded.
    pub wrong_model: bool,
    /// `[answer]` is not met.
    pub unexpected: bool,
}

/// The outcome, in the order of precedence of [`Outcome::ALL`].
pub fn decide(facts: &Facts) -> Outcome {
    match facts.stop {
        Some(Stop::Cancelled) => return Outcome::Cancelled,
        Some(Stop::Client) => return Outcome::ClientFailed,
        Some(Stop::Connect) => return Outcome::ConnectFailed,
        Some(Stop::Tls) => return Outcome::TlsFailed,
        Some(Stop::ConnectTimeout) => return Outcome::TimeoutConnect,
        Some(Stop::Stale) => return Outcome::StaleConnection,
        _ => {}
    }
    match facts.status {
        Some(429) => return Outcome::RateLimited,
        Some(503) if facts.retry_after => return Outcome::RateLimited,
        Some(status) if !(200..300).contains(&status) => return Outcome::HttpError,
        _ => {}
    }
    match facts.stop {
        Some(Stop::FirstTokenTimeout) => return Outcome::TimeoutFirstToken,
        Some(Stop::IdleTimeout) => return Outcome::TimeoutIdle,
        Some(Stop::TotalTimeout) => return Outcome::TimeoutTotal,
        Some(Stop::TooLarge) => return Outcome::TooLarge,
        _ if facts.error => return Outcome::ErrorInBody,
        Some(Stop::Reset) => return Outcome::Reset,
        Some(Stop::NotHttp | Stop::SpeaksTls) => return Outcome::Malformed,
        Some(_) => return Outcome::Truncated,
        None => {}
    }
    of_a_whole_body(facts)
}

fn of_a_whole_body(facts: &Facts) -> Outcome {
    let finished = facts.finish || (facts.finishes_without_reason && (facts.done || !facts.streamed));
    if !facts.ended || (facts.tokens && !finished) {
        Outcome::Truncated
    } else if facts.malformed {
        Outcome::Malformed
    } else if !facts.visible {
        Outcome::Empty
    } else if facts.wrong_model {
        Outcome::WrongModel
    } else if facts.unexpected {
        Outcome::UnexpectedAnswer
    } else {
        Outcome::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A streamed answer that is one in every respect.
    const ANSWER: Facts = Facts {
        stop: None,
        status: Some(200),
        retry_after: false,
        error: false,
        ended: true,
        done: true,
        streamed: true,
        malformed: false,
        tokens: true,
        visible: true,
        finish: true,
        finishes_without_reason: false,
        wrong_model: false,
        unexpected: false,
    };

    fn stopped(stop: Stop) -> Facts {
        Facts { stop: Some(stop), ended: false, done: false, finish: false, ..ANSWER }
    }

    #[test]
    fn each_outcome_has_its_facts() {
        let unsent = |stop| Facts { stop: Some(stop), ..Facts::default() };
        let table = [
            (stopped(Stop::Cancelled), Outcome::Cancelled),
            (unsent(Stop::Client), Outcome::ClientFailed),
            (unsent(Stop::Connect), Outcome::ConnectFailed),
            (unsent(Stop::Tls), Outcome::TlsFailed),
            (unsent(Stop::ConnectTimeout), Outcome::TimeoutConnect),
            (unsent(Stop::Stale), Outcome::StaleConnection),
            (Facts { status: Some(429), ..ANSWER }, Outcome::RateLimited),
            (Facts { status: Some(503), retry_after: true, ..ANSWER }, Outcome::RateLimited),
            (Facts { status: Some(503), ..ANSWER }, Outcome::HttpError),
            (Facts { status: Some(302), ..ANSWER }, Outcome::HttpError),
            (Facts { status: Some(500), ..stopped(Stop::TotalTimeout) }, Outcome::HttpError),
            (unsent(Stop::FirstTokenTimeout), Outcome::TimeoutFirstToken),
            (stopped(Stop::IdleTimeout), Outcome::TimeoutIdle),
            (stopped(Stop::TotalTimeout), Outcome::TimeoutTotal),
            (stopped(Stop::TooLarge), Outcome::TooLarge),
            (Facts { error: true, ..ANSWER }, Outcome::ErrorInBody),
            (Facts { error: true, ..stopped(Stop::Reset) }, Outcome::ErrorInBody),
            (stopped(Stop::Reset), Outcome::Reset),
            (stopped(Stop::Broken), Outcome::Truncated),
            (unsent(Stop::NotHttp), Outcome::Malformed),
            (unsent(Stop::SpeaksTls), Outcome::Malformed),
            (Facts { ended: false, done: false, ..ANSWER }, Outcome::Truncated),
            (Facts { finish: false, ..ANSWER }, Outcome::Truncated),
            (Facts { malformed: true, ..ANSWER }, Outcome::Malformed),
            (Facts { tokens: false, visible: false, ..ANSWER }, Outcome::Empty),
            (Facts { tokens: false, visible: false, finish: false, ..ANSWER }, Outcome::Empty),
            (Facts { visible: false, ..ANSWER }, Outcome::Empty),
            (Facts { wrong_model: true, unexpected: true, ..ANSWER }, Outcome::WrongModel),
            (Facts { unexpected: true, ..ANSWER }, Outcome::UnexpectedAnswer),
            (ANSWER, Outcome::Ok),
            (Facts { done: false, ..ANSWER }, Outcome::Ok),
        ];
        for (facts, outcome) in table {
            assert_eq!(decide(&facts), outcome, "{facts:?}");
        }
    }

    #[test]
    fn without_a_finish_reason_done_is_enough_only_where_the_server_never_sends_one() {
        let without = Facts { finish: false, finishes_without_reason: true, ..ANSWER };
        assert_eq!(decide(&without), Outcome::Ok);
        assert_eq!(decide(&Facts { done: false, ..without }), Outcome::Truncated);
        assert_eq!(decide(&Facts { done: false, streamed: false, ..without }), Outcome::Ok);
        assert_eq!(decide(&Facts { finishes_without_reason: false, ..without }), Outcome::Truncated);
    }

    #[test]
    fn adding_a_failure_never_makes_the_outcome_better() {
        let failures: [fn(&mut Facts); 8] = [
            |facts| facts.error = true,
            |facts| facts.malformed = true,
            |facts| facts.finish = false,
            |facts| facts.visible = false,
            |facts| facts.wrong_model = true,
            |facts| facts.unexpected = true,
            |facts| facts.status = Some(500),
            |facts| facts.stop = Some(Stop::Reset),
        ];
        for chosen in 0..1_u32 << failures.len() {
            let mut facts = ANSWER;
            let mut best = decide(&facts);
            for (at, fail) in failures.iter().enumerate().filter(|(at, _)| chosen & 1 << at != 0) {
                fail(&mut facts);
                let outcome = decide(&facts);
                assert!(outcome <= best && !outcome.is_ok(), "{at}: {facts:?} is {outcome:?} after {best:?}");
                best = outcome;
            }
        }
    }
}
