//! Workers in one thread, each a VM and a host of its own, whose requests a test begins, answers and ends as Envoy
//! does. They tick only when and as the filter asks, messages are delivered and calls answered when the test says so.
//!
//! Whatever happens here is looked at on the side: a stream's own callback touches no other stream and makes no call, and a
//! callback of the root makes its calls in the root's name, and ends in it.

mod given;
pub(crate) mod seen;
mod time;
mod upstream;

pub(crate) use given::*;
use seen::context_of;
use std::rc::Rc;
use switchyard_batch::{Passage, Root, Stream, Vm};
use switchyard_core::Timestamp;
use switchyard_host::fake::{Called, FakeHost, Reply, SharedStore};
pub(crate) use time::{SET_TICK, pass, settle};
pub(crate) use upstream::*;

/// When tests begin, in milliseconds.
const START: u64 = 1_700_000_000_000;
/// The context of a worker's first root.
pub(crate) const ROOT: u32 = 1;

pub(crate) struct Worker {
    pub(crate) root: Root,
    pub(crate) host: FakeHost,
    vm: Rc<Vm>,
    /// Its root's context.
    pub(crate) root_context: u32,
    pub(crate) now: u64,
    ticked: u64,
    context: u32,
    /// What was done to streams, in order.
    pub(crate) done: Vec<Reply>,
    /// Calls that were made and not taken yet.
    pub(crate) called: Vec<Called>,
}

/// A request on its way.
pub(crate) struct Request {
    pub(crate) context: u32,
    pub(crate) stream: Stream,
    /// What became of it when it was whole.
    pub(crate) passage: Passage,
}

impl Worker {
    /// The only worker of a process, whose route has this section.
    pub(crate) fn alone(section: &str) -> Self {
        Self::of(&SharedStore::default(), section)
    }

    /// One more worker of the process that `store` belongs to.
    pub(crate) fn of(store: &SharedStore, section: &str) -> Self {
        let mut worker = Self::unconfigured(store);
        assert!(worker.configure(section), "the document must be accepted");
        worker
    }

    /// Several workers of one process.
    pub(crate) fn several<const N: usize>(section: &str) -> [Self; N] {
        let store = SharedStore::default();
        std::array::from_fn(|_| Self::of(&store, section))
    }

    /// A worker that has no configuration yet.
    pub(crate) fn unconfigured(store: &SharedStore) -> Self {
        let (host, vm) = (FakeHost::with_shared(store), Rc::new(Vm::default()));
        host.set_now(Timestamp::from_millis(START));
        let root = Root::in_vm(ROOT, Rc::clone(&vm));
        let (done, called) = (Vec::new(), Vec::new());
        Self { root, host, vm, root_context: ROOT, now: START, ticked: START, context: 10, done, called }
    }

    /// Gives the root this section; whether it takes it.
    pub(crate) fn configure(&mut self, section: &str) -> bool {
        self.configure_with(&document_with("", section))
    }

    /// Gives the root this document; whether it takes it.
    pub(crate) fn configure_with(&mut self, document: &str) -> bool {
        self.host.set_configuration(document.as_bytes());
        self.host.in_context(self.root_context);
        self.root.configure(&self.host)
    }

    /// A new root with this section begins to serve in the same VM; the old one, which may have streams yet.
    pub(crate) fn reload(&mut self, section: &str) -> Root {
        self.root_context += 1;
        let new = Root::in_vm(self.root_context, Rc::clone(&self.vm));
        let old = std::mem::replace(&mut self.root, new);
        assert!(self.configure(section), "the document must be accepted");
        self.host.has_tick_period(core::time::Duration::ZERO);
        old
    }

    /// A request begins; `ended`: it has no body.
    pub(crate) fn begin(&mut self, head: Head<'_>, ended: bool) -> Request {
        self.context += 1;
        let (context, stream) = (self.context, self.root.stream(self.context));
        let mut request = Request { context, stream, passage: Passage::On };
        self.host.receive(head);
        request.passage = self.of_stream(&mut request, |stream, host| stream.on_request_headers(host, ended));
        request
    }

    /// A request without a body.
    pub(crate) fn send(&mut self, head: Head<'_>) -> Request {
        self.begin(head, true)
    }

    /// A request whose whole body comes at once.
    pub(crate) fn post(&mut self, head: Head<'_>, body: &str) -> Request {
        let mut request = self.begin(head, false);
        request.passage = self.upload(&mut request, body.as_bytes(), true);
        request
    }

    /// A GET that goes on.
    pub(crate) fn goes(&mut self, path: &str) -> Request {
        let request = self.send(&get(path));
        assert_eq!(request.passage, Passage::On, "{path}");
        request
    }

    /// A GET that waits.
    pub(crate) fn joins(&mut self, path: &str) -> Request {
        let request = self.send(&get(path));
        assert_eq!(request.passage, Passage::Held, "{path}");
        assert!(self.waits(&request));
        request
    }

    /// A callback of a stream.
    pub(crate) fn of_stream<R>(
        &mut self,
        request: &mut Request,
        act: impl FnOnce(&mut Stream, &FakeHost) -> R,
    ) -> R {
        self.host.in_context(request.context);
        let asked = self.host.calls(SET_TICK);
        let result = act(&mut request.stream, &self.host);
        self.restart_timer(asked);
        let replies = self.host.take_replies();
        let own = replies.iter().all(|reply| context_of(reply) == request.context);
        assert!(own, "another stream was touched from a callback of {}: {replies:?}", request.context);
        assert_eq!(self.host.take_called(), [], "a call from a callback of {}", request.context);
        self.done.extend(replies);
        result
    }

    /// All that is there of its body, while it is held; the next piece of it, while it passes.
    pub(crate) fn upload(&mut self, request: &mut Request, piece: &[u8], ended: bool) -> Passage {
        self.host.receive_body(piece);
        self.of_stream(request, |stream, host| stream.on_request_body(host, piece.len(), ended))
    }

    /// Its body ends with trailers.
    pub(crate) fn request_trailers(&mut self, request: &mut Request) {
        self.of_stream(request, |stream, host| stream.on_request_trailers(host));
    }

    /// Its answer begins.
    pub(crate) fn answer(&mut self, request: &mut Request, head: Head<'_>, ended: bool) {
        self.host.answer(head);
        self.of_stream(request, |stream, host| stream.on_response_headers(host, ended));
    }

    /// A piece of its answer's body.
    pub(crate) fn body(&mut self, request: &mut Request, piece: &[u8], ended: bool) {
        self.host.answer_body(piece);
        self.of_stream(request, |stream, host| stream.on_response_body(host, ended));
        assert_eq!(self.host.current_response_body(), piece, "an answer passes untouched");
    }

    /// Its answer's trailers.
    pub(crate) fn trailers(&mut self, request: &mut Request) {
        self.of_stream(request, |stream, host| stream.on_response_trailers(host));
    }

    /// A whole answer.
    pub(crate) fn respond(&mut self, request: &mut Request, head: Head<'_>, body: &[u8]) {
        self.answer(request, head, body.is_empty());
        if !body.is_empty() {
            self.body(request, body, true);
        }
    }

    /// The stream ends: the answer is complete, or the client has left.
    pub(crate) fn end(&mut self, mut request: Request) {
        self.of_stream(&mut request, |stream, host| stream.on_done(host));
        self.host.end_context(request.context);
    }

    /// A request that has the upstream to itself is answered and ends.
    pub(crate) fn returns(&mut self, mut request: Request) {
        self.respond(&mut request, OK, b"[]");
        self.end(request);
    }

    /// A callback of the root.
    pub(crate) fn of_root<R>(&mut self, act: impl FnOnce(&mut Root, &FakeHost) -> R) -> R {
        self.host.in_context(self.root_context);
        let asked = self.host.calls(SET_TICK);
        let result = act(&mut self.root, &self.host);
        self.restart_timer(asked);
        assert_eq!(self.host.context(), self.root_context, "the root speaks in its own name again");
        self.take(self.root_context);
        result
    }

    /// Takes in what the root of this context did.
    pub(crate) fn take(&mut self, root: u32) {
        self.done.extend(self.host.take_replies());
        let called = self.host.take_called();
        assert!(called.iter().all(|call| call.context == root), "a call in another's name: {called:?}");
        self.called.extend(called);
    }

    /// The only call that was made and not taken yet.
    pub(crate) fn call(&mut self) -> Called {
        assert_eq!(self.called.len(), 1, "{:?}", self.called);
        self.called.remove(0)
    }

    /// The answer to a call; no headers: the call has failed.
    pub(crate) fn answer_call(&mut self, call: &Called, head: Head<'_>, body: &[u8]) {
        self.host.answer_call(head, body, &[]);
        self.of_root(|root, host| root.on_call_response(host, call.number, head.len(), body.len()));
    }

    /// The true answer to a call.
    pub(crate) fn serve(&mut self, call: &Called) {
        self.answer_call(call, OK, &truth(call));
    }
}
