//! The root context: takes a configuration or refuses it, acts for the streams that wait, and does the periodic work.
//!
//! Invariant: a configuration that is refused changes nothing; Envoy keeps the listener that serves. Requests end under
//! the configuration that they began with: each root has its own plan, and acts for its own streams.

use crate::plan::Plan;
use crate::report;
use crate::stream::Stream;
use crate::worker::Worker;
use crate::world::{ActingHost, Tables};
use std::rc::Rc;
use switchyard_config::{ConfigErrors, Document};
use switchyard_core::Timestamp;
use switchyard_core::memory::{Account, Memory};
use switchyard_core::retry::exchanges::{MOST_KEPT, NEWS_TICK};
use switchyard_host::metrics::{Registry, series_name};
use switchyard_host::shared_ledger::announced;
use switchyard_host::{Clock, MetricSink, PluginConfiguration, SharedData};

/// What a root asks of its host when it is configured.
pub trait RootHost: PluginConfiguration + Clock + MetricSink + SharedData {}

impl<T: PluginConfiguration + Clock + MetricSink + SharedData> RootHost for T {}

/// What outlives a configuration.
#[derive(Clone)]
struct Vm {
    registry: Rc<Registry>,
    memory: Memory,
    /// Of that, bodies of requests.
    bodies: Account,
}

impl Default for Vm {
    fn default() -> Self {
        let memory = Memory::default();
        Self { registry: Rc::default(), bodies: memory.kept.part(MOST_KEPT), memory }
    }
}

impl Vm {
    fn accounts(&self) -> (Memory, Account) {
        (self.memory.clone(), self.bodies.clone())
    }
}

thread_local! {
    static VM: Vm = Vm::default();
}

/// One configuration of the plugin in one worker.
pub struct Root {
    context: u32,
    vm: Vm,
    worker: Rc<Worker>,
    told: Timestamp,
    heard: Option<u32>,
}

impl Root {
    /// A root that has no configuration yet and leaves every request as it is.
    pub fn new(context: u32) -> Self {
        let vm = VM.with(Vm::clone);
        let worker =
            Rc::new(Worker::new(context, Plan::default(), Rc::clone(&vm.registry), vm.accounts(), 0));
        Self { context, vm, worker, told: Timestamp::default(), heard: None }
    }

    /// Takes the plugin's configuration; `false` refuses it, with every error in the log.
    pub fn configure(&mut self, host: &impl RootHost) -> bool {
        let bytes = host.plugin_configuration().unwrap_or_default();
        let accepted = match Document::from_plugin_configuration(&bytes) {
            Ok(document) => self.accept(document, host),
            Err(errors) => refuse(&errors),
        };
        let result = if accepted { "accepted" } else { "rejected" };
        let labels = [("filter", "retry"), ("result", result)];
        self.vm.registry.counter(host, &series_name("configurations", &labels)).increment();
        self.vm.registry.flush(host);
        accepted
    }

    fn accept(&mut self, document: Document, host: &impl RootHost) -> bool {
        let now = host.now().unwrap_or_default();
        // Workers start within nanoseconds of each other; the context id tells roots of one VM apart.
        let seed = now.as_nanos() ^ u64::from(self.context).rotate_left(32);
        let plan = Plan::new(document, &self.vm.memory, host, now);
        log::info!("switchyard.retry: configuration accepted: {} routes have a retry policy", plan.len());
        self.worker =
            Rc::new(Worker::new(self.context, plan, Rc::clone(&self.vm.registry), self.vm.accounts(), seed));
        let version = [("filter", "retry"), ("version", env!("CARGO_PKG_VERSION"))];
        self.vm.registry.set_gauge(host, &series_name("build_info", &version), 1);
        true
    }

    /// The periodic work: what waits on every tick; budgets and counters on some.
    pub fn tick(&mut self, host: &impl ActingHost) {
        let Ok(now) = host.now() else { return };
        self.worker.ticked(now);
        self.look_at_health(host);
        self.worker.with(host, (Some(now), 0), |retries, world| retries.tick(world));
        let mut told = false;
        // Wall time may step back.
        if now.since(self.told) >= NEWS_TICK || now < self.told {
            self.told = now;
            told = self.tell(now, host);
        }
        self.worker.rest(told, now, host);
    }

    /// The answer to a call has come, or the call has failed.
    pub fn on_call_response(&mut self, host: &impl ActingHost, call: u32, headers: usize, body: usize) {
        let now = host.now().unwrap_or_default();
        self.worker.with(host, (Some(now), headers), |retries, world| retries.answered(world, call, body));
    }

    /// Takes in what outlier says about the endpoints, if anybody might ask.
    fn look_at_health(&mut self, host: &impl SharedData) {
        let plan = &self.worker.plan;
        let follows = plan.upstreams().iter().any(|upstream| upstream.rotation.follows());
        if !follows || !plan.has_filter_engine() {
            return;
        }
        let news = announced(host);
        if news != self.heard {
            self.heard = news;
            plan.upstreams().iter().for_each(|upstream| upstream.rotation.look_at_health(host));
        }
    }

    /// Tells the other workers what was spent, and the operator what was counted; whether there was anything.
    fn tell(&self, now: Timestamp, host: &impl ActingHost) -> bool {
        let mut told = false;
        let registry = &self.vm.registry;
        let mut tables = Tables { plan: &self.worker.plan, now: Some(now), host };
        for route in self.worker.plan.routes().filter(|route| route.policy.budget().has_news()) {
            told = true;
            let left = route.policy.budget().exchange_news(&mut tables, now);
            report::balance(registry, host, &report::of_route(route), left);
        }
        for upstream in self.worker.plan.upstreams() {
            if let Some(budget) = upstream.known.budget().filter(|budget| budget.has_news()) {
                told = true;
                let left = budget.exchange_news(&mut tables, now);
                report::balance(registry, host, &report::of_upstream(upstream), left);
            }
        }
        registry.flush(host);
        told
    }

    /// The stream of this context, under this configuration.
    pub fn stream(&self, context: u32) -> Stream {
        Stream::new(context, Rc::clone(&self.worker))
    }
}

fn refuse(errors: &ConfigErrors) -> bool {
    for error in errors.iter() {
        log::error!("switchyard.retry: configuration refused: {error}");
    }
    false
}
