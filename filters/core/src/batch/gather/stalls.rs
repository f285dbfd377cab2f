//! What is under way and does not move holds nobody up for long.
//!
//! A batch counts among those under way until its answer is there, a lone request until its answer is whole, and either no longer
//! than `stall_timeout`. When the answer to a lone request begins, the upstream has done its part, and how fast its client reads
//! is up to the client: from then on it counts for `max_delay` at most, the time that anybody may have to wait anyway.
//!
//! Invariants: of a key no more than `max_in_flight` count at a time; whatever a client does with the answer to a lone request,
//! reading nothing or a byte now and then, it holds others up no longer than `max_delay`, as often as it likes; and what an
//! upstream leaves without an answer, no longer than `stall_timeout`, so that within that time no more than `max_in_flight` more
//! leave. Trade-offs: an upstream whose calls take longer than that gets more of them at a time than `max_in_flight`; one that
//! sends its head long before its body is taken for idle meanwhile.
//! Source: `stall_timeout` as in [`crate::coalesce`].

use super::departures::Flight;
use super::member::Origin;
use super::world::{Event, StreamId};
use super::{BatchHead, FlightId, Gatherer, Key, Whereabouts, World};
use crate::Timestamp;

impl<H: BatchHead> Gatherer<H> {
    /// The answer to a request that went on alone begins, and more of it is to come.
    pub fn begins(&mut self, world: &mut impl World<H>, stream: StreamId, well: bool) {
        if !self.away.begins(world, stream, well) {
            self.lone_begins(world, Origin::Here(stream), well);
        }
    }

    /// The same, wherever it is paused.
    pub(super) fn lone_begins(&mut self, world: &mut impl World<H>, origin: Origin, well: bool) {
        let Some(Whereabouts::Flying(id)) = self.requests.get(&origin).cloned() else { return };
        let Some(flight) = self.flights.get_mut(&id).filter(|flight| flight.is_lone) else { return };
        let Some(member) = flight.members.pop() else { return };
        let (policy, key, started) = (flight.policy.clone(), flight.key.clone(), flight.started);
        let items = u32::try_from(member.items()).unwrap_or(u32::MAX);
        flight.returning = member.origin;
        policy.release(member.bytes);
        let is_waited_for = self.queues.get(&key).is_some_and(|queue| !queue.is_empty());
        let now = (well || is_waited_for).then(|| self.now(world));
        if let Some(now) = now.filter(|_| well) {
            policy.landed(items, started, now);
        }
        match now {
            Some(now) => {
                self.counts_down(id, now);
                self.set_alarm(&key);
            }
            // Nobody waits, and nobody has asked for the time: it is looked at when somebody comes.
            None => self.returning.push(id),
        }
    }

    /// From now on its answer has as long as anybody may wait anyway.
    fn counts_down(&mut self, id: FlightId, now: Timestamp) {
        let Some(flight) = self.flights.get_mut(&id) else { return };
        let until = now.plus(flight.policy.settings().max_delay).min(flight.counts_until);
        let before = core::mem::replace(&mut flight.counts_until, until);
        if let Some(queue) = self.queues.get_mut(&flight.key)
            && queue.comes_back(id, before)
        {
            queue.sets_out(id, until);
        }
    }

    /// What has stood still for too long counts no more.
    pub(super) fn look_for_stalls(&mut self, world: &mut impl World<H>, key: &Key, now: Timestamp) {
        for id in core::mem::take(&mut self.returning) {
            self.counts_down(id, now);
        }
        while let Some(id) = self.queues.get_mut(key).and_then(|queue| queue.stalled(now)) {
            let flight: Option<&Flight<H>> = self.flights.get(&id);
            if let Some(flight) = flight {
                world.count(&flight.policy, Event::Stalled);
            }
        }
    }
}
