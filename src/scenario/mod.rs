//! What a person wrote, made into what we shall do.

pub mod plan;

#[cfg(test)]
pub(crate) mod example;
