//! A configuration made ready to decide: which route a request is of, the policy of each, and where its calls go.

use core::cell::Cell;
use hashbrown::HashMap;
use std::rc::Rc;
use switchyard_config::{Document, Upstream as Configured};
use switchyard_core::batch::Scope;
use switchyard_core::batch::gather::Policy;
use switchyard_core::budget::Concurrency;
use switchyard_core::memory::Memory;
use switchyard_core::route::RouteTable;
use switchyard_frame::following::Following;
use switchyard_frame::rotation::{Next, Rotation};
use switchyard_host::SharedData;

/// A configuration in force in one worker.
#[derive(Default)]
pub(crate) struct Plan {
    table: Rc<RouteTable>,
    /// Of each route, if it batches.
    batched: Vec<Option<Batched>>,
    /// Their places, by the routes' names: there may be thousands, and a call looks for one.
    places: HashMap<Box<str>, usize>,
    /// Whether somebody else looks after the health of any upstream, or lists its endpoints.
    has_followers: bool,
    following: Following,
}

/// A route that batches.
pub(crate) struct Batched {
    pub(crate) policy: Rc<Policy>,
    upstream: Option<Upstream>,
    /// What the gauges say that is held under this policy: requests, and bytes.
    pub(crate) told: Cell<(u64, u64)>,
}

/// Where calls go.
pub(crate) struct Upstream {
    position: usize,
    pub(crate) cluster: Box<str>,
    pub(crate) rotation: Rotation,
}

impl Upstream {
    fn new(position: usize, configured: &Configured, host: &impl SharedData) -> Self {
        Self { position, cluster: configured.cluster().into(), rotation: Rotation::new(configured, host) }
    }

    /// The address that the next call goes to: `Some(None)` whichever the cluster chooses, `None` to none.
    pub(crate) fn next_address(&self) -> Option<Option<Box<str>>> {
        match self.rotation.next() {
            Next::Address(address) => Some(Some(address)),
            Next::Unnamed => Some(None),
            Next::Nowhere => None,
        }
    }
}

impl Plan {
    /// The plan of `document`, the configuration with this number, in a VM with these accounts.
    pub(crate) fn new(
        document: &Document,
        configuration: u64,
        memory: &Memory,
        repeats: impl Fn(&str) -> Concurrency,
        host: &impl SharedData,
    ) -> Self {
        let mut plan = Self::default();
        for route in document.routes() {
            let Some(batching) = route.batch() else {
                plan.batched.push(None);
                continue;
            };
            if batching.settings().key.mixes_principals {
                log::warn!(
                    "switchyard.batch: route {} batches requests of different principals: calls are made with the \
                     credentials of the first",
                    route.name()
                );
            }
            let key = &batching.settings().key;
            if !key.principal.is_empty() && !key.principal.iter().any(|name| &**name == "authorization") {
                log::warn!(
                    "switchyard.batch: route {} tells principals apart by {}, and not by their credentials where a request has \
                     that: calls are made with the credentials of the first",
                    route.name(),
                    key.principal.join(", ")
                );
            }
            let policy = Policy::new(route.name(), configuration, batching.settings().clone())
                .within(memory)
                .repeating(repeats(route.name()));
            let upstream = document.upstreams().get(batching.upstream());
            let upstream = upstream.map(|upstream| Upstream::new(batching.upstream(), upstream, host));
            plan.places.insert(route.name().into(), plan.batched.len());
            plan.has_followers |= upstream.as_ref().is_some_and(|upstream| upstream.rotation.follows());
            plan.batched.push(Some(Batched { policy: Rc::new(policy), upstream, told: Cell::default() }));
        }
        plan.table = Rc::clone(document.table());
        plan.following = Following::new(document);
        plan.has_followers |= !plan.following.is_empty();
        plan.look(host);
        plan
    }

    /// The routes that batch.
    pub(crate) fn batched(&self) -> impl Iterator<Item = &Batched> {
        self.batched.iter().flatten()
    }

    /// The policies there are.
    pub(crate) fn policies(&self) -> impl Iterator<Item = &Rc<Policy>> {
        self.batched().map(|batched| &batched.policy)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.batched().next().is_none()
    }

    /// Whether any reaches beyond its worker.
    pub(crate) fn has_proxy_scope(&self) -> bool {
        self.policies().any(|policy| policy.settings().scope == Scope::Proxy && !policy.settings().shadow)
    }

    /// Which route a request is of.
    pub(crate) fn table(&self) -> &RouteTable {
        &self.table
    }

    /// The policy of a route, if it has one.
    pub(crate) fn policy(&self, route: usize) -> Option<&Rc<Policy>> {
        let batched = self.batched.get(route)?.as_ref()?;
        Some(&batched.policy)
    }

    /// Where the calls of a route go.
    pub(crate) fn upstream_of(&self, policy: &Policy) -> Option<&Upstream> {
        let place = self.places.get(policy.route())?;
        self.batched.get(*place)?.as_ref()?.upstream.as_ref()
    }

    /// Whether somebody else looks after the health of any upstream.
    pub(crate) fn has_followers(&self) -> bool {
        self.has_followers
    }

    /// Takes in what others say about endpoints: which there are, and where each stands.
    pub(crate) fn look(&self, host: &impl SharedData) {
        let upstreams = || self.batched().filter_map(|batched| batched.upstream.as_ref());
        self.following.look(host, |position, newer| {
            let theirs = upstreams().filter(|upstream| upstream.position == position);
            theirs.for_each(|upstream| upstream.rotation.take(newer, host));
        });
        let followers = upstreams().filter(|upstream| upstream.rotation.follows());
        followers.for_each(|upstream| upstream.rotation.look_at_health(host));
    }
}
