//! A configuration made ready to decide: route table, policies, budgets, and what is known of every upstream.
//!
//! Built once per configuration and worker; nothing is parsed or built on the request path.

use std::rc::Rc;
use switchyard_config::{Document, Route as ConfiguredRoute, Target, Upstream as Configured};
use switchyard_core::budget::{Budget, BudgetPolicy, Concurrency};
use switchyard_core::contract::{CANDIDATES_HEADER, CLUSTER_HEADER};
use switchyard_core::memory::Memory;
use switchyard_core::retry::exchanges::{Fund, Policy, Upstream as Known, WorkerBudget};
use switchyard_core::retry::{Engine, Steering};
use switchyard_core::route::RouteTable;
use switchyard_core::{RequestView, Timestamp};
use switchyard_frame::Head;
use switchyard_frame::following::Following;
use switchyard_frame::rotation::Rotation;
use switchyard_frame::shared::tables::Table;
use switchyard_host::{Properties, RequestHeaders, SharedData};

/// A configuration in force in one worker.
#[derive(Default)]
pub(crate) struct Plan {
    table: Rc<RouteTable>,
    routes: Vec<Option<Route>>,
    /// The upstreams that requests of each route go to, by their positions.
    targets: Vec<Box<[usize]>>,
    /// The position of each upstream's own route, whose policy is the upstream's.
    of_upstreams: Vec<Option<usize>>,
    upstreams: Vec<Upstream>,
    following: Following,
    default_cluster: Option<Box<str>>,
    /// An upstream has a retry policy: a route of Envoy's own, or a split's, may go by it.
    retries_envoys: bool,
}

/// A route whose requests may be tried again.
pub(crate) struct Route {
    pub(crate) name: Box<str>,
    pub(crate) steering: Steering,
    pub(crate) policy: Rc<Policy>,
    table: Table,
}

/// An upstream and what this worker knows of it.
pub(crate) struct Upstream {
    pub(crate) name: Box<str>,
    pub(crate) cluster: Box<str>,
    pub(crate) rotation: Rotation,
    pub(crate) known: Rc<Known>,
    table: Table,
}

impl Plan {
    /// The plan of `document`, in a VM with these accounts; the tables of its budgets are created.
    /// `under_way` gives what counts the retries of a budget under way, whatever configuration they began under.
    pub(crate) fn new(
        document: &Document,
        memory: &Memory,
        under_way: impl Fn(&str) -> Concurrency,
        host: &impl SharedData,
        now: Timestamp,
    ) -> Self {
        let upstreams = document.upstreams().iter().enumerate();
        let upstreams = upstreams.map(|(number, one)| {
            Upstream::new(number, one, under_way(&format!("upstream {}", one.name())), host, now)
        });
        let upstreams = upstreams.collect();
        let routes = document.routes().iter().enumerate().map(|(number, route)| {
            let settings = route.retry()?.clone();
            let table = Table::budget("route", route.name());
            let active = under_way(&format!("route {}", route.name()));
            let budget = budget(settings.budget, (Fund::Route(number), &table, active), host, now);
            Some(Route {
                name: route.name().into(),
                steering: Steering::new(&settings),
                policy: Rc::new(Policy::new(number, settings, budget, memory)),
                table,
            })
        });
        let routes: Vec<_> = routes.collect();
        let default_cluster = document.default_cluster().map(Into::into);
        let following = Following::new(document);
        let is_envoys = |number: usize| document.routes().get(number).is_some_and(ConfiguredRoute::is_envoys);
        let retries_envoys =
            routes.iter().enumerate().any(|(number, one)| one.is_some() && is_envoys(number));
        let table = Rc::clone(document.table());
        let targets: Vec<Box<[usize]>> = document
            .routes()
            .iter()
            .map(|route| route.targets().iter().map(Target::upstream).collect())
            .collect();
        let mut of_upstreams = vec![None; document.upstreams().len()];
        for (position, targets) in targets.iter().enumerate().filter(|(number, _)| is_envoys(*number)) {
            if let Some(own) = targets.first().and_then(|upstream| of_upstreams.get_mut(*upstream)) {
                *own = Some(position);
            }
        }
        Self { table, routes, targets, of_upstreams, upstreams, following, default_cluster, retries_envoys }
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
        self.routes().any(|route| route.policy.settings().engine == Engine::Filter)
    }

    /// Whether the endpoints of any upstream are listed elsewhere.
    pub(crate) fn has_lists(&self) -> bool {
        !self.following.is_empty()
    }

    /// Takes in the lists of endpoints that have changed since the last look.
    pub(crate) fn take_lists(&self, host: &impl SharedData) {
        self.following.look(host, |position, upstream| {
            if let Some(known) = self.upstreams.get(position) {
                known.rotation.take(upstream, host);
            }
        });
    }

    /// All upstreams.
    pub(crate) fn upstreams(&self) -> &[Upstream] {
        &self.upstreams
    }

    /// The upstream at this position.
    pub(crate) fn upstream(&self, position: usize) -> Option<&Upstream> {
        self.upstreams.get(position)
    }

    /// Where a shared budget is.
    pub(crate) fn table(&self, of: Fund) -> Option<&Table> {
        match of {
            Fund::Route(position) => self.route(position).map(|route| &route.table),
            Fund::Upstream(position) => self.upstream(position).map(|upstream| &upstream.table),
        }
    }

    /// Which route a request with this head is of. Envoy's own routes are looked for only where one of them has a retry policy.
    pub(crate) fn route_of(&self, head: &Head, host: &(impl RequestHeaders + Properties)) -> Option<usize> {
        match self.retries_envoys {
            true => head.route(&self.table, host),
            false => head.route_of_document(&self.table, host),
        }
    }

    /// The route at this position, if it has a retry policy.
    pub(crate) fn route(&self, position: usize) -> Option<&Route> {
        self.routes.get(position)?.as_ref()
    }

    /// The route whose policy a request of the route at this position goes by, and the upstream that it goes to; `None`: it is not tried
    /// again. A split that says nothing of retries goes by what the upstream says that the router chose.
    pub(crate) fn policy_of(&self, position: usize, request: &impl RequestView) -> Option<(usize, usize)> {
        let has_policy = self.route(position).is_some();
        if !has_policy && !self.retries_envoys {
            return None;
        }
        let upstream = self.upstream_of(self.targets.get(position)?, request)?;
        let position = if has_policy { position } else { (*self.of_upstreams.get(upstream)?)? };
        self.route(position).map(|_| (position, upstream))
    }

    /// Of these targets of a route the one whose cluster and first endpoint the router has named, or whose cluster, if none has that
    /// endpoint by the lists that are known here.
    fn upstream_of(&self, targets: &[usize], request: &impl RequestView) -> Option<usize> {
        if let [only] = targets {
            return Some(*only);
        }
        let named = request.header(CLUSTER_HEADER).or(self.default_cluster.as_deref().map(str::as_bytes));
        let first = candidates(request).next();
        let of = |target: &usize| self.upstreams.get(*target);
        let is_named = |target: &&usize| {
            of(target).is_some_and(|one| named.is_none_or(|named| named == one.cluster.as_bytes()))
        };
        let has_first = |target: &&usize| {
            first.is_none_or(|address| of(target).is_some_and(|one| one.rotation.position(address).is_some()))
        };
        let mut named = targets.iter().filter(is_named);
        let of_cluster = named.clone().next();
        named.find(has_first).or(of_cluster).or(targets.first()).copied()
    }
}

/// The addresses that the router has named for a request, best first.
pub(crate) fn candidates(request: &impl RequestView) -> impl Iterator<Item = &str> {
    let list = request.header(CANDIDATES_HEADER).unwrap_or_default();
    core::str::from_utf8(list).unwrap_or_default().split(',').filter(|address| !address.is_empty())
}

impl Upstream {
    fn new(
        number: usize,
        configured: &Configured,
        active: Concurrency,
        host: &impl SharedData,
        now: Timestamp,
    ) -> Self {
        let table = Table::budget("upstream", configured.name());
        let policy = configured.retry_budget();
        let budget =
            policy.map(|policy| budget(*policy, (Fund::Upstream(number), &table, active), host, now));
        Self {
            name: configured.name().into(),
            cluster: configured.cluster().into(),
            rotation: Rotation::new(configured, host),
            known: Rc::new(Known::new(number, budget)),
            table,
        }
    }
}

/// A budget whose table is created if need be.
fn budget(
    policy: BudgetPolicy,
    (of, table, active): (Fund, &Table, Concurrency),
    host: &impl SharedData,
    now: Timestamp,
) -> WorkerBudget {
    // Without a table nothing is ever withdrawn: no retries, and the requests go on.
    let _ = table.create(host);
    WorkerBudget::new(policy, of, active, &Budget::decode(&table.read(host)), now)
}
