//! Requests that go on alone, and return.
//!
//! Invariants: a lone request keeps others of its key waiting no longer than [`super::stalls`] lets it, and one that is paused in
//! another worker no longer than that worker says that it is there. Trade-off: one whose time is over may be under way still, and counts no more.

use super::departures::Flight;
use super::member::{Member, Origin};
use super::world::{End, Event, Repeat, StreamId, Trigger};
use super::{BatchHead, FlightId, Gatherer, Key, Policy, Whereabouts, World};
use crate::Timestamp;
use crate::budget::UnderWay;
use core::time::Duration;
use std::rc::Rc;

/// A worker that has said nothing of its lone request for so long is no more.
const SILENCE: Duration = Duration::from_secs(1);

impl<H: BatchHead> Gatherer<H> {
    /// The answer to a request that went on alone is there, whole.
    pub fn returned(&mut self, world: &mut impl World<H>, stream: StreamId, well: bool) {
        if !self.orphans.ended(stream) && !self.away.returned(world, stream, well) {
            self.end_lone(world, Origin::Here(stream), well);
        }
    }

    /// Whether a request of this worker has been let go, and the end of its answer is to be told.
    pub fn is_alone(&self, stream: StreamId) -> bool {
        let flight = match self.requests.get(&Origin::Here(stream)) {
            Some(Whereabouts::Flying(id)) => self.flights.get(id),
            _ => None,
        };
        flight.is_some_and(|flight| flight.is_lone) || self.away.is_alone(stream)
    }

    /// Counts a request that goes on alone, and keeps that it is a repeat, if it is one.
    pub(super) fn lone(
        &mut self,
        world: &mut impl World<H>,
        (key, member): (Key, Member<H>),
        trigger: Trigger,
        now: Timestamp,
    ) {
        let Some(policy) = self.queues.get(&key).map(|queue| Rc::clone(&queue.policy)) else { return };
        self.fly_alone(world, (key, member), policy, (trigger, None), now);
    }

    pub(super) fn fly_alone(
        &mut self,
        world: &mut impl World<H>,
        (key, member): (Key, Member<H>),
        policy: Rc<Policy>,
        (trigger, repeat): (Trigger, Option<UnderWay>),
        now: Timestamp,
    ) {
        world.count(&policy, Event::Left(trigger, u32::try_from(member.items()).unwrap_or(u32::MAX)));
        world.count(&policy, Event::Ended(End::Alone));
        let until = match member.origin {
            Some(Origin::There(..)) => member.deadline.min(now.plus(SILENCE)),
            _ => member.deadline,
        };
        let (members, returning, counts_until) = (vec![member], None, now);
        self.fly(Flight {
            key,
            policy,
            members,
            is_lone: true,
            returning,
            started: now,
            counts_until,
            until,
            repeat,
            is_second: false,
        });
    }

    /// Lets a request go on that waited.
    pub(super) fn let_alone(
        &mut self,
        world: &mut impl World<H>,
        (key, member): (Key, Member<H>),
        policy: Rc<Policy>,
        (trigger, repeat): (Trigger, Option<UnderWay>),
    ) {
        let now = self.now(world);
        if trigger == Trigger::Repeat {
            world.count(&policy, Event::Repeated(Repeat::Alone));
        }
        let left = member.deadline.since(now);
        let went = member.origin.is_some_and(|origin| self.resume(world, &policy, origin, left));
        if went {
            self.fly_alone(world, (key, member), policy, (trigger, repeat), now);
        } else {
            if let Some(origin) = member.origin {
                self.requests.remove(&origin);
                world.count(&policy, Event::Ended(End::Gone));
            }
            policy.release(member.bytes);
        }
    }

    /// A lone request is over.
    pub(super) fn end_lone(&mut self, world: &mut impl World<H>, origin: Origin, well: bool) {
        if let Some(Whereabouts::Flying(id)) = self.requests.get(&origin).cloned()
            && self.flights.get(&id).is_some_and(|flight| flight.is_lone)
        {
            let well = well.then(|| self.now(world));
            self.end_flight(id, well);
        }
    }

    /// The flight of a lone request is over; it returned well at this time.
    pub(super) fn end_flight(&mut self, id: FlightId, well: Option<Timestamp>) {
        let Some(flight) = self.land(id) else { return };
        if let Some(now) = well {
            flight.policy.landed(flight.items(), flight.started, now);
        }
        flight.members.iter().for_each(|member| flight.policy.release(member.bytes));
    }

    /// The worker where a request is paused, or was, says that it is there still.
    pub(super) fn prolong(&mut self, world: &mut impl World<H>, origin: Origin) -> bool {
        let now = self.now(world);
        let Some(whereabouts) = self.requests.get(&origin) else { return false };
        if let Whereabouts::Flying(id) = whereabouts
            && let Some(flight) = self.flights.get_mut(id)
            && let [member] = flight.members.as_slice()
            && flight.is_lone
        {
            flight.until = member.deadline.min(now.plus(SILENCE));
        }
        true
    }
}
