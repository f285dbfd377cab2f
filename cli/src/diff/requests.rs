//! Requests that go elsewhere: samples sent through the route tables of both documents.
//!
//! Invariant: what is compared is what becomes of a request: the upstreams that it may go to, their clusters, whether it is sent there, and, if it is of a route of another name, what that
//! route says of splits, retries, coalescing and batching. What a route of one name says otherwise now is a setting that has changed.

use super::{pairs, samples};
use crate::decision::{Prepared, Request};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use switchyard_config::{Mode, Route};

/// Requests that go elsewhere, all in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rerouted {
    /// One of them: `GET shop.example/cart`.
    pub example: String,
    /// How many samples there are like it.
    pub samples: usize,
    /// What differs: `upstream`, `cluster`, `mode`, or a section of the route: `retry`, `coalesce`, …
    pub differs: Vec<String>,
    /// Where they go under the old document; none: no route is for them.
    pub old: Option<Goes>,
    /// Where they go under the new document.
    pub new: Option<Goes>,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Goes {
    /// The route.
    pub route: String,
    /// The upstreams that it may go to.
    pub upstreams: Vec<String>,
    /// Envoy's clusters of these.
    pub clusters: Vec<String>,
    /// Whether it is sent there; under `mode: shadow` Envoy goes its own way.
    pub is_steered: bool,
}

/// What routes say besides where requests go.
const SECTIONS: [&str; 5] = ["split", "split_on", "retry", "coalesce", "batch"];

/// What of [`Rerouted::differs`] is about where requests go.
pub(super) const PLACES: [&str; 4] = ["route", "upstream", "cluster", "mode"];

/// A route that a request is of.
struct Taken<'a> {
    goes: Goes,
    position: usize,
    /// The route as it is written.
    tree: Option<&'a Value>,
}

impl<'a> Taken<'a> {
    fn of(document: &'a Prepared, request: &Request) -> Option<Self> {
        let position = document.document().table().find(&request.view())?;
        let tree = document.tree().get("routes").and_then(|routes| routes.get(position));
        let route = document.document().routes().get(position)?;
        Some(Self { goes: Goes::of(document, route), position, tree })
    }
}

impl Goes {
    fn of(document: &Prepared, route: &Route) -> Self {
        let targets = route.targets().iter().filter(|target| target.weight() > 0);
        let mut upstreams: Vec<_> = targets.map(|target| target.name().to_owned()).collect();
        upstreams.sort();
        let cluster = |name: &String| document.upstream(name).map(|one| one.cluster().to_owned());
        let mut clusters: Vec<_> = upstreams.iter().filter_map(cluster).collect();
        clusters.sort();
        let is_steered = document.document().mode() == Mode::Enforce;
        Self { route: route.name().to_owned(), upstreams, clusters, is_steered }
    }
}

/// What of two decisions differs.
fn differs(before: Option<&Taken<'_>>, after: Option<&Taken<'_>>, pairs: &[(usize, usize)]) -> Vec<String> {
    let (Some(before), Some(after)) = (before, after) else {
        let is_same = before.is_none() && after.is_none();
        return if is_same { Vec::new() } else { vec!["route".to_owned()] };
    };
    let mut differs = Vec::new();
    if before.goes.upstreams != after.goes.upstreams {
        differs.push("upstream".to_owned());
    } else if before.goes.clusters != after.goes.clusters {
        differs.push("cluster".to_owned());
    }
    if before.goes.is_steered != after.goes.is_steered {
        differs.push("mode".to_owned());
    }
    if !pairs.contains(&(before.position, after.position)) {
        let section = |taken: &Taken<'_>, name: &str| taken.tree.and_then(|tree| tree.get(name)).cloned();
        let others = SECTIONS.iter().filter(|name| section(before, name) != section(after, name));
        differs.extend(others.map(|name| (*name).to_owned()));
    }
    differs
}

/// Requests that go elsewhere, and how many were tried.
pub(super) fn rerouted(old: &Prepared, new: &Prepared, notes: &mut Vec<String>) -> (Vec<Rerouted>, usize) {
    let matchers: Vec<_> = [old, new].into_iter().flat_map(|one| one.document().matchers()).collect();
    let (samples, without) = samples::of(&matchers);
    if without > 0 {
        notes.push(format!(
            "no request could be made up for {without} conditions; what only they are for was not compared"
        ));
    }
    if samples.len() >= samples::MOST {
        notes.push(format!("only {} requests were compared", samples.len()));
    }
    let pairs = pairs::routes(old, new);
    let mut found: BTreeMap<Way, (Request, usize)> = BTreeMap::new();
    for sample in &samples {
        let request = sample.request();
        let (before, after) = (Taken::of(old, &request), Taken::of(new, &request));
        let differs = differs(before.as_ref(), after.as_ref(), &pairs);
        if !differs.is_empty() {
            let way = (differs, before.map(|taken| taken.goes), after.map(|taken| taken.goes));
            found.entry(way).or_insert((request, 0)).1 += 1;
        }
    }
    let all = found.into_iter().map(|((differs, old, new), (request, samples))| Rerouted {
        example: example(&request),
        samples,
        differs,
        old,
        new,
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by_cached_key(|one| (one.risk(), core::cmp::Reverse(one.samples), one.example.clone()));
    (all, samples.len())
}

/// What differs, and both places.
type Way = (Vec<String>, Option<Goes>, Option<Goes>);

impl Rerouted {
    /// What goes nowhere is worst, then what goes elsewhere, then what is treated otherwise; what went nowhere before is least.
    pub(super) fn risk(&self) -> u8 {
        match (&self.old, &self.new) {
            (_, None) => 0,
            (Some(_), Some(_)) if self.differs.iter().any(|one| PLACES.contains(&one.as_str())) => 1,
            (Some(_), Some(_)) => 2,
            (None, Some(_)) => 3,
        }
    }
}

/// `GET shop.example/cart x-user: alice`.
fn example(request: &Request) -> String {
    let view = request.head();
    let of = |name: &str| request.header(name);
    let headers = view.iter().filter(|(name, _)| !name.starts_with(':'));
    let headers: String = headers.map(|(name, value)| format!(" {name}: {value}")).collect();
    format!("{} {}{}{headers}", of(":method"), of(":authority"), of(":path"))
}
