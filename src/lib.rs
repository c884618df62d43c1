//! `lamb-load`: the load test you can commit, and that cannot fool you.
//!
//! The library exists for the binary and its tests. Data flows one way: a scenario file becomes a [`scenario::plan::Plan`],
//! its cases become arrivals, each arrival one [`sample::Sample`], samples a summary, summaries a run on disk.

pub mod audit;
pub mod chat;
pub mod cli;
pub mod commands;
pub mod facts;
pub mod load;
pub mod mock;
pub mod progress;
pub mod report;
pub mod results;
pub mod runner;
pub mod sample;
pub mod scenario;
pub mod stats;
pub mod wire;
