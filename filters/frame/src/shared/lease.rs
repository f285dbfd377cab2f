//! A role of one worker: a lease in shared data, under a key of its own.
//!
//! Invariant: at most one worker holds it; a holder that stops renewing it (its VM died) loses it after [`LEASE`].

use super::tables::SharedEntry;
use switchyard_core::Timestamp;
pub use switchyard_core::lease::LEASE;
use switchyard_core::lease::{NOBODYS_LEASE, claim_lease};
use switchyard_core::shared_value::update;
use switchyard_host::SharedData;

/// Makes the lease, held by nobody, if it is not there, so that it can be claimed by compare-and-swap.
pub fn create(key: &str, host: &impl SharedData) {
    if let Ok(None) = host.shared_data(key) {
        // If this fails, so does the claim, and nobody has the role.
        let _ = host.set_shared_data(key, &NOBODYS_LEASE);
    }
}

/// Takes or renews the lease for `holder` (not 0); whether it holds it now.
pub fn claim(key: &str, host: &impl SharedData, holder: u64, now: Timestamp) -> bool {
    // Who was quicker has it.
    let claimed = update(&mut SharedEntry { key, host, is_made: false }, 1, |lease| {
        let renewed = claim_lease(lease, holder, now);
        let is_ours = renewed.is_some();
        (renewed, is_ours)
    });
    claimed == Some(true)
}
