//! Every key of a scenario, through real sockets: what the server received, what was written down, the exit code.
//!
//! The servers are this test's own (hyper, rustls and a few bytes by hand), so that what is asserted was seen by
//! somebody who shares no code with the program.

#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/support.rs"]
mod support;

mod authority;
mod between;
mod ran;
mod server;

mod body;
mod connections;
mod course;
mod https;
mod kinds;
mod loops;
mod place;
mod preflight;
mod prompts;
mod proxy;
mod resolving;
