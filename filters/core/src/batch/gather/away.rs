//! Requests that are paused here and gathered by another worker.
//!
//! Invariant: each of them ends: by what that worker says, by its time being over, or, when that worker has not answered
//! [`ASKS`] times, a second, alone if it may be made twice, else with an error, for it may have been made.

use super::claims::{LEASE, slot};
use super::failures;
use super::giving::SMALL;
use super::member::{Member, Origin};
use super::message::{Message, Offer, Says};
use super::world::{End, Event, StreamId};
use super::{Arrival, BatchHead, Candidate, Gatherer, Policy, Reply, World};
use crate::batch::Part;
use crate::memory::length;
use crate::{Address, Timestamp};
use core::time::Duration;
use hashbrown::HashMap;
use std::rc::Rc;

/// How often a worker that gathers is asked for a request.
const ASK: Duration = Duration::from_millis(200);
/// A worker that has said nothing though asked so often is no more. What counts is that this one has asked: it may have stood still
/// itself, and not heard yet what has come meanwhile.
const ASKS: u32 = 4;

/// A request that another worker gathers.
#[derive(Debug)]
struct Request {
    gatherer: Address,
    policy: Rc<Policy>,
    part: Part,
    bytes: u64,
    slot: u32,
    deadline: Timestamp,
    /// When it was asked for last, or something was heard.
    asked: Timestamp,
    /// How often it was asked for since something was heard.
    asks: u32,
    stage: Stage,
}

/// How far a request has come. One at a time: whoever has been let go waits for no turn any more, whoever lets it go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The other worker gathers it.
    Gathered,
    /// The worker that gathers is no more; it goes alone when it is its turn.
    Orphan,
    /// It has been let go; the end of its answer is to be told.
    Alone,
    /// The same; its answer has begun, and its place is free.
    Returning,
}

impl Request {
    /// One that another worker gathers from now on.
    fn new(
        gatherer: Address,
        policy: &Rc<Policy>,
        (part, bytes, slot): (Part, u64, u32),
        (deadline, now): (Timestamp, Timestamp),
    ) -> Self {
        let policy = Rc::clone(policy);
        Self { gatherer, policy, part, bytes, slot, deadline, asked: now, asks: 0, stage: Stage::Gathered }
    }

    fn is_alone(&self) -> bool {
        matches!(self.stage, Stage::Alone | Stage::Returning)
    }
}

/// What this worker has with others.
#[derive(Debug, Default)]
pub(super) struct Away {
    pub(super) me: Option<Address>,
    /// Slots of this worker, and until when.
    pub(super) claims: HashMap<u32, Timestamp>,
    /// Slots whose worker has another configuration; until then requests are gathered here.
    pub(super) declined: HashMap<u32, Timestamp>,
    requests: HashMap<StreamId, Request>,
}

impl Away {
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Whether this is one of them, and has been let go.
    pub(super) fn is_alone(&self, stream: StreamId) -> bool {
        self.requests.get(&stream).is_some_and(Request::is_alone)
    }

    /// The slot and the policy of a request that waits for its turn to go alone.
    pub(super) fn orphan(&self, stream: StreamId) -> Option<(u32, &Rc<Policy>)> {
        self.requests
            .get(&stream)
            .filter(|request| request.stage == Stage::Orphan)
            .map(|request| (request.slot, &request.policy))
    }

    /// Tells the other worker that the answer to a request begins. Whether this is one of them.
    pub(super) fn begins<H>(&mut self, world: &mut impl World<H>, stream: StreamId, well: bool) -> bool {
        let Some(request) = self.requests.get_mut(&stream) else { return false };
        if request.stage == Stage::Alone {
            request.stage = Stage::Returning;
            request.policy.release(request.bytes);
            let gatherer = request.gatherer;
            self.say(world, gatherer, stream, Says::Begins { well });
        }
        true
    }

    /// Whether this was one of them.
    pub(super) fn returned<H>(&mut self, world: &mut impl World<H>, stream: StreamId, well: bool) -> bool {
        let Some(request) = self.requests.remove(&stream) else { return false };
        self.close(world, stream, &request, well);
        true
    }

    /// Whether this was one of them.
    pub(super) fn gone<H>(&mut self, world: &mut impl World<H>, stream: StreamId) -> bool {
        self.returned(world, stream, false)
    }

    /// Tells the other worker that a request is over.
    fn close<H>(&self, world: &mut impl World<H>, stream: StreamId, request: &Request, well: bool) {
        let says = if request.is_alone() { Says::Returned { well } } else { Says::Gone };
        self.say(world, request.gatherer, stream, says);
        if request.stage != Stage::Returning {
            request.policy.release(request.bytes);
        }
    }

    /// Whether there is a queue for it.
    pub(super) fn say<H>(
        &self,
        world: &mut impl World<H>,
        to: Address,
        stream: StreamId,
        says: Says<'_>,
    ) -> bool {
        let Some(from) = self.me else { return false };
        let message = Message { to: to.epoch, from, stream, says }.encode();
        message.is_some_and(|message| world.send(to.queue, &message))
    }
}

impl<H: BatchHead> Gatherer<H> {
    /// Sends a request to the worker that gathers it.
    pub(super) fn offer(
        &mut self,
        world: &mut impl World<H>,
        gatherer: Address,
        request: Candidate<H>,
        policy: &Rc<Policy>,
        now: Timestamp,
    ) -> Arrival {
        let stream = request.stream;
        let deadline = now.plus(request.allowance);
        let bytes = u64::try_from(request.part.bytes()).unwrap_or(u64::MAX);
        if let Err(why) = policy.admit(bytes) {
            world.count(policy, Event::Passed(why));
            return Arrival::Passes;
        }
        let offer = Offer {
            route: policy.route().into(),
            configuration: policy.configuration(),
            key: request.key.as_slice().into(),
            deadline: self.clock.wall().plus(request.allowance),
            head: request.head.pairs().map(|(name, value)| (name.into(), value.into())).collect(),
            body: request.body.as_slice().into(),
        };
        if !self.away.say(world, gatherer, stream, Says::Offer(Box::new(offer))) {
            // That worker is no more; its claim will be over soon.
            policy.release(bytes);
            world.count(policy, Event::Degraded);
            let member = Member::new(Origin::Here(stream), request.part, request.head, now, deadline);
            return self.gather(world, member, request.key, policy, now);
        }
        let what = (request.part, bytes, slot(&request.key));
        let request = Request::new(gatherer, policy, what, (deadline, now));
        self.away.requests.insert(stream, request);
        Arrival::Waits
    }

    /// What the worker that gathers says of a request of ours.
    pub(super) fn told(
        &mut self,
        world: &mut impl World<H>,
        from: Address,
        stream: StreamId,
        says: Says<'_>,
    ) {
        let now = self.now(world);
        let Some(request) = self.away.requests.get_mut(&stream) else { return };
        if request.gatherer != from || request.is_alone() {
            return;
        }
        (request.asked, request.asks) = (now, 0);
        match says {
            Says::Alone { told: true } => {
                // It may be an orphan that waits for its turn: that worker only stood still. It has set out now.
                request.stage = Stage::Alone;
                let (policy, left) = (Rc::clone(&request.policy), request.deadline.since(now));
                if !world.resume(&policy, stream, left) {
                    self.away.gone(world, stream);
                }
            }
            Says::Alone { told: false } => drop(self.go_on(world, stream, now)),
            Says::Declined => {
                self.away.declined.insert(request.slot, self.clock.wall().plus(LEASE));
                self.go_on(world, stream, now);
            }
            Says::Known(false) => self.lost(world, stream),
            Says::Reply { status, headers, body } => {
                if let Some(request) = self.away.requests.remove(&stream) {
                    request.policy.release(request.bytes);
                    self.hand_on(world, stream, &request, Reply { status, headers, body });
                }
            }
            _ => {}
        }
    }

    /// A client gets what another worker has for it, if there is room for that.
    fn hand_on(&mut self, world: &mut impl World<H>, stream: StreamId, request: &Request, reply: Reply<'_>) {
        let bytes = length(reply.body.len());
        let Some(unread) = request.policy.memory().unread_for(bytes).reserve(bytes) else {
            world.count(&request.policy, Event::Withheld);
            world.reply(stream, &failures::no_room(&request.policy, &request.part), Some(End::Failed));
            return;
        };
        if world.reply(stream, &reply, None) && reply.body.len() >= SMALL {
            self.unread.insert(stream, unread);
        }
    }

    /// Lets a request go on; `false`: it is gone.
    pub(super) fn go_on(&mut self, world: &mut impl World<H>, stream: StreamId, now: Timestamp) -> bool {
        self.away.requests.remove(&stream).is_some_and(|request| {
            request.policy.release(request.bytes);
            world.resume(&request.policy, stream, request.deadline.since(now))
        })
    }

    /// Nobody knows what became of it.
    fn lost(&mut self, world: &mut impl World<H>, stream: StreamId) {
        let Some(request) =
            self.away.requests.get_mut(&stream).filter(|request| request.stage != Stage::Orphan)
        else {
            return;
        };
        let (policy, part) = (&request.policy, &request.part);
        if policy.repeats(part) && policy.settings().on_failure != crate::batch::OnFailure::Fail {
            request.stage = Stage::Orphan;
            self.orphans.push(stream);
        } else if let Some(request) = self.away.requests.remove(&stream) {
            let (policy, part) = (&request.policy, &request.part);
            policy.release(request.bytes);
            world.count(policy, Event::Ended(End::Failed));
            world.reply(
                stream,
                &failures::reply(policy, part, 502, "the worker that made the call is no more"),
                Some(End::Failed),
            );
        }
    }

    /// Sees to it that none of them waits for ever.
    pub(super) fn look_after_the_away(&mut self, world: &mut impl World<H>, now: Timestamp) {
        let mut streams: Vec<_> = self.away.requests.keys().copied().collect();
        crate::sort::sort(&mut streams);
        for stream in streams {
            self.look_after(world, stream, now);
        }
        self.orphans.retain(|stream| self.away.orphan(stream).is_some());
    }

    fn look_after(&mut self, world: &mut impl World<H>, stream: StreamId, now: Timestamp) {
        let Some(request) = self.away.requests.get_mut(&stream) else { return };
        let gatherer = request.gatherer;
        if request.deadline <= now && !request.is_alone() {
            let Some(request) = self.away.requests.remove(&stream) else { return };
            self.away.close(world, stream, &request, false);
            world.count(&request.policy, Event::Ended(End::TimedOut));
            let late = failures::late(&request.policy, &request.part);
            world.reply(stream, &late, Some(End::TimedOut));
        } else if now.since(request.asked) >= ASK && request.stage != Stage::Orphan {
            if request.asks >= ASKS && !request.is_alone() {
                // Others need not find out by themselves.
                self.away.declined.insert(request.slot, self.clock.wall().plus(LEASE));
                self.away.say(world, gatherer, stream, Says::Gone);
                return self.lost(world, stream);
            }
            // Of one that went alone, too: the worker that gathers would take it for one of a worker that is no more.
            (request.asked, request.asks) = (now, request.asks.saturating_add(1));
            self.away.say(world, gatherer, stream, Says::Ask);
        }
    }
}
