//! Who is in the air: a gauge that the users turn and that progress reads, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many arrivals were issued, how many requests begun and how many have landed.
#[derive(Debug, Default)]
pub struct Gauge {
    issued: AtomicU64,
    begun: AtomicU64,
    landed: AtomicU64,
    most: AtomicU64,
}

impl Gauge {
    /// One more arrival was handed to a user, whether it is sent or called off before.
    pub(super) fn issue(&self) {
        self.issued.fetch_add(1, Ordering::Relaxed);
    }

    /// Arrivals handed to users so far.
    pub fn issued(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    /// One more in the air, until the guard is dropped.
    pub fn enter(&self) -> InAir<'_> {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let now = begun.saturating_sub(self.landed.load(Ordering::Relaxed));
        self.most.fetch_max(now, Ordering::Relaxed);
        InAir(self)
    }

    /// Requests begun so far.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Requests in the air now.
    pub fn in_air(&self) -> u64 {
        let landed = self.landed.load(Ordering::Relaxed);
        self.begun().saturating_sub(landed)
    }

    /// The most that were ever in the air.
    pub fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

/// One request in the air; dropped when it lands or is lost.
#[derive(Debug)]
pub struct InAir<'a>(&'a Gauge);

impl Drop for InAir<'_> {
    fn drop(&mut self) {
        self.0.landed.fetch_add(1, Ordering::Relaxed);
    }
}
