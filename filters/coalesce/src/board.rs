//! The board's buckets in shared data.
//!
//! Invariant: buckets are bounded in number, whatever happens.

use switchyard_core::coalesce::BUCKETS;
use switchyard_core::contract::keys::board;
use switchyard_frame::shared::reach;
use switchyard_host::{HostError, SharedData};

/// Makes the board; what is there stays.
///
/// # Errors
/// If shared data cannot be had.
pub(crate) fn prepare(host: &impl SharedData) -> Result<(), HostError> {
    reach::make_entries(BUCKETS, board, host)
}
