//! A static bootstrap: places (1) to (7) of envoy-config/envoy.yaml around any document.
//!
//! Invariant: every cluster that the document names is there, steered and, if anybody is judged, judged.

use super::outcome::{Remarks, Rendered, Text, head};
use super::piece::{self, Code, Plugin};
use super::site::{Cluster, Minor, Protocol, Site};
use super::wanted::{Wanted, listed};
use super::yaml;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;

const MANAGER: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

/// The bootstrap, as one file.
///
/// # Errors
/// With what it cannot do.
pub(super) fn render(wanted: &Wanted, site: &Site) -> anyhow::Result<Rendered> {
    let mut remarks = Remarks::default();
    let filter = switchyard(wanted, site).filter();
    let judge = wanted.judges.then(|| outlier(site).filter());
    let tree = tree(wanted, site, &filter, judge, &mut remarks);
    let warnings = remarks.settle()?;
    let lines = [
        "Envoy's bootstrap with a Switchyard document, made by `switchyard render envoy`; render again rather than edit.",
        "It wants the .wasm files where it names them. Try it with: envoy --mode validate -c FILE",
    ];
    let text = yaml::write(&head(&lines, &warnings), &tree)?;
    Ok(Rendered { files: vec![Text { name: "envoy.yaml".to_owned(), text }], warnings })
}

/// The downstream plugin, from a file.
pub(super) fn switchyard<'a>(wanted: &'a Wanted, site: &'a Site) -> Plugin<'a> {
    Plugin {
        name: "switchyard",
        root_id: "switchyard",
        vm_id: &site.vm_id,
        code: Code::File(format!("{}/switchyard.wasm", site.module_folder)),
        document: Some(&wanted.tree),
    }
}

/// The plugin that judges attempts, from a file.
pub(super) fn outlier(site: &Site) -> Plugin<'_> {
    Plugin {
        name: "switchyard.outlier",
        root_id: "outlier",
        vm_id: &site.vm_id,
        code: Code::File(format!("{}/outlier.wasm", site.module_folder)),
        document: None,
    }
}

/// The bootstrap with these filters, in place or by discovery.
pub(super) fn tree(
    wanted: &Wanted,
    site: &Site,
    filter: &Value,
    judge: Option<Value>,
    remarks: &mut Remarks,
) -> Value {
    check_version(wanted, site.envoy, remarks);
    let filters = piece::upstream_filters(judge);
    let mut clusters = steered(wanted, site, &filters, remarks);
    clusters.extend(others(wanted, site, &clusters, remarks));
    json!({
        "node": { "id": site.name, "cluster": site.name },
        "admin": { "address": address(&site.admin.0, site.admin.1) },
        "static_resources": { "listeners": [listener(wanted, site, filter, remarks)], "clusters": clusters },
        "stats_config": { "stats_tags": piece::stats_tags() },
    })
}

fn check_version(wanted: &Wanted, envoy: Minor, remarks: &mut Remarks) {
    if envoy < Minor(1, 35) {
        remarks.refuse(format!(
            "envoy.version: Envoy {envoy} does not know allow_on_headers_stop_iteration; take 1.36 or later, on which Switchyard is tested"
        ));
    } else if envoy < Minor(1, 39) && !wanted.bodies.is_empty() {
        remarks.warn(format!(
            "Envoy {envoy} may lose a piece of a body between two filters that hold it (Envoy issue 46841), so let no filter \
             that holds bodies stand beside this one; 1.39 does not. It is for {}.",
            listed(&wanted.bodies)
        ));
    }
}

pub(super) fn address(ip: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": ip, "port_value": port } })
}

fn listener(wanted: &Wanted, site: &Site, filter: &Value, remarks: &mut Remarks) -> Value {
    let default = wanted.document.default_cluster().map(str::to_owned);
    let default = default.or_else(|| wanted.clusters.first().map(|(_, cluster)| cluster.clone()));
    if default.is_none() {
        remarks.refuse("default_cluster: is not in the document, and no upstream names a cluster, so requests would go nowhere; name one");
    }
    let back_off = json!({ "retry_back_off": { "base_interval": "0.005s", "max_interval": "0.05s" } });
    let mut steered = piece::steered_route();
    if let Some(route) = steered.get_mut("route").and_then(Value::as_object_mut) {
        route.insert("retry_policy".to_owned(), back_off.clone());
    }
    let plain = json!({
        "name": "default",
        "match": { "prefix": "/" },
        "route": { "cluster": default, "timeout": "15s", "retry_policy": back_off },
    });
    let host = json!({
        "name": "all",
        "domains": ["*"],
        "include_request_attempt_count": true,
        "routes": [steered, plain],
    });
    let router = json!({ "name": "envoy.filters.http.router", "typed_config": { "@type": ROUTER } });
    let manager = json!({
        "@type": MANAGER,
        "stat_prefix": "ingress",
        // No request may hang, whatever a filter does: these two end it.
        "stream_idle_timeout": "30s",
        "request_timeout": "30s",
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "use_remote_address": true,
        // No client is of the house, so that what it says in x-envoy-… headers is taken off: a range that nobody has.
        "internal_address_config": { "cidr_ranges": [{ "address_prefix": "255.255.255.255", "prefix_len": 32 }] },
        "route_config": { "name": "ingress", "virtual_hosts": [host] },
        "http_filters": [filter, router],
    });
    let network = json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager });
    json!({
        "name": "ingress",
        "address": address(&site.listener.0, site.listener.1),
        "per_connection_buffer_limit_bytes": 1_048_576,
        "filter_chains": [{ "filters": [network] }],
    })
}

/// The clusters that the document names or means, with what steers them.
fn steered(wanted: &Wanted, site: &Site, filters: &[Value], remarks: &mut Remarks) -> Vec<Value> {
    let mut done = BTreeSet::new();
    let mut clusters = Vec::new();
    let meant = |cluster: &&Cluster| wanted.document.cluster_patterns().stand_for(&cluster.name);
    let by_pattern: Vec<_> = site.clusters.iter().filter(meant).map(|cluster| cluster.name.clone()).collect();
    if by_pattern.is_empty() {
        for (path, pattern) in &wanted.patterns {
            remarks.refuse(format!(
                "{path}: {pattern:?} means no cluster of the site; list those that it means under clusters"
            ));
        }
    }
    let named = wanted.clusters.iter().cloned();
    for (path, name) in named.chain(by_pattern.into_iter().map(|name| (String::new(), name))) {
        if !done.insert(name.clone()) {
            continue;
        }
        let of_site = site.cluster(&name);
        let listed = of_document(wanted, &name);
        match endpoints(&name, of_site, &listed) {
            Some(endpoints) => {
                let protocol = of_site.and_then(|cluster| cluster.protocol).unwrap_or(Protocol::Http1);
                clusters.push(cluster(&name, endpoints, protocol, filters));
            }
            None => remarks.refuse(format!(
                "{path}: Envoy's cluster {name:?} has no endpoints, in the document or in the site; write `clusters: [{{name: {name}, endpoints: [\"10.0.0.1:8080\"]}}]` into the site file, or `dns: host:port` in place of endpoints"
            )),
        }
    }
    clusters
}

/// The endpoints that the document itself lists for a cluster.
fn of_document(wanted: &Wanted, cluster: &str) -> Vec<(String, u32)> {
    let upstreams = wanted.document.upstreams().iter().filter(|one| one.cluster() == cluster);
    let endpoints = upstreams.flat_map(|one| one.endpoints().iter());
    let mut all: Vec<_> = endpoints.map(|one| (one.address.to_string(), one.weight.get())).collect();
    all.sort();
    all.dedup_by(|one, other| one.0 == other.0);
    all
}

/// How Envoy finds the endpoints of a cluster.
fn endpoints(name: &str, site: Option<&Cluster>, listed: &[(String, u32)]) -> Option<Value> {
    if let Some((host, port)) =
        site.and_then(|cluster| cluster.dns.as_deref()).and_then(|dns| dns.rsplit_once(':'))
    {
        let endpoint = json!({ "endpoint": { "address": address(host, port.parse().ok()?) } });
        let assignment = json!({ "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint] }] });
        return Some(json!({ "type": "STRICT_DNS", "load_assignment": assignment }));
    }
    let of_site: Vec<_> =
        site.into_iter().flat_map(|cluster| &cluster.endpoints).map(|one| (one.clone(), 1)).collect();
    let all = if of_site.is_empty() { listed } else { &of_site };
    let endpoint = |(address_of, weight): &(String, u32)| {
        let socket: SocketAddr = address_of.parse().ok()?;
        let endpoint = json!({ "address": address(&socket.ip().to_string(), socket.port()) });
        Some(if *weight == 1 {
            json!({ "endpoint": endpoint })
        } else {
            json!({ "endpoint": endpoint, "load_balancing_weight": weight })
        })
    };
    let endpoints: Vec<_> = all.iter().filter_map(endpoint).collect();
    if endpoints.is_empty() {
        return None;
    }
    let assignment = json!({ "cluster_name": name, "endpoints": [{ "lb_endpoints": endpoints }] });
    Some(json!({ "type": "STATIC", "load_assignment": assignment }))
}

fn cluster(name: &str, endpoints: Value, protocol: Protocol, filters: &[Value]) -> Value {
    let mut cluster = json!({
        "name": name,
        "connect_timeout": "0.25s",
        // Envoy allows three retries at a time by default: when an endpoint dies, more requests than that move.
        "circuit_breakers": { "thresholds": [{ "max_retries": 1024 }] },
        "load_balancing_policy": piece::override_host(),
        "typed_extension_protocol_options": piece::protocol_options(protocol, filters),
    });
    if let (Some(cluster), Value::Object(endpoints)) = (cluster.as_object_mut(), endpoints) {
        cluster.extend(endpoints);
    }
    cluster
}

/// The clusters that are asked: Envoy's own admin, and others of the site.
fn others(wanted: &Wanted, site: &Site, have: &[Value], remarks: &mut Remarks) -> Vec<Value> {
    let mut done: BTreeSet<&str> = have.iter().filter_map(|cluster| cluster.get("name")?.as_str()).collect();
    let mut clusters = Vec::new();
    for (path, name) in &wanted.asked {
        if !done.insert(name) {
            continue;
        }
        let found = endpoints(name, site.cluster(name), &[]);
        let admin = || {
            let is_admin = path.ends_with("admin_cluster");
            let own = [(format!("{}:{}", site.admin.0, site.admin.1), 1)];
            is_admin.then(|| endpoints(name, None, &own)).flatten()
        };
        match found.or_else(admin) {
            Some(mut endpoints) => {
                if let Some(endpoints) = endpoints.as_object_mut() {
                    endpoints.insert("name".to_owned(), json!(name));
                    endpoints.insert("connect_timeout".to_owned(), json!("0.25s"));
                }
                clusters.push(endpoints);
            }
            None => remarks.refuse(format!(
                "{path}: the cluster {name:?} has no endpoints; add it to the site's clusters"
            )),
        }
    }
    clusters
}
