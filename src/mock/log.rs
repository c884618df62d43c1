//! What the endpoint did, one JSON line a request, written by a thread of its own so that nobody waits for the disk.
//!
//! All instants are nanoseconds of the monotonic clock, which is the same for every process of a machine.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

/// Records that may wait for the writer. When it is that far behind, the endpoint waits for it: it then is late, and says so,
/// where a record lost would be a gap in the truth.
const QUEUE: usize = 16_384;

/// How long records gather before they are written. The queue holds far more than an endpoint can make in that time.
const GATHER: Duration = Duration::from_millis(5);

/// Writes of one request that are listed; later ones are only counted.
const MAX_WRITES: usize = 4_096;

/// One line.
#[derive(Debug, Default, Serialize)]
pub(super) struct Record {
    /// Number of the chat completion, from 1 in the order of arrival; none for anything else that was asked.
    pub(super) serial: Option<u64>,
    /// Number of the connection, from 1 in the order of acceptance.
    pub(super) connection: u64,
    /// Number of the request on its connection, from 1.
    pub(super) request: u64,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) model: Option<String>,
    pub(super) stream: bool,
    /// The last 80 characters of the last user message.
    pub(super) marker: String,
    /// The fault that was played, if any.
    pub(super) fault: Option<&'static str>,
    /// None where no head was sent.
    pub(super) status: Option<u16>,
    /// Tokens sent, of each choice.
    pub(super) tokens: u32,
    /// The connection was accepted.
    pub(super) accept_ns: u64,
    /// The read that brought the first byte of the request.
    pub(super) first_byte_ns: u64,
    /// When the kernel had received what that read brought, where it tells.
    pub(super) first_byte_kernel_ns: Option<u64>,
    /// The read that completed the request.
    pub(super) read_ns: u64,
    /// Service began: a slot was free.
    pub(super) service_ns: Option<u64>,
    /// The first 4,096 writes: `[due, begun, handed to the kernel]`; `due` is 0 where there was no instant to keep.
    pub(super) writes: Vec<[u64; 3]>,
    pub(super) writes_total: u64,
    pub(super) bytes: u64,
    /// The worst lateness of a write.
    pub(super) late_max_ns: u64,
    pub(super) end_ns: u64,
    /// `complete`, `closed`, `reset`, `client_left`, or `shutdown`.
    pub(super) ended: &'static str,
}

/// The endpoint's end of the log.
#[derive(Clone)]
pub(super) struct Log(SyncSender<Record>);

impl Log {
    /// Creates the file and starts its writer; the thread ends when the last `Log` is dropped, all lines flushed.
    pub(super) fn create(path: &Path) -> io::Result<(Log, JoinHandle<io::Result<()>>)> {
        let file = fs_err::File::create(path)?.into_file();
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("mock-log".into()).spawn(move || write(&receiver, file))?;
        Ok((Log(sender), thread))
    }
}

/// A record in the making; it is sent off when dropped, even by a shutdown in the middle.
pub(super) struct Entry {
    pub(super) record: Record,
    log: Option<Log>,
}

impl Entry {
    pub(super) fn new(record: Record, log: Option<Log>) -> Entry {
        Entry { record, log }
    }

    /// Adds one write: when it was due, when it was begun, when the kernel had it.
    pub(super) fn write(&mut self, due: u64, begun: u64, done: u64, bytes: usize) {
        let record = &mut self.record;
        record.writes_total += 1;
        record.bytes += bytes as u64;
        record.end_ns = done;
        if due > 0 {
            record.late_max_ns = record.late_max_ns.max(begun.saturating_sub(due));
        }
        if self.log.is_some() && record.writes.len() < MAX_WRITES {
            record.writes.push([due, begun, done]);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(log) = &self.log {
            let mut record = std::mem::take(&mut self.record);
            if record.ended.is_empty() {
                record.ended = "shutdown";
            }
            if record.end_ns == 0 {
                record.end_ns = super::clock::now();
            }
            // The writer gives up only where the disk has failed; its join reports that.
            let _ = log.0.send(record);
        }
    }
}

fn write(records: &Receiver<Record>, file: File) -> io::Result<()> {
    yield_the_core();
    let mut out = BufWriter::with_capacity(256 * 1_024, file);
    while let Ok(first) = records.recv() {
        // Being woken for each record costs the endpoint more than the record does.
        std::thread::sleep(GATHER);
        let mut next = Some(first);
        while let Some(record) = next {
            serde_json::to_writer(&mut out, &record)?;
            out.write_all(b"\n")?;
            next = records.try_recv().ok();
        }
        out.flush()?;
    }
    Ok(())
}

/// The writer runs when nobody else wants the core: it may share one with the endpoint whose pace it records.
fn yield_the_core() {
    #[cfg(target_os = "linux")]
    // SAFETY: no pointers; 0 is the calling thread. Where it fails, the writer competes like any other.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 19);
    }
}
