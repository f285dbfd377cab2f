//! One worker as Envoy runs it: a VM, its roots of which the last one serves, their timers, queues and calls.
//!
//! Invariant: every root has its own timer, which begins anew when a period is asked for; a queue wakes the root that
//! registered it last, as long as that one lives; and callbacks are looked at on the side as a [`Worker`](super::Worker)'s are.
//! Trade-off: streams are the test's to keep, which says with each callback whose it is.

#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use super::worker::{SET_TICK, done_by_root, done_by_stream};
use super::{Head, RootOf, StreamOf, Subject, VmOf, time::millis};
use crate::{Filter, Root, Vm};
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::memory::Memory;
use switchyard_core::status::{PLACES, Snapshot};
use switchyard_host::fake::{Called, FakeHost, Reply, SharedStore};
use switchyard_host::{Queues as _, SharedData as _};

/// What a root did to streams, and the calls that it made.
pub type Done = (Vec<Reply>, Vec<Called>);

/// One root.
struct Timed<S: Subject> {
    number: u32,
    root: RootOf<S>,
    period: Duration,
    /// When its period was asked for, or came to its end.
    ticked: u64,
}

/// The roots of one worker.
pub struct Roots<S: Subject> {
    /// Their host.
    pub host: FakeHost,
    vm: VmOf<S>,
    roots: Vec<Timed<S>>,
    /// Queues, each with the root that registered it last.
    heard: Vec<(u32, u32)>,
    /// Calls that were not answered yet.
    pub called: Vec<Called>,
    context: u32,
    timer: u64,
}

impl<S: Subject> Roots<S> {
    /// A worker of this process with one root.
    pub fn new(store: &SharedStore, section: &str) -> Self {
        Self::on(FakeHost::with_shared(store), section, Memory::default())
    }

    /// A worker on this host, which says what time it is; its VM may keep this.
    pub fn on(host: FakeHost, section: &str, memory: Memory) -> Self {
        let (roots, heard, called) = (Vec::new(), Vec::new(), Vec::new());
        let vm = Vm::with_memory(memory);
        let mut roots = Self { host, vm, roots, heard, called, context: 1_000, timer: 0 };
        roots.reload(section);
        roots
    }

    /// A new root serves from now on.
    pub fn reload(&mut self, section: &str) {
        assert!(self.configure(&S::document(section)));
    }

    /// A new root is given this document, and serves from now on if it takes it; whether it does.
    pub fn configure(&mut self, document: &str) -> bool {
        let number = self.roots.last().map_or(1, |timed| timed.number + 1);
        let mut root = Root::in_vm(number, self.vm.clone());
        self.host.set_configuration(document.as_bytes());
        self.host.assume_tick_period(Duration::ZERO);
        self.host.in_context(number);
        // Whatever else it fails at, the host says what the configuration is: under none no request would come that asks again for
        // ticks that were refused, and those who wait under the old one wait for these.
        self.host.recover("proxy_get_buffer_bytes");
        let taken = root.configure(&self.host);
        if taken {
            let (period, ticked) = (self.host.tick_period(), self.timer);
            self.roots.push(Timed { number, root, period, ticked });
        }
        taken
    }

    /// A stream of the root that serves, its context, and its root's number.
    pub fn stream(&mut self) -> (StreamOf<S>, u32, u32) {
        self.context += 1;
        let timed = self.roots.last().expect("a root");
        (timed.root.stream(self.context).expect("a configuration"), self.context, timed.number)
    }

    /// Roots that serve no more end with their last stream.
    pub fn drop_old(&mut self, in_use: &[u32]) {
        let current = self.roots.last().map(|timed| timed.number);
        let Self { roots, host, called, .. } = self;
        roots.retain_mut(|timed| {
            let stays = Some(timed.number) == current || in_use.contains(&timed.number);
            if !stays {
                host.in_context(timed.number);
                timed.root.on_done(host);
                called.retain(|call| call.context != timed.number);
            }
            stays
        });
    }

    /// Whether there is no root but the one that serves.
    pub fn is_alone(&self) -> bool {
        self.roots.len() == 1
    }

    /// A callback of a root, or of one of its streams, in this context.
    fn during<R>(&mut self, root: u32, context: u32, act: impl FnOnce(&mut RootOf<S>, &FakeHost) -> R) -> R {
        let Self { host, roots, heard, timer, .. } = self;
        let timed = roots.iter_mut().find(|timed| timed.number == root).expect("the root of a stream lives");
        let (registered, asked) = (host.registered().len(), host.calls(SET_TICK));
        host.assume_tick_period(timed.period);
        host.in_context(context);
        let result = act(&mut timed.root, host);
        timed.period = host.tick_period();
        if host.calls(SET_TICK) > asked {
            timed.ticked = *timer;
        }
        for queue in host.registered().into_iter().skip(registered) {
            heard.retain(|(known, _)| *known != queue);
            heard.push((queue, root));
        }
        result
    }

    /// A callback of a stream of this root.
    pub fn of_stream<R>(
        &mut self,
        root: u32,
        context: u32,
        act: impl FnOnce(&FakeHost) -> R,
    ) -> (R, Vec<Reply>) {
        let result = self.during(root, context, |_, host| act(host));
        (result, done_by_stream(&self.host, context))
    }

    /// A callback of a root.
    fn of_root(&mut self, number: u32, act: impl FnOnce(&mut RootOf<S>, &FakeHost)) -> Done {
        self.during(number, number, act);
        assert_eq!(self.host.context(), number, "the root speaks in its own name again");
        let done = done_by_root(&self.host, number);
        self.called.extend(done.1.iter().cloned());
        done
    }

    /// The callback of one message, if there is one for a root that roots.
    pub fn deliver(&mut self) -> Option<Done> {
        let lives = |root: u32| self.roots.iter().any(|timed| timed.number == root);
        let is_due = |(queue, root): &&(u32, u32)| self.host.queued(*queue) > 0 && lives(*root);
        let (queue, root) = *self.heard.iter().rev().find(is_due)?;
        Some(self.of_root(root, |root, host| root.on_queue_ready(host, queue)))
    }

    /// A call is answered.
    pub fn answer(&mut self, call: &Called, head: Head<'_>, body: &[u8]) -> Done {
        self.called.retain(|other| other.number != call.number);
        self.host.answer_call(head, body, &[]);
        self.of_root(call.context, |root, host| {
            root.on_call_response(host, call.number, head.len(), body.len());
        })
    }

    /// Ticks of the roots that are due, at `timer` milliseconds of a clock that does not step back.
    pub fn tick(&mut self, timer: u64) -> Vec<Done> {
        self.timer = timer;
        let is_due =
            |timed: &&mut Timed<S>| !timed.period.is_zero() && timer >= timed.ticked + millis(timed.period);
        let begin_anew = |timed: &mut Timed<S>| {
            timed.ticked = timer;
            timed.number
        };
        let due: Vec<_> = self.roots.iter_mut().filter(is_due).map(begin_anew).collect();
        due.into_iter().map(|number| self.of_root(number, |root, host| root.tick(host))).collect()
    }

    /// What its VM may keep.
    pub fn memory(&self) -> &Memory {
        &self.vm.memory
    }

    /// What the root that serves says when somebody looks at the status page for the first time; `None`: it could not be made known.
    pub fn looked_at(&mut self) -> Option<Snapshot> {
        let (module, number) = (<S::Filter as Filter>::NAME, self.roots.last()?.number);
        self.of_root(number, |root, host| root.serves(host));
        let queue = *self.host.registered().last()?;
        self.of_root(number, |root, host| root.on_queue_ready(host, queue));
        let said = (0..PLACES).filter_map(|place| {
            Snapshot::decode(self.host.shared_data(&keys::snapshot(module, place)).ok()??.value)
        });
        said.into_iter().find(|said| said.worker.queue == queue && said.worker.written > Timestamp::default())
    }

    /// Whether anything will wake a root: a tick, the answer to a call, or a message.
    pub fn will_wake(&self) -> bool {
        !self.rests()
            || !self.called.is_empty()
            || self.heard.iter().any(|(queue, _)| self.host.queued(*queue) > 0)
    }

    /// Whether no root ticks.
    pub fn rests(&self) -> bool {
        self.roots.iter().all(|timed| timed.period.is_zero())
    }

    /// Sets the clock that the filter sees.
    pub fn set_time(&self, wall: u64) {
        self.host.set_now(Timestamp::from_millis(wall));
    }

    /// Somebody writes this into the queue that was registered last.
    pub fn enqueue(&self, message: &[u8]) {
        if let Some(queue) = self.host.queue() {
            // A host that fails writes nothing.
            let _ = self.host.enqueue(queue, message);
        }
    }
}
