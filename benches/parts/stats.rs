//! From samples to numbers.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput};
use lamb_load::sample::Sample;
use lamb_load::stats::quantile::rank;
use lamb_load::stats::values::{EXACT_LIMIT, Values};
use lamb_load::stats::{Limits, Tally};

use crate::sample::answered;

const MANY: u64 = 10_000;

/// Benches this room's parts.
pub(crate) fn bench(criterion: &mut Criterion) {
    tally(criterion);
    percentiles(criterion);
}

/// Up to [`EXACT_LIMIT`] values are kept as they are, more are counted in a histogram.
fn tally(criterion: &mut Criterion) {
    let samples: Vec<Sample> = (0..MANY).map(answered).collect();
    let mut group = criterion.benchmark_group("stats/tally, a request");
    group.throughput(Throughput::Elements(MANY));
    for (name, before) in [("exact", 0), ("histograms", EXACT_LIMIT as u64 + 1)] {
        let mut full = Tally::new(Limits::default());
        (0..before).for_each(|number| full.add(&answered(number)));
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || full.clone(),
                |tally| samples.iter().for_each(|sample| tally.add(black_box(sample))),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// All the percentiles that a report has of a metric, sorting included.
fn percentiles(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stats/percentiles");
    for (name, n) in [("of 10000, exact", MANY), ("of 1000000, a histogram", 1_000_000)] {
        let mut values = Values::default();
        (0..n).for_each(|number| values.add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let ranked = black_box(&values).ranked();
                [50, 90, 95, 99].map(|percent| rank(percent, n).and_then(|rank| ranked.at(rank)))
            });
        });
    }
    group.finish();
}
