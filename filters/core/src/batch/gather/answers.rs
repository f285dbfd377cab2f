//! Answers to calls: every client's share of them.
//!
//! Invariant: a share goes to the client whose request it is a share for; one whose client has left goes to nobody.

use super::departures::{Flight, parts};
use super::lessons::Pupil;
use super::member::{Member, Origin};
use super::world::{CallId, End, Event};
use super::{BatchHead, Failure, Gatherer, Policy, Reply, World};
use crate::Timestamp;
use crate::batch::{Answer, Part, Share, is_readable};
use crate::http::is_of_nobody;
use crate::memory::length;
use core::time::Duration;
use std::borrow::Cow;

/// How much earlier than in time the host's timer may end a call.
const GRAIN: Duration = Duration::from_millis(10);

impl<H: BatchHead> Gatherer<H> {
    /// The answer to a call has come, or the call has failed. From a callback of the root.
    pub fn answered(&mut self, world: &mut impl World<H>, call: CallId, answer: Option<(&H, Vec<u8>)>) {
        self.take_answer(world, call, answer);
        self.act(world);
    }

    /// The answer to a call has come, and is too long to be taken in. From a callback of the root.
    pub fn answered_too_much(&mut self, world: &mut impl World<H>, call: CallId) {
        if let Some(flight) = self.calls.remove(&call).and_then(|id| self.land(id)) {
            let now = self.now(world);
            self.failed(world, flight, Failure::Memory, now);
        }
        self.act(world);
    }

    fn take_answer(&mut self, world: &mut impl World<H>, call: CallId, answer: Option<(&H, Vec<u8>)>) {
        let Some(flight) = self.calls.remove(&call).and_then(|id| self.land(id)) else { return };
        let now = self.now(world);
        let answer = answer.map(|(head, body)| (head, status(head), body));
        let is_late = flight.until <= now.plus(GRAIN);
        // With nothing, or with a 504 of its own, the host says that the time of its call was over.
        if is_late && answer.as_ref().is_none_or(|(_, status, _)| *status == 504) {
            flight.policy.landed(flight.items(), flight.started, now);
            return self.failed(world, flight, Failure::Timeout, now);
        }
        let Some((head, status, body)) = answer else {
            return self.failed(world, flight, Failure::Reset, now);
        };
        if is_of_nobody(head, &body) {
            return self.failed(world, flight, Failure::Unreached, now);
        }
        if !is_readable(head) {
            let answer = Answer { status, body: &[] };
            let failure = answer.succeeds().map_or_else(Failure::Broken, |()| Failure::Encoded);
            return self.failed_with(world, flight, failure, (now, Some((head, &[]))));
        }
        let shares = flight.policy.settings().protocol.split(&parts(&flight), Answer { status, body: &body });
        let shares = match shares {
            Ok(shares) => shares,
            Err(broken) => {
                let failure = Failure::Broken(broken);
                return self.failed_with(world, flight, failure, (now, Some((head, &body))));
            }
        };
        flight.policy.has_answered(&flight, shares.is_cut_off(), now);
        // It is kept until the last one has its share.
        match flight.policy.memory().kept.reserve(length(body.capacity())) {
            Some(kept) => self.give_out(world, flight, (shares, body, kept), (head, now)),
            None => self.failed(world, flight, Failure::Memory, now),
        }
    }

    /// A request is over: its client gets `reply`, and its place is free.
    pub(super) fn end<'a>(
        &mut self,
        world: &mut impl World<H>,
        member: Member<H>,
        policy: &Policy,
        end: End,
        reply: impl FnOnce(&Part) -> Reply<'a>,
    ) {
        policy.release(member.bytes);
        // Its client's leaving was counted.
        let Some(origin) = member.origin else { return };
        self.requests.remove(&origin);
        world.count(policy, Event::Ended(end));
        let reply = reply(&member.part);
        match origin {
            Origin::Here(stream) => drop(world.reply(stream, &reply, Some(end))),
            Origin::There(home, stream) => {
                self.reply_there(world, (home, stream), &member.part, policy, &reply)
            }
        }
    }
}

impl Policy {
    /// What a batch that was answered has shown of its key's server, and of its clients.
    fn has_answered<H>(&self, flight: &Flight<H>, is_cut_off: bool, now: Timestamp) {
        let (pupil, items) = (Pupil::of(&flight.key), flight.items());
        self.landed(items, flight.started, now);
        let requests = u32::try_from(flight.origins().count()).unwrap_or(u32::MAX);
        self.answered(pupil, requests, flight.started, now);
        self.learns(pupil, now, |tolerance| match is_cut_off {
            true => tolerance.too_large(items, now),
            false => tolerance.answered(items, now),
        });
    }
}

/// A share as a client gets it.
pub fn of_share(share: Share) -> Reply<'static> {
    let content_type =
        share.content_type.map(|kind| (Cow::from(&b"content-type"[..]), Cow::from(kind.as_bytes())));
    Reply { status: share.status, headers: content_type.into_iter().collect(), body: share.body.into() }
}

/// The status of an answer; 502 if it has none.
fn status(head: &impl BatchHead) -> u16 {
    crate::http::status(head).unwrap_or(502)
}
