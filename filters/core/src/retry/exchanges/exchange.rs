//! One request in the filter's engine: what is kept of it, and where its first attempt's answer stands.
//!
//! Invariants: an answer is held back only while [`Attempts`] waits for something that ends; an answer of ours, which the filter
//! sees as any other, is never judged again.

use super::judging::Judging;
use super::kept::{Body, Capture};
use super::world::{RetryHead, StreamId, World};
use super::{Policy, Upstream};
use crate::budget::UnderWay;
use crate::http::is_grpc;
use crate::memory::{Paid, Reservation, length};
use crate::retry::attempts::{Attempts, Decision, Subject, Verdict};
use crate::retry::classify::RetryRequest;
use crate::retry::settings::Settings;
use crate::{HeadView, RequestView, Timestamp};
use std::rc::Rc;

/// Where the first attempt's answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
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
#[derive(Debug)]
pub(super) struct Exchange<H> {
    pub(super) stream: StreamId,
    pub(super) policy: Rc<Policy>,
    pub(super) upstream: Rc<Upstream>,
    pub(super) head: Paid<H>,
    pub(super) body: Body,
    pub(super) grpc: bool,
    pub(super) phase: Phase,
    pub(super) attempts: Option<Attempts>,
    /// What the budgets count of a retry that waits to be made.
    pub(super) under_way: Vec<UnderWay>,
    /// A step that only the root can take.
    pub(super) due: Option<Decision>,
    /// When it began, if anybody asked then.
    pub(super) started: Option<Timestamp>,
    /// The held answer's message can be replaced: it has one, and trailers.
    pub(super) replaceable: bool,
    /// What tells it from others that an old answer is for, if it may have or leave one.
    pub(super) stale_key: Option<Vec<u8>>,
    pub(super) capture: Option<Capture>,
    /// What its client has not read yet of an answer of ours.
    pub(super) unread: Option<Reservation>,
    /// The first attempt's answer has no body.
    pub(super) bodiless: bool,
    /// All of its body is there, and no trailers follow.
    pub(super) complete: bool,
    pub(super) has_data: bool,
}

impl<H: RetryHead> Exchange<H> {
    /// A request with this head, to this upstream under this policy; `ended`: it has no body, or none that is kept.
    pub(super) fn new(
        stream: StreamId,
        (policy, upstream): (Rc<Policy>, Rc<Upstream>),
        head: Paid<H>,
        ended: bool,
    ) -> Self {
        let grpc = head.header("content-type").is_some_and(is_grpc);
        let body = Body::new(ended, &*head, policy.settings().max_body);
        Self {
            body,
            stream,
            policy,
            upstream,
            head,
            grpc,
            phase: Phase::Open,
            attempts: None,
            under_way: Vec::new(),
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

    /// It may be hedged; whether it is going to be. Its time begins with that.
    pub(super) fn race(&mut self, world: &mut impl World<H>) -> bool {
        let policy = Rc::clone(&self.policy);
        let settings = policy.local();
        let may = !settings.shadow && !self.grpc && RetryRequest::of(&*self.head).is_idempotent();
        let Some(hedge) = settings.hedge.filter(|_| may) else { return false };
        let now = world.recent_time();
        let at = now.plus(self.upstream.hedge_delay(hedge, now));
        self.started = Some(now);
        self.attempts = Some(self.begin(settings, now, Some(at), world));
        true
    }

    /// Whether the held answer can be turned into one with so many bytes of body.
    pub(super) fn takes(&self, body: usize) -> bool {
        let fits = length(body) <= self.policy.settings().max_body;
        let same = if body == 0 { self.bodiless } else { self.complete && self.has_data && fits };
        self.phase == Phase::Held && same
    }

    /// Completes what is known of the request, as a failure needs it.
    pub(super) fn learn(&mut self, now: Timestamp, verdict: Verdict, world: &mut impl World<H>) {
        let policy = Rc::clone(&self.policy);
        let settings = policy.local();
        let failed = matches!(verdict, Verdict::Failed { .. });
        // Of an answer that had to be read first nobody has asked yet when its request began.
        if self.attempts.is_none() || (failed && self.started.is_none()) {
            // None begins later than it fails, though a wall that was set back meanwhile says so.
            let started = world.request_time().map_or(now, |started| started.min(now));
            let deadline = self.deadline(settings, started);
            match self.attempts.as_mut() {
                Some(attempts) => attempts.subject().deadline = deadline,
                None => self.attempts = Some(self.begin(settings, started, None, world)),
            }
        }
        let Some(attempts) = self.attempts.as_mut() else { return };
        if failed && let Some(endpoint) = world.first_endpoint(&self.upstream) {
            attempts.went_to(endpoint);
        }
    }

    pub(super) fn begin(
        &self,
        settings: &Settings,
        started: Timestamp,
        hedge_at: Option<Timestamp>,
        world: &impl World<H>,
    ) -> Attempts {
        let deadline = self.deadline(settings, started);
        let subject = Subject::new(RetryRequest::of(&*self.head), self.body.is_whole(), deadline);
        let first = world.candidates(&self.upstream, &self.head).next().flatten();
        Attempts::new(subject, first, hedge_at)
    }

    /// When a request that began at `started` must have ended.
    fn deadline(&self, settings: &Settings, started: Timestamp) -> Timestamp {
        started.plus(settings.deadline.allowance(&*self.head))
    }

    /// How long the first attempt took, if anybody asked when it began.
    pub(super) fn observe_first(&self, now: Timestamp) {
        if let Some(started) = self.started {
            let endpoint = self.attempts.as_ref().and_then(Attempts::first_endpoint);
            self.upstream.observe(endpoint, now.since(started), now);
        }
    }

    /// Whether its client has left the machine nothing to do.
    pub(super) fn is_over(&self) -> bool {
        self.attempts.as_ref().is_none_or(Attempts::is_over)
    }

    /// Whether a tick has something to do for it.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.due.is_some() || self.attempts.as_ref().is_some_and(|attempts| attempts.due() <= now)
    }
}

impl<'a> RetryRequest<'a> {
    /// What of a request with this head bears on whether it may be sent twice.
    pub fn of(head: &'a impl HeadView) -> Self {
        Self {
            method: core::str::from_utf8(head.method()).unwrap_or_default(),
            // An empty one names no request that the server could know again.
            has_idempotency_key: head.header_values("idempotency-key").any(|key| !key.is_empty()),
        }
    }
}
