//! One upstream in one worker: its balancers, the load and health they look at, and what was verified.
//!
//! Tables are built once per configuration and shared by all routes that use the upstream.

use crate::ejection::Ejection;
use crate::membership::{Membership, Verified};
use core::cell::OnceCell;
use core::time::Duration;
use std::borrow::Cow;
use std::rc::Rc;
use switchyard_config::Upstream as Configured;
use switchyard_core::balance::{Balancer, Candidates, Choice, Policy, ZoneAware};
use switchyard_core::discovery::Source;
use switchyard_core::hash::RequestHash;
use switchyard_core::health::{Health, HealthPolicy, HealthTable};
use switchyard_core::load::{InFlight, LatencyPolicy, LoadBook, Loads};
use switchyard_core::orca::{Report, ReportPolicy};
use switchyard_core::outlier::Ledger;
use switchyard_core::{EndpointIndex, Endpoints, Locality, Timestamp};
use switchyard_host::HeaderMap;

/// So many endpoints are named while somebody is out of rotation: as many as Envoy makes attempts, but for who asks for more.
const MOST_ATTEMPTS: usize = 16;

/// So many of those that are out of rotation are told of a request.
const MOST_PASSED_OVER: usize = 4;

/// The upstream's tables and live state.
pub(crate) struct Upstream {
    endpoints: Endpoints,
    hash_on: RequestHash,
    health_policy: HealthPolicy,
    latency: Option<LatencyPolicy>,
    reports: Option<ReportPolicy>,
    balancer: Named,
    no_hash: Option<Named>,
    is_zone_aware: bool,
    loads: Loads,
    health: HealthTable,
    membership: Membership,
    candidates: Candidates,
    ejection: Option<Ejection>,
    /// Its endpoints are listed elsewhere, and no list has come yet.
    awaits_list: bool,
    /// Where the proxy is, if that is known and of use.
    own: Option<Rc<Locality>>,
    /// One address is named: its cluster has no list of its own to go on with, and takes the header for an address.
    names_one: bool,
    /// Of each endpoint, once somebody has looked.
    shares: OnceCell<Box<[u32]>>,
}

struct Named {
    policy: &'static str,
    hashes: bool,
    balancer: Balancer,
}

impl Named {
    fn new(policy: &Policy, endpoints: &Endpoints, zone_aware: Option<ZoneAware>) -> Self {
        Self {
            policy: policy.name(),
            hashes: policy.needs_hash(),
            balancer: Balancer::zone_aware(policy, endpoints, zone_aware),
        }
    }
}

/// What the upstream chose for a request.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// The policy that chose.
    pub(crate) policy: &'static str,
    /// The best candidate; `None` if there is nobody to choose.
    pub(crate) first: Option<EndpointIndex>,
    /// All candidates, best first, as override_host reads them: `ip:port,ip:port`.
    pub(crate) addresses: String,
    /// The request had nothing to hash, so the `no_hash` policy chose.
    pub(crate) without_hash: bool,
    /// Too few endpoints of the request's level are in rotation, so health was ignored, or nobody was chosen.
    pub(crate) in_panic: bool,
    /// Nobody was chosen, and so the request is to fail.
    pub(crate) fails: bool,
    /// No list of the upstream's endpoints has come yet.
    pub(crate) awaits_list: bool,
    /// Somebody is out of rotation, to whom Envoy's own retries must not come.
    pub(crate) somebody_is_out: bool,
    /// Nobody knows yet whether Envoy's cluster has the first candidate.
    pub(crate) unverified: bool,
    /// The endpoint that this request could try, if it is let.
    pub(crate) could_try: Option<EndpointIndex>,
}

impl Chosen {
    /// Why nobody was chosen, if nobody was.
    pub(crate) fn why_nobody(&self) -> Option<&'static str> {
        let why = match self {
            Self { awaits_list: true, .. } => "no_list",
            Self { fails: true, .. } => "fail_traffic_on_panic",
            _ => "no_endpoint",
        };
        self.first.is_none().then_some(why)
    }

    /// The candidates as they are named to Envoy: again and again while somebody is out of rotation, since behind the end of the
    /// list Envoy's retries would go to whom its cluster has.
    pub(crate) fn named(&self) -> Option<Cow<'_, str>> {
        if self.addresses.is_empty() {
            return None;
        }
        if !self.somebody_is_out {
            return Some(Cow::Borrowed(&self.addresses));
        }
        // Not the first again, which may be one that is only tried, unless there is no other.
        let names: Vec<&str> = self.addresses.split(',').collect();
        let again = names.get(1..).filter(|rest| !rest.is_empty()).unwrap_or(&names);
        let more = again.iter().cycle().take(MOST_ATTEMPTS.saturating_sub(names.len()));
        Some(Cow::Owned(names.iter().chain(more).copied().collect::<Vec<_>>().join(",")))
    }
}

impl Upstream {
    /// The state of an upstream that starts now; `since` tells per endpoint when it came into rotation.
    /// `book`: the load of what is in flight already.
    pub(crate) fn new(settings: &Configured, since: &[Option<Timestamp>], book: &mut LoadBook) -> Self {
        let endpoints = settings.endpoints().clone();
        let policy = settings.policy();
        let no_hash = policy.needs_hash().then(|| settings.no_hash_policy());
        let health_policy = settings.health_policy();
        // Without a slow start nobody would ever end the ramp, and every request would ask for the time.
        let ramps = health_policy.slow_start.is_some();
        let zone_aware = settings.zone_aware();
        let mut health = HealthTable::of(&endpoints);
        for index in 0..endpoints.len() {
            health.set(index, settings.health(index), since.get(index).copied().flatten().filter(|_| ramps));
            health.set_degraded(index, settings.is_degraded(index));
        }
        Self {
            hash_on: RequestHash::new(settings.hash_on().to_vec()),
            health_policy,
            latency: policy.latency().or_else(|| no_hash.and_then(Policy::latency)),
            reports: policy.reports().or_else(|| no_hash.and_then(Policy::reports)).cloned(),
            balancer: Named::new(policy, &endpoints, zone_aware),
            no_hash: no_hash.map(|policy| Named::new(policy, &endpoints, zone_aware)),
            is_zone_aware: zone_aware.is_some(),
            loads: book.loads(settings.name(), &endpoints),
            health,
            membership: Membership::new(endpoints.len()),
            candidates: Candidates::new(settings.candidates()),
            ejection: Ejection::new(settings),
            awaits_list: settings.source().is_some(),
            own: None,
            names_one: settings.candidates() == 1 && settings.source().is_some_and(Source::is_registry),
            shares: OnceCell::new(),
            endpoints,
        }
    }

    /// The same upstream with other endpoints: what is known of those that stay, stays known.
    pub(crate) fn succeed(
        &mut self,
        settings: &Configured,
        since: &[Option<Timestamp>],
        book: &mut LoadBook,
    ) {
        let mut newer = Self::new(settings, since, book);
        newer.awaits_list = false;
        if let Some(own) = self.own.take() {
            newer.locate(own);
        }
        newer.membership = self.membership.succeed(&self.endpoints, &newer.endpoints);
        newer.ejection = self.ejection.take().and_then(|ejection| ejection.succeed(settings));
        *self = newer;
    }

    /// What outlier says about the endpoints, if the operator lets it speak.
    pub(crate) fn ejection(&mut self) -> Option<&mut Ejection> {
        self.ejection.as_mut()
    }

    /// Takes in what outlier says; the operator's own word stands above it.
    pub(crate) fn follow(&mut self, ledger: &Ledger, now: Timestamp) {
        let Some(ejection) = &mut self.ejection else { return };
        let ramps = self.health_policy.slow_start.is_some();
        for (index, health) in ejection.healths(ledger) {
            let before = self.health.get(index);
            if before != health {
                let readmitted = ramps && health == Health::Healthy;
                self.health.set(index, health, readmitted.then_some(now));
            }
        }
    }

    /// Whether it asks where the proxy is.
    pub(crate) fn is_zone_aware(&self) -> bool {
        self.is_zone_aware
    }

    /// The proxy is here.
    pub(crate) fn locate(&mut self, own: Rc<Locality>) {
        for named in [Some(&mut self.balancer), self.no_hash.as_mut()].into_iter().flatten() {
            named.balancer.locate(&own);
        }
        self.own = Some(own);
    }

    /// The first few endpoints that are out of rotation, and how many there are.
    pub(crate) fn out_of_rotation(&self) -> (Vec<Box<str>>, usize) {
        if self.health.all_in_rotation() {
            return (Vec::new(), 0);
        }
        let out = || (0..self.endpoints.len()).filter(|index| self.health.get(*index) != Health::Healthy);
        let first = out().take(MOST_PASSED_OVER).filter_map(|index| self.endpoints.get(index));
        (first.map(|endpoint| endpoint.address.clone()).collect(), out().count())
    }

    /// Where an endpoint stands.
    pub(crate) fn health(&self, index: EndpointIndex) -> Health {
        self.health.get(index)
    }

    /// Its endpoints.
    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The policy that chooses for who has something to hash.
    pub(crate) fn policy(&self) -> &'static str {
        self.balancer.policy
    }

    /// The share of each endpoint; see [`Balancer::shares`]. Its tables stay as they were built, so they are looked through once, as soon as as many steps
    /// as that takes are left; `None` until then.
    pub(crate) fn shares(&self, is_weighted: bool, steps: &mut usize) -> Option<&[u32]> {
        let balancer = &self.balancer.balancer;
        let takes = if self.shares.get().is_some() { 0 } else { balancer.steps_to_shares() };
        if takes > 0 {
            // The last one may take more than is left: else a large one would never have its turn.
            *steps = steps.checked_sub(1)?.saturating_sub(takes);
        }
        Some(self.shares.get_or_init(|| balancer.shares(&self.endpoints, is_weighted).into()))
    }

    /// Requests under way to an endpoint.
    pub(crate) fn in_flight(&self, index: EndpointIndex) -> u32 {
        self.loads.active(index)
    }

    /// How many nanoseconds the first byte of an endpoint is expected to take, where the policy asks.
    pub(crate) fn expected_nanos(&self, index: EndpointIndex, now: Timestamp) -> u64 {
        self.latency.map_or(0, |policy| self.loads.latency_at(index, now, &policy) as u64)
    }

    /// What the upstream's key is made of.
    pub(crate) fn hash_on(&self) -> &RequestHash {
        &self.hash_on
    }

    /// Whether a choice looks at the time now; asking for it is a host call.
    pub(crate) fn needs_time(&self) -> bool {
        self.latency.is_some() || self.health.needs_time()
    }

    /// Whether the time to an answer is to be reported with [`Upstream::answered`].
    pub(crate) fn needs_latency(&self) -> bool {
        self.latency.is_some()
    }

    /// Whether what endpoints report of themselves is to be told with [`Upstream::reported`].
    pub(crate) fn needs_reports(&self) -> bool {
        self.reports.is_some()
    }

    /// Chooses the endpoints of one request.
    pub(crate) fn choose(&mut self, hash: Option<u64>, now: Timestamp, rng: &mut fastrand::Rng) -> Chosen {
        let without_hash = hash.is_none() && self.no_hash.is_some();
        if let Some(ejection) = &mut self.ejection {
            ejection.uses();
        }
        let named = match (&mut self.no_hash, hash) {
            (Some(no_hash), None) => no_hash,
            _ => &mut self.balancer,
        };
        let admission = self.health.admission(&self.health_policy, now);
        self.candidates.clear();
        let mut could_try = None;
        if self.health.has_half_open()
            && !admission.ignores_health()
            && self.ejection.as_ref().is_some_and(Ejection::may_ask)
        {
            could_try = if named.hashes && hash.is_some() {
                // Only its own keys try an endpoint: no other key moves for it.
                let loads = &self.loads;
                let choice = Choice { hash, now, rng: &mut *rng, loads, admission: admission.with_trials() };
                named.balancer.choose(choice, &mut self.candidates);
                self.candidates.first().filter(|index| self.health.get(*index) == Health::HalfOpen)
            } else {
                let nth = rng.usize(..self.health.half_open().count().max(1));
                self.health.half_open().nth(nth)
            };
            self.candidates.clear();
        }
        let choice = Choice { hash, now, rng, loads: &self.loads, admission };
        let in_panic = named.balancer.choose(choice, &mut self.candidates);
        let policy = named.policy;
        let first = self.candidates.first();
        Chosen {
            fails: first.is_none() && self.health_policy.fail_traffic_on_panic && !self.awaits_list,
            awaits_list: self.awaits_list,
            somebody_is_out: !self.health.all_in_rotation() && !self.names_one,
            could_try,
            policy,
            first,
            addresses: self.addresses(),
            without_hash,
            in_panic,
            unverified: first.is_some_and(|index| !self.membership.is_verified(index)),
        }
    }

    /// Puts `index` in front of what was chosen last; the others stay behind it, for retries.
    pub(crate) fn put_first(&mut self, index: EndpointIndex) -> String {
        self.candidates.promote(index);
        self.addresses()
    }

    fn addresses(&self) -> String {
        let mut text = String::with_capacity(self.candidates.len() * 22);
        for endpoint in self.candidates.iter().filter_map(|index| self.endpoints.get(index)) {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&endpoint.address);
        }
        text
    }

    /// A request goes to `index` at `now`, where the time is known. It counts until what is returned is dropped, whatever the
    /// policy: that of the next configuration may look at it.
    pub(crate) fn start(&self, index: EndpointIndex, now: Option<Timestamp>) -> Option<InFlight> {
        self.loads.start(index, now)
    }

    /// The endpoint at `address` began to answer `latency` after the end of the request; or, unless it `succeeded`, takes so
    /// long at least.
    pub(crate) fn answered(&self, address: &str, latency: Duration, succeeded: bool, now: Timestamp) {
        let (Some(policy), Some(index)) = (&self.latency, self.endpoints.position(address)) else { return };
        if succeeded {
            self.loads.observe(index, latency, now, policy);
        } else {
            self.loads.observe_at_least(index, latency, now, policy);
        }
    }

    /// The report in these headers or trailers, as far as the policy asks for it.
    pub(crate) fn report_in(&self, fields: &HeaderMap) -> Option<Report> {
        Report::of(fields, &self.reports.as_ref()?.metric_names)
    }

    /// Whether reports are taken off the answers.
    pub(crate) fn strips_reports(&self) -> bool {
        self.reports.as_ref().is_some_and(|policy| policy.strip)
    }

    /// The endpoint at `address` has reported this of itself.
    pub(crate) fn reported(&mut self, address: &str, report: &Report, now: Timestamp) {
        let (Some(policy), Some(index)) = (&self.reports, self.endpoints.position(address)) else { return };
        if let Some(weight) = policy.weight(report) {
            self.loads.report(index, weight, now, policy);
            self.refresh(now);
        }
    }

    /// Takes over what endpoints have reported, if the policy looks at it.
    pub(crate) fn refresh(&mut self, now: Timestamp) {
        if self.reports.is_some() {
            let named = [Some(&mut self.balancer), self.no_hash.as_mut()];
            named.into_iter().flatten().for_each(|named| named.balancer.refresh(now, &self.loads));
        }
    }

    /// A request that named `candidates` went to `address`; see [`Membership::verify`].
    pub(crate) fn verify(
        &mut self,
        candidates: &str,
        address: &str,
        attempts: impl FnOnce() -> Option<u64>,
    ) -> Verified {
        self.membership.verify(&self.endpoints, (candidates, address), attempts)
    }

    /// Looks at the first request to every endpoint once more.
    pub(crate) fn verify_again(&mut self) {
        self.membership.verify_again();
    }

    /// Forgets ramps that are over and takes over what is reported, so that choices need no clock.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        self.refresh(now);
        if let Some(slow_start) = &self.health_policy.slow_start {
            self.health.settle(now, slow_start);
        }
    }

    /// Endpoints by address with their health, for the roster.
    pub(crate) fn states(settings: &Configured) -> impl Iterator<Item = (&str, Health)> {
        let endpoints = settings.endpoints().iter().enumerate();
        endpoints.map(|(index, endpoint)| (&*endpoint.address, settings.health(index)))
    }
}
