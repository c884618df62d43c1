//! Rows to the kernel: what could not be written is kept and tried again from exactly where it stopped.
//!
//! A full disk costs nothing that was written before, and when it has room again the file goes on in the middle of
//! the row where it stopped. It knows bytes and ends of lines, not what they say.

use std::io::{self, Write};

/// Bytes that wait for a disk that takes none; rows beyond that are counted as lost.
const MOST_WAITING: usize = 64 << 20;

/// Appends to a file, and remembers what went wrong.
pub(super) struct Pen {
    out: Box<dyn Write + Send>,
    waiting: Vec<u8>,
    /// How much of `waiting` the kernel has.
    taken: usize,
    error: Option<io::Error>,
    lost: u64,
}

impl Pen {
    /// Writes to `out`, which must not buffer.
    pub(super) fn new(out: Box<dyn Write + Send>) -> Pen {
        Pen { out, waiting: Vec::new(), taken: 0, error: None, lost: 0 }
    }

    /// Where a row may be appended, with the end of its line; `None` where too much waits already: the row is lost.
    pub(super) fn row(&mut self) -> Option<&mut Vec<u8>> {
        if self.error.is_some() && self.waiting.len() >= MOST_WAITING {
            self.lost += 1;
            return None;
        }
        Some(&mut self.waiting)
    }

    /// Hands everything that waits to the kernel, as far as it takes it.
    pub(super) fn flush(&mut self) {
        while self.taken < self.waiting.len() {
            match self.out.write(&self.waiting[self.taken..]) {
                Ok(0) => return self.stop(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.taken += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.stop(error),
            }
        }
        self.waiting.clear();
        self.taken = 0;
    }

    /// Whether something waits that the kernel did not take.
    pub(super) fn is_stuck(&self) -> bool {
        self.taken < self.waiting.len()
    }

    /// The first error.
    pub(super) fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// Rows that are not in the file: those given up, and those that wait, of which one may stand there in part.
    pub(super) fn lost(&self) -> u64 {
        // A row in part is one more than the ends of lines behind what the kernel took say: its own end is among them.
        self.lost + self.waiting[self.taken..].iter().filter(|byte| **byte == b'\n').count() as u64
    }

    fn stop(&mut self, error: io::Error) {
        self.error.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A disk with so much room.
    #[derive(Clone)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Disk {
        fn with_room(room: usize) -> Disk {
            Disk(Arc::new(Mutex::new((Vec::new(), room))))
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap()
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (kept, room) = &mut *self.0.lock().unwrap();
            let count = bytes.len().min(*room);
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            kept.extend_from_slice(&bytes[..count]);
            *room -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn write(pen: &mut Pen, row: &str) {
        pen.row().unwrap().extend_from_slice(row.as_bytes());
        pen.flush();
    }

    #[test]
    fn a_disk_that_has_room_again_goes_on_in_the_middle_of_the_row() {
        let disk = Disk::with_room(6);
        let mut pen = Pen::new(Box::new(disk.clone()));
        write(&mut pen, "one\n");
        write(&mut pen, "two\n");
        write(&mut pen, "three\n");
        assert_eq!((disk.text().as_str(), pen.lost(), pen.is_stuck()), ("one\ntw", 2, true));
        assert_eq!(pen.error().map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        disk.0.lock().unwrap().1 = 100;
        pen.flush();
        write(&mut pen, "four\n");
        assert_eq!((disk.text().as_str(), pen.lost(), pen.is_stuck()), ("one\ntwo\nthree\nfour\n", 0, false));
        assert!(pen.error().is_some(), "that something went wrong is still known");
    }

    #[test]
    fn what_waits_for_a_full_disk_is_bounded_and_the_rest_counted() {
        let mut pen = Pen::new(Box::new(Disk::with_room(0)));
        let row = [b"x".repeat((1 << 20) - 1), b"\n".to_vec()].concat();
        for _ in 0..70 {
            if let Some(out) = pen.row() {
                out.extend_from_slice(&row);
            }
            pen.flush();
        }
        assert_eq!((pen.lost(), pen.waiting.len()), (70, 64 << 20));
    }
}
