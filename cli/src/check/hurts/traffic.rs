//! Budgets, shares, waits and upstreams that do not do what their being there suggests.

use crate::check::found::Found;
use crate::finding::codes;
use serde_json::Value;
use std::collections::BTreeSet;
use switchyard_config::{Batching, Document, Route, Target, Upstream};

pub(super) fn find(document: &Document, tree: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, route) in document.routes().iter().enumerate().filter(|(_, route)| !route.is_envoys()) {
        found.extend(idle_budget(index, tree));
        found.extend(late_batch(index, route));
        found.extend(idle_split(index, route));
    }
    let used = Used::by(document);
    let sections = tree.get("upstreams").and_then(Value::as_array).into_iter().flatten().enumerate();
    // Those that stand for many clusters are no upstreams of the document's.
    let (patterns, single): (Vec<_>, Vec<_>) =
        sections.partition(|(_, section)| section.get("cluster_pattern").is_some());
    for ((section, _), (position, upstream)) in
        single.into_iter().zip(document.upstreams().iter().enumerate())
    {
        found.extend(unused(section, position, upstream, &used, document));
        if upstream.retry_budget().is_some() && !used.retried.contains(&position) {
            let problem = format!(
                "bounds nothing: no route to the upstream {:?} tries anything again",
                upstream.name()
            );
            found.push(budget(format!("upstreams[{section}].retry_budget"), problem));
        }
    }
    for (section, written) in patterns {
        let never = written.pointer("/retry").is_none_or(|retry| retry.get("num_retries") == Some(&0.into()));
        if written.get("retry_budget").is_some() && never {
            let problem = "bounds nothing: requests of these clusters are not tried again".to_owned();
            found.push(budget(format!("upstreams[{section}].retry_budget"), problem));
        }
    }
    found
}

fn budget(path: String, problem: String) -> Found {
    Found::new(&codes::IDLE_BUDGET, path, problem).fix("add a section retry, or remove the budget")
}

/// The upstreams, by position, that something in a document goes to.
#[derive(Default)]
struct Used {
    has_routes: bool,
    /// By a route of the document, or as a fallback of whatever.
    named: BTreeSet<usize>,
    /// By a route, Envoy's own too, that tries again.
    retried: BTreeSet<usize>,
}

impl Used {
    fn by(document: &Document) -> Self {
        let mut used = Self::default();
        for route in document.routes() {
            if !route.is_envoys() {
                used.has_routes = true;
                used.named.extend(route.targets().iter().map(Target::upstream));
                used.named.extend(route.batch().map(Batching::upstream));
            }
            used.named.extend(route.retry().and_then(|retry| retry.fallback.upstream));
            if route.retry().is_some_and(|retry| retry.num_retries > 0) {
                let targets = route.targets().iter().filter(|target| target.weight() > 0);
                used.retried.extend(targets.map(Target::upstream));
            }
        }
        used
    }
}

fn idle_budget(index: usize, tree: &Value) -> Option<Found> {
    let retry = tree.pointer(&format!("/routes/{index}/retry"))?;
    let is_none = retry.get("num_retries").and_then(Value::as_f64) == Some(0.0);
    (is_none && retry.get("budget").is_some()).then(|| {
        let path = format!("routes[{index}].retry.budget");
        Found::new(&codes::IDLE_BUDGET, path, "bounds nothing: num_retries is 0")
            .fix("raise num_retries, or remove the budget")
    })
}

fn late_batch(index: usize, route: &Route) -> Option<Found> {
    let delay = route.batch()?.settings().max_delay;
    let timeout = route.retry()?.deadline.timeout;
    (!timeout.is_zero() && delay >= timeout).then(|| {
        let problem = format!(
            "a request may wait {delay:?} for its batch, and the route's retry.timeout gives it {timeout:?} altogether"
        );
        Found::new(&codes::LATE_BATCH, format!("routes[{index}].batch.max_delay"), problem).fix("lower it, or raise the timeout")
    })
}

fn idle_split(index: usize, route: &Route) -> Option<Found> {
    let (all, some) = (route.targets(), route.targets().iter().filter(|target| target.weight() > 0).count());
    let only = all.iter().find(|target| target.weight() > 0)?;
    (all.len() > 1 && some == 1).then(|| {
        let problem = format!("everything goes to {:?}; the other weights are 0", only.name());
        Found::new(&codes::IDLE_SPLIT, format!("routes[{index}].split"), problem)
            .fix(format!("write upstream: {}, or give the others a weight", only.name()))
    })
}

/// In a document without routes all upstreams are for Envoy's own, and so is the one whose cluster Envoy's own route names.
fn unused(
    section: usize,
    position: usize,
    upstream: &Upstream,
    used: &Used,
    document: &Document,
) -> Option<Found> {
    let is_default = document.default_cluster() == Some(upstream.cluster());
    if !used.has_routes || used.named.contains(&position) || is_default || upstream.retry().is_some() {
        return None;
    }
    let problem = format!(
        "no route of the document goes to the upstream {:?}; it serves only what Envoy's own routes send to the cluster {:?}",
        upstream.name(),
        upstream.cluster()
    );
    Some(
        Found::new(&codes::UNUSED_UPSTREAM, format!("upstreams[{section}]"), problem)
            .fix("add a route to it, remove it, or suppress this if that is meant"),
    )
}
