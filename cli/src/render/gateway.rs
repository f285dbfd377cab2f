//! Manifests for Envoy Gateway: the filter, the clusters' policy, and what only a patch can do.
//!
//! Invariant: outlier.wasm has the vm_id that the gateway gives the filter, for shared data is shared by that. What the gateway has in a
//! cluster stays: upstream filters come with the listener's router filter.
//! Trade-off: EnvoyPatchPolicy is off by default, and who may write one can read the gateway's secrets. Without it
//! (`envoy_gateway: {patches: false}`) no attempt is judged, no body held, and steering headers reach the service.

use super::images::image;
use super::outcome::{Remarks, Rendered, Text, head};
use super::piece::{self, Code, Plugin};
use super::platform;
use super::site::{Minor, Protocol, Site, envoy_of_gateway, least_gateway};
use super::wanted::{Wanted, listed};
use super::yaml;
use crate::surroundings::{RELOAD, STOP_FLAG};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use switchyard_core::contract::CANDIDATES_HEADER;

const API: &str = "gateway.envoyproxy.io/v1alpha1";
const GROUP: &str = "gateway.networking.k8s.io";
const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

/// The manifests.
///
/// # Errors
/// With what Envoy Gateway cannot do.
pub(super) fn render(wanted: &Wanted, site: &Site) -> anyhow::Result<Rendered> {
    let mut remarks = Remarks::default();
    platform::check_asked(wanted, "Envoy Gateway", &mut remarks);
    let version = site.envoy_gateway.version;
    platform::check_envoy(wanted, "Envoy Gateway", version, envoy_of_gateway(version), &mut remarks);
    platform::check_least("envoy_gateway.version", "Envoy Gateway", version, least_gateway(), &mut remarks);
    check(wanted, site, &mut remarks);
    let mut manifests = vec![
        ("envoyextensionpolicy.yaml", EXTENSION, extension(wanted, site, &mut remarks)),
        ("backendtrafficpolicy.yaml", TRAFFIC, traffic(site)),
    ];
    if site.envoy_gateway.patches {
        manifests.push(("envoypatchpolicy.yaml", PATCHES, patches(wanted, site, &mut remarks)));
    }
    let warnings = remarks.settle()?;
    let file = |(name, what, manifest): (&str, &str, Value)| {
        let lines = [
            "A Switchyard document for Envoy Gateway, made by `switchyard render envoy-gateway`; render again rather than edit.",
            what,
            "What was tried on an Envoy of the gateway's shape, and what on no gateway: docs/platforms.md of Switchyard.",
        ];
        anyhow::Ok(Text {
            name: name.to_owned(),
            text: yaml::write(&head(&lines, &warnings), &manifest)?,
            is_aside: false,
        })
    };
    let files = manifests.into_iter().map(file).collect::<anyhow::Result<_>>()?;
    Ok(Rendered { files, warnings })
}

const EXTENSION: &str = "The filter: the gateway fetches the image and serves it to Envoy. See what became of it: egctl x status all";
const TRAFFIC: &str = "Clusters go to the endpoints that the filter names.";
const PATCHES: &str = "What the other two have no field for. Envoy Gateway takes it with extensionApis: {enableEnvoyPatchPolicy: true}.";

fn check(wanted: &Wanted, site: &Site, remarks: &mut Remarks) {
    if site.envoy_gateway.patches {
        platform::check_calls(wanted, site, "", remarks);
        if site.envoy_gateway.version >= Minor(1, 10) {
            remarks.refuse("envoy_gateway.version: Envoy Gateway 1.10 gives listeners other names than 1.9 (default/eg/http), so the patches would find none; write `envoy_gateway: {patches: false}`");
        }
        return;
    }
    for (path, what) in &wanted.bodies {
        remarks.refuse(format!(
            "{path}: {what}, and EnvoyExtensionPolicy has no field for allow_on_headers_stop_iteration, so no body would come; allow patches (`envoy_gateway: {{patches: true}}`), or leave it out"
        ));
    }
    if wanted.judges {
        remarks.refuse("upstreams[].outlier: EnvoyExtensionPolicy places no upstream filter, so no attempt would be judged; allow patches (`envoy_gateway: {patches: true}`), or leave the section out");
    }
    if wanted.has_routes {
        remarks.warn("Without patches there is no route by x-switchyard-cluster: requests whose route of the document names another cluster than the HTTPRoute's stay there.");
    }
    remarks.warn("Without patches services see the headers that steer Envoy (x-gateway-destination-endpoint, x-switchyard-…), and after a trap a worker answers 503 until the proxy is restarted.");
    if !wanted.bodies_help.is_empty() {
        remarks.warn(format!(
            "Without patches requests with bodies wait up to a second and are not tried again: {}.",
            listed(&wanted.bodies_help)
        ));
    }
}

fn protocol(site: &Site, cluster: &str) -> Option<Protocol> {
    site.cluster(cluster).and_then(|cluster| cluster.protocol)
}

/// What the gateway calls the extension, and its VM.
fn vm_id(site: &Site) -> String {
    format!("envoyextensionpolicy/{}/{}/wasm/0", namespace(site), site.name)
}

/// Where the policies are: with what they are for, since they name only what is in their own namespace.
fn namespace(site: &Site) -> &str {
    let gateway = &site.envoy_gateway;
    if gateway.routes.is_empty() { &gateway.gateway_namespace } else { &site.namespace }
}

fn metadata(site: &Site, namespace: &str) -> Value {
    json!({ "name": site.name, "namespace": namespace })
}

/// What the policies are for: HTTPRoutes, or the whole Gateway.
fn targets(site: &Site) -> Vec<Value> {
    let routes = &site.envoy_gateway.routes;
    if routes.is_empty() {
        return vec![json!({ "group": GROUP, "kind": "Gateway", "name": site.envoy_gateway.gateway })];
    }
    routes.iter().map(|name| json!({ "group": GROUP, "kind": "HTTPRoute", "name": name })).collect()
}

fn extension(wanted: &Wanted, site: &Site, remarks: &mut Remarks) -> Value {
    let image = image("switchyard", site.switchyard.as_ref(), remarks);
    let mut code = json!({ "url": image.reference });
    if let (Some(sha256), Some(code)) = (image.sha256, code.as_object_mut()) {
        code.insert("sha256".to_owned(), json!(sha256));
    }
    let wasm = json!({
        "name": "switchyard",
        "rootID": "switchyard",
        "code": { "type": "Image", "image": code },
        "config": wanted.tree,
        // Open would also hide a document that was refused.
        "failOpen": false,
    });
    json!({
        "apiVersion": API,
        "kind": "EnvoyExtensionPolicy",
        "metadata": metadata(site, namespace(site)),
        "spec": { "targetRefs": targets(site), "wasm": [wasm] },
    })
}

fn traffic(site: &Site) -> Value {
    let endpoint = json!({ "extractFrom": [{ "header": CANDIDATES_HEADER }] });
    json!({
        "apiVersion": API,
        "kind": "BackendTrafficPolicy",
        "metadata": metadata(site, namespace(site)),
        "spec": {
            "targetRefs": targets(site),
            "loadBalancer": { "type": "RoundRobin", "endpointOverride": endpoint },
        },
    })
}

fn patches(wanted: &Wanted, site: &Site, remarks: &mut Remarks) -> Value {
    let gateway = &site.envoy_gateway;
    let xds = format!("{}/{}/{}", gateway.gateway_namespace, gateway.gateway, gateway.listener);
    let filters = upstream_filters(wanted, site, remarks);
    let filter = format!("envoy.filters.http.wasm/{}", vm_id(site));
    let ours = format!("$..http_filters[?(@.name=='{filter}')].typed_config.config");
    let router = "$..http_filters[?(@.name=='envoy.filters.http.router')].typed_config";
    let mut patches = vec![
        patch(LISTENER, &xds, &ours, &format!("/{STOP_FLAG}"), &json!(true)),
        patch(LISTENER, &xds, &ours, "/failure_policy", &json!(RELOAD)),
        patch(LISTENER, &xds, &ours, "/reload_config", &piece::reload_config()),
        patch(LISTENER, &xds, router, "/upstream_http_filters", &json!(filters)),
    ];
    if wanted.has_routes {
        patches.push(patch(ROUTES, &xds, "$.virtual_hosts[*].routes", "/0", &steered_route(&filter)));
    }
    let meant = |name: &String| wanted.document.cluster_patterns().stand_for(name);
    let named = wanted.clusters.iter().map(|(_, name)| name);
    let meant = site.clusters.iter().map(|cluster| &cluster.name).filter(|name| meant(name));
    let clusters: BTreeSet<_> = named.chain(meant).collect();
    patches.extend(clusters.into_iter().filter_map(|name| of_cluster(site, name, &filters)));
    let target = json!({ "group": GROUP, "kind": "Gateway", "name": gateway.gateway });
    json!({
        "apiVersion": API,
        "kind": "EnvoyPatchPolicy",
        "metadata": metadata(site, &gateway.gateway_namespace),
        "spec": { "type": "JSONPatch", "targetRef": target, "jsonPatches": patches },
    })
}

fn upstream_filters(wanted: &Wanted, site: &Site, remarks: &mut Remarks) -> Vec<Value> {
    let vm_id = vm_id(site);
    let judge = wanted.judges.then(|| {
        let path = format!("{}/outlier.wasm", site.module_folder);
        remarks.warn(format!(
            "{path} must be on the proxy: mount it by the pod's volumes in an EnvoyProxy. The gateway serves images of EnvoyExtensionPolicies alone."
        ));
        let code = Code::File(path);
        Plugin { name: "switchyard.outlier", root_id: "outlier", vm_id: &vm_id, code, document: None }.filter()
    });
    piece::upstream_filters(judge)
}

/// The route by header, with the filter on: whoever names a cluster by himself comes this way, and his word is to be taken off.
fn steered_route(filter: &str) -> Value {
    let mut steered = piece::steered_route();
    if let Some(steered) = steered.as_object_mut() {
        let on = json!({ "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {} });
        steered.insert("typed_per_filter_config".to_owned(), json!({ filter: on }));
    }
    steered
}

/// What a cluster needs whose calls are to be judged; none, if the site does not say what its endpoints speak.
fn of_cluster(site: &Site, name: &str, filters: &[Value]) -> Option<Value> {
    let options = piece::protocol_options(protocol(site, name)?, filters);
    let path = format!("/typed_extension_protocol_options/{}", piece::PROTOCOL_OPTIONS);
    let operation = json!({ "op": "add", "path": path, "value": options.get(piece::PROTOCOL_OPTIONS)? });
    Some(json!({ "type": CLUSTER, "name": name, "operation": operation }))
}

fn patch(kind: &str, name: &str, json_path: &str, path: &str, value: &Value) -> Value {
    let operation = json!({ "op": "add", "jsonPath": json_path, "path": path, "value": value });
    json!({ "type": kind, "name": name, "operation": operation })
}
