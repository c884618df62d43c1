//! Counts and values so far: what a case's samples add up to, in flat memory.
//!
//! `a + b` is the tally of both, so rounds add up to a case and shards to a run. It counts; what the counts mean is
//! [`super::summary`]'s business.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::{Add, AddAssign};

use super::curve::Curve;
use super::failures::Failures;
use super::flights::Flights;
use super::goodput::Limits;
use super::observation::Observation;
use super::repeats::{Names, Repeats};
use super::values::{Pooled, Values};
use crate::sample::{Outcome, Sample, TokenSource};

/// An answer shorter than this is the same for many users without any cache ("Hello.").
const ANSWER_CHARS: u64 = 40;

/// Counts and values of the load's requests so far.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub(super) limits: Limits,
    /// Requests that a round will have, where that is known.
    expected: u64,
    pub(super) outcomes: [u64; Outcome::ALL.len()],
    pub(super) rounds: BTreeMap<u32, Flights>,
    pub(super) failures: Failures,
    /// Whether any request came with a stream's instants: then a failed one has an infinite TTFT.
    pub(super) streamed: bool,
    pub(super) latency: Values,
    pub(super) latency_from_due: Values,
    pub(super) ttft: Values,
    pub(super) ttfo: Values,
    pub(super) tpot: Values,
    pub(super) max_gap: Values,
    pub(super) gaps: Pooled,
    pub(super) send_lag: Values,
    pub(super) connect: Values,
    /// Requests whose connection needed a second SYN.
    pub(super) syn_retransmitted: u64,
    /// Requests that connected about as long as the kernel waits before it sends a SYN again.
    pub(super) connected_at_retry: u64,
    pub(super) within_limits: u64,
    pub(super) usage: TokenValues,
    pub(super) estimate: TokenValues,
    pub(super) cached_tokens: u64,
    pub(super) length_limited: u64,
    /// Streams long enough to tell whether something buffered them, and those that were.
    pub(super) judged_streams: u64,
    pub(super) buffered_streams: u64,
    pub(super) models: Names,
    pub(super) fingerprints: Names,
    pub(super) answers: Repeats,
}

/// Token counts of answered requests from one source.
#[derive(Debug, Clone, Default)]
pub(super) struct TokenValues {
    pub(super) input: Values,
    pub(super) output: Values,
}

impl Tally {
    /// An empty tally that also counts the requests which meet `limits`.
    pub fn new(limits: Limits) -> Tally {
        Tally { limits, ..Tally::default() }
    }

    /// The same with places for a round of so many requests. What grows without them moves, again and again, into memory that
    /// the kernel has to clear: a tenth of what a closed loop cost on a machine where that is slow.
    pub fn expecting(mut self, requests: u64) -> Tally {
        self.expected = requests;
        // What a request has at most once.
        let each = [
            &mut self.latency,
            &mut self.latency_from_due,
            &mut self.ttft,
            &mut self.ttfo,
            &mut self.tpot,
            &mut self.max_gap,
            &mut self.send_lag,
            &mut self.connect,
            &mut self.usage.input,
            &mut self.usage.output,
            &mut self.estimate.input,
            &mut self.estimate.output,
        ];
        each.into_iter().for_each(|values| values.expect(requests));
        self
    }

    /// Takes in what became of an arrival; pre-flight and warm-up enter no statistic.
    pub fn add(&mut self, sample: &Sample) {
        if let Some(seen) = Observation::of(sample) {
            self.observe(&seen);
        }
    }

    /// Takes in a request as its row tells it.
    pub fn observe(&mut self, seen: &Observation<'_>) {
        let Some(outcome) = seen.outcome else { return };
        self.outcomes[place(outcome)] += 1;
        let tokens_out = seen.counted(seen.tokens.output).filter(|_| seen.is_ok()).unwrap_or(0);
        let round = self.rounds.entry(seen.round).or_insert_with(|| Flights::expecting(self.expected));
        round.add(seen, tokens_out);
        for (values, value) in [(&mut self.send_lag, seen.send_lag_us), (&mut self.connect, seen.connect_us)] {
            value.into_iter().for_each(|value| values.add(value));
        }
        self.syn_retransmitted += u64::from(seen.syn_retransmits.unwrap_or(0) > 0);
        self.connected_at_retry += u64::from(seen.connect_us.is_some_and(is_retry_step));
        self.streamed |= seen.ttft_us.is_some();
        if outcome.is_ok() {
            self.answered(seen);
        } else {
            let at = (seen.round, seen.request);
            self.failures.add(seen.user, at, outcome, seen.status, seen.error);
        }
    }

    /// The sum of all; a single one stays where it is.
    pub fn sum<'a>(mut all: impl Iterator<Item = &'a Tally>) -> Cow<'a, Tally> {
        let first = all.next().map_or_else(Cow::default, Cow::Borrowed);
        all.fold(first, |sum, more| Cow::Owned(sum.into_owned() + more))
    }

    /// Takes in gaps that `run.json` kept pooled.
    pub fn add_gaps(&mut self, gaps: &Pooled) {
        self.gaps += gaps;
    }

    /// The pooled gaps so far, for `run.json`.
    pub fn gaps(&self) -> &Pooled {
        &self.gaps
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Of these, how many with this outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[place(outcome)]
    }

    /// Answered requests so far.
    pub fn ok(&self) -> u64 {
        self.count(Outcome::Ok)
    }

    /// Requests without a proper answer so far.
    pub fn failed(&self) -> u64 {
        self.requests() - self.ok()
    }

    /// The shape of a distribution by its name, failures at its far end; `None` of a name that is none and of pooled
    /// gaps, which are of no request.
    pub fn curve(&self, name: &str) -> Option<Curve> {
        let values = match name {
            "latency" => &self.latency,
            "latency_from_due" => &self.latency_from_due,
            "ttft" => &self.ttft,
            "ttfo" => &self.ttfo,
            "tpot" => &self.tpot,
            _ => return None,
        };
        Some(Curve::of(values, self.failed()))
    }

    fn answered(&mut self, seen: &Observation<'_>) {
        let measured = [
            (&mut self.latency, seen.latency_us),
            (&mut self.latency_from_due, seen.latency_from_due_us),
            (&mut self.ttft, seen.ttft_us),
            (&mut self.ttfo, seen.ttfo_us),
            (&mut self.tpot, seen.tpot_us),
            (&mut self.max_gap, seen.max_gap_us),
        ];
        for (values, value) in measured {
            value.into_iter().for_each(|value| values.add(value));
        }
        seen.gaps_us.iter().for_each(|gap| self.gaps.add(u64::from(*gap)));
        self.within_limits += u64::from(self.limits.are_met(seen));
        self.tokens(seen);
        self.length_limited += u64::from(seen.finish_reason == Some("length"));
        if let Some(buffered) = seen.is_buffered() {
            self.judged_streams += 1;
            self.buffered_streams += u64::from(buffered);
        }
        self.models.add(seen.served_model);
        self.fingerprints.add(seen.fingerprint);
        if let (Some(hash), Some(ANSWER_CHARS..)) = (seen.answer_hash, seen.answer_chars) {
            self.answers.add(hash);
        }
    }

    fn tokens(&mut self, seen: &Observation<'_>) {
        let counts = match seen.tokens.source {
            TokenSource::Usage => &mut self.usage,
            TokenSource::Estimate => &mut self.estimate,
            TokenSource::None => return,
        };
        seen.tokens.input.into_iter().for_each(|count| counts.input.add(count));
        seen.tokens.output.into_iter().for_each(|count| counts.output.add(count));
        self.cached_tokens += seen.tokens.cached.unwrap_or(0);
    }
}

impl AddAssign<&Tally> for Tally {
    fn add_assign(&mut self, other: &Tally) {
        // Limits come from the scenario, which both share; an empty tally takes them over.
        if self.limits == Limits::default() {
            self.limits = other.limits;
        }
        self.outcomes.iter_mut().zip(other.outcomes).for_each(|(count, more)| *count += more);
        for (round, flights) in &other.rounds {
            *self.rounds.entry(*round).or_default() += flights;
        }
        self.failures += &other.failures;
        self.streamed |= other.streamed;
        self.latency += &other.latency;
        self.latency_from_due += &other.latency_from_due;
        self.ttft += &other.ttft;
        self.ttfo += &other.ttfo;
        self.tpot += &other.tpot;
        self.max_gap += &other.max_gap;
        self.gaps += &other.gaps;
        self.send_lag += &other.send_lag;
        self.connect += &other.connect;
        self.syn_retransmitted += other.syn_retransmitted;
        self.connected_at_retry += other.connected_at_retry;
        self.within_limits += other.within_limits;
        self.usage += &other.usage;
        self.estimate += &other.estimate;
        self.cached_tokens += other.cached_tokens;
        self.length_limited += other.length_limited;
        self.judged_streams += other.judged_streams;
        self.buffered_streams += other.buffered_streams;
        self.models += &other.models;
        self.fingerprints += &other.fingerprints;
        self.answers += &other.answers;
    }
}

impl Add<&Tally> for Tally {
    type Output = Tally;

    fn add(mut self, other: &Tally) -> Tally {
        self += other;
        self
    }
}

impl AddAssign<&TokenValues> for TokenValues {
    fn add_assign(&mut self, other: &TokenValues) {
        self.input += &other.input;
        self.output += &other.output;
    }
}

/// Where an outcome is counted: its place in the closed list, which is in the order of the enum.
fn place(outcome: Outcome) -> usize {
    outcome as usize
}

/// Whether connecting took 1, 3 or 7 seconds and up to 150 ms more: the kernel sends a SYN again 1, 2 and 4 seconds after
/// the one before, so times that gather there waited for a full accept queue.
fn is_retry_step(connect_us: u64) -> bool {
    [1_000_000, 3_000_000, 7_000_000].iter().any(|step| (*step..step + 150_000).contains(&connect_us))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sample::Phase;
    use crate::scenario::plan::{Comparison, Gate};
    use crate::stats::summary::Summary;
    use crate::stats::testing::{answer, burst, failure, subject, tally};

    #[test]
    fn the_sum_of_two_tallies_is_the_tally_of_both() {
        let mut samples = burst();
        samples[4] = failure(5, Outcome::TimeoutTotal, 180_000.0);
        samples[9] = failure(10, Outcome::RateLimited, 3.0);
        samples[20].round = 2;
        // One of everything that is counted, in each part of every split.
        for place in [3, 15, 40] {
            let sample = &mut samples[place];
            sample.connect.syn_retransmits = Some(1);
            sample.connect.total = Some(Duration::from_millis(1030));
            sample.tokens.cached = Some(8);
            sample.finish_reason = Some("length".into());
            sample.fingerprint = Some("fp".into());
            sample.reads = 1;
            sample.answer_hash = Some(7007);
        }
        samples[45].tokens.source = TokenSource::Estimate;
        let limits = Limits::of(&[Gate {
            metric: "latency_p90".into(),
            op: Comparison::Less,
            threshold: 1230.0,
            text: String::new(),
        }]);
        let limited = |samples: &[Sample]| {
            let mut tally = Tally::new(limits);
            samples.iter().for_each(|sample| Tally::add(&mut tally, sample));
            tally
        };
        let whole = Summary::of(subject(), &limited(&samples));
        let counts = [whole.syn_retransmitted, whole.connected_at_retry, whole.tokens.cached, whole.length_limited];
        assert_eq!((counts, whole.buffered_streams, whole.repeated_answers), ([3, 3, 24, 3], 3, 2));
        assert!(whole.goodput.is_some_and(|share| share > 0.5) && whole.fingerprints.len() == 1);
        for half in [0, 7, 25, 50] {
            let sum = Tally::default() + &limited(&samples[..half]) + &limited(&samples[half..]);
            assert_eq!(Summary::of(subject(), &sum), whole, "split at {half}");
            let halves = [limited(&samples[..half]), limited(&samples[half..]).expecting(50)];
            assert_eq!(Summary::of(subject(), &Tally::sum(halves.iter())), whole, "split at {half}");
        }
    }

    #[test]
    fn pre_flight_and_warm_up_enter_no_statistic() {
        let others = [Phase::Preflight, Phase::Warmup].map(|phase| Sample { phase, ..answer(1, 0.0, 900.0) });
        let got = tally(&others);
        assert_eq!((got.requests(), got.ok(), got.failed()), (0, 0, 0));
    }

    #[test]
    fn every_outcome_is_counted_in_its_place() {
        let samples: Vec<_> = Outcome::ALL.into_iter().map(|outcome| failure(1, outcome, 3.0)).collect();
        let got = tally(&samples);
        assert!(Outcome::ALL.into_iter().all(|outcome| got.count(outcome) == 1));
        assert_eq!((got.requests(), got.ok(), got.failed()), (21, 1, 20));
    }
}
