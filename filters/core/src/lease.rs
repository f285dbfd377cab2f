//! A role that one worker at a time has, such as sending heartbeats or asking where endpoints are: a lease, as one value of shared data.
//!
//! Invariant: while a lease runs nobody else may have it; one that is not renewed (its holder's VM died) is anybody's after [`LEASE`]. One that
//! ends much later than a lease can was written before the clock was set back, and is anybody's at once; its holder renews it as before.
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
    let ends = now.plus(LEASE);
    let is_free =
        decode(bytes).is_none_or(|(by, until)| by == holder || until <= now || until > ends.plus(LEASE));
    let mut writer = Writer::default();
    writer.long(holder).millis(ends);
    writer.finish().filter(|_| is_free)
}

/// Whether `mark` is that of the heartbeats of whoever has this lease.
pub fn is_holders_mark(lease: &[u8], mark: &[u8]) -> bool {
    decode(lease).is_some_and(|(holder, _)| holder != 0 && heartbeat_mark(holder).as_bytes() == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_from_before_the_clock_was_set_back_keeps_nobody_out() {
        let (at, hour) = (Timestamp::from_millis, 3_600_000);
        let held = claim_lease(&NOBODYS_LEASE, 1, at(hour)).unwrap();
        assert_eq!(claim_lease(&held, 2, at(hour)), None);
        assert_eq!(
            claim_lease(&held, 2, at(hour - 1_000)),
            None,
            "a small step is no reason for two holders"
        );
        assert!(claim_lease(&held, 2, at(1)).is_some() && claim_lease(&held, 1, at(1)).is_some());
    }
}
