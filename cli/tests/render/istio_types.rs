//! Manifests for Istio go through Istio's own types and come back whole: nothing is lost, so nothing is unknown.

use istio_api_rs::extensions::v1alpha1::wasm_plugin::WasmPlugin;
use istio_api_rs::networking::v1alpha3::envoy_filter::EnvoyFilter;
// Chooses the version of Kubernetes that the types are for.
use super::upstream;
use k8s_openapi as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use switchyard_cli::render::site::Site;
use switchyard_cli::render::{Platform, render};
use switchyard_cli::source::File;

fn through<T: Serialize + DeserializeOwned>(manifest: &Value) -> Value {
    let typed: T = serde_json::from_value(manifest.clone()).expect("Istio's type takes it");
    serde_json::to_value(typed).expect("it is written")
}

fn manifest(document: &Value, site: &Value) -> Value {
    let site = Site::from_value(site).expect("a site");
    let document = File::parse("document", &document.to_string()).expect("a document");
    let rendered = render(Platform::Istio, &document, &site).expect("it can be rendered");
    File::parse("manifest", &rendered.files[0].text).expect("YAML").trees.remove(0)
}

#[test]
fn an_envoy_filter_comes_back_whole() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../envoy-config/istio/envoyfilter.yaml");
    let shipped = File::read(path.as_ref()).expect("the example").trees.remove(0);
    assert_eq!(through::<EnvoyFilter>(&shipped), shipped);
    let document = json!({ "upstreams": [upstream(&json!({ "outlier": {} }))], "routes": [{ "match": {}, "upstream": "cart" }] });
    for site in [
        json!({}),
        json!({ "istio": { "context": "sidecar", "labels": { "app": "shop" }, "outlier_from_file": true } }),
        json!({ "clusters": [{ "name": "outbound|8080||cart.shop.svc.cluster.local", "inference_pool": true }], "istio": { "priority": 3 } }),
    ] {
        let manifest = manifest(&document, &site);
        assert_eq!(through::<EnvoyFilter>(&manifest), manifest);
    }
}

#[test]
fn a_wasm_plugin_comes_back_whole() {
    let document = json!({ "upstreams": [upstream(&json!({}))] });
    for context in ["gateway", "sidecar"] {
        let site = json!({
            "istio": { "form": "wasm_plugin", "context": context, "labels": { "app": "shop" } },
            "images": { "switchyard": { "reference": "registry.example/switchyard:1", "sha256": "ab".repeat(32) } },
        });
        let manifest = manifest(&document, &site);
        assert_eq!(manifest["kind"], "WasmPlugin");
        assert_eq!(through::<WasmPlugin>(&manifest), manifest);
    }
}

/// A TrafficExtension has, under `wasm`, a WasmPlugin's fields; the crate has no type of its own for it.
#[test]
fn what_a_traffic_extension_says_of_its_wasm_comes_back_whole() {
    let document = json!({ "upstreams": [upstream(&json!({}))] });
    let site =
        |form: &str| json!({ "istio": { "form": form, "context": "sidecar", "labels": { "app": "shop" } } });
    let (manifest, plugin) =
        (manifest(&document, &site("traffic_extension")), manifest(&document, &site("wasm_plugin")));
    assert_eq!(manifest["kind"], "TrafficExtension");
    let (mut flat, mut spec) = (plugin.clone(), manifest["spec"].clone());
    let wasm = spec.as_object_mut().expect("fields").remove("wasm").expect("the section wasm");
    spec.as_object_mut().expect("fields").extend(wasm.as_object().expect("fields").clone());
    flat["spec"] = spec;
    assert_eq!(flat, plugin);
    assert_eq!(through::<WasmPlugin>(&flat), flat);
}

/// The round trip sees what Istio does not know.
#[test]
fn a_field_that_istio_does_not_know_is_lost_on_the_way() {
    let document = json!({ "upstreams": [upstream(&json!({}))] });
    let mut manifest = manifest(&document, &json!({}));
    manifest["spec"]["configPatches"][0]["aplyTo"] = json!("CLUSTER");
    assert_ne!(through::<EnvoyFilter>(&manifest), manifest);
}
