//! `switchyard render`, as it is run: what it writes, what it refuses, what it warns of.

mod istio_types;
mod refused;
mod schemas;

use crate::program::{ended, switchyard};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use switchyard_cli::source::File;
use tempfile::TempDir;

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy-config").join(path)
}

/// Writes these files into a folder, and renders the first for a platform, with the second as the site.
fn run(platform: &str, document: &Value, site: &Value) -> (i32, String, String) {
    let folder = TempDir::new().expect("a folder");
    let (document_path, site_path) = (folder.path().join("document.yaml"), folder.path().join("site.yaml"));
    std::fs::write(&document_path, document.to_string()).expect("written");
    std::fs::write(&site_path, site.to_string()).expect("written");
    let mut command = switchyard(&["render", platform]);
    let (code, out, said) = ended(command.arg(&document_path).arg("--site").arg(&site_path));
    let placed = |text: String| text.replace(&folder.path().display().to_string(), "FOLDER");
    (code, placed(out), placed(said))
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
