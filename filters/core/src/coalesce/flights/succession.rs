//! One leads in another's place: the oldest who waits, here or in another worker.
//!
//! Invariants: a leader that is succeeded goes on for its own client alone; successions after failures are bounded by
//! `max_elections`, those after a client has left by the number of followers.

use super::super::board::{self, FlightId};
use super::super::message::{Message, Says};
use super::super::sharing::NotShared;
use super::group::{Away, Group, Remote, State, lead};
use super::{Claimed, Event, Exit, Flights, Role, SLOW_TICK, StreamId, Why, World};
use crate::{Address, RequestView, Timestamp};
use core::time::Duration;
use std::rc::Rc;

/// A worker that has said nothing for so long is taken for dead. It answers in microseconds, and is asked four times in between.
const SILENCE: Duration = Duration::from_secs(1);

impl<H: RequestView> Flights<H> {
    /// A stream that led has ended before its answer was complete.
    pub(super) fn leader_ended(&mut self, world: &mut impl World, key: &Rc<[u8]>, stream: StreamId) {
        let Some(group) = self.groups.get(key).filter(|group| group.is_led_by(stream)) else { return };
        if group.is_waited_for() {
            if group.leader().is_some_and(|leader| leader.capture.is_some()) {
                world.count(&group.policy, Event::NotShared(NotShared::Incomplete));
            }
            self.look_at_clock(world);
            self.succeed(world, key, Why::Gone);
        } else {
            self.forget(world, key);
        }
    }

    /// It leads no more; others may have taken its place.
    pub(super) fn leave_alone(&mut self, stream: StreamId) {
        if self.roles.contains_key(&stream) {
            self.set_role(stream, Role::Alone);
        }
    }

    /// The oldest who waits leads from now on.
    pub(super) fn succeed(&mut self, world: &mut impl World, key: &Rc<[u8]>, why: Why) {
        let Some(mut group) = self.groups.remove(key) else { return };
        // A client may leave while it waits for the headers as often as it likes; what breaks off later may be a failure.
        let has_begun = group.capture().is_some();
        group.drop_capture();
        group.elections += u32::from(why != Why::Gone || has_begun);
        if group.elections > group.policy.settings().max_elections {
            self.groups.insert(Rc::clone(key), group);
            return self.disperse(world, key, false);
        }
        world.count(&group.policy, Event::Succeeded(why));
        if why == Why::Age && !has_begun && !group.members.is_empty() {
            self.grows_old(key, &mut group);
            return self.promote(world, key, group);
        }
        if let Some(leader) = group.leader() {
            self.leave_alone(leader.stream);
        }
        match self.oldest_elsewhere(&mut group) {
            Some(remote) => self.hand_over(world, key, group, remote.at),
            None => self.promote(world, key, group),
        }
    }

    /// The worker where somebody has waited longest, if that is longer than anybody here; it is none of the others any more.
    fn oldest_elsewhere(&self, group: &mut Group<H>) -> Option<Remote> {
        let here = group.members.front().map(|member| member.since);
        let (position, remote) =
            group.remotes.iter().copied().enumerate().min_by_key(|(_, remote)| remote.oldest)?;
        if here.is_some_and(|here| here <= remote.oldest.plus(self.clock.ahead())) {
            return None;
        }
        group.remotes.swap_remove(position);
        Some(remote)
    }

    /// Another worker's oldest leads the same flight, and hears who else waits for it.
    fn hand_over(&mut self, world: &mut impl World, key: &Rc<[u8]>, mut group: Group<H>, to: Address) {
        let Some(flight) = self.take_off_board(world, &mut group) else {
            return self.promote(world, key, group);
        };
        let mut others: Vec<_> = group.remotes.drain(..).map(|remote| (remote.at, remote.oldest)).collect();
        if let (Some(me), Some(oldest)) = (self.me, self.oldest(&group)) {
            others.push((me, oldest));
        }
        let says = Says::Lead { elections: group.elections, others };
        let sent = self.say(world, to, flight, says.clone());
        if !sent {
            self.decline(world, flight, says);
        }
        match () {
            () if group.members.is_empty() => return group.policy.land(),
            () if !sent => return self.lead_again(world, key, group, (None, flight)),
            () => {}
        }
        group.state = State::Away(Away::new(flight, to, self.clock.time()));
        self.known.insert(flight, Rc::clone(key));
        self.groups.insert(Rc::clone(key), group);
    }

    /// A flight was handed over to this worker, if it leads it now: these wait for it elsewhere.
    pub(super) fn lead_for(
        &mut self,
        world: &mut impl World,
        key: &Rc<[u8]>,
        flight: FlightId,
        (elections, others): (u32, Vec<(Address, Timestamp)>),
    ) {
        let group = self.groups.get_mut(key);
        let leads = |group: &&mut Group<H>| group.claim.as_ref().is_some_and(|claim| claim.flight == flight);
        let Some(group) = group.filter(leads) else {
            return self.decline(world, flight, Says::Lead { elections, others });
        };
        group.remotes.extend(others.iter().map(|(at, oldest)| Remote { at: *at, oldest: *oldest }));
        let at_a_time = group.at_a_time();
        for (at, _) in others {
            self.say(world, at, flight, Says::Flying { at_a_time });
        }
    }

    /// Since when somebody has waited here, by the wall clock.
    fn oldest(&self, group: &Group<H>) -> Option<Timestamp> {
        let waited = self.clock.time().since(group.members.front()?.since);
        Some(Timestamp::from_nanos(self.clock.wall().as_nanos().saturating_sub(nanos(waited))))
    }

    /// The oldest here leads.
    fn promote(&mut self, world: &mut impl World, key: &Rc<[u8]>, mut group: Group<H>) {
        let Some(member) = group.members.pop_front() else {
            // Somebody elsewhere waits, and has been told; or nobody does.
            self.land(world, &mut group);
            return;
        };
        group.state = lead(&member, self.clock.time());
        if let Some(claim) = &mut group.claim {
            board::renew(world, claim, (self.clock.wall(), group.policy.settings().max_leader_age));
        }
        self.set_role(member.stream, Role::Leads(Rc::clone(key)));
        self.leaves(world, &group.policy, &member, Exit::Led);
        self.due.push_back((member.stream, Exit::Led));
        self.groups.insert(Rc::clone(key), group);
    }

    /// A flight of another worker is over without an answer, or is handed over: somebody here leads, or waits for whoever
    /// leads now.
    pub(super) fn lead_again(
        &mut self,
        world: &mut impl World,
        key: &Rc<[u8]>,
        mut group: Group<H>,
        (flight, over): (Option<FlightId>, FlightId),
    ) {
        self.known.remove(&over);
        if group.members.is_empty() {
            return group.policy.land();
        }
        let policy = Rc::clone(&group.policy);
        match self.claim(world, key, &policy, (flight, Some(over))) {
            Some(Claimed::Theirs(flight, leader)) => {
                self.follow(world, key, &mut group, flight, leader);
                self.groups.insert(Rc::clone(key), group);
            }
            other => {
                self.put_on_board(key, &mut group, other);
                self.promote(world, key, group);
            }
        }
    }

    /// Those who wait here follow a flight of another worker.
    pub(super) fn follow(
        &mut self,
        world: &mut impl World,
        key: &Rc<[u8]>,
        group: &mut Group<H>,
        flight: FlightId,
        leader: Address,
    ) {
        group.state = State::Away(Away::new(flight, leader, self.clock.time()));
        self.known.insert(flight, Rc::clone(key));
        self.ask(world, group);
    }

    /// Says to the leader's worker that somebody waits here.
    fn ask(&mut self, world: &mut impl World, group: &mut Group<H>) {
        let Some(oldest) = self.oldest(group) else { return };
        let State::Away(away) = &mut group.state else { return };
        away.asked = self.clock.time();
        let (to, flight) = (away.leader, away.flight);
        let heard = self.say(world, to, flight, Says::Join { sent: self.clock.wall(), oldest });
        if !heard && let State::Away(away) = &mut group.state {
            // Nobody is there: the next tick takes over.
            away.heard = Timestamp::default();
        }
    }

    pub(super) fn say(&self, world: &mut impl World, to: Address, flight: FlightId, says: Says) -> bool {
        let Some(from) = self.me else { return false };
        let message = Message { to: to.epoch, from, flight, says }.encode();
        message.is_some_and(|message| world.send(to.queue, &message))
    }

    /// The periodic work: who has waited long enough goes on; leaders that are slow, silent or stuck are succeeded.
    pub fn tick(&mut self, world: &mut impl World) {
        let now = self.look_at_clock(world);
        self.forget_landed();
        for group in self.groups.values_mut() {
            if let Some(claim) = &mut group.claim {
                claim.grow_old(self.clock.wall(), SLOW_TICK);
            }
        }
        let stirring =
            self.groups.iter().filter_map(|(key, group)| Some((Rc::clone(key), stirs(group, now)?)));
        let mut stirring: Vec<_> = stirring.collect();
        // In one order, whatever the table's is: who sees the same does the same.
        crate::sort::sort_by(&mut stirring, |(one, _), (other, _)| one.cmp(other));
        for (key, stir) in stirring {
            match stir {
                Stir::Succeed(why) => self.succeed(world, &key, why),
                Stir::Ask => self.ask_again(world, &key),
                Stir::Lost(flight) => self.lost(world, &key, flight),
                Stir::Empty => self.forget(world, &key),
            }
        }
        self.end_stuck_fans(world);
        // Last, so that somebody leads before others ask for themselves.
        self.end_long_waits(world);
    }

    fn ask_again(&mut self, world: &mut impl World, key: &Rc<[u8]>) {
        if let Some(mut group) = self.groups.remove(key) {
            self.ask(world, &mut group);
            self.groups.insert(Rc::clone(key), group);
        }
    }

    fn lost(&mut self, world: &mut impl World, key: &Rc<[u8]>, flight: FlightId) {
        if let Some(mut group) = self.groups.remove(key) {
            world.count(&group.policy, Event::Succeeded(Why::Lost));
            group.claim = None;
            self.lead_again(world, key, group, (None, flight));
        }
    }
}

/// What a tick does about a flight.
enum Stir {
    Succeed(Why),
    Ask,
    Lost(FlightId),
    Empty,
}

fn stirs<H>(group: &Group<H>, now: Timestamp) -> Option<Stir> {
    let settings = group.policy.settings();
    match &group.state {
        State::Led(_) if !group.is_waited_for() => None,
        State::Led(leader) => {
            let stuck = |capture: &super::group::Capture| now.since(capture.moved) >= settings.stall_timeout;
            match () {
                () if leader.capture.as_ref().is_some_and(stuck) => Some(Stir::Succeed(Why::Stall)),
                // When nobody may be elected any more, those who wait go when they have waited long enough.
                () if group.elections >= settings.max_elections => None,
                () if now.since(leader.since) >= settings.max_leader_age => Some(Stir::Succeed(Why::Age)),
                () => None,
            }
        }
        State::Away(_) if group.members.is_empty() => Some(Stir::Empty),
        State::Away(away) => match () {
            () if now.since(away.heard) >= SILENCE => Some(Stir::Lost(away.flight)),
            () if now.since(away.asked) >= SILENCE / 4 => Some(Stir::Ask),
            () => None,
        },
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
