//! The clusters of a static bootstrap: where their endpoints are from, and what steers them.
//!
//! Invariant: a cluster that the document names is there or is refused with what to write.

use super::outcome::Remarks;
use super::piece;
use super::site::{Cluster, Protocol, Site};
use super::wanted::Wanted;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Envoy's form of an address, or of a name to resolve.
pub(super) fn address(ip: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": ip, "port_value": port } })
}

/// The clusters that the document names or means, with what steers them.
pub(super) fn steered(wanted: &Wanted, site: &Site, filters: &[Value], remarks: &mut Remarks) -> Vec<Value> {
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
        compare(&path, of_site, &listed, remarks);
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

/// Says where the document names endpoints that the site's cluster does not have: requests for those go where Envoy's fallback policy sends them.
fn compare(path: &str, site: Option<&Cluster>, listed: &[(String, u32)], remarks: &mut Remarks) {
    // A cluster of which the site says no endpoints has the document's.
    let Some(site) = site.filter(|site| site.dns.is_some() || !site.endpoints.is_empty()) else { return };
    let lacks: Vec<_> = listed
        .iter()
        .map(|(address, _)| address.as_str())
        .filter(|one| !site.endpoints.iter().any(|has| has == one))
        .collect();
    if !lacks.is_empty() {
        remarks.warn(format!(
            "{path}: the document lists {}, which the site's cluster {:?} does not have: requests for them go where Envoy's own policy sends them. Take the endpoints out of one of the two.",
            lacks.join(", "),
            site.name
        ));
    }
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
pub(super) fn others(wanted: &Wanted, site: &Site, have: &[Value], remarks: &mut Remarks) -> Vec<Value> {
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
