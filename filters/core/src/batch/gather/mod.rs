//! When a batch leaves, who is in it, and what becomes of its requests.
//!
//! A worker's [`Gatherer`] is fed with what happens ([`Gatherer::arrive`], [`Gatherer::returned`], [`Gatherer::gone`],
//! [`Gatherer::answered`], [`Gatherer::message`], [`Gatherer::tick`]) and acts through [`World`]. A request that finds nothing of its
//! key under way goes on alone, as its client wrote it; those that come until it returns wait, and leave as one call.
//!
//! Invariants: every request that waits is answered, let go, or gone, once, and at the latest when its time is over;
//! requests with different keys never share a call; a request is never made twice unless that is known to do no harm.
//! Trade-off: a request that goes alone keeps everything of its route (retries, rewriting, streaming), a batch is a call to the
//! upstream's cluster and has none of it.
//! Source: Triton's dynamic batcher and Clipper (NSDI 2017) for "while busy"; bisection as in Kafka's producer, which splits batches.

mod alarms;
mod answers;
mod away;
mod claims;
mod departures;
mod failure;
mod failures;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod giving;
mod hosting;
mod leaving;
mod lessons;
mod lone;
mod member;
mod message;
mod orphans;
mod policy;
mod queue;
mod stalls;
mod world;

use crate::SteadyClock;
pub use answers::of_share;
pub use claims::SLOTS;
pub use failure::Failure;
pub use giving::MOST_UNSEEN;
pub use policy::Policy;
pub use world::{Arrival, CallId, End, Event, Pairs, Pass, Repeat, Reply, Request, StreamId, Trigger, World};

use super::{MAX_KEY, Part, Scope, Short};
use crate::memory::Reservation;
use crate::{Address, HeadView, Timestamp};
use alarms::Alarms;
use away::Away;
use core::time::Duration;
use departures::Flight;
use giving::Giving;
use hashbrown::HashMap;
use member::{Member, Origin};
use orphans::Orphans;
use queue::Queue;
use std::collections::VecDeque;
use std::rc::Rc;

/// A request that has just arrived.
#[derive(Debug)]
pub struct Candidate<H> {
    /// Where it is paused.
    pub stream: StreamId,
    /// Its head.
    pub head: H,
    /// Its body, which is empty if it has none; another worker reads it anew.
    pub body: Vec<u8>,
    /// What its protocol makes of it.
    pub part: Part,
    /// What tells it from those that it may not share a call with, complete.
    pub key: Vec<u8>,
    /// How much time it has.
    pub allowance: Duration,
}

type Key = Rc<[u8]>;
type FlightId = u64;

/// Where a request is that this worker gathers.
#[derive(Clone, Debug)]
enum Whereabouts {
    Waiting(Key),
    Flying(FlightId),
    /// The answer is there, and shares of it are given out.
    Given(u64),
}

/// The requests that one worker gathers under one configuration. `H`: the head of a request.
///
/// ```
/// use core::time::Duration;
/// use std::rc::Rc;
/// use switchyard_core::Timestamp;
/// use switchyard_core::batch::gather::{Arrival, CallId, Candidate, End, Event, Gatherer, Policy, Reply, Request, StreamId, World};
/// use switchyard_core::batch::{JsonArray, Protocol, Settings};
/// use switchyard_core::request::PlainRequest;
/// use switchyard_core::request_key::Known;
///
/// /// A host that writes down what it called, and whom it answered.
/// #[derive(Default)]
/// struct Host { calls: Vec<String>, replies: Vec<(StreamId, String)> }
///
/// impl World<PlainRequest> for Host {
///     fn call(&mut self, _: &Policy, request: &Request<'_>, _: Duration) -> Option<CallId> {
///         self.calls.push(String::from_utf8_lossy(request.body).into());
///         Some(1)
///     }
///     fn reply(&mut self, stream: StreamId, reply: &Reply<'_>, _: Option<End>) -> bool {
///         self.replies.push((stream, String::from_utf8_lossy(&reply.body).into()));
///         true
///     }
///     // It has no clock, no other worker, and lets nobody go on.
/// #   fn now(&mut self) -> Timestamp { Timestamp::from_millis(0) }
/// #   fn resume(&mut self, _: &Policy, _: StreamId, _: Duration) -> bool { false }
/// #   fn send(&mut self, _: u32, _: &[u8]) -> bool { false }
/// #   fn read(&mut self, _: u32) -> Option<(Vec<u8>, u32)> { None }
/// #   fn swap(&mut self, _: u32, _: &[u8], _: u32) -> bool { false }
/// #   fn count(&mut self, _: &Policy, _: Event) {}
/// }
///
/// let (mut gatherer, mut host) = (Gatherer::default(), Host::default());
/// let policy = Rc::new(Policy::new("items", 1, Settings::new(Protocol::JsonArray(JsonArray::default()))));
/// let head = PlainRequest::default().with(":method", "POST").with(":path", "/items").with(":authority", "x.test");
/// let mut asks = |stream: StreamId, body: &str| {
///     let settings = policy.settings();
///     let part = settings.protocol.read(b"POST", b"/items", body.as_bytes()).expect("items");
///     let key = settings.complete(policy.key(&head).expect("a key"), &part, Known::nothing).expect("a key");
///     let (head, body, allowance) = (head.clone(), body.into(), policy.allowance(&head));
///     gatherer.arrive(&mut host, Candidate { stream, head, body, part, key, allowance }, &policy)
/// };
/// assert_eq!((asks(1, "1"), asks(2, "2"), asks(3, "3")), (Arrival::Alone, Arrival::Waits, Arrival::Waits));
///
/// // The answer to the first is there: those that have waited leave together, and each gets what is its.
/// gatherer.returned(&mut host, 1, true);
/// gatherer.act(&mut host);
/// assert_eq!(host.calls, ["[2,3]"]);
/// let answer = PlainRequest::default().with(":status", "200");
/// gatherer.answered(&mut host, 1, Some((&answer, b"[20,30]".to_vec())));
/// gatherer.act(&mut host);
/// assert_eq!(host.replies, [(2, "20".to_owned()), (3, "30".to_owned())]);
/// ```
#[derive(Debug)]
pub struct Gatherer<H> {
    queues: HashMap<Key, Queue<H>>,
    requests: HashMap<Origin, Whereabouts>,
    flights: HashMap<FlightId, Flight<H>>,
    calls: HashMap<CallId, FlightId>,
    /// Parts of failed batches, to be sent in the root's next callback.
    repeats: VecDeque<Flight<H>>,
    due: VecDeque<Key>,
    /// Answers that are given out.
    givings: VecDeque<Giving<H>>,
    given: u64,
    /// Streams of this worker that have not read their shares yet.
    unread: HashMap<StreamId, Reservation>,
    alarms: Alarms,
    away: Away,
    orphans: Orphans,
    clock: SteadyClock,
    flown: FlightId,
    /// Lone requests whose answer has begun while nobody waited.
    returning: Vec<FlightId>,
    /// Flights that are under way in other workers, one request each.
    guests: usize,
}

impl<H> Default for Gatherer<H> {
    fn default() -> Self {
        Self {
            queues: HashMap::new(),
            requests: HashMap::new(),
            flights: HashMap::new(),
            calls: HashMap::new(),
            repeats: VecDeque::new(),
            due: VecDeque::new(),
            givings: VecDeque::new(),
            given: 0,
            unread: HashMap::new(),
            alarms: Alarms::default(),
            away: Away::default(),
            orphans: Orphans::default(),
            clock: SteadyClock::default(),
            flown: 0,
            returning: Vec::new(),
            guests: 0,
        }
    }
}

/// A head as it was read, or as another worker told it.
pub trait BatchHead: HeadView + for<'a> FromIterator<(&'a [u8], &'a [u8])> {}

impl<H: HeadView + for<'a> FromIterator<(&'a [u8], &'a [u8])>> BatchHead for H {}

impl<H: BatchHead> Gatherer<H> {
    /// From now on other workers reach this one.
    pub fn reachable_at(&mut self, me: Address) {
        self.away.me = Some(me);
    }

    /// Whether other workers reach this one.
    pub fn is_reachable(&self) -> bool {
        self.away.me.is_some()
    }

    /// A request has arrived. From its own callback; nothing is done to others.
    pub fn arrive(
        &mut self,
        world: &mut impl World<H>,
        request: Candidate<H>,
        policy: &Rc<Policy>,
    ) -> Arrival {
        let now = self.now(world);
        if policy.settings().scope == Scope::Proxy
            && !policy.settings().shadow
            && let Some(gatherer) = self.gatherer(world, policy, &request.key)
        {
            return self.offer(world, gatherer, request, policy, now);
        }
        let origin = Origin::Here(request.stream);
        let deadline = now.plus(request.allowance);
        let member = Member::new(origin, request.part, request.head, now, deadline);
        self.gather(world, member, request.key, policy, now)
    }

    /// Takes in a request of this worker or of another.
    fn gather(
        &mut self,
        world: &mut impl World<H>,
        member: Member<H>,
        key: Vec<u8>,
        policy: &Rc<Policy>,
        now: Timestamp,
    ) -> Arrival {
        let settings = policy.settings();
        policy.deposit(now);
        let place = match fits(&member, policy) && key.len() <= MAX_KEY {
            true => policy.admit(member.bytes),
            false => Err(Pass::Limit),
        };
        if let Err(why) = place {
            world.count(policy, Event::Passed(why));
            return Arrival::Passes;
        }
        let key = self.open_queue(key, policy);
        self.look_for_stalls(world, &key, now);
        let Some(queue) = self.queues.get_mut(&key) else { return Arrival::Passes };
        queue.comes(now);
        if let Some(trigger) = queue.goes_alone() {
            self.lone(world, (key, member), trigger, now);
            return Arrival::Alone;
        }
        if settings.shadow {
            policy.release(member.bytes);
            world.count(policy, Event::Passed(Pass::Shadow));
            self.tidy(&key);
            return Arrival::Passes;
        }
        if is_short(&member, queue, now) {
            return self.short(world, (key, member), policy, now);
        }
        self.wait(key, member);
        Arrival::Waits
    }

    /// The queue of this key, which is made if there is none.
    fn open_queue(&mut self, key: Vec<u8>, policy: &Rc<Policy>) -> Key {
        let known = self.queues.get_key_value(key.as_slice()).map(|(key, _)| Rc::clone(key));
        let key = known.unwrap_or_else(|| Key::from(key));
        self.queues.entry(Rc::clone(&key)).or_insert_with(|| Queue::new(policy, &key));
        key
    }

    /// A request waits for a batch to leave, which is due if it is full now.
    fn wait(&mut self, key: Key, member: Member<H>) {
        let Some(queue) = self.queues.get_mut(&key) else { return };
        let origin = member.origin;
        queue.push(member);
        let may_leave = queue.in_flight() < queue.policy.settings().max_in_flight;
        let is_full = queue.is_full().is_some() && may_leave;
        // As many are back as usually come.
        let is_idle = queue.in_flight() == 0 && queue.policy.settings().leaves != super::Leaves::FixedDelay;
        let is_ready = is_idle && queue.held_until().is_none();
        self.set_alarm(&key);
        if is_full || is_ready {
            self.schedule(&key);
        }
        if let Some(origin) = origin {
            self.requests.insert(origin, Whereabouts::Waiting(key));
        }
    }

    /// A request that has too little time for a batch.
    fn short(
        &mut self,
        world: &mut impl World<H>,
        (key, member): (Key, Member<H>),
        policy: &Rc<Policy>,
        now: Timestamp,
    ) -> Arrival {
        if policy.settings().short == Short::Alone {
            self.lone(world, (key, member), Trigger::Short, now);
            return Arrival::Alone;
        }
        policy.release(member.bytes);
        self.tidy(&key);
        world.count(policy, Event::Ended(End::Refused));
        Arrival::Refused(failures::short(policy, &member.part))
    }

    /// The time of this worker, which never steps back.
    fn now(&mut self, world: &mut impl World<H>) -> Timestamp {
        self.clock.read(world.now())
    }

    /// Its queue is looked at in the root's next callback.
    fn schedule(&mut self, key: &Key) {
        if let Some(queue) = self.queues.get_mut(key)
            && !queue.is_due
        {
            queue.is_due = true;
            self.due.push_back(Rc::clone(key));
        }
    }

    /// Forgets a queue that is of no use any more. Its alarm, if it has one, finds nothing.
    fn tidy(&mut self, key: &Key) {
        if self.queues.get(key).is_some_and(|queue| queue.is_empty() && queue.in_flight() == 0) {
            self.queues.remove(key);
        }
    }

    /// Whether something is to be done in a callback of the root.
    pub fn has_work(&self) -> bool {
        let gives = self.may_give() || self.orphans.is_due();
        !self.due.is_empty() || !self.repeats.is_empty() || gives
    }

    /// How many requests are known: those that wait, and those in batches.
    pub fn len(&self) -> usize {
        self.requests.len() + self.away.len()
    }

    /// How many keys have requests that wait or are under way.
    pub fn keys(&self) -> usize {
        self.queues.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether a request may be in a batch at all.
fn fits<H>(member: &Member<H>, policy: &Policy) -> bool {
    let settings = policy.settings();
    member.items() <= settings.max_items.into()
        && member.bytes <= settings.max_bytes
        && member.part.weight <= settings.max_weight
}

/// Whether a batch would take longer than a request has: what is under way has to return first, and takes as long.
fn is_short<H>(member: &Member<H>, queue: &Queue<H>, now: Timestamp) -> bool {
    let items = queue.items().saturating_add(u32::try_from(member.items()).unwrap_or(u32::MAX));
    let takes = queue.policy.estimate(items);
    let waits =
        if queue.in_flight() == 0 { Duration::ZERO } else { takes.min(queue.policy.settings().max_delay) };
    now.plus(takes + waits + queue.policy.settings().deadline.floor) > member.deadline
}
