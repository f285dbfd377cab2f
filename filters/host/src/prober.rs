//! The role of the one worker that sends heartbeats: a lease in shared data.
//!
//! Invariant: at most one worker holds the lease; a holder that stops renewing it (its VM died) loses it after
//! [`LEASE`]. The holder's number is random: it marks heartbeats, so that nobody else's request can pass for one.

use crate::SharedData;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::contract::heartbeat_mark;
use switchyard_core::contract::keys::PROBER;

/// How long a lease lasts without being renewed.
pub const LEASE: Duration = Duration::from_secs(3);

/// Who holds the role, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lease {
    holder: u64,
    until: Timestamp,
}

fn decode(bytes: &[u8]) -> Option<Lease> {
    let (holder, rest) = bytes.split_first_chunk()?;
    let until = rest.first_chunk()?;
    Some(Lease {
        holder: u64::from_le_bytes(*holder),
        until: Timestamp::from_millis(u64::from_le_bytes(*until)),
    })
}

/// Makes the lease's place, if it is not there, so that it can be claimed by compare-and-swap.
pub fn create(host: &impl SharedData) {
    if let Ok(None) = host.shared_data(PROBER) {
        // If this fails, so does the claim: nobody probes, and time alone readmits.
        let _ = host.set_shared_data(PROBER, &[0; 16]);
    }
}

/// Takes or renews the lease for `holder` (not 0); whether it holds it now.
pub fn claim(host: &impl SharedData, holder: u64, now: Timestamp) -> bool {
    let Ok(Some(shared)) = host.shared_data(PROBER) else { return false };
    let free = decode(&shared.value).is_none_or(|lease| lease.holder == holder || lease.until <= now);
    if !free {
        return false;
    }
    let mut value = holder.to_le_bytes().to_vec();
    value.extend(now.plus(LEASE).as_millis().to_le_bytes());
    host.swap_shared_data(PROBER, &value, shared.cas).unwrap_or(false)
}

/// Whether `value` is the mark of whoever holds the lease.
pub fn is_mark(host: &impl SharedData, value: &[u8]) -> bool {
    let lease = host.shared_data(PROBER).ok().flatten().and_then(|shared| decode(&shared.value));
    lease.is_some_and(|lease| lease.holder != 0 && heartbeat_mark(lease.holder).as_bytes() == value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{FakeHost, SharedStore};

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn one_worker_holds_the_role_until_it_stops_renewing() {
        let store = SharedStore::default();
        let (one, two) = (FakeHost::with_shared(&store), FakeHost::with_shared(&store));
        create(&one);
        create(&two);
        assert!(claim(&one, 1, at(1_000)));
        assert!(!claim(&two, 2, at(1_500)));
        assert!(claim(&one, 1, at(2_000)));
        assert!(!claim(&two, 2, at(4_999)), "renewed until 5 s");
        assert!(claim(&two, 2, at(5_000)), "a holder that is gone is replaced");
        assert!(!claim(&one, 1, at(5_001)));
    }

    #[test]
    fn only_the_holders_own_mark_is_a_heartbeat() {
        let host = FakeHost::default();
        assert!(!is_mark(&host, b"0"), "nobody holds it");
        create(&host);
        assert!(!is_mark(&host, b"0"), "still nobody");
        assert!(claim(&host, 0xab, at(1)));
        assert!(is_mark(&host, b"ab"));
        assert!(!is_mark(&host, b"1"));
    }
}
