//! WERE WE THE BOTTLENECK: what this machine is, what it allows, and how it kept up.

pub mod host;
pub mod limits;
