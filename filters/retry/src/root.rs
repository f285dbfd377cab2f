//! The root context: takes a configuration or refuses it, acts for the streams that wait, and does the periodic work.
//!
//! Invariant: a configuration that is refused changes nothing; Envoy keeps the listener that serves. Requests end under
//! the configuration that they began with: each root has its own plan, and acts for its own streams.

use crate::actor::{Actor, ActorHost};
use crate::plan::Plan;
use crate::report;
use crate::stream::Stream;
use crate::worker::{MOST_KEPT, NEWS_TICK, Worker};
use core::cell::{Cell, OnceCell};
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::Timestamp;
use switchyard_core::memory::Account;
use switchyard_frame::{Filter, Interval, Setup};
use switchyard_host::shared_ledger::announced;
use switchyard_host::{Host, HostError, MetricSink, SharedData};

/// What outlives a configuration.
#[derive(Default)]
pub struct Vm {
    /// Of what is kept, bodies of requests.
    bodies: OnceCell<Account>,
}

/// retry.wasm under one configuration.
pub struct Retry {
    worker: Rc<Worker>,
    setup: Setup<Vm>,
    told: Interval,
    heard: Cell<Option<u32>>,
}

impl Filter for Retry {
    const NAME: &'static str = "retry";
    type Vm = Vm;
    type Stream = Stream;

    fn new<H: Host>(document: &Document, setup: Setup<Vm>, host: &H) -> Result<Self, HostError> {
        let memory = setup.memory.clone();
        let bodies = setup.own.bodies.get_or_init(|| memory.kept.part(MOST_KEPT)).clone();
        let plan = Plan::new(document, &memory, host, setup.now);
        let worker = Worker::new(plan, Rc::clone(&setup.registry), (memory, bodies), setup.seed);
        Ok(Self { worker: Rc::new(worker), setup, told: Interval::default(), heard: Cell::default() })
    }

    fn summary(&self) -> String {
        format!("{} routes have a retry policy", self.worker.plan.len())
    }

    fn stream(self: &Rc<Self>, context: u32) -> Stream {
        Stream::new(context, Rc::clone(&self.worker))
    }

    /// What waits on every tick; budgets and counters on some.
    fn tick<H: Host>(&self, host: &H) {
        let Ok(now) = host.now() else { return };
        self.worker.ticked(now);
        self.look_at_health(host);
        self.actor(now, host).tick();
        let told = self.told.passes(NEWS_TICK, now) && self.tell(now, host);
        self.worker.rest(told, now, host);
    }

    fn called<H: Host>(&self, host: &H, call: u32, headers: usize, body_size: usize) {
        let now = host.now().unwrap_or_default();
        self.actor(now, host).answered(call, headers, body_size);
    }

    /// Nobody answers the calls of a root that is no more, and what they are for would keep its worker for ever.
    fn ended<H: Host>(&self, _host: &H) {
        self.worker.forget_all();
    }
}

impl Retry {
    fn actor<'a, H: ActorHost>(&'a self, now: Timestamp, host: &'a H) -> Actor<'a, H> {
        Actor { worker: &self.worker, root: self.setup.context, now, host }
    }

    /// Takes in what outlier says about the endpoints, if anybody might ask.
    fn look_at_health(&self, host: &impl SharedData) {
        let plan = &self.worker.plan;
        let follows = plan.upstreams().iter().any(|upstream| upstream.rotation.follows());
        if !follows || !plan.has_filter_engine() {
            return;
        }
        let news = announced(host);
        if news != self.heard.replace(news) {
            plan.upstreams().iter().for_each(|upstream| upstream.rotation.look_at_health(host));
        }
    }

    /// Tells the other workers what was spent, and the operator what was counted; whether there was anything.
    fn tell(&self, now: Timestamp, host: &(impl SharedData + MetricSink)) -> bool {
        let mut told = false;
        let registry = &self.setup.registry;
        for route in self.worker.plan.routes().filter(|route| route.budget.has_news()) {
            told = true;
            let left = route.budget.exchange_news(host, now);
            report::balance(registry, host, &report::of_route(route), left);
        }
        for upstream in self.worker.plan.upstreams() {
            if let Some(budget) = upstream.budget.as_ref().filter(|budget| budget.has_news()) {
                told = true;
                let left = budget.exchange_news(host, now);
                report::balance(registry, host, &report::of_upstream(upstream), left);
            }
        }
        registry.flush(host);
        told
    }
}
