//! The root context: takes a configuration or refuses it, and does the periodic work.
//!
//! Invariant: a configuration that is refused changes nothing; Envoy keeps the listener that serves.
//! Old and new configuration are two roots in one VM and share what the VM remembers ([`Vm`]).

use crate::plan::Plan;
use crate::roster::Roster;
use crate::stream::Stream;
use crate::upstream::VERIFY_AGAIN;
use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;
use switchyard_config::{ConfigErrors, Document};
use switchyard_core::Timestamp;
use switchyard_host::metrics::{Registry, series_name};
use switchyard_host::{Clock, MetricSink, PluginConfiguration, Ticks};

/// How often counters are written and finished ramps forgotten.
pub const TICK: Duration = Duration::from_millis(250);

/// What a root asks of its host.
pub trait RootHost: PluginConfiguration + Clock + MetricSink + Ticks {}

impl<T: PluginConfiguration + Clock + MetricSink + Ticks> RootHost for T {}

/// What outlives a configuration.
#[derive(Clone, Default)]
struct Vm {
    registry: Rc<Registry>,
    roster: Rc<RefCell<Roster>>,
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
}

impl Root {
    /// A root that has no configuration yet and leaves every request as it is.
    pub fn new(context_id: u32) -> Self {
        let vm = VM.with(Vm::clone);
        Self { context_id, vm, plan: Rc::new(Plan::empty()), verified: Timestamp::default() }
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
        self.verified = now;
        let (upstreams, routes) = self.plan.size();
        log::info!("switchyard.router: configuration accepted: {upstreams} upstreams, {routes} routes");
        let version = [("filter", "router"), ("version", env!("CARGO_PKG_VERSION"))];
        if let Ok(build) = host.define_gauge(&series_name("build_info", &version)) {
            // Every worker sets the same value, so setting a shared gauge is right here.
            let _ = host.record(build, 1);
        }
        // An empty configuration never ticks: nothing to count.
        upstreams == 0 || host.set_tick_period(TICK).is_ok()
    }

    /// The periodic work: counters, ramps, verification.
    pub fn tick(&mut self, host: &(impl Clock + MetricSink)) {
        self.vm.registry.flush(host);
        let Ok(now) = host.now() else { return };
        self.plan.each_upstream(|upstream| upstream.settle(now));
        if now.since(self.verified) >= VERIFY_AGAIN {
            self.verified = now;
            self.plan.each_upstream(crate::upstream::Upstream::verify_again);
        }
    }

    /// A stream under this configuration.
    pub fn stream(&self) -> Stream {
        Stream::new(Rc::clone(&self.plan), Rc::clone(&self.vm.registry))
    }
}

fn refuse(errors: &ConfigErrors) -> bool {
    for error in errors.iter() {
        log::error!("switchyard.router: configuration refused: {error}");
    }
    false
}
