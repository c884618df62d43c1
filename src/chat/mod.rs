//! HOW, above: one chat request, from the body that is sent to the outcome of what came back.
//!
//! [`Endpoint::send`](endpoint::Endpoint::send) makes one [`Sample`](crate::sample::Sample) of one arrival and decides
//! what is an answer. This room knows JSON, server-sent events and the habits of servers; it knows no schedule, no
//! statistic and no file.

mod alarm;
pub mod answer;
pub mod body;
mod brief;
mod cache;
mod chunk;
mod coding;
pub mod complaint;
mod ended;
pub mod endpoint;
mod exchange;
#[cfg(test)]
mod fixture;
mod headers;
mod kinds;
mod lenient;
mod message;
pub mod models;
mod notes;
pub mod outcome;
pub mod pace;
pub mod preflight;
pub mod problem;
pub mod reading;
pub mod scrub;
pub mod server;
mod sniff;
pub mod sse;
mod surrogates;
mod verdict;

pub use endpoint::{Brief, Endpoint, EndpointError, Learnt, Shot, Unreached};
