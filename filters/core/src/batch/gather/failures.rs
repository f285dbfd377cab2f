//! Batches that failed as a whole.
//!
//! Invariants: only what may be made twice is made twice, and only within the budget; everybody else gets an error in the form of
//! its protocol. A half of a failed batch is smaller than it, so this ends.
//! Trade-off: a status that says something about the client or the route (401, 403, 404, 405, 407, 429) is not looked into further:
//! asking for each item would get the same answer as often as there are items.

use super::answers::of_share;
use super::departures::Flight;
use super::queue::Member;
use super::world::{End, Event, Failure, Repeat};
use super::{BatchHead, Gatherer, Policy, Reply, World};
use crate::Timestamp;
use crate::batch::{Broken, OnFailure, Part, relayed};
use std::borrow::Cow;
use std::rc::Rc;

/// Statuses that each of a batch's requests would get.
const OF_EVERYBODY: [u16; 6] = [401, 403, 404, 405, 407, 429];

/// What a client is told whose answer would take too much memory.
const NO_ROOM: &str = "the answer to the batch is too large to be shared out";

/// Why a batch has failed, what its answer says, if there is one, and when.
#[derive(Debug)]
struct Failed<'a, H> {
    failure: Failure,
    head: Option<&'a H>,
    now: Timestamp,
}

impl<H> Clone for Failed<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Failed<'_, H> {}

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

    /// A batch has failed, with an answer of this head.
    pub(super) fn failed_with(
        &mut self,
        world: &mut impl World<H>,
        mut flight: Flight<H>,
        failure: Failure,
        (now, head): (Timestamp, Option<&H>),
    ) {
        let policy = Rc::clone(&flight.policy);
        world.count(&policy, Event::Failed(failure));
        // A part of a failed batch gives its place to its own parts.
        flight.repeat = None;
        let everybodys = everybodys_status(failure);
        let (again, others): (Vec<_>, Vec<_>) = flight
            .members
            .drain(..)
            .partition(|member| everybodys.is_none() && policy.may_repeat(member, now));
        let failed = Failed { failure, head, now };
        for member in others {
            self.fail(world, member, &policy, failed);
        }
        // Half of the requests may get as much.
        let singly = policy.settings().on_failure == OnFailure::Singly || failure == Failure::Memory;
        if singly || again.len() == 1 {
            for member in again {
                self.repeat(world, &flight, vec![member], failed);
            }
        } else if !again.is_empty() {
            let mut first = again;
            let second = first.split_off(first.len() / 2);
            self.repeat(world, &flight, first, failed);
            self.repeat(world, &flight, second, failed);
        }
    }

    /// Sends a part of a failed batch again, in the root's next turn.
    fn repeat(
        &mut self,
        world: &mut impl World<H>,
        failed: &Flight<H>,
        members: Vec<Member<H>>,
        why: Failed<'_, H>,
    ) {
        let policy = Rc::clone(&failed.policy);
        let Some(repeat) = policy.withdraw(why.now) else {
            world.count(&policy, Event::Repeated(Repeat::Denied));
            for member in members {
                self.fail(world, member, &policy, why);
            }
            return;
        };
        if members.len() > 1 {
            world.count(&policy, Event::Repeated(Repeat::Half));
        }
        self.repeats.push_back(Flight {
            key: Rc::clone(&failed.key),
            policy,
            members,
            is_lone: false,
            returning: None,
            started: why.now,
            counts_until: why.now,
            until: why.now,
            repeat: Some(repeat),
        });
    }

    /// A client gets an error.
    fn fail(
        &mut self,
        world: &mut impl World<H>,
        member: Member<H>,
        policy: &Policy,
        Failed { failure, head, now }: Failed<'_, H>,
    ) {
        if member.deadline <= now || failure == Failure::Timeout {
            return self.end(world, member, policy, End::TimedOut, |part| late(policy, part));
        }
        let status = everybodys_status(failure).unwrap_or(502);
        self.end(world, member, policy, End::Failed, |part| {
            let mut reply = reply(policy, part, status, &explanation(failure));
            // What it says of trying again and of credentials.
            let relayed = head.into_iter().flat_map(|head| relayed(head, true));
            let relayed =
                relayed.map(|(name, value)| (Cow::Owned(name.to_vec()), Cow::Owned(value.to_vec())));
            reply.headers.extend(relayed);
            reply
        });
    }
}

impl Policy {
    /// Whether a request that failed is made again, if the budget has something left.
    pub(super) fn may_repeat<H>(&self, member: &Member<H>, now: Timestamp) -> bool {
        let settings = self.settings();
        settings.on_failure != OnFailure::Fail
            && member.origin.is_some()
            // Alone and with less time than it takes, it would get Envoy's 504 in place of one of its protocol.
            && member.deadline > now.plus(settings.deadline.floor + self.estimate(1))
            && self.repeats(&member.part)
    }

    /// Whether a request may be made twice.
    pub(super) fn repeats(&self, part: &Part) -> bool {
        part.is_repeatable || self.settings().is_repeatable
    }
}

/// The status that everybody gets, if the failure says something about all.
fn everybodys_status(failure: Failure) -> Option<u16> {
    match failure {
        Failure::Broken(Broken::Status(status)) if OF_EVERYBODY.contains(&status) => Some(status),
        _ => None,
    }
}

/// What a client is told about it.
fn explanation(failure: Failure) -> String {
    match failure {
        Failure::Call => "the upstream could not be called".into(),
        Failure::Reset => "the upstream ended the connection without an answer".into(),
        Failure::Timeout => "there was no answer in time".into(),
        Failure::Encoded => "the upstream's answer to the batch was encoded, which was not asked for".into(),
        Failure::Memory => NO_ROOM.into(),
        Failure::Broken(Broken::Status(status)) => format!("the upstream answered {status} to the batch"),
        Failure::Broken(broken) => {
            format!("the upstream's answer to the batch cannot be split: {}", broken.name())
        }
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
