//! One request: its key, its place in a flight, and its answer on the way back.
//!
//! Invariant: a leader's request and answer pass untouched and unpaused, but for a failure that an older answer takes
//! the place of.

use crate::root::Worker;
use crate::vm::ActingHost;
use sha2::{Digest as _, Sha256};
use std::rc::Rc;
use switchyard_core::coalesce::{Arrival, Begun, Bypass, Event, Pass, Policy, World};
use switchyard_core::memory::{Paid, Reservation, head_bytes};
use switchyard_core::{RequestView, coalesce};
use switchyard_host::{HeaderMap, Passage};

/// One request under a configuration.
pub struct Stream {
    context: u32,
    worker: Rc<Worker>,
    /// Its head and policy, while its body is awaited.
    awaiting: Option<(HeaderMap, Rc<Policy>)>,
    /// A piece of that body has come, before the tick let the request go without it.
    has_body: bool,
    /// What its head takes until then.
    paid: Option<Reservation>,
    /// It is known to the flights.
    known: bool,
    /// Its answer's body is copied.
    captured: bool,
}

impl Stream {
    /// The stream of this context.
    pub(crate) fn new(context: u32, worker: Rc<Worker>) -> Self {
        Self { context, worker, awaiting: None, has_body: false, paid: None, known: false, captured: false }
    }

    /// The request begins.
    pub fn on_request_headers(&mut self, host: &impl ActingHost, ended: bool) -> Passage {
        let worker = Rc::clone(&self.worker);
        if worker.plan.is_empty() {
            return Passage::On;
        }
        worker.begin(host);
        // A request that cannot be read goes on.
        let Ok(headers) = host.request_headers() else { return Passage::On };
        let Some(policy) = worker.plan.find(&headers).map(Rc::clone) else { return Passage::On };
        let settings = policy.settings();
        // Whoever only counts holds nothing back.
        let awaits = !ended && settings.key.body && !settings.shadow && headers.method() == b"POST";
        if awaits {
            self.paid = worker.vm.surroundings.memory.kept.reserve(head_bytes(&headers));
        }
        if self.paid.is_some() && worker.vm.await_body(self.context, &policy, host) {
            self.awaiting = Some((headers, policy));
            worker.settle(host);
            return Passage::Held;
        }
        let passage = match ended {
            true => self.arrive(headers, &policy, None, host),
            false => {
                // Its body is in no key; a method or an upgrade that would keep it from one says more.
                let why = policy.settings().key(policy.route(), &headers, None).err();
                self.pass(&policy, why.unwrap_or(Bypass::Body), host)
            }
        };
        worker.settle(host);
        passage
    }

    /// A piece of the request's body is there; while it is awaited, all that there is of it.
    pub fn on_request_body(&mut self, host: &impl ActingHost, size: usize, ended: bool) -> Passage {
        let Some((_, policy)) = &self.awaiting else { return Passage::On };
        let worker = Rc::clone(&self.worker);
        self.has_body |= worker.vm.body_came(self.context);
        if !self.has_body {
            // The head is gone already.
            self.awaiting = None;
            return Passage::On;
        }
        let too_long = u64::try_from(size).unwrap_or(u64::MAX) > policy.settings().key.max_body_bytes;
        if !ended && !too_long {
            return Passage::Held;
        }
        let Some((headers, policy)) = self.awaiting.take() else { return Passage::On };
        // Its place in a flight is paid for anew.
        self.paid = None;
        let body = if too_long { Err(()) } else { host.request_body(size).map_err(drop) };
        let passage = match body {
            Ok(body) if body.len() == size => {
                self.arrive(headers, &policy, Some(Sha256::digest(&body).into()), host)
            }
            _ => self.pass(&policy, Bypass::Body, host),
        };
        worker.settle(host);
        passage
    }

    /// The request ends with trailers, with which Envoy lets all of it go on: they are in no key.
    pub fn on_request_trailers(&mut self, host: &impl ActingHost) {
        if let Some((_, policy)) = self.awaiting.take() {
            self.paid = None;
            // Without a piece of its body before, it is still among those that the tick lets go; again would be once
            // too often.
            let held = self.worker.vm.body_came(self.context) || self.has_body;
            if held {
                self.pass(&policy, Bypass::Body, host);
                self.worker.settle(host);
            }
        }
    }

    fn pass(&self, policy: &Policy, why: Bypass, host: &impl ActingHost) -> Passage {
        self.worker.vm.with(host, |_, around| around.count(policy, Event::Passed(Pass::Bypass(why))));
        Passage::On
    }

    fn arrive(
        &mut self,
        headers: HeaderMap,
        policy: &Rc<Policy>,
        body: Option<[u8; 32]>,
        host: &impl ActingHost,
    ) -> Passage {
        let key = match policy.settings().key(policy.route(), &headers, body.as_ref()) {
            Ok(key) => key,
            Err(why) => return self.pass(policy, why, host),
        };
        let kept = &self.worker.vm.surroundings.memory.kept;
        let Some(headers) = Paid::head(headers, key.len(), kept) else {
            self.worker.vm.with(host, |_, around| around.count(policy, Event::Passed(Pass::Memory)));
            return Passage::On;
        };
        self.known = true;
        let context = self.context;
        let arrival = self.worker.vm.with(host, |flights, around| {
            let arrival = flights.arrive(around, context, key, headers, policy);
            if let Arrival::Served(answer, served) = &arrival {
                let now = around.now();
                if !around.answer(context, answer, *served, now) {
                    return Arrival::Passes;
                }
            }
            arrival
        });
        match arrival {
            Some(Arrival::Waits | Arrival::Served(..)) => Passage::Held,
            Some(Arrival::Leads | Arrival::Passes) | None => Passage::On,
        }
    }

    /// The answer begins: the endpoint's, or the copy that this stream was given.
    pub fn on_response_headers(&mut self, host: &impl ActingHost, ended: bool) -> Passage {
        if !self.known {
            return Passage::On;
        }
        let (worker, context) = (Rc::clone(&self.worker), self.context);
        let undescribed = worker.vm.surroundings.undescribed.try_borrow_mut().ok();
        let undescribed = undescribed.and_then(|mut undescribed| undescribed.remove(&context));
        if let Some(answer) = undescribed {
            describe(&answer, host);
            return Passage::On;
        }
        let head = || {
            let headers = host.response_headers().ok()?;
            let status =
                headers.header(":status").and_then(|text| core::str::from_utf8(text).ok()?.parse().ok())?;
            Some((status, headers))
        };
        let begun = worker.vm.with(host, |flights, around| {
            let begun = flights.answer_begins(around, context, ended, head);
            let Begun::Replaced(answer, served) = &begun else { return (begun, false) };
            let now = around.now();
            let replaced = around.answer(context, answer, *served, now);
            (begun, replaced)
        });
        self.captured = matches!(begun, Some((Begun::Captured, _)));
        worker.settle(host);
        match begun {
            Some((_, true)) => Passage::Held,
            _ => Passage::On,
        }
    }

    /// A piece of the answer's body passes.
    pub fn on_response_body(&mut self, host: &impl ActingHost, size: usize, ended: bool) {
        if !self.captured {
            return;
        }
        let context = self.context;
        let piece = host.response_body(size).unwrap_or_default();
        let captured = self.worker.vm.with(host, |flights, around| {
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
    }

    /// The answer ends with trailers.
    pub fn on_response_trailers(&mut self, host: &impl ActingHost) {
        if self.captured {
            let context = self.context;
            self.captured = false;
            self.worker.vm.with(host, |flights, around| flights.answer_trailers(around, context));
            self.worker.settle(host);
        }
    }

    /// The stream has ended, in whichever way.
    pub fn on_done(&mut self, host: &impl ActingHost) {
        if self.awaiting.take().is_some() {
            self.worker.vm.body_came(self.context);
        }
        if self.known {
            self.worker.vm.ended(self.context, host);
            self.worker.settle(host);
        }
    }
}

/// Says of a reply what the answer said of its body: Envoy takes length and type off a local reply without one, and
/// makes one without a type plain text.
fn describe(answer: &coalesce::Answer, host: &impl ActingHost) {
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
