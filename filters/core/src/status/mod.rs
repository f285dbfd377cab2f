//! What the status page shows, and how filters tell it: the records in shared data, and the JSON that is made of them.
//!
//! A filter says of itself only what is rare (which configuration it has, what becomes of endpoints) or what it was asked for
//! ([`Snapshot`]), so a page that nobody looks at costs nothing. docs/status.md has the form of the JSON, field by field.
//!
//! Invariants: whatever is in shared data, the JSON is well-formed and has no `<`, `>` or `&` in it; every list in it is bounded, and what was left
//! out is counted. Trade-off: the parts are read one after the other, so what changes in between may not fit together.

mod asking;
mod configurations;
mod counted;
mod merged;
mod names;
mod page;
mod snapshot;
mod snapshot_writer;
mod transitions;

pub use asking::{Asking, Look};
pub use configurations::{Configurations, InForce, MOST_ROOTS, OfRoot, Refused};
pub use counted::MOST_COUNTERS;
pub use merged::{MOST_ENDPOINTS, MOST_UPSTREAMS};
pub use page::{MOST_WORKERS, Seen, Tables, VERSION, write};
pub use snapshot::{EndpointView, MOST_SNAPSHOT, Record, Snapshot, UpstreamView, Worker};
pub use snapshot_writer::SnapshotWriter;
pub use transitions::{MOST_TRANSITIONS, Told, Transitions};

use crate::Timestamp;
use core::time::Duration;

/// The modules that say something of themselves.
pub const MODULES: [&str; 6] = ["switchyard", "coalesce", "batch", "router", "retry", "outlier"];

/// So many workers of a module have a place of their own; a later one waits until one is free.
pub const PLACES: u32 = 256;

/// Who looks again so soon is shown the same again, and a worker that has said something so lately says nothing new.
pub const SHORTEST_LOOK: Duration = Duration::from_millis(100);

/// What a worker said longer ago is not of now; and one that was asked so long ago, and has said nothing since, is gone.
pub const FRESH: Duration = Duration::from_secs(10);

/// The longest name that is kept whole.
const MOST_NAME: usize = 256;

/// The beginning of a text, no longer than so many bytes.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

/// Whether what this worker has said is of now.
fn is_fresh(worker: &Worker, now: Timestamp) -> bool {
    worker.written > Timestamp::default() && now.since(worker.written) <= FRESH
}

/// Whole milliseconds.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How long ago that was, in milliseconds.
fn age(now: Timestamp, then: Timestamp) -> u64 {
    millis(now.since(then))
}
