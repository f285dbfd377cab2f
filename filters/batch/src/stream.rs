//! One request: its body, its place in a batch, and its answer on the way back if it went alone.
//!
//! Invariant: a request that goes by itself passes untouched.

use crate::report;
use crate::worker::Batch;
use std::rc::Rc;
use switchyard_core::RequestView;
use switchyard_core::batch::gather::{Arrival, Candidate, End, Event, Pass, Policy, of_share};
use switchyard_core::batch::{HeadKey, Unbatchable};
use switchyard_core::contract::BATCH_HEADER;
use switchyard_core::decisions::{Batched, Note};
use switchyard_core::http::{awaits_its_answer, content_length};
use switchyard_core::local_reply::LocalReply;
use switchyard_core::memory::{Reservation, append, head_bytes, length};
use switchyard_core::request_key::Known;
use switchyard_frame::held_bodies::Piece;
use switchyard_frame::identity;
use switchyard_frame::metrics::catalogue::BATCH_NOISY_HEADERS;
use switchyard_frame::{Filter as _, Head, noise};
use switchyard_host::{Flow, HeaderMap, Host};

/// A request whose body is not whole yet.
struct Awaiting {
    headers: HeaderMap,
    policy: Rc<Policy>,
    key: HeadKey,
    /// What has passed of it, where nothing is held back.
    copy: Option<Vec<u8>>,
    /// For head and copy.
    paid: Reservation,
}

/// One request under a configuration.
pub struct Stream {
    context: u32,
    worker: Rc<Batch>,
    awaiting: Option<Awaiting>,
    /// The policy under which it was gathered, and its items.
    gathered: Option<(Rc<Policy>, usize)>,
    /// It has its share; when it ends, that has been read.
    reads: bool,
    /// The status of its answer is below 500.
    well: bool,
}

impl Stream {
    /// The stream of this context.
    pub(crate) fn new(context: u32, worker: Rc<Batch>) -> Self {
        Self { context, worker, awaiting: None, gathered: None, reads: false, well: false }
    }

    /// A request that may be batched, as far as its head says.
    fn begin(&mut self, mut request: Awaiting, ended: bool, host: &impl Host) -> Flow {
        if ended {
            return self.read(request, Vec::new(), host);
        }
        let settings = request.policy.settings();
        if content_length(&request.headers).is_some_and(|length| length > settings.max_body) {
            return self.pass(&request.policy, Pass::Body, host);
        }
        if awaits_its_answer(&request.headers) {
            return self.pass(&request.policy, Pass::Stream, host);
        }
        // Whoever only counts holds nothing back.
        request.copy = settings.shadow.then(Vec::new);
        if !settings.shadow && !self.worker.await_body(self.context, &request.policy) {
            return self.pass(&request.policy, Pass::NoBody, host);
        }
        let flow = if settings.shadow { Flow::Continue } else { Flow::Pause };
        self.awaiting = Some(request);
        flow
    }

    /// The request is held no more, and its body is not whole.
    fn goes_on_without(&mut self, piece: Piece, host: &impl Host) -> Flow {
        let request = self.awaiting.take().filter(|_| piece == Piece::Late);
        if let Some(request) = request {
            self.pass(&request.policy, Pass::BodyTimeout, host);
            self.worker.settle(host);
        }
        Flow::Continue
    }

    fn pass(&self, policy: &Policy, why: Pass, host: &impl Host) -> Flow {
        self.worker.count(policy, Event::Passed(why), host);
        self.tell(Batched::Passed(report::pass(why)), host);
        Flow::Continue
    }

    fn tell(&self, what: Batched<'_>, host: &impl Host) {
        host.note(self.context, || Note::Batched(what));
    }

    /// The request is whole.
    fn read(&mut self, request: Awaiting, body: Vec<u8>, host: &impl Host) -> Flow {
        let Awaiting { headers, policy, key, paid, .. } = request;
        // Its place in the batch is paid for anew.
        drop(paid);
        let settings = policy.settings();
        let part = match settings.protocol.read(headers.method(), headers.path_and_query(), &body) {
            Ok(part) => part,
            Err(flaw) => return self.unreadable(&policy, flaw, host),
        };
        let mut known = Known::default();
        let asked = || {
            known = identity::read(host).ok()?;
            Some(known.clone())
        };
        let key = match settings.complete(key, &part, asked) {
            Ok(key) => key,
            Err(why) => return self.pass(&policy, Pass::Bypass(why), host),
        };
        let noise = policy.noise(&headers, &known);
        noise::tell(
            Batch::NAME,
            &BATCH_NOISY_HEADERS,
            policy.route(),
            &noise,
            &self.worker.site.setup.registry,
            host,
        );
        let allowance = policy.allowance(&headers);
        let (stream, items) = (self.context, part.items());
        let candidate = Candidate { stream, head: headers, body, part, key, allowance };
        let arrival = self.worker.with(host, |gatherer, around| {
            let arrival = gatherer.arrive(around, candidate, &policy);
            let told = match &arrival {
                Arrival::Alone => Some(Batched::Alone),
                Arrival::Refused(_) => Some(Batched::Ended(report::end(End::Refused))),
                _ => around.passed().map(|why| Batched::Passed(report::pass(why))),
            };
            (arrival, told)
        });
        if let Some(told) = arrival.as_ref().and_then(|(_, told)| *told) {
            self.tell(told, host);
        }
        match arrival.map(|(arrival, _)| arrival) {
            Some(Arrival::Waits) => {
                self.gathered = Some((policy, items));
                Flow::Pause
            }
            Some(Arrival::Alone) => {
                self.gathered = Some((policy, items));
                Flow::Continue
            }
            Some(Arrival::Refused(reply)) => {
                let what = LocalReply::BatchRefused;
                let sent = self.worker.with(host, |_, around| around.answer(what, &reply)) == Some(true);
                if sent { Flow::Pause } else { Flow::Continue }
            }
            Some(Arrival::Passes) | None => Flow::Continue,
        }
    }

    fn unreadable(&self, policy: &Policy, flaw: Unbatchable, host: &impl Host) -> Flow {
        let flow = self.pass(policy, Pass::Unbatchable(flaw.why), host);
        let settings = policy.settings();
        // What is too much for a batch, or asks for something else, is no error of its client's.
        if !settings.strict || settings.shadow || !flaw.is_malformed() {
            return flow;
        }
        let refusal = of_share(settings.protocol.refusal(flaw));
        let what = LocalReply::BatchUnreadable;
        let refused = self.worker.with(host, |_, around| around.answer(what, &refusal)) == Some(true);
        if refused { Flow::Pause } else { Flow::Continue }
    }

    /// The answer of a request that went alone is there, whole.
    fn returned(&mut self, host: &impl Host) {
        if !self.reads && self.gathered.take().is_some() {
            let (context, well) = (self.context, self.well);
            self.worker.with(host, |gatherer, around| gatherer.returned(around, context, well));
            self.worker.settle(host);
        }
    }

    /// It waits for nothing any more.
    fn leave(&mut self, host: &impl Host) {
        if self.gathered.take().is_some() {
            self.worker.stream_ended(self.context, host);
            self.worker.settle(host);
        }
    }
}

impl switchyard_frame::Stream for Stream {
    /// The request begins.
    fn on_request_headers<H: Host>(&mut self, host: &H, head: &Head, ended: bool) -> Flow {
        let worker = Rc::clone(&self.worker);
        if worker.site.plan.is_empty() {
            return Flow::Continue;
        }
        worker.begin(host);
        // A request that cannot be read goes on.
        let Some(headers) = head.headers(host).cloned() else { return Flow::Continue };
        let policy = head
            .route_of_document(worker.site.plan.table(), host)
            .and_then(|route| worker.site.plan.policy(route));
        let Some(policy) = policy.map(Rc::clone) else { return Flow::Continue };
        let flow = match policy.key(&headers) {
            Err(why) => self.pass(&policy, Pass::Bypass(why), host),
            Ok(key) => match worker.site.setup.memory.kept.reserve(head_bytes(&headers)) {
                Some(paid) => {
                    let request = Awaiting { headers, policy, key, copy: None, paid };
                    self.begin(request, ended, host)
                }
                None => self.pass(&policy, Pass::Held, host),
            },
        };
        worker.settle(host);
        flow
    }

    /// A piece of the request's body is there; while it is held, all that there is of it.
    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, ended: bool) -> Flow {
        let Some(request) = &mut self.awaiting else { return Flow::Continue };
        let worker = Rc::clone(&self.worker);
        let before = request.copy.as_ref().map_or(0, Vec::len);
        let too_long = u64::try_from(before + size).unwrap_or(u64::MAX) > request.policy.settings().max_body;
        if request.copy.is_none() {
            let piece = worker.bodies.came(self.context, ended || too_long);
            if piece != Piece::Held {
                return self.goes_on_without(piece, host);
            }
        }
        let passes = match &mut request.copy {
            _ if too_long => Some(Pass::Body),
            Some(copy) => copied(copy, &mut request.paid, size, host).err(),
            None => None,
        };
        if !ended && passes.is_none() {
            return if request.copy.is_some() { Flow::Continue } else { Flow::Pause };
        }
        let Some(mut request) = self.awaiting.take() else { return Flow::Continue };
        let body = match request.copy.take() {
            _ if passes.is_some() => Vec::new(),
            Some(copy) => copy,
            None => host.request_body(size).unwrap_or_default(),
        };
        let flow = match passes {
            None if body.len() == before + size => self.read(request, body, host),
            why => self.pass(&request.policy, why.unwrap_or(Pass::Body), host),
        };
        worker.settle(host);
        flow
    }

    /// The request ends with trailers, with which Envoy lets all of it go on.
    fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow {
        if let Some(request) = self.awaiting.take() {
            // It is still among those that the tick lets go; again would be once too often.
            if self.worker.bodies.forget(self.context) || request.copy.is_some() {
                self.pass(&request.policy, Pass::Body, host);
                self.worker.settle(host);
            }
        }
        Flow::Continue
    }

    /// The answer begins: the endpoint's, or this stream's share.
    fn on_response_headers<H: Host>(&mut self, host: &H, ended: bool) -> Flow {
        let Some((policy, items)) = &self.gathered else { return Flow::Continue };
        let context = self.context;
        let known = self
            .worker
            .with(host, |gatherer, _| gatherer.is_alone(context).then(|| gatherer.len()))
            .flatten();
        let Some(known) = known else {
            // This is its share; or somebody else has answered while it waited, and it needs none.
            self.reads = self.worker.with(host, |gatherer, _| gatherer.is_unread(context)) == Some(true);
            if !self.reads {
                self.leave(host);
            }
            return Flow::Continue;
        };
        self.well = self.worker.learns(known == 1) && is_well(host);
        let settings = policy.settings();
        if settings.tells && !settings.shadow {
            // An answer that does not tell is no worse.
            let _ = host.set_response_header(BATCH_HEADER, format!("size={items};index=0").as_bytes());
        }
        if ended {
            self.returned(host);
            return Flow::Continue;
        }
        // What was to be learned is; the rest of the answer says nothing about the upstream.
        let well = core::mem::take(&mut self.well);
        self.worker.with(host, |gatherer, around| gatherer.begins(around, context, well));
        self.worker.settle(host);
        Flow::Continue
    }

    /// A piece of the answer's body passes.
    fn on_response_body<H: Host>(&mut self, host: &H, _size: usize, ended: bool) -> Flow {
        if ended {
            self.returned(host);
        }
        Flow::Continue
    }

    /// The answer ends with trailers.
    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.returned(host);
        Flow::Continue
    }

    /// The stream has ended, in whichever way.
    fn on_done<H: Host>(&mut self, host: &H) {
        if self.awaiting.take().is_some() {
            self.worker.bodies.forget(self.context);
        }
        self.leave(host);
    }
}

/// Copies a piece of a body that passes.
fn copied(copy: &mut Vec<u8>, paid: &mut Reservation, size: usize, host: &impl Host) -> Result<(), Pass> {
    if !paid.grow(length(size)) {
        return Err(Pass::Held);
    }
    let piece = host.request_body(size).unwrap_or_default();
    if piece.len() != size {
        return Err(Pass::Body);
    }
    append(copy, &piece, usize::MAX).then_some(()).ok_or(Pass::Held)
}

/// Whether the answer that begins is none of a failure: a quick one says nothing about how long answers take.
fn is_well(host: &impl Host) -> bool {
    let headers = host.response_headers().unwrap_or_default();
    headers.header(":status").is_some_and(|status| status.first().is_some_and(|digit| *digit < b'5'))
}
