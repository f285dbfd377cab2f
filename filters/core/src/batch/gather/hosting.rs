//! Requests that are paused in other workers and gathered here.

use super::member::{Member, Origin};
use super::message::{Message, Offer, Says};
use super::world::StreamId;
use super::{Arrival, BatchHead, Gatherer, Policy, Reply, World, failures};
use crate::Address;
use crate::batch::Part;
use core::time::Duration;
use std::borrow::Cow;
use std::rc::Rc;

/// The longest reply that goes to another worker, in bytes.
const MOST_REPLY: usize = 1 << 20;

impl<H: BatchHead> Gatherer<H> {
    /// A message has come; `policies` are those of this worker's configuration. From a callback of the root.
    pub fn message<'p>(
        &mut self,
        world: &mut impl World<H>,
        bytes: &[u8],
        policies: impl Iterator<Item = &'p Rc<Policy>>,
    ) {
        let Some(message) = Message::decode(bytes) else { return };
        if self.away.me.is_none_or(|me| me.epoch != message.to) {
            return;
        }
        let (from, stream) = (message.from, message.stream);
        let origin = Origin::There(from, stream);
        match message.says {
            Says::Offer(offer) => self.host(world, (from, stream), *offer, policies),
            Says::Ask => {
                let known = self.prolong(world, origin);
                self.away.say(world, from, stream, Says::Known(known));
            }
            Says::Gone => self.drop_request(world, origin),
            Says::Begins { well } => self.lone_begins(world, origin, well),
            Says::Returned { well } => self.end_lone(world, origin, well),
            says => self.told(world, from, stream, says),
        }
        self.act(world);
    }

    fn host<'p>(
        &mut self,
        world: &mut impl World<H>,
        (from, stream): (Address, StreamId),
        offer: Offer<'_>,
        mut policies: impl Iterator<Item = &'p Rc<Policy>>,
    ) {
        let policy = policies
            .find(|policy| policy.route() == offer.route && policy.configuration() == offer.configuration);
        let head: H = offer.head.iter().map(|(name, value)| (&**name, &**value)).collect();
        let part = policy.and_then(|policy| {
            let protocol = &policy.settings().protocol;
            Some((policy, protocol.read(head.method(), head.path_and_query(), &offer.body).ok()?))
        });
        let Some((policy, part)) = part else {
            self.away.say(world, from, stream, Says::Declined);
            return;
        };
        let now = self.now(world);
        // What is left of its time, which is by the wall.
        let deadline = now.plus(offer.deadline.since(self.clock.wall()));
        let member = Member::new(Origin::There(from, stream), part, head, now, deadline);
        let says = match self.gather(world, member, offer.key.into_owned(), policy, now) {
            Arrival::Waits => return,
            Arrival::Alone => Says::Alone { told: true },
            Arrival::Passes => Says::Alone { told: false },
            Arrival::Refused(reply) => {
                Says::Reply { status: reply.status, headers: reply.headers, body: reply.body }
            }
        };
        self.away.say(world, from, stream, says);
    }

    /// Lets a request go on, wherever it is paused; `false`: it is gone.
    pub(super) fn resume(
        &mut self,
        world: &mut impl World<H>,
        policy: &Policy,
        origin: Origin,
        left: Duration,
    ) -> bool {
        match origin {
            Origin::Here(stream) => world.resume(policy, stream, left),
            Origin::There(home, stream) => self.away.say(world, home, stream, Says::Alone { told: true }),
        }
    }

    /// A client in another worker gets its reply, if that is not too long for a message.
    pub(super) fn reply_there(
        &mut self,
        world: &mut impl World<H>,
        (home, stream): (Address, StreamId),
        part: &Part,
        policy: &Policy,
        reply: &Reply<'_>,
    ) {
        let says = |reply: &Reply<'_>| Says::Reply {
            status: reply.status,
            headers: reply
                .headers
                .iter()
                .map(|(name, value)| (name.to_vec().into(), value.to_vec().into()))
                .collect(),
            body: Cow::Owned(reply.body.to_vec()),
        };
        let now = self.now(world);
        let says = match reply.body.len() <= MOST_REPLY {
            true => says(reply),
            false if policy.repeats(part) && policy.withdraw(now).is_some() => Says::Alone { told: false },
            false => says(&failures::reply(policy, part, 502, "the answer is too long for another worker")),
        };
        self.away.say(world, home, stream, says);
    }
}
