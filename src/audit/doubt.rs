//! How far the percentiles of a round may lie from ours, given what reads of several events leave uncertain.
//!
//! A bound, not an estimate: each uncertain value is moved as far as it can be, once down and once up, and the
//! percentiles are taken again. A few uncertain values can move a P99 by much more than the P99 of their doubts, where
//! it stands at a step of the distribution.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::lag::{delays, note};
use crate::facts::Moves;
use crate::sample::Sample;

/// What is printed of a distribution, and what gates ask for.
const PERCENTS: [u64; 4] = [50, 90, 95, 99];

/// What is uncertain of the streams of a round so far.
#[derive(Debug)]
pub struct Doubts {
    ttft: Range,
    ttfo: Range,
    tpot: Range,
    gap: Range,
    max_gap: Range,
}

impl Doubts {
    /// Of no stream yet.
    #[expect(clippy::new_without_default, reason = "histograms on the heap are no default")]
    pub fn new() -> Doubts {
        Doubts { ttft: Range::new(), ttfo: Range::new(), tpot: Range::new(), gap: Range::new(), max_gap: Range::new() }
    }

    /// Takes in one answer; what is none says nothing.
    pub fn add(&mut self, sample: &Sample) {
        let doubts = &sample.doubts;
        if let Some(ttft) = sample.ttft() {
            self.ttft.add(nanos(ttft), nanos(doubts.first_token), 0);
        }
        if let Some(ttfo) = sample.ttfo() {
            self.ttfo.add(nanos(ttfo), nanos(doubts.first_visible), 0);
        }
        if let (Some(tpot), Some(tokens)) = (sample.tpot_s(), sample.tokens.output) {
            let steps = tokens.saturating_sub(1).max(1);
            let tpot = Duration::from_secs_f64(tpot.clamp(0.0, 3600.0));
            self.tpot.add(nanos(tpot), nanos(doubts.last_token) / steps, nanos(doubts.first_token) / steps);
        }
        self.gaps(sample);
    }

    fn gaps(&mut self, sample: &Sample) {
        let mut doubtful = sample.doubts.gaps.iter().peekable();
        let [mut least, mut most] = [0; 2];
        for (index, gap) in (0..).zip(&sample.gaps_us) {
            let doubt = doubtful.next_if(|doubt| doubt.gap == index);
            let [earlier, later] = doubt.map_or([0; 2], |doubt| [doubt.earlier_us, doubt.later_us].map(u64::from));
            let gap = u64::from(*gap);
            (least, most) = (gap.saturating_sub(earlier).max(least), (gap + later).max(most));
            self.gap.add(1000 * gap, 1000 * earlier, 1000 * later);
        }
        for (gaps, within) in &sample.doubts.hidden {
            most = most.max(u64::from(*within));
            self.gap.hidden(u64::from(*gaps), 1000 * u64::from(*within));
        }
        if let Some(longest) = sample.max_gap {
            let longest = nanos(longest);
            self.max_gap.add(longest, longest.saturating_sub(1000 * least), (1000 * most).saturating_sub(longest));
        }
    }

    /// How far each metric's percentiles may be moved.
    pub fn moves(&self) -> Moves {
        Moves {
            ttft_ms: self.ttft.moves_ms(),
            ttfo_ms: self.ttfo.moves_ms(),
            tpot_ms: self.tpot.moves_ms(),
            gap_ms: self.gap.moves_ms(),
            max_gap_ms: self.max_gap.moves_ms(),
        }
    }
}

/// A distribution as we have it, and how its uncertain values may move, in nanoseconds.
#[derive(Debug)]
struct Range {
    ours: Histogram<u64>,
    /// The uncertain ones, as we have them, and moved down and up as far as they can be.
    uncertain: Option<Box<[Histogram<u64>; 3]>>,
}

impl Range {
    fn new() -> Range {
        Range { ours: delays(), uncertain: None }
    }

    fn add(&mut self, value: u64, less: u64, more: u64) {
        note(&mut self.ours, value, 1);
        if less > 0 || more > 0 {
            let [ours, least, most] = self.uncertain();
            note(ours, value, 1);
            note(least, value.saturating_sub(less), 1);
            note(most, value + more, 1);
        }
    }

    /// So many values that we do not have are between nothing and `most`.
    fn hidden(&mut self, values: u64, within: u64) {
        let [_, least, most] = self.uncertain();
        note(least, 0, values);
        note(most, within, values);
    }

    fn uncertain(&mut self) -> &mut [Histogram<u64>; 3] {
        self.uncertain.get_or_insert_with(|| Box::new([delays(), delays(), delays()]))
    }

    /// The farthest that a percentile may be moved; `None` of nothing.
    fn moves_ms(&self) -> Option<f64> {
        if self.ours.is_empty() {
            return None;
        }
        let Some([ours, least, most]) = self.uncertain.as_deref() else { return Some(0.0) };
        let moved = |to: &Histogram<u64>| {
            let mut moved = self.ours.clone();
            // What is taken away was put in before, and it grows for what is added.
            let _ = moved.subtract(ours);
            let _ = moved.add(to);
            PERCENTS.map(|q| ranked(&moved, q).abs_diff(ranked(&self.ours, q))).into_iter().max()
        };
        [least, most].into_iter().filter_map(moved).max().map(|ns| ns as f64 / 1e6)
    }
}

/// The percentile by the rule of the whole program: `sorted[floor(q·n)]`.
fn ranked(values: &Histogram<u64>, percent: u64) -> u64 {
    let n = values.len();
    let rank = (n * percent / 100).min(n.saturating_sub(1));
    // The library counts from one and rounds up: half a place before it is it.
    values.value_at_quantile((rank as f64 + 0.5) / n as f64)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Arrival, GapDoubt, Outcome, Phase, StreamDoubts};

    fn stream(gaps_us: &[u32], doubts: StreamDoubts) -> Sample {
        let arrival = Arrival { request: 1, user: 1, turn: 1, due: Duration::ZERO, prompt: 0, serial: 1 };
        let mut sample = Sample::unsent(arrival, Phase::Load, 1, Outcome::Ok, Duration::ZERO);
        sample.streamed = true;
        sample.at.sent = Some(Duration::ZERO);
        sample.at.first_token = Some(Duration::from_millis(500));
        sample.at.first_visible = sample.at.first_token;
        sample.gaps_us = gaps_us.to_vec();
        sample.max_gap = gaps_us.iter().max().map(|us| Duration::from_micros(u64::from(*us)));
        sample.doubts = doubts;
        sample
    }

    fn about(expected: f64) -> impl Fn(Option<f64>) -> bool {
        move |told| told.is_some_and(|told| (told - expected).abs() <= 0.005 * expected.max(1.0))
    }

    #[test]
    fn what_is_certain_moves_nothing_and_what_is_not_there_has_no_answer() {
        let mut doubts = Doubts::new();
        assert_eq!(doubts.moves(), Moves::default());
        doubts.add(&stream(&[10_000; 50], StreamDoubts::default()));
        let moves = doubts.moves();
        assert_eq!(
            (moves.ttft_ms, moves.gap_ms, moves.max_gap_ms, moves.tpot_ms),
            (Some(0.0), Some(0.0), Some(0.0), None)
        );
    }

    #[test]
    fn fewer_uncertain_gaps_than_one_in_a_hundred_move_a_p99_that_stands_at_a_step() {
        let mut doubts = Doubts::new();
        // 14 long gaps of 1,000: the P99 is one of them. Seven of them may have been short.
        let mut gaps = vec![5_000; 986];
        gaps.extend([9_000; 14]);
        let moved = (986..993).map(|gap| GapDoubt { gap, earlier_us: 4_000, later_us: 0 }).collect();
        doubts.add(&stream(&gaps, StreamDoubts { gaps: moved, ..StreamDoubts::default() }));
        assert!(about(4.0)(doubts.moves().gap_ms), "{:?}", doubts.moves());
    }

    #[test]
    fn gaps_that_one_read_hides_may_be_long_or_none() {
        let mut doubts = Doubts::new();
        let hidden = vec![(3, 40_000)];
        doubts.add(&stream(&[10_000; 97], StreamDoubts { hidden, ..StreamDoubts::default() }));
        let moves = doubts.moves();
        assert!(about(30.0)(moves.gap_ms) && about(30.0)(moves.max_gap_ms), "{moves:?}");
    }

    #[test]
    fn a_first_token_moves_by_its_own_doubt_and_the_pace_by_its_share() {
        let mut doubts = Doubts::new();
        let mut sample =
            stream(&[], StreamDoubts { first_token: Duration::from_millis(99), ..StreamDoubts::default() });
        sample.token_reads = 2;
        sample.at.last_token = Some(Duration::from_millis(1490));
        sample.tokens.output = Some(100);
        sample.tokens.source = crate::sample::TokenSource::Usage;
        doubts.add(&sample);
        let moves = doubts.moves();
        assert!(about(99.0)(moves.ttft_ms) && about(1.0)(moves.tpot_ms) && about(0.0)(moves.ttfo_ms), "{moves:?}");
    }
}
