//! Which worker gathers the requests of which keys: slots in shared data that workers claim for a while.
//!
//! Invariant: a claim is only a hint. A worker that gathers for itself what another one gathers too makes smaller batches, and nothing
//! worse; so a slot that cannot be read or written costs nobody an answer.
//! Source: leases as in C. Gray and D. Cheriton, SOSP 1989.

use super::world::Event;
use super::{BatchHead, Gatherer, Policy, World};
use crate::shared_value::{SharedValue, update};
use crate::wire::{Reader, Writer};
use crate::{Address, Timestamp};
use core::marker::PhantomData;
use core::time::Duration;
use xxhash_rust::xxh64::xxh64;

/// How many slots there are; they are created before any worker serves.
pub const SLOTS: u32 = 256;
/// How long a claim holds without being renewed.
pub(super) const LEASE: Duration = Duration::from_secs(2);
/// How often a compare-and-swap is tried.
const TRIES: usize = 4;

/// The slot of a key.
pub(super) fn slot(key: &[u8]) -> u32 {
    u32::try_from(xxh64(key, 0) % u64::from(SLOTS)).unwrap_or_default()
}

fn encode(at: Address, until: Timestamp) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    writer.address(at).time(until);
    writer.finish()
}

fn decode(bytes: &[u8]) -> Option<(Address, Timestamp)> {
    let mut reader = Reader::new(bytes);
    Some((reader.address()?, reader.time()?))
}

/// One slot.
struct Slot<'a, W, H>(&'a mut W, u32, PhantomData<H>);

impl<H: BatchHead, W: World<H>> SharedValue for Slot<'_, W, H> {
    fn read(&mut self) -> Option<(Vec<u8>, u32)> {
        self.0.read(self.1)
    }

    fn swap(&mut self, value: &[u8], cas: u32) -> Option<bool> {
        Some(self.0.swap(self.1, value, cas))
    }
}

impl<H: BatchHead> Gatherer<H> {
    /// The other worker that gathers requests of this key; `None`: this one does.
    pub(super) fn gatherer(
        &mut self,
        world: &mut impl World<H>,
        policy: &Policy,
        key: &[u8],
    ) -> Option<Address> {
        let slot = slot(key);
        let me = self.away.me?;
        // By the wall, as others read it.
        let now = self.clock.wall();
        // A time that is too far off is of a clock that was set back.
        let holds = |until: &Timestamp| now < *until && *until <= now.plus(LEASE);
        let ours =
            self.away.claims.get(&slot).is_some_and(|until| holds(until) && now.plus(LEASE / 2) < *until);
        if ours || self.away.declined.get(&slot).is_some_and(holds) {
            return None;
        }
        let until = now.plus(LEASE);
        let gatherer = update(&mut Slot(world, slot, PhantomData), TRIES, |bytes| match decode(bytes) {
            Some((at, until)) if at != me && holds(&until) => (None, Some(at)),
            _ => (encode(me, until), None),
        });
        if let Some(gatherer) = gatherer {
            if gatherer.is_none() {
                self.away.claims.insert(slot, until);
            }
            return gatherer;
        }
        world.count(policy, Event::Degraded);
        None
    }

    /// This epoch of the worker is over: what it has claimed is anybody's, and nobody waits for it any more.
    pub fn resign(&mut self, world: &mut impl World<H>) {
        let Some(me) = self.away.me.take() else { return };
        for slot in std::mem::take(&mut self.away.claims).into_keys() {
            if let Some((bytes, cas)) = world.read(slot)
                && decode(&bytes).is_some_and(|(at, _)| at == me)
            {
                // Somebody else who has claimed it meanwhile keeps it.
                world.swap(slot, &[], cas);
            }
        }
    }
}
