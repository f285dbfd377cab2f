//! Answers to calls: every client's share of them.
//!
//! Invariant: a share goes to the client whose request it is a share for; one whose client has left goes to nobody.

use super::departures::{Flight, parts};
use super::queue::{Member, Origin};
use super::world::{CallId, End, Event, Failure, Trigger};
use super::{Gatherer, Head, Policy, Reply, World};
use crate::batch::{Answer, Outcome, Part, Share, is_readable, relayed};
use core::time::Duration;
use std::borrow::Cow;
use std::rc::Rc;

/// The response header that tells a batch's size, in items, and a request's place in it, from 0.
pub const BATCH_HEADER: &str = "x-switchyard-batch";
/// The response header with the trace that a call was part of, for those whose own trace it was not.
pub const TRACE_HEADER: &str = "x-switchyard-batch-traceparent";
/// How much earlier than in time the host's timer may end a call.
const GRAIN: Duration = Duration::from_millis(10);
/// What says which trace a request is part of (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";

impl<H: Head> Gatherer<H> {
    /// The answer to a call has come, or the call has failed. From a callback of the root.
    pub fn answered(&mut self, world: &mut impl World<H>, call: CallId, answer: Option<(&H, &[u8])>) {
        self.take_answer(world, call, answer);
        self.act(world);
    }

    fn take_answer(&mut self, world: &mut impl World<H>, call: CallId, answer: Option<(&H, &[u8])>) {
        let Some(flight) = self.calls.remove(&call).and_then(|id| self.land(id)) else { return };
        let now = self.now(world);
        let answer = answer.map(|(head, body)| (head, Answer { status: status(head), body }));
        let is_late = flight.until <= now.plus(GRAIN);
        // With nothing, or with a 504 of its own, the host says that the time of its call was over.
        if is_late && answer.as_ref().is_none_or(|(_, answer)| answer.status == 504) {
            flight.policy.landed(flight.items(), flight.started, now);
            return self.failed(world, flight, Failure::Timeout, now);
        }
        let Some((head, answer)) = answer else {
            return self.failed(world, flight, Failure::Reset, now);
        };
        if !is_readable(head) {
            return self.failed(world, flight, Failure::Encoded, now);
        }
        match flight.policy.settings().protocol.split(&parts(&flight), answer) {
            Ok(shares) => {
                flight.policy.landed(flight.items(), flight.started, now);
                self.share_out(world, flight, shares, head);
            }
            Err(broken) => self.failed_with(world, flight, Failure::Broken(broken), (now, Some(head))),
        }
    }

    fn share_out(&mut self, world: &mut impl World<H>, flight: Flight<H>, shares: Vec<Share>, head: &H) {
        let (size, policy) = (flight.items(), flight.policy);
        let is_mixed = flight.members.len() > 1;
        let relayed: Vec<_> = relayed(head, is_mixed).collect();
        let trace =
            flight.members.first().and_then(|first| first.head.header(TRACEPARENT)).map(<[u8]>::to_vec);
        let mut index = 0;
        for (place, (member, share)) in flight.members.into_iter().zip(shares).enumerate() {
            let at = index;
            index += member.items();
            let member = match share.outcome {
                Outcome::Lost => match self.ask_again(world, &flight.key, &policy, member) {
                    Some(member) => member,
                    None => continue,
                },
                Outcome::Answered => member,
            };
            let end = if share.outcome == Outcome::Lost { End::Lost } else { End::Answered };
            self.end(world, member, &policy, end, |_| {
                let mut reply = of_share(share);
                reply.headers.extend(
                    relayed.iter().map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(*value))),
                );
                if policy.settings().tells {
                    let tells = format!("size={size};index={at}").into_bytes();
                    reply.headers.push((Cow::Borrowed(BATCH_HEADER.as_bytes()), tells.into()));
                }
                if let Some(trace) = trace.as_deref().filter(|_| place > 0) {
                    reply.headers.push((Cow::Borrowed(TRACE_HEADER.as_bytes()), trace.into()));
                }
                reply
            });
        }
    }

    /// Lets a request that the upstream has left out go alone, if it may be made twice; if not, here it is again.
    fn ask_again(
        &mut self,
        world: &mut impl World<H>,
        key: &super::Key,
        policy: &Rc<Policy>,
        member: Member<H>,
    ) -> Option<Member<H>> {
        let now = self.now(world);
        let may = policy.may_repeat(&member, now);
        let place = if may { policy.withdraw(now) } else { None };
        if place.is_none() {
            return Some(member);
        }
        self.let_alone(world, (Rc::clone(key), member), Rc::clone(policy), (Trigger::Repeat, place));
        None
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
            Origin::Here(stream) => drop(world.reply(stream, &reply)),
            Origin::There(home, stream) => {
                self.reply_there(world, (home, stream), &member.part, policy, &reply)
            }
        }
    }
}

/// A share as a client gets it.
pub fn of_share(share: Share) -> Reply<'static> {
    let content_type =
        share.content_type.map(|kind| (Cow::from(&b"content-type"[..]), Cow::from(kind.as_bytes())));
    Reply { status: share.status, headers: content_type.into_iter().collect(), body: share.body.into() }
}

/// The status of an answer; 502 if it has none.
fn status(head: &impl Head) -> u16 {
    let status = head.header(":status").and_then(|status| core::str::from_utf8(status).ok()?.parse().ok());
    status.unwrap_or(502)
}
