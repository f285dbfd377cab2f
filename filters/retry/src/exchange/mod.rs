//! One request in the filter's engine: what is kept of it, and where its first attempt's answer stands.
//!
//! Invariants: an answer is held back only while [`Attempts`] waits for something that ends; what is kept of bodies is given
//! back when the exchange is dropped; an answer of ours, which this filter sees as any other, is never judged again.
//!
//! What becomes of the first attempt's answer is in [`answer`](self::answer).

mod answer;

use crate::judging::Judging;
use crate::kept::{Body, Capture};
use crate::plan::{Route, Upstream, candidates};
use crate::purse::Place;
use crate::report::Report;
use crate::worker::Worker;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::memory::{Paid, Reservation};
use switchyard_core::retry::{Attempts, Decision, Denied, Request, Settings, Subject, Verdict};
use switchyard_core::{EndpointIndex, RequestView, Timestamp};
use switchyard_host::{
    Bodies, Clock, HeaderMap, MetricSink, Properties, RequestHeaders, ResponseHeaders, SharedData, Ticks,
};

/// What a stream asks of its host.
pub trait StreamHost:
    RequestHeaders + ResponseHeaders + Bodies + Properties + SharedData + Clock + MetricSink + Ticks
{
}

impl<T: RequestHeaders + ResponseHeaders + Bodies + Properties + SharedData + Clock + MetricSink + Ticks>
    StreamHost for T
{
}

/// Where the first attempt's answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There is none, or it goes to the client.
    Open,
    /// It is held back until there is enough of it to be judged.
    Judging(Judging),
    /// It failed and is held back.
    Held,
    /// The client gets another one.
    Replaced,
}

/// One request.
pub(crate) struct Exchange {
    pub(crate) worker: Rc<Worker>,
    pub(crate) context: u32,
    pub(crate) route: usize,
    pub(crate) upstream: usize,
    pub(crate) head: Paid<HeaderMap>,
    pub(crate) body: Body,
    pub(crate) grpc: bool,
    pub(crate) phase: Phase,
    pub(crate) attempts: Option<Attempts>,
    /// Places among the budgets' retries, of one that waits to be made.
    pub(crate) places: Vec<Place>,
    /// A step that only the root can take.
    pub(crate) due: Option<Decision>,
    /// When it began, if anybody asked then.
    pub(crate) started: Option<Timestamp>,
    /// The held answer's message can be replaced: it has one, and trailers.
    pub(crate) replaceable: bool,
    /// What tells it from others that an old answer is for, if it may have or leave one.
    pub(crate) stale_key: Option<Vec<u8>>,
    pub(crate) capture: Option<Capture>,
    /// What its client has not read yet of an answer of ours.
    pub(crate) unread: Option<Reservation>,
    /// The first attempt's answer has no body.
    bodiless: bool,
    /// All of its body is there, and no trailers follow.
    complete: bool,
    has_data: bool,
}

impl Exchange {
    /// A request with this head, to this upstream of this route.
    pub(crate) fn new(
        worker: Rc<Worker>,
        context: u32,
        (route, upstream): (usize, usize),
        head: Paid<HeaderMap>,
        ended: bool,
    ) -> Self {
        let grpc = head.header("content-type").is_some_and(switchyard_core::http::is_grpc);
        Self {
            body: Body::new(ended),
            worker,
            context,
            route,
            upstream,
            head,
            grpc,
            phase: Phase::Open,
            attempts: None,
            places: Vec::new(),
            due: None,
            started: None,
            replaceable: false,
            stale_key: None,
            capture: None,
            unread: None,
            bodiless: false,
            complete: false,
            has_data: false,
        }
    }

    /// It waits for nothing any more.
    pub(crate) fn settle(&mut self) {
        self.worker.settle(self.context);
        self.places.clear();
    }

    /// How it is told from others, for the decision whether it may be repeated.
    pub(crate) fn is_idempotent(&self) -> bool {
        request(&self.head).is_idempotent()
    }

    /// It may be hedged from `now` on, after this delay.
    pub(crate) fn race(&mut self, settings: &Settings, delay: Duration, now: Timestamp) {
        self.started = Some(now);
        self.attempts = Some(self.begin(settings, now, Some(now.plus(delay))));
    }

    /// Whether the held answer can be turned into one with so many bytes of body.
    pub(crate) fn takes(&self, body: usize, route: &Route) -> bool {
        let fits = u64::try_from(body).is_ok_and(|body| body <= route.settings.max_body);
        let same = if body == 0 { self.bodiless } else { self.complete && self.has_data && fits };
        self.phase == Phase::Held && same
    }

    /// A piece of the request's body passes.
    pub(crate) fn on_request_body(&mut self, size: usize, ended: bool, host: &impl StreamHost) {
        let worker = Rc::clone(&self.worker);
        let Some(route) = worker.plan.route(self.route).filter(|route| route.keeps_bodies()) else { return };
        if let Some(denied) = self.body.pass(size, ended, route.settings.max_body, &worker, host) {
            report(&worker, route, host).denied(denied);
        }
    }

    /// Completes what is known of the request, as a failure needs it.
    fn learn(
        &mut self,
        settings: &Settings,
        upstream: &Upstream,
        now: Timestamp,
        verdict: Verdict,
        host: &impl StreamHost,
    ) {
        let failed = matches!(verdict, Verdict::Failed { .. });
        // Of an answer that had to be read first nobody has asked yet when its request began.
        if self.attempts.is_none() || (failed && self.started.is_none()) {
            let started = request_time(host).unwrap_or(now);
            let deadline = self.deadline(settings, started);
            match self.attempts.as_mut() {
                Some(attempts) => attempts.subject().deadline = deadline,
                None => self.attempts = Some(self.begin(settings, started, None)),
            }
        }
        let kept = self.body.is_whole();
        let Some(attempts) = self.attempts.as_mut() else { return };
        attempts.subject().kept = kept;
        if failed {
            let address = host.property(&["upstream", "address"]).ok().flatten().unwrap_or_default();
            let address = core::str::from_utf8(&address).unwrap_or_default();
            if let Some(endpoint) = upstream.endpoints().position(address) {
                attempts.went_to(endpoint);
            }
        }
    }

    fn begin(&self, settings: &Settings, started: Timestamp, hedge_at: Option<Timestamp>) -> Attempts {
        let deadline = self.deadline(settings, started);
        let subject = Subject::new(request(&self.head), self.body.is_whole(), deadline);
        let first = self.worker.plan.upstreams().get(self.upstream).and_then(|upstream| {
            candidates(&self.head).next().and_then(|address| upstream.endpoints().position(address))
        });
        Attempts::new(subject, first, hedge_at)
    }

    /// When a request that began at `started` must have ended.
    fn deadline(&self, settings: &Settings, started: Timestamp) -> Timestamp {
        let header = settings.deadline.header.as_deref().and_then(|name| self.head.header(name));
        started.plus(settings.deadline.allowance(self.head.header("grpc-timeout"), header))
    }

    /// The endpoints that the router has named, best first.
    pub(crate) fn candidates(&self, upstream: &Upstream) -> Vec<EndpointIndex> {
        candidates(&self.head).filter_map(|address| upstream.endpoints().position(address)).collect()
    }

    /// Counts what was decided.
    pub(crate) fn count(&self, decision: &Decision, route: &Route, host: &impl MetricSink) {
        let report = report(&self.worker, route, host);
        if let Some((reason, wait)) = decision.retry {
            report.retry(reason, wait, false);
        }
        // A body that is too large was counted when that was seen.
        let told = |denied: &Denied| *denied == Denied::BodySize && self.body.is_dropped();
        if let Some(denied) = decision.denied.filter(|denied| !told(denied)) {
            report.denied(denied);
        }
        match self.phase {
            Phase::Judging(judging) if decision.overdue && judging.streams(self.has_data) => {
                report.denied(Denied::Answer);
            }
            _ if decision.overdue => report.watchdog(),
            _ => {}
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.worker.let_go(self.body.kept());
    }
}

/// Counts for this route.
pub(crate) fn report<'a, H: MetricSink>(worker: &'a Worker, route: &'a Route, host: &'a H) -> Report<'a, H> {
    Report { registry: &worker.registry, host, route: &route.name }
}

/// The route and the upstream of a request.
pub(crate) fn places<'a>(worker: &'a Worker, exchange: &Exchange) -> Option<(&'a Route, &'a Upstream)> {
    Some((worker.plan.route(exchange.route)?, worker.plan.upstreams().get(exchange.upstream)?))
}

/// What of a request bears on whether it may be sent twice.
pub(crate) fn request(head: &HeaderMap) -> Request<'_> {
    Request {
        method: core::str::from_utf8(head.method()).unwrap_or_default(),
        has_idempotency_key: head.contains("idempotency-key"),
    }
}

/// When Envoy received the request.
fn request_time(host: &impl Properties) -> Option<Timestamp> {
    let nanos = host.property(&["request", "time"]).ok().flatten()?;
    nanos.first_chunk().map(|bytes| Timestamp::from_nanos(u64::from_le_bytes(*bytes)))
}
