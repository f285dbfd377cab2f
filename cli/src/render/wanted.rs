//! What a document wants of the Envoy around it.
//!
//! Invariant: only a document that the filters accept gets here, so that what is read off its tree means what the filters take it for.

use crate::source::File;
use crate::surroundings::{Need, bodies};
use anyhow::Result;
use serde_json::Value;
use std::collections::BTreeSet;
use switchyard_config::Document;

/// A place in the document, and what is said of it.
pub(super) type Place = (String, String);

/// A document, and what it wants.
pub(super) struct Wanted {
    /// As it is written.
    pub(super) tree: Value,
    /// As the filters read it.
    pub(super) document: Document,
    /// The clusters that upstreams name: the path, and the name.
    pub(super) clusters: Vec<Place>,
    /// The expressions in the place of clusters: the path, and the expression.
    pub(super) patterns: Vec<Place>,
    /// The clusters that are asked: for endpoints, for the document. The path, and the name.
    pub(super) asked: Vec<Place>,
    /// What does not work unless Envoy hands over bodies of requests or answers whose head is held.
    pub(super) bodies: Vec<Place>,
    /// What works without them, and less well.
    pub(super) bodies_help: Vec<Place>,
    /// Requests that the filter makes by itself, past the listener's routes and filters.
    pub(super) calls: Vec<Place>,
    /// The clusters that those go to; an expression stands for all that it means.
    pub(super) called: BTreeSet<String>,
    /// Whether anybody is judged, here or in the document that a store has.
    pub(super) judges: bool,
    /// Whether it has routes of its own, which may lead elsewhere than Envoy's.
    pub(super) has_routes: bool,
}

impl Wanted {
    /// Of the one document in this file.
    ///
    /// # Errors
    /// When there is none, several, or a wrong one.
    pub(super) fn of(file: &File) -> Result<Self> {
        let (tree, document) = file.chosen()?;
        Ok(Self::read(tree, document))
    }

    fn read(tree: Value, document: Document) -> Self {
        let stored = document.stored().map(|stored| stored.cluster.to_string());
        let needs = bodies(&tree);
        let needs = needs.iter();
        let place = |need: &Need| (need.path.clone(), need.why.to_owned());
        let mut wanted = Self {
            clusters: Vec::new(),
            patterns: Vec::new(),
            asked: stored.iter().map(|cluster| ("the store".to_owned(), cluster.clone())).collect(),
            bodies: needs.clone().filter(|need| need.is_must).map(place).collect(),
            bodies_help: needs.filter(|need| !need.is_must).map(place).collect(),
            calls: Vec::new(),
            called: BTreeSet::new(),
            judges: stored.is_some(),
            has_routes: stored.is_some() || !list(&tree, "routes").is_empty(),
            tree: Value::Null,
            document,
        };
        for (place, upstream) in list(&tree, "upstreams").iter().enumerate() {
            wanted.upstream(&format!("upstreams[{place}]"), upstream);
        }
        for (place, route) in list(&tree, "routes").iter().enumerate() {
            let calls = wanted.calls.len();
            wanted.route(&format!("routes[{place}]"), route);
            if wanted.calls.len() > calls {
                wanted.called.extend(targets(route).filter_map(|name| cluster_of(&tree, name)));
            }
        }
        wanted.tree = tree;
        wanted
    }

    /// Whether the document has to do with this cluster. What a document in a store names, nobody knows here.
    pub(super) fn has_use_for(&self, cluster: &str) -> bool {
        let mut named = self.clusters.iter().chain(&self.asked);
        self.document.stored().is_some()
            || self.document.cluster_patterns().stand_for(cluster)
            || named.any(|(_, name)| name == cluster)
    }

    fn upstream(&mut self, path: &str, upstream: &Value) {
        let text = |field: &str| upstream.get(field).and_then(Value::as_str).map(str::to_owned);
        match (text("cluster_pattern"), text("cluster").or_else(|| text("name"))) {
            (Some(pattern), _) => self.patterns.push((format!("{path}.cluster_pattern"), pattern)),
            (None, Some(cluster)) => self.clusters.push((format!("{path}.cluster"), cluster)),
            (None, None) => {}
        }
        let sources = upstream.get("endpoints").and_then(Value::as_object).into_iter().flatten();
        for (kind, source) in sources {
            for field in ["admin_cluster", "cluster"] {
                if let Some(cluster) = source.get(field).and_then(Value::as_str) {
                    self.asked.push((format!("{path}.endpoints.{kind}.{field}"), cluster.to_owned()));
                }
            }
        }
        self.judges |= upstream.get("outlier").is_some();
        let calls = self.calls.len();
        self.retry(&format!("{path}.retry"), upstream.get("retry"));
        if upstream.pointer("/outlier/heartbeat").is_some() {
            let what = "heartbeats are calls; where outlier.wasm does not see them, time decides alone";
            self.calls.push((format!("{path}.outlier.heartbeat"), what.to_owned()));
        }
        if self.calls.len() > calls {
            self.called.extend(text("cluster_pattern").or_else(|| text("cluster")).or_else(|| text("name")));
        }
    }

    fn route(&mut self, path: &str, route: &Value) {
        self.retry(&format!("{path}.retry"), route.get("retry"));
        if route.get("batch").is_some() {
            self.calls.push((format!("{path}.batch"), "a batch is a call of the filter's".to_owned()));
        }
    }

    fn retry(&mut self, path: &str, retry: Option<&Value>) {
        if retry.and_then(|retry| retry.get("engine")).and_then(Value::as_str) == Some("filter") {
            self.calls
                .push((path.to_owned(), "attempts after the first are calls of the filter's".to_owned()));
        }
    }
}

/// The upstreams that requests of a route go to.
fn targets(route: &Value) -> impl Iterator<Item = &str> {
    let one = [route.get("upstream"), route.pointer("/batch/upstream")].into_iter().flatten();
    let split = list(route, "split").iter().filter_map(|share| share.get("upstream"));
    one.chain(split).filter_map(Value::as_str)
}

/// The cluster of the upstream of this name.
fn cluster_of(tree: &Value, name: &str) -> Option<String> {
    let upstream =
        list(tree, "upstreams").iter().find(|one| one.get("name").and_then(Value::as_str) == Some(name))?;
    upstream.get("cluster").and_then(Value::as_str).or(Some(name)).map(str::to_owned)
}

fn list<'a>(tree: &'a Value, field: &str) -> &'a [Value] {
    tree.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// `routes[0].batch (reads requests by their bodies), …`.
pub(super) fn listed(places: &[Place]) -> String {
    places.iter().map(|(path, what)| format!("{path} ({what})")).collect::<Vec<_>>().join(", ")
}
