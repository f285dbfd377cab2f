//! One configuration in one worker: its plan, and the periodic work.
//!
//! Old and new configuration are two roots in one VM and share what the VM remembers ([`Vm`]).

use crate::arrivals::Arrivals;
use crate::heartbeats::Heartbeats;
use crate::lists::Lists;
use crate::membership::VERIFY_AGAIN;
use crate::owners::Owners;
use crate::plan::Plan;
use crate::said::MOST_STEPS;
use crate::upstream::Upstream;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::load::LoadBook;
use switchyard_core::outlier::Part;
use switchyard_core::status::SnapshotWriter;
use switchyard_core::{Locality, Timestamp};
use switchyard_frame::shared::heartbeat_lease;
use switchyard_frame::shared::settings;
use switchyard_frame::shared::tables::announced;
use switchyard_frame::{BusyTicks, Interval, Setup};
use switchyard_host::{Host, HostError, MetricSink, Properties, SharedData};

/// How often counters are written and finished ramps forgotten.
pub const TICK: Duration = Duration::from_millis(250);
/// How often a worker asks whether outlier has said something: an ejection is acted on within 50 ms.
const NEWS_TICK: Duration = Duration::from_millis(20);

/// What outlives a configuration.
#[derive(Default)]
pub struct Vm {
    arrivals: RefCell<Arrivals>,
    loads: RefCell<LoadBook>,
    /// This VM has seen a request: it is a worker's, not the main thread's.
    serves: Cell<bool>,
    /// Who sends the heartbeats of the upstream of this name.
    beating: Owners,
    /// What it is called in leases for asking where endpoints are; 0: it has asked for none yet.
    asker: Cell<u64>,
    /// Who asks where endpoints are, by the lease for it.
    asking: Owners,
    /// The newest configuration of each root, by the root: outlier hears of its document, and it alone asks and calls by itself.
    newest: Owners,
}

impl Vm {
    /// What it is called in leases for asking, in all its configurations: a new one has the role of the one before at once.
    fn asker(&self, seed: u64) -> u64 {
        if self.asker.get() == 0 {
            self.asker.set(fastrand::Rng::with_seed(!seed).u64(1..));
        }
        self.asker.get()
    }

    /// The configuration with this number asks and calls no more: what it did for others, one of them does.
    fn leave(&self, number: u32) {
        self.asking.leave(number);
        self.beating.leave(number);
    }
}

/// router.wasm under one configuration.
pub struct Router {
    pub(crate) plan: Plan,
    pub(crate) setup: Setup<Vm>,
    /// What outlier is to be told of the document, with the first request.
    unpublished: Cell<Option<Box<Part>>>,
    /// Outlier's word is followed for some upstream, or a list of endpoints is.
    follows: bool,
    pub(crate) lists: Option<Lists>,
    /// Some upstream asks where the proxy is, and has not been told.
    unlocated: Cell<bool>,
    busy_ticks: BusyTicks,
    verified: Interval,
    worked: Interval,
    heard: Cell<Option<u32>>,
    heartbeats: RefCell<Option<Heartbeats>>,
}

impl Router {
    /// The router of `document`.
    ///
    /// # Errors
    /// When there can be no ticks.
    pub(crate) fn of(document: &Document, setup: Setup<Vm>, host: &impl Host) -> Result<Self, HostError> {
        let (mut arrivals, mut loads) =
            (setup.own.arrivals.try_borrow_mut().ok(), setup.own.loads.try_borrow_mut().ok());
        let plan = Plan::new(document, arrivals.as_deref_mut(), loads.as_deref_mut(), setup.seed, setup.now);
        drop((arrivals, loads));
        let heartbeats = plan.has_heartbeats().then(|| {
            heartbeat_lease::create(host);
            Heartbeats::new(fastrand::Rng::with_seed(setup.seed).u64(..))
        });
        let lists = Lists::new(document, (setup.own.asker(setup.seed), &setup.memory.kept), host);
        let follows = plan.follows() || lists.is_some();
        let busy_ticks = BusyTicks::new(if follows { NEWS_TICK } else { TICK }, host)?;
        // Nothing fails from here on: what the root had under its last document is the new one's, or another root's.
        if let Some(before) = setup.own.newest.take(&root_of(&setup), setup.number) {
            setup.own.leave(before);
        }
        plan.each_named(|_, names, _| {
            setup.own.beating.take(names.name(), setup.number);
        });
        if let Some(lists) = &lists {
            lists.each_lease(|lease| {
                setup.own.asking.take(lease, setup.number);
            });
        }
        let router = Self {
            lists,
            busy_ticks,
            unpublished: Cell::new(Some(part(document, 0, &setup, host))),
            follows,
            unlocated: Cell::new(plan.is_zone_aware()),
            plan,
            setup,
            verified: Interval::default(),
            worked: Interval::default(),
            heard: Cell::default(),
            heartbeats: RefCell::new(heartbeats),
        };
        let now = router.setup.now;
        router.verified.begin(now);
        router.worked.begin(now);
        router.take_lists(now, host);
        router.follow(now, host);
        Ok(router)
    }

    /// A request does something. The first after a while takes in what outlier has said meanwhile.
    pub(crate) fn rouse(&self, host: &impl Host) {
        if let Some(part) = self.unpublished.take() {
            // The document serves.
            settings::publish(&part, host);
        }
        if self.unlocated.take() {
            let own = Rc::new(own_locality(host));
            self.plan.each_upstream(|upstream| upstream.locate(Rc::clone(&own)));
        }
        // An empty configuration never ticks: nothing to count.
        if self.plan.size().0 > 0 && self.busy_ticks.rouse(host) && self.follows {
            // Without the time a readmitted endpoint has no ramp to go up, but it is back.
            self.hear(host.now().unwrap_or_default(), host);
        }
    }

    /// Takes in what outlier has said since the last time, if it has.
    fn hear(&self, now: Timestamp, host: &impl Host) {
        let news = announced(host);
        if news != self.heard.replace(news) {
            self.take_lists(now, host);
            self.follow(now, host);
        }
    }

    /// Takes in the lists of endpoints that have changed, and tells outlier.
    fn take_lists(&self, now: Timestamp, host: &impl Host) {
        let Some(lists) = &self.lists else { return };
        let own = &self.setup.own;
        let (Ok(mut arrivals), Ok(mut loads)) = (own.arrivals.try_borrow_mut(), own.loads.try_borrow_mut())
        else {
            return;
        };
        lists.look(
            host,
            |position, upstream| {
                self.plan.replace(position, upstream, (&mut arrivals, &mut loads), now);
                if let Ok(Some(heartbeats)) = self.heartbeats.try_borrow_mut().as_deref_mut() {
                    heartbeats.endpoints_change(position, upstream.endpoints());
                }
            },
            |document, versions| {
                if !own.newest.owns(&root_of(&self.setup), self.setup.number) {
                    return;
                }
                let part = part(document, versions, &self.setup, host);
                if self.unpublished.take().is_some() {
                    self.unpublished.set(Some(part));
                } else {
                    settings::publish(&part, host);
                }
            },
        );
    }

    /// A request has come.
    pub(crate) fn serves(&self) {
        self.setup.own.serves.set(true);
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
    pub(crate) fn on_tick(&self, host: &impl Host) {
        let Ok(now) = host.now() else { return self.setup.registry.flush(host) };
        if self.follows {
            self.hear(now, host);
            self.plan.each_upstream(|upstream| {
                if let Some(ejection) = upstream.ejection() {
                    ejection.ask_again();
                }
            });
        }
        let next = self.ask(now, host).into_iter().chain(self.beat(now, host)).min();
        let awake = self.busy_ticks.settle(now, next, host);
        if self.worked.passes(TICK, now) || !awake {
            self.work(now, host);
        }
    }

    /// Asks for the lists of endpoints that are due; in how long to look again, if at all.
    fn ask(&self, now: Timestamp, host: &impl Host) -> Option<Duration> {
        let own = &self.setup.own;
        let lists = self.lists.as_ref()?;
        let works = self.works();
        let decides = |lease: &str| works && own.asking.owns(lease, self.setup.number);
        lists.tick(decides, now, &self.setup.registry, host)
    }

    /// Whether this asks and calls by itself: the main thread and canaries, which serve nothing, do not, nor does who serves no new request.
    fn works(&self) -> bool {
        let own = &self.setup.own;
        own.serves.get() && own.newest.owns(&root_of(&self.setup), self.setup.number)
    }

    /// A message waits in a queue: that endpoints may have changed.
    pub(crate) fn on_queue(&self, queue: u32, host: &impl Host) {
        let (Some(lists), Ok(now)) = (&self.lists, host.now()) else { return };
        if lists.hinted(queue, host) {
            self.ask(now, host);
        }
    }

    /// Sends the heartbeats that are due; in how long to look again, if at all.
    fn beat(&self, now: Timestamp, host: &impl Host) -> Option<Duration> {
        let mut heartbeats = self.heartbeats.try_borrow_mut().ok()?;
        let heartbeats = heartbeats.as_mut()?;
        if !self.works() {
            return None;
        }
        let decides = |name: &str| self.setup.own.beating.owns(name, self.setup.number);
        heartbeats.tick(&self.plan, now, decides, host)
    }

    /// What it has to say to who looks at the status page: its upstreams, and how it has their endpoints.
    pub(crate) fn say(&self, host: &impl Host, into: &mut SnapshotWriter) {
        if !into.says_all() {
            return;
        }
        let (now, mut steps) = (host.now().unwrap_or_default(), MOST_STEPS);
        self.plan.each_named(|position, names, upstream| {
            // Where its endpoints come from is not asked for in vain.
            if into.is_cut() {
                return into.leave_out_upstream();
            }
            let origin = self.lists.as_ref().and_then(|lists| lists.origin(position, host));
            upstream.say((names.name(), names.cluster()), (origin, now), &mut steps, into);
        });
    }

    /// The root has ended: what it did for others, one of them does.
    pub(crate) fn on_ended(&self) {
        self.setup.own.leave(self.setup.number);
        self.setup.own.newest.leave(self.setup.number);
    }

    /// A heartbeat has been answered, or has failed.
    pub(crate) fn on_call_response(&self, answer: (u32, usize, usize), host: &impl Host) {
        if let Some(lists) = &self.lists {
            let now = host.now().unwrap_or_default();
            if lists.answered(answer, now, &self.setup.registry, host) {
                // What it has brought is this worker's at once.
                return self.hear(now, host);
            }
        }
        let Ok(mut heartbeats) = self.heartbeats.try_borrow_mut() else { return };
        let judged = heartbeats.as_mut().and_then(|all| all.answered(answer, &self.plan, host));
        let (Some(((upstream, endpoint), healthy)), Ok(now)) = (judged, host.now()) else { return };
        self.plan.with_upstream(upstream, |upstream| {
            if let Some(ejection) = upstream.ejection() {
                ejection.heartbeat(endpoint, healthy, now, &self.setup.registry, host);
            }
        });
    }

    fn work(&self, now: Timestamp, host: &(impl SharedData + MetricSink)) {
        self.setup.registry.flush(host);
        self.plan.each_named(|_, names, upstream| {
            upstream.settle(now);
            if let Some(ejection) = upstream.ejection() {
                ejection.miss_judge(names.name(), now, &self.setup.registry, host);
            }
        });
        if self.verified.passes(VERIFY_AGAIN, now) {
            self.plan.each_upstream(Upstream::verify_again);
        }
    }
}

/// The name of the root, of whose documents one is published.
fn root_of(setup: &Setup<Vm>) -> String {
    setup.effective_context.root().to_string()
}

/// Where the proxy's node is. It cannot be asked before the configuration is in force.
fn own_locality(host: &impl Properties) -> Locality {
    let part = |name| {
        let value = host.property(&["xds", "node", "locality", name]).ok().flatten();
        value.and_then(|value| String::from_utf8(value).ok()).unwrap_or_default().into()
    };
    Locality { region: part("region"), zone: part("zone"), sub_zone: part("sub_zone") }
}

/// What outlier is to be told of this document, with lists of these versions.
fn part(document: &Document, versions: u64, setup: &Setup<Vm>, host: &impl Host) -> Box<Part> {
    let source = host.property(&["plugin_root_id"]).ok().flatten().unwrap_or_default();
    let mut part = Part::new(source, setup.configuration ^ versions, setup.now, &document.watched());
    part.turn = settings::published(host).next_turn(&part.source, part.document);
    Box::new(part)
}
