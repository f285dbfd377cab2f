//! Reads what the page shows, and asks the workers for what they alone know.
//!
//! Invariants: at most [`MOST_WORKERS`] workers are heard, those first that have spoken of late; a worker's queue never holds more than one message of each page of ours,
//! and one that does not answer loses its place. Trade-off: what stands in shared data is read anew for each look.

use crate::tables::SharedTables;
use switchyard_core::Timestamp;
use switchyard_core::status::{Asking, Look, MODULES, MOST_WORKERS, Seen, Snapshot, write};
use switchyard_frame::shared::{places, settings, status};
use switchyard_host::{Host, Queues};

/// What wakes a worker; what it says does not matter.
const LOOK: &[u8] = b"look";
/// As many of them are taken back at a time; there is one, but while several look in the same moment.
const AT_A_TIME: usize = 16;

/// The JSON of what is there now; `None`: there is no memory for it.
pub(crate) fn gather<H: Host>(asking: &mut Asking, now: Timestamp, host: &H) -> Option<Vec<u8>> {
    let workers = hear(asking, now, host);
    let is_waiting = asking.is_over(now);
    let published = settings::published(host);
    let watched = published.parts().iter().filter_map(|part| part.watched()).flatten().collect();
    let seen = Seen {
        now,
        build: env!("CARGO_PKG_VERSION"),
        configurations: MODULES.map(|module| (module, status::configurations(module, host))).into(),
        workers,
        is_waiting,
        watched,
        transitions: status::transitions(host),
    };
    write(&seen, &SharedTables(host))
}

/// What every worker has said last, if that is of now or it may yet answer; who is to be woken is.
fn hear(asking: &mut Asking, now: Timestamp, host: &impl Host) -> Vec<(&'static str, Snapshot)> {
    let (mut heard, mut silent) = (Vec::new(), Vec::new());
    for module in MODULES {
        places::each(module, host, |taken| {
            let worker = taken.snapshot.worker;
            let look = asking.look(module, &worker, now);
            match look {
                Look::Gone => return taken.free(host),
                Look::Wake | Look::WakeSilent => wake(worker.queue, host),
                Look::JustHeard => {}
            }
            let of = if look == Look::WakeSilent { &mut silent } else { &mut heard };
            if of.len() < MOST_WORKERS {
                of.push((module, taken.snapshot));
            }
        });
    }
    heard.extend(silent);
    heard.truncate(MOST_WORKERS);
    heard
}

/// Wakes the worker with this queue. What it has not taken yet is taken back first: one message is enough, and a queue that nobody hears
/// does not grow.
fn wake(queue: u32, host: &impl Queues) {
    let waiting = core::iter::from_fn(|| host.dequeue(queue).ok().flatten());
    waiting.take(AT_A_TIME).for_each(drop);
    let _ = host.enqueue(queue, LOOK);
}
