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

#[test]
fn a_cluster_of_the_site_that_the_document_does_not_name_is_told() {
    let cart = "outbound|8080||cart.shop.svc.cluster.local";
    let clusters =
        [cart, "catr", "prometheus_stats"].map(|name| json!({ "name": name, "endpoints": ["1.1.1.1:1"] }));
    for platform in [Platform::Envoy, Platform::Ecds, Platform::Istio, Platform::EnvoyGateway] {
        let rendered = rendered(platform, &document(&json!({})), &json!({ "clusters": clusters }));
        let idle: Vec<_> = rendered
            .warnings
            .iter()
            .filter(|warning| warning.contains("so nothing is rendered of it"))
            .collect();
        assert!(matches!(idle.as_slice(), [one] if one.contains("\"catr\"")), "{platform:?} {idle:?}");
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
    let clusters =
        ["checkout", "catalog", "checkout-canary"].map(|name| json!({ "name": name, "dns": "shop:80" }));
    let site = Site::from_value(&json!({ "clusters": clusters })).unwrap();
    let all = File::parse("rendered", &render(Platform::Envoy, &file, &site).unwrap().files[0].text).unwrap();
    assert!(all.documents().iter().any(|one| one.tree == document));
    // Istio reaches Envoy's admin by another cluster: that it says so shows that it has read the document.
    let refused = render(Platform::Istio, &file, &site).unwrap_err();
    assert!(refused.to_string().contains("endpoints.envoy.admin_cluster: \"admin\""), "{refused}");
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
fn endpoints_that_the_sites_cluster_does_not_have_are_told() {
    let document = json!({"upstreams": [{"name": "a", "endpoints": [{"address": "1.1.1.1:1"}, {"address": "1.1.1.2:1"}]}]});
    let warnings = |endpoints: Value| {
        let site = json!({"clusters": [{"name": "a", "endpoints": endpoints}]});
        rendered(Platform::Envoy, &document, &site).warnings.join("\n")
    };
    assert!(
        warnings(json!(["1.1.1.1:1"]))
            .contains("the document lists 1.1.1.2:1, which the site's cluster \"a\" does not have")
    );
    assert!(!warnings(json!(["1.1.1.2:1", "1.1.1.1:1"])).contains("does not have"));
}

#[test]
fn a_whole_number_is_written_as_one() {
    let document =
        json!({"upstreams": [{"name": "a", "endpoints": [{"address": "1.1.1.1:1", "weight": 2.0}]}]});
    let text = &rendered(Platform::Envoy, &document, &json!({})).files[0].text;
    assert!(
        text.contains("weight: 2\n") && !text.contains("weight: 2.0"),
        "Envoy makes a text of 2.0\n{text}"
    );
}

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

/// Pools and other clusters stand beside each other: the header stays for those that read it, and no pool loses Istio's policy.
#[test]
fn a_pool_reads_metadata_and_keeps_its_policy_and_others_read_the_header() {
    let cart = "outbound|8080||cart.shop.svc.cluster.local";
    let mut both = document(&json!({}));
    both["upstreams"].as_array_mut().unwrap().push(json!({
        "name": "pool", "cluster": "outbound|8000||pool.shop.svc.cluster.local", "endpoints": { "envoy": { "admin_cluster": "prometheus_stats" } },
    }));
    let pool = |name: &str| json!({ "clusters": [{ "name": name, "inference_pool": true }] });
    let text =
        &rendered(Platform::Istio, &both, &pool("outbound|8000||pool.shop.svc.cluster.local")).files[0].text;
    assert_eq!(
        (
            text.matches("metadata_namespace: envoy.lb").count(),
            text.matches("load_balancing_policy:").count()
        ),
        (1, 1),
        "{text}"
    );
    let steered =
        tree(&rendered(Platform::Istio, &both, &pool("outbound|8000||pool.shop.svc.cluster.local")), 0);
    let patches = steered["spec"]["configPatches"].as_array().unwrap();
    let clusters: Vec<_> = patches.iter().filter(|patch| patch["applyTo"] == "CLUSTER").collect();
    assert_eq!(clusters.len(), 1);
    assert_eq!(clusters[0]["match"]["cluster"]["name"], cart);
    let text = &rendered(Platform::Istio, &document(&json!({})), &pool(cart)).files[0].text;
    assert!(
        text.contains("metadata_namespace: envoy.lb") && !text.contains("load_balancing_policy:"),
        "{text}"
    );
    let text = &rendered(Platform::Istio, &both, &json!({})).files[0].text;
    assert!(!text.contains("metadata_namespace"), "{text}");
}

/// The manifest is where the proxies are: that is where it acts.
#[test]
fn a_manifest_for_istio_is_in_the_namespace_of_its_proxies() {
    for (site, namespace, warned) in [
        (json!({}), "istio-system", None),
        (json!({ "namespace": "shop" }), "shop", Some("kubectl get pods -n shop -l istio=ingressgateway")),
        (
            json!({ "istio": { "context": "sidecar" } }),
            "default",
            Some("every proxy of its kind in the namespace default"),
        ),
        (
            json!({ "namespace": "shop", "istio": { "context": "sidecar", "labels": { "app": "cart" } } }),
            "shop",
            None,
        ),
        (
            json!({ "namespace": "istio-system", "istio": { "context": "sidecar" } }),
            "istio-system",
            Some("every proxy of its kind in the mesh"),
        ),
    ] {
        for form in ["envoy_filter", "wasm_plugin", "traffic_extension"] {
            let mut site = site.clone();
            site["istio"]["form"] = json!(form);
            let rendered = rendered(Platform::Istio, &document(&json!({})), &site);
            assert_eq!(tree(&rendered, 0)["metadata"]["namespace"], namespace, "{site}");
            let about: Vec<_> =
                rendered.warnings.iter().filter(|warning| warning.starts_with("The manifest")).collect();
            assert_eq!(about.len(), usize::from(warned.is_some()), "{site} {about:?}");
            assert!(about.iter().all(|warning| warning.contains(warned.unwrap())), "{about:?}");
        }
    }
}

/// Policies name only what is in their own namespace, and a listener is called after the Gateway's.
#[test]
fn policies_are_where_what_they_are_for_is() {
    let of = |more: &Value| {
        let mut site = json!({ "namespace": "shop", "envoy_gateway": { "gateway_namespace": "edge" } });
        site["envoy_gateway"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let rendered = rendered(Platform::EnvoyGateway, &document(&json!({ "outlier": {} })), &site);
        let trees = [0, 1, 2].map(|place| tree(&rendered, place));
        let text = rendered.files[2].text.clone();
        (trees.map(|tree| tree["metadata"]["namespace"].as_str().unwrap().to_owned()), text)
    };
    let (namespaces, patches) = of(&json!({}));
    assert_eq!(namespaces, ["edge", "edge", "edge"]);
    assert!(patches.contains("name: edge/eg/http") && !patches.contains("shop"), "{patches}");
    let (namespaces, patches) = of(&json!({ "routes": ["cart"] }));
    assert_eq!(namespaces, ["shop", "shop", "edge"]);
    assert!(patches.contains("name: edge/eg/http"), "{patches}");
    assert!(patches.contains("vm_id: envoyextensionpolicy/shop/switchyard/wasm/0"), "{patches}");
}

/// The help's own site file is one, and has every field in it.
#[test]
fn the_help_shows_every_field_of_a_site() {
    let (_, shown) = super::EXAMPLES.split_once("have defaults:\n").unwrap();
    let tree = File::parse("help", &shown.replace('…', &"ab".repeat(32))).unwrap().trees.remove(0);
    let site = Site::from_value(&tree).unwrap();
    assert_eq!(site.istio.labels, Site::default().istio.labels);
    for (section, fields) in super::site::KNOWN {
        let of_section = if section.is_empty() { &tree } else { &tree[section] };
        let shown: Vec<&Value> = match of_section {
            Value::Array(items) => items.iter().collect(),
            other => vec![other],
        };
        for field in fields {
            assert!(
                shown.iter().any(|tree| tree.get(field).is_some()),
                "{section}.{field} is not in the help"
            );
        }
    }
}
