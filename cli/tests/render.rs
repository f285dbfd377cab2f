//! `switchyard render`, as it is run: what it writes, what it refuses, what it warns of.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use assert_cmd::Command;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use switchyard_cli::source::File;
use tempfile::TempDir;

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy-config").join(path)
}

fn switchyard(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("switchyard").expect("the program");
    command.args(arguments);
    command
}

/// Writes these files into a folder, and renders the first for a platform, with the second as the site.
fn run(platform: &str, document: &Value, site: &Value) -> (i32, String, String) {
    let folder = TempDir::new().expect("a folder");
    let (document_path, site_path) = (folder.path().join("document.yaml"), folder.path().join("site.yaml"));
    std::fs::write(&document_path, document.to_string()).expect("written");
    std::fs::write(&site_path, site.to_string()).expect("written");
    let mut command = switchyard(&["render", platform]);
    let ran = command.arg(&document_path).arg("--site").arg(&site_path).output().expect("it runs");
    let text =
        |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&folder.path().display().to_string(), "FOLDER");
    (ran.status.code().expect("a code"), text(&ran.stdout), text(&ran.stderr))
}

fn upstream(more: &Value) -> Value {
    let mut upstream = json!({
        "name": "cart",
        "cluster": "outbound|8080||cart.shop.svc.cluster.local",
        "endpoints": { "envoy": { "admin_cluster": "prometheus_stats" } },
    });
    upstream.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
    upstream
}

#[test]
fn the_same_files_are_made_every_time_and_are_those_of_the_checkout() {
    for (platform, document, folder) in [
        ("istio", "istio/document.yaml", "istio"),
        ("istio", "istio/balanced.yaml", "istio/wasm-plugin"),
        ("istio", "istio/balanced.yaml", "istio/traffic-extension"),
        ("istio", "istio/inference-pool/document.yaml", "istio/inference-pool"),
        ("envoy-gateway", "envoy-gateway/document.yaml", "envoy-gateway"),
        ("ecds", "switchyard.yaml", "ecds"),
    ] {
        let into = TempDir::new().expect("a folder");
        let site = shipped(&format!("{folder}/site.yaml"));
        let ran = switchyard(&["render", platform])
            .arg(shipped(document))
            .arg("--site")
            .arg(site)
            .arg("--into")
            .arg(into.path())
            .assert()
            .success();
        let wrote = String::from_utf8_lossy(&ran.get_output().stdout).into_owned();
        assert!(wrote.lines().count() >= 1);
        for line in wrote.lines() {
            let path = Path::new(line.strip_prefix("wrote ").expect("what it wrote"));
            let name = path.file_name().expect("a name").to_str().expect("a text");
            let (made, kept) = (
                std::fs::read_to_string(path),
                std::fs::read_to_string(shipped(&format!("{folder}/{name}"))),
            );
            assert_eq!(made.expect("made"), kept.expect("kept"), "{folder}/{name}: run cargo xtask schema");
        }
    }
}

#[test]
fn istio_needs_no_site() {
    let document = json!({ "upstreams": [upstream(&json!({}))] });
    let ran = switchyard(&["render", "istio", "-"]).write_stdin(document.to_string()).assert().success();
    let (out, said) = (
        String::from_utf8_lossy(&ran.get_output().stdout).into_owned(),
        String::from_utf8_lossy(&ran.get_output().stderr).into_owned(),
    );
    assert!(
        said.contains(
            "warning: The site says no image of switchyard.wasm: registry.example stands in its place."
        ),
        "{said}"
    );
    assert!(
        out.contains("# - The site says no image of switchyard.wasm"),
        "warnings stand in the file, too: {out}"
    );
    let trees = File::parse("out", &out).expect("YAML");
    assert_eq!(trees.trees[0]["kind"], "EnvoyFilter");
}

#[test]
fn what_a_platform_cannot_do_is_refused_with_reason_and_fix() {
    let plain = json!({ "upstreams": [upstream(&json!({}))] });
    let judged = json!({ "upstreams": [upstream(&json!({ "outlier": {} }))] });
    let elsewhere = json!({ "upstreams": [upstream(&json!({ "endpoints": { "envoy": { "admin_cluster": "admin" } } }))] });
    let mut pattern = upstream(&json!({ "cluster_pattern": "outbound\\|.*" }));
    pattern.as_object_mut().expect("fields").remove("cluster");
    let pattern = json!({ "upstreams": [pattern] });
    let batched = json!({
        "upstreams": [upstream(&json!({}))],
        "routes": [{ "match": {}, "upstream": "cart", "batch": { "protocol": { "json_rpc": {} } } }],
    });
    let asked = json!({ "upstreams": [upstream(&json!({ "retry": { "engine": "filter", "retry_on": { "body": [{ "pointer": "/error", "exists": true }] } } }))] });
    for (platform, document, site, wanted) in [
        (
            "istio",
            &judged,
            json!({ "istio": { "form": "wasm_plugin" } }),
            "upstreams[].outlier: WasmPlugin places no upstream filter, so no attempt would be judged; take `istio: {form: envoy_filter}`, or leave the section out",
        ),
        (
            "istio",
            &batched,
            json!({ "istio": { "form": "traffic_extension" } }),
            "routes[0].batch: reads requests by their bodies, and TrafficExtension has no field for allow_on_headers_stop_iteration, so no body would come; take `istio: {form: envoy_filter}`, or leave it out",
        ),
        (
            "istio",
            &elsewhere,
            json!({}),
            "upstreams[0].endpoints.envoy.admin_cluster: \"admin\" is no cluster of Istio's bootstraps, in which \"prometheus_stats\" reaches Envoy's admin; write admin_cluster: prometheus_stats",
        ),
        (
            "istio",
            &pattern,
            json!({}),
            "upstreams[0].cluster_pattern: an EnvoyFilter names clusters, it takes no expression like \"outbound\\\\|.*\"; list those that it means in the site: `clusters: [{name: \"outbound|8080||cart.shop.svc.cluster.local\"}]`",
        ),
        (
            "envoy-gateway",
            &judged,
            json!({ "envoy_gateway": { "patches": false } }),
            "upstreams[].outlier: EnvoyExtensionPolicy places no upstream filter, so no attempt would be judged; allow patches (`envoy_gateway: {patches: true}`), or leave the section out",
        ),
        (
            "envoy-gateway",
            &asked,
            json!({ "envoy_gateway": { "patches": false } }),
            "upstreams[0].retry.retry_on.body: judges answers that must be held, and EnvoyExtensionPolicy has no field for allow_on_headers_stop_iteration, so no body would come; allow patches (`envoy_gateway: {patches: true}`), or leave it out",
        ),
        (
            "envoy",
            &judged,
            json!({}),
            "upstreams[0].cluster: Envoy's cluster \"outbound|8080||cart.shop.svc.cluster.local\" has no endpoints, in the document or in the site; write `clusters: [{name: outbound|8080||cart.shop.svc.cluster.local, endpoints: [\"10.0.0.1:8080\"]}]` into the site file, or `dns: host:port` in place of endpoints",
        ),
        (
            "ecds",
            &judged,
            json!({ "envoy": { "version": "1.34" } }),
            "envoy.version: Envoy 1.34 does not know allow_on_headers_stop_iteration; take 1.36 or later, on which Switchyard is tested",
        ),
        (
            "istio",
            &plain,
            json!({ "istio": { "version": "1.20", "form": "traffic_extension" } }),
            "istio.version: Istio 1.20 does not take what is rendered; 1.30 is the first that knows TrafficExtension",
        ),
        (
            "istio",
            &plain,
            json!({ "istio": { "version": "1.26", "form": "wasm_plugin" } }),
            "istio.version: Istio 1.26 does not take what is rendered; 1.27 is the first that surely knows failStrategy FAIL_RELOAD",
        ),
        (
            "istio",
            &plain,
            json!({ "istio": { "version": "1.26" } }),
            "istio.version: Istio 1.26 does not take what is rendered; 1.27 is the first that carries the first Envoy (1.35) that knows allow_on_headers_stop_iteration, and an older one refuses the whole listener",
        ),
        (
            "envoy-gateway",
            &plain,
            json!({ "envoy_gateway": { "version": "1.4" } }),
            "envoy_gateway.version: Envoy Gateway 1.4 does not take what is rendered; 1.5 is the first that knows loadBalancer.endpointOverride, by which clusters are steered",
        ),
        (
            "envoy-gateway",
            &plain,
            json!({ "envoy_gateway": { "version": "1.10" } }),
            "envoy_gateway.version: Envoy Gateway 1.10 gives listeners other names than 1.9 (default/eg/http), so the patches would find none; write `envoy_gateway: {patches: false}`",
        ),
        (
            "istio",
            &plain,
            json!({ "istio": { "form": "wasm_plugin", "priority": 3 } }),
            "istio.priority: orders EnvoyFilters, lowest first, and WasmPlugins go by phase, then highest first; leave it out",
        ),
        (
            "istio",
            &plain,
            json!({ "clusters": [{ "name": "a", "inference_pool": true }], "istio": { "form": "traffic_extension" } }),
            "clusters[0].inference_pool: TrafficExtension is the filter by itself, and nothing would copy the header to the metadata that \"a\" reads; take `istio: {form: envoy_filter}`, or leave it out",
        ),
    ] {
        let (code, out, _) = run(platform, document, &site);
        assert_eq!(code, 1, "{out}");
        assert!(
            out.lines().any(|line| line == format!("FOLDER/document.yaml: {wanted}")),
            "{wanted}\nis not in\n{out}"
        );
    }
}

#[test]
fn what_hurts_is_said_on_standard_error() {
    let called = upstream(&json!({ "outlier": {}, "retry": { "engine": "filter" } }));
    let document = json!({ "upstreams": [called] });
    for (platform, site, wanted) in [
        ("istio", json!({}), "in \"outbound|8080||cart.shop.svc.cluster.local\" they are not judged"),
        (
            "istio",
            json!({ "istio": { "version": "1.32" } }),
            "Which Envoy Istio 1.32 carries is not known here",
        ),
        ("istio", json!({ "istio": { "version": "1.30" } }), "Envoy 1.38 may use memory that is freed"),
        (
            "istio",
            json!({ "istio": { "outlier_from_file": true } }),
            "/etc/switchyard/outlier.wasm must be in the proxy's container",
        ),
        (
            "istio",
            json!({ "images": { "switchyard": { "reference": "r.example/switchyard:1" } } }),
            "is not pinned",
        ),
        ("envoy-gateway", json!({}), "/etc/switchyard/outlier.wasm must be on the proxy"),
    ] {
        let (code, out, said) = run(platform, &document, &site);
        assert_eq!(code, 0, "{out} {said}");
        assert!(said.contains(wanted), "{wanted}\nis not in\n{said}");
        assert!(out.contains(wanted), "it stands in the file, too");
    }
    // What calls go to has a protocol: nothing of that is left to say.
    let said = json!({ "clusters": [{ "name": "outbound|8080||cart.shop.svc.cluster.local", "protocol": "http2" }] });
    let (_, out, told) = run("istio", &document, &said);
    assert!(!told.contains("they are not judged"), "{told}");
    assert!(out.contains("http2_protocol_options: {}"));
}

#[test]
fn what_is_no_document_or_no_site_cannot_be_rendered() {
    let good = json!({ "upstreams": [upstream(&json!({}))] });
    let (code, out, said) = run("istio", &good, &json!({ "nmespace": "shop" }));
    assert_eq!((code, &*out), (2, ""));
    assert_eq!(
        said,
        "error: the site is not understood\nFOLDER/site.yaml: nmespace: \"shop\" is of an unknown field; did you mean namespace?\n"
    );
    let (code, _, said) = run("istio", &json!({ "mode": "of" }), &json!({}));
    assert_eq!(code, 2);
    assert!(said.contains("mode: \"of\" is not one of enforce, shadow"), "{said}");
    switchyard(&["render", "kgateway", "x.yaml"]).assert().code(2);
}

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
