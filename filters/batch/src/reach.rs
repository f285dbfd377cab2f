//! The slots in shared data by which workers know who gathers which keys.
//!
//! Invariant: slots are bounded in number, whatever happens.

use switchyard_core::batch::gather::SLOTS;
use switchyard_core::contract::keys::gatherer;
use switchyard_host::metrics::parts;
use switchyard_host::{HostError, SharedData, reach};

/// What this filter's workers and queues are called after.
pub(crate) const FILTER: &str = "batch";

/// Makes the count of workers, the places of their gauges and, where they are wanted, the `slots`; what is there stays.
pub(crate) fn prepare(slots: bool, host: &impl SharedData) -> Result<(), HostError> {
    reach::prepare(FILTER, host)?;
    parts::prepare(FILTER, host)?;
    if slots { reach::make_places(SLOTS, gatherer, host) } else { Ok(()) }
}
