//! The threads that send: one runtime a core, each with its own users and their connections.
//!
//! The hall (whoever calls the runner) keeps a thread of its own, so a slow disk or terminal delays no reading.

use std::io;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

use crate::wire::pulse;

/// Running crews; dropped, they end.
#[derive(Debug)]
pub struct Crews {
    handles: Vec<Handle>,
    over: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl Crews {
    /// Starts `count` threads (at least one), each with a runtime of its own.
    pub fn start(count: usize) -> io::Result<Crews> {
        let over = CancellationToken::new();
        let mut crews = Crews { handles: Vec::new(), over: over.clone(), threads: Vec::new() };
        for number in 1..=count.max(1) {
            let mut runtime = Builder::new_current_thread();
            // When it sleeps it has read everything: that bounds what a read of several events leaves uncertain.
            runtime.enable_all().on_thread_park(pulse::parks).on_thread_unpark(pulse::unparks);
            let runtime = runtime.build()?;
            crews.handles.push(runtime.handle().clone());
            let over = over.clone();
            let thread = std::thread::Builder::new().name(format!("crew {number}"));
            crews.threads.push(thread.spawn(move || runtime.block_on(over.cancelled()))?);
        }
        Ok(crews)
    }

    /// The runtimes.
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// Deals users 1 to `users` out to the crews, in turn.
    pub fn deal(&self, users: u32) -> Vec<(Handle, Vec<u32>)> {
        let crews = self.handles.len();
        let hand = |crew: usize| (1..=users).skip(crew).step_by(crews).collect();
        self.handles.iter().cloned().enumerate().map(|(crew, handle)| (handle, hand(crew))).collect()
    }
}

impl Drop for Crews {
    fn drop(&mut self) {
        self.over.cancel();
        for thread in self.threads.drain(..) {
            // A crew that panicked has been heard where its work was awaited.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_is_dealt_to_one_crew() {
        let crews = Crews::start(3).unwrap();
        let hands: Vec<Vec<u32>> = crews.deal(7).into_iter().map(|(_, users)| users).collect();
        assert_eq!(hands, [vec![1, 4, 7], vec![2, 5], vec![3, 6]]);
    }

    #[test]
    fn each_crew_works_on_a_thread_of_its_own() {
        let crews = Crews::start(2).unwrap();
        let name = || std::thread::current().name().map(str::to_owned);
        let names: Vec<_> = crews
            .handles()
            .iter()
            .map(|crew| {
                let (tell, told) = std::sync::mpsc::channel();
                crew.spawn(async move { tell.send(name()) });
                told.recv().unwrap()
            })
            .collect();
        assert_eq!(names, [Some("crew 1".to_owned()), Some("crew 2".to_owned())]);
    }
}
