//! The world around a worker's batches, over the host's ports.

use crate::report;
use crate::site::Site;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::batch::gather::{CallId, End, Event, Pass, Policy, Reply, Request, StreamId, World};
use switchyard_core::contract::keys::gatherer;
use switchyard_core::contract::{CANDIDATES_HEADER, CLIENT_LIMIT_PROPERTY, NO_LIMIT, REQUEST_TIMEOUT_HEADER};
use switchyard_core::decisions::{Batched, Note};
use switchyard_core::local_reply::LocalReply;
use switchyard_host::{Call, HeaderMap, Host};

/// The world during one callback.
pub(crate) struct Around<'a, H> {
    site: &'a Site,
    host: &'a H,
    /// Why the request that has just arrived goes on by itself.
    passed: Option<Pass>,
}

impl<H: Host> World<HeaderMap> for Around<'_, H> {
    fn now(&mut self) -> Timestamp {
        self.site.now(self.host)
    }

    fn call(&mut self, policy: &Policy, request: &Request<'_>, left: Duration) -> Option<CallId> {
        let upstream = self.site.plan.upstream_of(policy)?;
        self.site.look_at_health(self.host);
        let mut headers = request.headers.to_vec();
        let address = upstream.next_address()?;
        headers.extend(address.as_deref().map(|address| (CANDIDATES_HEADER, address)));
        let body = Some(request.body).filter(|body| !body.is_empty());
        // A context that was entered for a stream must not own the call.
        if !self.site.setup.effective_context.come_back(self.host) {
            return None;
        }
        let call = Call { cluster: &upstream.cluster, headers: &headers, body, timeout: left };
        self.host
            .call(&call)
            .inspect_err(|error| {
                log::debug!("switchyard.batch: a call to {} failed: {error}", upstream.cluster)
            })
            .ok()
    }

    fn resume(&mut self, policy: &Policy, stream: StreamId, left: Duration) -> bool {
        self.host.note(stream, || Note::Batched(Batched::Alone));
        if !self.site.setup.effective_context.enter(stream, self.host) {
            return false;
        }
        let deadline = &policy.settings().deadline;
        if !deadline.timeout.is_zero() {
            let left = left.as_millis().max(1).to_string();
            // Envoy counts a route's timeout from here; a request that is not told has more time than it was given.
            let headers = [Some(REQUEST_TIMEOUT_HEADER), deadline.header.as_deref()];
            // What is written there is not all the client's word; whom an ending may be blamed on hangs on what is.
            let own = self.host.request_headers().ok().and_then(|head| deadline.shortened(&head));
            let own = own.map_or_else(|| NO_LIMIT.to_owned(), |own| own.as_millis().to_string());
            let _ = self.host.set_property(&[CLIENT_LIMIT_PROPERTY], own.as_bytes());
            for name in headers.into_iter().flatten() {
                let _ = self.host.set_request_header(name, left.as_bytes());
            }
        }
        self.host.resume_request().is_ok()
    }

    fn reply(&mut self, stream: StreamId, reply: &Reply<'_>, end: Option<End>) -> bool {
        // Whom nothing can be said Envoy's timeouts end: it must not go on, for what it asks for may be done already.
        let result = end.map_or("elsewhere", report::end);
        self.host.note(stream, || Note::Batched(Batched::Ended(result)));
        let what = what(end);
        self.site.setup.effective_context.enter(stream, self.host)
            && (self.answer(what, reply) || self.host.send_response(what, 502, &[], &[]).is_ok())
    }

    fn is_read_unseen(&mut self, stream: StreamId) -> bool {
        let entered = self.site.setup.effective_context.enter(stream, self.host);
        let protocol = entered.then(|| self.host.property(&["request", "protocol"]).ok().flatten()).flatten();
        // One that cannot be asked may be one.
        protocol.is_none_or(|protocol| protocol.starts_with(b"HTTP/1"))
    }

    fn send(&mut self, queue: u32, message: &[u8]) -> bool {
        self.host.enqueue(queue, message).is_ok()
    }

    fn read(&mut self, number: u32) -> Option<(Vec<u8>, u32)> {
        self.host.shared_data(&gatherer(number)).ok()?.map(|shared| (shared.value, shared.cas))
    }

    fn swap(&mut self, number: u32, value: &[u8], cas: u32) -> bool {
        self.host.swap_shared_data(&gatherer(number), value, cas).unwrap_or(false)
    }

    fn tell(&mut self, stream: StreamId, told: &Batched<'_>) {
        self.host.note(stream, || Note::Batched(*told));
    }

    fn count(&mut self, policy: &Policy, event: Event) {
        if let Event::Passed(why) = event {
            self.passed = Some(why);
        }
        self.site.count(policy, event, self.host);
    }
}

impl<'a, H: Host> Around<'a, H> {
    /// The world during the present callback.
    pub(crate) fn new(site: &'a Site, host: &'a H) -> Self {
        Self { site, host, passed: None }
    }

    /// Why the request that has just arrived goes on by itself, if it does.
    pub(crate) fn passed(&self) -> Option<Pass> {
        self.passed
    }

    /// Answers the stream in whose name calls are made.
    pub(crate) fn answer(&self, what: LocalReply, reply: &Reply<'_>) -> bool {
        let headers: Vec<(&[u8], &[u8])> =
            reply.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.host.send_response(what, reply.status, &headers, &reply.body).is_ok()
    }
}

/// What the reply is to a request of which this became.
fn what(end: Option<End>) -> LocalReply {
    match end {
        None => LocalReply::BatchElsewhere,
        // Nobody who went alone or has left is answered.
        Some(End::Answered | End::Alone | End::Gone) => LocalReply::Batch,
        Some(End::Lost) => LocalReply::BatchLost,
        Some(End::Failed) => LocalReply::BatchFailed,
        Some(End::TimedOut) => LocalReply::BatchTimedOut,
        Some(End::Refused) => LocalReply::BatchRefused,
    }
}
