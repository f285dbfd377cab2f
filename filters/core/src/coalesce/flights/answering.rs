//! A leader's answer passes: whether it is for others, and a copy of it on the side.
//!
//! Invariants: an answer is given to others only when it is complete; what a leader's own client gets is never held up or changed.
//! Source: RFC 9111, sections 3 and 4; RFC 5861, section 4 (stale-if-error).

use super::super::board::FlightId;
use super::super::message::Says;
use super::super::settings::{OnError, Settings};
use super::super::sharing::NotShared;
use super::group::{Capture, Group, State};
use super::inbox::Landed;
use super::{Answer, Begun, Event, Exit, Flights, Policy, Role, Served, StreamId, Why, World};
use crate::memory::{append, length};
use crate::{HeadView, RequestView};
use std::rc::Rc;

impl<H: RequestView> Flights<H> {
    /// The answer to a stream begins; `answer` reads its status and headers, which is asked for only if somebody needs them.
    /// What becomes of it.
    pub fn answer_begins<A: HeadView>(
        &mut self,
        world: &mut impl World,
        stream: StreamId,
        ended: bool,
        answer: impl FnOnce() -> Option<(u16, A)>,
    ) -> Begun {
        let key = match self.roles.get(&stream) {
            Some(Role::Leads(key)) => Rc::clone(key),
            Some(Role::Watched(policy, key)) => {
                if answer().is_some_and(|(status, head)| policy.settings().may_share(status, &head).is_ok()) {
                    policy.share_again(key);
                }
                self.drop_role(stream);
                return Begun::Passes;
            }
            Some(Role::Released(key)) => {
                // The upstream has done its part; how fast the client reads is nobody else's concern.
                let key = Rc::clone(key);
                self.drop_role(stream);
                self.released_ended(world, &key);
                return Begun::Passes;
            }
            Some(Role::Elder(key)) => {
                let key = Rc::clone(key);
                return self.elder_begins(world, stream, &key, (ended, answer));
            }
            _ => return Begun::Passes,
        };
        self.leader_begins(world, stream, &key, (ended, answer))
    }

    /// The answer to one that leads begins.
    fn leader_begins<A: HeadView>(
        &mut self,
        world: &mut impl World,
        stream: StreamId,
        key: &Rc<[u8]>,
        (ended, answer): (bool, impl FnOnce() -> Option<(u16, A)>),
    ) -> Begun {
        let Some(group) = self.groups.get(key).filter(|group| group.is_led_by(stream)) else {
            return Begun::Passes;
        };
        if !group.is_waited_for() && !group.policy.keeps() {
            self.drop_role(stream);
            self.forget(world, key);
            return Begun::Passes;
        }
        let policy = Rc::clone(&group.policy);
        self.look_at_clock(world);
        // Nobody can tell whether an answer is for others that cannot be read.
        let Some((status, head)) = answer() else {
            self.disperse(world, key, false);
            return Begun::Passes;
        };
        let Some(leader) = self.groups.get(key).and_then(Group::leader) else { return Begun::Passes };
        match policy.settings().may_share_answer_to(&*leader.request, status, &head) {
            Ok(()) => self.capture(world, key, (status, &head), Served::Collapsed, ended),
            Err(why) => {
                world.count(&policy, Event::NotShared(why));
                if why == NotShared::Status && status >= 500 {
                    return self.failed(world, key, (status, &head), ended);
                }
                self.disperse(world, key, true);
                Begun::Passes
            }
        }
    }

    /// Begins to copy the answer.
    pub(super) fn capture<A: HeadView>(
        &mut self,
        world: &mut impl World,
        key: &Rc<[u8]>,
        (status, head): (u16, &A),
        served: Served,
        ended: bool,
    ) -> Begun {
        let now = self.clock.time();
        if let Some(group) = self.groups.get_mut(key)
            && let State::Led(leader) = &mut group.state
        {
            let settings = group.policy.settings();
            let mut answer = Answer::new(status, head.pairs(), &*leader.request, now);
            answer.strip_keyed_headers(&settings.key.rules);
            let keep =
                (settings.hold_for(head, &*leader.request), settings.may_serve_stale(head, &*leader.request));
            leader.capture = Some(Capture { answer, served, moved: now, keep });
        }
        if ended {
            self.complete(world, key);
            return Begun::Passes;
        }
        self.part_from_unfit(world, key);
        Begun::Captured
    }

    /// A piece of a leader's answer passes. Whether the next one is to be given, too.
    pub fn answer_body(
        &mut self,
        world: &mut impl World,
        stream: StreamId,
        piece: &[u8],
        ended: bool,
    ) -> bool {
        let Some(Role::Leads(key)) = self.roles.get(&stream) else { return false };
        let (key, now) = (Rc::clone(key), self.clock.time());
        let Some(group) = self.groups.get_mut(&key).filter(|group| group.is_led_by(stream)) else {
            return false;
        };
        let policy = Rc::clone(&group.policy);
        let Some(capture) = group.capture() else { return false };
        let whole = length(capture.answer.body.len()).saturating_add(length(piece.len()));
        let most = policy.settings().max_body_bytes;
        let too_much = match () {
            () if whole > most => Some(NotShared::TooLong),
            () if !policy.hold(length(piece.len())) => Some(NotShared::Memory),
            () if !append(&mut capture.answer.body, piece, usize::try_from(most).unwrap_or(usize::MAX)) => {
                policy.let_go(length(piece.len()));
                Some(NotShared::Memory)
            }
            () => None,
        };
        if let Some(why) = too_much {
            world.count(&policy, Event::NotShared(why));
            self.disperse(world, &key, why == NotShared::TooLong);
            return false;
        }
        capture.moved = now;
        if ended {
            self.look_at_clock(world);
            self.complete(world, &key);
        }
        !ended
    }

    /// A leader's answer ends with trailers, which a copy could not have.
    pub fn answer_trailers(&mut self, world: &mut impl World, stream: StreamId) {
        let Some(Role::Leads(key)) = self.roles.get(&stream) else { return };
        let key = Rc::clone(key);
        let Some(group) = self.groups.get_mut(&key).filter(|group| group.is_led_by(stream)) else { return };
        if group.capture().is_some() {
            let policy = Rc::clone(&group.policy);
            self.look_at_clock(world);
            world.count(&policy, Event::NotShared(NotShared::Trailers));
            self.disperse(world, &key, true);
        }
    }

    /// The answer is whole: everybody gets it.
    fn complete(&mut self, world: &mut impl World, key: &Rc<[u8]>) {
        let Some(mut group) = self.groups.remove(key) else { return };
        let State::Led(leader) = &mut group.state else { return };
        let (stream, capture) = (leader.stream, leader.capture.take());
        self.drop_role(stream);
        let flight = self.land(world, &mut group);
        let Some(Capture { mut answer, served, keep, .. }) = capture else { return };
        group.policy.let_go(length(answer.body.len()));
        // It grew by more than it needed, and may be kept.
        answer.body.shrink_to_fit();
        answer.at = self.clock.time();
        let answer = Rc::new(answer);
        if served == Served::Collapsed {
            group.policy.keep(key, &answer, keep, self.clock.time());
        }
        self.give_all(world, key, group, flight, (answer, served));
    }

    /// Gives an answer to all who wait for a flight that has landed.
    fn give_all(
        &mut self,
        world: &mut impl World,
        key: &Rc<[u8]>,
        group: Group<H>,
        flight: Option<FlightId>,
        (answer, served): (Rc<Answer>, Served),
    ) {
        if let Some(flight) = flight {
            for remote in &group.remotes {
                self.say(world, remote.at, flight, Says::Answer(served, Rc::clone(&answer)));
            }
            self.linger(Landed::new(
                flight,
                Rc::clone(&answer),
                served,
                self.clock.wall(),
                self.clock.time(),
            ));
        }
        self.hand_out(world, key, &group.policy, group.members, (answer, served));
    }

    /// The leader's answer is a failure.
    fn failed<A: HeadView>(
        &mut self,
        world: &mut impl World,
        key: &Rc<[u8]>,
        (status, head): (u16, &A),
        ended: bool,
    ) -> Begun {
        let Some(group) = self.groups.get(key) else { return Begun::Passes };
        let policy = Rc::clone(&group.policy);
        let stale = group.leader().and_then(|leader| policy.stale(key, &*leader.request, self.clock.time()));
        if let Some(stale) = stale.filter(|stale| policy.may_copy(length(stale.body.len()))) {
            world.count(&policy, Event::Kept(Served::Stale));
            self.give_stale(world, key, Rc::clone(&stale));
            return Begun::Replaced(stale, Served::Stale);
        }
        match &policy.settings().on_error {
            OnError::Share(statuses)
                if statuses.contains(&status) && Settings::is_for_others(status, head).is_ok() =>
            {
                return self.capture(world, key, (status, head), Served::Shared, ended);
            }
            OnError::Elect | OnError::Share(_) => self.succeed(world, key, Why::Failed),
            OnError::Release => self.disperse(world, key, false),
        }
        Begun::Passes
    }

    fn give_stale(&mut self, world: &mut impl World, key: &Rc<[u8]>, stale: Rc<Answer>) {
        let Some(mut group) = self.groups.remove(key) else { return };
        let leader = group.leader().map(|leader| leader.stream);
        let flight = self.land(world, &mut group);
        if let Some(leader) = leader {
            self.note_answered(leader, &group.policy, &stale);
        }
        self.give_all(world, key, group, flight, (stale, Served::Stale));
    }

    /// The answer is for its own client only: the others ask themselves; `pass`: and for a while nobody waits for this key.
    pub(super) fn disperse(&mut self, world: &mut impl World, key: &Rc<[u8]>, pass: bool) {
        let Some(mut group) = self.groups.remove(key) else { return };
        if let Some(leader) = group.leader() {
            self.leave_alone(leader.stream);
        }
        let flight = self.land(world, &mut group);
        if pass {
            group.policy.pass_on(key, self.clock.time());
        }
        let at_a_time = group.at_a_time();
        if let Some(flight) = flight {
            for remote in &group.remotes {
                self.say(world, remote.at, flight, Says::Release { at_a_time, pass });
            }
        }
        let policy: Rc<Policy> = Rc::clone(&group.policy);
        self.release(world, key, &policy, group.members, (Exit::Released, at_a_time));
    }
}
