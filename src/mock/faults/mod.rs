//! The faults, by name: each is one row, a sentence and a change to an honest answer.
//!
//! A fault that speaks of streams leaves an answer that is not streamed as it is, unless its sentence says otherwise.

mod refusals;
mod sockets;
mod streams;
mod voices;

use std::sync::LazyLock;
use std::time::Duration;

use super::script::{Scene, Script};

/// One way in which real servers go wrong.
pub(super) struct Fault {
    pub(super) name: &'static str,
    says: &'static str,
    /// Changes the honest answer.
    pub(super) play: fn(&mut Script, &Scene),
    /// Silence after which the connection is closed, from this answer on.
    pub(super) idle_close: Option<Duration>,
}

impl Fault {
    const fn new(name: &'static str, says: &'static str, play: fn(&mut Script, &Scene)) -> Fault {
        Fault { name, says, play, idle_close: None }
    }
}

static TABLES: [&[Fault]; 4] = [refusals::FAULTS, voices::FAULTS, streams::FAULTS, sockets::FAULTS];

/// Every fault's name, and what it does in a sentence.
pub fn faults() -> &'static [(&'static str, &'static str)] {
    static LIST: LazyLock<Vec<(&'static str, &'static str)>> =
        LazyLock::new(|| TABLES.iter().copied().flatten().map(|fault| (fault.name, fault.says)).collect());
    &LIST
}

/// The fault of this name.
pub(super) fn find(name: &str) -> Option<&'static Fault> {
    TABLES.iter().copied().flatten().find(|fault| fault.name == name)
}

/// `; did you mean …?`, where a name comes near.
pub(super) fn hint(name: &str) -> String {
    let near = faults().iter().map(|(known, _)| (strsim::jaro_winkler(known, name), known));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((score, known)) if score > 0.8 => format!("; did you mean {known}?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_into_a_model_name() {
        let mut names: Vec<&str> = faults().iter().map(|(name, _)| *name).collect();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(names.iter().all(|name| name.chars().all(plain)), "{names:?}");
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
