//! One worker as Envoy runs it: a VM, its roots of which the last one serves, their timers, queues and calls.

use crate::worker::{SET_TICK, document_with};
use core::time::Duration;
use std::rc::Rc;
use switchyard_batch::{Root, Stream, Vm};
use switchyard_core::Timestamp;
use switchyard_host::Queues as _;
use switchyard_host::fake::{Called, FakeHost, Reply, SharedStore};

const REGISTER: &str = "proxy_register_shared_queue";

/// One root.
struct Life {
    number: u32,
    root: Root,
    period: Duration,
    /// When its period was asked for, or came to its end.
    ticked: u64,
    queue: Option<u32>,
}

/// One worker.
pub(super) struct Side {
    pub(super) host: FakeHost,
    vm: Rc<Vm>,
    lives: Vec<Life>,
    /// Calls that were not answered yet.
    pub(super) called: Vec<Called>,
    context: u32,
    timer: u64,
}

impl Side {
    pub(super) fn new(store: &SharedStore, section: &str) -> Self {
        let (host, vm) = (FakeHost::with_shared(store), Rc::default());
        let mut side = Self { host, vm, lives: Vec::new(), called: Vec::new(), context: 1_000, timer: 0 };
        side.reload(section);
        side
    }

    /// A new root serves from now on.
    pub(super) fn reload(&mut self, section: &str) {
        let number = self.lives.last().map_or(1, |life| life.number + 1);
        let mut root = Root::in_vm(number, Rc::clone(&self.vm));
        self.host.set_configuration(document_with("", section).as_bytes());
        self.host.in_context(number);
        // The host may refuse to say what the configuration is; then there is none.
        assert!(root.configure(&self.host));
        self.lives.push(Life { number, root, period: Duration::ZERO, ticked: 0, queue: None });
    }

    /// A stream of the root that serves, its context, and its root's number.
    pub(super) fn stream(&mut self) -> (Stream, u32, u32) {
        self.context += 1;
        let life = self.lives.last().expect("a root");
        (life.root.stream(self.context), self.context, life.number)
    }

    /// Roots that serve no more end with their last stream.
    pub(super) fn drop_old(&mut self, in_use: &[u32]) {
        let current = self.lives.last().map(|life| life.number);
        let Self { lives, host, called, .. } = self;
        lives.retain_mut(|life| {
            let stays = Some(life.number) == current || in_use.contains(&life.number);
            if !stays {
                host.in_context(life.number);
                life.root.on_done(host);
                called.retain(|call| call.context != life.number);
            }
            stays
        });
    }

    /// A callback of a root, or of one of its streams, in this context.
    fn during<R>(
        &mut self,
        root: u32,
        context: u32,
        act: impl FnOnce(&mut Root, &FakeHost) -> R,
    ) -> (R, Vec<Reply>) {
        let Self { host, lives, timer, .. } = self;
        let life = lives.iter_mut().find(|life| life.number == root).expect("the root of a stream lives");
        let (registered, asked) = (host.calls(REGISTER), host.calls(SET_TICK));
        host.has_tick_period(life.period);
        host.in_context(context);
        let result = act(&mut life.root, host);
        life.period = host.tick_period();
        if host.calls(SET_TICK) > asked {
            life.ticked = *timer;
        }
        if host.calls(REGISTER) > registered {
            // It is the last one that could be had, if this one could not.
            life.queue = host.queue();
        }
        (result, host.take_replies())
    }

    /// A callback of a stream of this root.
    pub(super) fn of_stream<R>(
        &mut self,
        root: u32,
        context: u32,
        act: impl FnOnce(&FakeHost) -> R,
    ) -> (R, Vec<Reply>) {
        let done = self.during(root, context, |_, host| act(host));
        assert_eq!(self.host.take_called(), [], "no calls from a stream's callback");
        done
    }

    /// A callback of a root, and the calls that it made.
    fn of_root(&mut self, number: u32, act: impl FnOnce(&mut Root, &FakeHost)) -> (Vec<Reply>, Vec<Called>) {
        let ((), replies) = self.during(number, number, act);
        assert_eq!(self.host.context(), number, "the root speaks in its own name again");
        let called = self.host.take_called();
        assert!(called.iter().all(|call| call.context == number), "calls are the root's");
        self.called.extend(called.iter().cloned());
        (replies, called)
    }

    /// The callback of one message, if there is one, at the root whose queue it is in.
    pub(super) fn deliver(&mut self) -> Option<(Vec<Reply>, Vec<Called>)> {
        let has_messages = |queue: &u32| self.host.queued(*queue) > 0;
        let mut hear = self.lives.iter().rev().filter_map(|life| Some((life.number, life.queue?)));
        let (number, queue) = hear.find(|(_, queue)| has_messages(queue))?;
        Some(self.of_root(number, |root, host| root.on_queue_ready(host, queue)))
    }

    /// A call is answered.
    pub(super) fn answer(
        &mut self,
        call: &Called,
        head: &[(&str, &str)],
        body: &[u8],
    ) -> (Vec<Reply>, Vec<Called>) {
        self.called.retain(|other| other.number != call.number);
        self.host.answer_call(head, body, &[]);
        self.of_root(call.context, |root, host| {
            root.on_call_response(host, call.number, head.len(), body.len());
        })
    }

    /// Ticks of the roots that are due, at `timer` milliseconds of a clock that does not step back.
    pub(super) fn tick(&mut self, timer: u64) -> Vec<(Vec<Reply>, Vec<Called>)> {
        self.timer = timer;
        let period = |life: &Life| u64::try_from(life.period.as_millis()).expect("a period");
        let due = |life: &&Life| period(life) > 0 && timer >= life.ticked + period(life);
        let due: Vec<_> = self.lives.iter().filter(due).map(|life| life.number).collect();
        let tick = |number| {
            let done = self.of_root(number, |root, host| root.tick(host));
            self.lives.iter_mut().filter(|life| life.number == number).for_each(|life| life.ticked = timer);
            done
        };
        due.into_iter().map(tick).collect()
    }

    /// Whether no root ticks.
    pub(super) fn rests(&self) -> bool {
        self.lives.iter().all(|life| life.period.is_zero())
    }

    pub(super) fn set_time(&self, wall: u64) {
        self.host.set_now(Timestamp::from_millis(wall));
    }

    /// Somebody writes this into its queue.
    pub(super) fn enqueue(&self, message: &[u8]) {
        if let Some(queue) = self.host.queue() {
            // A host that fails writes nothing.
            let _ = self.host.enqueue(queue, message);
        }
    }
}
