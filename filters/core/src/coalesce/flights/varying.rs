//! Answers that vary by headers: whom one does not fit hears of it when it begins, not when it is complete.
//!
//! Invariant: an answer goes only to requests that it fits, which is looked at once more when it is given out. Trade-off: what
//! other workers heard of a leader's `Vary` may be out of date when another one leads; who goes on because of it asks by itself.
//! Source: RFC 9111, section 4.1.

use super::super::answer::{Varied, fits};
use super::super::board::FlightId;
use super::super::message::Says;
use super::group::{Group, Member, State};
use super::{Exit, Flights, World};
use crate::{Address, RequestView};
use std::collections::VecDeque;
use std::rc::Rc;

impl<H: RequestView> Group<H> {
    /// What the answer that is on its way varies by, as far as that is known.
    fn vary(&self) -> &[Varied] {
        match &self.state {
            State::Led(leader) => leader.capture.as_ref().map_or(&[], |capture| &capture.answer.vary),
            State::Away(away) => &away.vary,
        }
    }

    /// Whether the answer that is on its way may be for this request.
    pub(super) fn may_fit(&self, request: &impl RequestView) -> bool {
        fits(self.vary(), request)
    }
}

impl<H: RequestView> Flights<H> {
    /// It is known what the answer varies by: whom it cannot fit asks by itself, here and elsewhere.
    pub(super) fn part_from_unfit(&mut self, world: &mut impl World, key: &Rc<[u8]>) {
        let Some(group) = self.groups.get_mut(key).filter(|group| !group.vary().is_empty()) else { return };
        let members = core::mem::take(&mut group.members);
        let (fit, others): (VecDeque<_>, VecDeque<Member<H>>) =
            members.into_iter().partition(|member| group.may_fit(&*member.request));
        group.members = fit;
        let (policy, at_a_time) = (Rc::clone(&group.policy), group.at_a_time());
        let flight = group.claim.as_ref().map(|claim| claim.flight);
        let remotes: Vec<_> = group.remotes.iter().map(|remote| remote.at).collect();
        for (at, flight) in remotes.into_iter().zip(flight.into_iter().cycle()) {
            self.tell_vary(world, at, flight);
        }
        self.release(world, key, &policy, others, (Exit::Vary, at_a_time));
    }

    /// Says to another worker what the answer to a flight of this one varies by, if that is known.
    pub(super) fn tell_vary(&self, world: &mut impl World, to: Address, flight: FlightId) {
        let group = self.known.get(&flight).and_then(|key| self.groups.get(key));
        if let Some(group) = group.filter(|group| group.leader().is_some() && !group.vary().is_empty()) {
            self.say(world, to, flight, Says::Varies(group.vary().to_vec()));
        }
    }
}
