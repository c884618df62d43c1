//! An eye on this process while a round runs: how late its runtimes are, and why they might be.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::witness::WITNESS;
use super::{host, lag, proc};
use crate::facts::ClientFacts;
use crate::wire::clocks;

const PING_EVERY: Duration = Duration::from_millis(5);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A thread that watches until it is asked what it saw.
#[derive(Debug)]
pub struct Watch {
    over: Sender<()>,
    thread: JoinHandle<ClientFacts>,
}

impl Watch {
    /// Begins to watch this process and `runtimes`. It waits for the thread to have begun: a fraction of a millisecond.
    pub fn start(runtimes: &[Handle]) -> std::io::Result<Watch> {
        let probes: Vec<lag::Probe> = runtimes.iter().map(lag::Probe::new).collect();
        let (over, until) = channel();
        let (began, begun) = channel::<()>();
        let watching = move || {
            let (seconds, clocks) = (Seconds::begin(), Clocks::begin());
            probes.iter().for_each(lag::Probe::ping);
            drop(began);
            watch(&probes, &until, seconds, clocks)
        };
        let thread = std::thread::Builder::new().name("watch".into()).spawn(watching)?;
        // What it takes to begin is not to fall into what it watches: on one core it would hold up a burst.
        let _ = begun.recv();
        Ok(Watch { over, thread })
    }

    /// What it saw.
    pub fn stop(self) -> ClientFacts {
        drop(self.over);
        self.thread.join().unwrap_or_default()
    }
}

fn watch(probes: &[lag::Probe], until: &Receiver<()>, mut seconds: Seconds, mut clocks: Clocks) -> ClientFacts {
    while until.recv_timeout(PING_EVERY) == Err(RecvTimeoutError::Timeout) {
        probes.iter().for_each(lag::Probe::ping);
        clocks.look();
        if seconds.at.elapsed() >= LOOK_EVERY {
            seconds.look();
        }
    }
    // A last part of a second too short to say anything says nothing.
    if seconds.at.elapsed() >= LOOK_EVERY / 4 {
        seconds.look();
    }
    let mut delays = lag::delays();
    probes.iter().for_each(|probe| probe.add_to(&mut delays));
    clocks.look();
    ClientFacts { clock_set_ms: Some(clocks.set.as_secs_f64() * 1e3), ..seconds.facts(lag::summary(&delays)) }
}

/// Whether the wall clock, which the kernel stamps with, only runs.
struct Clocks {
    last: clocks::Reading,
    /// The most that it was set by at once.
    set: Duration,
}

impl Clocks {
    fn begin() -> Clocks {
        Clocks { last: clocks::read(), set: Duration::ZERO }
    }

    fn look(&mut self) {
        let now = clocks::read();
        let set = now.set_since(&self.last);
        if !set.is_zero() {
            clocks::distrust();
        }
        (self.last, self.set) = (now, self.set.max(set));
    }
}

/// What is looked at once a second.
struct Seconds {
    at: Instant,
    usable_cpus: f64,
    cpu: Option<Duration>,
    ticks: Option<proc::Ticks>,
    throttled_before: Option<u64>,
    faults_before: Option<u64>,
    cpu_share_max: Option<f64>,
    steal_share_max: Option<f64>,
}

impl Seconds {
    fn begin() -> Seconds {
        let cores = host::usable_cores() as f64;
        Seconds {
            at: Instant::now(),
            usable_cpus: proc::quota().map_or(cores, |quota| quota.min(cores)),
            cpu: proc::cpu_time(WITNESS),
            ticks: proc::ticks(),
            throttled_before: proc::throttled_periods(),
            faults_before: proc::major_faults(),
            cpu_share_max: None,
            steal_share_max: None,
        }
    }

    fn look(&mut self) {
        let (cpu, ticks, passed) = (proc::cpu_time(WITNESS), proc::ticks(), self.at.elapsed());
        self.at = Instant::now();
        if let (Some(before), Some(now)) = (self.cpu, cpu) {
            let share = now.saturating_sub(before).as_secs_f64() / passed.as_secs_f64() / self.usable_cpus;
            self.cpu_share_max = Some(self.cpu_share_max.map_or(share, |most| most.max(share)));
        }
        if let Some(share) = self.ticks.and_then(|before| ticks?.stolen_since(before)) {
            self.steal_share_max = Some(self.steal_share_max.map_or(share, |most| most.max(share)));
        }
        (self.cpu, self.ticks) = (cpu, ticks);
    }

    fn facts(&self, runtime_lag: Option<crate::facts::Lag>) -> ClientFacts {
        let since = |before: Option<u64>, now: Option<u64>| Some(now?.saturating_sub(before?));
        let mut unchecked = Vec::new();
        for (known, what) in [(self.cpu.is_some(), "own processor time"), (self.ticks.is_some(), "steal")] {
            if !known {
                unchecked.push(format!("{what}: this system does not tell"));
            }
        }
        ClientFacts {
            runtime_lag,
            usable_cpus: Some(self.usable_cpus),
            cpu_share_max: self.cpu_share_max,
            steal_share_max: self.steal_share_max,
            throttled_periods: since(self.throttled_before, proc::throttled_periods()),
            major_faults: since(self.faults_before, proc::major_faults()),
            unchecked,
            ..ClientFacts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_how_late_a_runtime_was_and_ends_when_asked() {
        let crews = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let watch = Watch::start(&[crews.handle().clone()]).unwrap();
        std::thread::sleep(PING_EVERY * 4);
        let facts = watch.stop();
        assert!(facts.runtime_lag.is_some_and(|lag| lag.n >= 1));
        assert!(facts.usable_cpus.is_some_and(|cpus| cpus > 0.0));
        assert!(facts.clock_set_ms.is_some());
    }
}
