//! What is rendered, field by field where it matters.

use super::site::Site;
use super::{Platform, Rendered, render};
use crate::source::File;
use serde_json::{Value, json};

fn document(more: &Value) -> Value {
    let mut upstream = json!({
        "name": "cart",
        "cluster": "outbound|8080||cart.shop.svc.cluster.local",
        "endpoints": { "envoy": { "admin_cluster": "prometheus_stats" } },
    });
    upstream.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "upstreams": [upstream] })
}

fn rendered(platform: Platform, document: &Value, site: &Value) -> Rendered {
    let file = File::parse("document", &document.to_string()).unwrap();
    render(platform, &file, &Site::from_value(site).unwrap()).unwrap()
}

fn tree(rendered: &Rendered, place: usize) -> Value {
    File::parse("rendered", &rendered.files[place].text).unwrap().trees.remove(0)
}

#[test]
fn what_is_rendered_carries_the_document_word_for_word() {
    let document =
        document(&json!({ "balance": { "policy": "round_robin" }, "outlier": { "consecutive_5xx": 3 } }));
    let site = json!({ "clusters": [{ "name": "outbound|8080||cart.shop.svc.cluster.local", "endpoints": ["1.1.1.1:1"] }] });
    for (platform, place) in
        [(Platform::Envoy, 0), (Platform::Ecds, 1), (Platform::Istio, 0), (Platform::EnvoyGateway, 0)]
    {
        let text = &rendered(platform, &document, &site).files[place].text;
        let carried = File::parse("rendered", text).unwrap().documents();
        let ours = carried.iter().find(|one| !one.tree.is_null()).unwrap();
        assert_eq!(ours.tree, document, "{platform:?}");
        assert!(ours.result.is_ok());
    }
}

/// The shipped bootstrap has outlier.wasm, which has no document, before the plugin that has one.
#[test]
fn what_is_rendered_of_a_bootstrap_is_the_document_in_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../envoy-config/envoy.yaml");
    let file = File::read(path.as_ref()).unwrap();
    let carried = file.documents();
    assert!(carried.iter().any(|one| one.tree.is_null()), "the case that this is about");
    let document = carried.iter().find(|one| !one.tree.is_null()).unwrap().tree.clone();
    for platform in [Platform::Envoy, Platform::Istio] {
        let rendered = match render(platform, &file, &Site::default()) {
            Ok(rendered) => rendered,
            // Istio reaches Envoy's admin by another cluster; what it says shows that the document was read.
            Err(error) => {
                assert!(platform == Platform::Istio && error.to_string().contains("admin_cluster"), "{error}");
                continue;
            }
        };
        let all = File::parse("rendered", &rendered.files[0].text).unwrap().documents();
        assert!(all.iter().any(|one| one.tree == document), "{platform:?}");
    }
}

#[test]
fn the_order_of_a_documents_fields_changes_nothing() {
    let one = r#"{"upstreams": [{"name": "a", "cluster": "outbound|1||a", "endpoints": [{"address": "1.1.1.1:1"}]}], "mode": "shadow"}"#;
    let two = "mode: shadow\nupstreams:\n- {endpoints: [{address: '1.1.1.1:1'}], cluster: outbound|1||a, name: a}\n";
    let of =
        |text: &str| render(Platform::Istio, &File::parse("d", text).unwrap(), &Site::default()).unwrap();
    assert_eq!(of(one), of(two));
}

#[test]
fn an_image_is_what_the_agent_fetches_and_outlier_comes_the_same_way_or_from_a_file() {
    let document = document(&json!({ "outlier": {} }));
    let images = json!({
        "switchyard": { "reference": "r.example/switchyard:1", "sha256": "ab".repeat(32) },
        "outlier": { "reference": "r.example/outlier:1", "sha256": "cd".repeat(32) },
    });
    let manifest = tree(&rendered(Platform::Istio, &document, &json!({ "images": images })), 0);
    let patches = manifest["spec"]["configPatches"].as_array().unwrap();
    let remote = |place: usize| {
        patches[place]["patch"]["value"]["typed_config"]["config"]["vm_config"]["code"]["remote"].clone()
    };
    assert_eq!(
        (remote(0)["http_uri"]["uri"].clone(), remote(0)["sha256"].clone()),
        (json!("oci://r.example/switchyard:1"), json!("ab".repeat(32)))
    );
    assert_eq!(remote(1)["http_uri"]["uri"], "oci://r.example/outlier:1");
    let kinds: Vec<_> = patches.iter().map(|patch| patch["applyTo"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["EXTENSION_CONFIG", "EXTENSION_CONFIG", "HTTP_FILTER", "HTTP_FILTER", "CLUSTER"]);
    let from_file = rendered(
        Platform::Istio,
        &document,
        &json!({ "images": images, "istio": { "outlier_from_file": true } }),
    );
    assert!(from_file.files[0].text.contains("filename: /etc/switchyard/outlier.wasm"));
    assert!(!from_file.files[0].text.contains("outlier:1"));
}

/// Shared data is shared by vm_id: the two plugins have the same on every platform.
#[test]
fn both_plugins_have_one_vm_id() {
    let document = document(&json!({ "outlier": {} }));
    let site = json!({ "namespace": "shop", "vm_id": "mine", "clusters": [{ "name": "outbound|8080||cart.shop.svc.cluster.local", "dns": "cart:80" }] });
    for platform in [Platform::Envoy, Platform::Ecds, Platform::Istio] {
        let files = rendered(platform, &document, &site).files;
        let ids: usize = files.iter().map(|file| file.text.matches("vm_id: mine").count()).sum();
        let all: usize = files.iter().map(|file| file.text.matches("vm_id: ").count()).sum();
        assert_eq!((ids, all), (2, 2), "{platform:?}");
    }
    let patches = &rendered(Platform::EnvoyGateway, &document, &site).files[2].text;
    assert!(patches.contains("vm_id: envoyextensionpolicy/shop/switchyard/wasm/0"), "{patches}");
}

#[test]
fn a_route_by_header_is_there_only_where_the_document_has_routes() {
    let mut document = document(&json!({}));
    let has = |document: &Value, platform| {
        let files = rendered(platform, document, &json!({})).files;
        files.iter().any(|file| file.text.contains("cluster_header"))
    };
    for platform in [Platform::Istio, Platform::EnvoyGateway] {
        assert!(!has(&document, platform));
    }
    document["routes"] = json!([{ "match": {}, "upstream": "cart" }]);
    for platform in [Platform::Istio, Platform::EnvoyGateway] {
        assert!(has(&document, platform));
    }
}

#[test]
fn a_pool_reads_metadata_and_keeps_its_policy() {
    let site = json!({ "istio": { "inference_pool": true } });
    let text = &rendered(Platform::Istio, &document(&json!({})), &site).files[0].text;
    assert!(text.contains("metadata_namespace: envoy.lb"), "{text}");
    assert!(!text.contains("load_balancing_policy"), "{text}");
}
