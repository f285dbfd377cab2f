//! Which documents are found in which files.

use super::{File, Kind};
use serde_json::{Value, json};

fn names(file: &File) -> Vec<(String, bool)> {
    file.documents().into_iter().map(|one| (one.plugin.name, one.result.is_ok())).collect()
}

#[test]
fn yaml_and_json_are_the_same_document() {
    let yaml = "upstreams:\n  - {name: a, endpoints: [{address: \"1.1.1.1:1\"}]}\nroutes: []\n";
    let json = r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.1.1.1:1"}]}], "routes": []}"#;
    let (yaml, json) = (File::parse("y", yaml).unwrap(), File::parse("j", json).unwrap());
    assert_eq!(yaml.trees, json.trees);
    assert_eq!(yaml.kind, Kind::Document);
    assert_eq!(File::parse("n", "# nothing\n\n").unwrap().trees, [Value::Null]);
}

#[test]
fn a_bootstrap_is_searched_for_our_plugins() {
    let plugin =
        |name: &str, value: Value| json!({"name": name, "vm_config": {}, "configuration": {"value": value}});
    let bootstrap = json!({"admin": {}, "static_resources": {"listeners": [
        plugin("switchyard.router", json!({"mode": "of"})),
        plugin("switchyard.text", json!("{\"mode\": \"shadow\"}")),
        plugin("somebody.else", json!({"anything": 1})),
        {
            "name": "mine",
            "vm_config": {"code": {"local": {"filename": "/etc/router.wasm"}}},
            // {"mode": "of"}
            "configuration": {"@type": "type.googleapis.com/google.protobuf.BytesValue", "value": "eyJtb2RlIjogIm9mIn0="},
        },
    ]}});
    let file = File::parse("b", &bootstrap.to_string()).unwrap();
    let ours = [("switchyard.router", false), ("switchyard.text", true), ("mine", false)];
    assert_eq!(names(&file), ours.map(|(name, good)| (name.to_owned(), good)));
    let last = file.documents().pop().unwrap();
    assert_eq!(last.result.unwrap_err().to_string(), "mode: \"of\" is not one of enforce, shadow");
    assert_eq!(last.tree, json!({"mode": "of"}));
}

#[test]
fn manifests_are_searched_too() {
    let text = r#"
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: edge, namespace: shop}
spec: {url: "oci://registry.example/switchyard:0.1.0", pluginConfig: {mode: shadow}}
---
apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: {name: switchyard, namespace: shop}
spec: {wasm: {url: "oci://registry.example/filter:1", pluginConfig: {mode: of}}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: {name: mine}
spec:
  wasm:
  - {name: other, code: {image: {url: registry.example/other:1}}}
  - {name: one, code: {image: {url: "registry.example/switchyard-router:1"}}, config: {}}
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: f}
spec:
  configPatches:
  - patch: {value: {name: shop/switchyard, typed_config: {config: {name: shop/switchyard, vm_config: {}, configuration: {value: "{}"}}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data:
  a.yaml: "upstreams: []\nroutes: []"
  b.yaml: "anything: 1"
"#;
    let file = File::parse("m", text).unwrap();
    assert_eq!(file.kind, Kind::Manifests);
    let found: Vec<_> =
        file.documents().into_iter().map(|one| (one.plugin.manifest, one.result.is_ok())).collect();
    let wanted = [
        ("WasmPlugin shop/edge", true),
        ("TrafficExtension shop/switchyard", false),
        ("EnvoyExtensionPolicy mine", true),
        ("EnvoyFilter f", true),
        ("ConfigMap c", true),
    ];
    assert_eq!(found, wanted.map(|(name, good)| (name.to_owned(), good)));
}

#[test]
fn what_stands_together_is_of_one_kind() {
    let of = |text: &str| File::parse("f", text).map(|file| file.kind).map_err(|error| error.to_string());
    assert_eq!(
        of("mode: shadow\n---\nmode: enforce\n").unwrap_err(),
        "f: holds 2 YAML documents; a document stands alone: remove the others"
    );
    assert_eq!(
        of("{apiVersion: v1, kind: A}\n---\n{mode: shadow}\n").unwrap_err(),
        "f: holds manifests and a document; put that into a file of its own"
    );
    assert_eq!(of("{apiVersion: v1, kind: A}\n---\n{apiVersion: v1, kind: B}\n").unwrap(), Kind::Manifests);
    assert_eq!(of("resources: []").unwrap(), Kind::Resources);
    assert_eq!(of("admin: {}").unwrap(), Kind::Bootstrap);
    assert_eq!(of("admin: {address: {socket_address: {}}}").unwrap(), Kind::Bootstrap);
    assert_eq!(of("admin: {address: 127.0.0.1, port: 9901}").unwrap(), Kind::Document);
    assert_eq!(of("http_filters: []").unwrap(), Kind::Resources);
}

#[test]
fn a_plugin_without_a_document_of_its_own_is_not_another_one() {
    let plugin = |name: &str, configuration: Value| json!({"name": name, "vm_config": {}, "configuration": configuration});
    let of = |second: Value| {
        let value = json!({"value": {"mode": "shadow"}});
        let text = json!({"admin": {}, "a": [plugin("switchyard.outlier", Value::Null), plugin("switchyard", value), second]});
        File::parse("b", &text.to_string()).unwrap().document().map_err(|error| error.to_string())
    };
    assert!(of(Value::Null).is_ok());
    let differs = of(plugin("switchyard.retry", json!({"value": {"mode": "enforce"}}))).unwrap_err();
    assert!(
        differs.contains("\"switchyard\" and \"switchyard.retry\" have different documents"),
        "{differs}"
    );
}

#[test]
fn yaml_that_envoy_reads_is_read_as_envoy_does() {
    let document = "upstreams:\n- name: a\n  endpoints:\n  - &e {address: \"1.1.1.1:1\", weight: 010}\n  - {<<: *e, address: \"1.1.1.2:1\"}\n";
    let file = File::parse("d", document).unwrap();
    assert_eq!(file.trees[0]["upstreams"][0]["endpoints"][1], json!({"address": "1.1.1.2:1", "weight": 8}));
    let inner: String = document.lines().map(|line| format!("    {line}\n")).collect();
    let bootstrap = format!(
        "admin: {{}}\nplugin:\n  name: switchyard\n  vm_config: {{}}\n  configuration:\n   value:\n{inner}"
    );
    let found = File::parse("b", &bootstrap).unwrap().documents().pop().unwrap();
    let said = found.result.unwrap_err().to_string();
    assert!(said.contains("upstreams[0].endpoints[1].<<: unknown field"), "{said}");
}
