//! WERE WE THE BOTTLENECK: what this machine is, what it allows, and how it kept up.

pub mod host;
mod lag;
pub mod limits;
mod proc;
mod watch;

pub use lag::read_lag;
pub use watch::Watch;
