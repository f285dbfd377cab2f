//! An Envoy of many clusters, made of the shipped bootstrap.
//!
//! Invariant: with and without filters it has the same clusters, routes and load balancing; only the wasm filters differ. All endpoints are
//! addresses of one server, 127.a.b.c with its port: which cluster's each is, is clear.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::envoy::{Bootstrap, pieces};

const OUTLIER: &str = "switchyard.outlier";

/// Which plugins have the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Documents {
    /// No filters.
    Nowhere,
    /// Those of the listener, as shipped.
    Once,
    /// Those of all clusters too, under one root_id.
    InClustersOneRoot,
    /// The same, with the cluster's name for a root_id.
    InClusters,
}

impl Documents {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nowhere => "no_filters",
            Self::Once => "one_root_no_document",
            Self::InClustersOneRoot => "one_root_document_in_each",
            Self::InClusters => "root_id_and_document_in_each",
        }
    }
}

/// How large.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) clusters: usize,
    pub(super) endpoints: usize,
    pub(super) routes: usize,
    pub(super) workers: u32,
    pub(super) documents: Documents,
}

impl Shape {
    /// So many clusters of so many endpoints, two workers, a route for each cluster.
    pub(super) fn of(clusters: usize, endpoints: usize) -> Self {
        Self { clusters, endpoints, routes: clusters, workers: 2, documents: Documents::Once }
    }

    /// The path of a request for this cluster.
    pub(super) fn path(cluster: usize) -> String {
        format!("/c{cluster}/")
    }

    fn address(&self, cluster: usize, endpoint: usize, port: u16) -> SocketAddr {
        let number = u32::try_from(cluster * self.endpoints + endpoint).unwrap_or(u32::MAX);
        // From 127.1.0.0 on.
        SocketAddr::from((Ipv4Addr::from(0x7f01_0000_u32.saturating_add(number)), port))
    }

    fn addresses(&self, cluster: usize, port: u16) -> Vec<SocketAddr> {
        (0..self.endpoints).map(|endpoint| self.address(cluster, endpoint, port)).collect()
    }

    /// The document: an upstream with ejection for each cluster, and its route; what routes there are beyond that match nothing.
    fn document(&self, port: u16) -> Value {
        let upstream = |cluster: usize| {
            let addresses = self.addresses(cluster, port);
            let endpoints: Vec<_> =
                addresses.iter().map(|address| json!({ "address": address.to_string() })).collect();
            json!({
                "name": name(cluster),
                "endpoints": endpoints,
                "balance": { "policy": "least_request", "candidates": 2 },
                "outlier": { "consecutive_5xx": 3, "latency": {}, "stall": {} },
            })
        };
        let route = |number: usize| {
            json!({
                "match": { "path_prefix": Self::path(number) },
                "upstream": name(number % self.clusters),
                "retry": { "engine": "router", "retry_on": { "statuses": ["500-599"] } },
            })
        };
        json!({
            "upstreams": (0..self.clusters).map(upstream).collect::<Vec<_>>(),
            "routes": (0..self.routes).map(route).collect::<Vec<_>>(),
        })
    }

    /// The bootstrap, whose endpoints listen at `port` of every address.
    pub(super) fn bootstrap(&self, port: u16) -> anyhow::Result<Bootstrap> {
        let document = self.document(port).to_string();
        let mut problem = None;
        let mut bootstrap = Bootstrap::shipped().document_text(&document).edit(|value| {
            problem = self.multiply(value, port, &document).err();
        });
        if let Some(problem) = problem {
            return Err(problem);
        }
        if self.documents == Documents::Nowhere {
            bootstrap = bootstrap.only(&[]).edit(|value| route_natively(value, self.clusters));
        }
        Ok(bootstrap.concurrency(self.workers).component_log_level("wasm:warn"))
    }

    /// Puts clusters like the shipped `checkout` in its and the others' place.
    fn multiply(&self, value: &mut Value, port: u16, document: &str) -> anyhow::Result<()> {
        let clusters = value.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
        let clusters = clusters.context("no clusters")?;
        let shipped = clusters.iter().find(|cluster| cluster.get("name") == Some(&json!("checkout")));
        let shipped = shipped.context("no cluster checkout")?.clone();
        clusters.clear();
        for number in 0..self.clusters {
            let mut cluster = shipped.clone();
            let endpoints: Vec<_> =
                self.addresses(number, port).into_iter().map(|address| (address, 1)).collect();
            if let Some(cluster) = cluster.as_object_mut() {
                cluster.insert("name".to_owned(), json!(name(number)));
                cluster
                    .insert("load_assignment".to_owned(), pieces::load_assignment(&name(number), &endpoints));
            }
            let root_id = match self.documents {
                Documents::Nowhere | Documents::Once => None,
                Documents::InClustersOneRoot => Some("outlier".to_owned()),
                Documents::InClusters => Some(name(number)),
            };
            if let Some(root_id) = root_id {
                own_document(&mut cluster, &root_id, document);
            }
            clusters.push(cluster);
        }
        default_cluster(value);
        Ok(())
    }
}

fn name(cluster: usize) -> String {
    format!("cluster-{cluster}")
}

/// The listener's own route leads to a cluster that is there, and the one for metrics goes.
fn default_cluster(value: &mut Value) {
    if let Some(listeners) = value.pointer_mut("/static_resources/listeners").and_then(Value::as_array_mut) {
        listeners.retain(|listener| listener.get("name") == Some(&json!("ingress")));
        let hosts =
            "/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes/1/route/cluster";
        for listener in listeners {
            if let Some(cluster) = listener.pointer_mut(hosts) {
                *cluster = json!(name(0));
            }
        }
    }
}

/// Without filters Envoy's own routes lead to the clusters.
fn route_natively(value: &mut Value, clusters: usize) {
    let routes = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";
    if let Some(routes) = value.pointer_mut(routes).and_then(Value::as_array_mut) {
        let native = |number: usize| json!({ "match": { "prefix": Shape::path(number) }, "route": { "cluster": name(number) } });
        routes.splice(0..0, (0..clusters).map(native));
    }
}

/// Gives the cluster's outlier filter a document and a root_id.
pub(super) fn own_document(cluster: &mut Value, root_id: &str, document: &str) {
    let options = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters";
    let filters = cluster.pointer_mut(options).and_then(Value::as_array_mut).into_iter().flatten();
    for filter in filters.filter(|filter| filter.get("name") == Some(&json!(OUTLIER))) {
        if let Some(plugin) = filter.pointer_mut("/typed_config/config").and_then(Value::as_object_mut) {
            let text =
                json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": document });
            plugin.insert("root_id".to_owned(), json!(root_id));
            plugin.insert("configuration".to_owned(), text);
        }
    }
}
