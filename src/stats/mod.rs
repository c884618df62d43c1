//! What it means: from samples to numbers, and from numbers to judgements.
//!
//! [`tally::Tally`] counts, [`summary::Summary`] is what the counts say, [`gates`] and [`validity`] judge it. Pure
//! functions of samples, plan and client facts: this room knows no clock, no disk, no printing.

pub mod binomial;
pub mod burst;
pub mod calibration;
pub mod compare;
pub mod course;
pub mod curve;
pub mod distribution;
pub mod exact;
pub mod failures;
pub mod flights;
pub mod gates;
pub mod goodput;
pub mod metric;
pub mod observation;
pub mod quantile;
mod repeats;
mod slices;
pub mod subject;
pub mod summary;
pub mod tally;
#[cfg(test)]
mod testing;
pub mod timeline;
pub mod validity;
pub mod values;

pub use curve::Curve;
pub use distribution::Distribution;
pub use gates::{GateResult, GateState, judge};
pub use goodput::Limits;
pub use observation::Observation;
pub use quantile::{Interval, Measured, Quantile};
pub use subject::Subject;
pub use summary::Summary;
pub use tally::Tally;
pub use timeline::Timeline;
pub use validity::{Label, Validity};
