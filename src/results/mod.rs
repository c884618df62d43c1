//! The only room that knows `results/` and its file names.

pub mod cell;
pub mod columns;
pub mod rows;
pub mod times;
