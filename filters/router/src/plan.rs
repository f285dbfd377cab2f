//! A configuration made ready to decide: route table, splits, and every upstream's tables.
//!
//! Built once per configuration and worker; nothing is parsed, compiled or built on the request path.

use crate::arrivals::Arrivals;
use crate::upstream::{Chosen, Upstream};
use core::cell::{OnceCell, RefCell};
use std::rc::Rc;
use switchyard_config::{ClusterPatterns, Document, Mode, Route as RouteSettings};
use switchyard_core::decisions::Routed;
use switchyard_core::hash::{HashOutcome, NewCookie, RequestHash};
use switchyard_core::load::LoadBook;
use switchyard_core::route::RouteTable;
use switchyard_core::split::Split;
use switchyard_core::{RequestView, Timestamp};
use switchyard_frame::metrics::catalogue::{DECISIONS, FALLBACKS, PANICS};
use switchyard_frame::metrics::{Counter, Registry};
use switchyard_host::{Clock, MetricSink};

/// Why another policy stood in: the request had nothing to hash.
const NO_HASH: &str = "no_hash";

/// A configuration in force in one worker.
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    pub(crate) explain: bool,
    default_cluster: Option<Box<str>>,
    /// Requests that no route matches.
    pub(crate) unmatched: OnceCell<Counter>,
    table: Rc<RouteTable>,
    /// Sections that stand for many clusters.
    pub(crate) patterns: ClusterPatterns,
    routes: Vec<Route>,
    upstreams: Vec<Names>,
    worker: RefCell<Worker>,
}

struct Route {
    name: Box<str>,
    /// It is one of Envoy's own.
    is_envoys: bool,
    split: Option<Split>,
    split_on: RequestHash,
    targets: Vec<Target>,
    /// Headers by which clients of the route say how much time a request has.
    deadline_headers: Box<[Box<str>]>,
}

struct Target {
    upstream: usize,
    /// Decisions of the upstream's policy, and of the one that stands in for want of a hash.
    decisions: [OnceCell<Counter>; 2],
}

/// What an upstream and its cluster are called.
pub(crate) struct Names {
    name: Box<str>,
    cluster: Box<str>,
    /// Outlier judges the attempts, if only to say what it would do.
    judged: bool,
}

impl Names {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn cluster(&self) -> &str {
        &self.cluster
    }
}

/// What moves while requests are served.
struct Worker {
    rng: fastrand::Rng,
    upstreams: Vec<Upstream>,
}

/// What was decided for a request.
pub(crate) struct Decision<'plan> {
    pub(crate) route: &'plan str,
    pub(crate) counter: &'plan OnceCell<Counter>,
    pub(crate) upstream: usize,
    pub(crate) upstream_name: &'plan str,
    pub(crate) cluster: &'plan str,
    /// Envoy's own route leads to that cluster.
    pub(crate) is_there: bool,
    pub(crate) hash: Option<u64>,
    pub(crate) chosen: Chosen,
    /// The first is one that is only tried.
    pub(crate) is_trial: bool,
    pub(crate) cookies: Vec<NewCookie>,
    /// When it was decided, if anybody asked.
    pub(crate) now: Option<Timestamp>,
    pub(crate) needs_latency: bool,
    pub(crate) needs_reports: bool,
    /// Outlier judges the attempts, and must know what is the client's doing.
    pub(crate) judged: bool,
    /// Of the route.
    pub(crate) deadline_headers: &'plan [Box<str>],
}

impl Plan {
    /// The plan of `document`, in a worker whose VM remembers `arrivals`, with random numbers seeded by `seed`.
    pub(crate) fn new(
        document: &Document,
        arrivals: Option<&mut Arrivals>,
        book: Option<&mut LoadBook>,
        seed: u64,
        now: Timestamp,
    ) -> Self {
        let mut nothing = Arrivals::default();
        let arrivals = arrivals.unwrap_or(&mut nothing);
        let mut empty = LoadBook::default();
        let book = book.unwrap_or(&mut empty);
        let mut upstreams = Vec::new();
        let mut names = Vec::new();
        for settings in document.upstreams() {
            let since = arrivals.update(settings.name(), Upstream::states(settings), now);
            let mut upstream = Upstream::new(settings, &since, book);
            // What was reported under the configuration before.
            upstream.refresh(now);
            upstreams.push(upstream);
            names.push(Names {
                name: settings.name().into(),
                cluster: settings.cluster().into(),
                judged: settings.outlier().is_some(),
            });
        }
        arrivals.retain(&names.iter().map(|names| &*names.name).collect::<Vec<_>>());
        Self {
            mode: document.mode(),
            explain: document.explain(),
            default_cluster: document.default_cluster().map(Into::into),
            routes: document.routes().iter().map(Route::new).collect(),
            table: Rc::clone(document.table()),
            patterns: document.cluster_patterns().clone(),
            unmatched: OnceCell::new(),
            upstreams: names,
            worker: RefCell::new(Worker { rng: fastrand::Rng::with_seed(seed), upstreams }),
        }
    }

    /// The upstream at this position has other endpoints from `now` on.
    pub(crate) fn replace(
        &self,
        upstream: usize,
        settings: &switchyard_config::Upstream,
        (arrivals, book): (&mut Arrivals, &mut LoadBook),
        now: Timestamp,
    ) {
        let since = arrivals.update(settings.name(), Upstream::states(settings), now);
        self.with_upstream(upstream, |live| {
            live.succeed(settings, &since, book);
            // What was reported by those that stay.
            live.refresh(now);
        });
    }

    /// Upstreams, and routes of the document, for the log.
    pub(crate) fn size(&self) -> (usize, usize) {
        let own = self.routes.iter().filter(|route| !route.is_envoys);
        (self.upstreams.len(), own.count())
    }

    /// Which route a request is of.
    pub(crate) fn table(&self) -> &RouteTable {
        &self.table
    }

    /// Decides where a `request` of the route at this position goes; `None`: of none.
    pub(crate) fn decide(
        &self,
        route: Option<usize>,
        request: &impl RequestView,
        clock: &impl Clock,
    ) -> Option<Decision<'_>> {
        let route = self.routes.get(route?)?;
        let mut worker = self.worker.try_borrow_mut().ok()?;
        let Worker { rng, upstreams } = &mut *worker;
        let mut cookies = Vec::new();
        let target = route.target(request, rng, &mut cookies)?;
        let [with_hash, without_hash] = &target.decisions;
        let names = self.upstreams.get(target.upstream)?;
        let upstream = upstreams.get_mut(target.upstream)?;
        let HashOutcome { hash, set_cookie } = upstream.hash_on().evaluate(request, rng);
        cookies.extend(set_cookie);
        let now = if upstream.needs_time() { clock.now().ok() } else { None };
        let chosen = upstream.choose(hash, now.unwrap_or_default(), rng);
        Some(Decision {
            route: &route.name,
            counter: if chosen.without_hash { without_hash } else { with_hash },
            upstream: target.upstream,
            upstream_name: &names.name,
            cluster: &names.cluster,
            is_there: route.is_envoys || self.default_cluster.as_ref() == Some(&names.cluster),
            hash,
            chosen,
            is_trial: false,
            cookies,
            now,
            needs_latency: upstream.needs_latency(),
            needs_reports: upstream.needs_reports(),
            judged: names.judged,
            deadline_headers: &route.deadline_headers,
        })
    }

    /// Runs `change` on the live state of one upstream.
    pub(crate) fn with_upstream<R>(
        &self,
        upstream: usize,
        change: impl FnOnce(&mut Upstream) -> R,
    ) -> Option<R> {
        self.worker.try_borrow_mut().ok()?.upstreams.get_mut(upstream).map(change)
    }

    /// Runs `change` on the live state of every upstream.
    pub(crate) fn each_upstream(&self, change: impl FnMut(&mut Upstream)) {
        if let Ok(mut worker) = self.worker.try_borrow_mut() {
            worker.upstreams.iter_mut().for_each(change);
        }
    }
}

impl Plan {
    /// Runs `visit` on every upstream with its position and names.
    pub(crate) fn each_named(&self, mut visit: impl FnMut(usize, &Names, &mut Upstream)) {
        if let Ok(mut worker) = self.worker.try_borrow_mut() {
            for (index, (names, upstream)) in self.upstreams.iter().zip(&mut worker.upstreams).enumerate() {
                visit(index, names, upstream);
            }
        }
    }

    /// Whether outlier's word is followed for any upstream.
    pub(crate) fn follows(&self) -> bool {
        let mut follows = false;
        self.each_upstream(|upstream| follows |= upstream.ejection().is_some());
        follows
    }

    /// Whether any upstream asks where the proxy is.
    pub(crate) fn is_zone_aware(&self) -> bool {
        let mut asks = false;
        self.each_upstream(|upstream| asks |= upstream.is_zone_aware());
        asks
    }

    /// Whether any upstream has heartbeats.
    pub(crate) fn has_heartbeats(&self) -> bool {
        let mut has = false;
        self.each_upstream(|upstream| {
            has |= upstream.ejection().is_some_and(|ejection| ejection.settings.heartbeat.is_some());
        });
        has
    }
}

impl Decision<'_> {
    /// What is said of it to whoever reads the request's log.
    pub(crate) fn told(&self, passed_over: (Vec<Box<str>>, usize), is_shadow: bool) -> Routed<'_> {
        let Chosen { policy, addresses, without_hash, in_panic, .. } = &self.chosen;
        Routed {
            route: self.route,
            upstream: self.upstream_name,
            policy,
            hash: self.hash,
            candidates: addresses,
            passed_over,
            fallback: self.chosen.why_nobody().or(without_hash.then_some(NO_HASH)),
            is_trial: self.is_trial,
            in_panic: *in_panic,
            is_shadow,
        }
    }

    /// Counts the decision, and what was unusual about it.
    pub(crate) fn count(&self, registry: &Registry, sink: &impl MetricSink) {
        let upstream = self.upstream_name;
        let decisions = || registry.counter(sink, &DECISIONS, [self.route, upstream, self.chosen.policy]);
        self.counter.get_or_init(decisions).increment();
        let fallback = |reason| registry.counter(sink, &FALLBACKS, [upstream, reason]).increment();
        if self.chosen.without_hash {
            fallback(NO_HASH);
        }
        if let Some(reason) = self.chosen.why_nobody() {
            fallback(reason);
        }
        if self.chosen.in_panic {
            registry.counter(sink, &PANICS, [upstream]).increment();
        }
    }
}

impl Route {
    fn new(settings: &RouteSettings) -> Self {
        let targets = settings.targets();
        let split = || targets.iter().map(|target| (target.name().into(), target.weight())).collect();
        Self {
            name: settings.name().into(),
            is_envoys: settings.is_envoys(),
            split: (targets.len() > 1).then(|| Split::new(split())),
            split_on: RequestHash::new(settings.split_on().to_vec()),
            targets: targets
                .iter()
                .map(|target| Target { upstream: target.upstream(), decisions: Default::default() })
                .collect(),
            deadline_headers: settings.deadline_headers().map(Into::into).collect(),
        }
    }

    /// The target of a request: the only one, or the split's, by the request's key or at random.
    fn target(
        &self,
        request: &impl RequestView,
        rng: &mut fastrand::Rng,
        cookies: &mut Vec<NewCookie>,
    ) -> Option<&Target> {
        let Some(split) = &self.split else { return self.targets.first() };
        let HashOutcome { hash, set_cookie } = self.split_on.evaluate(request, rng);
        cookies.extend(set_cookie);
        self.targets.get(split.choose(hash.unwrap_or_else(|| rng.u64(..))))
    }
}
