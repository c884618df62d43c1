//! Requests that are refused: a status that says so, in the words of each kind of server or of what stands before it.

use super::Fault;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("status_429", "429 without Retry-After, at once", |script, scene| {
        script.refuse(scene.kind.error(429, "rate_limit_error", Some("rate_limit_exceeded"), "Rate limit reached"));
    }),
    Fault::new("status_500", "500 with the server's own kind of error", |script, scene| {
        script.refuse(scene.kind.error(500, "server_error", None, "The server had an error"));
    }),
];
