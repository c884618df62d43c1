//! What all connections of one endpoint share. They live on one thread, so nothing here is locked.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::lateness::Ledger;
use super::log::Log;
use super::pacer::Pacer;
use super::settings::{Kind, Settings};

/// One endpoint.
pub(super) struct House {
    pub(super) settings: Settings,
    /// What `/v1/models` lists.
    pub(super) models: Vec<String>,
    /// When it started, in seconds since 1970.
    pub(super) created: u64,
    pub(super) pacer: Pacer,
    /// Its queue is first come, first served.
    pub(super) slots: Option<Semaphore>,
    pub(super) lateness: Arc<Ledger>,
    pub(super) log: Option<Log>,
    /// Chat completions so far.
    pub(super) serial: Cell<u64>,
}

impl House {
    pub(super) fn kind(&self) -> Kind {
        self.settings.kind
    }

    /// Nanoseconds of a time that the endpoint takes, on the scale of its settings.
    pub(super) fn scaled(&self, time: Duration) -> u64 {
        (time.as_nanos() as f64 * self.settings.time_scale) as u64
    }

    /// The number of a chat completion that has just arrived.
    pub(super) fn next_serial(&self) -> u64 {
        let serial = self.serial.get() + 1;
        self.serial.set(serial);
        serial
    }
}
