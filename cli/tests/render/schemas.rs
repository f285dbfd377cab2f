//! Manifests against the schemas that Kubernetes has of them.

use super::*;

/// The schemas that Kubernetes has of these manifests. They are not the project's: where they are not at hand, nothing is checked.
#[test]
fn manifests_are_as_their_schemas_say() {
    let folder = std::env::var_os("SWITCHYARD_CRDS").map(PathBuf::from);
    let folder =
        folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/crds"));
    if !folder.is_dir() {
        eprintln!(
            "no schemas at {}, so manifests are not checked against them; name their folder in SWITCHYARD_CRDS",
            folder.display()
        );
        return;
    }
    let simple = json!({ "upstreams": [upstream(&json!({}))] });
    let of =
        |form: &str| run("istio", &simple, &json!({ "istio": { "form": form, "context": "sidecar" } })).1;
    let texts = [
        std::fs::read_to_string(shipped("istio/envoyfilter.yaml")).expect("the example"),
        run_shipped_gateway(),
        run("envoy-gateway", &simple, &json!({ "envoy_gateway": { "routes": ["cart"], "patches": false } }))
            .1,
        of("wasm_plugin"),
        of("traffic_extension"),
    ];
    let mut kinds = Vec::new();
    for manifest in texts.iter().flat_map(|text| File::parse("manifest", text).expect("YAML").trees) {
        let kind = manifest["kind"].as_str().unwrap_or_default().to_owned();
        if kind.is_empty() {
            continue;
        }
        let group = manifest["apiVersion"]
            .as_str()
            .and_then(|version| version.split('/').next())
            .expect("a group")
            .to_owned();
        let plural = kind.to_lowercase().replace("policy", "policie") + "s";
        let crd = std::fs::read_to_string(folder.join(format!("{plural}.{group}.json"))).expect("its schema");
        let crd: Value = serde_json::from_str(&crd).expect("JSON");
        let version =
            manifest["apiVersion"].as_str().and_then(|version| version.split('/').nth(1)).expect("a version");
        let versions = crd["spec"]["versions"].as_array().expect("versions");
        let schema = versions.iter().find(|one| one["name"] == version).expect("the version")["schema"]["openAPIV3Schema"].clone();
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let wrong: Vec<_> = validator.iter_errors(&manifest).map(|error| error.to_string()).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{kind}");
        assert_eq!(
            unknown(&schema["properties"]["spec"], &manifest["spec"], ""),
            Vec::<String>::new(),
            "{kind}"
        );
        kinds.push(kind);
    }
    kinds.sort();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "BackendTrafficPolicy",
            "EnvoyExtensionPolicy",
            "EnvoyFilter",
            "EnvoyPatchPolicy",
            "TrafficExtension",
            "WasmPlugin"
        ]
    );
}

/// The shipped manifests for Envoy Gateway, as the program prints them.
fn run_shipped_gateway() -> String {
    let site = shipped("envoy-gateway/site.yaml");
    let ran = switchyard(&["render", "envoy-gateway"])
        .arg(shipped("envoy-gateway/document.yaml"))
        .arg("--site")
        .arg(site)
        .assert()
        .success();
    String::from_utf8_lossy(&ran.get_output().stdout).into_owned()
}

/// Fields that a schema does not name: it forbids none, and the API server drops them.
fn unknown(schema: &Value, value: &Value, path: &str) -> Vec<String> {
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        return Vec::new();
    }
    match value {
        Value::Array(items) => items.iter().flat_map(|item| unknown(&schema["items"], item, path)).collect(),
        Value::Object(fields) => {
            let each = fields.iter().flat_map(|(name, field)| {
                let path = format!("{path}/{name}");
                match (schema["properties"].get(name), schema["additionalProperties"].is_object()) {
                    (Some(schema), _) => unknown(schema, field, &path),
                    (None, true) => Vec::new(),
                    (None, false) => vec![path],
                }
            });
            each.collect()
        }
        _ => Vec::new(),
    }
}
