//! One Envoy with a listener per way of choosing an endpoint, all in front of the same hosts.
//!
//! Invariant: the clusters differ only in how a host is chosen. The steered one is the shipped cluster
//! `checkout`, override_host and header stripping included. router.wasm, Lua and the no-op filter stand before
//! that same cluster, so the ratios among them are those of the filters alone; no filter and Envoy's own policy
//! stand before a plain one, so the ratios to them are the whole price of steering.

use std::net::SocketAddr;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::envoy::{Bootstrap, pieces};
use crate::steered::{endpoint, routed};

/// A way of choosing an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variant {
    /// Envoy alone, round robin.
    NoFilter,
    /// A wasm filter that does nothing: the price of the VM itself.
    Noop,
    /// router.wasm with ring_hash on a header, two candidates.
    RingHash,
    /// Envoy's own ring_hash on the same header.
    Native,
    /// A Lua filter with a hash ring, two candidates.
    Lua,
    /// router.wasm with least_request.
    LeastRequest,
}

impl Variant {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 6] =
        [Self::NoFilter, Self::Noop, Self::RingHash, Self::Native, Self::Lua, Self::LeastRequest];

    /// Its name: of the listener and in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoFilter => "no_filter",
            Self::Noop => "noop",
            Self::RingHash => "ring_hash",
            Self::Native => "native_ring_hash",
            Self::Lua => "lua",
            Self::LeastRequest => "least_request",
        }
    }

    /// Whether it keeps a key on its host.
    #[must_use]
    pub fn keeps_keys(self) -> bool {
        matches!(self, Self::RingHash | Self::Native | Self::Lua)
    }

    fn listener(self, hosts: &[SocketAddr]) -> Value {
        let (route, filters) = match self {
            Self::NoFilter => (pieces::route_to("plain"), vec![]),
            Self::Noop => (pieces::route_to("checkout"), vec![pieces::wasm_filter("noop", "")]),
            Self::Native => (hashed_route(), vec![]),
            Self::Lua => (pieces::route_to("checkout"), vec![lua(hosts)]),
            Self::RingHash => {
                let hash_on = json!([{ "header": "x-user" }]);
                let balance = json!({ "policy": "ring_hash", "hash_on": hash_on, "candidates": 2 });
                (pieces::route_to("checkout"), vec![router(hosts, &balance)])
            }
            Self::LeastRequest => {
                let balance = json!({ "policy": "least_request", "candidates": 2 });
                (pieces::route_to("checkout"), vec![router(hosts, &balance)])
            }
        };
        pieces::listener(self.name(), &[route], &filters)
    }
}

/// A bootstrap with these listeners and the clusters behind them.
///
/// # Errors
/// If the shipped bootstrap cannot be read.
pub fn bootstrap(variants: &[Variant], hosts: &[SocketAddr]) -> anyhow::Result<Bootstrap> {
    let mut native = pieces::cluster("native", hosts);
    if let Some(cluster) = native.as_object_mut() {
        cluster.insert("lb_policy".to_owned(), json!("RING_HASH"));
    }
    let clusters = Bootstrap::empty()
        .cluster(pieces::cluster("plain", hosts))
        .cluster(native)
        // Attempts are not judged here: that has a benchmark of its own.
        .cluster(shipped_cluster(
            "checkout",
            hosts,
            Bootstrap::shipped().without_filter("switchyard.outlier"),
        )?);
    Ok(variants.iter().fold(clusters, |bootstrap, variant| bootstrap.listener(variant.listener(hosts))))
}

/// The cluster of this name as it is in a bootstrap, in front of these hosts.
pub(super) fn shipped_cluster(name: &str, hosts: &[SocketAddr], shipped: Bootstrap) -> anyhow::Result<Value> {
    let shipped = shipped.endpoints(name, hosts).ready()?;
    let clusters = shipped.pointer("/static_resources/clusters").and_then(Value::as_array);
    let found = clusters.and_then(|all| all.iter().find(|one| one.get("name") == Some(&json!(name))));
    found.cloned().with_context(|| format!("the shipped bootstrap has no cluster {name:?}"))
}

/// A route of which Envoy hashes the user.
pub(super) fn hashed_route() -> Value {
    let hash_policy = json!([{ "header": { "header_name": "x-user" } }]);
    json!({ "match": { "prefix": "/" }, "route": { "cluster": "native", "hash_policy": hash_policy } })
}

fn router(hosts: &[SocketAddr], balance: &Value) -> Value {
    let endpoints: Vec<_> = hosts.iter().map(endpoint).collect();
    let document = routed(&json!([{ "name": "checkout", "endpoints": endpoints, "balance": balance }]));
    pieces::wasm_filter("router", &document.to_string())
}

/// The Lua filter with a ring of these hosts.
pub(super) fn lua(hosts: &[SocketAddr]) -> Value {
    let names: Vec<_> = hosts.iter().map(|host| format!("\"{host}\"")).collect();
    let code = format!("HOSTS = {{{}}}\n{}", names.join(", "), include_str!("ring.lua"));
    json!({ "name": "lua", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": { "inline_string": code },
    } })
}
