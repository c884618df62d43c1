//! What reads of several events leave uncertain, over all streams of a round.

use hdrhistogram::Histogram;

use super::lag::{delays, summary};
use crate::facts::Lag;
use crate::sample::Sample;

/// How uncertain first tokens and token-bearing reads were, in nanoseconds; most of them not at all.
#[derive(Debug)]
pub struct Doubts {
    first_tokens: Histogram<u64>,
    reads: Histogram<u64>,
}

impl Doubts {
    /// Of no stream yet.
    #[expect(clippy::new_without_default, reason = "two histograms on the heap are no default")]
    pub fn new() -> Doubts {
        Doubts { first_tokens: delays(), reads: delays() }
    }

    /// Takes in one stream; what is none says nothing.
    pub fn add(&mut self, sample: &Sample) {
        let Some(first) = sample.first_token_doubt else { return };
        self.first_tokens.saturating_record(u64::try_from(first.as_nanos()).unwrap_or(u64::MAX));
        for us in &sample.doubts_us {
            self.reads.saturating_record(u64::from(*us) * 1000);
        }
        self.reads.saturating_record_n(0, sample.token_reads.saturating_sub(sample.doubts_us.len() as u64));
    }

    /// Of first tokens, one observation a stream.
    pub fn first_token(&self) -> Option<Lag> {
        summary(&self.first_tokens)
    }

    /// Of all token-bearing reads.
    pub fn gap(&self) -> Option<Lag> {
        summary(&self.reads)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sample::{Arrival, Outcome, Phase};

    fn stream(first_ms: u64, doubts_us: &[u32], token_reads: u64) -> Sample {
        let arrival = Arrival { request: 1, user: 1, turn: 1, due: Duration::ZERO, prompt: 0, serial: 1 };
        let mut sample = Sample::unsent(arrival, Phase::Load, 1, Outcome::Ok, Duration::ZERO);
        sample.first_token_doubt = Some(Duration::from_millis(first_ms));
        sample.doubts_us = doubts_us.to_vec();
        sample.token_reads = token_reads;
        sample
    }

    #[test]
    fn reads_without_doubt_count_too_and_what_is_no_stream_does_not() {
        let mut doubts = Doubts::new();
        doubts.add(&Sample { first_token_doubt: None, ..stream(0, &[], 0) });
        assert_eq!((doubts.first_token(), doubts.gap()), (None, None));
        doubts.add(&stream(0, &[2000], 50));
        doubts.add(&stream(4, &[4000, 1000], 50));
        let (first, gap) = (doubts.first_token().unwrap(), doubts.gap().unwrap());
        assert_eq!((first.n, first.p50_ms, gap.n, gap.p90_ms), (2, 0.0, 100, 0.0));
        assert!((first.max_ms - 4.0).abs() < 0.01 && (gap.p99_ms - 2.0).abs() < 0.01, "{first:?} {gap:?}");
    }
}
