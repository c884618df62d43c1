//! Faults of this client's own, for `benches/validity.py`: only in a build with the feature `faults`, never in a release.
//!
//! `LAMB_LOAD_FAULTS` lists them: `block=100/250` holds every crew's thread for 100 ms of each 250 asleep,
//! `spin=…` the same at work, `no_kernel_time` measures as a system without kernel receive times does, `lose_row`
//! loses one row of each round.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// Whether a fault without a value is asked for.
pub fn has(name: &str) -> bool {
    asked().iter().any(|(known, _)| known == name)
}

/// Puts the faults that hold a thread into `runtimes`, until they end.
pub fn hold(runtimes: &[Handle]) {
    for (name, value) in asked() {
        let Some((held, of)) = value.split_once('/') else { continue };
        let (Ok(held), Ok(of)) = (held.parse::<u64>(), of.parse::<u64>()) else { continue };
        let (held, free) = (Duration::from_millis(held), Duration::from_millis(of.saturating_sub(held)));
        let spins = name == "spin";
        for runtime in runtimes {
            runtime.spawn(async move {
                loop {
                    tokio::time::sleep(free).await;
                    let begun = Instant::now();
                    while spins && begun.elapsed() < held {
                        std::hint::spin_loop();
                    }
                    std::thread::sleep(held.saturating_sub(begun.elapsed()));
                }
            });
        }
    }
}

fn asked() -> Vec<(String, String)> {
    let all = std::env::var("LAMB_LOAD_FAULTS").unwrap_or_default();
    let pair = |fault: &str| {
        let (name, value) = fault.split_once('=').unwrap_or((fault, ""));
        (name.trim().to_owned(), value.to_owned())
    };
    all.split(',').filter(|fault| !fault.is_empty()).map(pair).collect()
}
