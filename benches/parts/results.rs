//! From a sample to its row, and back.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use lamb_load::results::columns::{COLUMNS, Layout};
use lamb_load::results::record::Record;
use lamb_load::results::rows::{Memory, Pens, Row};
use lamb_load::sample::Sample;

use crate::sample::answered;

/// When the round began, in microseconds since 1970.
const STARTED: Option<i64> = Some(1_795_476_664_000_042);

/// What a row says of its run and case: the cells before the first of its own.
const PREFIX: &[u8] = b"20261124T121819Z-3f2a,poem,target/model/prompts/50,target,gpt-4o-mini,50";

const MANY: u64 = 1_000;

/// Benches this room's parts.
pub(crate) fn bench(criterion: &mut Criterion) {
    let samples: Vec<Sample> = (0..MANY).map(answered).collect();
    let mut group = criterion.benchmark_group("results/a row");
    group.throughput(Throughput::Elements(MANY));
    group.bench_function("written", |bencher| {
        let (mut out, mut pens) = (Vec::new(), Pens::default());
        bencher.iter(|| {
            out.clear();
            samples.iter().for_each(|sample| write(black_box(sample), &mut out, &mut pens));
            out.len()
        });
    });
    group.bench_function("made a sample again", |bencher| {
        let rows: Vec<Row<'_>> = samples.iter().map(|sample| Row::of(sample, "p1", STARTED)).collect();
        bencher.iter(|| rows.iter().for_each(|row| drop(black_box(row.to_sample(0)))));
    });
    let mut file = Vec::new();
    samples.iter().for_each(|sample| write(sample, &mut file, &mut Pens::default()));
    let layout = Layout::of(&Record::from_iter(COLUMNS)).expect("our own columns");
    group.bench_function("read", |bencher| {
        let (mut record, mut memory) = (Record::default(), Memory::default());
        bencher.iter(|| {
            let lines = file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            lines.map(|line| read(black_box(line), &layout, &mut record, &mut memory)).sum::<u64>()
        });
    });
    group.finish();
}

fn write(sample: &Sample, out: &mut Vec<u8>, pens: &mut Pens) {
    out.extend_from_slice(PREFIX);
    Row::of(sample, "p1", STARTED).write(out, pens);
}

fn read(line: &[u8], layout: &Layout, record: &mut Record, memory: &mut Memory) -> u64 {
    record.fill(line, b',').expect("a line of ours");
    let mut cells = layout.cells(record);
    COLUMNS[..6].iter().for_each(|column| {
        cells.take(column);
    });
    Row::parse(&mut cells, memory).expect("a row of ours").times.end
}
