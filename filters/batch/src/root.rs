//! The root context: takes a configuration or refuses it, acts for the streams that wait, and does the periodic work.
//!
//! Invariants: a configuration that is refused changes nothing; Envoy keeps the listener that serves. The tick runs
//! while anything waits or is to be told, and stops after.

use crate::plan::Plan;
use crate::reach::{self, FILTER};
use crate::report::tell_held;
use crate::stream::Stream;
use crate::worker::{ActingHost, Vm, Worker};
use std::rc::Rc;
use switchyard_config::{ConfigErrors, Document};
use switchyard_core::memory::{MOST_ANSWER, length};
use switchyard_host::PluginConfiguration;
use switchyard_host::metrics::series_name;
use xxhash_rust::xxh64::xxh64;

/// What a root asks of its host when it is configured.
pub trait RootHost: PluginConfiguration + ActingHost {}

impl<T: PluginConfiguration + ActingHost> RootHost for T {}

/// Messages that one callback takes; each message has a callback of its own.
const MESSAGES_AT_A_TIME: usize = 64;

/// One configuration of the plugin in one worker.
pub struct Root {
    worker: Rc<Worker>,
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
            Ok(document) => self.accept(document, xxh64(&bytes, 0), host),
            Err(errors) => refuse(&errors),
        };
        let result = if accepted { "accepted" } else { "rejected" };
        let labels = [("filter", "batch"), ("result", result)];
        let registry = &self.worker.vm.registry;
        registry.counter(host, &series_name("configurations", &labels)).increment();
        registry.flush(host);
        accepted
    }

    fn accept(&mut self, document: Document, configuration: u64, host: &impl RootHost) -> bool {
        let plan = Plan::new(document, configuration, &self.worker.vm.memory, host);
        log::info!("switchyard.batch: configuration accepted: {} routes batch", plan.policies().count());
        if !plan.is_empty()
            && let Err(error) = reach::prepare(plan.has_proxy_scope(), host)
        {
            log::warn!("switchyard.batch: no shared data, batches stay within their workers: {error}");
        }
        self.worker = Rc::new(Worker::new(self.worker.context, plan, Rc::clone(&self.worker.vm)));
        let version = [("filter", "batch"), ("version", env!("CARGO_PKG_VERSION"))];
        self.worker.vm.registry.set_gauge(host, &series_name("build_info", &version), 1);
        true
    }

    /// The periodic work.
    pub fn tick(&mut self, host: &impl ActingHost) {
        let worker = &self.worker;
        let stirred = worker.ticked();
        worker.with(host, |gatherer, around| gatherer.tick(around));
        worker.end_body_waits(host);
        // What follows is said in the root's own name again.
        worker.come_back(host);
        if let Ok(mut reports) = worker.vm.reports.try_borrow_mut() {
            worker.plan.batched().for_each(|batched| reports.gauge(&worker.vm.registry, batched, host));
        }
        worker.vm.registry.tell_gauges(FILTER, host);
        worker.vm.registry.flush(host);
        worker.rest(stirred, host);
    }

    /// The answer to a call has come, or the call has failed; `headers` is how many it has.
    pub fn on_call_response(&mut self, host: &impl ActingHost, call: u32, headers: usize, body_size: usize) {
        let worker = &self.worker;
        // Before it is taken into the VM.
        let fits = body_size <= MOST_ANSWER && worker.vm.memory.kept.has_room(length(body_size));
        let answer = (headers > 0 && fits).then(|| {
            let head = host.call_headers().unwrap_or_default();
            let body = if body_size > 0 { host.call_body(body_size).unwrap_or_default() } else { Vec::new() };
            (head, body)
        });
        worker.with(host, |gatherer, around| match answer {
            None if headers > 0 => gatherer.answered_too_much(around, call),
            None => gatherer.answered(around, call, None),
            Some((head, body)) => gatherer.answered(around, call, Some((&head, body))),
        });
        worker.acted();
        worker.come_back(host);
        worker.settle(host);
    }

    /// Messages have come: from other workers, or from this one to wake its root.
    pub fn on_queue_ready(&mut self, host: &impl ActingHost, queue: u32) {
        let worker = &self.worker;
        if !worker.is_queue(queue) {
            return;
        }
        worker.awake();
        for _ in 0..MESSAGES_AT_A_TIME {
            let Ok(Some(message)) = host.dequeue(queue) else { break };
            if message.is_empty() {
                // Its own word; what others say has callbacks of its own.
                break;
            }
            worker.with(host, |gatherer, around| {
                gatherer.message(around, &message, worker.plan.policies());
            });
        }
        worker.with(host, |gatherer, around| gatherer.act(around));
        worker.acted();
        worker.come_back(host);
        worker.settle(host);
    }

    /// The stream of this context, under this configuration.
    pub fn stream(&self, context: u32) -> Stream {
        Stream::new(context, Rc::clone(&self.worker))
    }

    /// The root has ended, after its last stream: nothing is held any more, what it counted is told, and what it gathered is
    /// for others to gather.
    pub fn on_done(&mut self, host: &impl ActingHost) {
        self.worker.with(host, |gatherer, around| gatherer.resign(around));
        let registry = &self.worker.vm.registry;
        self.worker.plan.batched().for_each(|batched| tell_held(registry, batched, (0, 0)));
        if self.worker.begun.get() {
            registry.tell_gauges(FILTER, host);
        }
        registry.flush(host);
    }
}

fn refuse(errors: &ConfigErrors) -> bool {
    for error in errors.iter() {
        log::error!("switchyard.batch: configuration refused: {error}");
    }
    false
}
