//! Gauges that are a sum over all workers: what each VM adds to them, in shared data, where it outlives nobody.
//!
//! A VM that dies takes off nothing. So none adds and takes off: each writes its part of every gauge into a slot of its own, and a gauge
//! is set to the sum of the slots. A slot that its owner has not written for [`LEASE`] is a dead VM's; whoever notices sets the
//! gauges without it and then frees it. Every step can be made again by anybody, so it does not matter who dies in between.
//!
//! Invariants: slots are bounded in number, and what is in them by the series that a VM may define; who has set a gauge looks once more
//! whether a slot has changed meanwhile, so the last one to set it knows all parts; a VM whose slot was taken for a dead one's
//! takes another.
//! Trade-offs: a gauge is right again within some [`LEASE`]s after a VM's death, if anything at all happens in another of its filter, or
//! in its successor; and while any VM of a filter adds something, those that have ticked since tick on, every [`LOOK`].
//! Source: leases, as in Gray and Cheriton (SOSP 1989); time is counted by who looks, so no clock need agree with another.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::wire::{Reader, Writer};
use switchyard_host::{HostError, SharedData};

/// So many VMs of a filter may add to gauges at a time.
pub const SLOTS: u32 = 256;
/// How often a VM says that it lives, and looks whether others do.
pub const LOOK: Duration = Duration::from_millis(500);
/// How long others must have seen a slot unchanged to take its owner for dead; no look counts for more than [`LOOK`].
pub const LEASE: Duration = Duration::from_secs(2);
/// How often a change is tried, against others'.
const TRIES: usize = 8;
const VERSION: u8 = 1;

/// Makes the slots of a filter; what is there stays.
///
/// # Errors
/// If shared data cannot be had.
pub fn prepare(filter: &str, host: &impl SharedData) -> Result<(), HostError> {
    crate::shared::reach::make_entries(SLOTS, |number| keys::gauges(filter, number), host)
}

/// What somebody adds to gauges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Slot {
    number: u32,
    cas: u32,
    /// 0: nobody.
    owner: u64,
    parts: BTreeMap<String, u64>,
}

impl Slot {
    /// The slot with these bytes; nobody's, if they are none.
    fn read(number: u32, cas: u32, bytes: &[u8]) -> Self {
        let (owner, parts) = decode(bytes).unwrap_or_default();
        Self { number, cas, owner, parts }
    }

    fn is_free(&self) -> bool {
        self.owner == 0
    }
}

fn encode(owner: u64, parts: &BTreeMap<String, u64>) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    writer.byte(VERSION).long(owner);
    for (name, value) in parts {
        writer.bytes(name.as_bytes()).long(*value);
    }
    writer.finish()
}

fn decode(bytes: &[u8]) -> Option<(u64, BTreeMap<String, u64>)> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != VERSION {
        return None;
    }
    let owner = reader.long()?;
    let mut parts = BTreeMap::new();
    while !reader.rest().is_empty() {
        parts.insert(reader.text()?.to_owned(), reader.long()?);
    }
    Some((owner, parts))
}

/// What this VM adds to gauges, and what it knows of others.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Without those that are zero.
    own: RefCell<BTreeMap<String, u64>>,
    /// Gauges that are to be set.
    news: RefCell<BTreeSet<String>>,
    /// Where the own ones are, or were last, and as whose.
    slot: Cell<Option<(u32, u64)>>,
    looked: Cell<Option<Timestamp>>,
    /// How long slots have been seen unchanged, and with which number.
    ages: RefCell<HashMap<u32, (u32, Duration)>>,
    /// Others add something, too.
    has_others: Cell<bool>,
}

impl Parts {
    /// This VM adds so much more, or less, to the gauge of this name.
    pub(super) fn adjust(&self, name: &str, by: i64) {
        let (Ok(mut own), Ok(mut news)) = (self.own.try_borrow_mut(), self.news.try_borrow_mut()) else {
            return;
        };
        let now = own.get(name).copied().unwrap_or(0).saturating_add_signed(by);
        match now {
            0 => drop(own.remove(name)),
            _ => drop(own.insert(name.to_owned(), now)),
        }
        news.insert(name.to_owned());
    }

    /// How soon it is to look again, if it must.
    pub(super) fn next_look(&self) -> Option<Duration> {
        let adds = self.own.try_borrow().is_ok_and(|own| !own.is_empty());
        (adds || self.has_others.get()).then_some(LOOK)
    }

    /// Tells what has changed, that it lives, and what the dead have left; `set` sets a gauge, if it can.
    pub(super) fn tell(
        &self,
        filter: &str,
        host: &impl SharedData,
        now: Timestamp,
        mut set: impl FnMut(&str, u64) -> bool,
    ) {
        let since = self.looked.get().map_or(LOOK, |looked| now.since(looked));
        let is_due = self.looked.get().is_none_or(|looked| now.is_due(looked, LOOK));
        if !is_due && self.news.borrow().is_empty() {
            return;
        }
        self.looked.set(Some(now));
        let Some(mut slots) = read(filter, host) else { return };
        self.grow_old(&slots, since.min(LOOK));
        for _ in 0..TRIES {
            let written = self.write_own(filter, host, &slots, now);
            let is_told =
                written.is_some_and(|written| written && self.set_sums(filter, host, &slots, &mut set));
            let Some(again) = read(filter, host) else { return };
            if is_told && self.are_unchanged(&slots, &again) {
                return self.mark_told(filter, host, &again);
            }
            self.grow_old(&again, Duration::ZERO);
            slots = again;
        }
    }

    /// All that there was to tell is told; who adds nothing needs no slot.
    fn mark_told(&self, filter: &str, host: &impl SharedData, slots: &[Slot]) {
        self.news.take();
        let mine = slots.iter().find(|slot| self.is_own(slot)).filter(|_| self.own.borrow().is_empty());
        if let Some(slot) = mine {
            // One that could not be freed is free in a lease's time.
            let _ = free(filter, host, slot);
        }
    }

    /// Counts for how long slots have been as they are.
    fn grow_old(&self, slots: &[Slot], by: Duration) {
        let Ok(mut ages) = self.ages.try_borrow_mut() else { return };
        let before = core::mem::take(&mut *ages);
        let age = |slot: &Slot| {
            let known = before.get(&slot.number).filter(|(cas, _)| *cas == slot.cas);
            (slot.number, (slot.cas, known.map_or(Duration::ZERO, |(_, age)| *age + by)))
        };
        let others = slots.iter().filter(|slot| !slot.is_free() && !self.is_own(slot));
        ages.extend(others.map(age));
        self.has_others.set(!ages.is_empty());
    }

    fn is_own(&self, slot: &Slot) -> bool {
        self.slot.get() == Some((slot.number, slot.owner))
    }

    /// Whether its owner is no more.
    fn is_dead(&self, slot: &Slot) -> bool {
        let ages = self.ages.borrow();
        ages.get(&slot.number).is_some_and(|(cas, age)| *cas == slot.cas && *age >= LEASE)
    }

    /// Writes what this VM adds into its slot, or takes one for it; `false`: somebody else was quicker. `None`: it cannot be written.
    fn write_own(
        &self,
        filter: &str,
        host: &impl SharedData,
        slots: &[Slot],
        now: Timestamp,
    ) -> Option<bool> {
        let own = self.own.borrow();
        let mine = slots.iter().find(|slot| self.is_own(slot));
        let (slot, owner) = match mine {
            Some(slot) => (slot, slot.owner),
            None if own.is_empty() => return Some(true),
            None => {
                // Its part of all of them was taken for a dead one's, or has never been told.
                self.news.borrow_mut().extend(own.keys().cloned());
                let free = slots.iter().find(|slot| slot.is_free())?;
                (free, u64::from(free.cas) << 32 | now.as_nanos() & 0xffff_ffff)
            }
        };
        // Should it die before the gauges are set to which it adds nothing any more, somebody must know of them.
        let mut parts: BTreeMap<_, _> = self.news.borrow().iter().map(|name| (name.clone(), 0)).collect();
        parts.extend(own.iter().map(|(name, value)| (name.clone(), *value)));
        let written = host
            .swap_shared_data(&keys::gauges(filter, slot.number), &encode(owner, &parts)?, slot.cas)
            .ok()?;
        if written {
            self.slot.set(Some((slot.number, owner)));
        }
        Some(written)
    }

    /// Sets the gauges that have changed, and those that the dead have added to; then their slots are free. Whether that was all
    /// that there is to do.
    fn set_sums(
        &self,
        filter: &str,
        host: &impl SharedData,
        slots: &[Slot],
        set: &mut impl FnMut(&str, u64) -> bool,
    ) -> bool {
        let (dead, others): (Vec<_>, Vec<_>) =
            slots.iter().filter(|slot| !self.is_own(slot)).partition(|slot| self.is_dead(slot));
        let own = self.own.borrow();
        let mut news = self.news.borrow_mut();
        news.extend(dead.iter().flat_map(|slot| slot.parts.keys().cloned()));
        let all_set = news.iter().fold(true, |all, name| {
            let theirs = others.iter().filter_map(|slot| slot.parts.get(name));
            let sum = theirs.chain(own.get(name)).fold(0_u64, |sum, part| sum.saturating_add(*part));
            set(name, sum) && all
        });
        // One that is not freed is looked at once more, with all others.
        all_set && dead.iter().all(|slot| free(filter, host, slot))
    }

    /// Whether nobody else has written meanwhile.
    fn are_unchanged(&self, before: &[Slot], after: &[Slot]) -> bool {
        let of = |slots: &[Slot]| {
            let others =
                slots.iter().filter(|slot| !slot.is_free() && !self.is_own(slot) && !self.is_dead(slot));
            others.map(|slot| (slot.number, slot.cas)).collect::<Vec<_>>()
        };
        of(before) == of(after)
    }
}

/// Whether a slot is nobody's now, which was what it was when it was read.
fn free(filter: &str, host: &impl SharedData, slot: &Slot) -> bool {
    let Some(nobodys) = encode(0, &BTreeMap::new()) else { return false };
    host.swap_shared_data(&keys::gauges(filter, slot.number), &nobodys, slot.cas).unwrap_or(false)
}

/// All slots that have ever been anybody's, and one more; `None` if they cannot be read.
fn read(filter: &str, host: &impl SharedData) -> Option<Vec<Slot>> {
    let mut slots = Vec::new();
    for number in 0..SLOTS {
        let shared = host.shared_data(&keys::gauges(filter, number)).ok()??;
        slots.push(Slot::read(number, shared.cas, &shared.value));
        if shared.value.is_empty() {
            break;
        }
    }
    Some(slots)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
