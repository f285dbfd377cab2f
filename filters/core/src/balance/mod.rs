//! Choosing endpoints: one [`Balancer`] per upstream, one file per policy.
//!
//! Invariants: candidates are distinct and admitted ([`Admission`]: in panic health is ignored, but for what the operator has
//! taken out by hand); whenever anyone is admitted there is a candidate. Buffers are kept, so a choice in the steady state allocates nothing. A hash policy without a
//! hash chooses nobody: the caller has a policy for that case.
//!
//! With several levels of priority ([`crate::priority`]) each level has a table of its own, as in Envoy. A request draws its level by
//! the levels' shares, or by its hash where the policy hashes, and then perhaps a locality of the first level ([`ZoneAware`]). Behind
//! what the policy chooses there come, for retries, the level's others, those of the next levels, those of the levels before, and last
//! the degraded ones. Endpoints of one level that nobody has placed anywhere cost and decide as if there were no levels.

mod ask;
mod bounded_load;
mod candidates;
mod least_request;
mod level;
mod load_reported;
mod maglev;
mod peak_ewma;
mod policy;
mod pool;
mod random;
mod ring_hash;
mod rotation;
mod shares;
mod table;
mod weights;
mod zones;

use crate::health::Admission;
use crate::load::Loads;
use crate::priority::Availability::{Degraded, Healthy};
use crate::priority::{Layout, PriorityLoad};
use crate::{Endpoints, Locality, Timestamp};
use ask::Ask;
pub use bounded_load::{BoundedLoad, ConsistentHash};
pub use candidates::Candidates;
use fastrand::Rng;
use level::Level;
pub use maglev::Maglev;
pub use policy::{HashFunction, Policy, RingSize};
pub use ring_hash::RingHash;
pub use zones::ZoneAware;
use zones::Zones;

/// What a choice looks at.
pub struct Choice<'a> {
    /// The request's key, for policies that hash.
    pub hash: Option<u64>,
    /// The time now, for policies that learn from latency.
    pub now: Timestamp,
    /// Randomness.
    pub rng: &'a mut Rng,
    /// Load of the endpoints.
    pub loads: &'a Loads,
    /// Who may be chosen.
    pub admission: Admission<'a>,
}

/// Chooses endpoints by one policy; holds its tables and its place in them.
///
/// ```
/// use core::num::NonZeroU32;
/// use switchyard_core::balance::{Balancer, Candidates, Choice, Policy};
/// use switchyard_core::health::Admission;
/// use switchyard_core::load::Loads;
/// use switchyard_core::{Endpoint, Endpoints, Timestamp};
///
/// let at = |address: &str| Endpoint::new(address, NonZeroU32::MIN);
/// let endpoints = Endpoints::new(["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"].map(at).into());
/// let policy = Policy::Maglev { table_size: 251, hash_balance_factor: None };
/// let mut balancer = Balancer::new(&policy, &endpoints);
///
/// let mut candidates = Candidates::new(2);
/// let choice = Choice {
///     hash: Some(7),
///     now: Timestamp::from_millis(0),
///     rng: &mut fastrand::Rng::with_seed(1),
///     loads: &Loads::new(endpoints.len()),
///     admission: Admission::everyone(),
/// };
/// balancer.choose(choice, &mut candidates);
/// assert_eq!(candidates.len(), 2, "where the request goes, and where if that fails");
/// ```
#[derive(Clone, Debug)]
pub struct Balancer {
    hashes: bool,
    /// First resort first; one at least.
    levels: Box<[Level]>,
    zones: Option<Zones>,
    /// What one level chooses, by places in its list.
    chosen: Candidates,
}

impl Balancer {
    /// A balancer of `endpoints` by `policy`. Builds the policy's table of each level, if it has one.
    pub fn new(policy: &Policy, endpoints: &Endpoints) -> Self {
        Self::zone_aware(policy, endpoints, None)
    }

    /// The same; with `zone_aware` it prefers its own locality once it knows it ([`Balancer::locate`]), unless the policy hashes.
    pub fn zone_aware(policy: &Policy, endpoints: &Endpoints, zone_aware: Option<ZoneAware>) -> Self {
        let layout = if Layout::is_flat(endpoints) { Layout::default() } else { Layout::of(endpoints) };
        let levels = match &*layout.levels {
            [] | [_] => vec![Level::of_all(policy, endpoints)],
            levels => {
                let policy = policy.split(levels.len());
                levels.iter().map(|level| Level::of(&policy, &level.members, endpoints)).collect()
            }
        };
        let zone_aware = zone_aware.filter(|_| !policy.needs_hash() && !layout.parts.is_empty());
        Self {
            hashes: policy.needs_hash(),
            levels: levels.into(),
            zones: zone_aware.map(|settings| Zones::new(settings, policy, &layout.parts, endpoints)),
            chosen: Candidates::default(),
        }
    }

    /// Takes over what endpoints have reported by `now`, if the policy looks at it and it is time to; called on ticks and with each
    /// report, so that a choice needs no clock for it.
    pub fn refresh(&mut self, now: Timestamp, loads: &Loads) {
        self.levels.iter_mut().for_each(|level| level.refresh(now, loads));
        if let Some(zones) = &mut self.zones {
            zones.refresh(now, loads);
        }
    }

    /// Tells where the proxy is.
    pub fn locate(&mut self, own: &Locality) {
        if let Some(zones) = &mut self.zones {
            zones.locate(own);
        }
    }

    /// Adds the endpoints of one request to `candidates`, best first, until they are full or nobody is left. Returns whether the
    /// request's level is in panic: health was ignored there, or nobody was chosen.
    pub fn choose(&mut self, choice: Choice<'_>, candidates: &mut Candidates) -> bool {
        let load = choice.admission.load();
        let is_flat = load.is_none() && self.zones.is_none();
        match self.levels.first_mut().filter(|_| is_flat).and_then(Level::whole) {
            Some(table) => {
                let Choice { hash, now, rng, loads, admission } = choice;
                table.choose(Ask { hash, now, rng, loads: loads.into(), admission }, candidates);
                admission.is_panic()
            }
            None if self.hashes && choice.hash.is_none() => choice.admission.is_panic(),
            None => self.choose_by_level(choice, load, candidates),
        }
    }

    fn choose_by_level(
        &mut self,
        mut choice: Choice<'_>,
        load: Option<PriorityLoad<'_>>,
        candidates: &mut Candidates,
    ) -> bool {
        let key = choice.hash.filter(|_| self.hashes);
        let drawn = load.map_or((0, Healthy), |load| load.choose(key.unwrap_or_else(|| choice.rng.u64(..))));
        let (admission, chosen) = (choice.admission, &mut self.chosen);
        let panics = |level| load.map_or_else(|| admission.is_panic(), |load| load.is_panic(level));
        let in_panic = panics(drawn.0);
        if let Some(zones) = self.zones.as_mut().filter(|_| !in_panic && drawn == (0, Healthy))
            && let Some(zone) = zones.draw(&admission, choice.rng)
        {
            zone.add(&mut choice, admission.of_level(0, Healthy, false), chosen, candidates);
        }
        let levels = &mut self.levels;
        let count = levels.len();
        let mut add = |(level, availability), candidates: &mut Candidates| {
            if let Some(table) = levels.get_mut(level) {
                let admission = admission.of_level(level, availability, panics(level));
                table.add(&mut choice, admission, chosen, candidates);
            }
        };
        add(drawn, candidates);
        // Where the level's traffic is to fail, it does.
        if in_panic && candidates.is_empty() {
            return true;
        }
        let degraded = admission.has_degraded().then_some(Degraded);
        for availability in [Healthy].into_iter().chain(degraded) {
            let others = (drawn.0..count).chain(0..drawn.0).map(|level| (level, availability));
            others.filter(|other| *other != drawn).for_each(|other| add(other, candidates));
        }
        in_panic
    }
}
