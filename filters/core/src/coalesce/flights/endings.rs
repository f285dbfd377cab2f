//! Streams that end, in whichever way.
//!
//! Invariant: whatever a stream was to this worker, it is nothing after its end, and what it held is free.

use super::{Event, Exit, Flights, Role, StreamId, World};
use crate::RequestView;
use std::rc::Rc;

impl<H: RequestView> Flights<H> {
    /// The stream has ended, in whichever way.
    pub fn ended(&mut self, world: &mut impl World, stream: StreamId) {
        match self.drop_role(stream) {
            Some(Role::Leads(key)) => self.leader_ended(world, &key, stream),
            Some(Role::Waits(key)) => self.member_ended(world, &key, stream),
            Some(Role::Leaves(policy, since)) => {
                world.count(&policy, Event::Left(Exit::Gone, self.clock.time().since(since)));
            }
            Some(Role::Released(key)) => self.released_ended(world, &key),
            Some(Role::Elder(key)) => self.elder_ended(&key, stream),
            Some(Role::Answered(policy, bytes)) => policy.copy_read(bytes),
            Some(Role::Watched(..) | Role::Alone) | None => {}
        }
    }

    fn member_ended(&mut self, world: &mut impl World, key: &Rc<[u8]>, stream: StreamId) {
        let Some(group) = self.groups.get_mut(key) else { return };
        if let Some(member) = group.remove(stream) {
            world.count(&group.policy, Event::Left(Exit::Gone, self.clock.time().since(member.since)));
        }
        if group.leader().is_none() && group.members.is_empty() {
            self.forget(world, key);
        }
    }

    /// Nobody here leads, and nobody waits.
    pub(super) fn forget(&mut self, world: &mut impl World, key: &Rc<[u8]>) {
        if let Some(mut group) = self.groups.remove(key) {
            self.land(world, &mut group);
        }
    }
}
