//! The root context: takes a configuration or refuses it, acts for the streams that wait, and does the periodic work.
//!
//! Invariants: a configuration that is refused changes nothing; Envoy keeps the listener that serves. The tick runs
//! while anything waits or is to be told, and stops after.

use crate::body::Bodies;
use crate::plan::Plan;
use crate::reach::{self, FILTER};
use crate::report::tell_held;
use crate::stream::Stream;
use crate::vm::{ActingHost, Vm};
use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;
use switchyard_config::{ConfigErrors, Document};
use switchyard_core::coalesce::{QUICK_TICK, SLOW_TICK};
use switchyard_host::metrics::series_name;
use switchyard_host::{PluginConfiguration, Ticks};

/// What a root asks of its host when it is configured.
pub trait RootHost: PluginConfiguration + ActingHost {}

impl<T: PluginConfiguration + ActingHost> RootHost for T {}

/// Messages that one callback takes; each message has a callback of its own.
const MESSAGES_AT_A_TIME: usize = 64;

/// One configuration in one worker, as its streams see it.
pub(crate) struct Worker {
    pub(crate) plan: Plan,
    pub(crate) vm: Rc<Vm>,
    pub(crate) bodies: Bodies,
    /// The root's context.
    context: u32,
    period: Cell<Duration>,
    /// This root has taken this worker's queue, if only for a time.
    registered: Cell<bool>,
}

impl Worker {
    fn new(context: u32, plan: Plan, vm: Rc<Vm>) -> Self {
        let bodies = vm.bodies.of_another_configuration();
        Self { plan, vm, bodies, context, period: Cell::default(), registered: Cell::default() }
    }

    /// Before the first request: workers have numbers and queues, the main thread has none. And when the root is gone
    /// that took the queue last, which may be an older one whose first request came late.
    pub(crate) fn begin(&self, host: &impl ActingHost) {
        let first = !self.registered.replace(true);
        if self.vm.is_deaf() || first {
            self.vm.register(self.context, self.plan.has_proxy_scope(), host);
        }
    }

    /// After every event: wakes the root if there is work for it, and keeps the tick as quick as it must be.
    pub(crate) fn settle(&self, host: &impl ActingHost) {
        self.vm.wake(host);
        let (wanted, period) = (self.tick_period(), self.period.get());
        // A tick that is quicker than it must be finds that out by itself.
        if period.is_zero() || !wanted.is_zero() && wanted < period {
            self.tick_every(if wanted.is_zero() { SLOW_TICK } else { wanted }, host);
        }
    }

    /// How often the tick is wanted; zero: not at all.
    fn tick_period(&self) -> Duration {
        let bodies = self.vm.bodies.next_look();
        let flights = self.vm.flights.try_borrow().map(|flights| flights.tick_period()).unwrap_or(QUICK_TICK);
        let flights = Some(flights).filter(|period| !period.is_zero());
        bodies.into_iter().chain(flights).min().unwrap_or_default()
    }

    fn tick_every(&self, period: Duration, host: &impl Ticks) {
        // Without ticks nobody would wake what waits; the host refuses none.
        if self.period.get() != period && host.set_tick_period(period).is_ok() {
            self.period.set(period);
        }
    }

    /// Tells what is held under this configuration.
    fn tell_held(&self, host: &impl ActingHost) {
        let surroundings = &self.vm.surroundings;
        let now = self.vm.flights.try_borrow().map(|flights| flights.time()).unwrap_or_default();
        for coalesced in self.plan.coalesced() {
            let policy = &coalesced.policy;
            let passes = u64::try_from(policy.passes(now)).unwrap_or(u64::MAX);
            tell_held(&surroundings.registry, coalesced, (policy.held(), passes));
        }
        surroundings.registry.tell_gauges(FILTER, host);
    }

    fn act(&self, host: &impl ActingHost) {
        let more = self.vm.with(host, |flights, around| {
            flights.act(around);
            flights.has_work()
        });
        self.vm.turns.set(if more == Some(true) { self.vm.turns.get() + 1 } else { 0 });
        // What follows is said in the root's own name again.
        let _ = host.enter(self.context);
        self.vm.wake(host);
    }
}

/// One configuration of the plugin in one worker.
pub struct Root {
    worker: Rc<Worker>,
}

/// Envoy wakes nobody for a queue whose root is gone, and nothing is held under its configuration any more.
impl Drop for Root {
    fn drop(&mut self) {
        let registry = &self.worker.vm.surroundings.registry;
        self.worker.plan.coalesced().for_each(|coalesced| tell_held(registry, coalesced, (0, 0)));
        self.worker.vm.root_ended(self.worker.context);
    }
}

impl Root {
    /// A root that has no configuration yet and leaves every request as it is.
    pub fn new(context: u32) -> Self {
        Self::in_vm(context, Vm::here())
    }

    /// The same in another VM than this thread's: tests have several workers in one thread.
    pub fn in_vm(context: u32, vm: Rc<Vm>) -> Self {
        Self { worker: Rc::new(Worker::new(context, Plan::default(), vm)) }
    }

    /// Takes the plugin's configuration; `false` refuses it, with every error in the log.
    pub fn configure(&mut self, host: &impl RootHost) -> bool {
        let bytes = host.plugin_configuration().unwrap_or_default();
        let accepted = match Document::from_plugin_configuration(&bytes) {
            Ok(document) => self.accept(document, host),
            Err(errors) => refuse(&errors),
        };
        let result = if accepted { "accepted" } else { "rejected" };
        let labels = [("filter", "coalesce"), ("result", result)];
        let registry = &self.worker.vm.surroundings.registry;
        registry.counter(host, &series_name("configurations", &labels)).increment();
        registry.flush(host);
        accepted
    }

    fn accept(&mut self, document: Document, host: &impl RootHost) -> bool {
        let plan = Plan::new(document, &self.worker.vm.surroundings.memory);
        log::info!(
            "switchyard.coalesce: configuration accepted: {} routes coalesce",
            plan.policies().count()
        );
        if !plan.is_empty()
            && let Err(error) = reach::prepare(plan.has_proxy_scope(), host)
        {
            log::warn!("switchyard.coalesce: no shared data, flights stay within their workers: {error}");
        }
        self.worker = Rc::new(Worker::new(self.worker.context, plan, Rc::clone(&self.worker.vm)));
        let version = [("filter", "coalesce"), ("version", env!("CARGO_PKG_VERSION"))];
        self.worker.vm.surroundings.registry.set_gauge(host, &series_name("build_info", &version), 1);
        true
    }

    /// The periodic work.
    pub fn tick(&mut self, host: &impl ActingHost) {
        let (worker, vm) = (&self.worker, &self.worker.vm);
        if vm.is_deaf() {
            worker.begin(host);
        }
        let stirred = vm.stirred.replace(false);
        vm.with(host, |flights, around| flights.tick(around));
        vm.end_body_waits(host);
        vm.turns.set(0);
        worker.act(host);
        worker.tell_held(host);
        vm.surroundings.registry.flush(host);
        let wanted = worker.tick_period();
        // Nothing has happened since the last tick: the tick itself does not count.
        vm.stirred.set(false);
        let look = vm.surroundings.registry.next_look_at_gauges();
        let rest = if stirred { SLOW_TICK } else { look.unwrap_or_default() };
        worker.tick_every(if wanted.is_zero() { rest } else { wanted }, host);
    }

    /// Messages have come: from other workers, or from this one to wake its root.
    pub fn on_queue_ready(&mut self, host: &impl ActingHost, queue: u32) {
        let vm = &self.worker.vm;
        if !vm.is_queue(queue) {
            return;
        }
        vm.awake();
        for _ in 0..MESSAGES_AT_A_TIME {
            let Ok(Some(message)) = host.dequeue(queue) else { break };
            if !message.is_empty() {
                vm.with(host, |flights, around| flights.message(around, &message));
            }
        }
        self.worker.act(host);
        self.worker.settle(host);
    }

    /// The stream of this context, under this configuration.
    pub fn stream(&self, context: u32) -> Stream {
        Stream::new(context, Rc::clone(&self.worker))
    }
}

fn refuse(errors: &ConfigErrors) -> bool {
    for error in errors.iter() {
        log::error!("switchyard.coalesce: configuration refused: {error}");
    }
    false
}
