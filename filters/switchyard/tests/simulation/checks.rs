//! What must hold at any time, looked at every so often.

use crate::document::{ENDPOINTS, MOST_EJECTED_PERCENT};
use crate::endpoints::first;
use crate::process::Process;
use crate::ride::Ride;
use crate::side::LITTLE;
use crate::stakes::Rule;
use switchyard_core::contract::keys;
use switchyard_core::health::Health;
use switchyard_core::outlier::{EndpointKey, Ledger, Record};
use switchyard_host::SharedData as _;

/// Shared data holds, by docs/memory.md, 2,048 buckets of the board, 256 slots of batches, 256 of gauges for each filter, and a few
/// values for each upstream and each document.
const MOST_KEYS: usize = 4_000;
const MOST_BYTES: usize = 2 << 20;
/// Each filter's workers have so many queues between them.
const MOST_QUEUES: usize = 2 * 1024 + 16;
/// So many failures in a row eject an endpoint that is in rotation.
const EVIDENCE: u64 = 3;
/// The last ejection is seen by everybody who is well after so many milliseconds, and by those who had been named before.
pub(crate) const SEEN: u64 = 1_500;
/// A root whose stream is held may be told to tick with the next message.
const OWNER: u64 = 300;

impl Process {
    /// Whether the clock has been steady for so long.
    pub(crate) fn is_steady_since(&self, millis: u64) -> bool {
        self.stepped.is_none_or(|at| at + millis < self.now)
    }

    /// Whether all was well for so long.
    pub(crate) fn is_well_since(&self, millis: u64) -> bool {
        self.is_steady_since(millis) && self.sides.iter().all(|side| side.is_well_since(millis, self.now))
    }

    pub(crate) fn looks(&mut self) {
        if self.now.is_multiple_of(50) {
            self.look_at_ejections();
        }
        if self.now.is_multiple_of(100) {
            self.rides.values().for_each(|ride| self.look_at_ride(ride));
            self.look_at_accounts();
            self.see_gauges();
        }
        if self.now.is_multiple_of(1_000) {
            self.look_at_bounds();
        }
    }

    fn look_at_ride(&self, ride: &Ride) {
        if !ride.is_held() {
            return;
        }
        let side = &self.sides[ride.side];
        ride.is_in_time(self.moment(ride.side), side.faulty_until, &self.stakes);
        let ways = [&ride.request, &ride.answer];
        let long = ways.iter().any(|way| way.held.is_some_and(|held| held.at + OWNER < self.now));
        if long && side.is_well_since(OWNER, self.now) {
            let wakes = side.worker.will_wake();
            self.stakes.check(Rule::HasOwner, wakes, || format!("nothing will wake {}", ride.story()));
        }
    }

    fn look_at_bounds(&mut self) {
        let (keys, bytes) = self.store.size();
        let holds = keys <= MOST_KEYS && bytes <= MOST_BYTES;
        self.stakes.check(Rule::SharedBounded, holds, || format!("{keys} keys, {bytes} bytes"));
        let (queues, _) = self.store.mail();
        self.stakes.check(Rule::QueuesBounded, queues <= MOST_QUEUES, || format!("{queues} queues"));
        for side in self.sides.iter().filter(|side| side.is_small) {
            let memory = side.worker.memory();
            let taken = [memory.kept.taken(), memory.unread.taken()];
            if taken.iter().any(|taken| *taken > LITTLE / 2) {
                let holds = taken.iter().all(|taken| *taken <= LITTLE);
                self.stakes.check(Rule::MemoryBounded, holds, || format!("{taken:?}"));
            }
        }
    }

    /// What outlier's workers have written of the endpoints of this upstream.
    fn ledger(&self, upstream: &str) -> Ledger {
        let shared = self.onlooker.shared_data(&keys::ledger(upstream)).ok().flatten();
        Ledger::decode(&shared.map(|shared| shared.value).unwrap_or_default())
    }

    fn record(&self, address: &str) -> Option<Record> {
        self.ledger("one").get(EndpointKey::of(address)).copied()
    }

    /// Those of the first upstream that are ejected are few, and for a reason.
    pub(crate) fn look_at_ejections(&mut self) {
        let ledger = self.ledger("one");
        let mut out = 0;
        for address in (1..=ENDPOINTS).map(first) {
            let record = ledger.get(EndpointKey::of(&address));
            if record.is_none_or(|record| !record.is_out_of_rotation()) {
                self.endpoints.is_back(&address);
                continue;
            }
            out += 1;
            if let Some(failed) = self.endpoints.is_ejected(&address, self.now) {
                self.tally.count("ejections");
                self.stakes
                    .check(Rule::Evidence, failed >= EVIDENCE, || format!("{address}: {failed} failures"));
            }
        }
        if out > 0 {
            let allowed = (ENDPOINTS * MOST_EJECTED_PERCENT / 100).max(1);
            self.stakes.check(Rule::MostEjected, out <= allowed, || format!("{out} of {allowed}"));
        }
    }

    /// That these candidates of a request that this side got then are whom there is.
    pub(crate) fn look_at_candidates(&self, side: usize, began: u64, candidates: &str) {
        let names = || candidates.split(',').map(str::trim);
        let nobody = names().any(|name| name == crate::endpoints::NOBODY);
        if self.tally.of("lists that break off") > 0 {
            self.stakes.check(Rule::ListsWhole, !nobody, || candidates.to_owned());
        }
        if !self.is_steady_since(2 * SEEN) || !self.sides[side].is_well_since(SEEN, self.now) {
            return;
        }
        if !self.endpoints.left.is_empty() && names().any(|name| name.starts_with("10.0.1.")) {
            let is_gone = |name| self.endpoints.left.get(name).is_some_and(|at| at + 2 * SEEN < began);
            self.stakes.check(Rule::LeftUnnamed, !names().any(is_gone), || {
                format!("{candidates}; gone: {:?}", self.endpoints.left)
            });
        }
        if !self.endpoints.ejected.is_empty() && names().any(|name| name.starts_with("10.0.0.")) {
            let ejected = names().find(|name| self.is_surely_ejected(name, began));
            self.stakes
                .check(Rule::EjectedUnnamed, ejected.is_none(), || format!("{ejected:?} in {candidates}"));
        }
    }

    /// It had been ejected for long then, and its time is not over. Its own record says since when: between two looks it may have been back.
    fn is_surely_ejected(&self, address: &str, then: u64) -> bool {
        let (now, passed) = (self.wall(), self.now - then);
        self.record(address).is_some_and(|record| {
            record.health == Health::Ejected
                && record.since.as_millis() + SEEN + passed < now
                && record.until.as_millis() > now + SEEN
        })
    }
}
