//! Requests that another worker gathered, which is no more: they go alone, a few at a time.
//!
//! Invariants: of a key no more than `max_in_flight` of them are under way at a time, each until its answer begins or its stream
//! ends; whoever's time is over meanwhile is answered like any other that waits. Trade-off: keys that share a slot share its
//! places, too.

use super::world::{End, Event, StreamId};
use super::{BatchHead, Gatherer, Policy, World};
use crate::Timestamp;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::rc::Rc;

/// The orphans of one worker.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    /// Those that wait for their turn, and those of them that are no more.
    waiting: VecDeque<StreamId>,
    /// Those that were let go, and their slots.
    under_way: HashMap<StreamId, u32>,
    /// How many that are, by slot.
    at_a_time: HashMap<u32, u32>,
    /// One more may go.
    is_due: bool,
}

impl Orphans {
    /// One more waits for its turn.
    pub(super) fn push(&mut self, stream: StreamId) {
        self.waiting.push_back(stream);
        self.is_due = true;
    }

    /// Whether something is to be done in a callback of the root.
    pub(super) fn is_due(&self) -> bool {
        self.is_due
    }

    /// Forgets those that are none any more.
    pub(super) fn retain(&mut self, is_one: impl Fn(StreamId) -> bool) {
        self.waiting.retain(|stream| is_one(*stream));
    }

    fn has_room(&self, slot: u32, policy: &Policy) -> bool {
        self.at_a_time.get(&slot).is_none_or(|count| *count < policy.settings().max_in_flight)
    }

    fn sets_out(&mut self, stream: StreamId, slot: u32) {
        self.under_way.insert(stream, slot);
        *self.at_a_time.entry(slot).or_default() += 1;
    }

    /// The answer to a request begins, or its stream has ended. Whether it is one of those that were let go.
    pub(super) fn ended(&mut self, stream: StreamId) -> bool {
        let Some(slot) = self.under_way.remove(&stream) else { return false };
        if let Some(count) = self.at_a_time.get_mut(&slot) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.at_a_time.remove(&slot);
            }
        }
        self.is_due = !self.waiting.is_empty();
        debug_assert!(self.adds_up(), "as many count for slots as are under way: {self:?}");
        true
    }

    /// Whether what is counted by slot is what is under way: nobody sees the count, and one that is not given back makes others wait
    /// for nobody until their time is over.
    fn adds_up(&self) -> bool {
        let counted: u64 = self.at_a_time.values().map(|count| u64::from(*count)).sum();
        usize::try_from(counted).is_ok_and(|counted| counted == self.under_way.len())
    }
}

impl<H: BatchHead> Gatherer<H> {
    /// Lets those go whose turn it is. From a callback of the root.
    pub(super) fn let_orphans_go(&mut self, world: &mut impl World<H>, now: Timestamp) {
        if !core::mem::take(&mut self.orphans.is_due) {
            return;
        }
        for stream in core::mem::take(&mut self.orphans.waiting) {
            let Some((slot, policy)) = self.away.orphan(stream) else { continue };
            let policy = Rc::clone(policy);
            if !self.orphans.has_room(slot, &policy) {
                self.orphans.waiting.push_back(stream);
                continue;
            }
            world.count(&policy, Event::Ended(End::Alone));
            if self.go_on(world, stream, now) {
                self.orphans.sets_out(stream, slot);
            }
        }
    }
}
