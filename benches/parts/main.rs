//! What single parts cost: the decoder of events, an answer and its outcome, the tally, percentiles, rows.
//!
//! `cargo bench --bench parts -- --quick` takes some ten seconds, without `--quick` two minutes; a word behind `--` chooses the
//! parts whose names hold it. Criterion keeps the last result under `target/criterion` and says what has changed since.
//! No sockets, no disk: what whole runs cost is the other benches' business.

mod chat;
mod results;
mod sample;
mod stats;

use criterion::Criterion;

// The allocator that the program has.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    chat::bench(&mut criterion);
    stats::bench(&mut criterion);
    results::bench(&mut criterion);
    criterion.final_summary();
}
