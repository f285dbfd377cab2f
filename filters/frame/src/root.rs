//! The one root of all filters: takes a configuration or refuses it, and hands on what happens.
//!
//! Invariants: a configuration that is refused changes nothing, and the log has every error; Envoy keeps the listener that serves.
//! After every callback of the root calls are made in its own name again.

use crate::metrics::series_name;
use crate::{EffectiveContext, Filter, Setup, Vm};
use std::rc::Rc;
use switchyard_config::{ConfigErrors, Document};
use switchyard_host::Host;
use xxhash_rust::xxh64::xxh64;

/// One configuration of the plugin in one worker, or none yet.
pub struct Root<F: Filter> {
    context: u32,
    vm: Vm<F::Vm>,
    effective_context: Rc<EffectiveContext>,
    filter: Option<Rc<F>>,
}

impl<F: Filter> Root<F> {
    /// A root that has no configuration yet.
    pub fn new(context: u32) -> Self {
        Self::in_vm(context, Vm::here())
    }

    /// The same in another VM than this thread's: tests have several workers in one thread.
    pub fn in_vm(context: u32, vm: Vm<F::Vm>) -> Self {
        Self { context, vm, effective_context: Rc::new(EffectiveContext::new(context)), filter: None }
    }

    /// The configuration in force, if there is one.
    pub fn filter(&self) -> Option<&Rc<F>> {
        self.filter.as_ref()
    }

    /// Takes the plugin's configuration; `false` refuses it, with every error in the log.
    pub fn configure(&mut self, host: &impl Host) -> bool {
        let bytes = host.plugin_configuration().unwrap_or_default();
        let accepted = match Document::from_plugin_configuration(&bytes) {
            Ok(document) => self.accept(&document, &bytes, host),
            Err(errors) => refuse(F::NAME, &errors),
        };
        let labels = [("filter", F::NAME), ("result", if accepted { "accepted" } else { "rejected" })];
        self.vm.registry.counter(host, &series_name("configurations", &labels)).increment();
        self.vm.registry.flush(host);
        accepted
    }

    fn accept(&mut self, document: &Document, bytes: &[u8], host: &impl Host) -> bool {
        let now = host.now().unwrap_or_default();
        let setup = Setup {
            context: self.context,
            vm: self.vm.clone(),
            effective_context: Rc::clone(&self.effective_context),
            configuration: xxh64(bytes, 0),
            now,
            // Workers start within nanoseconds of each other; the context id tells roots of one VM apart.
            seed: now.as_nanos() ^ u64::from(self.context).rotate_left(32),
        };
        let filter = match F::new(document, setup, host) {
            Ok(filter) => filter,
            Err(error) => {
                log::error!("switchyard.{}: configuration refused: {error}", F::NAME);
                return false;
            }
        };
        log::info!("switchyard.{}: configuration accepted: {}", F::NAME, filter.summary());
        self.filter = Some(Rc::new(filter));
        let version = [("filter", F::NAME), ("version", env!("CARGO_PKG_VERSION"))];
        self.vm.registry.set_gauge(host, &series_name("build_info", &version), 1);
        true
    }

    /// The stream of this context, under this configuration; `None`: there is none yet, and every request passes.
    pub fn stream(&self, context: u32) -> Option<F::Stream> {
        Some(self.filter.as_ref()?.stream(context))
    }

    /// The period that was asked for has passed.
    pub fn tick(&mut self, host: &impl Host) {
        self.act(host, |filter| filter.tick(host));
    }

    /// A message waits in a queue.
    pub fn on_queue_ready(&mut self, host: &impl Host, queue: u32) {
        self.act(host, |filter| filter.look(host, queue));
    }

    /// A call of its own has been answered, or has failed: then with no headers.
    pub fn on_call_response(&mut self, host: &impl Host, call: u32, headers: usize, body_size: usize) {
        self.act(host, |filter| filter.called(host, call, headers, body_size));
    }

    /// It has ended, after its last stream.
    pub fn on_done(&mut self, host: &impl Host) {
        self.act(host, |filter| filter.ended(host));
        self.filter = None;
    }

    fn act(&self, host: &impl Host, act: impl FnOnce(&Rc<F>)) {
        if let Some(filter) = &self.filter {
            act(filter);
            self.effective_context.come_back(host);
        }
    }
}

fn refuse(filter: &str, errors: &ConfigErrors) -> bool {
    for error in errors.iter() {
        log::error!("switchyard.{filter}: configuration refused: {error}");
    }
    false
}
