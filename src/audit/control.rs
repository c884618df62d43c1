//! The control stream: one more connection a crew, through the same wire and parser, to a server whose timing is known.
//!
//! What it shows is how late this client is with everything that it does with a read: `parsed − sent`. It runs as long
//! as the crews do; a round asks what it saw since the round began.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use hdrhistogram::Histogram;
use hyper::{HeaderMap, Uri};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::lag::{delays, note, summary};
use super::witness::Witness;
use crate::chat::sse::Decoder;
use crate::facts::Lag;
use crate::wire::{Head, Request, Route, connect};

/// An event is 28 bytes.
const EVENT_LIMIT: usize = 256;

/// The server and its readers; dropped, they end.
#[derive(Debug)]
pub struct Control {
    seen: Arc<Seen>,
    readers: Vec<JoinHandle<()>>,
    // After the readers, who would wait for it otherwise.
    _witness: Witness,
}

#[derive(Debug)]
struct Seen {
    base: Instant,
    /// Events sent before this instant belong to no round, in nanoseconds since `base`.
    since: AtomicU64,
    /// Twenty events a second and crew: this lock is not waited for.
    lags: Mutex<Histogram<u64>>,
}

impl Control {
    /// Starts the server, and a reader in each of `runtimes`.
    pub fn start(runtimes: &[Handle]) -> io::Result<Control> {
        let witness = Witness::start(runtimes.len())?;
        let seen = Arc::new(Seen { base: witness.base(), since: AtomicU64::new(0), lags: Mutex::new(delays()) });
        let reader = |runtime: &Handle| runtime.spawn(read(witness.address(), seen.clone()));
        let readers = runtimes.iter().map(reader).collect();
        Ok(Control { seen, readers, _witness: witness })
    }

    /// A round begins: what was sent before is forgotten.
    pub fn begin(&self) {
        self.seen.since.store(self.seen.now(), Ordering::Relaxed);
        self.seen.lags.lock().unwrap_or_else(PoisonError::into_inner).reset();
    }

    /// How late the events of the round were parsed; `None` where none came.
    pub fn lag(&self) -> Option<Lag> {
        summary(&self.seen.lags.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.readers.iter().for_each(JoinHandle::abort);
    }
}

impl Seen {
    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// An event was parsed, just now.
    fn parsed(&self, data: &[u8]) {
        let now = self.now();
        let sent: Option<u64> = std::str::from_utf8(data).ok().and_then(|text| text.parse().ok());
        if let Some(sent) = sent.filter(|sent| *sent >= self.since.load(Ordering::Relaxed)) {
            note(&mut self.lags.lock().unwrap_or_else(PoisonError::into_inner), now.saturating_sub(sent), 1);
        }
    }
}

/// Reads until it is aborted. Where it cannot, there is no control stream, and the check says so.
async fn read(address: SocketAddr, seen: Arc<Seen>) {
    let mut route = Route::new(address.ip().to_string(), address.port());
    route.in_ledger = false;
    let Ok(mut connection) = connect(&route).await else { return };
    let head = Head::post(Uri::from_static("/"), HeaderMap::new());
    let request = Request::new(Arc::new(head), Bytes::new());
    let Ok(mut response) = connection.send(request).await else { return };
    let mut decoder = Decoder::new(EVENT_LIMIT);
    while let Some(Ok(piece)) = response.next().await {
        if decoder.feed(piece.bytes, |event| seen.parsed(event.data)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Ledger;

    #[test]
    fn an_event_is_late_by_the_time_since_it_was_sent_and_one_of_before_the_round_does_not_count() {
        let base = Instant::now() - std::time::Duration::from_millis(150);
        let seen = Seen { base, since: AtomicU64::new(1_000_000), lags: Mutex::new(delays()) };
        for data in ["00000000000000999999", "00000000000001000000", "no number"] {
            seen.parsed(data.as_bytes());
        }
        let lag = summary(&seen.lags.lock().unwrap()).unwrap();
        assert_eq!(lag.n, 1);
        assert!(lag.max_ms >= 149.0, "{lag:?}");
    }

    #[test]
    fn its_reads_are_in_no_ledger_and_a_new_round_knows_nothing_of_the_last() {
        let crew = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let control = Control::start(&[crew.handle().clone()]).unwrap();
        crew.block_on(async {
            while control.lag().is_none() {
                tokio::task::yield_now().await;
            }
        });
        let reads = Ledger::take();
        assert_eq!((reads.waited.len(), reads.without_kernel_time), (0, 0));
        control.begin();
        assert_eq!(control.lag(), None);
    }
}
