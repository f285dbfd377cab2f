//! Batches that failed as a whole.
//!
//! Invariants: only what may be made twice, or of which nothing was done, is made again, and whatever may have been done only within the
//! budget; everybody else gets an error in the form of its protocol. A part of a failed batch is smaller than it, and what
//! reached nobody goes once more as it is, so this ends. Of which nothing was done, or whose key has no batches for now, goes
//! again without the budget: by itself it would have gone, too.
//! Trade-off: a status that says something about the client or the route (401, 403, 404, 405, 407, 429) is not looked into further:
//! asking for each item would get the same answer as often as there are items.

use super::answers::of_share;
use super::departures::Flight;
use super::lessons::Pupil;
use super::member::Member;
use super::world::{End, Event, Repeat};
use super::{BatchHead, Failure, Gatherer, Key, Policy, Reply, World};
use crate::Timestamp;
use crate::batch::{Answer, Broken, OnFailure, Part, relayed};
use std::borrow::Cow;
use std::rc::Rc;

/// What a client is told whose answer would take too much memory.
pub(super) const NO_ROOM: &str = "the answer to the batch is too large to be shared out";

/// An answer that nobody gets a share of.
pub(super) type Unsplit<'a, H> = Option<(&'a H, &'a [u8])>;

/// Why a batch has failed, its answer, if there is one, and when.
#[derive(Debug)]
pub(super) struct Failed<'a, H> {
    failure: Failure,
    answer: Unsplit<'a, H>,
    now: Timestamp,
}

impl<H> Clone for Failed<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Failed<'_, H> {}

/// How requests of a failed batch are made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Whole,
    Halves,
    Singly,
}

impl<H: BatchHead> Gatherer<H> {
    /// A batch has failed, and there is nothing of its answer.
    pub(super) fn failed(
        &mut self,
        world: &mut impl World<H>,
        flight: Flight<H>,
        failure: Failure,
        now: Timestamp,
    ) {
        self.failed_with(world, flight, failure, (now, None));
    }

    /// A batch has failed, with this answer.
    pub(super) fn failed_with(
        &mut self,
        world: &mut impl World<H>,
        mut flight: Flight<H>,
        failure: Failure,
        (now, answer): (Timestamp, Unsplit<'_, H>),
    ) {
        let policy = Rc::clone(&flight.policy);
        world.count(&policy, Event::Failed(failure));
        policy.has_failed(&flight, failure, now);
        // A part of a failed batch gives its place to its own parts.
        flight.repeat = None;
        let is_everybodys = failure.everybodys_status().is_some();
        let undone = failure.is_of_nothing_done();
        let (again, others): (Vec<_>, Vec<_>) = flight
            .members
            .drain(..)
            .partition(|member| !is_everybodys && policy.may_go_again(member, undone, now));
        let failed = Failed { failure, answer, now };
        for member in others {
            self.fail(world, member, &policy, failed);
        }
        let singly = policy.settings().on_failure == OnFailure::Singly && failure != Failure::Broken(Broken::TooLarge)
            // Half of the requests may get as much.
            || failure == Failure::Memory
            || failure == Failure::Call
            || policy.next(Pupil::of(&flight.key), now).0.is_single();
        let how = match failure {
            Failure::Unreached if !flight.is_second => Again::Whole,
            Failure::Unreached => Again::Singly,
            _ if singly || again.len() == 1 => Again::Singly,
            _ => Again::Halves,
        };
        self.go_again(world, (&flight.key, &policy), again, (how, failed));
    }

    /// Sends requests of a failed batch again.
    pub(super) fn go_again(
        &mut self,
        world: &mut impl World<H>,
        at: (&Key, &Rc<Policy>),
        mut again: Vec<Member<H>>,
        (how, why): (Again, Failed<'_, H>),
    ) {
        match how {
            _ if again.is_empty() => {}
            Again::Whole => self.repeat(world, at, again, (Repeat::Whole, why)),
            Again::Singly => {
                for member in again {
                    self.repeat(world, at, vec![member], (Repeat::Alone, why));
                }
            }
            Again::Halves => {
                let second = again.split_off(again.len().div_ceil(2));
                for half in [again, second] {
                    if !half.is_empty() {
                        self.repeat(world, at, half, (Repeat::Half, why));
                    }
                }
            }
        }
    }

    /// Sends a part of a failed batch again, in the root's next turn.
    fn repeat(
        &mut self,
        world: &mut impl World<H>,
        (key, policy): (&Key, &Rc<Policy>),
        members: Vec<Member<H>>,
        (how, why): (Repeat, Failed<'_, H>),
    ) {
        let is_free = why.failure.is_of_nothing_done() || policy.next(Pupil::of(key), why.now).0.is_single();
        let repeat = if is_free { None } else { policy.withdraw(why.now) };
        if repeat.is_none() && !is_free {
            world.count(policy, Event::Repeated(Repeat::Denied));
            for member in members {
                self.fail(world, member, policy, why);
            }
            return;
        }
        if members.len() > 1 {
            world.count(policy, Event::Repeated(how));
        }
        self.repeats.push_back(Flight {
            key: Rc::clone(key),
            policy: Rc::clone(policy),
            members,
            is_lone: false,
            returning: None,
            started: why.now,
            counts_until: why.now,
            until: why.now,
            repeat,
            is_second: how == Repeat::Whole,
        });
    }

    /// Requests of which nothing was done, for the answer to their batch had become too much before, go again.
    pub(super) fn go_on_with(
        &mut self,
        world: &mut impl World<H>,
        at: (&Key, &Rc<Policy>),
        undone: Vec<Member<H>>,
        now: Timestamp,
    ) {
        let why = Failed { failure: Failure::Broken(Broken::TooLarge), answer: None, now };
        let (again, others): (Vec<_>, Vec<_>) =
            undone.into_iter().partition(|member| at.1.may_go_again(member, true, now));
        for member in others {
            self.fail(world, member, at.1, why);
        }
        self.go_again(world, at, again, (Again::Halves, why));
    }

    /// A client gets an error.
    fn fail(
        &mut self,
        world: &mut impl World<H>,
        member: Member<H>,
        policy: &Policy,
        Failed { failure, answer, now }: Failed<'_, H>,
    ) {
        if member.deadline <= now || failure == Failure::Timeout {
            return self.end(world, member, policy, End::TimedOut, |part| late(policy, part));
        }
        self.end(world, member, policy, End::Failed, |part| {
            let mut reply = policy.error(part, failure, answer);
            // What it says of trying again and of credentials.
            let relayed = answer.into_iter().flat_map(|(head, _)| relayed(head, true));
            let relayed =
                relayed.map(|(name, value)| (Cow::Owned(name.to_vec()), Cow::Owned(value.to_vec())));
            reply.headers.extend(relayed);
            reply
        });
    }
}

impl Policy {
    /// What a batch that failed has shown of its key's server.
    fn has_failed<H>(&self, flight: &Flight<H>, failure: Failure, now: Timestamp) {
        let (pupil, items) = (Pupil::of(&flight.key), flight.items());
        if failure == Failure::Broken(Broken::TooLarge) {
            self.learns(pupil, now, |tolerance| tolerance.too_large(items, now));
        } else if failure.is_of_batching() {
            self.learns(pupil, now, |tolerance| tolerance.strike(now));
        }
    }

    /// What a client gets for its part of a batch that failed: what the upstream wrote, if that says something of all.
    fn error(&self, part: &Part, failure: Failure, answer: Unsplit<'_, impl BatchHead>) -> Reply<'static> {
        // What is said to the first of several callers is none of the others'.
        let is_of_all = !self.settings().key.mixes_principals;
        let said = failure.everybodys_status().zip(answer).filter(|_| is_of_all);
        let said = said.and_then(|(status, (_, body))| {
            self.settings().protocol.said_to_all(part, Answer { status, body })
        });
        // Who wants no answer hears what went wrong, as it would by itself.
        let wants_answer = self.settings().protocol.wants_answer(part);
        let status = if wants_answer { failure.everybodys_status() } else { failure.status() };
        said.map_or_else(|| reply(self, part, status.unwrap_or(502), &failure.explanation()), of_share)
    }

    /// Whether a request that failed is made again, if the budget has something left.
    pub(super) fn may_repeat<H>(&self, member: &Member<H>, now: Timestamp) -> bool {
        self.may_go_again(member, false, now)
    }

    /// The same; `undone`: nothing of it was done.
    pub(super) fn may_go_again<H>(&self, member: &Member<H>, undone: bool, now: Timestamp) -> bool {
        let settings = self.settings();
        settings.on_failure != OnFailure::Fail
            && member.origin.is_some()
            // Alone and with less time than it takes, it would get Envoy's 504 in place of one of its protocol.
            && member.deadline > now.plus(settings.deadline.floor + self.estimate(1))
            && (undone || self.repeats(&member.part))
    }

    /// Whether a request may be made twice.
    pub(super) fn repeats(&self, part: &Part) -> bool {
        part.is_repeatable || self.settings().is_repeatable
    }
}

/// An error in the protocol's form.
pub(super) fn reply(policy: &Policy, part: &Part, status: u16, message: &str) -> Reply<'static> {
    of_share(policy.settings().protocol.failure(part, status, message))
}

/// The error of a request that has too little time for a batch.
pub(super) fn short(policy: &Policy, part: &Part) -> Reply<'static> {
    reply(policy, part, 504, "there is too little time for an answer")
}

/// The error of a request for whose share there is no room.
pub(super) fn no_room(policy: &Policy, part: &Part) -> Reply<'static> {
    reply(policy, part, 502, NO_ROOM)
}

/// The error of a request whose time is over.
pub(super) fn late(policy: &Policy, part: &Part) -> Reply<'static> {
    reply(policy, part, 504, "there was no answer in time")
}
