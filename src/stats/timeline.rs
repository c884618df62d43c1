//! The requests of a burst one by one, as bars over time: when each was sent, began to answer, and ended.
//!
//! Bounded: a picture has as many rows as a person can tell apart. Which ones are kept depends on numbers of rounds and
//! requests alone, never on how fast they were answered, so that what is left out is not the slow.

use std::collections::BTreeMap;

use super::observation::Observation;
use crate::sample::Outcome;

/// Bars of a round at most: the first in order of due.
pub const OF_A_ROUND: u64 = 10_000;

/// Bars of a run at most; they are shared out among its cases.
pub const OF_A_RUN: usize = 40_000;

/// One request; instants in microseconds since the start of its round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// 1-based user.
    pub user: u32,
    /// 1-based request of its round.
    pub request: u64,
    /// How long it connected, where that was part of the answer's time.
    pub connect_us: Option<u64>,
    /// First byte handed to the kernel.
    pub sent_us: Option<u64>,
    /// First token.
    pub first_us: Option<u64>,
    /// Answer complete, or the failure decided.
    pub end_us: u64,
    /// Why it ended.
    pub outcome: Outcome,
}

/// One round of a case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoundBars {
    /// Requests of the round, shown or not.
    pub requests: u64,
    /// The bars, in the order in which they came.
    pub bars: Vec<Bar>,
    /// The last request that may be one of them.
    limit: u64,
}

/// The bars of a case, round by round. A round that found no room has requests and no bars.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    /// Whether connecting is part of what is measured.
    cold: bool,
    /// Bars that this case may still take.
    left: usize,
    /// By number of the round.
    pub rounds: BTreeMap<u32, RoundBars>,
}

impl Timeline {
    /// For one of so many cases.
    pub fn new(cold: bool, cases: usize) -> Timeline {
        Timeline { cold, left: OF_A_RUN / cases.max(1), rounds: BTreeMap::new() }
    }

    /// Takes in one request of a round that has `planned`, or 0 where that is not known.
    pub fn add(&mut self, seen: &Observation<'_>, planned: u64) {
        let Some(outcome) = seen.outcome else { return };
        let limit = self.limit(planned);
        let round = self.rounds.entry(seen.round).or_insert_with(|| RoundBars { limit, ..RoundBars::default() });
        round.requests += 1;
        if seen.request > round.limit || round.bars.len() as u64 >= round.limit || self.left == 0 {
            return;
        }
        self.left -= 1;
        round.bars.push(Bar {
            user: seen.user,
            request: seen.request,
            connect_us: seen.connect_us.filter(|_| self.cold),
            sent_us: seen.sent_us,
            first_us: seen.sent_us.zip(seen.ttft_us).map(|(sent, ttft)| sent + ttft),
            end_us: seen.landed_us(),
            outcome,
        });
    }

    /// How far into a round that begins now bars are kept: as far as into any, or not at all where it found too little
    /// room. The first is there as far as there is room.
    fn limit(&self, planned: u64) -> u64 {
        let (left, wanted) = (self.left as u64, planned.min(OF_A_ROUND));
        match planned {
            0 => OF_A_ROUND,
            _ if wanted <= left => wanted,
            _ if self.rounds.is_empty() => left,
            _ => 0,
        }
    }

    /// Bars that are kept, and requests that there were.
    pub fn kept(&self) -> (u64, u64) {
        let of = |round: &RoundBars| (round.bars.len() as u64, round.requests);
        self.rounds.values().map(of).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(round: u32, request: u64) -> Observation<'static> {
        Observation {
            round,
            request,
            user: request as u32,
            outcome: Some(Outcome::Ok),
            sent_us: Some(10),
            ttft_us: Some(5),
            latency_us: Some(20),
            connect_us: Some(3),
            end_us: 40,
            ..Observation::default()
        }
    }

    fn timeline(cold: bool, cases: usize, rounds: u32, requests: u64) -> Timeline {
        let mut timeline = Timeline::new(cold, cases);
        for round in 1..=rounds {
            // The last in order of due is the first to be answered.
            (1..=requests).rev().for_each(|request| timeline.add(&seen(round, request), requests));
        }
        timeline
    }

    #[test]
    fn a_bar_has_the_instants_of_its_request() {
        let bar = Bar {
            user: 1,
            request: 1,
            connect_us: Some(3),
            sent_us: Some(10),
            first_us: Some(15),
            end_us: 30,
            outcome: Outcome::Ok,
        };
        assert_eq!(timeline(true, 1, 1, 1).rounds[&1].bars, [bar]);
        assert_eq!(timeline(false, 1, 1, 1).rounds[&1].bars, [Bar { connect_us: None, ..bar }]);
    }

    #[test]
    fn of_many_requests_the_first_by_number_are_kept_not_the_fastest() {
        let timeline = timeline(false, 1, 1, 2 * OF_A_ROUND);
        assert_eq!(timeline.kept(), (OF_A_ROUND, 2 * OF_A_ROUND));
        assert!(timeline.rounds[&1].bars.iter().all(|bar| bar.request <= OF_A_ROUND));
    }

    #[test]
    fn a_round_is_there_whole_or_not_at_all_but_the_first_as_far_as_there_is_room() {
        let kept = |timeline: Timeline| timeline.rounds.values().map(|round| round.bars.len()).collect::<Vec<_>>();
        assert_eq!(kept(timeline(false, 10, 3, 1500)), [1500, 1500, 0]);
        assert_eq!(kept(timeline(false, 100, 2, 1500)), [400, 0]);
    }
}
