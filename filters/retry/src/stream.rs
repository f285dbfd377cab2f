//! One request: matched to its policy, told to Envoy's router or kept for this filter's own engine.
//!
//! Invariant: what a client sent in the headers that steer Envoy's retries never counts, in either engine.

use crate::plan::{Route, Upstream};
use crate::report;
use crate::worker::Worker;
use crate::world::{Around, Tables};
use std::rc::Rc;
use switchyard_core::RequestView;
use switchyard_core::contract::{REQUEST_TIMEOUT_HEADER, TRY_TIMEOUT_HEADER};
use switchyard_core::deadline::{DEADLINE_EXCEEDED, is_clients_end};
use switchyard_core::decisions::{Note, Retried};
use switchyard_core::retry::exchanges::{Candidate, Policy, Retries, Upstream as Known};
use switchyard_core::retry::{Denied, RetryRequest, STEERING_HEADERS};
use switchyard_frame::held_bodies::Piece;
use switchyard_frame::identity;
use switchyard_frame::{self as frame, Head};
use switchyard_host::{Flow, HeaderMap, Host};

/// One request under a configuration.
pub struct Stream {
    context: u32,
    worker: Rc<Worker>,
    /// Its answer is looked at.
    watched: bool,
    /// It waits for its body.
    held: bool,
    /// It has a gRPC deadline of its client's own.
    hurried: bool,
    /// The route and the upstream of a request that Envoy's router tries again.
    steered: Option<(usize, usize)>,
    /// How often it may, until there is an answer.
    granted: u8,
}

impl Stream {
    /// The stream of this context.
    pub(crate) fn new(context: u32, worker: Rc<Worker>) -> Self {
        Self { context, worker, watched: false, held: false, hurried: false, steered: None, granted: 0 }
    }

    fn begin(&mut self, host: &impl Host, head: &Head, ended: bool) {
        let worker = Rc::clone(&self.worker);
        if worker.plan.len() == 0 {
            return;
        }
        // A request that cannot be read gets what Envoy's own route gives.
        let Some(headers) = head.headers(host).cloned() else { return };
        let found = worker.plan.route_of(head, host).and_then(|position| {
            let (position, upstream) = worker.plan.policy_of(position, &headers)?;
            Some((position, worker.plan.route(position)?, upstream, worker.plan.upstream(upstream)?))
        });
        let Some((position, route, index, upstream)) = found else { return };
        let policy = &route.policy;
        policy.request(&upstream.known);
        worker.tick_for_news(host);
        if policy.is_steered() {
            self.steered = Some((position, index));
            if !policy.settings().shadow {
                self.granted = steer(&headers, route, upstream, &worker, host);
                self.tell_granted(policy, host);
            }
        } else if !policy.settings().shadow {
            limit(&headers, route, host);
        }
        self.hurried = !policy.settings().shadow && policy.settings().deadline.is_clients_own(&headers);
        // A tunnel has no answer that another attempt could replace.
        let tunnel = headers.contains("upgrade") || headers.method() == b"CONNECT";
        if policy.looks_at_answers() && !tunnel {
            self.watch(host, headers, policy, &upstream.known, ended);
        }
    }

    /// Says how often Envoy's router may try again; what it makes of that is in Envoy's own log.
    fn tell_granted(&self, policy: &Policy, host: &impl Host) {
        let granted = self.granted;
        host.note(self.context, || Note::Retried(Retried::Granted(granted)));
        if granted == 0 && policy.settings().num_retries > 0 {
            host.note(self.context, || Note::Retried(Retried::Denied(report::name(Denied::Budget))));
        }
    }

    /// Its answer is looked at, and it may wait for its body.
    fn watch(
        &mut self,
        host: &impl Host,
        head: HeaderMap,
        policy: &Rc<Policy>,
        upstream: &Rc<Known>,
        ended: bool,
    ) {
        let known = || identity::read(host).ok();
        let waits = !ended
            && policy.awaits_body(&head)
            && self.worker.bodies.hold(self.context, self.context, policy.settings().body_timeout);
        let stale_key = policy.keeps_answers().and_then(|stale| stale.key(&head, ended, known));
        let (policy, upstream) = (Rc::clone(policy), Rc::clone(upstream));
        let request = Candidate { stream: self.context, policy, upstream, head, ended, waits, stale_key };
        (self.watched, self.held) = (true, waits);
        self.tell(host, |retries, world| retries.begin(world, request));
    }

    /// Envoy's router makes no more attempts.
    fn settle(&mut self) {
        let granted = core::mem::take(&mut self.granted);
        let Some((position, upstream)) = self.steered.filter(|_| granted > 0) else { return };
        let plan = &self.worker.plan;
        if let (Some(route), Some(upstream)) = (plan.route(position), plan.upstream(upstream)) {
            route.policy.envoy_answered(&upstream.known, granted);
        }
    }

    /// A piece of the request's body passes.
    fn passes(&mut self, host: &impl Host, size: usize, ended: bool) {
        let stream = self.context;
        self.held = false;
        self.tell(host, |retries, world| retries.request_body(world, stream, size, ended));
    }

    /// The request goes on with so much of its body, all that there is of it.
    fn goes_on(&mut self, host: &impl Host, size: usize, ended: bool) {
        let stream = self.context;
        self.passes(host, size, ended);
        self.tell(host, |retries, world| retries.goes_on(world, stream, false));
    }

    /// Tells the machine something of this stream, if its answer is looked at.
    fn tell<H: Host, R>(
        &self,
        host: &H,
        act: impl FnOnce(&mut Retries<HeaderMap>, &mut Around<'_, H>) -> R,
    ) -> Option<R> {
        self.watched.then(|| self.worker.with(host, (None, 0), act)).flatten()
    }
}

impl frame::Stream for Stream {
    /// The request begins.
    fn on_request_headers<H: Host>(&mut self, host: &H, head: &Head, ended: bool) -> Flow {
        self.begin(host, head, ended);
        if self.held { Flow::Pause } else { Flow::Continue }
    }

    /// A piece of the request's body passes, or of what is held back of it.
    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Flow {
        let stream = self.context;
        if self.held {
            let goes =
                ended || self.tell(host, |retries, _| retries.is_too_large(stream, size)) != Some(false);
            match self.worker.bodies.came(stream, goes) {
                Piece::Held if !goes => return Flow::Pause,
                Piece::Held | Piece::Late => self.goes_on(host, size, ended),
                // The tick has let it go.
                Piece::Unheld => self.passes(host, size, ended),
            }
        } else {
            self.passes(host, size, ended);
        }
        Flow::Continue
    }

    /// The request ends with trailers, with which Envoy lets all of it go on; nothing can be sent again with those.
    fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow {
        if core::mem::take(&mut self.held) && self.worker.bodies.forget(self.context) {
            let stream = self.context;
            self.tell(host, |retries, world| retries.goes_on(world, stream, true));
        }
        Flow::Continue
    }

    /// The answer begins.
    fn on_response_headers<H: Host>(&mut self, host: &H, ended: bool) -> Flow {
        let stream = self.context;
        self.settle();
        let flow = self
            .tell(host, |retries, world| retries.response_headers(world, stream, ended))
            .unwrap_or(Flow::Continue);
        // Whatever Envoy says of a gRPC call in an endpoint's place ends with its head.
        if self.hurried && ended && flow == Flow::Continue {
            name_the_deadline(host);
        }
        flow
    }

    /// A piece of the answer's body passes.
    fn on_response_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Flow {
        let stream = self.context;
        self.tell(host, |retries, world| retries.response_body(world, stream, size, ended))
            .unwrap_or(Flow::Continue)
    }

    /// The answer ends with trailers.
    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        let stream = self.context;
        self.tell(host, |retries, world| retries.response_trailers(world, stream)).unwrap_or(Flow::Continue)
    }

    /// The stream has ended, in whichever way.
    fn on_done<H: Host>(&mut self, host: &H) {
        let stream = self.context;
        if self.tell(host, |retries, world| retries.gone(world, stream)) == Some(true) {
            self.worker.tick_for_news(host);
        }
        self.watched = false;
        if core::mem::take(&mut self.held) {
            self.worker.bodies.forget(stream);
        }
        self.settle();
        let Some((position, upstream)) = self.steered.take() else { return };
        let Some(route) = self.worker.plan.route(position) else { return };
        let made = host.property(&["upstream", "request_attempt_count"]).ok().flatten();
        let made = made.and_then(|bytes| bytes.first_chunk().copied()).map_or(0, u64::from_le_bytes);
        let made = u32::try_from(made).unwrap_or(u32::MAX);
        let report = report::of(&self.worker.registry, route, host);
        if made > 0 {
            report.attempts(made);
        }
        if made > 1 {
            report.envoys_retries(made - 1);
            if let Some(upstream) = self.worker.plan.upstream(upstream) {
                route.policy.envoy_retried(&upstream.known, made - 1, was_answered_well(host));
            }
            self.worker.tick_for_news(host);
        }
    }
}

/// A call whose client's own time is over says so.
fn name_the_deadline(host: &impl Host) {
    let details = host.property(&["response", "code_details"]).ok().flatten();
    if details.is_some_and(|details| is_clients_end(&details)) {
        // If Envoy refused that, which it does not in this phase, the answer would stay what it is.
        let _ = host.set_response_header("grpc-status", DEADLINE_EXCEEDED.as_bytes());
    }
}

/// Whether the client's answer is no failure of a server's.
fn was_answered_well(host: &impl Host) -> bool {
    let code = host.property(&["response", "code"]).ok().flatten();
    let code = code.and_then(|bytes| bytes.first_chunk().copied()).map(u64::from_le_bytes);
    code.is_some_and(|code| code < 500)
}

/// Tells Envoy's router the policy, in place of what the client may have said; how often it may try again.
fn steer(headers: &HeaderMap, route: &Route, upstream: &Upstream, worker: &Worker, host: &impl Host) -> u8 {
    let idempotent = route.policy.settings().non_idempotent || RetryRequest::of(headers).is_idempotent();
    let mut tables = Tables { plan: &worker.plan, now: None, host };
    let granted = route.policy.grant_to_envoy(&upstream.known, &mut tables);
    if granted == 0 && route.policy.settings().num_retries > 0 {
        report::of(&worker.registry, route, host).denied(Denied::Budget);
    }
    let ours: Vec<_> = route
        .steering
        .headers(idempotent, granted, route.policy.settings().deadline.shortened(headers))
        .collect();
    let theirs = headers.iter().filter(|(name, _)| !is_steering(name));
    let all: Vec<(&[u8], &[u8])> =
        theirs.chain(ours.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))).collect();
    if let Err(error) = host.set_request_headers(&all) {
        log::warn!("switchyard.retry: a request goes without a retry policy: {error}");
    }
    granted
}

/// Takes the client's steering headers off, and gives the first attempt its limits.
fn limit(headers: &HeaderMap, route: &Route, host: &impl Host) {
    let limits = [
        (TRY_TIMEOUT_HEADER, route.policy.settings().per_try_timeout),
        (REQUEST_TIMEOUT_HEADER, route.policy.settings().deadline.shortened(headers)),
    ];
    for name in STEERING_HEADERS {
        let limit = limits.iter().find(|(header, _)| *header == name).and_then(|(_, limit)| *limit);
        // Envoy refuses neither in this phase; if it did, the route's own limits would hold.
        let _ = match limit {
            Some(limit) => host.set_request_header(name, limit.as_millis().max(1).to_string().as_bytes()),
            None if headers.contains(name) => host.remove_request_header(name),
            None => Ok(()),
        };
    }
}

fn is_steering(name: &[u8]) -> bool {
    STEERING_HEADERS.iter().any(|header| header.as_bytes() == name)
}
