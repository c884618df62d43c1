//! The end of the pipe: what waits to be written, in which manner it becomes writes, and a stamp on each of them.

use std::time::Duration;

use tokio::net::TcpStream;

use super::house::House;
use super::log::Entry;
use super::script::Manner;
use super::{clock, socket};

/// The connection failed under a write: the client has left.
pub(super) struct Left;

/// Bytes on their way to a socket.
pub(super) struct Outlet<'a> {
    house: &'a House,
    stream: &'a TcpStream,
    pub(super) entry: &'a mut Entry,
    manner: Manner,
    /// When what waits is due, or what was written last was; 0 if at no instant in particular.
    due: u64,
    /// The next write has that instant to keep. Only the first one has: what follows it in a slow manner is not late.
    paced: bool,
    /// What waits, and events among it.
    pub(super) waiting: Vec<u8>,
    pub(super) events: u32,
}

impl<'a> Outlet<'a> {
    /// An outlet whose first bytes are due then (0: at no instant in particular).
    pub(super) fn new(
        house: &'a House,
        stream: &'a TcpStream,
        entry: &'a mut Entry,
        (manner, due): (Manner, u64),
    ) -> Outlet<'a> {
        Outlet { house, stream, entry, manner, due, paced: due > 0, waiting: Vec::with_capacity(1_024), events: 0 }
    }

    /// When what is written next is due.
    pub(super) fn due(&self) -> u64 {
        self.due
    }

    /// From here on nothing has an instant to keep.
    pub(super) fn unpaced(&mut self) {
        (self.due, self.paced) = (0, false);
    }

    /// Writes what waits, and what follows in this manner.
    pub(super) async fn turn(&mut self, manner: Manner) -> Result<(), Left> {
        self.flush().await?;
        self.manner = manner;
        Ok(())
    }

    /// Writes what waits, unless the manner is to gather; then waits for the instant of what comes next.
    pub(super) async fn until(&mut self, due: u64) -> Result<(), Left> {
        match self.manner {
            Manner::AtTheEnd => {}
            Manner::Together(events) if self.events < events => {}
            _ => self.flush().await?,
        }
        (self.due, self.paced) = (due, true);
        self.house.pacer.until(due).await;
        Ok(())
    }

    /// Returns when the client has left.
    pub(super) async fn stall(&mut self) -> Left {
        socket::gone(self.stream).await;
        Left
    }

    /// Says nothing for so long.
    pub(super) async fn hold(&mut self, time: Duration) -> Result<(), Left> {
        tokio::select! {
            // In this order, so that a pause of no time goes on even when the client has closed its side.
            biased;
            () = self.house.pacer.until(clock::now() + self.house.scaled(time)) => Ok(()),
            () = socket::gone(self.stream) => Err(Left),
        }
    }

    /// Writes what waits.
    pub(super) async fn flush(&mut self) -> Result<(), Left> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut out = std::mem::take(&mut self.waiting);
        match self.manner {
            Manner::ByteByByte => {
                for byte in &out {
                    self.write(std::slice::from_ref(byte)).await?;
                }
            }
            Manner::Slowly(pause) => {
                for byte in &out {
                    self.write(std::slice::from_ref(byte)).await?;
                    self.hold(pause).await?;
                }
            }
            Manner::AsItComes | Manner::Together(_) | Manner::AtTheEnd => self.write(&out).await?,
        }
        out.clear();
        self.waiting = out;
        self.events = 0;
        Ok(())
    }

    /// Writes the same bytes again and again, so many in all.
    pub(super) async fn endless(&mut self, bytes: &[u8], total: u64) -> Result<(), Left> {
        self.flush().await?;
        let block = bytes.repeat(1.max(65_536 / bytes.len().max(1)));
        let mut left = total;
        while left > 0 {
            let part = &block[..block.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
            self.write(part).await?;
            left -= part.len() as u64;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Left> {
        let begun = clock::now();
        let due = if std::mem::take(&mut self.paced) { self.due } else { 0 };
        if due > 0 {
            self.house.lateness.add(begun.saturating_sub(due));
        }
        socket::send(self.stream, bytes).await.map_err(|_| Left)?;
        self.entry.write(due, begun, clock::now(), bytes.len());
        Ok(())
    }
}
