//! WasmPlugin and TrafficExtension: the filter by itself. They set no vm_id and no stop flag, and reach no cluster.
//!
//! Invariant: what these two cannot do is refused, so that nobody takes a document for being in force that is not.

use super::super::images::image;
use super::super::outcome::{Remarks, Rendered, Text, head};
use super::super::site::{Context, Form, Site};
use super::super::wanted::Wanted;
use super::super::yaml;
use crate::surroundings::RELOAD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The manifest.
///
/// # Errors
/// With what it cannot do.
pub(super) fn render(wanted: &Wanted, site: &Site, mut remarks: Remarks) -> anyhow::Result<Rendered> {
    let kind = if site.istio.form == Form::WasmPlugin { "WasmPlugin" } else { "TrafficExtension" };
    check(wanted, kind, &mut remarks);
    check_site(site, kind, &mut remarks);
    let image = image("switchyard", site.switchyard.as_ref(), &mut remarks);
    let warnings = remarks.settle()?;
    let mut wasm = json!({
        "url": format!("oci://{}", image.reference),
        "imagePullPolicy": "IfNotPresent",
        "pluginName": "switchyard",
        "pluginConfig": wanted.tree,
        "failStrategy": RELOAD,
        "type": "HTTP",
    });
    if let (Some(sha256), Some(wasm)) = (image.sha256, wasm.as_object_mut()) {
        wasm.insert("sha256".to_owned(), json!(sha256));
    }
    let manifest = manifest(kind, site, wasm);
    let lines = [
        format!("A Switchyard document for Istio, made by `switchyard render istio`; render again rather than edit. {kind} says nothing of"),
        "clusters: Envoy goes to the endpoints that the filter names only where they have the policy override_host.".to_owned(),
    ];
    let file = if site.istio.form == Form::WasmPlugin { "wasmplugin.yaml" } else { "trafficextension.yaml" };
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let text = yaml::write(&head(&lines, &warnings), &manifest)?;
    Ok(Rendered { files: vec![Text { name: file.to_owned(), text, is_aside: false }], warnings })
}

fn check(wanted: &Wanted, kind: &str, remarks: &mut Remarks) {
    for (path, what) in &wanted.bodies {
        remarks.refuse(format!(
            "{path}: {what}, and {kind} has no field for allow_on_headers_stop_iteration, so no body would come; take `istio: {{form: envoy_filter}}`, or leave it out"
        ));
    }
    for (path, what) in &wanted.bodies_help {
        remarks.warn(format!(
            "{path}: {what}, which {kind} cannot let it (it has no field for allow_on_headers_stop_iteration): requests with bodies wait up to a second and are not tried again."
        ));
    }
    if wanted.judges {
        remarks.refuse(format!(
            "upstreams[].outlier: {kind} places no upstream filter, so no attempt would be judged; take `istio: {{form: envoy_filter}}`, or leave the section out"
        ));
    }
    if wanted.has_routes {
        remarks.warn(format!(
            "{kind} adds no route by x-switchyard-cluster: requests whose route of the document names another cluster than Istio's route stay in Istio's."
        ));
    }
    remarks.warn(format!(
        "{kind} sets no vm_id: shared data is shared with every other plugin of the proxy, under the keys of Switchyard's own."
    ));
}

/// What the site says that this kind has no place for.
fn check_site(site: &Site, kind: &str, remarks: &mut Remarks) {
    if site.istio.priority.is_some() {
        remarks.refuse(format!(
            "istio.priority: orders EnvoyFilters, lowest first, and {kind}s go by phase, then highest first; leave it out"
        ));
    }
    for (place, cluster) in site.clusters.iter().enumerate().filter(|(_, cluster)| cluster.inference_pool) {
        remarks.refuse(format!(
            "clusters[{place}].inference_pool: {kind} is the filter by itself, and nothing would copy the header to the metadata that {:?} reads; take `istio: {{form: envoy_filter}}`, or leave it out",
            cluster.name
        ));
    }
}

fn manifest(kind: &str, site: &Site, wasm: Value) -> Value {
    let mut spec = Map::new();
    let labels: BTreeMap<_, _> = site.istio.labels.iter().cloned().collect();
    if !labels.is_empty() {
        spec.insert("selector".to_owned(), json!({ "matchLabels": labels }));
    }
    if site.istio.context == Context::Sidecar {
        spec.insert("match".to_owned(), json!([{ "mode": "CLIENT" }]));
    }
    if kind == "WasmPlugin" {
        spec.extend(wasm.as_object().cloned().unwrap_or_default());
    } else {
        spec.insert("wasm".to_owned(), wasm);
    }
    json!({
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": kind,
        "metadata": { "name": site.name, "namespace": site.istio.namespace },
        "spec": spec,
    })
}
