//! Where the users of a round stand until it begins.

use std::future::{Future, poll_fn};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Poll, Waker};

use tokio::time::Instant;

/// It opens once, with the instant from which the round counts.
///
/// Who passes it when it is open takes no lock: in a burst of thousands, what each user does between the opening and its
/// request is what the last of them waits for.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    start: OnceLock<Instant>,
    standing: Mutex<Vec<Waker>>,
}

impl Barrier {
    /// Stands here until it opens.
    pub(super) async fn stand(&self) -> Instant {
        let mut place = None;
        poll_fn(|cx| {
            if let Some(start) = self.start.get() {
                return Poll::Ready(*start);
            }
            let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            // Asked again under the lock: it may have opened meanwhile.
            if let Some(start) = self.start.get() {
                return Poll::Ready(*start);
            }
            match place {
                None => {
                    place = Some(standing.len());
                    standing.push(cx.waker().clone());
                }
                Some(place) => standing[place].clone_from(cx.waker()),
            }
            Poll::Pending
        })
        .await
    }

    /// Opens when so many users stand here, and not before `start`, which is asked only then: a task that runs for the
    /// first time is slow, and what that takes is no part of the round.
    pub(super) async fn open_for(&self, users: usize, start: impl Future<Output = Instant>) {
        while self.standing.lock().unwrap_or_else(PoisonError::into_inner).len() < users {
            tokio::task::yield_now().await;
        }
        let start = start.await;
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.start.set(start);
        standing.drain(..).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;
    use std::time::Duration;

    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn the_start_is_asked_when_all_stand_there_and_every_user_gets_it() {
        let (barrier, asked) = (Barrier::default(), Cell::new(false));
        let start = Instant::now() - Duration::from_secs(1);
        let mut opening = pin!(barrier.open_for(2, async {
            asked.set(true);
            start
        }));
        let (mut one, mut other) = (pin!(barrier.stand()), pin!(barrier.stand()));
        // Who is asked twice stands there once.
        assert!(poll!(&mut one).is_pending() && poll!(&mut one).is_pending());
        assert!(poll!(&mut opening).is_pending() && poll!(&mut opening).is_pending() && !asked.get());
        assert!(poll!(&mut other).is_pending());
        opening.await;
        assert!(asked.get());
        let late = barrier.stand();
        assert_eq!([one.await, other.await, late.await], [start; 3]);
    }
}
