//! The thread with the only pen: formats rows, hands them to the kernel, adds them up.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::results::collected::{Collected, Place};
use crate::results::folder;
use crate::results::origin::Origin;
use crate::results::pen::Pen;
use crate::results::rows::{Pens, Row};
use crate::results::scrub::Scrubber;
use crate::results::shared::{Shared, lock};
use crate::sample::Sample;

/// How long rows gather before they are written: waking for each would cost the measurement more than it is worth,
/// and 100 ms is the promise.
const GATHER: Duration = Duration::from_millis(20);

/// How soon a disk that took nothing is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// Rows between two looks at the disk, so that neither memory nor the time a lock is held grows with the batch.
const CHUNK: usize = 512;

/// Works until the queue is closed and empty.
pub(super) fn work(shared: &Shared, mut pen: Pen) -> Pen {
    let mut pens = Pens::default();
    let mut batch = Vec::new();
    let mut known: Option<(Origin, Place)> = None;
    loop {
        let (manifest_changed, closed) = next(shared, &pen, &mut batch);
        let mut rest = batch.drain(..).peekable();
        while rest.peek().is_some() {
            let mut collected = lock(&shared.collected);
            for (origin, sample) in rest.by_ref().take(CHUNK) {
                let (_, place) = match &mut known {
                    Some(known) if Arc::ptr_eq(&known.0.0, &origin.0) => known,
                    other => other.insert((origin.clone(), origin.place())),
                };
                // The lost are counted by the pen; their numbers are not lost.
                let out = pen.row().map(|out| (out, &mut pens));
                settle(&shared.scrubber, &mut collected, (&origin, place), sample, out);
            }
            drop(collected);
            shared.settled.notify_all();
            flush(shared, &mut pen);
        }
        drop(rest);
        if pen.is_stuck() {
            flush(shared, &mut pen);
        }
        if manifest_changed && !closed {
            save_manifest(shared);
        }
        if closed {
            return pen;
        }
    }
}

/// Waits for something to do, and takes it: whether the manifest changed, and whether this was all.
fn next(shared: &Shared, pen: &Pen, batch: &mut Vec<(Origin, Box<Sample>)>) -> (bool, bool) {
    let queue = lock(&shared.queue);
    let idle = |queue: &mut super::shared::Queue| queue.rows.is_empty() && !queue.manifest_changed && !queue.closed;
    let queue = if pen.is_stuck() {
        shared.wake.wait_timeout_while(queue, RETRY, idle).unwrap_or_else(PoisonError::into_inner).0
    } else {
        shared.wake.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner)
    };
    let gathered = shared.wake.wait_timeout_while(queue, GATHER, |queue| !queue.closed);
    let mut queue = gathered.unwrap_or_else(PoisonError::into_inner).0;
    std::mem::swap(&mut queue.rows, batch);
    (std::mem::take(&mut queue.manifest_changed), queue.closed)
}

/// Makes of a sample its row, appends that where there is a place for it, and adds up what it tells.
pub(super) fn settle(
    scrubber: &Scrubber,
    collected: &mut Collected,
    (origin, place): (&Origin, &mut Place),
    mut sample: Box<Sample>,
    out: Option<(&mut Vec<u8>, &mut Pens)>,
) {
    scrubber.sample(&mut sample);
    let prompt = origin.0.prompts.get(sample.arrival.prompt).map_or("", String::as_str);
    let row = Row::of(&sample, prompt, origin.0.started);
    if let Some((out, pens)) = out {
        out.extend_from_slice(&origin.0.prefix);
        row.write(out, pens);
    }
    collected.add_row(place, &row, &sample.gaps_us, |_| sample.arrival.prompt);
}

fn flush(shared: &Shared, pen: &mut Pen) {
    pen.flush();
    if let Some(error) = pen.error() {
        lock(&shared.trouble).note(format!("could not write a row of {}: {error}", folder::REQUESTS));
    }
}

/// Saves `run.json` as it stands.
pub(super) fn save_manifest(shared: &Shared) {
    let Some(path) = &shared.manifest_path else { return };
    let manifest = lock(&shared.manifest).cleaned(&|text| shared.scrubber.clean(text));
    if let Err(error) = folder::write_whole(path, manifest.to_json().as_bytes()) {
        lock(&shared.trouble).note(format!("could not write {error}"));
    }
}
