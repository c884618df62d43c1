//! What a socket saw, shared with whoever sent the request.
//!
//! Plain relaxed atomics behind one `Arc`: the socket lives below HTTP, the reader outside, and both run in the same
//! task, so that nothing here needs an order or a lock. It knows neither bytes nor HTTP.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::stamps::Stamps;

/// Not yet, or not known.
const NONE: u64 = u64::MAX;

/// The instants of one connection, in nanoseconds since `epoch`.
#[derive(Debug)]
pub(super) struct Meter {
    epoch: Instant,
    first_write: AtomicU64,
    last_write: AtomicU64,
    last_read: AtomicU64,
    lag: AtomicU64,
    reads: AtomicU64,
    /// Reads after which the socket was empty.
    drained: AtomicU64,
    /// When the latest read was over, by our own clock, and whether it emptied the socket.
    read_over: AtomicU64,
    empty: AtomicBool,
    /// When the latest read before that was over which emptied it.
    emptied: AtomicU64,
    distrusted: AtomicU64,
    /// Bytes of the current request, and how many of its answer: on the socket, so TLS and framing included.
    written: AtomicU64,
    received: AtomicU64,
    /// All that was ever written on this socket before the current request.
    written_before: AtomicU64,
    /// Writes beyond this many bytes, made after the answer began, are the protocol's and not the request's.
    body: AtomicU64,
    /// The first two bytes of the answer, to recognise a TLS record where HTTP was expected.
    opening: AtomicU64,
    /// Hyper (HTTP/2) has had its read; the next one waits until what it brought is handed on.
    gate: AtomicBool,
    held: AtomicBool,
}

impl Meter {
    pub(super) fn new(epoch: Instant) -> Meter {
        Meter {
            epoch,
            first_write: AtomicU64::new(NONE),
            last_write: AtomicU64::new(NONE),
            last_read: AtomicU64::new(NONE),
            lag: AtomicU64::new(NONE),
            reads: AtomicU64::new(0),
            drained: AtomicU64::new(0),
            read_over: AtomicU64::new(0),
            empty: AtomicBool::new(false),
            emptied: AtomicU64::new(0),
            distrusted: AtomicU64::new(0),
            written: AtomicU64::new(0),
            received: AtomicU64::new(0),
            written_before: AtomicU64::new(0),
            body: AtomicU64::new(0),
            opening: AtomicU64::new(0),
            gate: AtomicBool::new(false),
            held: AtomicBool::new(false),
        }
    }

    /// A request begins: what follows is stamped for it. Behind its answer's first byte only so many bytes, its body, are
    /// certainly its own.
    pub(super) fn begin(&self, body: u64) {
        raise(&self.written_before, self.written.load(Relaxed));
        self.written.store(0, Relaxed);
        self.received.store(0, Relaxed);
        self.body.store(body, Relaxed);
        for stamp in [&self.first_write, &self.last_write, &self.last_read, &self.lag] {
            stamp.store(NONE, Relaxed);
        }
    }

    /// `bytes` were handed to the kernel by a call that began at `at`.
    pub(super) fn wrote(&self, bytes: usize, at: Instant) {
        let nanos = self.nanos(at);
        let before = self.written.load(Relaxed);
        self.written.store(before + bytes as u64, Relaxed);
        if before == 0 {
            self.first_write.store(nanos, Relaxed);
        }
        if self.received.load(Relaxed) == 0 || before < self.body.load(Relaxed) {
            self.last_write.store(nanos, Relaxed);
        }
    }

    /// A read that was over at `now` brought bytes, which `real` − `stamp` earlier had reached the kernel.
    ///
    /// A stamp that cannot be (in the future, or before the connection began: a clock was set) is counted and not used.
    /// Returns how long the bytes waited, where that is known.
    pub(super) fn read(&self, bytes: &[u8], now: Instant, stamp: Option<(Duration, Duration)>) -> Option<Duration> {
        let lag = stamp.and_then(|(stamp, real)| {
            let lag = real.checked_sub(stamp).filter(|lag| *lag <= now.saturating_duration_since(self.epoch));
            if lag.is_none() {
                raise(&self.distrusted, 1);
            }
            lag
        });
        let at = now - lag.unwrap_or_default();
        let previous = match self.last_read.load(Relaxed) {
            NONE => 0,
            previous => previous,
        };
        // One read may have the kernel's time and the next one not: instants still never run backwards.
        self.last_read.store(self.nanos(at).max(previous), Relaxed);
        self.lag.store(lag.map_or(NONE, |lag| lag.as_nanos() as u64), Relaxed);
        raise(&self.reads, 1);
        let received = self.received.load(Relaxed);
        if received < 2 {
            let opening = bytes
                .iter()
                .take(2 - received as usize)
                .fold(self.opening.load(Relaxed), |seen, byte| (seen << 8 | u64::from(*byte)) & 0xffff);
            self.opening.store(opening, Relaxed);
        }
        self.received.store(received + bytes.len() as u64, Relaxed);
        lag
    }

    /// The latest read was over at `now`, and left nothing behind if it was `drained`.
    pub(super) fn read_over(&self, now: Instant, drained: bool) {
        if self.empty.load(Relaxed) {
            self.emptied.store(self.read_over.load(Relaxed), Relaxed);
        }
        self.read_over.store(self.nanos(now), Relaxed);
        self.empty.store(drained, Relaxed);
        raise(&self.drained, u64::from(drained));
    }

    /// Reads so far, those taken as one that it took to empty the socket; the latest counts even if more is left.
    pub(super) fn emptyings(&self) -> u64 {
        self.drained.load(Relaxed) + u64::from(!self.empty.load(Relaxed))
    }

    /// How much earlier than the last of its bytes the first ones of the latest read may have arrived.
    ///
    /// Not before the request was sent, not before the socket was last seen empty, and not before `caught_up`.
    pub(super) fn doubt(&self, caught_up: Option<Instant>) -> Duration {
        let sent = Some(self.first_write.load(Relaxed)).filter(|sent| *sent != NONE);
        let bounds = [sent, Some(self.emptied.load(Relaxed)), caught_up.map(|at| self.nanos(at))];
        let earliest = bounds.into_iter().flatten().max().unwrap_or(0);
        match self.last_read.load(Relaxed) {
            NONE => Duration::ZERO,
            last => Duration::from_nanos(last.saturating_sub(earliest)),
        }
    }

    /// When the latest bytes arrived, how long they waited in the kernel, and the number of the read that brought them.
    pub(super) fn latest(&self) -> (Instant, Option<Duration>, u64) {
        let at = self.instant(&self.last_read).unwrap_or(self.epoch);
        let lag = Some(self.lag.load(Relaxed)).filter(|nanos| *nanos != NONE).map(Duration::from_nanos);
        (at, lag, self.reads.load(Relaxed))
    }

    pub(super) fn stamps(&self) -> Stamps {
        Stamps {
            first_write: self.instant(&self.first_write),
            last_write: self.instant(&self.last_write),
            last_read: self.instant(&self.last_read),
            reads: self.reads.load(Relaxed),
            bytes_out: self.written.load(Relaxed),
            bytes_in: self.received.load(Relaxed),
            distrusted: self.distrusted.load(Relaxed),
        }
    }

    /// Whether the answer's first byte has come.
    pub(super) fn answered(&self) -> bool {
        self.received.load(Relaxed) > 0
    }

    /// Whether the answer begins like a TLS record: an alert, or a handshake.
    pub(super) fn answer_is_tls(&self) -> bool {
        self.received.load(Relaxed) >= 2 && matches!(self.opening.load(Relaxed), 0x1503 | 0x1603)
    }

    /// Everything written before the current request.
    pub(super) fn written_before(&self) -> u64 {
        self.written_before.load(Relaxed)
    }

    /// Lets hyper read once more.
    pub(super) fn open_gate(&self) {
        self.gate.store(false, Relaxed);
        self.held.store(false, Relaxed);
    }

    /// Hyper has read: no further read until the gate is opened.
    pub(super) fn close_gate(&self) {
        self.gate.store(true, Relaxed);
    }

    /// Whether a read has to wait; remembers that one did.
    pub(super) fn gate_holds(&self) -> bool {
        let closed = self.gate.load(Relaxed);
        if closed {
            self.held.store(true, Relaxed);
        }
        closed
    }

    /// Whether a read waits for the gate.
    pub(super) fn held(&self) -> bool {
        self.held.load(Relaxed)
    }

    fn nanos(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.epoch).as_nanos() as u64
    }

    fn instant(&self, nanos: &AtomicU64) -> Option<Instant> {
        Some(nanos.load(Relaxed)).filter(|nanos| *nanos != NONE).map(|nanos| self.epoch + Duration::from_nanos(nanos))
    }
}

/// Only one task writes: it takes no operation that others would wait for.
fn raise(count: &AtomicU64, by: u64) {
    count.store(count.load(Relaxed) + by, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn a_kernel_time_that_cannot_be_is_counted_and_not_used() {
        let epoch = Instant::now();
        let meter = Meter::new(epoch);
        let now = epoch + 10 * MILLI;
        let real = Duration::from_secs(1_800_000_000);
        meter.begin(0);
        for (stamp, lag, distrusted) in [
            (real - 10 * MILLI, Some(10 * MILLI), 0),
            (real, Some(Duration::ZERO), 0),
            (real - 11 * MILLI, None, 1),
            (real + MILLI, None, 2),
        ] {
            meter.read(b"x", now, Some((stamp, real)));
            assert_eq!((meter.latest().1, meter.stamps().distrusted), (lag, distrusted));
        }
        assert_eq!(meter.latest().0, now);
    }

    #[test]
    fn instants_never_run_backwards() {
        let epoch = Instant::now();
        let meter = Meter::new(epoch);
        let real = Duration::from_secs(1_800_000_000);
        meter.begin(0);
        meter.read(b"x", epoch + 10 * MILLI, None);
        meter.read(b"x", epoch + 11 * MILLI, Some((real - 5 * MILLI, real)));
        assert_eq!(meter.latest(), (epoch + 10 * MILLI, Some(5 * MILLI), 2));
    }

    #[test]
    fn what_a_read_brings_first_is_no_older_than_the_last_time_that_the_socket_was_empty() {
        let epoch = Instant::now();
        let at = |ms: u32| epoch + ms * MILLI;
        let meter = Meter::new(epoch);
        meter.begin(0);
        meter.wrote(10, at(5));
        let read = |ms, drained| {
            meter.read(b"x", at(ms), None);
            meter.read_over(at(ms), drained);
        };
        assert_eq!(meter.doubt(None), Duration::ZERO);
        read(12, true);
        assert_eq!(meter.doubt(None), 7 * MILLI, "since it was sent");
        read(20, false);
        assert_eq!(meter.doubt(None), 8 * MILLI, "since the read before");
        read(23, true);
        assert_eq!(meter.doubt(None), 11 * MILLI, "the read before had left something behind");
        assert_eq!(meter.doubt(Some(at(22))), MILLI, "the runtime had caught up since");
        assert_eq!((meter.doubt(Some(at(30))), meter.emptyings()), (Duration::ZERO, 2));
    }

    #[test]
    fn only_the_requests_own_writes_are_stamped_for_it() {
        let epoch = Instant::now();
        let meter = Meter::new(epoch);
        meter.wrote(24, epoch);
        meter.begin(100);
        assert_eq!((meter.stamps().first_write, meter.written_before()), (None, 24));
        meter.wrote(60, epoch + MILLI);
        meter.read(b"window", epoch + 2 * MILLI, None);
        meter.wrote(60, epoch + 3 * MILLI);
        meter.wrote(9, epoch + 4 * MILLI);
        let stamps = meter.stamps();
        assert_eq!((stamps.first_write, stamps.last_write), (Some(epoch + MILLI), Some(epoch + 3 * MILLI)));
        assert_eq!((stamps.bytes_out, stamps.bytes_in), (129, 6));
    }
}
