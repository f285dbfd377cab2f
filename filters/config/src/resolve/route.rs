//! Routes: where requests of one kind go. Which requests those are is [`super::matcher`].

use super::batch::Batching;
use super::matcher::matcher;
use super::target::{Known, Target, goes_to, target, targets};
use super::upstream::Upstream;
use super::{batch, check_name, coalesce, hash_on, refuse_duplicates, retry};
use crate::error::{Errors, Fault, Path, cut};
use crate::raw;
use switchyard_core::coalesce::Settings as CoalesceSettings;
use switchyard_core::hash::HashOn;
use switchyard_core::retry::Settings as RetrySettings;
use switchyard_core::route::Matcher;

/// Where requests of one kind go.
#[derive(Clone, Debug)]
pub struct Route {
    name: Box<str>,
    targets: Vec<Target>,
    split_on: Vec<HashOn>,
    retry: Option<RetrySettings>,
    coalesce: Option<CoalesceSettings>,
    batch: Option<Batching>,
    is_envoys: bool,
}

impl Route {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its requests go; one at least, and one weight at least is not 0.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// What makes the split sticky; empty: it is random.
    pub fn split_on(&self) -> &[HashOn] {
        &self.split_on
    }

    /// How its requests are tried again, if they are.
    pub fn retry(&self) -> Option<&RetrySettings> {
        self.retry.as_ref()
    }

    /// How its identical requests share an answer, if they do. Whether credentials keep clients apart is
    /// [`switchyard_core::coalesce::KeyPolicy::share_across_principals`], of which a filter warns.
    pub fn coalesce(&self) -> Option<&CoalesceSettings> {
        self.coalesce.as_ref()
    }

    /// Whether it is one of Envoy's own, whose requests go to the upstream's cluster anyhow.
    pub fn is_envoys(&self) -> bool {
        self.is_envoys
    }

    /// The headers by which clients say how much time a request of it has, besides `grpc-timeout`.
    pub fn deadline_headers(&self) -> impl Iterator<Item = &str> {
        let of_retry = self.retry().and_then(|retry| retry.deadline.header.as_deref());
        let of_batch = self.batch().and_then(|batch| batch.settings().deadline.header.as_deref());
        of_retry.into_iter().chain(of_batch.filter(|name| Some(*name) != of_retry))
    }

    /// How its distinct requests share calls, if they do. Whether principals keep them apart is
    /// [`switchyard_core::batch::KeyPolicy::mixes_principals`], of which a filter warns.
    pub fn batch(&self) -> Option<&Batching> {
        self.batch.as_ref()
    }
}

/// What the names of Envoy's own routes begin with; the rest is the upstream's.
const ENVOYS: &str = "cluster:";

impl Route {
    /// Envoy's own route to the cluster of the upstream at this position.
    pub(super) fn envoys(upstream: usize, name: &str, retry: Option<RetrySettings>) -> Self {
        Self {
            name: format!("{ENVOYS}{name}").into(),
            targets: vec![Target::only(upstream, name)],
            split_on: Vec::new(),
            retry,
            coalesce: None,
            batch: None,
            is_envoys: true,
        }
    }

    /// The same, whose requests are tried again by what its only upstream says, if it says nothing itself.
    fn inheriting(mut self, upstreams: &[Upstream]) -> Self {
        if let (None, [only]) = (&self.retry, self.targets.as_slice()) {
            self.retry = upstreams.get(only.upstream()).and_then(Upstream::retry).cloned();
        }
        self
    }
}

/// The retries that each upstream asks for, in the order of the document.
pub(super) fn retries_of_upstreams(raw: &raw::Document, errors: &mut Errors) -> Vec<Option<RetrySettings>> {
    let known = Known::new(raw);
    let at = Path::Root.field("upstreams");
    let retry = |(index, upstream): (usize, &raw::Upstream)| {
        let at = at.index(index);
        // As a route to it alone.
        let route = raw::Route {
            retry: upstream.retry.clone(),
            upstream: upstream.name.clone(),
            ..raw::Route::default()
        };
        let other = |name: &str, at: &Path<'_>, errors: &mut Errors| other(name, &route, &known, at, errors);
        retry::resolve(&route, known.shadow, other, &at.field("retry"), errors)
    };
    known.list.iter().enumerate().map(retry).collect()
}

/// All routes of the document, and their conditions in the same order.
pub(super) fn resolve_all(
    raw: &raw::Document,
    upstreams: &[Upstream],
    errors: &mut Errors,
) -> (Vec<Route>, Vec<Matcher>) {
    let list = raw.routes.as_deref().unwrap_or_default();
    let at = Path::Root.field("routes");
    refuse_equal_names(list, &at, errors);
    let known = Known::new(raw);
    let resolved = list.iter().enumerate().filter_map(|(index, raw)| {
        let at = at.index(index);
        let matcher = raw.r#match.as_ref().map(|raw| matcher(raw, &at.field("match"), errors));
        let route = resolve(raw, index, &known, &at, errors);
        Some((route?.inheriting(upstreams), matcher?))
    });
    resolved.unzip()
}

/// What a route without a name is called.
fn default_name(index: usize) -> String {
    format!("route-{index}")
}

fn refuse_equal_names(list: &[raw::Route], at: &Path<'_>, errors: &mut Errors) {
    let named = || list.iter().enumerate().filter_map(|(index, raw)| Some((index, raw.name.as_deref()?)));
    refuse_duplicates(named(), |index, name, first| {
        let problem = format!("{:?} is the name of routes[{first}] already; names are unique", cut(name));
        errors.add_as(Fault::Duplicate, &at.index(index).field("name"), problem);
    });
    for (index, name) in named() {
        let other = name.strip_prefix("route-").and_then(|position| position.parse::<usize>().ok());
        let Some(other) = other.filter(|other| default_name(*other) == name) else { continue };
        if list.get(other).is_some_and(|raw| raw.name.is_none() && !raw.bad.contains(&"name")) {
            let problem = format!("{name:?} is what routes[{other}] is called without a name; take another");
            errors.add(&at.index(index).field("name"), problem);
        }
    }
}

fn resolve(
    raw: &raw::Route,
    index: usize,
    known: &Known<'_>,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<Route> {
    if let Some(name) = &raw.name {
        check_name(name, &at.field("name"), errors);
        if name.starts_with(ENVOYS) {
            let problem = format!("{:?}: Envoy's own routes are called so; take another name", cut(name));
            errors.add(&at.field("name"), problem);
        }
    }
    let split_on_at = at.field("split_on");
    let split_on = raw.split_on.as_deref().map(|list| hash_on::resolve(list, &split_on_at, errors));
    if raw.split_on.is_some() && raw.split.is_none() && !raw.bad.contains(&"split") {
        errors.add(&split_on_at, "belongs to a split; add `split` or remove it");
    }
    let other = |name: &str, at: &Path<'_>, errors: &mut Errors| other(name, raw, known, at, errors);
    let retry = retry::resolve(raw, known.shadow, other, &at.field("retry"), errors);
    let coalesce = coalesce::resolve(raw, known.shadow, &at.field("coalesce"), errors);
    let named =
        |name: &str, at: &Path<'_>, errors: &mut Errors| Some(target(name, 1, known, at, errors)?.upstream());
    let batch = batch::resolve(raw, known.shadow, named, &at.field("batch"), errors);
    let targets = targets(raw, known, at, errors)?;
    let name = raw.name.as_deref().map_or_else(|| default_name(index).into(), Into::into);
    let batch = batch.and_then(|(settings, upstream)| {
        Some(Batching::new(settings, upstream.or_else(|| Some(targets.first()?.upstream()))?))
    });
    let split_on = split_on.unwrap_or_default();
    Some(Route { name, targets, split_on, retry, coalesce, batch, is_envoys: false })
}

/// The upstream of this name, where requests of the route do not go otherwise.
fn other(
    name: &str,
    route: &raw::Route,
    known: &Known<'_>,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<usize> {
    if goes_to(route, name) {
        let problem = format!("{:?} is where the route's requests go already; name another", cut(name));
        errors.add(at, problem);
    }
    target(name, 1, known, at, errors).map(|target| target.upstream())
}
