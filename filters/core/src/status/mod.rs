//! What the status page shows, and how filters tell it: the records in shared data, and the JSON that is made of them.
//!
//! A filter says of itself only what is rare (which configuration it has, what becomes of endpoints) or what it was asked for
//! ([`Snapshot`]), so a page that nobody looks at costs nothing. docs/status.md has the form of the JSON, field by field.
//!
//! Invariants: whatever is in shared data, the JSON is well-formed and has no `<`, `>` or `&` in it; every list in it is bounded, and what was left
//! out is counted. Trade-off: the parts are read one after the other, so what changes in between may not fit together.

mod configurations;
mod merged;
mod page;
mod snapshot;
mod transitions;

pub use configurations::{Configurations, InForce, MOST_ROOTS, OfRoot, Refused};
pub use merged::{MOST_COUNTERS, MOST_ENDPOINTS, MOST_UPSTREAMS};
pub use page::{MOST_WORKERS, Seen, Tables, VERSION, write};
pub use snapshot::{EndpointView, MOST_SNAPSHOT, Record, Snapshot, SnapshotWriter, UpstreamView, Worker};
pub use transitions::{MOST_TRANSITIONS, Told, Transitions};

use crate::Timestamp;
use core::time::Duration;

/// The modules that say something of themselves.
pub const MODULES: [&str; 6] = ["switchyard", "coalesce", "batch", "router", "retry", "outlier"];

/// So many workers of a module have a place of their own; of more the later one takes the earlier one's.
pub const PLACES: u32 = 256;

/// A worker that was asked for a snapshot so lately makes no other one.
pub const SHORTEST_LOOK: Duration = Duration::from_millis(100);

/// The longest name that is kept whole.
const MOST_NAME: usize = 256;

/// The beginning of a text, no longer than so many bytes.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

/// Whole milliseconds.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How long ago that was, in milliseconds.
fn age(now: Timestamp, then: Timestamp) -> u64 {
    millis(now.since(then))
}
