//! Reads what the page shows, and asks the workers for what they alone know.
//!
//! Invariants: at most [`MOST_WORKERS`] workers are heard; a worker's queue never holds more than one message of ours, so one that is gone costs
//! nothing. Trade-off: what stands in shared data is read anew for each look.

use crate::tables::SharedTables;
use switchyard_core::contract::keys;
use switchyard_core::status::{MODULES, MOST_WORKERS, PLACES, Seen, Snapshot, write};
use switchyard_core::wire::Reader;
use switchyard_frame::shared::{settings, status};
use switchyard_host::{Clock, Host, Queues, SharedData};

/// What wakes a worker; what it says does not matter.
const LOOK: &[u8] = b"look";
/// As many of them are taken back at a time; there is one, but while several look in the same moment.
const AT_A_TIME: usize = 16;

/// The JSON of what is there now; `None`: there is no memory for it.
pub(crate) fn gather<H: Host>(host: &H) -> Option<Vec<u8>> {
    let mut workers = Vec::new();
    for module in MODULES {
        each_worker(module, host, |snapshot| {
            ask(snapshot.worker.queue, host);
            if workers.len() < MOST_WORKERS {
                workers.push((module, snapshot));
            }
        });
    }
    let published = settings::published(host);
    let watched = published.parts().iter().filter_map(|part| part.watched()).flatten().collect();
    let seen = Seen {
        now: Clock::now(host).unwrap_or_default(),
        build: env!("CARGO_PKG_VERSION"),
        configurations: MODULES.map(|module| (module, status::configurations(module, host))).into(),
        workers,
        watched,
        transitions: status::transitions(host),
    };
    write(&seen, &SharedTables(host))
}

/// What every worker of this module has said last.
fn each_worker(module: &str, host: &impl SharedData, mut visit: impl FnMut(Snapshot)) {
    let count = host.shared_data(&keys::workers(&keys::looked_at(module))).ok().flatten();
    let count = count.and_then(|count| Reader::new(&count.value).word()).unwrap_or_default();
    // Numbers begin at 1 and go round.
    let places = if count < PLACES { 1..count.saturating_add(1) } else { 0..PLACES };
    for place in places {
        let said = host.shared_data(&keys::snapshot(module, place)).ok().flatten();
        if let Some(snapshot) = said.and_then(|said| Snapshot::decode(said.value)) {
            visit(snapshot);
        }
    }
}

/// Wakes the worker with this queue. What it has not taken yet is taken back first: one message is enough, and a queue that nobody hears
/// does not grow.
fn ask(queue: u32, host: &impl Queues) {
    let waiting = core::iter::from_fn(|| host.dequeue(queue).ok().flatten());
    waiting.take(AT_A_TIME).for_each(drop);
    let _ = host.enqueue(queue, LOOK);
}
