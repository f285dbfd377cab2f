//! The root context: takes a configuration or refuses it, and does the periodic work.
//!
//! Invariant: a configuration that is refused changes nothing; Envoy keeps the listener that serves.
//! Old and new configuration are two roots in one VM and share what the VM remembers ([`Vm`]).

use crate::heartbeats::Heartbeats;
use crate::plan::Plan;
use crate::roster::Roster;
use crate::stream::Stream;
use crate::upstream::VERIFY_AGAIN;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use hashbrown::HashMap;
use std::rc::Rc;
use switchyard_config::{ConfigErrors, Document};
use switchyard_core::Timestamp;
use switchyard_host::metrics::{Registry, series_name};
use switchyard_host::shared_ledger::announced;
use switchyard_host::{Clock, HttpCalls, MetricSink, PluginConfiguration, SharedData, Ticks, prober};

/// How often counters are written and finished ramps forgotten.
pub const TICK: Duration = Duration::from_millis(250);
/// How often a worker asks whether outlier has said something: an ejection is acted on within 50 ms.
const NEWS_TICK: Duration = Duration::from_millis(20);

/// What a root asks of its host.
pub trait RootHost: PluginConfiguration + Clock + MetricSink + Ticks + SharedData {}

impl<T: PluginConfiguration + Clock + MetricSink + Ticks + SharedData> RootHost for T {}

/// What outlives a configuration.
#[derive(Clone, Default)]
struct Vm {
    registry: Rc<Registry>,
    roster: Rc<RefCell<Roster>>,
    /// This VM has seen a request: it is a worker's, not the main thread's.
    serves: Rc<Cell<bool>>,
    /// The root that was configured last with an upstream of this name sends its heartbeats.
    owners: Rc<RefCell<HashMap<String, u32>>>,
}

thread_local! {
    static VM: Vm = Vm::default();
}

/// One configuration of the plugin in one worker.
pub struct Root {
    context_id: u32,
    vm: Vm,
    plan: Rc<Plan>,
    verified: Timestamp,
    worked: Timestamp,
    heard: Option<u32>,
    heartbeats: Option<Heartbeats>,
}

impl Root {
    /// A root that has no configuration yet and leaves every request as it is.
    pub fn new(context_id: u32) -> Self {
        let vm = VM.with(Vm::clone);
        Self {
            context_id,
            vm,
            plan: Rc::new(Plan::empty()),
            verified: Timestamp::default(),
            worked: Timestamp::default(),
            heard: None,
            heartbeats: None,
        }
    }

    /// Takes the plugin's configuration; `false` refuses it, with every error in the log.
    pub fn configure(&mut self, host: &impl RootHost) -> bool {
        let bytes = host.plugin_configuration().unwrap_or_default();
        let accepted = match Document::from_plugin_configuration(&bytes) {
            Ok(document) => self.accept(document, host),
            Err(errors) => refuse(&errors),
        };
        let result = if accepted { "accepted" } else { "rejected" };
        let labels = [("filter", "router"), ("result", result)];
        self.vm.registry.counter(host, &series_name("configurations", &labels)).increment();
        self.vm.registry.flush(host);
        accepted
    }

    fn accept(&mut self, document: Document, host: &impl RootHost) -> bool {
        let now = host.now().unwrap_or_default();
        // Workers start within nanoseconds of each other; the context id tells roots of one VM apart.
        let seed = now.as_nanos() ^ u64::from(self.context_id).rotate_left(32);
        let Ok(mut roster) = self.vm.roster.try_borrow_mut() else { return false };
        self.plan = Rc::new(Plan::new(document, &mut roster, seed, now));
        (self.verified, self.worked) = (now, now);
        self.follow(now, host);
        self.heartbeats = self.plan.has_heartbeats().then(|| {
            prober::create(host);
            Heartbeats::new(fastrand::Rng::with_seed(seed).u64(..))
        });
        if let Ok(mut owners) = self.vm.owners.try_borrow_mut() {
            self.plan.each_named(|_, names, _| {
                owners.insert(names.name().to_owned(), self.context_id);
            });
        }
        let (upstreams, routes) = self.plan.size();
        log::info!("switchyard.router: configuration accepted: {upstreams} upstreams, {routes} routes");
        let version = [("filter", "router"), ("version", env!("CARGO_PKG_VERSION"))];
        self.vm.registry.set_gauge(host, &series_name("build_info", &version), 1);
        // An empty configuration never ticks: nothing to count.
        let period = if self.plan.follows() { NEWS_TICK } else { TICK };
        upstreams == 0 || host.set_tick_period(period).is_ok()
    }

    /// Takes in what outlier says about every endpoint.
    fn follow(&self, now: Timestamp, host: &impl SharedData) {
        self.plan.each_upstream(|upstream| {
            if let Some(ledger) = upstream.ejection().map(|ejection| ejection.read(host)) {
                upstream.follow(&ledger, now);
            }
        });
    }

    /// The periodic work: news of ejections and heartbeats on every tick; counters, ramps and verification on some.
    pub fn tick(&mut self, host: &(impl Clock + MetricSink + SharedData + HttpCalls)) {
        let Ok(now) = host.now() else { return self.vm.registry.flush(host) };
        if self.plan.follows() {
            let news = announced(host);
            if news != self.heard {
                self.heard = news;
                self.follow(now, host);
            }
            self.plan.each_upstream(|upstream| {
                if let Some(ejection) = upstream.ejection() {
                    ejection.ask_again();
                }
            });
        }
        if let Some(heartbeats) = self.heartbeats.as_mut().filter(|_| self.vm.serves.get()) {
            let (owners, root) = (&self.vm.owners, self.context_id);
            let decides = |name: &str| owners.borrow().get(name) == Some(&root);
            heartbeats.tick(&self.plan, now, decides, host);
        }
        if now.is_due(self.worked, TICK) {
            self.worked = now;
            self.work(now, host);
        }
    }

    fn work(&mut self, now: Timestamp, host: &impl MetricSink) {
        self.vm.registry.flush(host);
        self.plan.each_upstream(|upstream| upstream.settle(now));
        if now.since(self.verified) >= VERIFY_AGAIN {
            self.verified = now;
            self.plan.each_upstream(crate::upstream::Upstream::verify_again);
        }
    }

    /// A stream under this configuration.
    pub fn stream(&self) -> Stream {
        self.vm.serves.set(true);
        Stream::new(Rc::clone(&self.plan), Rc::clone(&self.vm.registry))
    }
}

fn refuse(errors: &ConfigErrors) -> bool {
    for error in errors.iter() {
        log::error!("switchyard.router: configuration refused: {error}");
    }
    false
}
