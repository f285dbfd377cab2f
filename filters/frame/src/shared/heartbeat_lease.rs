//! The role of the one worker that sends heartbeats: a lease in shared data.
//!
//! Invariant: the holder's number is random: it marks heartbeats, so that nobody else's request can pass for one.

use super::lease;
use switchyard_core::Timestamp;
use switchyard_core::contract::keys::HEARTBEAT_LEASE;
pub use switchyard_core::lease::LEASE;
use switchyard_core::lease::is_holders_mark;
use switchyard_host::SharedData;

/// Makes the lease, held by nobody, if it is not there, so that it can be claimed by compare-and-swap.
pub fn create(host: &impl SharedData) {
    // If this fails nobody sends heartbeats, and time alone readmits.
    lease::create(HEARTBEAT_LEASE, host);
}

/// Takes or renews the lease for `holder` (not 0); whether it holds it now.
pub fn claim(host: &impl SharedData, holder: u64, now: Timestamp) -> bool {
    lease::claim(HEARTBEAT_LEASE, host, holder, now)
}

/// Whether `value` is the mark of whoever holds the lease.
pub fn is_mark(host: &impl SharedData, value: &[u8]) -> bool {
    let lease = host.shared_data(HEARTBEAT_LEASE).ok().flatten();
    lease.is_some_and(|lease| is_holders_mark(&lease.value, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_host::fake::{FakeHost, SharedStore};

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
