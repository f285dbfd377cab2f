//! One request: its key, its place in a flight, and its answer on the way back.
//!
//! Invariant: a leader's request and answer pass untouched and unpaused, but for a failure that an older answer takes
//! the place of.

use crate::report;
use crate::worker::Coalesce;
use sha2::{Digest as _, Sha256};
use std::rc::Rc;
use switchyard_core::coalesce::{Arrival, Begun, Bypass, Event, Pass, Policy, World};
use switchyard_core::decisions::{Coalesced, Note};
use switchyard_core::http::{awaits_its_answer, status};
use switchyard_core::memory::{Paid, Reservation, head_bytes};
use switchyard_core::request_key::Known;
use switchyard_core::{RequestView, coalesce};
use switchyard_frame::held_bodies::Piece;
use switchyard_frame::identity;
use switchyard_frame::metrics::catalogue::COALESCE_NOISY_HEADERS;
use switchyard_frame::{Filter as _, Head, noise};
use switchyard_host::{Flow, HeaderMap, Host};

/// One request under a configuration.
pub struct Stream {
    context: u32,
    worker: Rc<Coalesce>,
    /// Its head, its policy and what the head takes, while its body is awaited.
    awaiting: Option<(HeaderMap, Rc<Policy>, Reservation)>,
    /// It is known to the flights.
    known: bool,
    /// Its answer's body is copied.
    captured: bool,
}

impl Stream {
    /// The stream of this context.
    pub(crate) fn new(context: u32, worker: Rc<Coalesce>) -> Self {
        Self { context, worker, awaiting: None, known: false, captured: false }
    }

    /// Holds the request for its body, if its key may be one with that.
    fn may_await_body(&self, headers: &HeaderMap, policy: &Rc<Policy>) -> Result<Reservation, Pass> {
        const ANY: [u8; 32] = [0; 32];
        let settings = policy.settings();
        let is_keyed = settings.key.body && headers.method() == b"POST";
        // What its head says by itself is known before its body is.
        let key = settings.key(policy.route(), headers, is_keyed.then_some(&ANY), Known::nothing);
        key.map_err(Pass::Bypass)?;
        // Whoever only counts holds nothing back.
        if !is_keyed || settings.shadow {
            return Err(Pass::Bypass(Bypass::Body));
        }
        if awaits_its_answer(headers) {
            return Err(Pass::Stream);
        }
        let kept = &self.worker.setup.memory.kept;
        let paid = kept.reserve(head_bytes(headers)).ok_or(Pass::Memory)?;
        if self.worker.await_body(self.context, policy) { Ok(paid) } else { Err(Pass::NoBody) }
    }

    fn pass(&self, policy: &Policy, why: Pass, host: &impl Host) -> Flow {
        self.worker.count(policy, Event::Passed(why), host);
        self.tell(Coalesced::Passed(report::pass(why)), host);
        Flow::Continue
    }

    fn tell(&self, what: Coalesced<'_>, host: &impl Host) {
        host.note(self.context, || Note::Coalesced(what));
    }

    fn arrive(
        &mut self,
        headers: HeaderMap,
        policy: &Rc<Policy>,
        body: Option<[u8; 32]>,
        host: &impl Host,
    ) -> Flow {
        let mut known = Known::default();
        let asked = || {
            known = identity::read(host).ok()?;
            Some(known.clone())
        };
        let key = match policy.settings().key(policy.route(), &headers, body.as_ref(), asked) {
            Ok(key) => key,
            Err(why) => return self.pass(policy, Pass::Bypass(why), host),
        };
        let noise = policy.noise(&headers, &known);
        noise::tell(
            Coalesce::NAME,
            &COALESCE_NOISY_HEADERS,
            policy.route(),
            &noise,
            &self.worker.setup.registry,
            host,
        );
        let kept = &self.worker.setup.memory.kept;
        let Some(headers) = Paid::head(headers, key.len(), kept) else {
            return self.pass(policy, Pass::Memory, host);
        };
        self.known = true;
        let context = self.context;
        let arrival = self.worker.with(host, |flights, around| {
            let arrival = flights.arrive(around, context, key, headers, policy);
            if let Arrival::Served(answer, served) = &arrival {
                let now = around.now();
                if !around.answer(context, answer, *served, now) {
                    return (Arrival::Passes, None);
                }
            }
            (arrival, around.passed())
        });
        match arrival {
            Some((Arrival::Waits, _)) => {
                self.tell(Coalesced::Followed, host);
                Flow::Pause
            }
            Some((Arrival::Served(..), _)) => Flow::Pause,
            Some((Arrival::Leads, _)) => {
                self.tell(Coalesced::Led, host);
                Flow::Continue
            }
            Some((Arrival::Passes, why)) => {
                if let Some(why) = why {
                    self.tell(Coalesced::Passed(report::pass(why)), host);
                }
                Flow::Continue
            }
            None => Flow::Continue,
        }
    }
}

impl switchyard_frame::Stream for Stream {
    /// The request begins.
    fn on_request_headers<H: Host>(&mut self, host: &H, head: &Head, ended: bool) -> Flow {
        let worker = Rc::clone(&self.worker);
        if worker.plan.is_empty() {
            return Flow::Continue;
        }
        worker.begin(host);
        // A request that cannot be read goes on.
        let Some(headers) = head.headers(host).cloned() else { return Flow::Continue };
        let policy =
            head.route_of_document(worker.plan.table(), host).and_then(|route| worker.plan.policy(route));
        let Some(policy) = policy.map(Rc::clone) else { return Flow::Continue };
        let flow = match ended {
            true => self.arrive(headers, &policy, None, host),
            false => match self.may_await_body(&headers, &policy) {
                Ok(paid) => {
                    self.awaiting = Some((headers, policy, paid));
                    Flow::Pause
                }
                Err(why) => self.pass(&policy, why, host),
            },
        };
        worker.settle(host);
        flow
    }

    /// A piece of the request's body is there; while it is awaited, all that there is of it.
    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Flow {
        let Some((_, policy, _)) = &self.awaiting else { return Flow::Continue };
        let worker = Rc::clone(&self.worker);
        let too_long = u64::try_from(size).unwrap_or(u64::MAX) > policy.settings().key.max_body_bytes;
        let piece = worker.bodies.came(self.context, ended || too_long);
        if piece == Piece::Held && !ended && !too_long {
            return Flow::Pause;
        }
        // Its place in a flight is paid for anew.
        let Some((headers, policy, _)) = self.awaiting.take() else { return Flow::Continue };
        let body = match piece {
            // The head is gone already.
            Piece::Unheld => return Flow::Continue,
            Piece::Late => Err(Pass::BodyTimeout),
            Piece::Held if too_long => Err(Pass::Bypass(Bypass::Body)),
            Piece::Held => host.request_body(size).map_err(|_| Pass::Bypass(Bypass::Body)),
        };
        let flow = match body {
            Ok(body) if body.len() == size => {
                self.arrive(headers, &policy, Some(Sha256::digest(&body).into()), host)
            }
            Ok(_) => self.pass(&policy, Pass::Bypass(Bypass::Body), host),
            Err(why) => self.pass(&policy, why, host),
        };
        worker.settle(host);
        flow
    }

    /// The request ends with trailers, with which Envoy lets all of it go on: they are in no key.
    fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow {
        if let Some((_, policy, _)) = self.awaiting.take() {
            // It is still among those that the tick lets go; again would be once too often.
            if self.worker.bodies.forget(self.context) {
                self.pass(&policy, Pass::Bypass(Bypass::Body), host);
                self.worker.settle(host);
            }
        }
        Flow::Continue
    }

    /// The answer begins: the endpoint's, or the copy that this stream was given.
    fn on_response_headers<H: Host>(&mut self, host: &H, ended: bool) -> Flow {
        if !self.known {
            return Flow::Continue;
        }
        let (worker, context) = (Rc::clone(&self.worker), self.context);
        let undescribed = worker.setup.own.undescribed.try_borrow_mut().ok();
        let undescribed = undescribed.and_then(|mut undescribed| undescribed.remove(&context));
        if let Some(answer) = undescribed {
            describe(&answer, host);
            return Flow::Continue;
        }
        let head = || {
            let headers = host.response_headers().ok()?;
            Some((status(&headers)?, headers))
        };
        let begun = worker.with(host, |flights, around| {
            let begun = flights.answer_begins(around, context, ended, head);
            let Begun::Replaced(answer, served) = &begun else { return (begun, false) };
            let now = around.now();
            let replaced = around.answer(context, answer, *served, now);
            (begun, replaced)
        });
        self.captured = matches!(begun, Some((Begun::Captured, _)));
        worker.settle(host);
        match begun {
            Some((_, true)) => Flow::Pause,
            _ => Flow::Continue,
        }
    }

    /// A piece of the answer's body passes.
    fn on_response_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Flow {
        if !self.captured {
            return Flow::Continue;
        }
        let context = self.context;
        let piece = host.response_body(size).unwrap_or_default();
        let captured = self.worker.with(host, |flights, around| {
            if piece.len() == size {
                flights.answer_body(around, context, &piece, ended)
            } else {
                // A copy with a hole is none.
                flights.ended(around, context);
                false
            }
        });
        self.captured = captured.unwrap_or(false);
        if !self.captured {
            self.worker.settle(host);
        }
        Flow::Continue
    }

    /// The answer ends with trailers.
    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        if self.captured {
            let context = self.context;
            self.captured = false;
            self.worker.with(host, |flights, around| flights.answer_trailers(around, context));
            self.worker.settle(host);
        }
        Flow::Continue
    }

    /// The stream has ended, in whichever way.
    fn on_done<H: Host>(&mut self, host: &H) {
        if self.awaiting.take().is_some() {
            self.worker.bodies.forget(self.context);
        }
        if self.known {
            self.worker.stream_ended(self.context, host);
            self.worker.settle(host);
        }
    }
}

/// Says of a reply what the answer said of its body: Envoy takes length and type off a local reply without one, and
/// makes one without a type plain text.
fn describe(answer: &coalesce::Answer, host: &impl Host) {
    if answer.body.is_empty() {
        let headers = [("content-type", answer.content_type()), ("content-length", answer.content_length())];
        for (name, value) in headers {
            if let Some(value) = value {
                // A reply without them is poorer, not wrong.
                let _ = host.set_response_header(name, value);
            }
        }
    } else if let Ok(headers) = host.response_headers() {
        let others: Vec<_> = headers.iter().filter(|(name, _)| *name != b"content-type").collect();
        // Should it fail, a client takes it for text that it would have to guess at otherwise.
        let _ = host.set_response_headers(&others);
    }
}
