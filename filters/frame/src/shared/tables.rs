//! The tables that workers share, over shared data: read, and changed by compare-and-swap.
//!
//! Invariants: a change is tried [`TRIES`] times and then given up (traffic goes on, the next attempt counts); nothing is
//! ever written over a table of a newer version. Keys begin with `switchyard.`, so they bear strangers under the same
//! vm_id. There is no create-if-absent, so tables are created when a configuration is read: the main thread does
//! that before any worker does.

use switchyard_core::budget::Budget;
use switchyard_core::contract::keys;
use switchyard_core::outlier::{Ledger, Tally};
use switchyard_core::shared_value::{SharedValue, update};
use switchyard_host::{HostError, SharedData};

/// How often a compare-and-swap is tried.
pub const TRIES: usize = 8;

/// One value of shared data, by its key.
pub(crate) struct SharedEntry<'a, H> {
    pub(crate) key: &'a str,
    pub(crate) host: &'a H,
    /// It is made if it is not there.
    pub(crate) is_made: bool,
}

impl<H: SharedData> SharedValue for SharedEntry<'_, H> {
    fn read(&mut self) -> Option<(Vec<u8>, u32)> {
        let mut found = self.host.shared_data(self.key).ok()?;
        if found.is_none() && self.is_made {
            // A compare-and-swap on a missing key is not checked: make it first, then read its number.
            self.host.set_shared_data(self.key, &[]).ok()?;
            found = self.host.shared_data(self.key).ok()?;
        }
        found.map(|shared| (shared.value, shared.cas))
    }

    fn swap(&mut self, value: &[u8], cas: u32) -> Option<bool> {
        self.host.swap_shared_data(self.key, value, cas).ok()
    }
}

/// The key of one table.
#[derive(Clone, Debug)]
pub struct Table(String);

impl Table {
    /// The table under this key.
    pub(crate) fn of(key: &str) -> Self {
        Self(key.to_owned())
    }

    /// The table of states of an upstream.
    pub fn ledger(upstream: &str) -> Self {
        Self(keys::ledger(upstream))
    }

    /// The table of windows of an upstream.
    pub fn tally(upstream: &str) -> Self {
        Self(keys::tally(upstream))
    }

    /// The retry budget of a route or an upstream (`kind`).
    pub fn budget(kind: &str, name: &str) -> Self {
        Self(keys::budget(kind, name))
    }

    /// Makes the table, if it is not there.
    pub fn create(&self, host: &impl SharedData) -> Result<(), HostError> {
        match host.shared_data(&self.0)? {
            Some(_) => Ok(()),
            None => host.set_shared_data(&self.0, &[]),
        }
    }

    /// Whether somebody has made it.
    pub fn is_made(&self, host: &impl SharedData) -> bool {
        host.shared_data(&self.0).is_ok_and(|shared| shared.is_some())
    }

    /// The table's bytes; none if it is not there.
    pub fn read(&self, host: &impl SharedData) -> Vec<u8> {
        let found = host.shared_data(&self.0).ok().flatten();
        found.map(|shared| shared.value).unwrap_or_default()
    }

    /// Lets `change` make new bytes of the table's bytes until nobody else wrote in between; `None` bytes write
    /// nothing. Returns what the change that counted returned; `None` if none did.
    pub(crate) fn update<R>(
        &self,
        host: &impl SharedData,
        mut change: impl FnMut(&[u8]) -> (Option<Vec<u8>>, R),
    ) -> Option<R> {
        let mut is_lost = false;
        let changed = update(&mut SharedEntry { key: &self.0, host, is_made: true }, TRIES, |bytes| {
            let (bytes, result) = change(bytes);
            // A table that there is no memory for encodes as nothing, which would wipe out the one that is there.
            is_lost = bytes.as_ref().is_some_and(Vec::is_empty);
            (bytes.filter(|bytes| !bytes.is_empty()), result)
        });
        changed.filter(|_| !is_lost)
    }

    /// Lets `change` change the ledger; it says whether it did.
    pub fn change_ledger<R>(
        &self,
        host: &impl SharedData,
        mut change: impl FnMut(&mut Ledger) -> (bool, R),
    ) -> Option<(Ledger, R)> {
        self.update(host, |bytes| {
            let mut ledger = Ledger::decode(bytes);
            let (changed, result) = change(&mut ledger);
            ((changed && !ledger.is_read_only()).then(|| ledger.encode()), (ledger, result))
        })
    }

    /// Lets `change` change the budget; it says whether it did.
    pub fn change_budget<R>(
        &self,
        host: &impl SharedData,
        mut change: impl FnMut(&mut Budget) -> (bool, R),
    ) -> Option<R> {
        self.update(host, |bytes| {
            let mut budget = Budget::decode(bytes);
            let (changed, result) = change(&mut budget);
            (changed.then(|| budget.encode()), result)
        })
    }

    /// Lets `change` change the tally as of bucket `now`; it says whether it did.
    pub fn change_tally<R>(
        &self,
        host: &impl SharedData,
        now: u32,
        mut change: impl FnMut(&mut Tally) -> (bool, R),
    ) -> Option<R> {
        self.update(host, |bytes| {
            let mut tally = Tally::decode(bytes);
            let (changed, result) = change(&mut tally);
            ((changed && !tally.is_read_only()).then(|| tally.encode(now)), result)
        })
    }
}

/// Tells all workers to look at the ledgers again.
pub fn announce(host: &impl SharedData) -> Result<(), HostError> {
    host.set_shared_data(keys::EPOCH, &[])
}

/// A number that differs from the one before if somebody has announced something since; one host call.
pub fn announced(host: &impl SharedData) -> Option<u32> {
    host.shared_data(keys::EPOCH).ok().flatten().map(|shared| shared.cas)
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_core::outlier::{EndpointKey, Record};
    use switchyard_host::fake::{FakeHost, SharedStore};

    fn note(ledger: &mut Ledger, key: u64) {
        ledger.put(Record { times: 1, ..Record::new(EndpointKey(key)) });
    }

    #[test]
    fn a_change_that_somebody_else_overtook_is_made_again_on_what_they_wrote() {
        let store = SharedStore::default();
        let (one, two) = (FakeHost::with_shared(&store), FakeHost::with_shared(&store));
        let table = Table::ledger("web");
        table.create(&one).unwrap();
        let mut overtaken = false;
        let changed = table.change_ledger(&one, |ledger| {
            if !overtaken {
                overtaken = true;
                table.change_ledger(&two, |ledger| (true, note(ledger, 2))).unwrap();
            }
            note(ledger, 1);
            (true, ())
        });
        assert!(changed.is_some());
        let keys: Vec<_> =
            Ledger::decode(&table.read(&one)).records().iter().map(|record| record.key.0).collect();
        assert_eq!(keys, [1, 2]);
    }

    #[test]
    fn a_table_under_constant_change_is_given_up_after_a_bounded_number_of_tries() {
        let store = SharedStore::default();
        let (one, two) = (FakeHost::with_shared(&store), FakeHost::with_shared(&store));
        let table = Table::ledger("web");
        let mut tries = 0;
        let changed = table.change_ledger(&one, |ledger| {
            tries += 1;
            table.change_ledger(&two, |ledger| (true, note(ledger, 2))).unwrap();
            note(ledger, 1);
            (true, ())
        });
        assert!(changed.is_none());
        assert!(tries <= TRIES);
    }

    #[test]
    fn a_table_that_there_is_no_memory_for_leaves_the_one_that_is_there() {
        let host = FakeHost::default();
        let table = Table::ledger("web");
        table.change_ledger(&host, |ledger| (true, note(ledger, 1))).unwrap();
        assert!(!Ledger::default().encode().is_empty() && !Budget::default().encode().is_empty());
        assert_eq!(table.update(&host, |_| (Some(Vec::new()), ())), None);
        assert_eq!(Ledger::decode(&table.read(&host)).records().len(), 1);
    }

    #[test]
    fn a_host_without_shared_data_stops_nothing() {
        let host = FakeHost::default();
        host.fail("proxy_get_shared_data", switchyard_host::Status::InternalFailure);
        let table = Table::ledger("web");
        assert!(table.create(&host).is_err());
        assert!(table.read(&host).is_empty());
        assert!(table.change_ledger(&host, |_| (true, ())).is_none());
        assert_eq!(announced(&host), None);
    }

    #[test]
    fn an_announcement_changes_the_number_that_all_workers_read() {
        let store = SharedStore::default();
        let (one, two) = (FakeHost::with_shared(&store), FakeHost::with_shared(&store));
        assert_eq!(announced(&one), None);
        announce(&one).unwrap();
        let first = announced(&two);
        announce(&one).unwrap();
        assert_ne!(announced(&two), first);
    }
}
