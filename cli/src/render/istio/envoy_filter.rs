//! An EnvoyFilter: the filter and outlier.wasm by discovery, so that Istio's agent fetches their images, and what steers the clusters.

use super::super::images::image;
use super::super::outcome::{Remarks, Rendered, Text, head};
use super::super::piece::{self, Code, Plugin};
use super::super::site::{Context, Minor, Protocol, Site, envoy_of_istio};
use super::super::wanted::Wanted;
use super::super::{ecds, platform, yaml};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ROUTER: &str = "envoy.filters.http.router";
/// Without a priority istioctl warns (IST0151).
const PRIORITY: i64 = 10;
const MANAGER: &str = "envoy.filters.network.http_connection_manager";

/// The manifest.
///
/// # Errors
/// With what Istio cannot do.
pub(super) fn render(wanted: &Wanted, site: &Site, mut remarks: Remarks) -> anyhow::Result<Rendered> {
    let clusters = clusters(wanted, site, &mut remarks);
    let patches = patches(wanted, site, &clusters, &mut remarks);
    let warnings = remarks.settle()?;
    let mut spec = json!({ "priority": site.istio.priority.unwrap_or(PRIORITY), "configPatches": patches });
    let labels: BTreeMap<_, _> = site.istio.labels.iter().cloned().collect();
    if let (false, Some(spec)) = (labels.is_empty(), spec.as_object_mut()) {
        spec.insert("workloadSelector".to_owned(), json!({ "labels": labels }));
    }
    let manifest = json!({
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": { "name": site.name, "namespace": site.istio.namespace },
        "spec": spec,
    });
    let lines = [
        "A Switchyard document for Istio, made by `switchyard render istio`; render again rather than edit.",
        "Apply it with: kubectl apply -f envoyfilter.yaml   See whether it is there: istioctl proxy-config ecds POD",
        "Labels in metrics: annotate the proxies' pods, as pods.yaml does, which --into writes beside this file.",
        "What was tried on an Envoy of Istio's shape, and what on no Istio: docs/platforms.md of Switchyard.",
    ];
    let text = yaml::write(&head(&lines, &warnings), &manifest)?;
    Ok(Rendered {
        files: vec![Text { name: "envoyfilter.yaml".to_owned(), text, is_aside: false }],
        warnings,
    })
}

/// The clusters to steer, and what their endpoints speak, if the site says so.
fn clusters(wanted: &Wanted, site: &Site, remarks: &mut Remarks) -> BTreeMap<String, Option<Protocol>> {
    let protocol = |name: &str| site.cluster(name).and_then(|cluster| cluster.protocol);
    let mut clusters = BTreeMap::new();
    for (path, name) in &wanted.clusters {
        if name.split('|').count() != 4 && site.cluster(name).is_none() {
            remarks.warn(format!(
                "{path}: {name:?} is no name that Istio gives a cluster, as in \"outbound|8080||cart.shop.svc.cluster.local\"; if it is another EnvoyFilter's, list it in the site's clusters."
            ));
        }
        clusters.insert(name.clone(), protocol(name));
    }
    let meant = |name: &str| wanted.document.cluster_patterns().stand_for(name);
    let mut found = site.clusters.iter().filter(|cluster| meant(&cluster.name)).peekable();
    if found.peek().is_none() {
        for (path, pattern) in &wanted.patterns {
            remarks.refuse(format!(
                "{path}: an EnvoyFilter names clusters, it takes no expression like {pattern:?}; list those that it means in the site: `clusters: [{{name: \"outbound|8080||cart.shop.svc.cluster.local\"}}]`"
            ));
        }
    }
    clusters.extend(found.map(|cluster| (cluster.name.clone(), cluster.protocol)));
    clusters
}

fn patches(
    wanted: &Wanted,
    site: &Site,
    clusters: &BTreeMap<String, Option<Protocol>>,
    remarks: &mut Remarks,
) -> Vec<Value> {
    let name = format!("{}/{}", site.istio.namespace, site.name);
    let judge = format!("{name}-outlier");
    let mut patches = vec![json!({ "applyTo": "EXTENSION_CONFIG", "patch": {
        "operation": "ADD",
        "value": piece::extension(&switchyard(wanted, site, &name, remarks)),
    }})];
    let judge = wanted.judges.then(|| judge_of(site, &judge, &mut patches, remarks));
    patches.push(http_filter(site, "INSERT_BEFORE", &piece::discovered(&name, &source())));
    let pools = pools(site, clusters);
    if !pools.is_empty() {
        patches.push(http_filter(site, "INSERT_BEFORE", &piece::to_metadata()));
    }
    let filters = piece::upstream_filters(judge);
    let kind = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
    let router =
        json!({ "name": ROUTER, "typed_config": { "@type": kind, "upstream_http_filters": filters } });
    patches.push(http_filter(site, "MERGE", &router));
    if wanted.has_routes {
        patches.push(json!({ "applyTo": "HTTP_ROUTE", "match": { "context": context(site) }, "patch": {
            "operation": "INSERT_FIRST", "value": piece::steered_route(),
        }}));
    }
    patches
        .extend(clusters.iter().filter_map(|(name, protocol)| of_cluster(site, name, *protocol, &filters)));
    let replaced = ", which replaces what Istio has in their HttpProtocolOptions: what a DestinationRule says in connectionPool.http among it";
    platform::check_calls(wanted, site, replaced, remarks);
    let called: Vec<_> = pools.into_iter().filter(|name| wanted.called.contains(*name)).collect();
    if !called.is_empty() {
        remarks.warn(format!(
            "An InferencePool's cluster reads metadata, which calls of the filter's own do not have: Istio's policy balances those to {called:?}."
        ));
    }
    patches
}

fn is_pool(site: &Site, name: &str) -> bool {
    site.cluster(name).is_some_and(|cluster| cluster.inference_pool)
}

/// Those of the clusters that are InferencePools'.
fn pools<'a>(site: &Site, clusters: &'a BTreeMap<String, Option<Protocol>>) -> Vec<&'a String> {
    clusters.keys().filter(|name| is_pool(site, name)).collect()
}

fn switchyard<'a>(wanted: &'a Wanted, site: &'a Site, name: &'a str, remarks: &mut Remarks) -> Plugin<'a> {
    let image = image("switchyard", site.switchyard.as_ref(), remarks);
    let code = Code::Image { reference: image.reference, sha256: image.sha256 };
    Plugin { name, root_id: "switchyard", vm_id: &site.vm_id, code, document: Some(&wanted.tree) }
}

/// The filter that judges attempts: by discovery, or from a file.
fn judge_of(site: &Site, name: &str, patches: &mut Vec<Value>, remarks: &mut Remarks) -> Value {
    let plugin = |code| Plugin { name, root_id: "outlier", vm_id: &site.vm_id, code, document: None };
    if site.istio.outlier_from_file {
        let path = format!("{}/outlier.wasm", site.module_folder);
        remarks.warn(format!(
            "{path} must be in the proxy's container: mount it with the annotations sidecar.istio.io/userVolume and sidecar.istio.io/userVolumeMount."
        ));
        return plugin(Code::File(path)).filter();
    }
    let image = image("outlier", site.outlier.as_ref(), remarks);
    let plugin = plugin(Code::Image { reference: image.reference, sha256: image.sha256 });
    patches.push(json!({ "applyTo": "EXTENSION_CONFIG", "patch": {
        "operation": "ADD", "value": piece::extension(&plugin),
    }}));
    if let Some(envoy) = envoy_of_istio(site.istio.version).filter(|envoy| *envoy < Minor(1, 40)) {
        remarks.warn(ecds::upstream_fault(envoy) + " Write `istio: {outlier_from_file: true}` for that.");
    }
    piece::discovered(name, &source())
}

/// Istio's own connection. A listener waits for its extensions as long as it takes.
fn source() -> Value {
    json!({ "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" })
}

fn context(site: &Site) -> &'static str {
    match site.istio.context {
        Context::Gateway => "GATEWAY",
        Context::Sidecar => "SIDECAR_OUTBOUND",
    }
}

fn http_filter(site: &Site, operation: &str, value: &Value) -> Value {
    let filter = json!({ "name": MANAGER, "subFilter": { "name": ROUTER } });
    json!({
        "applyTo": "HTTP_FILTER",
        "match": { "context": context(site), "listener": { "filterChain": { "filter": filter } } },
        "patch": { "operation": operation, "value": value },
    })
}

/// What a cluster needs; none, if nothing.
fn of_cluster(site: &Site, name: &str, protocol: Option<Protocol>, filters: &[Value]) -> Option<Value> {
    let mut value = serde_json::Map::new();
    if !is_pool(site, name) {
        value.insert("load_balancing_policy".to_owned(), piece::override_host());
    }
    if let Some(protocol) = protocol {
        value.insert(
            "typed_extension_protocol_options".to_owned(),
            piece::protocol_options(protocol, filters),
        );
    }
    (!value.is_empty()).then(|| {
        json!({
            "applyTo": "CLUSTER",
            "match": { "context": context(site), "cluster": { "name": name } },
            "patch": { "operation": "MERGE", "value": value },
        })
    })
}
