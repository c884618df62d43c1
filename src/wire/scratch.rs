//! The room that a thread's connections read into, one after another: a connection that waits holds none of it.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

/// As much as one read can bring.
const ROOM: usize = 64 * 1024;

thread_local! {
    static SPARE: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Room for one read; it goes back to whichever thread is done with it.
pub(super) struct Scratch(Box<[u8]>);

impl Scratch {
    /// This thread's room, or a new one while that is in use.
    pub(super) fn take() -> Scratch {
        Scratch(SPARE.take().unwrap_or_else(|| vec![0; ROOM].into()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let room = std::mem::take(&mut self.0);
        // A thread that ends has no use for it.
        let _ = SPARE.try_with(|spare| spare.set(Some(room)));
    }
}

impl Deref for Scratch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_used_again_and_never_by_two() {
        let first = Scratch::take();
        let place = first.as_ptr();
        let second = Scratch::take();
        assert_ne!(place, second.as_ptr());
        assert_eq!((first.len(), second.len()), (ROOM, ROOM));
        drop(second);
        drop(first);
        assert_eq!(Scratch::take().as_ptr(), place);
    }
}
