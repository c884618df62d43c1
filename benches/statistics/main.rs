//! How often a comparison is wrong, and how often it sees what is there: simulated runs of known truth, through the
//! same `Comparison::of` as `compare` and `ab` use. Targets stand beside what is found; exit 1 when one is missed.
//!
//! `cargo bench --bench statistics` takes about two minutes, `-- --short` a quarter of one. Seeded: no clock, no sockets,
//! the same table each time.

mod bursts;
mod check;
mod checks;
mod power;
mod rounds;
mod shapes;
mod simulation;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use check::{Check, Target};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Simulated comparisons of each line: the found share is sure to about 0.2 points, and to 0.6 in the short mode.
const TRIES: u32 = 10_000;
const TRIES_SHORT: u32 = 1_500;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // Cargo says so when it means to measure; a test run that comes by is over at once.
    if !has("--bench") && !has("--short") {
        println!("to measure: cargo bench --bench statistics");
        return ExitCode::SUCCESS;
    }
    let tries = if has("--short") { TRIES_SHORT } else { TRIES };
    let mut checks = checks::all();
    checks.extend(bursts::all());
    let found = simulate(&checks, tries);
    let mut missed = 0;
    let mut group = "";
    println!("{tries} simulated comparisons a line; shares in percent");
    for (check, share) in checks.iter().zip(found) {
        if check.group != group {
            group = check.group;
            println!("\n{group}");
        }
        let met = check.target.is_met(share, check.tries(tries), has("--short"));
        missed += usize::from(!met);
        let mark = if met { "" } else { "   MISSED" };
        println!("  {:<64} {:>6.2}   {}{mark}", check.what, share * 100.0, check.target);
    }
    let targets = checks.iter().filter(|check| check.target != Target::Told).count();
    println!("\n{} of {targets} targets met", targets - missed);
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The share of tries in which each check's event happened; each check has a stream of chance of its own, so that the
/// number of threads changes nothing.
fn simulate(checks: &[Check], tries: u32) -> Vec<f64> {
    let next = AtomicUsize::new(0);
    let shares = Mutex::new(vec![0.0; checks.len()]);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(check) = checks.get(index) else { return };
            let mut rng = ChaCha8Rng::seed_from_u64(2026);
            rng.set_stream(index as u64);
            let tries = check.tries(tries);
            let times = (0..tries).filter(|_| (check.happens)(&mut rng)).count();
            shares.lock().expect("no thread panics with it")[index] = times as f64 / f64::from(tries);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    shares.into_inner().expect("no thread panicked")
}
