//! One request: matched to its policy, told to Envoy's router or kept for this filter's own engine.
//!
//! Invariant: what a client sent in the headers that steer Envoy's retries never counts, in either engine.

use crate::exchange::{Exchange, StreamHost, report, request};
use crate::plan::{Route, Upstream};
use crate::worker::{Waiting, Worker};
use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::RequestView;
use switchyard_core::contract::{REQUEST_TIMEOUT_HEADER, TRY_TIMEOUT_HEADER};
use switchyard_core::memory::Paid;
use switchyard_core::retry::{Denied, STEERING_HEADERS};
use switchyard_host::{HeaderMap, Passage, identity};

/// One request under a configuration.
pub struct Stream {
    context: u32,
    worker: Rc<Worker>,
    exchange: Option<Waiting>,
    /// The route and the upstream of a request that Envoy's router tries again.
    steered: Option<(usize, usize)>,
}

impl Stream {
    /// The stream of this context.
    pub(crate) fn new(context: u32, worker: Rc<Worker>) -> Self {
        Self { context, worker, exchange: None, steered: None }
    }

    /// The request begins. Never pauses it.
    pub fn on_request_headers(&mut self, host: &impl StreamHost, ended: bool) {
        let worker = Rc::clone(&self.worker);
        if worker.plan.len() == 0 {
            return;
        }
        // A request that cannot be read gets what Envoy's own route gives.
        let Ok(headers) = host.request_headers() else { return };
        let found = worker.plan.find(&headers).and_then(|position| {
            let route = worker.plan.route(position)?;
            let upstream = worker.plan.upstream_of(route, &headers)?;
            Some((position, route, upstream, worker.plan.upstreams().get(upstream)?))
        });
        let Some((position, route, index, upstream)) = found else { return };
        count(route, upstream, &worker, host);
        if route.is_steered() {
            self.steered = Some((position, index));
            if !route.settings.shadow {
                steer(&headers, route, upstream, &worker, host);
            }
        } else if !route.settings.shadow {
            limit(&headers, route, host);
        }
        // A tunnel has no answer that another attempt could replace.
        let tunnel = headers.contains("upgrade") || headers.method() == b"CONNECT";
        if route.looks_at_answers() && !tunnel {
            let keeps = route.keeps_bodies();
            let known = || identity::read(host).ok();
            let stale_key = route.keeps_answers().and_then(|stale| stale.key(&headers, ended, known));
            let more = stale_key.as_ref().map_or(0, Vec::len);
            let Some(head) = Paid::head(headers, more, &worker.memory.kept) else {
                return report(&worker, route, host).denied(Denied::Memory);
            };
            let mut exchange =
                Exchange::new(Rc::clone(&worker), self.context, (position, index), head, !keeps || ended);
            exchange.stale_key = stale_key;
            self.begin(exchange, route, upstream, host);
        }
    }

    fn begin(&mut self, mut exchange: Exchange, route: &Route, upstream: &Upstream, host: &impl StreamHost) {
        let settings = route.local();
        let hedge = settings.hedge.filter(|_| !settings.shadow && !exchange.grpc && exchange.is_idempotent());
        let delay = hedge.map(|hedge| {
            let now = self.worker.now(host);
            let live = upstream.latency.try_borrow_mut().ok();
            let live = live.and_then(|mut latency| latency.quantile(hedge.quantile, now));
            (live.unwrap_or(hedge.initial_delay).max(hedge.min_delay), now)
        });
        if let Some((delay, now)) = delay {
            exchange.race(settings, delay, now);
        }
        let exchange = Rc::new(RefCell::new(exchange));
        if delay.is_some() {
            self.worker.wait(self.context, &exchange, host);
        }
        self.exchange = Some(exchange);
    }

    /// A piece of the request's body passes.
    pub fn on_request_body(&mut self, host: &impl StreamHost, size: usize, ended: bool) {
        if let Some(Ok(mut exchange)) = self.exchange.as_ref().map(|one| one.try_borrow_mut()) {
            exchange.on_request_body(size, ended, host);
        }
    }

    /// The answer begins.
    pub fn on_response_headers(&mut self, host: &impl StreamHost, ended: bool) -> Passage {
        self.exchange.as_ref().map_or(Passage::On, |one| Exchange::on_response_headers(one, ended, host))
    }

    /// A piece of the answer's body passes.
    pub fn on_response_body(&mut self, host: &impl StreamHost, size: usize, ended: bool) -> Passage {
        self.exchange.as_ref().map_or(Passage::On, |one| Exchange::on_response_body(one, size, ended, host))
    }

    /// The answer ends with trailers.
    pub fn on_response_trailers(&mut self, host: &impl StreamHost) -> Passage {
        self.exchange.as_ref().map_or(Passage::On, |one| Exchange::on_response_trailers(one, host))
    }

    /// The stream has ended, in whichever way.
    pub fn on_done(&mut self, host: &impl StreamHost) {
        if let Some(exchange) = self.exchange.take() {
            self.worker.settle(self.context);
            if let Ok(mut exchange) = exchange.try_borrow_mut() {
                // Calls that are under way find nobody.
                exchange.attempts = None;
                exchange.places.clear();
                (exchange.unread, exchange.capture) = (None, None);
                exchange.body.forget(&self.worker);
                if let Some(route) = self.worker.plan.route(exchange.route).filter(|one| !one.is_steered()) {
                    report(&self.worker, route, host).attempts(1);
                    self.worker.has_news(host);
                }
            }
        }
        let Some((position, upstream)) = self.steered.take() else { return };
        let Some(route) = self.worker.plan.route(position) else { return };
        let made = host.property(&["upstream", "request_attempt_count"]).ok().flatten();
        let made = made.and_then(|bytes| bytes.first_chunk().copied()).map_or(0, u64::from_le_bytes);
        let made = u32::try_from(made).unwrap_or(u32::MAX);
        let report = report(&self.worker, route, host);
        if made > 0 {
            report.attempts(made);
        }
        if made > 1 {
            report.envoys_retries(made - 1);
            route.budget.spend(made - 1);
            if let Some(upstream) = self.worker.plan.upstreams().get(upstream) {
                upstream.retried(was_answered_well(host));
                if let Some(budget) = &upstream.budget {
                    budget.spend(made - 1);
                }
            }
            self.worker.has_news(host);
        }
    }
}

/// Whether the client's answer is no failure of a server's.
fn was_answered_well(host: &impl StreamHost) -> bool {
    let code = host.property(&["response", "code"]).ok().flatten();
    let code = code.and_then(|bytes| bytes.first_chunk().copied()).map(u64::from_le_bytes);
    code.is_some_and(|code| code < 500)
}

/// The request counts for its budgets.
fn count(route: &Route, upstream: &Upstream, worker: &Worker, host: &impl StreamHost) {
    route.budget.request();
    if let Some(budget) = &upstream.budget {
        budget.request();
    }
    worker.has_news(host);
}

/// What the request says about its time, if that is less than what the route gives it.
fn allowance(headers: &HeaderMap, route: &Route) -> Option<Duration> {
    let deadline = &route.settings.deadline;
    let grpc = headers.header("grpc-timeout");
    let own = deadline.header.as_deref().and_then(|name| headers.header(name));
    let left = deadline.allowance(grpc, own);
    ((grpc.is_some() || own.is_some()) && left < deadline.allowance(None, None)).then_some(left)
}

/// Tells Envoy's router the policy, in place of what the client may have said.
fn steer(headers: &HeaderMap, route: &Route, upstream: &Upstream, worker: &Worker, host: &impl StreamHost) {
    let settings = &route.settings;
    let idempotent = settings.non_idempotent || request(headers).is_idempotent();
    let budgets = [Some(&route.budget), upstream.budget.as_ref()];
    let allowed = budgets.into_iter().flatten().all(|budget| budget.seems_to_allow(host));
    let allowed = allowed
        && (!upstream.retries_are_in_vain() || route.budget.grants_reserve(settings.num_retries, host));
    if !allowed {
        report(worker, route, host).denied(switchyard_core::retry::Denied::Budget);
    }
    let ours: Vec<_> = route.steering.headers(idempotent, allowed, allowance(headers, route)).collect();
    let theirs = headers.iter().filter(|(name, _)| !is_steering(name));
    let all: Vec<(&[u8], &[u8])> =
        theirs.chain(ours.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))).collect();
    if let Err(error) = host.set_request_headers(&all) {
        log::warn!("switchyard.retry: a request goes without a retry policy: {error}");
    }
}

/// Takes the client's steering headers off, and gives the first attempt its limits.
fn limit(headers: &HeaderMap, route: &Route, host: &impl StreamHost) {
    let limits = [
        (TRY_TIMEOUT_HEADER, route.settings.per_try_timeout),
        (REQUEST_TIMEOUT_HEADER, allowance(headers, route)),
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
