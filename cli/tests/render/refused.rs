//! What a platform cannot do: the reason, the fix, exit code 1.

use super::*;

/// A document that is refused for a platform and a site, in these words.
fn refused(platform: &str, document: &Value, site: &Value, wanted: &str) {
    let (code, out, _) = run(platform, document, site);
    assert_eq!(code, 1, "{out}");
    let line = format!("FOLDER/document.yaml: {wanted}");
    assert!(out.lines().any(|one| one == line), "{wanted}\nis not in\n{out}");
}

fn plain() -> Value {
    json!({ "upstreams": [upstream(&json!({}))] })
}

fn judged() -> Value {
    json!({ "upstreams": [upstream(&json!({ "outlier": {} }))] })
}

#[test]
fn what_istio_cannot_do() {
    let batched = json!({
        "upstreams": [upstream(&json!({}))],
        "routes": [{ "match": {}, "upstream": "cart", "batch": { "protocol": { "json_rpc": {} } } }],
    });
    let elsewhere = json!({ "upstreams": [upstream(&json!({ "endpoints": { "envoy": { "admin_cluster": "admin" } } }))] });
    let mut pattern = upstream(&json!({ "cluster_pattern": "outbound\\|.*" }));
    pattern.as_object_mut().expect("fields").remove("cluster");
    let pattern = json!({ "upstreams": [pattern] });
    refused(
        "istio",
        &judged(),
        &json!({ "istio": { "form": "wasm_plugin" } }),
        "upstreams[].outlier: WasmPlugin places no upstream filter, so no attempt would be judged; take `istio: {form: envoy_filter}`, or leave the section out",
    );
    refused(
        "istio",
        &batched,
        &json!({ "istio": { "form": "traffic_extension" } }),
        "routes[0].batch: reads requests by their bodies, and TrafficExtension has no field for allow_on_headers_stop_iteration, so no body would come; take `istio: {form: envoy_filter}`, or leave it out",
    );
    refused(
        "istio",
        &elsewhere,
        &json!({}),
        "upstreams[0].endpoints.envoy.admin_cluster: \"admin\" is no cluster of Istio's bootstraps, in which \"prometheus_stats\" reaches Envoy's admin; write admin_cluster: prometheus_stats",
    );
    refused(
        "istio",
        &pattern,
        &json!({}),
        "upstreams[0].cluster_pattern: an EnvoyFilter names clusters, it takes no expression like \"outbound\\\\|.*\"; list those that it means in the site: `clusters: [{name: \"outbound|8080||cart.shop.svc.cluster.local\"}]`",
    );
    refused(
        "istio",
        &plain(),
        &json!({ "istio": { "form": "wasm_plugin", "priority": 3 } }),
        "istio.priority: orders EnvoyFilters, lowest first, and WasmPlugins go by phase, then highest first; leave it out",
    );
    refused(
        "istio",
        &plain(),
        &json!({ "clusters": [{ "name": "a", "inference_pool": true }], "istio": { "form": "traffic_extension" } }),
        "clusters[0].inference_pool: TrafficExtension is the filter by itself, and nothing would copy the header to the metadata that \"a\" reads; take `istio: {form: envoy_filter}`, or leave it out",
    );
}

#[test]
fn what_envoy_gateway_cannot_do() {
    let judges =
        json!({ "engine": "filter", "retry_on": { "body": [{ "pointer": "/error", "exists": true }] } });
    let asked = json!({ "upstreams": [upstream(&json!({ "retry": judges }))] });
    refused(
        "envoy-gateway",
        &judged(),
        &json!({ "envoy_gateway": { "patches": false } }),
        "upstreams[].outlier: EnvoyExtensionPolicy places no upstream filter, so no attempt would be judged; allow patches (`envoy_gateway: {patches: true}`), or leave the section out",
    );
    refused(
        "envoy-gateway",
        &asked,
        &json!({ "envoy_gateway": { "patches": false } }),
        "upstreams[0].retry.retry_on.body: judges answers that must be held, and EnvoyExtensionPolicy has no field for allow_on_headers_stop_iteration, so no body would come; allow patches (`envoy_gateway: {patches: true}`), or leave it out",
    );
}

#[test]
fn what_an_envoy_cannot_do() {
    refused(
        "envoy",
        &judged(),
        &json!({}),
        "upstreams[0].cluster: Envoy's cluster \"outbound|8080||cart.shop.svc.cluster.local\" has no endpoints, in the document or in the site; write `clusters: [{name: outbound|8080||cart.shop.svc.cluster.local, endpoints: [\"10.0.0.1:8080\"]}]` into the site file, or `dns: host:port` in place of endpoints",
    );
}

#[test]
fn versions_that_are_too_old_or_too_new() {
    refused(
        "ecds",
        &judged(),
        &json!({ "envoy": { "version": "1.34" } }),
        "envoy.version: Envoy 1.34 does not know allow_on_headers_stop_iteration; take 1.36 or later, on which Switchyard is tested",
    );
    refused(
        "istio",
        &plain(),
        &json!({ "istio": { "version": "1.20", "form": "traffic_extension" } }),
        "istio.version: Istio 1.20 does not take what is rendered; 1.30 is the first that knows TrafficExtension",
    );
    refused(
        "istio",
        &plain(),
        &json!({ "istio": { "version": "1.26", "form": "wasm_plugin" } }),
        "istio.version: Istio 1.26 does not take what is rendered; 1.27 is the first that surely knows failStrategy FAIL_RELOAD",
    );
    refused(
        "istio",
        &plain(),
        &json!({ "istio": { "version": "1.26" } }),
        "istio.version: Istio 1.26 does not take what is rendered; 1.27 is the first that carries the first Envoy (1.35) that knows allow_on_headers_stop_iteration, and an older one refuses the whole listener",
    );
    refused(
        "envoy-gateway",
        &plain(),
        &json!({ "envoy_gateway": { "version": "1.4" } }),
        "envoy_gateway.version: Envoy Gateway 1.4 does not take what is rendered; 1.5 is the first that knows loadBalancer.endpointOverride, by which clusters are steered",
    );
    refused(
        "envoy-gateway",
        &plain(),
        &json!({ "envoy_gateway": { "version": "1.10" } }),
        "envoy_gateway.version: Envoy Gateway 1.10 gives listeners other names than 1.9 (default/eg/http), so the patches would find none; write `envoy_gateway: {patches: false}`",
    );
}
