//! What other workers say about flights.
//!
//! Invariants: a message for another epoch of this worker, or about a flight that nobody here knows, changes nothing here; only
//! the worker that leads a flight, and has said so last, ends it; who asks for a flight always gets an answer.

use super::super::board::FlightId;
use super::super::message::{Message, Says};
use super::super::sharing::NotShared;
use super::group::{Away, Group, Remote, State};
use super::{Answer, Event, Exit, Flights, Served, World};
use crate::memory::length;
use crate::{Address, RequestView, Timestamp};
use core::time::Duration;
use std::collections::VecDeque;
use std::rc::Rc;

/// How long an answer is kept for those who asked for it before it was complete, but whose message came later.
const LINGER: Duration = Duration::from_millis(100);
/// How many answers are kept so.
const MOST_LANDED: usize = 32;
/// What they take together, in bytes.
const MOST_LANDED_BYTES: u64 = 4 << 20;

/// A flight that has just landed.
pub(super) struct Landed {
    flight: FlightId,
    answer: Rc<Answer>,
    served: Served,
    /// When, by the wall clock, which others read, too.
    wall: Timestamp,
    at: Timestamp,
}

impl Landed {
    pub(super) fn new(
        flight: FlightId,
        answer: Rc<Answer>,
        served: Served,
        wall: Timestamp,
        at: Timestamp,
    ) -> Self {
        Self { flight, answer, served, wall, at }
    }
}

impl<H: RequestView> Flights<H> {
    /// A message has come.
    pub fn message(&mut self, world: &mut impl World, bytes: &[u8]) {
        let Some(message) = Message::decode(bytes) else { return };
        if self.me.is_none_or(|me| me.epoch != message.to) {
            return;
        }
        let now = self.look_at_clock(world);
        let (from, flight) = (message.from, message.flight);
        if let Says::Join { sent, oldest } = message.says {
            let reply = self.asked(from, flight, sent, oldest);
            self.say(world, from, flight, reply);
            self.tell_vary(world, from, flight);
            return;
        }
        let Some((key, away)) = self.follows(flight) else {
            return self.decline(world, flight, message.says);
        };
        match message.says {
            Says::Flying { at_a_time } => away.note_leader(from, at_a_time, now),
            _ if away.leader != from => {}
            Says::Varies(vary) => {
                away.vary = vary;
                self.part_from_unfit(world, &key);
            }
            says => {
                if let Some(group) = self.groups.remove(&key) {
                    self.told(world, &key, group, flight, says);
                }
            }
        }
    }

    /// The flight of another worker that somebody here waits for, and its key.
    fn follows(&mut self, flight: FlightId) -> Option<(Rc<[u8]>, &mut Away)> {
        let key = self.known.get(&flight)?;
        match &mut self.groups.get_mut(key)?.state {
            State::Away(away) if away.flight == flight => Some((Rc::clone(key), away)),
            State::Away(_) | State::Led(_) => None,
        }
    }

    /// Nobody here waits for this flight any more, so nobody here leads it: those who wait elsewhere hear of that.
    pub(super) fn decline(&self, world: &mut impl World, flight: FlightId, says: Says) {
        if let Says::Lead { elections, others } = says {
            for (at, _) in others {
                // They take it from whoever leads.
                self.say(world, at, flight, Says::Flying { at_a_time: 1 });
                self.say(world, at, flight, Says::Gone { elections });
            }
        }
    }

    /// Somebody in another worker waits for a flight of this one.
    fn asked(&mut self, from: Address, flight: FlightId, sent: Timestamp, oldest: Timestamp) -> Says {
        let now = self.clock.time();
        let group = self.known.get(&flight).and_then(|key| self.groups.get_mut(key));
        if let Some(group) = group.filter(|group| group.leader().is_some()) {
            group.begin_waiting(now);
            match group.remotes.iter_mut().find(|remote| remote.at == from) {
                Some(remote) => remote.oldest = oldest,
                None => group.remotes.push(Remote { at: from, oldest }),
            }
            return Says::Flying { at_a_time: group.at_a_time() };
        }
        let landed = self.landed.iter().find(|landed| landed.flight == flight && sent <= landed.wall);
        landed.map_or(Says::Gone { elections: 0 }, |landed| {
            Says::Answer(landed.served, Rc::clone(&landed.answer))
        })
    }

    /// The flight that a group follows is over.
    fn told(
        &mut self,
        world: &mut impl World,
        key: &Rc<[u8]>,
        mut group: Group<H>,
        flight: FlightId,
        says: Says,
    ) {
        let policy = Rc::clone(&group.policy);
        match says {
            Says::Gone { elections } if elections <= policy.settings().max_elections => {
                group.elections = group.elections.max(elections);
                self.lead_again(world, key, group, (None, flight));
            }
            Says::Lead { elections, others } => {
                group.elections = group.elections.max(elections);
                self.lead_again(world, key, group, (Some(flight), flight));
                self.lead_for(world, key, flight, (elections, others));
            }
            Says::Answer(served, answer) => {
                self.land(world, &mut group);
                self.receive(world, key, group, (answer, served));
            }
            Says::Release { at_a_time, pass } => {
                self.land(world, &mut group);
                if pass {
                    policy.pass_on(key, self.clock.time());
                }
                self.release(world, key, &policy, group.members, (Exit::Released, at_a_time));
            }
            Says::Gone { .. } | Says::Join { .. } | Says::Flying { .. } | Says::Varies(_) => {
                self.land(world, &mut group);
                let at_a_time = policy.settings().release_concurrency;
                self.release(world, key, &policy, group.members, (Exit::Released, at_a_time));
            }
        }
    }

    /// The answer to a flight of another worker is here, for those who wait for it; they ask themselves if there is no room for it.
    fn receive(
        &mut self,
        world: &mut impl World,
        key: &Rc<[u8]>,
        group: Group<H>,
        (mut answer, served): (Rc<Answer>, Served),
    ) {
        let policy = group.policy;
        if !policy.account().has_room(length(answer.body.len())) {
            world.count(&policy, Event::NotShared(NotShared::Memory));
            let at_a_time = policy.settings().release_concurrency;
            return self.release(world, key, &policy, group.members, (Exit::Released, at_a_time));
        }
        // Nobody else has it yet.
        if let Some(answer) = Rc::get_mut(&mut answer) {
            answer.at = self.clock.time();
        }
        self.hand_out(world, key, &policy, group.members, (answer, served));
    }

    /// Keeps an answer for those whose message is on its way.
    pub(super) fn linger(&mut self, landed: Landed) {
        self.landed.push_back(landed);
        let bytes = |landed: &VecDeque<Landed>| landed.iter().map(|one| one.answer.size()).sum::<u64>();
        while self.landed.len() > MOST_LANDED || bytes(&self.landed) > MOST_LANDED_BYTES {
            self.landed.pop_front();
        }
    }

    pub(super) fn forget_landed(&mut self) {
        let now = self.clock.time();
        while self.landed.pop_front_if(|landed| now.since(landed.at) >= LINGER).is_some() {}
    }
}
