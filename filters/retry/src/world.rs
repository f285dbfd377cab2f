//! The world around a worker's retries, over the host's ports.
//!
//! Invariant: whatever is done in a stream's name is undone before anything else: calls are the root's, so that they outlive the
//! stream.

use crate::plan::{Plan, candidates};
use crate::replay::{Replay, reply_headers};
use crate::worker::Worker;
use crate::{answering, report};
use switchyard_core::budget::Budget;
use switchyard_core::contract::{CANCELLED_PROPERTY, TRY_TIMEOUT_HEADER};
use switchyard_core::decisions::{Note, Retried};
use switchyard_core::health::Health;
use switchyard_core::retry::exchanges::{
    Answer, Budgets, Call, CallId, Delivery, Event, Fund, Policy, Reply, Retries, StreamId, TICK, Upstream,
    World,
};
use switchyard_core::{EndpointIndex, Timestamp};
use switchyard_frame::held_bodies::Missing;
use switchyard_frame::rotation::Next;
use switchyard_host::{Clock, HeaderMap, Host, HostError, SharedData};

/// The time and the shared budgets.
pub(crate) struct Tables<'a, H> {
    pub(crate) plan: &'a Plan,
    /// Of this callback, if it is known.
    pub(crate) now: Option<Timestamp>,
    pub(crate) host: &'a H,
}

impl<H: SharedData + Clock> Budgets for Tables<'_, H> {
    fn now(&mut self) -> Timestamp {
        *self.now.get_or_insert_with(|| self.host.now().unwrap_or_default())
    }

    fn change_budget<R>(&mut self, of: Fund, mut change: impl FnMut(&mut Budget) -> R) -> Option<R> {
        self.plan.table(of)?.change_budget(self.host, |budget| (true, change(budget)))
    }
}

/// The world during one callback.
pub(crate) struct Around<'a, H> {
    pub(crate) worker: &'a Worker,
    pub(crate) tables: Tables<'a, H>,
    pub(crate) rng: &'a mut fastrand::Rng,
    /// How many headers the answer has whose coming this callback is.
    pub(crate) call_headers: usize,
}

impl Worker {
    /// Lets those requests go on whose body is late. From the tick.
    pub(crate) fn end_waits_for_bodies(&self, host: &impl Host) {
        self.bodies.end_waits(&self.effective_context, host, |missing, stream| {
            let missed = missing == Missing::End;
            self.with(host, (None, 0), |retries, world| retries.goes_on(world, stream, missed));
        });
    }

    /// Lets the machine do something in this callback, and ticks if it has anything to wait for. `now`: the callback's time, if it is
    /// known.
    pub(crate) fn with<H: Host, R>(
        &self,
        host: &H,
        (now, call_headers): (Option<Timestamp>, usize),
        act: impl FnOnce(&mut Retries<HeaderMap>, &mut Around<'_, H>) -> R,
    ) -> Option<R> {
        let mut borrowed = self.retries.try_borrow_mut().ok()?;
        let (retries, rng) = &mut *borrowed;
        let tables = Tables { plan: &self.plan, now, host };
        let result = act(retries, &mut Around { worker: self, tables, rng, call_headers });
        if retries.has_begun() {
            self.tick_every(TICK, host);
        }
        Some(result)
    }
}

impl<H: Host> Budgets for Around<'_, H> {
    fn now(&mut self) -> Timestamp {
        self.tables.now()
    }

    fn change_budget<R>(&mut self, of: Fund, change: impl FnMut(&mut Budget) -> R) -> Option<R> {
        self.tables.change_budget(of, change)
    }
}

impl<H: Host> World<HeaderMap> for Around<'_, H> {
    fn recently(&mut self) -> Timestamp {
        self.tables.now.unwrap_or_else(|| self.worker.now(self.host()))
    }

    fn time(&mut self) -> Timestamp {
        let wall = self.tables.now();
        self.worker.time(wall)
    }

    fn recent_time(&mut self) -> Timestamp {
        match self.tables.now {
            Some(wall) => self.worker.time(wall),
            None => self.worker.recent_time(self.host()),
        }
    }

    fn rng(&mut self) -> &mut fastrand::Rng {
        self.rng
    }

    fn candidates<'a>(
        &'a self,
        upstream: &'a Upstream,
        head: &'a HeaderMap,
    ) -> impl Iterator<Item = Option<EndpointIndex>> + 'a {
        let rotation = self.tables.plan.upstream(upstream.number()).map(|upstream| &upstream.rotation);
        candidates(head).map(move |address| rotation?.position(address))
    }

    fn endpoints(&self, upstream: &Upstream) -> usize {
        let upstream = self.tables.plan.upstream(upstream.number());
        upstream.map_or(0, |upstream| upstream.rotation.places())
    }

    fn priority(&self, upstream: &Upstream, endpoint: EndpointIndex) -> u32 {
        let upstream = self.tables.plan.upstream(upstream.number());
        upstream.map_or(0, |upstream| upstream.rotation.level(endpoint))
    }

    fn health(&self, upstream: &Upstream, endpoint: EndpointIndex) -> Health {
        let upstream = self.tables.plan.upstream(upstream.number());
        upstream.map_or(Health::Withdrawn, |upstream| upstream.rotation.health(endpoint))
    }

    fn request_body(&mut self, size: usize) -> Vec<u8> {
        self.host().request_body(size).unwrap_or_default()
    }

    fn response_headers(&mut self) -> Option<HeaderMap> {
        self.host().response_headers().ok()
    }

    fn response_body(&mut self, size: usize) -> Vec<u8> {
        self.host().response_body(size).unwrap_or_default()
    }

    fn response_trailers(&mut self) -> HeaderMap {
        self.host().response_trailers().unwrap_or_default()
    }

    fn response_details(&mut self) -> Vec<u8> {
        self.property(&["response", "code_details"]).unwrap_or_default()
    }

    fn request_time(&mut self) -> Option<Timestamp> {
        let nanos = self.property(&["request", "time"])?;
        let wall = nanos.first_chunk().map(|bytes| Timestamp::from_nanos(u64::from_le_bytes(*bytes)))?;
        Some(self.worker.own_time(wall))
    }

    fn first_endpoint(&mut self, upstream: &Upstream) -> Option<EndpointIndex> {
        let address = self.property(&["upstream", "address"]).unwrap_or_default();
        let address = core::str::from_utf8(&address).unwrap_or_default();
        let plan = self.tables.plan;
        let rotation = &plan.upstream(upstream.number())?.rotation;
        rotation.position(address).or_else(|| {
            // The router may have heard of it before: this filter looks for news only while something waits.
            plan.take_lists(self.host());
            rotation.position(address)
        })
    }

    fn reply_headers(&self, answer: &HeaderMap) -> Vec<(Box<str>, Box<[u8]>)> {
        let text =
            |(name, value): (&[u8], &[u8])| Some((core::str::from_utf8(name).ok()?.into(), value.into()));
        reply_headers(answer).filter_map(text).collect()
    }

    fn call(&mut self, call: &Call<'_, HeaderMap>) -> Option<CallId> {
        let upstream = self.tables.plan.upstream(call.upstream)?;
        let chosen = call.endpoint.and_then(|place| upstream.rotation.address(place)).map(Next::Address);
        let address = match chosen.unwrap_or_else(|| upstream.rotation.next()) {
            Next::Address(address) => address,
            Next::Unnamed => Box::default(),
            Next::Nowhere => return None,
        };
        let is_clients = call.policy.settings().deadline.shortened(call.head).is_some();
        let replay = Replay::new(call.number, &address, call.timeout, is_clients);
        let begins_within = call.begins_within().map(|limit| limit.as_millis().max(1).to_string());
        let mut headers = replay.headers(call.head, call.policy.settings().deadline.header.as_deref())?;
        headers.extend(begins_within.as_deref().map(|limit| (TRY_TIMEOUT_HEADER, limit)));
        // A context that was entered for another stream must not own the call.
        if !self.worker.effective_context.come_back(self.host()) {
            return None;
        }
        let (cluster, body, timeout) = (&*upstream.cluster, call.body, call.timeout);
        let made =
            self.host().call(&switchyard_host::Call { cluster, headers: &headers, body, timeout }).ok();
        if made.is_some() {
            self.host().note(call.stream, || Note::Retried(Retried::Attempt(call.number, &address)));
        }
        made
    }

    fn call_answer(&mut self, body: usize, trailers: bool) -> Answer<HeaderMap> {
        let mut answer = Answer::default();
        if self.call_headers > 0 {
            answer.headers = self.host().call_headers().unwrap_or_default();
        }
        if body > 0 {
            // What cannot be read whole is no answer: its head alone would be taken for one without a body.
            match self.host().call_body(body) {
                Ok(read) if read.len() == body => answer.body = read,
                _ => return Answer::default(),
            }
        }
        if trailers {
            answer.trailers = self.host().call_trailers().unwrap_or_default();
        }
        answer
    }

    fn mark_overtaken(&mut self, stream: StreamId) {
        // Without the property outlier would take the attempt for one that was reset.
        self.in_name_of(stream, |host| host.set_property(&[CANCELLED_PROPERTY], b"hedged"));
    }

    fn replace(&mut self, stream: StreamId, delivery: &Delivery<'_, HeaderMap>) -> bool {
        self.host().note(stream, || Note::Retried(Retried::Served(delivery.number)));
        self.in_name_of(stream, |host| answering::put_in_place(delivery, host))
    }

    fn reply(&mut self, stream: StreamId, reply: &Reply<'_, HeaderMap>) {
        if let Reply::Delivered(delivery) = reply {
            self.host().note(stream, || Note::Retried(Retried::Served(delivery.number)));
        }
        self.in_name_of(stream, |host| answering::reply(reply, host));
    }

    fn resume(&mut self, stream: StreamId) {
        self.in_name_of(stream, H::resume_response);
    }

    fn count(&mut self, stream: StreamId, policy: &Policy, event: Event) {
        if let Some(told) = report::told(event) {
            self.host().note(stream, || Note::Retried(told));
        }
        if let Some(route) = self.tables.plan.route(policy.route()) {
            report::of(&self.worker.registry, route, self.host()).event(event, policy);
        }
    }
}

impl<'a, H: Host> Around<'a, H> {
    fn host(&self) -> &'a H {
        self.tables.host
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.host().property(path).ok().flatten()
    }

    /// Does something in a stream's name, and whether it could be done: one that is gone needs nothing any more.
    fn in_name_of(&self, stream: StreamId, act: impl FnOnce(&H) -> Result<(), HostError>) -> bool {
        if !self.worker.effective_context.enter(stream, self.host()) {
            return false;
        }
        let done = act(self.host());
        if let Err(error) = &done {
            log::debug!("switchyard.retry: stream {stream} could not be served: {error}");
        }
        done.is_ok()
    }
}
