//! A static bootstrap: places (1) to (7) of envoy-config/envoy.yaml around any document.
//!
//! Invariant: every cluster that the document names is there, steered and, if anybody is judged, judged.

use super::clusters::{self, address};
use super::outcome::{Remarks, Rendered, Text, head};
use super::piece::{self, Code, Plugin};
use super::platform;
use super::site::{Minor, Site};
use super::wanted::Wanted;
use super::yaml;
use crate::surroundings::STOP_FLAG;
use serde_json::{Value, json};

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
    Ok(Rendered { files: vec![Text { name: "envoy.yaml".to_owned(), text, is_aside: false }], warnings })
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
    let mut clusters = clusters::steered(wanted, site, &filters, remarks);
    clusters.extend(clusters::others(wanted, site, &clusters, remarks));
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
            "envoy.version: Envoy {envoy} does not know {STOP_FLAG}; take 1.36 or later, on which Switchyard is tested"
        ));
    }
    platform::check_bodies(wanted, &format!("Envoy {envoy}"), envoy, remarks);
}

fn listener(wanted: &Wanted, site: &Site, filter: &Value, remarks: &mut Remarks) -> Value {
    let default = wanted.document.default_cluster().map(str::to_owned);
    let default = default.or_else(|| wanted.clusters.first().map(|(_, cluster)| cluster.clone()));
    if default.is_none() {
        remarks.refuse("default_cluster: is not in the document, and no upstream names a cluster, so requests would go nowhere; name one");
    }
    let host = host(default.as_deref());
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

/// The routes: one for the cluster that the filter names, one for all else.
fn host(default: Option<&str>) -> Value {
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
    json!({
        "name": "all",
        "domains": ["*"],
        "include_request_attempt_count": true,
        "routes": [steered, plain],
    })
}
