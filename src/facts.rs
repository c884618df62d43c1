//! What the client observed of itself while a round ran: plain recorded facts, no judgement.
//!
//! `audit` fills them in, `run.json` keeps them, `stats::validity` judges them. They live in a leaf file of their own
//! because the one who measures and the one who judges may not import each other. Unknown is `None`: a platform that
//! cannot tell says so.

use serde::{Deserialize, Serialize};

/// Facts about one round of one case. Those of several rounds add up ([`ClientFacts::merge`]): counts are summed, of
/// errors the worst counts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientFacts {
    /// Requests that the plan wanted.
    pub planned: u64,
    /// Arrivals that were handed to a user.
    pub issued: u64,
    /// Rows that were written to `requests.csv` for them.
    pub rows: u64,
    /// Kernel receive time to our own stamp, and what is left of it after correction.
    pub read_lag: Option<ReadLag>,
    /// The extra stream of known timing: parsed − sent.
    pub control_stream: Option<Lag>,
    /// Wake-to-poll delay of the runtime's workers.
    pub runtime_lag: Option<Lag>,
    /// How far percentiles may lie from ours because a read held several events.
    pub moves: Moves,
    /// The highest share of the usable processors that this process used in any one second, 0 to 1.
    pub cpu_share_max: Option<f64>,
    /// Processors that this process may use: affinity and cgroup quota.
    pub usable_cpus: Option<f64>,
    /// Times that a cgroup quota stopped this process.
    pub throttled_periods: Option<u64>,
    /// The highest share of processor time that the hypervisor took away in any one second, 0 to 1.
    pub steal_share_max: Option<f64>,
    /// Page faults that waited for a disk.
    pub major_faults: Option<u64>,
    /// The most that the wall clock was set by at once, in milliseconds; 0 where it only ran.
    pub clock_set_ms: Option<f64>,
    /// File descriptors: needed by the plan, and allowed.
    pub descriptors: Option<Limit>,
    /// Ephemeral ports to one address: needed by the plan, and free.
    pub ports: Option<Limit>,
    /// Memory in bytes: needed by the plan, and available.
    pub memory: Option<Limit>,
    /// Connections found closed before the barrier, and replaced.
    pub stale_replaced: u64,
    /// Requests of a loop whose connection the server had closed after the answer before: they opened another.
    pub reconnected: u64,
    /// Age of the oldest connection at the barrier, in milliseconds.
    pub oldest_connection_ms: Option<f64>,
    /// Addresses that the target's name stands for, beyond the one that is used.
    pub other_addresses: u32,
    /// The model that answered pre-flight.
    pub preflight_model: Option<String>,
    /// The fingerprint of the pre-flight's answer.
    pub preflight_fingerprint: Option<String>,
    /// Whether pre-flight already saw a whole stream arrive at once.
    pub preflight_buffered: bool,
    /// Answers whose headers said that a cache gave them.
    pub cache_headers: u64,
    /// Checks that this platform cannot make, each as a fragment: `kernel receive time: not on this system`.
    pub unchecked: Vec<String>,
}

/// A distribution of delays, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Lag {
    /// Observations.
    pub n: u64,
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// The largest.
    pub max_ms: f64,
}

/// Kernel-to-user lag of the reads of the measured sockets.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ReadLag {
    /// As it was; already taken off the instants.
    pub uncorrected: Lag,
    /// What is left after correction: the error.
    pub left: Lag,
    /// Reads without a kernel time: their instants are our own.
    pub without_kernel_time: u64,
}

/// How far a percentile of a metric (P50, P90, P95, P99) may lie from ours, in milliseconds: a read that holds several events carries
/// only its last segment's instant, and the earlier ones may have come earlier. `None` where there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Moves {
    /// Of first tokens.
    pub ttft_ms: Option<f64>,
    /// Of first tokens that a person sees.
    pub ttfo_ms: Option<f64>,
    /// Of the pace.
    pub tpot_ms: Option<f64>,
    /// Of the pooled gaps.
    pub gap_ms: Option<f64>,
    /// Of each stream's largest gap.
    pub max_gap_ms: Option<f64>,
}

impl Moves {
    fn worse(self, other: Moves) -> Moves {
        let worse = |a, b| either(a, b, f64::max);
        Moves {
            ttft_ms: worse(self.ttft_ms, other.ttft_ms),
            ttfo_ms: worse(self.ttfo_ms, other.ttfo_ms),
            tpot_ms: worse(self.tpot_ms, other.tpot_ms),
            gap_ms: worse(self.gap_ms, other.gap_ms),
            max_gap_ms: worse(self.max_gap_ms, other.max_gap_ms),
        }
    }
}

/// What a plan needs of something, and what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limit {
    /// Needed.
    pub needed: u64,
    /// There.
    pub available: u64,
}

impl ClientFacts {
    /// Takes in the facts of another round of the same case.
    pub fn merge(&mut self, other: &ClientFacts) {
        self.planned += other.planned;
        self.issued += other.issued;
        self.rows += other.rows;
        self.read_lag = either(self.read_lag, other.read_lag, ReadLag::worse);
        self.control_stream = either(self.control_stream, other.control_stream, Lag::worse);
        self.runtime_lag = either(self.runtime_lag, other.runtime_lag, Lag::worse);
        self.moves = self.moves.worse(other.moves);
        self.cpu_share_max = either(self.cpu_share_max, other.cpu_share_max, f64::max);
        self.usable_cpus = either(self.usable_cpus, other.usable_cpus, f64::min);
        self.throttled_periods = either(self.throttled_periods, other.throttled_periods, |a, b| a + b);
        self.steal_share_max = either(self.steal_share_max, other.steal_share_max, f64::max);
        self.major_faults = either(self.major_faults, other.major_faults, |a, b| a + b);
        self.clock_set_ms = either(self.clock_set_ms, other.clock_set_ms, f64::max);
        self.descriptors = either(self.descriptors, other.descriptors, Limit::tighter);
        self.ports = either(self.ports, other.ports, Limit::tighter);
        self.memory = either(self.memory, other.memory, Limit::tighter);
        self.stale_replaced += other.stale_replaced;
        self.reconnected += other.reconnected;
        self.oldest_connection_ms = either(self.oldest_connection_ms, other.oldest_connection_ms, f64::max);
        self.other_addresses = self.other_addresses.max(other.other_addresses);
        self.preflight_model = self.preflight_model.take().or_else(|| other.preflight_model.clone());
        self.preflight_fingerprint = self.preflight_fingerprint.take().or_else(|| other.preflight_fingerprint.clone());
        self.preflight_buffered |= other.preflight_buffered;
        self.cache_headers += other.cache_headers;
        let new: Vec<String> = other.unchecked.iter().filter(|what| !self.unchecked.contains(what)).cloned().collect();
        self.unchecked.extend(new);
    }
}

impl Lag {
    /// The worse of two rounds, number by number: an error is never averaged away.
    pub fn worse(self, other: Lag) -> Lag {
        Lag {
            n: self.n + other.n,
            p50_ms: self.p50_ms.max(other.p50_ms),
            p90_ms: self.p90_ms.max(other.p90_ms),
            p99_ms: self.p99_ms.max(other.p99_ms),
            max_ms: self.max_ms.max(other.max_ms),
        }
    }
}

impl ReadLag {
    fn worse(self, other: ReadLag) -> ReadLag {
        ReadLag {
            uncorrected: self.uncorrected.worse(other.uncorrected),
            left: self.left.worse(other.left),
            without_kernel_time: self.without_kernel_time + other.without_kernel_time,
        }
    }
}

impl Limit {
    /// Whether the plan fits.
    pub fn fits(self) -> bool {
        self.needed <= self.available
    }

    fn tighter(self, other: Limit) -> Limit {
        Limit { needed: self.needed.max(other.needed), available: self.available.min(other.available) }
    }
}

fn either<T>(one: Option<T>, other: Option<T>, both: impl Fn(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(both(one, other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_rounds_counts_add_up_and_the_worse_error_stands() {
        let lag = |p99_ms| Lag { n: 10, p50_ms: 0.1, p90_ms: 0.2, p99_ms, max_ms: 9.0 };
        let mut facts = ClientFacts {
            planned: 5,
            rows: 5,
            control_stream: Some(lag(1.0)),
            throttled_periods: Some(1),
            unchecked: vec!["steal".into()],
            ..ClientFacts::default()
        };
        let other = ClientFacts {
            planned: 5,
            rows: 4,
            control_stream: Some(lag(3.0)),
            throttled_periods: Some(2),
            cpu_share_max: Some(0.5),
            unchecked: vec!["steal".into(), "quota".into()],
            ..ClientFacts::default()
        };
        facts.merge(&other);
        let expected = ClientFacts {
            planned: 10,
            rows: 9,
            control_stream: Some(Lag { n: 20, ..lag(3.0) }),
            throttled_periods: Some(3),
            cpu_share_max: Some(0.5),
            unchecked: vec!["steal".into(), "quota".into()],
            ..ClientFacts::default()
        };
        assert_eq!(facts, expected);
    }
}
