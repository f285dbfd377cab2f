//! Workers in one thread, each a VM and a host of its own, whose requests a test begins, answers and ends as Envoy
//! does. They tick only when and as the filter asks, and messages are delivered when the test says so.
//!
//! Whatever happens here is looked at on the side: a stream's own callback touches no other stream, and a callback of
//! the root ends in the root's name.

mod given;
pub(crate) mod seen;

pub(crate) use given::*;
use seen::context_of;
use std::rc::Rc;
use switchyard_coalesce::{Passage, Root, Stream, Vm};
use switchyard_core::Timestamp;
use switchyard_host::fake::{FakeHost, Reply, SharedStore};
use switchyard_host::metrics::series_name;

/// When tests begin, in milliseconds.
const START: u64 = 1_700_000_000_000;
/// The context of a worker's first root.
pub(crate) const ROOT: u32 = 1;

pub(crate) struct Worker {
    pub(crate) root: Root,
    pub(crate) host: FakeHost,
    pub(crate) vm: Rc<Vm>,
    /// Its root's context.
    root_context: u32,
    pub(crate) now: u64,
    ticked: u64,
    context: u32,
    /// What was done to streams, in order.
    pub(crate) done: Vec<Reply>,
}

/// A request on its way.
pub(crate) struct Request {
    pub(crate) context: u32,
    pub(crate) stream: Stream,
    /// What became of its head.
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
        let done = Vec::new();
        Self { root, host, vm, root_context: ROOT, now: START, ticked: START, context: 10, done }
    }

    /// Gives the root this section; whether it takes it.
    pub(crate) fn configure(&mut self, section: &str) -> bool {
        self.host.set_configuration(document(section).as_bytes());
        self.host.in_context(self.root_context);
        self.root.configure(&self.host)
    }

    /// A new root with this section begins to serve in the same VM; the old one, which may have streams yet.
    pub(crate) fn reload(&mut self, section: &str) -> Root {
        self.root_context += 1;
        let new = Root::in_vm(self.root_context, Rc::clone(&self.vm));
        let old = std::mem::replace(&mut self.root, new);
        assert!(self.configure(section), "the document must be accepted");
        old
    }

    /// A request without a body begins.
    pub(crate) fn send(&mut self, head: Head<'_>) -> Request {
        self.begin(head, true)
    }

    /// A request begins.
    pub(crate) fn begin(&mut self, head: Head<'_>, ended: bool) -> Request {
        self.context += 1;
        let (context, stream) = (self.context, self.root.stream(self.context));
        let mut request = Request { context, stream, passage: Passage::On };
        self.host.receive(head);
        request.passage = self.of_stream(&mut request, |stream, host| stream.on_request_headers(host, ended));
        request
    }

    /// A request begins that leads or goes by itself.
    pub(crate) fn lead(&mut self, head: Head<'_>) -> Request {
        let request = self.send(head);
        assert_eq!(request.passage, Passage::On);
        request
    }

    /// A request begins that waits.
    pub(crate) fn follow(&mut self, head: Head<'_>) -> Request {
        let request = self.send(head);
        assert_eq!(request.passage, Passage::Held);
        assert!(self.waits(&request));
        request
    }

    /// A callback of a stream.
    fn of_stream<R>(&mut self, request: &mut Request, act: impl FnOnce(&mut Stream, &FakeHost) -> R) -> R {
        self.host.in_context(request.context);
        let result = act(&mut request.stream, &self.host);
        let replies = self.host.take_replies();
        let own = replies.iter().all(|reply| context_of(reply) == request.context);
        assert!(own, "another stream was touched from a callback of {}: {replies:?}", request.context);
        self.done.extend(replies);
        result
    }

    /// A piece of its body.
    pub(crate) fn upload(&mut self, request: &mut Request, piece: &[u8], ended: bool) -> Passage {
        self.host.receive_body(piece);
        self.of_stream(request, |stream, host| stream.on_request_body(host, piece.len(), ended))
    }

    /// Its body ends with trailers.
    pub(crate) fn request_trailers(&mut self, request: &mut Request) {
        self.of_stream(request, |stream, host| stream.on_request_trailers(host));
    }

    /// Its answer begins. Whether it goes on.
    pub(crate) fn answer(&mut self, request: &mut Request, head: Head<'_>, ended: bool) -> Passage {
        self.host.answer(head);
        self.of_stream(request, |stream, host| stream.on_response_headers(host, ended))
    }

    /// A piece of its answer's body.
    pub(crate) fn body(&mut self, request: &mut Request, piece: &[u8], ended: bool) {
        self.host.answer_body(piece);
        self.of_stream(request, |stream, host| stream.on_response_body(host, piece.len(), ended));
    }

    /// Its answer's trailers.
    pub(crate) fn trailers(&mut self, request: &mut Request) {
        self.host.end_with(&[("checksum", "5")]);
        self.of_stream(request, |stream, host| stream.on_response_trailers(host));
    }

    /// A whole answer, which goes on.
    pub(crate) fn respond(&mut self, request: &mut Request, head: Head<'_>, body: &[u8]) {
        assert_eq!(self.answer(request, head, body.is_empty()), Passage::On);
        if !body.is_empty() {
            self.body(request, body, true);
        }
    }

    /// The stream ends: the answer is complete, or the client has left.
    pub(crate) fn end(&mut self, mut request: Request) {
        self.of_stream(&mut request, |stream, host| stream.on_done(host));
        self.host.end_context(request.context);
    }

    /// A callback of the root.
    pub(crate) fn of_root<R>(&mut self, act: impl FnOnce(&mut Root, &FakeHost) -> R) -> R {
        self.host.in_context(self.root_context);
        let result = act(&mut self.root, &self.host);
        assert_eq!(self.host.context(), self.root_context, "the root speaks in its own name again");
        self.done.extend(self.host.take_replies());
        result
    }

    /// A tick, now.
    pub(crate) fn tick(&mut self) {
        self.ticked = self.now;
        self.of_root(|root, host| root.tick(host));
    }

    /// Whether messages wait for this worker.
    pub(crate) fn has_messages(&self) -> bool {
        self.host.queue().is_some_and(|queue| self.host.queued(queue) > 0)
    }

    /// The callback of the messages that wait for this worker. Whether there were any.
    pub(crate) fn deliver(&mut self) -> bool {
        let Some(queue) = self.host.queue().filter(|_| self.has_messages()) else { return false };
        self.of_root(|root, host| root.on_queue_ready(host, queue));
        true
    }

    /// How often it ticks, in milliseconds; 0: never.
    pub(crate) fn period(&self) -> u64 {
        u64::try_from(self.host.tick_period().as_millis()).expect("a period")
    }

    /// The clock goes on, without a tick.
    pub(crate) fn set_time(&mut self, millis: u64) {
        self.now = millis;
        self.host.set_now(Timestamp::from_millis(millis));
    }

    /// What a counter of the route has come to once this worker has told; `label`: its name and value, none if empty.
    pub(crate) fn count(&mut self, metric: &str, (label, value): (&str, &str)) -> u64 {
        self.tick();
        let mut labels = vec![("route", "api")];
        labels.extend((!label.is_empty()).then_some((label, value)));
        self.host.counter(&series_name(metric, &labels))
    }
}

/// Delivers messages until there are none.
pub(crate) fn settle(workers: &mut [Worker]) {
    for _ in 0..1_000 {
        let delivered = workers.iter_mut().map(Worker::deliver).filter(|delivered| *delivered).count();
        if delivered == 0 {
            return;
        }
    }
    panic!("messages without end");
}

/// Lets time pass, with messages and the ticks that were asked for.
pub(crate) fn pass(workers: &mut [Worker], millis: u64) {
    for _ in 0..millis / 10 {
        for worker in &mut *workers {
            worker.set_time(worker.now + 10);
            let period = worker.period();
            if period > 0 && worker.now >= worker.ticked + period {
                worker.tick();
            }
        }
        settle(workers);
    }
}
