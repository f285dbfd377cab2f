//! A worker whose requests a test begins, answers and ends as Envoy does; it ticks only when and as the filter asks.
//!
//! All workers of a test run in its one thread, which is one VM to the filter: they share metrics and what is kept of bodies.
//! What one has counted is 0 again when the next one begins.

mod given;
pub(crate) mod seen;

use core::time::Duration;
pub(crate) use given::*;
use switchyard_core::Timestamp;
use switchyard_frame::Stream as _;
use switchyard_frame::metrics::series_name;
use switchyard_host::fake::{Called, FakeHost, SharedStore};
use switchyard_retry::{Flow, Root, Stream};

/// When tests begin, in milliseconds: the start of a bucket of every budget used here.
pub(crate) const START: u64 = 1_700_000_000_000;

/// The context of a worker's root.
pub(crate) const ROOT: u32 = 1;

thread_local! {
    static VM: SharedStore = SharedStore::default();
}

/// A new process.
pub(crate) fn process() -> SharedStore {
    VM.with(SharedStore::beside)
}

pub(crate) struct Worker {
    pub(crate) root: Root,
    pub(crate) host: FakeHost,
    now: u64,
    ticked: u64,
    context: u32,
}

/// A request on its way.
pub(crate) struct Request {
    pub(crate) context: u32,
    pub(crate) stream: Stream,
    /// Whether it went on at its head.
    pub(crate) flow: Flow,
    /// What Envoy holds of its body.
    buffered: Vec<u8>,
    /// The head of its answer.
    pub(crate) answer: Vec<(String, String)>,
    began: u64,
}

impl Worker {
    /// The only worker of a process, whose route has this retry section.
    pub(crate) fn alone(retry: &str) -> Self {
        Self::of(&process(), &document_with("", retry))
    }

    /// The only worker of a process, whose route has the filter's engine and these fields.
    pub(crate) fn filter(more: &str) -> Self {
        Self::alone(&filter(more))
    }

    /// One more worker of the process that `store` belongs to.
    pub(crate) fn of(store: &SharedStore, document: &str) -> Self {
        let host = FakeHost::with_shared(store);
        host.set_configuration(document.as_bytes());
        host.set_now(Timestamp::from_millis(START));
        let mut root = Root::new(ROOT);
        assert!(root.configure(&host), "the document must be accepted");
        store.reset_metrics();
        Self { root, host, now: START, ticked: START, context: 10 }
    }

    /// Two workers of one process.
    pub(crate) fn two(document: &str) -> [Self; 2] {
        let store = process();
        [Self::of(&store, document), Self::of(&store, document)]
    }

    /// Lets time pass, with the ticks that the filter has asked for.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now + millis;
        loop {
            let period = self.period();
            let next = if self.ticked + period < self.now { self.now + period } else { self.ticked + period };
            if period == 0 || next > end {
                return self.set_time(end);
            }
            self.set_time(next);
            self.tick();
        }
    }

    /// A tick, now.
    pub(crate) fn tick(&mut self) {
        self.ticked = self.now;
        self.host.in_context(ROOT);
        self.root.tick(&self.host);
    }

    /// The time since the test began, in milliseconds.
    pub(crate) fn elapsed(&self) -> u64 {
        self.now - START
    }

    /// Sets the clock, without a tick.
    pub(crate) fn set_time(&mut self, millis: u64) {
        self.now = millis;
        // Envoy's timers do not follow the wall clock back.
        self.ticked = self.ticked.min(millis);
        self.host.set_now(Timestamp::from_millis(millis));
    }

    /// How often it ticks, in milliseconds; 0: never.
    pub(crate) fn period(&self) -> u64 {
        u64::try_from(self.host.tick_period().as_millis()).expect("a period")
    }

    /// A request without a body.
    pub(crate) fn send(&mut self, head: Head<'_>) -> Request {
        self.begin(head, true)
    }

    /// A request begins.
    pub(crate) fn begin(&mut self, head: Head<'_>, ended: bool) -> Request {
        self.begin_after(head, ended, |_| {})
    }

    /// A request begins after its headers were changed.
    pub(crate) fn begin_after(
        &mut self,
        head: Head<'_>,
        ended: bool,
        change: impl FnOnce(&FakeHost),
    ) -> Request {
        self.context += 1;
        let stream = self.root.stream(self.context).expect("a configuration");
        let mut request = Request {
            context: self.context,
            stream,
            flow: Flow::Continue,
            buffered: Vec::new(),
            answer: Vec::new(),
            began: self.now,
        };
        self.enter(&request);
        self.host.remove_property("upstream.request_attempt_count");
        self.host.receive(head);
        change(&self.host);
        request.flow =
            request.stream.on_request_headers(&self.host, &switchyard_frame::Head::default(), ended);
        request
    }

    /// What the host knows of this request while its callbacks run.
    fn enter(&self, request: &Request) {
        self.host.in_context(request.context);
        let began = Duration::from_millis(request.began).as_nanos();
        self.host.set_property("request.time", &u64::try_from(began).expect("a time").to_le_bytes());
    }

    /// A piece of its body comes; while it waits, the filter is shown all that there is of it.
    pub(crate) fn upload(&self, request: &mut Request, piece: &[u8], ended: bool) -> Flow {
        self.enter(request);
        let shown = match request.flow {
            Flow::Pause => [core::mem::take(&mut request.buffered), piece.to_vec()].concat(),
            Flow::Continue => piece.to_vec(),
        };
        self.host.receive_body(&shown);
        request.flow = request.stream.on_request_body(&self.host, shown.len(), ended);
        request.buffered = shown;
        request.flow
    }

    /// It ends with trailers.
    pub(crate) fn upload_trailers(&self, request: &mut Request) {
        self.enter(request);
        assert_eq!(request.stream.on_request_trailers(&self.host), Flow::Continue);
    }

    /// The endpoint A answers.
    pub(crate) fn answer(&self, request: &mut Request, headers: Head<'_>, ended: bool) -> Flow {
        self.host.set_property("upstream.address", A.as_bytes());
        self.local(request, headers, ended, "via_upstream")
    }

    /// The endpoint answers 503, and no more.
    pub(crate) fn fail(&self, request: &mut Request) -> Flow {
        self.answer(request, UNAVAILABLE, true)
    }

    /// An answer with these response code details.
    pub(crate) fn local(&self, request: &mut Request, headers: Head<'_>, ended: bool, details: &str) -> Flow {
        self.enter(request);
        self.host.set_property("response.code_details", details.as_bytes());
        self.host.answer(headers);
        self.host.answer_body(b"");
        request.answer =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        request.stream.on_response_headers(&self.host, ended)
    }

    /// The answer's body: the piece that passes, or all of what is held back.
    pub(crate) fn body(&self, request: &mut Request, body: &[u8], ended: bool) -> Flow {
        self.enter(request);
        self.host.answer_body(body);
        request.stream.on_response_body(&self.host, body.len(), ended)
    }

    /// The answer's trailers.
    pub(crate) fn trailers(&self, request: &mut Request, trailers: Head<'_>) -> Flow {
        self.enter(request);
        self.host.end_with(trailers);
        request.stream.on_response_trailers(&self.host)
    }

    /// The stream ends: the answer is complete, or the client has left.
    pub(crate) fn end(&self, mut request: Request) {
        self.enter(&request);
        request.stream.on_done(&self.host);
        self.host.end_context(request.context);
    }

    /// A whole request that is answered well at once.
    pub(crate) fn succeed(&mut self) {
        let mut request = self.send(&GET);
        assert_eq!(self.answer(&mut request, OK, true), Flow::Continue);
        self.end(request);
    }

    /// The only call that was made since the last look.
    pub(crate) fn call(&self) -> Called {
        let mut calls = self.host.take_called();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }

    /// The call that the next tick makes.
    pub(crate) fn next_call(&mut self) -> Called {
        self.pass(5);
        self.call()
    }

    /// The answer to a call.
    pub(crate) fn reply(&mut self, call: &Called, headers: Head<'_>, body: &[u8]) {
        self.reply_with(call, headers, body, &[]);
    }

    pub(crate) fn reply_with(&mut self, call: &Called, headers: Head<'_>, body: &[u8], trailers: Head<'_>) {
        self.host.answer_call(headers, body, trailers);
        self.host.in_context(ROOT);
        self.root.on_call_response(&self.host, call.number, headers.len(), body.len());
    }

    /// What a counter of the route has come to once it was told; `reason` is empty for one without reasons.
    pub(crate) fn count(&mut self, metric: &str, reason: &str) -> u64 {
        self.pass(60);
        let mut labels = vec![("route", "api")];
        labels.extend((!reason.is_empty()).then_some(("reason", reason)));
        self.host.counter(&series_name(metric, &labels))
    }
}
