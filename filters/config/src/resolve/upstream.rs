//! Upstreams and their endpoints.

use super::clusters::{self, ClusterPatterns};
use super::{balance, bounded, check_name, discovery, narrow, outlier, refuse_duplicates, retry};
use crate::error::{Errors, Fault, Path, cut};
use crate::raw;
use core::net::SocketAddr;
use core::num::NonZeroU32;
use std::rc::Rc;
use switchyard_core::balance::{Policy, ZoneAware};
use switchyard_core::budget::BudgetPolicy;
use switchyard_core::discovery::{Member, Source, Standing};
use switchyard_core::hash::HashOn;
use switchyard_core::health::{Health, HealthPolicy};
use switchyard_core::outlier::Settings;
use switchyard_core::retry::Settings as RetrySettings;
use switchyard_core::{Endpoint, EndpointIndex, Endpoints, Locality};

/// Envoy's highest number of a level.
const MAX_PRIORITY: u64 = 128;

/// A service that requests can be sent to.
#[derive(Clone, Debug)]
pub struct Upstream {
    name: Box<str>,
    cluster: Box<str>,
    endpoints: Endpoints,
    health: Rc<[Health]>,
    /// Who serves badly by its source's word; nobody, if it is empty.
    degraded: Rc<[bool]>,
    source: Option<Rc<Source>>,
    balance: balance::Balance,
    outlier: Option<Settings>,
    retry_budget: Option<BudgetPolicy>,
    retry: Option<RetrySettings>,
}

impl Upstream {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Envoy cluster that serves it.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Its endpoints: one at least if the document lists them; none yet if they have a source.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Where its endpoints come from, if the document does not list them.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_deref()
    }

    /// The same upstream with these endpoints, as its source told of them. Weights whose sum is too large for Envoy are all lowered alike.
    #[must_use]
    pub fn with_members(&self, members: &[Member]) -> Self {
        let sum: u64 = members.iter().map(|member| u64::from(member.weight.get())).sum();
        // Where a share becomes less than 1, it is 1: there may be as many of those as there are members.
        let most =
            u64::from(u32::MAX).saturating_sub(u64::try_from(members.len()).unwrap_or(u64::MAX)).max(1);
        let divisor = sum / most + 1;
        let weight = |member: &Member| {
            let lowered = u32::try_from(u64::from(member.weight.get()) / divisor).ok();
            lowered.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
        };
        let endpoint = |member: &Member| Endpoint {
            address: member.address.clone(),
            weight: weight(member),
            hash_key: member.hash_key.clone(),
            priority: member.priority.min(narrow(MAX_PRIORITY)),
            locality: (member.locality != Locality::default()).then(|| Box::new(member.locality.clone())),
        };
        Self {
            endpoints: Endpoints::new(members.iter().map(endpoint).collect()),
            health: members.iter().map(|member| member.standing.health()).collect(),
            degraded: members.iter().map(|member| member.standing == Standing::Degraded).collect(),
            ..self.clone()
        }
    }

    /// Where the operator puts the endpoint at `index`: `Healthy` or `Withdrawn`; where its source does, also `Ejected`.
    pub fn health(&self, index: EndpointIndex) -> Health {
        self.health.get(index).copied().unwrap_or_default()
    }

    /// Whether the endpoint at `index` is to serve only what those that are not degraded cannot.
    pub fn is_degraded(&self, index: EndpointIndex) -> bool {
        self.degraded.get(index).copied().unwrap_or_default()
    }

    /// How its endpoints are chosen.
    pub fn policy(&self) -> &Policy {
        &self.balance.policy
    }

    /// The policy for requests that have nothing to hash; never one that hashes.
    pub fn no_hash_policy(&self) -> &Policy {
        &self.balance.no_hash
    }

    /// What is hashed; empty unless the policy hashes.
    pub fn hash_on(&self) -> &[HashOn] {
        &self.balance.hash_on
    }

    /// How its endpoints in the proxy's own locality are preferred, if they are.
    pub fn zone_aware(&self) -> Option<ZoneAware> {
        self.balance.zone_aware
    }

    /// How many candidates a choice names, 1..=16.
    pub fn candidates(&self) -> usize {
        self.balance.candidates
    }

    /// How its endpoints are ejected, if they are.
    pub fn outlier(&self) -> Option<&Settings> {
        self.outlier.as_ref()
    }

    /// How many retries there may be of all its routes together, if that is bounded.
    pub fn retry_budget(&self) -> Option<&BudgetPolicy> {
        self.retry_budget.as_ref()
    }

    /// How its requests are tried again, if they are and their route does not say it.
    pub fn retry(&self) -> Option<&RetrySettings> {
        self.retry.as_ref()
    }

    /// The same for this cluster, under this name.
    pub(super) fn of_cluster(&self, name: &str, cluster: &str) -> Self {
        Self { name: name.into(), cluster: cluster.into(), ..self.clone() }
    }

    /// How health bears on choices.
    pub fn health_policy(&self) -> HealthPolicy {
        self.balance.health
    }
}

/// All upstreams, and the sections that stand for many, with these `retries`, which are in the order of the sections. One that cannot be resolved
/// is left out, with an error: the document is refused anyway.
pub(super) fn resolve_all(
    raw: &raw::Document,
    retries: Vec<Option<RetrySettings>>,
    errors: &mut Errors,
) -> (Vec<Upstream>, ClusterPatterns) {
    let list = raw.upstreams.as_deref().unwrap_or_default();
    let at = Path::Root.field("upstreams");
    let names =
        list.iter().enumerate().filter_map(|(index, upstream)| Some((index, upstream.name.as_deref()?)));
    refuse_duplicates(names, |index, name, first| {
        let problem = format!("{:?} is the name of upstreams[{first}] already; names are unique", cut(name));
        errors.add_as(Fault::Duplicate, &at.index(index).field("name"), problem);
    });
    let shadow = raw.mode == Some(raw::Mode::Shadow);
    let (mut upstreams, mut patterns) = (Vec::new(), Vec::new());
    for ((index, raw), retry) in list.iter().enumerate().zip(retries) {
        let at = at.index(index);
        let Some(mut upstream) = resolve(raw, shadow, &at, errors) else { continue };
        upstream.retry = retry;
        patterns.extend(clusters::pattern(raw, &upstream, &at, errors));
        if !raw.stands_for_many() {
            upstreams.push(upstream);
        }
    }
    (upstreams, patterns.into_iter().collect())
}

fn resolve(raw: &raw::Upstream, shadow: bool, at: &Path<'_>, errors: &mut Errors) -> Option<Upstream> {
    if let Some(name) = &raw.name {
        check_name(name, &at.field("name"), errors);
    }
    if raw.cluster.as_deref() == Some("") {
        errors.add(&at.field("cluster"), "is empty; name a cluster or remove it");
    }
    let endpoints_at = at.field("endpoints");
    let (list, source) = match &raw.endpoints {
        Some(raw::Endpoints::List(list)) => (Some(list.as_slice()), None),
        Some(raw::Endpoints::Source(raw)) => (None, discovery::resolve(raw, &endpoints_at, errors)),
        None => (None, None),
    };
    if list.is_some_and(<[_]>::is_empty) {
        errors.add(&endpoints_at, "is empty; name one endpoint at least");
    }
    let endpoints = endpoints(list.unwrap_or_default(), &endpoints_at, errors);
    let weight = endpoints.iter().map(|endpoint| u64::from(endpoint.weight.get())).sum();
    let members = (list.unwrap_or_default().len(), weight);
    let balance = balance::resolve(raw.balance.as_ref(), members, &at.field("balance"), errors);
    // Without a list nothing is said of how many there are.
    let count = list.map_or(usize::MAX, <[_]>::len);
    let outlier =
        raw.outlier.as_ref().map(|raw| outlier::resolve(raw, count, shadow, &at.field("outlier"), errors));
    let retry_budget =
        raw.retry_budget.as_ref().map(|raw| retry::budget(raw, &at.field("retry_budget"), errors));
    let name = raw.name.as_deref()?;
    let ejected = |endpoint: &raw::Endpoint| endpoint.health == Some(raw::Health::Ejected);
    let health = |endpoint| if ejected(endpoint) { Health::Withdrawn } else { Health::Healthy };
    Some(Upstream {
        name: name.into(),
        cluster: raw.cluster.as_deref().unwrap_or(name).into(),
        endpoints,
        health: list.unwrap_or_default().iter().map(health).collect(),
        source: source.map(Rc::new),
        degraded: Rc::default(),
        balance: balance?,
        outlier,
        retry_budget,
        retry: None,
    })
}

fn endpoints(list: &[raw::Endpoint], at: &Path<'_>, errors: &mut Errors) -> Endpoints {
    let addresses =
        list.iter().enumerate().filter_map(|(index, endpoint)| Some((index, endpoint.address.as_deref()?)));
    refuse_duplicates(addresses, |index, address, first| {
        let problem =
            format!("{:?} is endpoint {first} already; give it a higher weight instead", cut(address));
        errors.add_as(Fault::Duplicate, &at.index(index).field("address"), problem);
    });
    let keys =
        list.iter().enumerate().filter_map(|(index, endpoint)| Some((index, endpoint.hash_key.as_deref()?)));
    refuse_duplicates(keys.filter(|(_, key)| !key.is_empty()), |index, key, first| {
        let problem = format!("{:?} is the hash_key of endpoint {first} already; keys are unique", cut(key));
        errors.add_as(Fault::Duplicate, &at.index(index).field("hash_key"), problem);
    });
    let mut sum = 0u64;
    let mut resolved = Vec::with_capacity(list.len());
    for (index, raw) in list.iter().enumerate() {
        let at = at.index(index);
        let weight = weight(raw, &at.field("weight"), errors);
        sum = sum.saturating_add(u64::from(weight.get()));
        let priority = narrow(bounded(raw.priority, 0, 0, MAX_PRIORITY, &at.field("priority"), errors));
        let locality = locality(raw, &at, errors);
        let Some(address) = &raw.address else { continue };
        check_address(address, &at.field("address"), errors);
        if raw.hash_key.as_deref() == Some("") {
            errors.add(&at.field("hash_key"), "is empty; remove it to hash the address");
        }
        let hash_key = raw.hash_key.as_deref().map(Into::into);
        resolved.push(Endpoint { address: address.as_str().into(), weight, hash_key, priority, locality });
    }
    if sum > u64::from(u32::MAX) {
        errors.add_as(
            Fault::OutOfRange,
            at,
            format!("the weights sum to {sum}; Envoy takes a sum of at most {}", u32::MAX),
        );
    }
    Endpoints::new(resolved)
}

/// Where it is, if the document says so.
fn locality(raw: &raw::Endpoint, at: &Path<'_>, errors: &mut Errors) -> Option<Box<Locality>> {
    let parts = [("region", &raw.region), ("zone", &raw.zone), ("sub_zone", &raw.sub_zone)];
    for (field, _) in parts.iter().filter(|(_, part)| part.as_deref() == Some("")) {
        errors.add(&at.field(field), "is empty; name it or remove it");
    }
    let part = |part: &Option<String>| part.as_deref().unwrap_or_default().into();
    let locality =
        Locality { region: part(&raw.region), zone: part(&raw.zone), sub_zone: part(&raw.sub_zone) };
    (locality != Locality::default()).then(|| Box::new(locality))
}

fn weight(raw: &raw::Endpoint, at: &Path<'_>, errors: &mut Errors) -> NonZeroU32 {
    let Some(weight) = raw.weight else { return NonZeroU32::MIN };
    match u32::try_from(weight).ok().and_then(NonZeroU32::new) {
        Some(weight) => weight,
        None if weight == 0 => {
            errors.add_as(
                Fault::OutOfRange,
                at,
                "0 is no share; write 1 or more, or `health: ejected` to eject the endpoint",
            );
            NonZeroU32::MIN
        }
        None => {
            errors.add_as(
                Fault::OutOfRange,
                at,
                format!("{weight} is out of range; it takes 1 to {}", u32::MAX),
            );
            NonZeroU32::MIN
        }
    }
}

/// The address must be written as Envoy prints it, or override_host would not find the host.
fn check_address(address: &str, at: &Path<'_>, errors: &mut Errors) {
    let shown = cut(address);
    match address.parse::<SocketAddr>() {
        Ok(_) if address.contains('%') => {
            errors.add(at, format!("{shown:?} has a scope id; Envoy's addresses have none"));
        }
        Ok(parsed) if parsed.port() == 0 => {
            errors.add_as(Fault::OutOfRange, at, format!("{shown:?} has port 0; name a port"))
        }
        Ok(parsed) if parsed.to_string() != address => {
            errors.add(at, format!("{shown:?}; write it as Envoy does: \"{parsed}\""));
        }
        Ok(_) => {}
        Err(_) => errors.add_as(
            Fault::WrongType,
            at,
            format!(
                "{shown:?} is not ip:port; write \"10.0.0.1:8080\" or \"[2001:db8::1]:8080\", no host names"
            ),
        ),
    }
}
