//! All requests of a worker that may be tried again, from their head to the answer that their clients get.
//!
//! A worker's [`Retries`] are fed with what happens to streams ([`Retries::begin`], [`Retries::request_body`],
//! [`Retries::response_headers`], [`Retries::response_body`], [`Retries::response_trailers`], [`Retries::gone`]), with the answers to their
//! own calls ([`Retries::answered`]) and with ticks ([`Retries::tick`]), and act through [`World`]. In a stream's own callback they say
//! whether its answer goes on or is held back, and no more.
//!
//! Invariants: every answer that is held back is resumed or replaced once, and by its request's deadline; a retry is in the budgets
//! before it is sent; what is kept is paid for.
//! Trade-off: an answer that has to be replaced by another waits for the next tick, because another answer may be sent only from
//! the root's callbacks: one from a stream's own hangs it.
//! Source: Finagle's and linkerd's retry budgets; Dean and Barroso, "The Tail at Scale", for hedges; circuit breakers (Nygard,
//! "Release It!") for retries that keep failing.

mod around;
mod calls;
mod exchange;
mod first;
mod judging;
mod kept;
mod policy;
mod replies;
mod steps;
mod verdict;
mod worker_budget;
mod world;

pub use policy::{CONSECUTIVE_FAILED_RETRIES, Policy, Upstream};
pub use worker_budget::WorkerBudget;
pub use world::{Answer, Budgets, Call, CallId, Delivery, Event, Fund, Reply, RetryHead, StreamId, World};

use super::attempts::Denied;
use crate::Flow;
use crate::budget::UnderWay;
use crate::memory::{Account, Memory, Paid, length};
use core::time::Duration;
use exchange::Exchange;
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::rc::Rc;

/// How often [`Retries::tick`] wants to be called while a request waits: the grain of waits and hedges.
pub const TICK: Duration = Duration::from_millis(5);
/// How often budgets are told.
pub const NEWS_TICK: Duration = Duration::from_millis(50);
/// Bytes of bodies that one VM keeps: requests that may have to be sent again.
pub const MOST_KEPT: u64 = 16 << 20;

/// A request that begins.
#[derive(Debug)]
pub struct Candidate<H> {
    /// Its stream.
    pub stream: StreamId,
    /// Its route's policy.
    pub policy: Rc<Policy>,
    /// Where it goes.
    pub upstream: Rc<Upstream>,
    /// Its head.
    pub head: H,
    /// It ends with its head.
    pub ended: bool,
    /// It waits for its body, until [`Retries::goes_on`].
    pub waits: bool,
    /// What tells it from others that an old answer is for, if it may have or leave one.
    pub stale_key: Option<Vec<u8>>,
}

/// All requests of a worker that may be tried again, under one configuration.
#[doc = include_str!("example.md")]
#[derive(Debug)]
pub struct Retries<H> {
    exchanges: HashMap<StreamId, Exchange<H>>,
    desk: Desk,
}

/// What is of the worker and not of a request.
#[derive(Debug)]
struct Desk {
    /// In the order of their numbers, so that what happens in a tick is the same in every run.
    waiting: BTreeSet<StreamId>,
    /// One has begun to wait since this was asked last.
    begun: bool,
    calls: HashMap<CallId, Outstanding>,
    memory: Memory,
    /// Of that, bodies of requests.
    bodies: Account,
}

/// A call of ours.
#[derive(Debug)]
struct Outstanding {
    /// The request that it is for.
    stream: StreamId,
    /// The attempt's number.
    number: u32,
    hedge: bool,
    /// What the budgets count of it, until the answer is there.
    under_way: Vec<UnderWay>,
}

/// One request, at one moment.
struct Turn<'a, H, W> {
    exchange: &'a mut Exchange<H>,
    desk: &'a mut Desk,
    world: &'a mut W,
}

impl<H: RetryHead> Retries<H> {
    /// No requests yet, in a VM with these accounts, of which the second one is for bodies of requests.
    pub fn new((memory, bodies): (Memory, Account)) -> Self {
        let desk = Desk { waiting: BTreeSet::new(), begun: false, calls: HashMap::new(), memory, bodies };
        Self { exchanges: HashMap::new(), desk }
    }

    /// A request begins.
    pub fn begin(&mut self, world: &mut impl World<H>, request: Candidate<H>) {
        let Candidate { stream, policy, upstream, head, ended, waits, stale_key } = request;
        let key = stale_key.as_ref().map_or(0, Vec::len);
        let Some(head) = Paid::head(head, key, &self.desk.memory.kept) else {
            return world.count(stream, &policy, Event::Denied(Denied::Memory));
        };
        let ended = ended || !policy.keeps_bodies();
        let mut exchange = Exchange::new(stream, (policy, upstream), head, ended);
        if exchange.body.is_dropped() {
            world.count(stream, &exchange.policy, Event::Denied(Denied::BodySize));
        }
        exchange.stale_key = stale_key;
        if !waits && exchange.race(world) {
            self.desk.wait(stream);
        }
        self.exchanges.insert(stream, exchange);
    }

    /// A request goes on that has waited for its body; `missed`: a part of that has passed unseen.
    pub fn goes_on(&mut self, world: &mut impl World<H>, stream: StreamId, missed: bool) {
        let Some(exchange) = self.exchanges.get_mut(&stream) else { return };
        if missed && !exchange.body.is_dropped() {
            exchange.body.drop_it();
            world.count(stream, &exchange.policy, Event::Denied(Denied::BodySize));
        }
        if exchange.race(world) {
            self.desk.wait(stream);
        }
    }

    /// A piece of the request's body passes.
    pub fn request_body(&mut self, world: &mut impl World<H>, stream: StreamId, size: usize, ended: bool) {
        let Some(exchange) = self.exchanges.get_mut(&stream) else { return };
        let policy = &exchange.policy;
        if !policy.keeps_bodies() {
            return;
        }
        let most = policy.settings().max_body;
        if let Some(denied) = exchange.body.pass((size, ended), most, &self.desk.bodies, world) {
            world.count(stream, policy, Event::Denied(denied));
        }
    }

    /// Whether so many bytes of a request's body are more than is kept of it.
    pub fn is_too_large(&self, stream: StreamId, size: usize) -> bool {
        let exchange = self.exchanges.get(&stream);
        exchange.is_none_or(|exchange| length(size) > exchange.policy.settings().max_body)
    }

    /// The answer begins, the first attempt's or one of ours.
    pub fn response_headers(&mut self, world: &mut impl World<H>, stream: StreamId, ended: bool) -> Flow {
        self.turn(stream, world).map_or(Flow::Continue, |mut turn| turn.first_headers(ended))
    }

    /// A piece of the answer's body passes, or of what is held back of it, `size` bytes in all.
    pub fn response_body(
        &mut self,
        world: &mut impl World<H>,
        stream: StreamId,
        size: usize,
        ended: bool,
    ) -> Flow {
        self.turn(stream, world).map_or(Flow::Continue, |mut turn| turn.first_body(size, ended))
    }

    /// The answer ends with trailers.
    pub fn response_trailers(&mut self, world: &mut impl World<H>, stream: StreamId) -> Flow {
        self.turn(stream, world).map_or(Flow::Continue, |mut turn| turn.first_trailers())
    }

    /// The stream has ended, in whichever way; whether there was anything to count. Calls that are under way find nobody.
    pub fn gone(&mut self, world: &mut impl World<H>, stream: StreamId) -> bool {
        self.desk.settle(stream);
        let Some(exchange) = self.exchanges.remove(&stream) else { return false };
        let counts = !exchange.policy.is_steered();
        if counts {
            world.count(stream, &exchange.policy, Event::Attempt);
        }
        counts
    }

    /// Does what is due of all that waits. From the root's tick.
    pub fn tick(&mut self, world: &mut impl World<H>) {
        let now = world.time();
        let waiting: Vec<StreamId> = self.desk.waiting.iter().copied().collect();
        for stream in waiting {
            if let Some(mut turn) = self.turn(stream, world).filter(|turn| turn.exchange.is_due(now)) {
                turn.advance(now);
            }
        }
    }

    /// The answer to a call has come, with so many bytes of body, or the call has failed. From the root's callback.
    pub fn answered(&mut self, world: &mut impl World<H>, call: CallId, body: usize) {
        let Some(Outstanding { stream, number, hedge, under_way }) = self.desk.calls.remove(&call) else {
            return;
        };
        // Free before it is decided whether there is another retry.
        drop(under_way);
        if let Some(mut turn) = self.turn(stream, world).filter(|turn| !turn.exchange.is_over()) {
            turn.answered((number, hedge), body);
        }
    }

    /// Whether a tick may have something to do: every [`TICK`].
    pub fn waits(&self) -> bool {
        !self.desk.waiting.is_empty()
    }

    /// Whether a request has begun to wait since this was taken last.
    pub fn take_begun(&mut self) -> bool {
        core::mem::take(&mut self.desk.begun)
    }

    /// Whether a request has begun to wait since that was taken last.
    pub fn has_begun(&self) -> bool {
        self.desk.begun
    }

    /// How many requests are known.
    pub fn len(&self) -> usize {
        self.exchanges.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.exchanges.is_empty()
    }

    /// How many calls of ours are under way.
    pub fn calls(&self) -> usize {
        self.desk.calls.len()
    }

    fn turn<'a, W: World<H>>(&'a mut self, stream: StreamId, world: &'a mut W) -> Option<Turn<'a, H, W>> {
        let exchange = self.exchanges.get_mut(&stream)?;
        Some(Turn { exchange, desk: &mut self.desk, world })
    }
}

impl Desk {
    fn wait(&mut self, stream: StreamId) {
        self.waiting.insert(stream);
        self.begun = true;
    }

    fn settle(&mut self, stream: StreamId) {
        self.waiting.remove(&stream);
    }
}

impl<H: RetryHead, W: World<H>> Turn<'_, H, W> {
    /// It waits from now on.
    fn wait(&mut self) {
        self.desk.wait(self.exchange.stream);
    }

    /// It waits for nothing any more.
    fn settle(&mut self) {
        self.desk.settle(self.exchange.stream);
        self.exchange.under_way.clear();
    }

    fn count(&mut self, event: Event) {
        self.world.count(self.exchange.stream, &self.exchange.policy, event);
    }

    /// Counts what was decided.
    fn count_decision(&mut self, decision: &super::attempts::Decision) {
        if let Some((reason, wait)) = decision.retry {
            self.count(Event::Retry(reason, wait));
        }
        // A body that is too large was counted when that was seen.
        let is_told = |denied: &Denied| *denied == Denied::BodySize && self.exchange.body.is_dropped();
        if let Some(denied) = decision.denied.filter(|denied| !is_told(denied)) {
            self.count(Event::Denied(denied));
        }
        match self.exchange.phase {
            exchange::Phase::Judging(judging)
                if decision.overdue && judging.streams(self.exchange.has_data) =>
            {
                self.count(Event::Denied(Denied::Answer));
            }
            _ if decision.overdue => self.count(Event::Watchdog),
            _ => {}
        }
    }
}
