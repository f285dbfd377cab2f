//! The clusters of a bootstrap that its documents name: whether they are there, look at the endpoints that are named, and are judged.
//!
//! Trade-off: where a control plane sends clusters (`cds_config`), one that is not in the file may be there all the same.

use crate::check::found::Found;
use crate::finding::codes;
use crate::source::{Carried, File, Filter, Kind};
use crate::surroundings::{has_own_filters, heeded, override_sources, refused_beside};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use switchyard_config::Document;
use switchyard_core::contract::CANDIDATES_HEADER;

pub(super) fn find(tree: &Value, carried: &[Carried]) -> Vec<Found> {
    let Some(listed) = tree.pointer("/static_resources/clusters").and_then(Value::as_array) else {
        return Vec::new();
    };
    let clusters: BTreeMap<&str, (usize, &Value)> = listed
        .iter()
        .enumerate()
        .filter_map(|(index, cluster)| Some((cluster.get("name")?.as_str()?, (index, cluster))))
        .collect();
    let documents = || carried.iter().filter_map(|one| Some((one, one.result.as_ref().ok()?)));
    let mut found = Vec::new();
    if tree.pointer("/dynamic_resources/cds_config").is_none() {
        let named: BTreeSet<_> = documents().flat_map(|(one, document)| named(document, &one.tree)).collect();
        let missing = named.into_iter().filter(|(cluster, _)| !clusters.contains_key(cluster.as_str()));
        found.extend(missing.map(|(cluster, role)| {
            let problem = format!("no cluster {cluster:?} in this file, {role}");
            Found::new(&codes::NO_CLUSTER, "static_resources.clusters", problem)
                .fix("add it, or correct its name in the document")
        }));
    }
    let of = |does: fn(&Carried, &Document) -> Vec<String>| -> BTreeSet<String> {
        documents().flat_map(|(one, document)| does(one, document)).collect()
    };
    let heeded = heeded([tree]);
    for cluster in of(steered) {
        let Some((index, cluster)) = clusters.get(cluster.as_str()) else { continue };
        found.extend(no_override_host(*index, cluster, &heeded));
    }
    let by_router = judges_for_all(tree);
    for cluster in of(judged) {
        let Some((index, cluster)) = clusters.get(cluster.as_str()) else { continue };
        found.extend(no_outlier(*index, cluster).filter(|_| !by_router || has_own_filters(cluster)));
    }
    found.extend(listed.iter().enumerate().filter_map(|(index, cluster)| refused(index, cluster)));
    found
}

/// The clusters that a document names, and what for.
fn named(document: &Document, tree: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for upstream in document.upstreams() {
        let name = upstream.name();
        found.push((upstream.cluster().to_owned(), format!("where requests for the upstream {name} go")));
        found.extend(upstream.source().map(|source| {
            (
                source.cluster.to_string(),
                format!("which is to be asked for the endpoints of the upstream {name}"),
            )
        }));
    }
    found.extend(
        document
            .stored()
            .map(|stored| (stored.cluster.to_string(), "which is to be asked for the document".to_owned())),
    );
    for section in tree.get("upstreams").and_then(Value::as_array).into_iter().flatten() {
        let text = |pointer: &str| section.pointer(pointer).and_then(Value::as_str).map(ToOwned::to_owned);
        let name = text("/name").unwrap_or_default();
        if section.get("cluster_pattern").is_some() {
            let role = format!("which is to be asked for the endpoints of the clusters of {name}");
            found.extend(text("/endpoints/envoy/admin_cluster").map(|cluster| (cluster, role)));
        }
        let role = format!("to which heartbeats of the upstream {name} go");
        found.extend(text("/outlier/heartbeat/cluster").map(|cluster| (cluster, role)));
    }
    found
}

/// The clusters whose endpoints the plugin's module chooses.
fn steered(carried: &Carried, document: &Document) -> Vec<String> {
    if !carried.does(Filter::Router) {
        return Vec::new();
    }
    document.upstreams().iter().map(|upstream| upstream.cluster().to_owned()).collect()
}

/// The clusters whose endpoints are to be ejected.
fn judged(_: &Carried, document: &Document) -> Vec<String> {
    let judged = document.upstreams().iter().filter(|upstream| upstream.outlier().is_some());
    judged.map(|upstream| upstream.cluster().to_owned()).collect()
}

fn no_override_host(index: usize, cluster: &Value, heeded: &[String]) -> Option<Found> {
    let path = format!("static_resources.clusters[{index}].load_balancing_policy");
    let name = cluster.get("name").and_then(Value::as_str).unwrap_or_default();
    let Some(sources) = override_sources(cluster) else {
        let problem = format!(
            "the cluster {name:?} has not the policy override_host, so Envoy chooses its endpoints by itself"
        );
        return Some(
            Found::new(&codes::NO_OVERRIDE_HOST, path, problem)
                .fix("add override_host that reads the header x-gateway-destination-endpoint"),
        );
    };
    (!sources.iter().any(|source| heeded.contains(source))).then(|| {
        let problem =
            format!("override_host of the cluster {name:?} does not read the header {CANDIDATES_HEADER}");
        Found::new(&codes::NO_OVERRIDE_HOST, path, problem)
            .fix(format!("write override_host_sources: [{{header: {CANDIDATES_HEADER}}}]"))
    })
}

/// Whether the router of a listener gives outlier.wasm to the clusters that have no filters of their own.
fn judges_for_all(tree: &Value) -> bool {
    match tree {
        Value::Array(items) => items.iter().any(judges_for_all),
        Value::Object(fields) => {
            let own = fields.get("upstream_http_filters");
            own.is_some_and(has_outlier) || fields.values().any(judges_for_all)
        }
        _ => false,
    }
}

fn has_outlier(tree: &Value) -> bool {
    let inside = File::of_trees(String::new(), Kind::Resources, vec![tree.clone()]);
    // One that comes by config_discovery may be it.
    inside.documents().iter().any(|one| one.does(Filter::Outlier))
        || tree.to_string().contains("\"config_discovery\"")
}

fn no_outlier(index: usize, cluster: &Value) -> Option<Found> {
    (!has_outlier(cluster)).then(|| {
        let name = cluster.get("name").and_then(Value::as_str).unwrap_or_default();
        let problem = format!("the upstream of the cluster {name:?} has a section outlier, and no outlier.wasm judges the cluster's attempts");
        let path = format!("static_resources.clusters[{index}].typed_extension_protocol_options");
        Found::new(&codes::NO_OUTLIER, path, problem).fix("add outlier.wasm to the cluster's http_filters, in front of the codec")
    })
}

fn refused(index: usize, cluster: &Value) -> Option<Found> {
    override_sources(cluster)?;
    let field = *refused_beside(cluster).first()?;
    let name = cluster.get("name").and_then(Value::as_str).unwrap_or_default();
    let problem = format!(
        "Envoy refuses the cluster {name:?}: {field} does not go together with load_balancing_policy override_host"
    );
    Some(
        Found::new(&codes::REFUSED_POLICY, format!("static_resources.clusters[{index}].{field}"), problem)
            .fix("remove it"),
    )
}
