//! What a site file may say, and what is said of one that is wrong.

use super::*;
use serde_json::json;

#[test]
fn nothing_is_a_site() {
    let site = Site::default();
    assert_eq!(Site::from_value(&json!({})).unwrap(), site);
    assert_eq!((&*site.name, &*site.namespace, &*site.vm_id), ("switchyard", "default", "switchyard"));
    assert_eq!((&*site.istio.namespace, &*site.envoy_gateway.gateway_namespace), ("istio-system", "default"));
    assert_eq!(site.istio.labels, [("istio".to_owned(), "ingressgateway".to_owned())]);
    assert_eq!(site.envoy, Minor(1, 40));
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_path_value_and_fix() {
    let tree = json!({
        "nmespace": "shop",
        "namespace": "Shop",
        "listener": {"port": 70000, "adress": "::1"},
        "clusters": [
            {"name": "a", "protocol": "h2", "endpoints": ["cart:80"]},
            {"endpoints": [], "inference_pool": "yes"},
            "b",
            {"name": "d", "dns": "cart", "endpoints": ["1.1.1.1:1"]},
            {"name": "a"},
        ],
        "images": {"switchyard": {"reference": "oci://r/s:1", "sha256": "abc"}},
        "istio": {"form": "helm", "priority": 0, "labels": []},
        "envoy_gateway": {"version": "latest", "routes": "cart"},
        "envoy": {"version": 1.4},
        "modules": {"folder": "wasm"},
    });
    let problems = Site::from_value(&tree).unwrap_err();
    let wanted = [
        "nmespace: \"shop\" is of an unknown field; did you mean namespace?",
        "namespace: \"Shop\" is no name of Kubernetes: small letters, digits, - and .",
        "listener.adress: \"::1\" is of an unknown field; did you mean address?",
        "listener.port: 70000 is no whole number from 1 to 65535",
        "clusters[0].endpoints: \"cart:80\" is no ip:port; a name to resolve goes into dns",
        "clusters[0].protocol: \"h2\" is not one of http1, http2, downstream",
        "clusters[1].name: null is not there; write the cluster's name in Envoy",
        "clusters[2]: \"b\" is no section; write `field: value` lines below it",
        "clusters[2].name: null is not there; write the cluster's name in Envoy",
        "clusters[3].dns: \"cart\" has no port; write host:port",
        "modules.folder: \"wasm\" is no absolute path; begin it with /",
        "images.switchyard.sha256: \"abc\" is no digest: 64 hexadecimal digits, without `sha256:`",
        "images.switchyard.reference: \"oci://r/s:1\" has a scheme; write registry/name:tag",
        "istio.form: \"helm\" is not one of envoy_filter, wasm_plugin, traffic_extension",
        "istio.labels: [] is no section; write `label: value` lines below it",
        "istio.priority: 0 is no whole number from 1 to 1000000",
        "clusters[1].inference_pool: \"yes\" is not one of true, false",
        "envoy_gateway.version: \"latest\" is no version; write the first two numbers in quotes: \"1.31\"",
        "envoy_gateway.routes: \"cart\" is no list; begin each item with `- `",
        "clusters: \"a\" is the name of two clusters; keep one of them",
        "envoy.version: 1.4 is a number to YAML, which may not be what you wrote; put it in quotes",
    ];
    for one in wanted {
        assert!(problems.iter().any(|problem| problem == one), "{one}\nis not in\n{}", problems.join("\n"));
    }
}

#[test]
fn what_a_platform_would_refuse_later_is_refused_here() {
    let problem = |tree: serde_json::Value| Site::from_value(&tree).err().unwrap_or_default().join("\n");
    let reference = |text: &str| problem(json!({"images": {"switchyard": {"reference": text}}}));
    for good in ["r.example/switchyard:0.1.0", "localhost:5000/a/b-c:V1", "switchyard", "[::1]:5000/a__b"] {
        assert_eq!(reference(good), "", "{good}");
    }
    for bad in ["r.example/my switchyard:1", "r.example/Switchyard:1", "r/x:", "r//x", "r/x@sha256:00"] {
        assert!(reference(bad).contains("is no reference of an image"), "{bad}");
    }
    let label = |key: &str, value: &str| problem(json!({"istio": {"labels": {key: value}}}));
    for (key, value) in [("app.kubernetes.io/name", "gateway"), ("app", "A_1.b"), ("x-1", "1")] {
        assert_eq!(label(key, value), "", "{key}");
    }
    let long = "x".repeat(64);
    for (key, value) in [("a b", "c"), ("a", "b c"), ("-a", "b"), ("a", &long), ("UP/a", "b"), ("a/", "b")] {
        assert!(label(key, value).contains("is no label of Kubernetes"), "{key}: {value}");
    }
    let ports = |listener: u16, admin: u16| {
        problem(json!({"listener": {"port": listener}, "admin": {"port": admin}}))
    };
    assert_eq!(ports(8080, 8081), "");
    assert_eq!(ports(8080, 8080), "admin.port: 8080 is the listener's, too; two cannot listen there");
}

/// Names go into comments and manifests: none of them has two lines.
#[test]
fn a_text_of_two_lines_is_refused() {
    let (line, escape) = ("/x\napiVersion: evil", "a\u{1b}[31m");
    let tree = json!({
        "vm_id": "a\u{2028}b",
        "modules": { "folder": line },
        "clusters": [{ "name": escape, "endpoints": ["1.1.1.1:1\n"] }],
        "istio": { "labels": { "app": "a\rb" } },
        "envoy_gateway": { "routes": ["a\nb"] },
    });
    let problems = Site::from_value(&tree).unwrap_err();
    for path in [
        "vm_id",
        "modules.folder",
        "clusters[0].name",
        "clusters[0].endpoints[0]",
        "istio.labels.app",
        "envoy_gateway.routes[0]",
    ] {
        let is_it = |problem: &&String| {
            problem.starts_with(&format!("{path}: ")) && problem.contains("control character")
        };
        assert!(problems.iter().any(|problem| is_it(&problem)), "{path}\n{}", problems.join("\n"));
    }
}

#[test]
fn versions_are_those_that_the_platforms_carry() {
    let read = |text: &str| Minor::parse(text).unwrap();
    assert_eq!(envoy_of_istio(read("1.31.2")), Some(Minor(1, 39)));
    assert_eq!(envoy_of_istio(read("1.30")), Some(Minor(1, 38)));
    assert_eq!(envoy_of_istio(read("1.12")), None);
    let gateway = ["1.6", "v1.7.0", "1.8", "1.9"].map(|text| envoy_of_gateway(read(text)).unwrap().1);
    assert_eq!(gateway, [36, 37, 38, 39]);
    assert_eq!((Minor::parse("1"), Minor::parse("latest")), (None, None));
}
