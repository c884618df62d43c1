//! What the operating system allows: looked at before anything is sent, raised where that needs no privilege.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not users' connections: files, the runtime's own, the embedded endpoint's listener.
const BESIDE_USERS: u64 = 64;

/// Why a plan cannot be carried out on this machine, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too few file descriptors.
    #[error("{needed} connections at once need more file descriptors than the {allowed} that this process may have")]
    Descriptors {
        /// What the plan needs.
        needed: u64,
        /// The hard limit.
        allowed: u64,
    },
}

impl Refusal {
    /// What to type.
    pub fn hint(&self) -> String {
        match self {
            Refusal::Descriptors { needed, .. } => {
                format!("run `ulimit -Hn {needed} && ulimit -n {needed}` as root first, or ask for fewer users")
            }
        }
    }
}

/// Raises the soft limit of file descriptors as far as `connections` need, or says why that cannot be.
///
/// `per_connection` is 2 when this process also holds the server's end (the embedded endpoint), else 1.
pub fn allow_connections(connections: u64, per_connection: u64) -> Result<(), Refusal> {
    let needed = connections * per_connection + BESIDE_USERS;
    let limit = getrlimit(Resource::Nofile);
    if let Some(current) = raised(needed, limit.current, limit.maximum)? {
        // A refused raise shows when descriptors run out: as `client_failed`, our fault.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum });
    }
    Ok(())
}

/// The soft limit to set, or `None` where the present one will do; no limit is `None` in `current` and `maximum`.
fn raised(needed: u64, current: Option<u64>, maximum: Option<u64>) -> Result<Option<u64>, Refusal> {
    match (current, maximum) {
        (None, _) => Ok(None),
        (Some(current), _) if current >= needed => Ok(None),
        (_, Some(allowed)) if allowed < needed => Err(Refusal::Descriptors { needed, allowed }),
        // The whole of the hard limit: a later scenario of the same command may need more.
        (_, maximum) => Ok(Some(maximum.unwrap_or(needed))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_suffices_is_left_alone() {
        assert_eq!(raised(100, Some(1024), Some(4096)), Ok(None));
        assert_eq!(raised(100, None, None), Ok(None));
    }

    #[test]
    fn a_soft_limit_is_raised_to_the_hard_one() {
        assert_eq!(raised(2_000, Some(1024), Some(4096)), Ok(Some(4096)));
        assert_eq!(raised(2_000, Some(1024), None), Ok(Some(2_000)));
    }

    #[test]
    fn a_hard_limit_that_is_too_low_is_refused_with_the_command_that_fixes_it() {
        let refusal = raised(5_000, Some(1024), Some(4096)).unwrap_err();
        assert_eq!(refusal, Refusal::Descriptors { needed: 5_000, allowed: 4_096 });
        assert!(refusal.hint().starts_with("run `ulimit -Hn 5000 && ulimit -n 5000`"));
    }
}
