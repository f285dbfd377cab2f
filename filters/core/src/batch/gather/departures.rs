//! Batches and lone requests that leave, and lone ones that return.

use super::lessons::Pupil;
use super::member::{Member, Origin};
use super::world::{End, Event, Trigger};
use super::{BatchHead, Failure, FlightId, Gatherer, Key, Policy, Request, Whereabouts, World, failures};
use crate::Timestamp;
use crate::batch::{Short, call_headers};
use crate::budget::UnderWay;
use crate::deadline::TimeLeft;
use crate::decisions::Batched;
use core::time::Duration;
use std::rc::Rc;

/// The longest that a tick is away while anything waits or is under way: so much is lost if the clock is set back meanwhile.
const LONGEST_TICK: Duration = Duration::from_millis(100);
/// How much later than in time a call may be answered: the host ends it, this worker only sees to it that nobody hangs.
const GRACE: Duration = Duration::from_millis(500);
/// What the host can tell apart of how long a call may take.
const UNIT: Duration = Duration::from_millis(1);

/// A batch, or a lone request, that is under way.
#[derive(Debug)]
pub(super) struct Flight<H> {
    pub(super) key: Key,
    pub(super) policy: Rc<Policy>,
    pub(super) members: Vec<Member<H>>,
    /// A request that went on as its client wrote it.
    pub(super) is_lone: bool,
    /// That, and its answer has begun: nothing of it is held any more.
    pub(super) returning: Option<Origin>,
    pub(super) started: Timestamp,
    /// When it counts no more among those that hold others up.
    pub(super) counts_until: Timestamp,
    /// When the call is given up.
    pub(super) until: Timestamp,
    /// What it has of the budget, if it is a part of a batch that failed.
    pub(super) repeat: Option<UnderWay>,
    /// A call for it has reached nobody, and this is the one in its place.
    pub(super) is_second: bool,
}

impl<H> Flight<H> {
    /// Whether it is under way in another worker.
    fn is_guest(&self) -> bool {
        self.is_lone && self.origins().any(|origin| matches!(origin, Origin::There(..)))
    }

    /// Where its requests are.
    pub(super) fn origins(&self) -> impl Iterator<Item = Origin> {
        self.members.iter().filter_map(|member| member.origin).chain(self.returning)
    }

    pub(super) fn items(&self) -> u32 {
        let items: u64 = self.members.iter().map(Member::items).sum();
        u32::try_from(items).unwrap_or(u32::MAX)
    }
}

impl<H: BatchHead> Gatherer<H> {
    /// Does what is due. From a callback of the root. If [`Gatherer::has_work`] afterwards, there is more, for another callback.
    pub fn act(&mut self, world: &mut impl World<H>) {
        self.give(world);
        loop {
            // Calls that cannot be made leave parts of theirs.
            if let Some(flight) = self.repeats.pop_front() {
                self.leave(world, flight, Trigger::Repeat);
            } else if let Some(key) = self.due.pop_front() {
                self.depart(world, &key);
            } else if self.orphans.is_due() {
                let now = self.now(world);
                self.let_orphans_go(world, now);
            } else {
                return;
            }
        }
    }

    /// The periodic work. From a callback of the root.
    pub fn tick(&mut self, world: &mut impl World<H>) {
        let now = self.now(world);
        self.ring(now);
        let late = self.flights.iter().filter(|(_, flight)| flight.until.plus(GRACE) <= now);
        let mut late: Vec<_> = late.map(|(id, flight)| (*id, flight.is_lone)).collect();
        crate::sort::sort(&mut late);
        for (id, is_lone) in late {
            if is_lone {
                self.end_flight(id, None);
                continue;
            }
            self.calls.retain(|_, flight| *flight != id);
            if let Some(flight) = self.land(id) {
                self.failed(world, flight, Failure::Timeout, now);
            }
        }
        self.look_after_the_away(world, now);
        self.end_late_turns(world, now);
        self.end_stuck_turns(world, now);
        self.act(world);
    }

    /// How soon a tick is wanted, if any is.
    pub fn next_tick(&self, now: Timestamp) -> Option<Duration> {
        let alarm = self.alarms.next().map(|at| at.since(self.clock.at(now)).min(LONGEST_TICK));
        let others =
            !self.calls.is_empty() || !self.away.is_empty() || !self.givings.is_empty() || self.guests > 0;
        alarm.or(others.then_some(LONGEST_TICK))
    }

    /// Lets batches of a key leave.
    fn depart(&mut self, world: &mut impl World<H>, key: &Key) {
        let now = self.now(world);
        let Some(queue) = self.queues.get_mut(key) else { return };
        queue.is_due = false;
        self.look_for_stalls(world, key, now);
        let Some(queue) = self.queues.get_mut(key) else { return };
        queue.look(now);
        // No call is made for what has no time for one.
        let late = queue.expired(now.plus(queue.policy.settings().deadline.floor));
        let policy = Rc::clone(&queue.policy);
        for member in late {
            self.end(world, member, &policy, End::TimedOut, |part| failures::late(&policy, part));
        }
        let short = self.queues.get_mut(key).map(|queue| queue.too_short(now)).unwrap_or_default();
        for member in short {
            self.end_short(world, (Rc::clone(key), member), &policy);
        }
        while let Some((trigger, members)) = self.queues.get_mut(key).and_then(|queue| queue.next(now)) {
            for member in &members {
                let waited = now.since(member.arrived);
                world.count(&policy, Event::Waited(waited));
                if let Some(Origin::Here(stream)) = member.origin {
                    world.tell(stream, &Batched::Waited(waited));
                }
            }
            let flight = Flight {
                key: Rc::clone(key),
                policy: Rc::clone(&policy),
                members,
                is_lone: false,
                returning: None,
                started: now,
                counts_until: now,
                until: now,
                repeat: None,
                is_second: false,
            };
            self.leave(world, flight, trigger);
        }
        self.set_alarm(key);
        self.tidy(key);
    }

    /// A request that has waited, and has too little time left for a batch.
    fn end_short(&mut self, world: &mut impl World<H>, (key, member): (Key, Member<H>), policy: &Rc<Policy>) {
        if policy.settings().short == Short::Alone {
            return self.let_alone(world, (key, member), Rc::clone(policy), (Trigger::Short, None));
        }
        self.end(world, member, policy, End::Refused, |part| failures::short(policy, part));
    }

    /// Sends a batch, or lets its only request go on.
    pub(super) fn leave(&mut self, world: &mut impl World<H>, mut flight: Flight<H>, trigger: Trigger) {
        let now = self.now(world);
        if flight.members.len() == 1
            && let Some(member) = flight.members.pop()
        {
            let repeat = flight.repeat.take();
            return self.let_alone(world, (flight.key, member), flight.policy, (trigger, repeat));
        }
        let policy = Rc::clone(&flight.policy);
        if trigger == Trigger::Repeat && policy.next(Pupil::of(&flight.key), now).0.is_single() {
            for member in flight.members {
                let key = Rc::clone(&flight.key);
                self.let_alone(world, (key, member), Rc::clone(&policy), (trigger, None));
            }
            return;
        }
        world.count(&policy, Event::Left(trigger, flight.items()));
        let hurried = flight.members.iter().min_by_key(|member| member.deadline);
        let left = in_units(hurried.map_or(now, |member| member.deadline).since(now));
        let is_clients =
            hurried.is_some_and(|member| policy.settings().deadline.shortened(&member.head).is_some());
        (flight.started, flight.until) = (now, now.plus(left));
        let joined = policy.settings().protocol.join(&parts(&flight));
        let told = TimeLeft::new(left, is_clients);
        let headers = flight.members.first().and_then(|first| {
            call_headers(&first.head, &joined, &told, policy.settings().deadline.header.as_deref())
        });
        let call = headers.and_then(|headers| {
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (&**name, &**value)).collect();
            world.call(&policy, &Request { headers: &headers, body: &joined.body }, left)
        });
        match call {
            Some(call) => {
                let id = self.fly(flight);
                self.calls.insert(call, id);
            }
            None => self.failed(world, flight, Failure::Call, now),
        }
    }

    /// A flight is under way from now on.
    pub(super) fn fly(&mut self, mut flight: Flight<H>) -> FlightId {
        self.flown += 1;
        for origin in flight.origins() {
            self.requests.insert(origin, Whereabouts::Flying(self.flown));
        }
        self.guests += usize::from(flight.is_guest());
        flight.counts_until = flight.started.plus(flight.policy.settings().stall_timeout);
        let queue = self.queues.entry(Rc::clone(&flight.key));
        let queue = queue.or_insert_with(|| super::Queue::new(&flight.policy, &flight.key));
        queue.sets_out(self.flown, flight.counts_until);
        self.flights.insert(self.flown, flight);
        self.flown
    }

    /// A flight is over; what waits for it is due.
    pub(super) fn land(&mut self, id: FlightId) -> Option<Flight<H>> {
        let flight = self.flights.remove(&id)?;
        self.guests -= usize::from(flight.is_guest());
        if let Some(queue) = self.queues.get_mut(&flight.key) {
            queue.has_returned |= queue.comes_back(id, flight.counts_until);
            if flight.is_lone && !queue.is_empty() {
                queue.lone_returned = Some(flight.started);
            }
        }
        if self.queues.get(&flight.key).is_some_and(|queue| !queue.is_empty()) {
            self.schedule(&flight.key);
        } else {
            self.tidy(&flight.key);
        }
        for origin in flight.origins() {
            self.requests.remove(&origin);
        }
        Some(flight)
    }
}

/// What the host makes of a time that a call may take; never nothing, which it would take for no limit.
fn in_units(left: Duration) -> Duration {
    let units = left.as_nanos() / UNIT.as_nanos();
    UNIT * u32::try_from(units).unwrap_or(u32::MAX).max(1)
}

/// The parts of a flight, in order.
pub(super) fn parts<H>(flight: &Flight<H>) -> Vec<&crate::batch::Part> {
    flight.members.iter().map(|member| &member.part).collect()
}
