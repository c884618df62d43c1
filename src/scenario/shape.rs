//! The shape of a load: when its requests are due, how many users ask, and when it ends.
//!
//! Plain data, the same for every case of a scenario but for its number of users. It knows no clock; `load` makes due
//! times of it.

use std::time::Duration;

/// When requests are due and how many may be in the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// All at once, or evenly over `spread`.
    Burst {
        /// How many press Enter together.
        users: u32,
        /// Over how long they start; zero is at once.
        spread: Duration,
    },
    /// Each user asks again when its answer is in, on its own kept-alive connection.
    Closed {
        /// How many, and so the most requests in the air.
        users: u32,
        /// When they ask no more.
        until: Until,
        /// How long a user thinks between an answer and its next request.
        think: Think,
    },
}

/// When a loop ends. What is in the air then may land.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// So many requests of all users together.
    Requests(u64),
    /// No request is due from then on.
    Time(Duration),
}

/// A time to think, drawn evenly from `least` to `most` for every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Think {
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

impl Load {
    /// How many users, and so the most requests in the air.
    pub fn users(self) -> u32 {
        match self {
            Load::Burst { users, .. } | Load::Closed { users, .. } => users,
        }
    }

    /// Requests in one round; `None` where only time ends it.
    pub fn requests(self) -> Option<u64> {
        match self {
            Load::Burst { users, .. } => Some(u64::from(users)),
            Load::Closed { until: Until::Requests(requests), .. } => Some(requests),
            Load::Closed { until: Until::Time(_), .. } => None,
        }
    }

    /// How long requests are due in one round, where that is what ends it.
    pub fn duration(self) -> Option<Duration> {
        match self {
            Load::Closed { until: Until::Time(duration), .. } => Some(duration),
            _ => None,
        }
    }

    /// Over how long the users of a burst start.
    pub fn spread(self) -> Duration {
        match self {
            Load::Burst { spread, .. } => spread,
            Load::Closed { .. } => Duration::ZERO,
        }
    }

    /// Whether users ask again.
    pub fn is_loop(self) -> bool {
        matches!(self, Load::Closed { .. })
    }
}
