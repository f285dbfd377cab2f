//! The first attempt's answer as it passes: looked at, held back, or let go.
//!
//! Steps that are more than "hold" or "go on" are left to the next tick: another answer may be sent only from the root's
//! callbacks.

use super::{Exchange, Phase, StreamHost, places, report};
use crate::judging::{Judging, Piece};
use crate::kept::Capture;
use crate::plan::{Route, Upstream};
use crate::verdict::{Head, by_body, by_grpc_status, if_endpoints};
use crate::worker::Waiting;
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::retry::{Attempts, Decision, Denied, Settings, Step, Verdict};
use switchyard_host::{Bodies, HeaderMap, Passage};

impl Exchange {
    /// The first attempt's answer begins, or one of ours passes.
    pub(crate) fn on_response_headers(this: &Waiting, ended: bool, host: &impl StreamHost) -> Passage {
        let Ok(mut exchange) = this.try_borrow_mut() else { return Passage::On };
        if exchange.phase == Phase::Replaced {
            return Passage::On;
        }
        let worker = Rc::clone(&exchange.worker);
        let Some((route, upstream)) = places(&worker, &exchange) else { return Passage::On };
        // An answer that cannot be read goes on.
        let Ok(headers) = host.response_headers() else { return Passage::On };
        exchange.observe_latency(upstream, host);
        exchange.bodiless = ended;
        let settings = route.local();
        let head = Head { headers: &headers, grpc: exchange.grpc };
        let now = || host.now().unwrap_or_default();
        let verdict = head.of_first(&settings.retry_on, &settings.back_off, now, host);
        let judging = Judging::of(&head, settings, ended).filter(|_| verdict == Verdict::Final);
        if let Some(judging) = judging.filter(|_| !settings.shadow) {
            exchange.capture = exchange.begin_capture(route, &headers, host);
            return exchange.judge_later(this, judging, settings, host);
        }
        match verdict {
            Verdict::Final => {
                if !settings.shadow && Judging::is_out_of_reach(&head, settings, ended) {
                    report(&worker, route, host).denied(Denied::Answer);
                }
                exchange.capture = exchange.begin_capture(route, &headers, host);
                if ended {
                    exchange.keep_capture();
                }
                exchange.first_answer(this, Verdict::Final, route, upstream, host)
            }
            // Headers that end a gRPC answer cannot be given another message.
            failed if exchange.grpc && !settings.shadow => {
                exchange.cannot_replace(this, failed, route, upstream, host)
            }
            failed => exchange.first_answer(this, failed, route, upstream, host),
        }
    }

    /// How long the first attempt took, if anybody asked when it began.
    fn observe_latency(&self, upstream: &Upstream, host: &impl StreamHost) {
        let Some(started) = self.started else { return };
        let now = self.worker.now(host);
        if let Ok(mut latency) = upstream.latency.try_borrow_mut() {
            let endpoint = self.attempts.as_ref().and_then(Attempts::first_endpoint);
            latency.observe(endpoint, now.since(started), now);
        }
    }

    /// What is kept of an answer with these headers for worse times, if any of it may be.
    fn begin_capture(&self, route: &Route, headers: &HeaderMap, host: &impl StreamHost) -> Option<Capture> {
        let key = self.stale_key.as_deref();
        Capture::of(route, &self.worker.memory.kept, key, headers, || self.worker.now(host))
    }

    /// A piece of the answer's body passes, or of what is held back of it.
    pub(crate) fn on_response_body(
        this: &Waiting,
        size: usize,
        ended: bool,
        host: &impl StreamHost,
    ) -> Passage {
        let Ok(mut exchange) = this.try_borrow_mut() else { return Passage::On };
        let worker = Rc::clone(&exchange.worker);
        let Some((route, upstream)) = places(&worker, &exchange) else { return Passage::On };
        let most = usize::try_from(route.settings.max_body).unwrap_or(usize::MAX);
        exchange.has_data |= size > 0;
        exchange.complete |= ended;
        match exchange.phase {
            Phase::Replaced => Passage::On,
            Phase::Open => {
                exchange.capture_piece(size, ended, host);
                Passage::On
            }
            // It is about to be longer than Envoy buffers, and then the client would get a 500.
            Phase::Held if size > most => exchange.let_go(this, Denied::Answer, route, host),
            Phase::Held => Passage::Held,
            Phase::Judging(_) if size > most => exchange.let_go(this, Denied::Answer, route, host),
            Phase::Judging(judging) => match judging.of_body(size, ended, route.local(), host) {
                Piece::More => Passage::Held,
                Piece::Unjudged => exchange.let_go(this, Denied::Answer, route, host),
                Piece::Judged(verdict, body) => {
                    let verdict = if_endpoints(verdict, host);
                    if verdict == Verdict::Final {
                        exchange.keep_whole(&body);
                    }
                    exchange.first_answer(this, verdict, route, upstream, host)
                }
            },
        }
    }

    /// The answer ends with trailers.
    pub(crate) fn on_response_trailers(this: &Waiting, host: &impl StreamHost) -> Passage {
        let Ok(mut exchange) = this.try_borrow_mut() else { return Passage::On };
        let worker = Rc::clone(&exchange.worker);
        let Some((route, upstream)) = places(&worker, &exchange) else { return Passage::On };
        match exchange.phase {
            Phase::Held => Passage::Held,
            Phase::Judging(Judging::Grpc) => {
                let trailers = host.response_trailers().unwrap_or_default();
                let status =
                    crate::verdict::number(trailers.values("grpc-status").next()).unwrap_or_default();
                let verdict = if_endpoints(by_grpc_status(status, &route.settings.retry_on), host);
                exchange.replaceable = exchange.has_data;
                if verdict != Verdict::Final && !exchange.replaceable {
                    return exchange.cannot_replace(this, verdict, route, upstream, host);
                }
                exchange.first_answer(this, verdict, route, upstream, host)
            }
            Phase::Judging(Judging::Json { status }) => {
                let body = host.response_body(usize::MAX).unwrap_or_default();
                let failed = route.settings.retry_on.says_failure(&body);
                let verdict = if failed { if_endpoints(by_body(status), host) } else { Verdict::Final };
                exchange.first_answer(this, verdict, route, upstream, host)
            }
            Phase::Open | Phase::Replaced => {
                exchange.keep_capture();
                Passage::On
            }
        }
    }

    /// The verdict on the first attempt is there.
    pub(super) fn first_answer(
        &mut self,
        this: &Waiting,
        verdict: Verdict,
        route: &Route,
        upstream: &Upstream,
        host: &impl StreamHost,
    ) -> Passage {
        let settings = route.local();
        let worker = Rc::clone(&self.worker);
        if verdict == Verdict::Final && self.attempts.is_none() {
            self.phase = Phase::Open;
            return Passage::On;
        }
        if let (true, Verdict::Failed { reason, .. }) = (settings.shadow, verdict) {
            report(&worker, route, host).retry(reason, Duration::ZERO, true);
            return Passage::On;
        }
        let now = host.now().unwrap_or_default();
        self.learn(settings, upstream, now, verdict, host);
        let candidates = self.candidates(upstream);
        let Some(mut world) = worker.around(route, upstream, &candidates, now, host) else {
            return Passage::On;
        };
        let Some(attempts) = self.attempts.as_mut() else { return Passage::On };
        let decision = attempts.first_answer(verdict, settings, &mut world);
        let places = core::mem::take(&mut world.places);
        drop(world);
        self.places.extend(places);
        self.count(&decision, route, host);
        self.follow(this, decision, host)
    }

    /// Does what a step says, as far as the stream's own callback may; the rest is left to the root.
    pub(super) fn follow(&mut self, this: &Waiting, decision: Decision, host: &impl StreamHost) -> Passage {
        match decision.step {
            Step::PassOn => {
                self.phase = Phase::Open;
                self.settle();
                return Passage::On;
            }
            Step::Wait => {}
            _ => self.due = Some(decision),
        }
        self.phase = Phase::Held;
        self.worker.wait(self.context, this, host);
        Passage::Held
    }

    pub(super) fn judge_later(
        &mut self,
        this: &Waiting,
        judging: Judging,
        settings: &Settings,
        host: &impl StreamHost,
    ) -> Passage {
        let now = host.now().unwrap_or_default();
        if self.attempts.is_none() {
            self.attempts = Some(self.begin(settings, now, None));
        }
        if let Some(attempts) = self.attempts.as_mut() {
            attempts.judge_later(now.plus(judging.patience()));
        }
        self.phase = Phase::Judging(judging);
        self.worker.wait(self.context, this, host);
        Passage::Held
    }

    /// A failure that cannot be replaced goes to the client.
    pub(super) fn cannot_replace(
        &mut self,
        this: &Waiting,
        failed: Verdict,
        route: &Route,
        upstream: &Upstream,
        host: &impl StreamHost,
    ) -> Passage {
        let now = host.now().unwrap_or_default();
        self.learn(route.local(), upstream, now, failed, host);
        self.let_go(this, Denied::Answer, route, host)
    }

    /// The answer goes to the client as it is.
    pub(super) fn let_go(
        &mut self,
        this: &Waiting,
        denied: Denied,
        route: &Route,
        host: &impl StreamHost,
    ) -> Passage {
        let Some(attempts) = self.attempts.as_mut() else { return Passage::On };
        let decision = attempts.give_up(denied);
        self.capture = None;
        self.count(&decision, route, host);
        self.follow(this, decision, host)
    }

    pub(super) fn capture_piece(&mut self, size: usize, ended: bool, host: &impl Bodies) {
        let Some(capture) = self.capture.as_mut() else { return };
        let piece = host.response_body(size).unwrap_or_default();
        if !capture.append(&piece) {
            self.capture = None;
        } else if ended {
            self.keep_capture();
        }
    }

    /// The whole answer has passed: it may stand in for a failure later.
    pub(super) fn keep_capture(&mut self) {
        if let (Some(capture), Some(route)) = (self.capture.take(), self.worker.plan.route(self.route)) {
            capture.keep(route);
        }
    }

    pub(super) fn keep_whole(&mut self, body: &[u8]) {
        if self.capture.as_mut().is_some_and(|capture| capture.append(body)) {
            self.keep_capture();
        }
    }
}
