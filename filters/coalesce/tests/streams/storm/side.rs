//! One worker as Envoy runs it: a VM, its roots of which the last one serves, their timers, and who hears the queue.

use crate::worker::document;
use core::time::Duration;
use std::rc::Rc;
use switchyard_coalesce::{Root, Stream, Vm};
use switchyard_core::Timestamp;
use switchyard_host::Queues as _;
use switchyard_host::fake::{FakeHost, Reply, SharedStore};

const REGISTER: &str = "proxy_register_shared_queue";

/// One root.
struct Life {
    number: u32,
    root: Root,
    period: Duration,
    ticked: u64,
}

/// One worker.
pub(super) struct Side {
    pub(super) host: FakeHost,
    vm: Rc<Vm>,
    lives: Vec<Life>,
    /// The root that registered the queue last.
    hears: Option<u32>,
    context: u32,
}

impl Side {
    pub(super) fn new(store: &SharedStore, section: &str) -> Self {
        let host = FakeHost::with_shared(store);
        let vm = Rc::default();
        let mut side = Self { host, vm, lives: Vec::new(), hears: None, context: 1_000 };
        side.reload(section);
        side
    }

    /// A new root serves from now on.
    pub(super) fn reload(&mut self, section: &str) {
        let number = self.lives.last().map_or(1, |life| life.number + 1);
        let mut root = Root::in_vm(number, Rc::clone(&self.vm));
        self.host.set_configuration(document(section).as_bytes());
        self.host.in_context(number);
        // The host may refuse to say what the configuration is; Envoy keeps the old root then.
        if root.configure(&self.host) {
            self.lives.push(Life { number, root, period: Duration::ZERO, ticked: 0 });
        }
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
        self.lives.retain(|life| Some(life.number) == current || in_use.contains(&life.number));
    }

    fn life(&mut self, number: u32) -> &mut Life {
        self.lives.iter_mut().find(|life| life.number == number).expect("the root of a stream lives")
    }

    /// A callback of a stream of this root.
    pub(super) fn of_stream<R>(
        &mut self,
        root: u32,
        context: u32,
        act: impl FnOnce(&FakeHost) -> R,
    ) -> (R, Vec<Reply>) {
        let registered = self.host.calls(REGISTER);
        let period = self.life(root).period;
        self.host.has_tick_period(period);
        self.host.in_context(context);
        let result = act(&self.host);
        self.life(root).period = self.host.tick_period();
        if self.host.calls(REGISTER) > registered && self.host.queue().is_some() {
            self.hears = Some(root);
        }
        (result, self.host.take_replies())
    }

    fn of_root(&mut self, number: u32, act: impl FnOnce(&mut Root, &FakeHost)) -> Vec<Reply> {
        let Self { host, lives, .. } = self;
        let life = lives.iter_mut().find(|life| life.number == number).expect("it lives");
        host.has_tick_period(life.period);
        host.in_context(number);
        act(&mut life.root, host);
        life.period = host.tick_period();
        assert_eq!(host.context(), number, "the root speaks in its own name again");
        host.take_replies()
    }

    /// The callback of one message, if the root lives that hears the queue.
    pub(super) fn deliver(&mut self) -> Option<Vec<Reply>> {
        let queue = self.host.queue().filter(|queue| self.host.queued(*queue) > 0)?;
        let hears = self.hears.filter(|hears| self.lives.iter().any(|life| life.number == *hears))?;
        Some(self.of_root(hears, |root, host| root.on_queue_ready(host, queue)))
    }

    /// Ticks of the roots that are due, at `timer` milliseconds of a clock that does not step back.
    pub(super) fn tick(&mut self, timer: u64) -> Vec<Reply> {
        let period = |life: &Life| u64::try_from(life.period.as_millis()).expect("a period");
        let due = |life: &&Life| period(life) > 0 && timer >= life.ticked + period(life);
        let due: Vec<_> = self.lives.iter().filter(due).map(|life| life.number).collect();
        let mut replies = Vec::new();
        for number in due {
            self.life(number).ticked = timer;
            replies.extend(self.of_root(number, |root, host| root.tick(host)));
        }
        replies
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
