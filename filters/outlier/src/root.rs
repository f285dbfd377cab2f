//! The root context: takes a configuration or refuses it, and does the periodic work.
//!
//! Invariant: a configuration that is refused changes nothing. Old and new configuration, and the configurations of
//! several clusters, are roots in one VM and share what the VM remembers ([`Vm`]).

use crate::plan::Plan;
use crate::stream::Stream;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use hashbrown::{HashMap, HashSet};
use std::rc::Rc;
use switchyard_config::{ConfigErrors, Document};
use switchyard_core::Timestamp;
use switchyard_host::metrics::{Registry, series_name};
use switchyard_host::shared_ledger::announced;
use switchyard_host::{Clock, MetricSink, PluginConfiguration, Properties, SharedData, Ticks};

/// How often the clock is read, stalls are looked for and news of other workers are taken in.
pub const TICK: Duration = Duration::from_millis(20);

/// How often counters are written.
const FLUSH: Duration = Duration::from_millis(250);

/// What a root asks of its host.
pub trait RootHost: PluginConfiguration + Properties + SharedData + Clock + MetricSink + Ticks {}

impl<T: PluginConfiguration + Properties + SharedData + Clock + MetricSink + Ticks> RootHost for T {}

/// What all roots and streams of a VM share.
#[derive(Clone)]
pub(crate) struct Vm {
    pub(crate) registry: Rc<Registry>,
    /// The time of the last tick: attempts ask for no clock of their own.
    clock: Rc<Cell<Timestamp>>,
    labelled: Rc<RefCell<HashSet<String>>>,
    /// The root that was configured last under a root_id: an older one drains and decides nothing.
    newest: Rc<RefCell<HashMap<Vec<u8>, u32>>>,
    /// Root_ids under which this VM has seen attempts; a new configuration goes on where the old one was.
    serves: Rc<RefCell<HashSet<Vec<u8>>>>,
}

thread_local! {
    static VM: Vm = Vm {
        registry: Rc::default(),
        clock: Rc::default(),
        newest: Rc::default(),
        serves: Rc::default(),
        labelled: Rc::default(),
    };
}

impl Vm {
    /// The time as of the last tick, at most [`TICK`] ago.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.get()
    }

    /// Makes the root `context_id` the newest under this root_id.
    fn take_over(&self, root_id: Vec<u8>, context_id: u32) {
        self.newest.borrow_mut().insert(root_id, context_id);
    }

    /// Whether no root has been configured under the same root_id since `context_id` was.
    fn is_newest(&self, root_id: &[u8], context_id: u32) -> bool {
        self.newest.borrow().get(root_id) == Some(&context_id)
    }

    /// Remembers that attempts come under this root_id.
    fn has_served(&self, root_id: &[u8]) {
        let mut serves = self.serves.borrow_mut();
        if !serves.contains(root_id) {
            serves.insert(root_id.to_vec());
        }
    }

    /// Whether attempts have come under this root_id.
    fn serves(&self, root_id: &[u8]) -> bool {
        self.serves.borrow().contains(root_id)
    }

    /// Whether figures of this endpoint are shown: it is among the first [`crate::report::MAX_LABELLED`].
    pub(crate) fn may_label(&self, upstream: &str, endpoint: usize) -> bool {
        let mut labelled = self.labelled.borrow_mut();
        let name = format!("{upstream}/{endpoint}");
        let room = labelled.len() < crate::report::MAX_LABELLED;
        labelled.contains(&name) || (room && labelled.insert(name))
    }
}

/// One configuration of the plugin in one worker.
pub struct Root {
    context_id: u32,
    root_id: Vec<u8>,
    vm: Vm,
    plan: Rc<Plan>,
    heard: Option<u32>,
    flushed: Timestamp,
}

impl Root {
    /// A root that has no configuration yet and judges nothing.
    pub fn new(context_id: u32) -> Self {
        let vm = VM.with(Vm::clone);
        let (root_id, flushed) = (Vec::new(), Timestamp::default());
        Self { context_id, root_id, vm, plan: Rc::default(), heard: None, flushed }
    }

    /// Takes the plugin's configuration; `false` refuses it, with every error in the log.
    pub fn configure(&mut self, host: &impl RootHost) -> bool {
        let bytes = host.plugin_configuration().unwrap_or_default();
        let accepted = match Document::from_plugin_configuration(&bytes) {
            Ok(document) => self.accept(&document, host),
            Err(errors) => refuse(&errors),
        };
        let result = if accepted { "accepted" } else { "rejected" };
        let labels = [("filter", "outlier"), ("result", result)];
        self.vm.registry.counter(host, &series_name("configurations", &labels)).increment();
        self.vm.registry.flush(host);
        accepted
    }

    fn accept(&mut self, document: &Document, host: &impl RootHost) -> bool {
        let now = host.now().unwrap_or_default();
        self.vm.clock.set(now);
        let root_id = host.property(&["plugin_root_id"]).ok().flatten().unwrap_or_default();
        // Workers start within nanoseconds of each other; the context id tells roots of one VM apart.
        let seed = now.as_nanos() ^ u64::from(self.context_id).rotate_left(32);
        self.plan = Rc::new(Plan::new(document, &root_id, seed, host, now));
        self.vm.take_over(root_id.clone(), self.context_id);
        self.root_id = root_id;
        log::info!("switchyard.outlier: configuration accepted: {} upstreams are watched", self.plan.len());
        let version = [("filter", "outlier"), ("version", env!("CARGO_PKG_VERSION"))];
        self.vm.registry.set_gauge(host, &series_name("build_info", &version), 1);
        // A configuration without ejection never ticks.
        self.plan.len() == 0 || host.set_tick_period(TICK).is_ok()
    }

    /// The periodic work: the clock, news of other workers, stalls, ejections whose time is up.
    pub fn tick(&mut self, host: &(impl Clock + SharedData + MetricSink)) {
        let Ok(now) = host.now() else { return };
        self.vm.clock.set(now);
        let news = announced(host);
        if news != self.heard {
            self.heard = news;
            self.plan.each_upstream(|upstream| upstream.refresh(host));
        }
        let decides = self.vm.is_newest(&self.root_id, self.context_id);
        let mut serves = self.vm.serves(&self.root_id);
        self.plan.each_upstream(|upstream| {
            serves |= upstream.serves();
            if serves {
                upstream.goes_on();
            }
            upstream.tick(decides, &self.vm, host);
        });
        if serves {
            self.vm.has_served(&self.root_id);
        }
        if now.is_due(self.flushed, FLUSH) {
            self.flushed = now;
            self.vm.registry.flush(host);
        }
    }

    /// An attempt under this configuration.
    pub fn stream(&self) -> Stream {
        Stream::new(Rc::clone(&self.plan), self.vm.clone())
    }
}

fn refuse(errors: &ConfigErrors) -> bool {
    for error in errors.iter() {
        log::error!("switchyard.outlier: configuration refused: {error}");
    }
    false
}
