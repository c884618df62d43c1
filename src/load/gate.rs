//! Where the users of a round stand until it begins.

use std::future::poll_fn;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Poll, Waker};

use tokio::time::Instant;

/// A barrier that opens once, with the instant from which the round counts.
///
/// Whoever passes it reads one word: in a burst of thousands, what each user does between the opening and its request is
/// what the last of them waits for.
#[derive(Debug, Default)]
pub(super) struct Gate {
    start: OnceLock<Instant>,
    standing: Mutex<Vec<Waker>>,
}

impl Gate {
    /// Stands here until it opens.
    pub(super) async fn passed(&self) -> Instant {
        poll_fn(|cx| {
            if let Some(start) = self.start.get() {
                return Poll::Ready(*start);
            }
            let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            // Asked again under the lock: it may have opened meanwhile.
            match self.start.get() {
                Some(start) => Poll::Ready(*start),
                None => {
                    standing.push(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Waits until so many stand here. A task is slow when it runs for the first time: that is no part of the round.
    pub(super) async fn crowded(&self, users: usize) {
        while self.standing.lock().unwrap_or_else(PoisonError::into_inner).len() < users {
            tokio::task::yield_now().await;
        }
    }

    /// Opens it.
    pub(super) fn open(&self, start: Instant) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.start.set(start);
        standing.drain(..).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_opens_for_all_who_stand_there_and_for_who_comes_late() {
        let gate = Arc::new(Gate::default());
        let stand = || {
            let gate = gate.clone();
            tokio::spawn(async move { gate.passed().await })
        };
        let standing = [stand(), stand(), stand()];
        tokio::time::timeout(Duration::ZERO, gate.crowded(4)).await.unwrap_err();
        gate.crowded(3).await;
        assert!(standing.iter().all(|user| !user.is_finished()));
        let start = Instant::now() - Duration::from_secs(1);
        gate.open(start);
        for user in standing.into_iter().chain([stand()]) {
            assert_eq!(user.await.unwrap(), start);
        }
    }
}
