//! A role that one worker at a time has, such as sending heartbeats or asking where endpoints are: a lease, as one value of shared data.
//!
//! Invariant: while a lease runs nobody else may have it; one that is not renewed (its holder's VM died) is anybody's after [`LEASE`].
//! Layout, little-endian: holder u64 (0: nobody), the millisecond that it ends at u64.
//! Source: leases as in C. Gray and D. Cheriton, SOSP 1989.

use crate::Timestamp;
use crate::contract::heartbeat_mark;
use crate::wire::{Reader, Writer};
use core::time::Duration;

/// How long it lasts without being renewed.
pub const LEASE: Duration = Duration::from_secs(3);
/// The lease that nobody has.
pub const NOBODYS_LEASE: [u8; 16] = [0; 16];

fn decode(bytes: &[u8]) -> Option<(u64, Timestamp)> {
    let mut reader = Reader::new(bytes);
    Some((reader.long()?, reader.millis()?))
}

/// The bytes of the lease in `holder`'s (not 0) hands, taken or renewed; `None`: somebody else has it, or there is no memory. What
/// cannot be read is nobody's.
pub fn claim_lease(bytes: &[u8], holder: u64, now: Timestamp) -> Option<Vec<u8>> {
    let is_free = decode(bytes).is_none_or(|(by, until)| by == holder || until <= now);
    let mut writer = Writer::default();
    writer.long(holder).millis(now.plus(LEASE));
    writer.finish().filter(|_| is_free)
}

/// Whether `mark` is that of the heartbeats of whoever has this lease.
pub fn is_holders_mark(lease: &[u8], mark: &[u8]) -> bool {
    decode(lease).is_some_and(|(holder, _)| holder != 0 && heartbeat_mark(holder).as_bytes() == mark)
}
