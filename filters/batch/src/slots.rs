//! The slots in shared data by which workers know who gathers which keys.
//!
//! Invariant: slots are bounded in number, whatever happens.

use switchyard_core::batch::gather::SLOTS;
use switchyard_core::contract::keys::gatherer;
use switchyard_frame::shared::reach;
use switchyard_host::{HostError, SharedData};

/// Makes the slots; what is there stays.
///
/// # Errors
/// If shared data cannot be had.
pub(crate) fn prepare(host: &impl SharedData) -> Result<(), HostError> {
    reach::make_entries(SLOTS, gatherer, host)
}
