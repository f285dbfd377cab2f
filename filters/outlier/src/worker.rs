//! One configuration in one worker: what it watches, and the periodic work.
//!
//! With a document of its own it watches that. Without one it watches what the documents in force have put into shared data
//! ([`switchyard_frame::shared::settings`]), which changes while it runs: attempts end under the plan that they began with, and a plan
//! that was replaced merges what they counted and decides nothing. Old and new configuration, and the configurations of several
//! clusters, are roots in one VM and share what the VM remembers ([`Vm`](crate::Vm)).

use crate::plan::{Plan, of_document, of_published};
use crate::vm::Vm;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::Timestamp;
use switchyard_core::contract::STREAM_PROPERTY;
use switchyard_core::outlier::{PRECISION, Watched};
use switchyard_frame::following::Following;
use switchyard_frame::shared::settings;
use switchyard_frame::shared::tables::announced;
use switchyard_frame::{BusyTicks, Counterpart, Interval, Setup};
use switchyard_host::{Contexts, Host, HostError, MetricSink, Properties, SharedData};

/// How often the clock is read, stalls are looked for and news of other workers are taken in, while attempts come.
pub const TICK: Duration = PRECISION;

/// How often counters are written.
const FLUSH: Duration = Duration::from_millis(250);

/// outlier.wasm under one configuration.
pub struct Outlier {
    /// The one in force, and before it those whose attempts are not over, or not merged.
    plans: RefCell<Vec<Rc<Plan>>>,
    pub(crate) setup: Setup<Vm>,
    root_id: Vec<u8>,
    /// It has no document of its own.
    follows: bool,
    /// The endpoints of its own document that are listed elsewhere, and the document with them.
    following: Following,
    document: RefCell<Document>,
    /// What it watches was published under this number.
    published: Cell<Option<u32>>,
    /// Whoever publishes it.
    publisher: Counterpart,
    busy_ticks: BusyTicks,
    heard: Cell<Option<u32>>,
    flushed: Interval,
}

impl Outlier {
    /// The outlier of `document`.
    ///
    /// # Errors
    /// When there can be no ticks.
    pub(crate) fn of(document: &Document, setup: Setup<Vm>, host: &impl Host) -> Result<Self, HostError> {
        setup.own.set_time(setup.now);
        let root_id = host.property(&["plugin_root_id"]).ok().flatten().unwrap_or_default();
        let plan = Plan::new(of_document(document, &root_id), setup.seed, host, setup.now);
        setup.own.take_over(root_id.clone(), setup.number);
        let outlier = Self {
            plans: RefCell::new(vec![Rc::new(plan)]),
            setup,
            root_id,
            follows: document.upstreams().is_empty(),
            following: Following::new(document),
            document: RefCell::default(),
            published: Cell::default(),
            publisher: Counterpart::default(),
            busy_ticks: BusyTicks::new(TICK, host)?,
            heard: Cell::default(),
            flushed: Interval::default(),
        };
        if !outlier.following.is_empty() {
            outlier.document.replace(document.clone());
            outlier.take_lists(host);
        }
        if outlier.setup.own.serves(&outlier.root_id) {
            // Endpoints that are ejected are this one's to bring back now, whether or not an attempt comes.
            outlier.now(host);
        }
        Ok(outlier)
    }

    /// What it does, for the log.
    pub(crate) fn summary(&self) -> String {
        if self.follows {
            return "no document, the upstreams of the documents in force are watched".to_owned();
        }
        format!("{} upstreams are watched", self.plan().len())
    }

    /// The plan in force.
    pub(crate) fn plan(&self) -> Rc<Plan> {
        self.plans.try_borrow().ok().and_then(|plans| plans.last().cloned()).unwrap_or_default()
    }

    /// The plan under which an attempt that begins now is judged. Without a document of its own, it may be a new one.
    pub(crate) fn plan_now(&self, host: &impl Host) -> Rc<Plan> {
        if self.follows {
            self.now(host);
        }
        self.plan()
    }

    /// The time, as of the last tick while there are any. The first attempt after a while asks for it, and takes in what other workers
    /// have said meanwhile.
    pub(crate) fn now(&self, host: &impl Host) -> Timestamp {
        let vm = &self.setup.own;
        if self.busy_ticks.rouse(host) {
            if let Ok(now) = host.now() {
                vm.set_time(now);
            }
            self.hear(host);
        }
        vm.now()
    }

    /// Takes in what others have said since the last time, if anything.
    fn hear(&self, host: &impl SharedData) {
        let news = announced(host);
        if news == self.heard.replace(news) {
            return;
        }
        if self.follows {
            let number = settings::number(host);
            if number != self.published.replace(number) {
                self.watch(of_published(&settings::published(host)), host);
            }
        }
        self.take_lists(host);
        self.plan().each_upstream(|upstream| upstream.refresh(host));
    }

    /// Takes in the lists of endpoints that have changed, where it has a document of its own.
    fn take_lists(&self, host: &impl SharedData) {
        let mut changed = Vec::new();
        self.following.look(host, |position, upstream| changed.push((position, upstream.clone())));
        let Ok(mut document) = self.document.try_borrow_mut() else { return };
        if !changed.is_empty() {
            *document = document.with_upstreams(changed);
            self.watch(of_document(&document, &self.root_id), host);
        }
    }

    /// Watches these upstreams from now on.
    fn watch(&self, watched: Vec<Watched>, host: &impl SharedData) {
        let plan = Plan::new(watched, self.setup.seed, host, self.setup.own.now());
        log::info!("switchyard.outlier: {} upstreams are watched", plan.len());
        if self.setup.own.serves(&self.root_id) {
            plan.each_upstream(|upstream| upstream.goes_on());
        }
        if let Ok(mut plans) = self.plans.try_borrow_mut() {
            plans.push(Rc::new(plan));
        }
    }

    /// Says so if attempts come and nobody has told what to watch.
    fn miss(&self, now: Timestamp, host: &impl MetricSink) {
        let is_there = self.published.get().is_some();
        if !self.follows || (is_there && self.publisher.is_present()) {
            return;
        }
        if self.publisher.watch(is_there, now, ["outlier", ""], &self.setup.registry, host) {
            log::warn!(
                "switchyard.outlier: there is no document here, and under this vm_id no filter has published one with outlier sections: \
                 attempts pass unjudged and no endpoint is ejected. Give switchyard.wasm or router.wasm the same vm_id, or this filter the document"
            );
        }
    }

    /// The periodic work: the clock, news of other workers, stalls, ejections whose time is up.
    pub(crate) fn on_tick(&self, host: &impl Host) {
        let Ok(now) = host.now() else { return };
        self.setup.own.set_time(now);
        self.hear(host);
        self.miss(now, host);
        self.plan().tell_strangers(&self.setup.registry, host);
        let decides = self.setup.own.is_newest(&self.root_id, self.setup.number);
        let rest = self.work(decides, now, host);
        let awake = self.busy_ticks.settle(now, rest, host);
        if self.flushed.passes(FLUSH, now) || !awake {
            self.setup.registry.flush(host);
        }
    }

    /// Whether the attempt of this context is known to ask for a stream: the router has said so.
    fn asks_for_stream(&self, context: u32, host: &(impl Contexts + Properties)) -> bool {
        let effective = &self.setup.effective_context;
        let asks = effective.enter(context, host)
            && host.property(&[STREAM_PROPERTY]).ok().flatten().is_some_and(|value| !value.is_empty());
        effective.come_back(host);
        asks
    }

    /// Lets time pass for all plans; in how long to look at them again, though no attempt comes.
    fn work(&self, decides: bool, now: Timestamp, host: &impl Host) -> Option<Duration> {
        let vm = &self.setup.own;
        let mut serves = vm.serves(&self.root_id);
        let mut rest: Option<Duration> = None;
        let is_stream = |context: u32| self.asks_for_stream(context, host);
        let Ok(mut plans) = self.plans.try_borrow_mut() else { return None };
        let newest = plans.len().saturating_sub(1);
        let mut index = 0;
        plans.retain(|plan| {
            let (is_newest, mut left) = (index == newest, false);
            index += 1;
            plan.each_upstream(|upstream| {
                serves |= upstream.serves();
                if serves {
                    upstream.goes_on();
                }
                upstream.tick(decides && is_newest, is_stream, &self.setup.vm, host);
                let wanted = upstream.wants_tick(decides && is_newest, now);
                left |= wanted.is_some();
                rest = rest.into_iter().chain(wanted).min();
            });
            is_newest || left || Rc::strong_count(plan) > 1
        });
        if serves {
            vm.note_served(&self.root_id);
        }
        rest
    }
}
