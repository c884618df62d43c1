//! WERE WE THE BOTTLENECK: what this machine is, what it allows, and how it kept up.

mod control;
mod doubt;
#[cfg(feature = "faults")]
pub mod faults;
pub mod host;
mod lag;
pub mod limits;
mod memory;
mod ports;
mod proc;
mod watch;
mod witness;

pub use control::Control;
pub use doubt::Doubts;
pub use lag::read_lag;
pub use watch::Watch;
