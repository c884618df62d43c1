//! The person in the way: the first Ctrl-C (or SIGTERM) stops the sending, the second one the waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::Exit;
use crate::load::Stop;

/// What to stop, and whether somebody asked to.
#[derive(Debug, Clone, Default)]
pub(super) struct Interruption {
    /// Handed to whatever sends.
    pub(super) stop: Stop,
    signal: Arc<AtomicU8>,
}

impl Interruption {
    /// The exit that a signal asks for, if there was one.
    pub(super) fn exit(&self) -> Option<Exit> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            15 => Some(Exit::Terminated),
            _ => Some(Exit::Interrupted),
        }
    }

    /// Listens until the runtime ends, in which it is called: `tell` says to a person what is happening.
    ///
    /// From the call on, not from the first time that the future runs: by then something may be on its way.
    pub(super) fn listen(self, grace: Duration, tell: impl Fn(&str)) -> impl Future<Output = ()> {
        let signals = Signals::new();
        async move {
            let Ok(mut signals) = signals else { return };
            self.signal.store(signals.next().await, Ordering::Relaxed);
            self.stop.sending.cancel();
            tell(&format!("stopping: what is in the air may land for {grace:?}; once more to stop at once"));
            tokio::select! {
                () = tokio::time::sleep(grace) => {}
                _ = signals.next() => {}
            }
            self.stop.waiting.cancel();
        }
    }
}

/// The signals that ask to stop.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn new() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The number of the next one.
    pub(super) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        }
    }
}

/// The signals that ask to stop.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn new() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    /// The number of the next one.
    pub(super) async fn next(&mut self) -> u8 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 2,
            Err(_) => std::future::pending().await,
        }
    }
}
