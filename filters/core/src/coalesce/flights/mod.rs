//! The flights of one worker: who leads, who waits, and what becomes of them.
//!
//! Fed with what happens to streams, with messages of other workers and with ticks; acts only in [`Flights::act`], which is
//! called from callbacks of the root, because answering other streams from a leader's own callback hangs the leader.
//!
//! Invariants: every stream that waits is answered or let go exactly once; none is touched after its end; an answer goes only
//! to requests whose whole key is the leader's and whose headers fit the answer's Vary; whoever waits has a deadline that
//! the tick keeps.
//! Trade-off: a flight that nobody follows ends at the leader's response headers, so that it costs nothing on the way back; who
//! comes while its body passes leads a flight of their own.
//! Source: RFC 9111, section 4 (collapsed requests); the waiting lists of Varnish and the cache locks of nginx and Pingora, which
//! this one differs from as docs/coalesce.md says.

mod answering;
mod elders;
mod endings;
mod exits;
mod group;
mod inbox;
mod policy;
mod roles;
mod succession;
mod varying;
mod waits;
mod world;

pub use policy::Policy;
pub use world::{Arrival, Begun, Event, Exit, Pass, StreamId, Why, World};

use super::answer::{Answer, Served};
use super::board::{self, Claimed, FlightId};
use super::settings::Settings;
use crate::memory::length;
use crate::{Address, RequestView, SteadyClock, Timestamp};
use core::time::Duration;
use exits::{Fan, Release};
use group::{Group, Member, lead};
use hashbrown::HashMap;
use roles::Role;
use std::collections::VecDeque;
use std::rc::Rc;

/// The tick while somebody waits.
pub const QUICK_TICK: Duration = Duration::from_millis(10);
/// The tick while there are entries on the board to be looked after.
pub const SLOW_TICK: Duration = Duration::from_millis(500);

/// All flights of one worker. `H`: the head of a request.
///
/// ```
/// use std::rc::Rc;
/// use switchyard_core::Timestamp;
/// use switchyard_core::coalesce::{Answer, Arrival, Begun, Board, Event, Flights, Policy};
/// use switchyard_core::coalesce::{Served, Settings, StreamId, World};
/// use switchyard_core::request::PlainRequest;
///
/// /// A host that writes down whom it answered.
/// #[derive(Default)]
/// struct Host(Vec<(StreamId, Vec<u8>)>);
///
/// impl World for Host {
///     fn reply(&mut self, stream: StreamId, answer: &Rc<Answer>, _: Served, _: Timestamp) -> bool {
///         self.0.push((stream, answer.body.clone()));
///         true
///     }
///     // It has no clock, no other worker, and lets nobody go on.
/// #   fn now(&mut self) -> Timestamp { Timestamp::from_millis(0) }
/// #   fn send(&mut self, _: u32, _: &[u8]) -> bool { false }
/// #   fn resume(&mut self, _: StreamId) -> bool { false }
/// #   fn count(&mut self, _: &Policy, _: Event) {}
/// }
/// # impl Board for Host {
/// #   fn read(&mut self, _: u32) -> Option<(Vec<u8>, u32)> { None }
/// #   fn swap(&mut self, _: u32, _: &[u8], _: u32) -> bool { false }
/// #   fn put(&mut self, _: u32, _: &[u8]) {}
/// # }
///
/// let (mut flights, mut host) = (Flights::default(), Host::default());
/// let policy = Rc::new(Policy::new("all", Settings::default()));
/// let mut asks = |stream| flights.arrive(&mut host, stream, b"key".to_vec(), PlainRequest::get("/"), &policy);
/// assert_eq!((asks(1), asks(2), asks(3)), (Arrival::Leads, Arrival::Waits, Arrival::Waits));
///
/// let head = || Some((200, PlainRequest::default()));
/// assert_eq!(flights.answer_begins(&mut host, 1, false, head), Begun::Captured);
/// flights.answer_body(&mut host, 1, b"hello", true);
/// flights.act(&mut host);
/// assert_eq!(host.0, [(2, b"hello".to_vec()), (3, b"hello".to_vec())]);
/// ```
pub struct Flights<H> {
    /// Where this worker is reached; without it, flights stay within the worker.
    me: Option<Address>,
    groups: HashMap<Rc<[u8]>, Group<H>>,
    /// Keys of the flights that other workers know: ours on the board, and theirs that somebody here waits for.
    known: HashMap<FlightId, Rc<[u8]>>,
    roles: HashMap<StreamId, Role>,
    /// Streams that may go on, and why.
    due: VecDeque<(StreamId, Exit)>,
    fans: VecDeque<Fan<H>>,
    releases: HashMap<Rc<[u8]>, Release<H>>,
    landed: VecDeque<inbox::Landed>,
    /// How many roles are of those that wait.
    waiting: usize,
    number: u64,
    clock: SteadyClock,
    /// When it was looked at last who has waited long enough.
    looked: Timestamp,
}

/// A flight, to whom it is shown.
#[derive(Clone, Copy)]
pub struct UnderWay<'a> {
    /// Whose it is.
    pub policy: &'a Rc<Policy>,
    /// A stream of this worker leads it.
    pub is_led: bool,
    /// Requests of this worker that wait for its answer.
    pub waiting: u64,
}

impl<H> Default for Flights<H> {
    fn default() -> Self {
        Self {
            me: None,
            groups: HashMap::new(),
            known: HashMap::new(),
            roles: HashMap::new(),
            due: VecDeque::new(),
            fans: VecDeque::new(),
            releases: HashMap::new(),
            landed: VecDeque::new(),
            waiting: 0,
            number: 0,
            clock: SteadyClock::default(),
            looked: Timestamp::default(),
        }
    }
}

impl<H: RequestView> Flights<H> {
    /// From now on other workers can reach this one at `me`.
    pub fn reachable_at(&mut self, me: Address) {
        self.me = Some(me);
    }

    /// Whether other workers can reach this one.
    pub fn is_reachable(&self) -> bool {
        self.me.is_some()
    }

    /// Whether there is something to [`Flights::act`] on.
    pub fn has_work(&self) -> bool {
        !self.due.is_empty() || self.fans.iter().any(|fan| self.may_give(fan))
    }

    /// How often [`Flights::tick`] wants to be called; zero: not at all.
    pub fn tick_period(&self) -> Duration {
        match () {
            () if self.waiting > 0 || self.has_work() => QUICK_TICK,
            () if !self.known.is_empty() || !self.landed.is_empty() => SLOW_TICK,
            () => Duration::ZERO,
        }
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many flights there are, led here or elsewhere.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The flights that there are, led here or elsewhere.
    pub fn under_way(&self) -> impl Iterator<Item = UnderWay<'_>> {
        self.groups.values().map(|group| UnderWay {
            policy: &group.policy,
            is_led: group.leader().is_some(),
            waiting: length(group.members.len()),
        })
    }

    /// How many streams something is remembered about.
    pub fn streams(&self) -> usize {
        self.roles.len()
    }

    /// Its time when it read the clock last.
    pub fn time(&self) -> Timestamp {
        self.clock.time()
    }

    /// Reads the clock: a time that never steps back.
    fn look_at_clock(&mut self, world: &mut impl World) -> Timestamp {
        self.clock.read(world.now())
    }

    /// A request of this key arrives.
    pub fn arrive(
        &mut self,
        world: &mut impl World,
        stream: StreamId,
        key: Vec<u8>,
        request: H,
        policy: &Rc<Policy>,
    ) -> Arrival {
        let now = self.look_at_clock(world);
        // Without room for a copy it is as if nothing were kept.
        let kept = policy.fresh(&key, &request, now);
        if let Some(answer) = kept.filter(|answer| policy.may_copy(length(answer.body.len()))) {
            world.count(policy, Event::Kept(Policy::HELD));
            self.note_answered(stream, policy, &answer);
            return Arrival::Served(answer, Policy::HELD);
        }
        let key: Rc<[u8]> = key.into();
        if policy.passes_on(&key, now) {
            world.count(policy, Event::Passed(Pass::HitForPass));
            self.set_role(stream, Role::Watched(Rc::clone(policy), key));
            return Arrival::Passes;
        }
        let member = Member { stream, request: Rc::new(request), since: now };
        match self.join(world, &key, member, policy) {
            Ok(arrival) => arrival,
            Err(member) if policy.take_off() => self.take_off(world, &key, member, policy),
            Err(_) => pass(world, policy, Pass::Flights),
        }
    }

    /// A stream gets a copy of an answer; when it ends, that has been read.
    fn note_answered(&mut self, stream: StreamId, policy: &Rc<Policy>, answer: &Answer) {
        let bytes = length(answer.body.len());
        policy.copy(bytes);
        self.set_role(stream, Role::Answered(Rc::clone(policy), bytes));
    }

    /// Waits for the flight of this key, if there is one.
    fn join(
        &mut self,
        world: &mut impl World,
        key: &Rc<[u8]>,
        member: Member<H>,
        policy: &Rc<Policy>,
    ) -> Result<Arrival, Member<H>> {
        let in_line = self.releases.get(key).map_or(0, |line| line.queue.len());
        let Some(group) = self.groups.get_mut(key) else { return Err(member) };
        if policy.settings().shadow {
            return Ok(pass(world, policy, Pass::Shadow));
        }
        let most = usize::try_from(policy.settings().max_followers).unwrap_or(usize::MAX);
        if group.members.len().saturating_add(in_line) >= most {
            return Ok(pass(world, policy, Pass::Followers));
        }
        let (stream, remote) = (member.stream, group.leader().is_none());
        world.count(policy, Event::Followed { remote });
        if !group.may_fit(&*member.request) {
            let (policy, at_a_time) = (Rc::clone(&group.policy), group.at_a_time());
            self.release(world, key, &policy, [member].into(), (Exit::Vary, at_a_time));
            return Ok(Arrival::Waits);
        }
        group.begin_waiting(member.since);
        group.members.push_back(member);
        self.set_role(stream, Role::Waits(Rc::clone(key)));
        Ok(Arrival::Waits)
    }

    /// Leads, or waits for a worker that does.
    fn take_off(
        &mut self,
        world: &mut impl World,
        key: &Rc<[u8]>,
        member: Member<H>,
        policy: &Rc<Policy>,
    ) -> Arrival {
        let claimed = self.claim(world, key, policy, (None, None));
        let mut group = Group {
            policy: Rc::clone(policy),
            state: lead(&member, self.clock.time()),
            members: VecDeque::new(),
            remotes: Vec::new(),
            claim: None,
            elections: 0,
            elders: Vec::new(),
        };
        let stream = member.stream;
        let arrival = match claimed {
            Some(Claimed::Theirs(flight, leader)) => {
                group.members.push_back(member);
                self.follow(world, key, &mut group, flight, leader);
                self.set_role(stream, Role::Waits(Rc::clone(key)));
                world.count(policy, Event::Followed { remote: true });
                Arrival::Waits
            }
            other => {
                self.put_on_board(key, &mut group, other);
                self.set_role(stream, Role::Leads(Rc::clone(key)));
                world.count(policy, Event::Led);
                Arrival::Leads
            }
        };
        self.groups.insert(Rc::clone(key), group);
        arrival
    }

    /// Claims the key for this worker, for `flight` if it is handed over to it, else for a new one; `over` counts no more.
    /// `None` if flights stay within their workers.
    fn claim(
        &mut self,
        world: &mut impl World,
        key: &[u8],
        policy: &Policy,
        (flight, over): (Option<FlightId>, Option<FlightId>),
    ) -> Option<Claimed> {
        let settings = policy.settings();
        let me = self.me.filter(|_| settings.scope == super::Scope::Proxy && !settings.shadow)?;
        self.number += 1;
        let flight = flight.unwrap_or(FlightId { epoch: me.epoch, number: self.number });
        let claimed =
            board::claim(world, key, (flight, me), over, (self.clock.wall(), settings.max_leader_age));
        if claimed == Claimed::Nobodys {
            world.count(policy, Event::Degraded);
        }
        Some(claimed)
    }

    fn put_on_board(&mut self, key: &Rc<[u8]>, group: &mut Group<H>, claimed: Option<Claimed>) {
        if let Some(Claimed::Ours(claim)) = claimed {
            self.known.insert(claim.flight, Rc::clone(key));
            group.claim = Some(claim);
        }
    }

    /// Takes a flight off the board, or ends the waiting for another worker's.
    fn take_off_board(&mut self, world: &mut impl World, group: &mut Group<H>) -> Option<FlightId> {
        let claim = group.claim.take();
        if let Some(claim) = &claim {
            board::release(world, claim);
        }
        let away = group.away().map(|away| away.flight);
        let flight = claim.map(|claim| claim.flight).or(away)?;
        self.known.remove(&flight);
        Some(flight)
    }

    /// The flight is over for this worker.
    fn land(&mut self, world: &mut impl World, group: &mut Group<H>) -> Option<FlightId> {
        group.policy.land();
        group.drop_capture();
        self.take_off_board(world, group)
    }
}

fn pass(world: &mut impl World, policy: &Policy, why: Pass) -> Arrival {
    world.count(policy, Event::Passed(why));
    Arrival::Passes
}
