//! retry.wasm as the frame calls it: acts for the streams that wait, and does the periodic work.
//!
//! Invariant: requests end under the configuration that they began with: each has its own plan, and acts for its own streams.

use crate::plan::Plan;
use crate::report;
use crate::stream::Stream;
use crate::worker::Worker;
use crate::world::Tables;
use core::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::Timestamp;
use switchyard_core::budget::Concurrency;
use switchyard_core::lasting::Lasting;
use switchyard_core::memory::Account;
use switchyard_core::retry::exchanges::{MOST_KEPT, NEWS_TICK};
use switchyard_frame::shared::tables::announced;
use switchyard_frame::{Filter, Interval, Setup};
use switchyard_host::{Host, HostError, SharedData};

/// What outlives a configuration.
#[derive(Default)]
pub struct Vm {
    /// Of what is kept, bodies of requests.
    bodies: OnceCell<Account>,
    /// Retries under way, by what their budget is of.
    under_way: RefCell<Lasting<Cell<u32>>>,
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
        let under_way = |name: &str| {
            let count = setup.own.under_way.try_borrow_mut().ok().map(|mut all| all.of(name));
            Concurrency::from(count.unwrap_or_default())
        };
        let plan = Plan::new(document, &memory, under_way, host, setup.now);
        plan.take_lists(host);
        let registry = Rc::clone(&setup.registry);
        let worker =
            Worker::new(Rc::clone(&setup.effective_context), plan, registry, (memory, bodies), setup.seed);
        Ok(Self { worker: Rc::new(worker), setup, told: Interval::default(), heard: Cell::default() })
    }

    fn summary(&self) -> String {
        format!("{} routes have a retry policy", self.worker.plan.len())
    }

    fn is_used(&self) -> bool {
        self.worker.plan.len() > 0
    }

    fn stream(self: &Rc<Self>, context: u32) -> Stream {
        Stream::new(context, Rc::clone(&self.worker))
    }

    /// What waits on every tick; budgets and counters on some.
    fn tick<H: Host>(&self, host: &H) {
        let Ok(now) = host.now() else { return };
        self.worker.ticked(now);
        self.look_at_health(host);
        self.worker.with(host, (Some(now), 0), |retries, world| retries.tick(world));
        self.worker.end_waits_for_bodies(host);
        let told = self.told.passes(NEWS_TICK, now) && self.tell(now, host);
        self.worker.rest(told, now, host);
    }

    fn called<H: Host>(&self, host: &H, call: u32, headers: usize, body_size: usize) {
        let now = host.now().unwrap_or_default();
        self.worker.with(host, (Some(now), headers), |retries, world| {
            retries.answered(world, call, body_size);
        });
    }
}

impl Retry {
    /// Takes in what outlier says about the endpoints, if anybody might ask.
    fn look_at_health(&self, host: &impl SharedData) {
        let plan = &self.worker.plan;
        let follows = || plan.upstreams().iter().any(|upstream| upstream.rotation.follows());
        // Whose endpoint the router has named is known by the lists, whoever tries again.
        if !(plan.has_lists() || plan.has_filter_engine() && follows()) {
            return;
        }
        let news = announced(host);
        if news != self.heard.replace(news) {
            plan.take_lists(host);
            plan.upstreams().iter().for_each(|upstream| upstream.rotation.look_at_health(host));
        }
    }

    /// Tells the other workers what was spent, and the operator what was counted; whether there was anything.
    fn tell(&self, now: Timestamp, host: &impl Host) -> bool {
        let mut told = false;
        let registry = &self.setup.registry;
        let mut tables = Tables { plan: &self.worker.plan, now: Some(now), host };
        for route in self.worker.plan.routes().filter(|route| route.policy.budget().has_news()) {
            told = true;
            let left = route.policy.budget().exchange_news(&mut tables, now);
            report::balance(registry, host, report::of_route(route), left);
        }
        for upstream in self.worker.plan.upstreams() {
            if let Some(budget) = upstream.known.budget().filter(|budget| budget.has_news()) {
                told = true;
                let left = budget.exchange_news(&mut tables, now);
                report::balance(registry, host, report::of_upstream(upstream), left);
            }
        }
        registry.flush(host);
        told
    }
}
