//! The values of one metric of one case: exact up to 100,000, an HdrHistogram of three digits beyond, so that a million
//! rows stay flat in memory. Count, mean and deviation are exact either way.
//!
//! Values are whole microseconds (or plain counts): what `requests.csv` holds, so that a summary made while running and
//! one remade from disk agree to the last byte. This file does not know what the values measure.

use std::ops::AddAssign;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

/// So many values are kept as they are.
pub const EXACT_LIMIT: usize = 100_000;

/// The values of one metric.
#[derive(Debug, Clone, Default)]
pub struct Values {
    kept: Kept,
    moments: Moments,
    /// Places to keep when the first one comes.
    room: usize,
}

#[derive(Debug, Clone)]
enum Kept {
    Exact(Vec<u64>),
    Rough(Histogram<u64>),
}

impl Default for Kept {
    fn default() -> Kept {
        Kept::Exact(Vec::new())
    }
}

/// Sums that add up exactly, in whatever order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Moments {
    n: u64,
    sum: u128,
    squares: u128,
    min: u64,
    max: u64,
}

impl Values {
    /// Takes in one value.
    pub fn add(&mut self, value: u64) {
        self.moments.add(value, 1);
        match &mut self.kept {
            Kept::Exact(values) => {
                if values.is_empty() {
                    values.reserve_exact(self.room);
                }
                values.push(value);
            }
            Kept::Rough(histogram) => record(histogram, value, 1),
        }
        self.settle();
    }

    /// Once the first one comes, keeps a place for so many: they need not move when they become more.
    pub fn expect(&mut self, values: u64) {
        self.room = room(values);
    }

    /// How many.
    pub fn n(&self) -> u64 {
        self.moments.n
    }

    /// Whether order statistics are within 0.1 % instead of exact.
    pub fn is_approximate(&self) -> bool {
        matches!(self.kept, Kept::Rough(_))
    }

    /// The smallest.
    pub fn min(&self) -> Option<u64> {
        (self.moments.n > 0).then_some(self.moments.min)
    }

    /// The largest.
    pub fn max(&self) -> Option<u64> {
        (self.moments.n > 0).then_some(self.moments.max)
    }

    /// The sum.
    pub fn sum(&self) -> u128 {
        self.moments.sum
    }

    /// The arithmetic mean.
    pub fn mean(&self) -> Option<f64> {
        self.moments.mean()
    }

    /// The sample standard deviation; `None` of fewer than two.
    pub fn stdev(&self) -> Option<f64> {
        self.moments.stdev()
    }

    /// The values in order, to be asked for ranks.
    pub fn ranked(&self) -> Ranked {
        match &self.kept {
            Kept::Exact(values) => {
                let mut sorted = values.clone();
                sorted.sort_unstable();
                Ranked { steps: Steps::Exact(sorted) }
            }
            Kept::Rough(histogram) => Ranked { steps: Steps::Rough(steps(histogram, self.min(), self.max())) },
        }
    }

    fn settle(&mut self) {
        if let Kept::Exact(values) = &self.kept
            && values.len() > EXACT_LIMIT
        {
            let mut histogram = three_digits();
            values.iter().for_each(|value| record(&mut histogram, *value, 1));
            self.kept = Kept::Rough(histogram);
        }
    }
}

impl AddAssign<&Values> for Values {
    fn add_assign(&mut self, other: &Values) {
        self.moments += other.moments;
        match (&mut self.kept, &other.kept) {
            (Kept::Exact(values), Kept::Exact(more)) => values.extend_from_slice(more),
            (Kept::Rough(histogram), Kept::Exact(more)) => {
                more.iter().for_each(|value| record(histogram, *value, 1));
            }
            (Kept::Exact(values), Kept::Rough(more)) => {
                let mut histogram = more.clone();
                values.iter().for_each(|value| record(&mut histogram, *value, 1));
                self.kept = Kept::Rough(histogram);
            }
            (Kept::Rough(histogram), Kept::Rough(more)) => join(histogram, more),
        }
        self.settle();
    }
}

impl Moments {
    fn add(&mut self, value: u64, times: u64) {
        let (wide, times_wide) = (u128::from(value), u128::from(times));
        // The square of 64 bits has room in 128; only so many of them may have none.
        let square = wide * wide;
        let one = Moments {
            n: times,
            sum: wide * times_wide,
            squares: if times == 1 { square } else { square.saturating_mul(times_wide) },
            min: value,
            max: value,
        };
        *self += one;
    }

    fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum as f64 / self.n as f64)
    }

    /// √((n·Σx² − (Σx)²) ÷ (n(n − 1))): in whole numbers up to the division, so nothing cancels.
    fn stdev(&self) -> Option<f64> {
        if self.n < 2 {
            return None;
        }
        let n = u128::from(self.n);
        let spread = n.saturating_mul(self.squares).saturating_sub(self.sum.saturating_mul(self.sum));
        Some((spread as f64 / (n as f64 * (self.n - 1) as f64)).sqrt())
    }
}

impl AddAssign for Moments {
    fn add_assign(&mut self, other: Moments) {
        if other.n == 0 {
            return;
        }
        self.min = if self.n == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.n += other.n;
        self.sum += other.sum;
        self.squares = self.squares.saturating_add(other.squares);
    }
}

/// Values pooled from within requests, far more than there are requests: always a histogram, which `run.json` keeps.
///
/// Everything it says follows from its buckets alone, so that it says the same after a round trip through the file.
#[derive(Debug, Clone)]
pub struct Pooled(Histogram<u64>);

impl Default for Pooled {
    fn default() -> Pooled {
        Pooled(three_digits())
    }
}

impl Pooled {
    /// Takes in one value.
    pub fn add(&mut self, value: u64) {
        record(&mut self.0, value, 1);
    }

    /// How many.
    pub fn n(&self) -> u64 {
        self.0.len()
    }

    /// The values as the buckets have them.
    pub fn to_values(&self) -> Values {
        let mut moments = Moments::default();
        for (value, times) in steps(&self.0, None, None) {
            moments.add(value, times);
        }
        Values { kept: Kept::Rough(self.0.clone()), moments, room: 0 }
    }

    /// HdrHistogram V2, for `run.json`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing to memory cannot fail, and counts are far below the format's limit.
        let _ = V2Serializer::new().serialize(&self.0, &mut bytes);
        bytes
    }

    /// From HdrHistogram V2; `None` when these bytes are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Pooled> {
        let read: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).ok()?;
        let mut pooled = Pooled::default();
        join(&mut pooled.0, &read);
        Some(pooled)
    }
}

impl AddAssign<&Pooled> for Pooled {
    fn add_assign(&mut self, other: &Pooled) {
        join(&mut self.0, &other.0);
    }
}

/// Values in order.
#[derive(Debug, Clone)]
pub struct Ranked {
    steps: Steps,
}

#[derive(Debug, Clone)]
enum Steps {
    Exact(Vec<u64>),
    /// Value and how often, ascending.
    Rough(Vec<(u64, u64)>),
}

impl Ranked {
    /// The value at a rank from 0; `None` beyond the last.
    pub fn at(&self, rank: u64) -> Option<u64> {
        match &self.steps {
            Steps::Exact(sorted) => sorted.get(usize::try_from(rank).ok()?).copied(),
            Steps::Rough(steps) => {
                let mut seen = 0;
                steps.iter().find_map(|(value, times)| {
                    seen += times;
                    (seen > rank).then_some(*value)
                })
            }
        }
    }
}

/// Places for so many that are expected; no more than are ever kept.
pub(super) fn room(expected: u64) -> usize {
    usize::try_from(expected).map_or(EXACT_LIMIT, |expected| expected.min(EXACT_LIMIT))
}

fn three_digits() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are a precision that exists")
}

/// Such a histogram grows with its values, so recording cannot fail: the saturating calls would not let it grow.
fn record(histogram: &mut Histogram<u64>, value: u64, times: u64) {
    let _ = histogram.record_n(value, times);
}

/// Adds what another of the same precision holds.
fn join(histogram: &mut Histogram<u64>, other: &Histogram<u64>) {
    for step in other.iter_recorded() {
        record(histogram, step.value_iterated_to(), step.count_at_value());
    }
}

/// The middle of each bucket, held within what was really seen, and how often.
fn steps(histogram: &Histogram<u64>, min: Option<u64>, max: Option<u64>) -> Vec<(u64, u64)> {
    let (min, max) = (min.unwrap_or(0), max.unwrap_or(u64::MAX));
    let within = |value: u64| histogram.median_equivalent(value).clamp(min, max);
    histogram.iter_recorded().map(|step| (within(step.value_iterated_to()), step.count_at_value())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(all: impl IntoIterator<Item = u64>) -> Values {
        let mut values = Values::default();
        all.into_iter().for_each(|value| values.add(value));
        values
    }

    fn told(values: &Values) -> (u64, bool, Option<f64>, Option<f64>, Vec<Option<u64>>) {
        let ranked = values.ranked();
        let ranks = (0..8).map(|eighth| ranked.at(eighth * values.n() / 8)).collect();
        (values.n(), values.is_approximate(), values.mean(), values.stdev(), ranks)
    }

    #[test]
    fn a_hundred_thousand_values_are_exact_and_one_more_is_within_a_thousandth() {
        let exact = values((0..EXACT_LIMIT as u64).map(|place| place * 1009 % 9_999_991));
        let mut rough = exact.clone();
        assert!(!exact.is_approximate());
        rough.add(5_000_000);
        assert!(rough.is_approximate());
        let (before, after) = (exact.ranked(), rough.ranked());
        for rank in (0..EXACT_LIMIT as u64).step_by(997) {
            let (exact, rough) = (before.at(rank).unwrap() as f64, after.at(rank).unwrap() as f64);
            assert!((exact - rough).abs() <= 0.001 * exact + 110.0, "rank {rank}: {exact} became {rough}");
        }
        assert_eq!((rough.n(), rough.max(), after.at(rough.n())), (EXACT_LIMIT as u64 + 1, exact.max(), None));
    }

    #[test]
    fn places_are_kept_for_as_many_as_are_expected_once_the_first_one_comes() {
        let places = |expected, first: &[u64]| {
            let mut values = Values::default();
            values.expect(expected);
            first.iter().for_each(|value| values.add(*value));
            match values.kept {
                Kept::Exact(kept) => kept.capacity(),
                Kept::Rough(_) => panic!("too few for a histogram"),
            }
        };
        assert_eq!([places(5000, &[]), places(5000, &[7]), places(u64::MAX, &[7])], [0, 5000, EXACT_LIMIT]);
    }

    #[test]
    fn a_million_values_take_no_more_memory_than_their_buckets() {
        let Kept::Rough(histogram) = values((0..1_000_000).map(|place| place * 180)).kept else { panic!("exact") };
        assert!(histogram.distinct_values() < 40_000, "{}", histogram.distinct_values());
    }

    #[test]
    fn pooled_values_say_the_same_after_a_round_trip_through_the_file() {
        let mut pooled = Pooled::default();
        (0..5000u64).for_each(|place| pooled.add(place * 37 % 90_000));
        let read = Pooled::from_bytes(&pooled.to_bytes()).unwrap();
        assert_eq!(told(&read.to_values()), told(&pooled.to_values()));
        assert!(Pooled::from_bytes(b"no histogram").is_none());
    }

    proptest! {
        #[test]
        fn the_sum_of_two_is_the_values_of_both(one in prop::collection::vec(0u64..10_000_000, 0..200), other in prop::collection::vec(0u64..10_000_000, 0..200)) {
            let mut sum = values(one.iter().copied());
            sum += &values(other.iter().copied());
            prop_assert_eq!(told(&sum), told(&values(one.into_iter().chain(other))));
        }

        #[test]
        fn mean_and_deviation_are_those_of_the_exact_sums(all in prop::collection::vec(0u64..180_000_000, 2..100)) {
            let doubles: Vec<f64> = all.iter().map(|value| *value as f64).collect();
            let (mean, stdev) = (super::super::exact::mean(&doubles).unwrap(), super::super::exact::stdev(&doubles).unwrap());
            let got = values(all);
            prop_assert!((got.mean().unwrap() - mean).abs() <= 1e-12 * mean);
            prop_assert!((got.stdev().unwrap() - stdev).abs() <= 1e-12 * stdev.max(1.0));
        }
    }
}
