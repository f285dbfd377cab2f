//! Clients that leave.
//!
//! Invariant: one that waited is asked for no more; one in a batch gets nothing, and what was asked for it is thrown away.

use super::member::Origin;
use super::world::{End, Event, StreamId};
use super::{BatchHead, Gatherer, Whereabouts, World};

impl<H: BatchHead> Gatherer<H> {
    /// The stream has ended.
    pub fn gone(&mut self, world: &mut impl World<H>, stream: StreamId) {
        self.unread.remove(&stream);
        if !self.orphans.ended(stream) && !self.away.gone(world, stream) {
            self.drop_request(world, Origin::Here(stream));
        }
    }

    /// The client of a request that this worker gathers has left.
    pub(super) fn drop_request(&mut self, world: &mut impl World<H>, origin: Origin) {
        match self.requests.get(&origin).cloned() {
            Some(Whereabouts::Waiting(key)) => {
                self.requests.remove(&origin);
                let Some(queue) = self.queues.get_mut(&key) else { return };
                if let Some(member) = queue.remove(origin) {
                    queue.policy.release(member.bytes);
                    world.count(&queue.policy, Event::Ended(End::Gone));
                }
                self.tidy(&key);
            }
            Some(Whereabouts::Flying(id)) => {
                if self.flights.get(&id).is_some_and(|flight| flight.is_lone) {
                    self.end_lone(world, origin, false);
                } else if let Some(flight) = self.flights.get_mut(&id) {
                    self.requests.remove(&origin);
                    let left = flight.members.iter_mut().find(|member| member.origin == Some(origin));
                    if let Some(member) = left {
                        member.origin = None;
                        world.count(&flight.policy, Event::Ended(End::Gone));
                    }
                }
            }
            Some(Whereabouts::Given(number)) => self.leaves_its_turn(world, number, origin),
            None => {}
        }
    }
}
