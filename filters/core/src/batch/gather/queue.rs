//! Requests of one key that wait for a batch to leave.
//!
//! Invariants: first come, first served: no request is overtaken by one of its own key. What is taken is within all limits, or is
//! a single request.

use super::lessons::Pupil;
use super::member::{Member, Origin};
use super::world::Trigger;
use super::{FlightId, Policy};
use crate::Timestamp;
use crate::batch::{Leaves, Most};
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

/// How late a tick may come.
const GRAIN: Duration = Duration::from_millis(2);

fn before(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_nanos(time.as_nanos().saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
}

/// Later than any.
const LATEST: Timestamp = Timestamp::from_nanos(u64::MAX);

/// How much there is of something with three limits.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    items: u64,
    bytes: u64,
    weight: u64,
}

impl Load {
    fn with<H>(self, member: &Member<H>) -> Self {
        Self {
            items: self.items.saturating_add(member.items()),
            bytes: self.bytes.saturating_add(member.bytes),
            weight: self.weight.saturating_add(member.part.weight),
        }
    }
}

/// The requests of one key.
#[derive(Debug)]
pub(super) struct Queue<H> {
    pub(super) policy: Rc<Policy>,
    waiting: VecDeque<Member<H>>,
    /// All that wait.
    load: Load,
    /// When the time of the first of them is over.
    soonest: Timestamp,
    /// Batches and lone requests that are under way, by the time when they count no more.
    under_way: BTreeSet<(Timestamp, FlightId)>,
    /// When it is to be looked at, as the alarms have it.
    pub(super) alarm: Option<Timestamp>,
    /// It is to be looked at in the root's next callback.
    pub(super) is_due: bool,
    /// Something has returned since a batch left.
    pub(super) has_returned: bool,
    /// When the last lone request left that has returned since it was looked at.
    pub(super) lone_returned: Option<Timestamp>,
    /// What was learnt of its key: the most of the next batch, and until when that waits for those who were answered.
    pub(super) pupil: Pupil,
    pub(super) most: Most,
    pub(super) waits_until: Option<Timestamp>,
}

impl<H> Queue<H> {
    pub(super) fn new(policy: &Rc<Policy>, key: &[u8]) -> Self {
        Self {
            policy: Rc::clone(policy),
            pupil: Pupil::of(key),
            most: Most::ANY,
            waits_until: None,
            lone_returned: None,
            waiting: VecDeque::new(),
            load: Load::default(),
            soonest: LATEST,
            under_way: BTreeSet::new(),
            alarm: None,
            is_due: false,
            has_returned: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A request comes, and what was learnt of its key is looked at.
    pub(super) fn comes(&mut self, now: Timestamp) {
        (self.most, self.waits_until) = self.policy.comes(self.pupil, now);
    }

    /// What was learnt of its key is looked at, and that something has returned is learnt.
    pub(super) fn look(&mut self, now: Timestamp) {
        if let Some(left) = self.lone_returned.take() {
            self.policy.answered(self.pupil, 1, left, now);
        }
        (self.most, self.waits_until) = self.policy.next(self.pupil, now);
    }

    /// Why a request that comes goes alone at once, if it does.
    pub(super) fn goes_alone(&self) -> Option<Trigger> {
        if self.most.is_single() {
            return Some(Trigger::NoBatches);
        }
        let is_idle = self.in_flight() == 0 && self.is_empty() && self.held_until().is_none();
        (is_idle && self.policy.settings().leaves != Leaves::FixedDelay).then_some(Trigger::Idle)
    }

    /// Until when the next batch waits for those who were answered, though nothing is under way.
    pub(super) fn held_until(&self) -> Option<Timestamp> {
        let settings = self.policy.settings();
        let may_wait = !settings.shadow && settings.leaves != Leaves::FixedDelay && self.in_flight() == 0;
        self.waits_until.filter(|_| may_wait)
    }

    /// Batches and lone requests that are under way, and hold others up.
    pub(super) fn in_flight(&self) -> u32 {
        u32::try_from(self.under_way.len()).unwrap_or(u32::MAX)
    }

    /// A flight is under way, and counts until then.
    pub(super) fn sets_out(&mut self, flight: FlightId, until: Timestamp) {
        self.under_way.insert((until, flight));
    }

    /// A flight that counts until then counts no more. Whether it did.
    pub(super) fn comes_back(&mut self, flight: FlightId, until: Timestamp) -> bool {
        self.under_way.remove(&(until, flight))
    }

    /// The next flight that has stood still for so long that it counts no more.
    pub(super) fn stalled(&mut self, now: Timestamp) -> Option<FlightId> {
        let next = self.under_way.first().filter(|(until, _)| *until <= now)?.1;
        self.under_way.pop_first();
        Some(next)
    }

    /// Items that wait.
    pub(super) fn items(&self) -> u32 {
        u32::try_from(self.load.items).unwrap_or(u32::MAX)
    }

    pub(super) fn push(&mut self, member: Member<H>) {
        self.load = self.load.with(&member);
        self.soonest = self.soonest.min(member.deadline);
        self.waiting.push_back(member);
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, origin: Origin) -> Option<Member<H>> {
        let place = self.waiting.iter().position(|member| member.origin == Some(origin))?;
        let member = self.waiting.remove(place);
        self.measure();
        member
    }

    /// Takes out those whose time is over.
    pub(super) fn expired(&mut self, now: Timestamp) -> Vec<Member<H>> {
        if self.soonest > now {
            return Vec::new();
        }
        let (late, rest): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|member| member.deadline <= now);
        self.waiting = rest.into();
        self.measure();
        late
    }

    /// Takes out those that a batch would come too late for, were it to leave now: they would cut it short for the others, since
    /// a call takes no longer than the least of its requests has left. None, if there are no others.
    pub(super) fn too_short(&mut self, now: Timestamp) -> Vec<Member<H>> {
        let limit = self.policy.limit(Duration::ZERO);
        let back = now.plus(self.policy.estimate(self.items().min(limit)));
        if self.soonest >= back || self.waiting.iter().all(|member| member.deadline < back) {
            return Vec::new();
        }
        let (short, rest): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|member| member.deadline < back);
        self.waiting = rest.into();
        self.measure();
        short
    }

    fn measure(&mut self) {
        self.load = self.waiting.iter().fold(Load::default(), Load::with);
        self.soonest = self.waiting.iter().map(|member| member.deadline).min().unwrap_or(LATEST);
    }

    /// Why a batch leaves now, if one does.
    fn leaves(&self, now: Timestamp) -> Option<Trigger> {
        let oldest = self.waiting.front()?;
        let settings = self.policy.settings();
        if self.most.is_single() {
            return Some(Trigger::NoBatches);
        }
        if self.in_flight() >= settings.max_in_flight {
            return None;
        }
        let is_held = self.held_until().is_some_and(|until| now < until);
        if self.in_flight() == 0 && settings.leaves != Leaves::FixedDelay && !is_held {
            let limit = self.limit(now.since(oldest.arrived));
            return Some(match self.load.items > limit || self.waiting.len() > self.most.requests {
                // More than may go wait for the next.
                true => Trigger::Adaptive,
                false if self.has_returned => Trigger::Returned,
                false => Trigger::Idle,
            });
        }
        let waited = now.since(oldest.arrived);
        self.is_full().or_else(|| {
            if waited >= settings.max_delay && !is_held {
                return Some(Trigger::Delay);
            }
            (self.leave_by() <= now).then_some(Trigger::Deadline)
        })
    }

    /// The most items of a batch whose oldest request has waited for so long.
    fn limit(&self, waited: Duration) -> u64 {
        self.policy.limit(waited).min(self.most.items).into()
    }

    /// The limit that what waits has reached.
    pub(super) fn is_full(&self) -> Option<Trigger> {
        let settings = self.policy.settings();
        let items = settings.max_items.min(self.most.items);
        let is_all = self.load.items >= items.into() || self.waiting.len() >= self.most.requests;
        let reached = [
            (is_all, Trigger::Items),
            (self.load.bytes >= settings.max_bytes, Trigger::Bytes),
            (self.load.weight >= settings.max_weight, Trigger::Weight),
        ];
        reached.iter().find(|(reached, _)| *reached).map(|(_, trigger)| *trigger)
    }

    /// When one of those that wait would come too late, were it not to leave.
    fn leave_by(&self) -> Timestamp {
        let items = self.items().min(self.policy.limit(Duration::ZERO));
        let floor = self.policy.settings().deadline.floor;
        // While nothing is known of calls, one is thought to take the least that makes sense, and a tick that comes a little
        // late must not be too late.
        before(self.soonest, self.policy.estimate(items).max(floor).max(GRAIN) + floor)
    }

    /// When it is to be looked at, if nothing happens before.
    pub(super) fn looked_at(&self) -> Option<Timestamp> {
        let oldest = self.waiting.front()?;
        let settings = self.policy.settings();
        let stalls = self.under_way.first().map_or(LATEST, |(until, _)| *until);
        if self.in_flight() >= settings.max_in_flight {
            return Some(before(self.soonest, settings.deadline.floor).min(stalls));
        }
        if let Some(until) = self.held_until() {
            return Some(until.min(self.leave_by()));
        }
        Some(oldest.arrived.plus(settings.max_delay).min(self.leave_by()).min(stalls))
    }

    /// The next batch, if one leaves now, and why.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<(Trigger, Vec<Member<H>>)> {
        let trigger = self.leaves(now)?;
        let members = self.take(now);
        if members.len() > 1 && self.most != Most::ANY {
            // Where it is doubted whether batches are taken, others leave as its departure lets them.
            self.policy.leaves(self.pupil, now);
            self.look(now);
        }
        Some((trigger, members))
    }

    /// Takes the next batch: the oldest requests, as many as it may have.
    fn take(&mut self, now: Timestamp) -> Vec<Member<H>> {
        let Some(oldest) = self.waiting.front() else { return Vec::new() };
        let settings = self.policy.settings();
        let limit = self.limit(now.since(oldest.arrived));
        let (mut load, mut count) = (Load::default(), 0);
        for member in &self.waiting {
            load = load.with(member);
            let fits = count < self.most.requests
                && load.items <= limit
                && load.bytes <= settings.max_bytes
                && load.weight <= settings.max_weight;
            if !fits && count > 0 {
                break;
            }
            count += 1;
        }
        let taken = self.waiting.drain(..count).collect();
        self.has_returned = false;
        self.measure();
        taken
    }
}
