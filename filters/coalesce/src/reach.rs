//! The board's buckets in shared data.
//!
//! Invariant: buckets are bounded in number, whatever happens.

use switchyard_core::coalesce::BUCKETS;
use switchyard_core::contract::keys::board as board_key;
use switchyard_host::metrics::parts;
use switchyard_host::{HostError, SharedData, reach};

/// What this filter's workers and queues are called after.
pub(crate) const FILTER: &str = "coalesce";

/// Makes the count of workers, the places of their gauges and, where it is wanted, the `board`; what is there stays.
pub(crate) fn prepare(board: bool, host: &impl SharedData) -> Result<(), HostError> {
    reach::prepare(FILTER, host)?;
    parts::prepare(FILTER, host)?;
    if board { reach::make_places(BUCKETS, board_key, host) } else { Ok(()) }
}
