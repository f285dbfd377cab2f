//! Workers in one thread, each a VM and a host of its own, whose requests a test begins, answers and ends as Envoy
//! does. They tick only when and as the filter asks, messages are delivered and calls answered when the test says so.
//!
//! Invariant: whatever happens here is looked at on the side. A stream's own callback touches no other stream and makes no
//! call, and a callback of the root makes its calls in the root's name, and ends in it. Trade-off: only the newest root is led;
//! a test that reloads has the old one in its hands. [`Roots`](super::Roots) all live, each with its own timer.

use super::{Head, Request, RootOf, StreamOf, Subject, VmOf};
use crate::{Filter, Root, Vm};
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::status::Snapshot;
use switchyard_host::SharedData as _;
use switchyard_host::fake::{Called, FakeHost, Reply, SharedStore};

/// When tests begin, in milliseconds.
const START: u64 = 1_700_000_000_000;
/// The context of a worker's first root.
pub const ROOT: u32 = 1;
/// The host call that asks for ticks.
pub const SET_TICK: &str = "proxy_set_tick_period_milliseconds";

/// One worker, whose newest root serves.
pub struct Worker<S: Subject> {
    /// The root that serves.
    pub root: RootOf<S>,
    /// Its host.
    pub host: FakeHost,
    vm: VmOf<S>,
    /// Its root's context.
    pub root_context: u32,
    /// Its clock, in milliseconds.
    pub now: u64,
    /// When its period began.
    pub(super) ticked: u64,
    /// The last stream's context.
    pub(super) context: u32,
    /// What was done to streams, in order.
    pub done: Vec<Reply>,
    /// Calls that were made and not taken yet.
    pub called: Vec<Called>,
}

impl<S: Subject> Worker<S> {
    /// The only worker of a process, whose route has this section.
    pub fn alone(section: &str) -> Self {
        Self::of(&SharedStore::default(), section)
    }

    /// One more worker of the process that `store` belongs to.
    pub fn of(store: &SharedStore, section: &str) -> Self {
        let mut worker = Self::unconfigured(store);
        assert!(worker.configure(section), "the document must be accepted");
        worker
    }

    /// Several workers of one process.
    pub fn several<const N: usize>(section: &str) -> [Self; N] {
        let store = SharedStore::default();
        std::array::from_fn(|_| Self::of(&store, section))
    }

    /// A worker that has no configuration yet.
    pub fn unconfigured(store: &SharedStore) -> Self {
        let (host, vm) = (FakeHost::with_shared(store), Vm::default());
        host.set_now(Timestamp::from_millis(START));
        let root = Root::in_vm(ROOT, vm.clone());
        let (done, called) = (Vec::new(), Vec::new());
        Self { root, host, vm, root_context: ROOT, now: START, ticked: START, context: 10, done, called }
    }

    /// Gives the root this section; whether it takes it.
    pub fn configure(&mut self, section: &str) -> bool {
        self.configure_with(&S::document(section))
    }

    /// Gives the root this document; whether it takes it.
    pub fn configure_with(&mut self, document: &str) -> bool {
        self.host.set_configuration(document.as_bytes());
        self.host.in_context(self.root_context);
        self.root.configure(&self.host)
    }

    /// A new root with this section begins to serve in the same VM; the old one, which may have streams yet.
    pub fn reload(&mut self, section: &str) -> RootOf<S> {
        self.root_context += 1;
        let new = Root::in_vm(self.root_context, self.vm.clone());
        let old = std::mem::replace(&mut self.root, new);
        assert!(self.configure(section), "the document must be accepted");
        self.host.assume_tick_period(Duration::ZERO);
        old
    }

    /// A callback of a stream.
    pub fn of_stream<R>(
        &mut self,
        request: &mut Request<S>,
        act: impl FnOnce(&mut StreamOf<S>, &FakeHost) -> R,
    ) -> R {
        self.host.in_context(request.context);
        let asked = self.host.calls(SET_TICK);
        let result = act(&mut request.stream, &self.host);
        self.restart_timer(asked);
        self.done.extend(done_by_stream(&self.host, request.context));
        result
    }

    /// A callback of the root.
    pub fn of_root<R>(&mut self, act: impl FnOnce(&mut RootOf<S>, &FakeHost) -> R) -> R {
        self.host.in_context(self.root_context);
        let asked = self.host.calls(SET_TICK);
        let result = act(&mut self.root, &self.host);
        self.restart_timer(asked);
        assert_eq!(self.host.context(), self.root_context, "the root speaks in its own name again");
        self.take(self.root_context);
        result
    }

    /// Takes in what the root of this context did.
    pub fn take(&mut self, root: u32) {
        let (replies, called) = done_by_root(&self.host, root);
        self.done.extend(replies);
        self.called.extend(called);
    }

    /// The host counts a period from when it was asked for; `asked`: how often it had been before.
    fn restart_timer(&mut self, asked: u64) {
        if self.host.calls(SET_TICK) > asked {
            self.ticked = self.now;
        }
    }

    /// What this worker, the first of its process that serves, says when somebody looks at the status page.
    pub fn looked_at(&mut self) -> Option<Snapshot> {
        let key = keys::snapshot(<S::Filter as Filter>::NAME, 1);
        let said = |host: &FakeHost| Snapshot::decode(host.shared_data(&key).ok()??.value);
        self.of_root(|root, host| root.serves(host));
        let queue = said(&self.host)?.worker.queue;
        self.of_root(|root, host| root.on_queue_ready(host, queue));
        said(&self.host)
    }

    /// The only call that was made and not taken yet.
    pub fn call(&mut self) -> Called {
        assert_eq!(self.called.len(), 1, "{:?}", self.called);
        self.called.remove(0)
    }

    /// The answer to a call; no headers: the call has failed.
    pub fn answer_call(&mut self, call: &Called, head: Head<'_>, body: &[u8]) {
        self.host.answer_call(head, body, &[]);
        let (number, headers) = (call.number, head.len());
        self.of_root(|root, host| root.on_call_response(host, number, headers, body.len()));
    }
}

/// What a callback of this stream did: to no other, and without calls.
pub(super) fn done_by_stream(host: &FakeHost, context: u32) -> Vec<Reply> {
    let replies = host.take_replies();
    let own = replies.iter().all(|reply| reply.context() == context);
    assert!(own, "another stream was touched from a callback of {context}: {replies:?}");
    assert_eq!(host.take_called(), [], "a call from a callback of {context}");
    replies
}

/// What a callback of this root did: to whom it likes, but with calls in its own name alone.
pub(super) fn done_by_root(host: &FakeHost, root: u32) -> (Vec<Reply>, Vec<Called>) {
    let called = host.take_called();
    assert!(called.iter().all(|call| call.context == root), "a call in another's name: {called:?}");
    (host.take_replies(), called)
}
