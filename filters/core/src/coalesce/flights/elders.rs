//! Leaders that took too long: others lead in their place, and yet their answers may be the first to come.
//!
//! An upstream that takes longer than `max_leader_age` takes as long for the next leader. Who waited for the first one is
//! answered when its answer comes, not when that of its successor does.
//!
//! Invariants: whoever leads gives an answer to the others, and of those under way the one leads whose answer has begun first;
//! there are no more elders of a flight than `max_elections`. Trade-off: an elder whose flight was handed over to another worker
//! answers its own client alone; so one that took too long is succeeded in its own worker, if anybody waits there.

use super::super::sharing::NotShared;
use super::group::{Group, Leader, State};
use super::{Begun, Event, Flights, Role, Served, StreamId, World};
use crate::{HeadView, RequestView};
use std::rc::Rc;

impl<H: RequestView> Flights<H> {
    /// Who leads took too long, and its answer has not begun.
    pub(super) fn grows_old(&mut self, key: &Rc<[u8]>, group: &mut Group<H>) {
        let State::Led(leader) = &group.state else { return };
        let (stream, request) = (leader.stream, Rc::clone(&leader.request));
        if self.roles.contains_key(&stream) {
            group.elders.push((stream, request));
            self.set_role(stream, Role::Elder(Rc::clone(key)));
        }
    }

    /// The answer to an elder begins: it leads again if nobody else's has begun.
    pub(super) fn elder_begins<A: HeadView>(
        &mut self,
        world: &mut impl World,
        stream: StreamId,
        key: &Rc<[u8]>,
        (ended, answer): (bool, impl FnOnce() -> Option<(u16, A)>),
    ) -> Begun {
        self.set_role(stream, Role::Alone);
        let request = self.groups.get_mut(key).and_then(|group| group.take_elder(stream));
        let group = self.groups.get(key).filter(|group| group.is_waited_for());
        let begun = |group: &Group<H>| group.leader().is_none_or(|leader| leader.capture.is_some());
        let (Some(request), Some(group)) = (request, group.filter(|group| !begun(group))) else {
            return Begun::Passes;
        };
        let policy = Rc::clone(&group.policy);
        self.look_at_clock(world);
        let Some((status, head)) = answer() else { return Begun::Passes };
        match policy.settings().may_share_answer_to(&*request, status, &head) {
            Ok(()) => {
                self.leads_again(key, (stream, request));
                self.capture(world, key, (status, &head), Served::Collapsed, ended)
            }
            // Who leads now may do better.
            Err(NotShared::Status) if status >= 500 => Begun::Passes,
            Err(why) => {
                world.count(&policy, Event::NotShared(why));
                self.disperse(world, key, true);
                Begun::Passes
            }
        }
    }

    /// An elder leads in the place of who leads now, who is an elder from now on.
    fn leads_again(&mut self, key: &Rc<[u8]>, (stream, request): (StreamId, Rc<H>)) {
        let since = self.clock.time();
        let Some(group) = self.groups.get_mut(key) else { return };
        let State::Led(leader) = &mut group.state else { return };
        let before = core::mem::replace(leader, Leader { stream, request, since, capture: None });
        group.elders.push((before.stream, before.request));
        self.set_role(before.stream, Role::Elder(Rc::clone(key)));
        self.set_role(stream, Role::Leads(Rc::clone(key)));
    }

    /// An elder has ended.
    pub(super) fn elder_ended(&mut self, key: &Rc<[u8]>, stream: StreamId) {
        if let Some(group) = self.groups.get_mut(key) {
            group.take_elder(stream);
        }
    }
}

impl<H> Group<H> {
    /// The request of this elder, which is none any more; `None` if it is none of this flight.
    fn take_elder(&mut self, stream: StreamId) -> Option<Rc<H>> {
        let position = self.elders.iter().position(|(elder, _)| *elder == stream)?;
        Some(self.elders.swap_remove(position).1)
    }
}
