//! A configuration made ready to decide: route table, policies, budgets, and what is known of every upstream.
//!
//! Built once per configuration and worker; nothing is parsed or built on the request path.

use crate::purse::Purse;
use core::cell::{Cell, RefCell};
use std::rc::Rc;
use switchyard_config::{Document, Upstream as Configured};
use switchyard_core::memory::Memory;
use switchyard_core::retry::{Engine, Latencies, Settings, StaleAnswers, StaleIfError, Steering};
use switchyard_core::route::RouteTable;
use switchyard_core::{Endpoints, RequestView, Timestamp};
use switchyard_frame::rotation::Rotation;
use switchyard_host::SharedData;

/// A configuration in force in one worker.
#[derive(Default)]
pub(crate) struct Plan {
    table: Rc<RouteTable>,
    routes: Vec<Option<Route>>,
    upstreams: Vec<Upstream>,
    default_cluster: Option<Box<str>>,
}

/// A route whose requests may be tried again.
pub(crate) struct Route {
    pub(crate) name: Box<str>,
    pub(crate) settings: Settings,
    pub(crate) steering: Steering,
    pub(crate) budget: Purse,
    pub(crate) stale: RefCell<StaleAnswers>,
    /// Positions of the upstreams that its requests go to.
    targets: Vec<usize>,
    /// What is left for this filter to decide when Envoy's router tries again: no retries, only fallbacks.
    after_envoy: Option<Settings>,
}

impl Route {
    /// How good answers are kept for worse times, if they are.
    pub(crate) fn keeps_answers(&self) -> Option<&StaleIfError> {
        self.settings.fallback.stale.as_ref().filter(|_| !self.settings.shadow)
    }

    /// The policy of what this filter does itself.
    pub(crate) fn local(&self) -> &Settings {
        self.after_envoy.as_ref().unwrap_or(&self.settings)
    }

    /// Whether Envoy's router is told the policy.
    pub(crate) fn is_steered(&self) -> bool {
        self.after_envoy.is_some()
    }

    /// Whether bodies of its requests are kept: this filter may have to send them again.
    pub(crate) fn keeps_bodies(&self) -> bool {
        !self.settings.shadow && (!self.is_steered() || self.settings.fallback.upstream.is_some())
    }

    /// Whether the answers of its requests are looked at.
    pub(crate) fn looks_at_answers(&self) -> bool {
        !self.is_steered() || self.settings.fallback != switchyard_core::retry::Fallback::default()
    }
}

/// An upstream and what this worker knows of it.
pub(crate) struct Upstream {
    pub(crate) name: Box<str>,
    pub(crate) cluster: Box<str>,
    pub(crate) rotation: Rotation,
    pub(crate) budget: Option<Purse>,
    /// When answers begin, of Envoy's attempts and ours.
    pub(crate) latency: RefCell<Latencies>,
    /// Retries in a row that failed, too.
    in_vain: Cell<u32>,
}

/// So many retries in a row that failed, too, say that trying again does not help.
const IN_VAIN: u32 = 8;

impl Plan {
    /// The plan of `document`, in a VM with these accounts; the tables of its budgets are created.
    pub(crate) fn new(document: &Document, memory: &Memory, host: &impl SharedData, now: Timestamp) -> Self {
        let upstreams = document.upstreams().iter().map(|one| Upstream::new(one, host, now)).collect();
        let routes = document.routes().iter().map(|route| {
            let settings = route.retry()?.clone();
            Some(Route {
                name: route.name().into(),
                steering: Steering::new(&settings),
                budget: Purse::new(settings.budget, "route", route.name(), host, now),
                stale: RefCell::new(
                    StaleAnswers::new(settings.fallback.stale.as_ref().map_or(0, |stale| stale.max_bytes))
                        .within(&memory.kept),
                ),
                targets: route.targets().iter().map(switchyard_config::Target::upstream).collect(),
                after_envoy: (settings.engine == Engine::Router).then(|| Settings {
                    num_retries: 0,
                    hedge: None,
                    ..settings.clone()
                }),
                settings,
            })
        });
        let routes: Vec<_> = routes.collect();
        let default_cluster = document.default_cluster().map(Into::into);
        Self { routes, upstreams, default_cluster, table: Rc::clone(document.table()) }
    }

    /// How many routes have a retry policy.
    pub(crate) fn len(&self) -> usize {
        self.routes.iter().flatten().count()
    }

    /// The routes that have one.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().flatten()
    }

    /// Whether any of them is this filter's engine.
    pub(crate) fn has_filter_engine(&self) -> bool {
        self.routes().any(|route| route.settings.engine == Engine::Filter)
    }

    /// All upstreams.
    pub(crate) fn upstreams(&self) -> &[Upstream] {
        &self.upstreams
    }

    /// The position of the route of a request, if it has a retry policy.
    pub(crate) fn find(&self, request: &impl RequestView) -> Option<usize> {
        let position = self.table.find(request)?;
        self.route(position).map(|_| position)
    }

    /// The route at a position that [`Plan::find`] gave.
    pub(crate) fn route(&self, position: usize) -> Option<&Route> {
        self.routes.get(position)?.as_ref()
    }

    /// The upstream that a request of `route` goes to: of several targets the one whose cluster, then whose first endpoint,
    /// the router has named.
    pub(crate) fn upstream_of(&self, route: &Route, request: &impl RequestView) -> Option<usize> {
        if let [only] = route.targets.as_slice() {
            return Some(*only);
        }
        let named =
            request.header(crate::CLUSTER_HEADER).or(self.default_cluster.as_deref().map(str::as_bytes));
        let first = candidates(request).next();
        let serves = |target: &&usize| {
            let Some(upstream) = self.upstreams.get(**target) else { return false };
            let has = |address| upstream.endpoints().position(address).is_some();
            named.is_none_or(|named| named == upstream.cluster.as_bytes()) && first.is_none_or(has)
        };
        route.targets.iter().find(serves).or(route.targets.first()).copied()
    }
}

/// The addresses that the router has named for a request, best first.
pub(crate) fn candidates(request: &impl RequestView) -> impl Iterator<Item = &str> {
    let list = request.header(crate::CANDIDATES_HEADER).unwrap_or_default();
    core::str::from_utf8(list).unwrap_or_default().split(',').filter(|address| !address.is_empty())
}

impl Upstream {
    fn new(configured: &Configured, host: &impl SharedData, now: Timestamp) -> Self {
        let endpoints = configured.endpoints().clone();
        let budget = configured.retry_budget();
        let followed = configured.outlier().is_some_and(|outlier| !outlier.shadow);
        let by_hand = (0..endpoints.len()).map(|index| configured.health(index)).collect();
        Self {
            name: configured.name().into(),
            cluster: configured.cluster().into(),
            budget: budget.map(|policy| Purse::new(*policy, "upstream", configured.name(), host, now)),
            latency: RefCell::default(),
            rotation: Rotation::new(configured.name(), endpoints, by_hand, followed, host),
            in_vain: Cell::new(0),
        }
    }

    /// All endpoints.
    pub(crate) fn endpoints(&self) -> &Endpoints {
        self.rotation.endpoints()
    }

    /// A retry has been answered; `well`: it helped.
    pub(crate) fn retried(&self, well: bool) {
        self.in_vain.set(if well { 0 } else { self.in_vain.get().saturating_add(1) });
    }

    /// Whether trying again does not help now: everything fails, not one endpoint. First attempts that fail say nothing of it:
    /// an endpoint that dies fails all its requests at once, and the others can take them.
    pub(crate) fn retries_are_in_vain(&self) -> bool {
        self.in_vain.get() >= IN_VAIN
    }
}
