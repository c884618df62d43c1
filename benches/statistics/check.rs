//! A line of the table: an event whose share is looked for, and what it must be.

use std::fmt;

use rand::rngs::ChaCha8Rng;

/// A line of the table.
pub(crate) struct Check {
    pub(crate) group: &'static str,
    pub(crate) what: String,
    pub(crate) target: Target,
    /// Simulated so many times as often as the others: what lies close to its target needs more.
    pub(crate) weight: u32,
    /// Simulated once where the others are so often: what takes its time.
    pub(crate) seldom: u32,
    pub(crate) happens: Box<dyn Fn(&mut ChaCha8Rng) -> bool + Sync>,
}

impl Check {
    pub(crate) fn new(
        group: &'static str,
        what: impl Into<String>,
        target: Target,
        happens: impl Fn(&mut ChaCha8Rng) -> bool + Sync + 'static,
    ) -> Check {
        Check { group, what: what.into(), target, weight: 1, seldom: 1, happens: Box::new(happens) }
    }
}

impl Check {
    /// How often it is simulated where one of the plain ones is so often.
    pub(crate) fn tries(&self, plain: u32) -> u32 {
        (plain * self.weight / self.seldom).max(1)
    }
}

/// What the share must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// No more than this.
    AtMost(f64),
    /// Five points below this at the worst: what the method can give.
    Power(f64),
    /// Whatever it is: told for comparison.
    Told,
}

impl Target {
    /// Whether a share found in so many tries meets it; few tries are given two standard deviations of their luck.
    pub(crate) fn is_met(self, share: f64, tries: u32, lenient: bool) -> bool {
        let luck = |at: f64| if lenient { 2.0 * (at * (1.0 - at) / f64::from(tries)).sqrt() } else { 0.0 };
        match self {
            Target::AtMost(most) => share <= most + luck(most),
            Target::Power(can) => share >= can - 0.05 - luck(can),
            Target::Told => true,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::AtMost(most) => write!(f, "<= {:.1}", most * 100.0),
            Target::Power(can) => {
                write!(f, ">= {:.1} (a t-test that knows the spread: {:.1})", can * 100.0 - 5.0, can * 100.0)
            }
            Target::Told => write!(f, "(for comparison)"),
        }
    }
}
