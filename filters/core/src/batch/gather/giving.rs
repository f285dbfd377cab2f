//! An answer is given out: share by share, as fast as clients read.
//!
//! Invariants: shares are made one at a time, and what clients have not read of them stays within [`crate::memory::Memory::unread`];
//! who waits for that is answered, let go or gone by its deadline, and waits for no longer than `stall_timeout` where nobody reads. Of replies that nobody can tell the reading of (HTTP/1.1 streams
//! end when theirs is written, those of other workers elsewhere) a batch has [`MOST_UNSEEN`] bytes; who comes after goes alone, where
//! Envoy's flow control is, or gets a 502.
//! Trade-off: shares go out in the order of the batch, so one that there is no room for yet holds up shorter ones behind it.

use super::answers::of_share;
use super::departures::Flight;
use super::member::{Member, Origin};
use super::world::{End, Event, StreamId, Trigger};
use super::{BatchHead, Gatherer, Key, Policy, Reply, Whereabouts, World, failures};
use crate::Timestamp;
use crate::batch::{Outcome, Shares, relayed};
use crate::contract::{BATCH_HEADER, BATCH_TRACE_HEADER};
use crate::decisions::Batched;
use crate::memory::{Reservation, Unseen, length};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::rc::Rc;

/// What says which trace a request is part of (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";

/// Bytes that one callback gives out, and one share more.
const BYTES_AT_A_TIME: u64 = 1 << 20;
/// Shares that one callback gives out: some milliseconds' worth.
const SHARES_AT_A_TIME: u32 = 128;
/// Shares that are shorter are in the kernel's buffers anyway, in bytes.
pub(super) const SMALL: usize = 4 << 10;
/// Bytes of one batch's shares that nobody will know of whether they have been read.
pub const MOST_UNSEEN: u64 = 64 << 20;

/// One who waits for a share, which has this place among them and begins with this item.
#[derive(Debug)]
struct Turn<H> {
    place: usize,
    item: u64,
    member: Member<H>,
}

/// Name and value.
type Header = (Box<[u8]>, Box<[u8]>);

/// An answer and those who get it.
#[derive(Debug)]
pub(super) struct Giving<H> {
    number: u64,
    key: Key,
    policy: Rc<Policy>,
    shares: Shares,
    answer: Vec<u8>,
    /// What goes with every share.
    headers: Vec<Header>,
    trace: Option<Box<[u8]>>,
    /// The batch's items.
    size: u32,
    queue: VecDeque<Turn<H>>,
    unseen: Unseen,
    /// The first tick by which there was no room for the next share.
    stuck: Option<Timestamp>,
    _kept: Reservation,
}

impl<H> Giving<H> {
    /// Whether the next one may have its share now, or will not have it ever: there is no room for it in any case, or its client
    /// has left and needs none.
    fn may_go_on(&self) -> bool {
        let next = self.queue.front().filter(|turn| turn.member.origin.is_some());
        next.is_none_or(|turn| {
            let bytes = length(self.shares.length(turn.place));
            let unread = self.policy.memory().unread_for(bytes);
            unread.has_room(bytes) || !unread.could_have(bytes)
        })
    }

    fn reply(&self, turn: &Turn<H>) -> Option<Reply<'_>> {
        let mut reply = of_share(self.shares.share(turn.place, &self.answer)?);
        let headers = self.headers.iter();
        reply.headers.extend(headers.map(|(name, value)| (Cow::from(&**name), Cow::from(&**value))));
        if self.policy.settings().tells {
            let tells = format!("size={};index={}", self.size, turn.item).into_bytes();
            reply.headers.push((Cow::Borrowed(BATCH_HEADER.as_bytes()), tells.into()));
        }
        if let Some(trace) = self.trace_of_another(turn) {
            reply.headers.push((Cow::Borrowed(BATCH_TRACE_HEADER.as_bytes()), trace.into()));
        }
        Some(reply)
    }

    /// The trace that the call was part of, if it was not that of this one's own request.
    fn trace_of_another(&self, turn: &Turn<H>) -> Option<&[u8]> {
        self.trace.as_deref().filter(|_| turn.place > 0)
    }

    /// What is said of a request that has its share.
    fn told(&self, turn: &Turn<H>) -> Batched<'_> {
        let trace = self.trace_of_another(turn).and_then(|trace| str::from_utf8(trace).ok());
        Batched::Share { size: self.size, index: turn.item, trace }
    }
}

impl<H: BatchHead> Gatherer<H> {
    /// An answer is there for the members of a flight that has landed.
    pub(super) fn give_out(
        &mut self,
        world: &mut impl World<H>,
        flight: Flight<H>,
        (shares, answer, kept): (Shares, Vec<u8>, Reservation),
        (head, now): (&H, Timestamp),
    ) {
        let size = flight.items();
        let is_mixed = flight.members.len() > 1;
        let headers = relayed(head, is_mixed).map(|(name, value)| (name.into(), value.into())).collect();
        let first = flight.members.first();
        let trace = first.and_then(|first| first.head.header(TRACEPARENT)).map(Into::into);
        self.given += 1;
        let number = self.given;
        let (queue, undone) = self.turns(flight.members, &shares, number);
        let (key, policy) = (flight.key, flight.policy);
        self.go_on_with(world, (&key, &policy), undone, now);
        self.givings.push_back(Giving {
            number,
            key,
            policy,
            shares,
            answer,
            headers,
            trace,
            size,
            queue,
            unseen: Unseen::default(),
            stuck: None,
            _kept: kept,
        });
    }

    /// The turns of those who get a share, and those of whose requests nothing was done.
    fn turns(
        &mut self,
        members: Vec<Member<H>>,
        shares: &Shares,
        number: u64,
    ) -> (VecDeque<Turn<H>>, Vec<Member<H>>) {
        let (mut queue, mut undone, mut item) = (VecDeque::with_capacity(members.len()), Vec::new(), 0);
        for (place, member) in members.into_iter().enumerate() {
            let first = item;
            item += member.items();
            if shares.outcome(place) == Outcome::Undone {
                undone.push(member);
                continue;
            }
            if let Some(origin) = member.origin {
                self.requests.insert(origin, Whereabouts::Given(number));
            }
            queue.push_back(Turn { place, item: first, member });
        }
        (queue, undone)
    }

    /// Gives out as much as one callback of the root may.
    pub(super) fn give(&mut self, world: &mut impl World<H>) {
        let (mut bytes, mut shares) = (0, 0);
        while bytes < BYTES_AT_A_TIME && shares < SHARES_AT_A_TIME {
            let Some(given) = self.give_next(world) else { return };
            bytes += given;
            shares += 1;
        }
    }

    /// Whether somebody may be given a share.
    pub(super) fn may_give(&self) -> bool {
        self.givings.iter().any(Giving::may_go_on)
    }

    /// Gives one share; the bytes it had, or nothing if nobody may have one now.
    fn give_next(&mut self, world: &mut impl World<H>) -> Option<u64> {
        let at = self.givings.iter().position(Giving::may_go_on)?;
        let mut giving = self.givings.remove(at)?;
        giving.stuck = None;
        let Some(turn) = giving.queue.pop_front() else { return Some(0) };
        let given = self.give_one(world, &mut giving, turn);
        if !giving.queue.is_empty() {
            self.givings.insert(at, giving);
        }
        Some(given)
    }

    fn give_one(&mut self, world: &mut impl World<H>, giving: &mut Giving<H>, turn: Turn<H>) -> u64 {
        let policy = Rc::clone(&giving.policy);
        let Some(origin) = turn.member.origin else {
            policy.release(turn.member.bytes);
            return 0;
        };
        let outcome = giving.shares.outcome(turn.place);
        let bytes = length(giving.shares.length(turn.place));
        let turn = match outcome {
            Outcome::Answered | Outcome::Undone => turn,
            Outcome::Lost => match self.ask_again(world, &giving.key, &policy, turn.member) {
                Some(member) => Turn { member, ..turn },
                None => return 0,
            },
        };
        let is_read_unseen = || match origin {
            Origin::Here(stream) => world.is_read_unseen(stream),
            _ => true,
        };
        let may = giving.unseen.reserve(bytes, MOST_UNSEEN, is_read_unseen);
        let paid = if may { policy.memory().unread_for(bytes).reserve(bytes) } else { None };
        let reply = paid.as_ref().and_then(|_| giving.reply(&turn));
        let Some(reply) = reply else {
            self.withhold(world, (Rc::clone(&giving.key), turn.member), &policy);
            return 0;
        };
        if let (Origin::Here(stream), Some(paid)) = (origin, paid.filter(|_| bytes >= length(SMALL))) {
            self.unread.insert(stream, paid);
        }
        if let Origin::Here(stream) = origin {
            world.tell(stream, &giving.told(&turn));
        }
        let end = if outcome == Outcome::Answered { End::Answered } else { End::Lost };
        self.end(world, turn.member, &policy, end, |_| reply);
        bytes
    }

    /// There is no room for a client's share: it goes alone, if it may be made twice, or gets an error.
    fn withhold(&mut self, world: &mut impl World<H>, (key, member): (Key, Member<H>), policy: &Rc<Policy>) {
        world.count(policy, Event::Withheld);
        if let Some(member) = self.ask_again(world, &key, policy, member) {
            self.end(world, member, policy, End::Failed, |part| failures::no_room(policy, part));
        }
    }

    /// Lets a request go alone that got nothing of the answer, if it may be made twice; if not, here it is again.
    fn ask_again(
        &mut self,
        world: &mut impl World<H>,
        key: &Key,
        policy: &Rc<Policy>,
        member: Member<H>,
    ) -> Option<Member<H>> {
        let now = self.now(world);
        let may = policy.may_repeat(&member, now);
        let repeat = if may { policy.withdraw(now) } else { None };
        if repeat.is_none() {
            return Some(member);
        }
        self.let_alone(world, (Rc::clone(key), member), Rc::clone(policy), (Trigger::Repeat, repeat));
        None
    }

    /// Those whose time is over while they wait for their share get an error.
    pub(super) fn end_late_turns(&mut self, world: &mut impl World<H>, now: Timestamp) {
        let mut late = Vec::new();
        for giving in &mut self.givings {
            let (over, rest): (VecDeque<_>, VecDeque<_>) =
                giving.queue.drain(..).partition(|turn| turn.member.deadline <= now);
            giving.queue = rest;
            late.extend(over.into_iter().map(|turn| (Rc::clone(&giving.policy), turn.member)));
        }
        self.givings.retain(|giving| !giving.queue.is_empty());
        for (policy, member) in late {
            self.end(world, member, &policy, End::TimedOut, |part| failures::late(&policy, part));
        }
    }

    /// Those for whose share there has been no room for too long do without it: other clients do not read theirs.
    pub(super) fn end_stuck_turns(&mut self, world: &mut impl World<H>, now: Timestamp) {
        let mut stuck = Vec::new();
        for giving in &mut self.givings {
            if giving.may_go_on() {
                giving.stuck = None;
                continue;
            }
            let since = *giving.stuck.get_or_insert(now);
            if now.since(since) < giving.policy.settings().stall_timeout {
                continue;
            }
            while !giving.may_go_on()
                && let Some(turn) = giving.queue.pop_front()
            {
                stuck.push((Rc::clone(&giving.key), turn.member, Rc::clone(&giving.policy)));
            }
        }
        self.givings.retain(|giving| !giving.queue.is_empty());
        for (key, member, policy) in stuck {
            self.withhold(world, (key, member), &policy);
        }
    }

    /// A client has left that waited for its share.
    pub(super) fn leaves_its_turn(&mut self, world: &mut impl World<H>, number: u64, origin: Origin) {
        self.requests.remove(&origin);
        let Some(giving) = self.givings.iter_mut().find(|giving| giving.number == number) else { return };
        let turn = giving.queue.iter_mut().find(|turn| turn.member.origin == Some(origin));
        if let Some(turn) = turn {
            turn.member.origin = None;
            world.count(&giving.policy, Event::Ended(End::Gone));
        }
    }

    /// Whether this stream has a share that is not read yet; its end is to be told ([`Gatherer::gone`]).
    pub fn is_unread(&self, stream: StreamId) -> bool {
        self.unread.contains_key(&stream)
    }
}
