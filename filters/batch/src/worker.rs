//! One configuration in one worker, as its root and its streams see it: what it gathers, and how its root is woken.
//!
//! Invariant: while anything waits, a callback of the root is to come: by a message to its own queue if there is work at once, by
//! the tick when something's time has come.

use crate::around::Around;
use crate::bodies::Bodies;
use crate::plan::Plan;
use crate::reach::FILTER;
use crate::report::Reports;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::batch::gather::{Event, Gatherer, Policy, StreamId};
use switchyard_core::memory::Memory;
use switchyard_host::metrics::Registry;
use switchyard_host::shared_ledger::announced;
use switchyard_host::{
    Bodies as BodyPort, CallAnswers, Clock, Contexts, HeaderMap, HttpCalls, MetricSink, Properties, Queues,
    Replies, RequestHeaders, ResponseHeaders, SharedData, Ticks, reach,
};

/// What batching asks of a host.
pub trait ActingHost:
    Clock
    + MetricSink
    + SharedData
    + Queues
    + Properties
    + Replies
    + Contexts
    + Ticks
    + HttpCalls
    + CallAnswers
    + RequestHeaders
    + ResponseHeaders
    + BodyPort
{
}

impl<
    T: Clock
        + MetricSink
        + SharedData
        + Queues
        + Properties
        + Replies
        + Contexts
        + Ticks
        + HttpCalls
        + CallAnswers
        + RequestHeaders
        + ResponseHeaders
        + BodyPort,
> ActingHost for T
{
}

/// The tick by which counts are told.
const NEWS_TICK: Duration = Duration::from_millis(50);
/// The shortest tick: what the host's timer can tell apart.
const SHORTEST_TICK: Duration = Duration::from_millis(1);
/// Callbacks in a row that wake the next. Envoy takes messages to a worker's own queue before it looks at its connections.
const TURNS: u32 = 8;
/// Any time that is wanted is sooner.
const UNKNOWN: Timestamp = Timestamp::from_nanos(u64::MAX);

/// So many answers to requests that had the upstream to themselves are learned from at first, and later one of so many.
const LEARNED: u32 = 64;
const ONE_OF: u32 = 8;

/// What outlives a configuration.
#[derive(Default)]
pub struct Vm {
    pub(crate) registry: Registry,
    pub(crate) reports: RefCell<Reports>,
    pub(crate) memory: Memory,
}

impl Vm {
    /// The VM that this runs in: one per thread.
    pub fn here() -> Rc<Self> {
        VM.with(Rc::clone)
    }

    pub(crate) fn count(&self, policy: &Policy, event: Event, host: &impl MetricSink) {
        if let Ok(mut reports) = self.reports.try_borrow_mut() {
            reports.count(&self.registry, policy, event, host);
        }
    }
}

thread_local! {
    static VM: Rc<Vm> = Rc::default();
}

/// One configuration in one worker.
pub(crate) struct Worker {
    pub(crate) plan: Plan,
    pub(crate) vm: Rc<Vm>,
    /// The root's context.
    pub(crate) context: u32,
    gatherer: RefCell<Gatherer<HeaderMap>>,
    pub(crate) bodies: Bodies,
    queue: Cell<Option<u32>>,
    pub(crate) begun: Cell<bool>,
    /// A message that wakes the root is under way.
    woken: Cell<bool>,
    /// Callbacks in a row that left work for another one.
    turns: Cell<u32>,
    /// When the tick comes, if one does; [`UNKNOWN`] if it was asked for without a look at the clock.
    tick_at: Cell<Option<Timestamp>>,
    /// Something has happened since the last tick.
    stirred: Cell<bool>,
    time: Cell<Timestamp>,
    /// That is the time of this callback.
    is_now: Cell<bool>,
    /// Of outlier's announcements, the last that was heard.
    heard: Cell<Option<u32>>,
    /// Calls are made in a stream's name, and not in the root's.
    is_away: Cell<bool>,
    /// Answers to requests that went alone.
    answers: Cell<u32>,
}

impl Worker {
    pub(crate) fn new(context: u32, plan: Plan, vm: Rc<Vm>) -> Self {
        Self {
            plan,
            vm,
            context,
            gatherer: RefCell::default(),
            bodies: Bodies::default(),
            queue: Cell::default(),
            begun: Cell::default(),
            woken: Cell::default(),
            turns: Cell::default(),
            tick_at: Cell::default(),
            stirred: Cell::default(),
            time: Cell::default(),
            is_now: Cell::default(),
            heard: Cell::default(),
            is_away: Cell::default(),
            answers: Cell::default(),
        }
    }

    /// The time; what it was last, if the host does not say.
    pub(crate) fn now(&self, host: &impl Clock) -> Timestamp {
        if let Ok(now) = host.now() {
            self.time.set(now);
        }
        self.is_now.set(true);
        self.time.get()
    }

    /// Something has happened that a tick is to look at, or to tell.
    pub(crate) fn stir(&self) {
        self.stirred.set(true);
    }

    /// Lets `act` change what is gathered; nothing if that is going on already.
    pub(crate) fn with<H: ActingHost, R>(
        &self,
        host: &H,
        act: impl FnOnce(&mut Gatherer<HeaderMap>, &mut Around<'_, H>) -> R,
    ) -> Option<R> {
        self.stir();
        let mut gatherer = self.gatherer.try_borrow_mut().ok()?;
        Some(act(&mut gatherer, &mut Around { worker: self, host }))
    }

    /// From a callback of the root: calls are made in this stream's name from now on. Whether it is there.
    pub(crate) fn enter(&self, stream: StreamId, host: &impl ActingHost) -> bool {
        self.is_away.set(true);
        host.enter(stream).is_ok()
    }

    /// Calls are made in the root's own name again. Whether they are.
    pub(crate) fn come_back(&self, host: &impl ActingHost) -> bool {
        !self.is_away.replace(false) || host.enter(self.context).is_ok()
    }

    /// Whether it is to be learned how long the answer took that comes now to a request that went alone; to see that costs as
    /// much as all else that is done for it. Of those that share the upstream with others each is: others' times depend on it.
    pub(crate) fn learns(&self, is_only_one: bool) -> bool {
        let answers = self.answers.get().wrapping_add(1);
        self.answers.set(answers);
        !is_only_one || answers <= LEARNED || answers.is_multiple_of(ONE_OF)
    }

    /// Before the first request: workers have numbers and queues, the main thread has none.
    pub(crate) fn begin(&self, host: &impl ActingHost) {
        if self.begun.replace(true) {
            return;
        }
        let number = reach::take_number(FILTER, host);
        let queue = number.and_then(|number| Some((number, reach::register(FILTER, number, host).ok()?)));
        let Some((number, queue)) = queue else {
            self.vm.registry.counter(host, "switchyard.batch_without_queue").increment();
            return;
        };
        self.queue.set(Some(queue));
        if self.plan.has_proxy_scope() {
            self.with(host, |gatherer, _| gatherer.reachable_at(reach::address(number, queue, host)));
        }
    }

    /// Whether this is its queue.
    pub(crate) fn is_queue(&self, queue: u32) -> bool {
        self.queue.get() == Some(queue)
    }

    /// The message that was to wake the root has come.
    pub(crate) fn awake(&self) {
        self.woken.set(false);
    }

    /// A callback of the root is over: there is work for another one, or none.
    pub(crate) fn acted(&self) {
        let more = self.gatherer.try_borrow().is_ok_and(|gatherer| gatherer.has_work());
        self.turns.set(if more { self.turns.get().saturating_add(1) } else { 0 });
    }

    /// Whether anything has happened since the last tick. A tick does what a message was to wake the root for, which may be lost.
    pub(crate) fn ticked(&self) -> bool {
        self.tick_at.set(None);
        self.turns.set(0);
        self.awake();
        self.stirred.replace(false)
    }

    /// Takes in what outlier says about endpoints, if it has said something.
    pub(crate) fn look_at_health(&self, host: &impl SharedData) {
        if !self.plan.has_followers() {
            return;
        }
        let news = announced(host);
        if news != self.heard.replace(news) {
            self.plan.followers().for_each(|upstream| upstream.rotation.look_at_health(host));
        }
    }

    /// The stream has ended.
    pub(crate) fn gone(&self, stream: StreamId, host: &impl ActingHost) {
        self.with(host, |gatherer, around| gatherer.gone(around, stream));
    }

    /// After every event: sees to it that a callback of the root comes when there is work for one.
    pub(crate) fn settle(&self, host: &impl ActingHost) {
        let Ok(gatherer) = self.gatherer.try_borrow() else { return };
        if gatherer.has_work()
            && !self.woken.get()
            && self.turns.get() < TURNS
            && let Some(queue) = self.queue.get()
        {
            self.woken.set(host.enqueue(queue, &[]).is_ok());
        }
        // Without a queue the tick alone does the work, and others have their turn before it goes on with much.
        let work = (gatherer.has_work() && !self.woken.get()).then_some(SHORTEST_TICK);
        let news = self.stirred.get().then_some(NEWS_TICK);
        if !self.is_now.replace(false) && work.is_none() {
            // Without a look at the clock nothing got a time at which it is due.
            if let Some(news) = news.filter(|_| self.tick_at.get().is_none()) {
                self.tick_in(news, UNKNOWN, host);
            }
            return;
        }
        let now = self.time.get();
        let wanted =
            [gatherer.next_tick(now), self.bodies.next_look(), work, news].into_iter().flatten().min();
        let Some(wanted) = wanted else { return };
        let at = now.plus(wanted.max(SHORTEST_TICK));
        // A tick that comes too early finds that out by itself.
        if self.tick_at.get().is_none_or(|set| at.plus(SHORTEST_TICK) < set) {
            self.tick_in(wanted, at, host);
        }
    }

    fn tick_in(&self, wanted: Duration, at: Timestamp, host: &impl Ticks) {
        // Rounded up: a tick before its time would have to be followed by another.
        let millis = wanted.max(SHORTEST_TICK).as_nanos().div_ceil(1_000_000);
        let period = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        // Without ticks nobody would wake what waits; the host refuses none.
        if host.set_tick_period(period).is_ok() {
            self.tick_at.set(Some(at));
        }
    }

    /// After a tick: the next one, or none. While there is but to be said that this worker lives, any other tick takes its place.
    pub(crate) fn rest(&self, stirred: bool, host: &impl ActingHost) {
        self.stirred.set(stirred);
        self.settle(host);
        if self.tick_at.get().is_none() {
            // The host repeats the last one until it is told not to.
            let look = self.vm.registry.next_look_at_gauges();
            let _ = host.set_tick_period(look.unwrap_or_default());
        }
        self.stirred.set(false);
    }
}
