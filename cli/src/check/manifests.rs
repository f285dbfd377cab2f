//! Kubernetes manifests: what their kinds cannot say, or leave to chance.

use super::around;
use super::found::Found;
use crate::finding::codes;
use crate::source::{Carried, File, Kind};
use serde_json::Value;

/// Of one plugin.
pub(super) fn plugin(carried: &Carried) -> Vec<Found> {
    let mut found = Vec::new();
    let kind = carried.plugin.manifest.split(' ').next().unwrap_or_default();
    if !kind.is_empty() {
        found.extend(unpinned(carried));
    }
    if !["WasmPlugin", "TrafficExtension", "EnvoyExtensionPolicy"].contains(&kind) {
        return found;
    }
    let wanting = around::bodies(carried);
    if !wanting.is_empty() {
        let problem = format!(
            "{kind} has no field for allow_on_headers_stop_iteration, and these need bodies: {}",
            wanting.join(", ")
        );
        let fix = match kind {
            "EnvoyExtensionPolicy" => {
                "set it by an EnvoyPatchPolicy, as envoy-config/envoy-gateway/envoypatchpolicy.yaml does, or leave them out of the document"
            }
            _ => {
                "bring the plugin by an EnvoyFilter with EXTENSION_CONFIG, or leave them out of the document"
            }
        };
        found.push(Found::new(&codes::NO_STOP_FLAG_THERE, "", problem).fix(fix));
    }
    found.extend(failing(kind, &carried.settings));
    found
}

/// What becomes of requests when the module fails.
fn failing(kind: &str, settings: &Value) -> Option<Found> {
    if kind == "EnvoyExtensionPolicy" {
        let is_open = settings.get("failOpen") == Some(&Value::Bool(true));
        let problem =
            "failOpen is true: a document that is refused, or a module that fails, is passed over in silence";
        return is_open.then(|| Found::new(&codes::FAILS_OPEN, "", problem).fix("remove failOpen"));
    }
    match settings.get("failStrategy").and_then(Value::as_str) {
        Some("FAIL_RELOAD") => None,
        Some("FAIL_OPEN") => {
            let problem = "failStrategy is FAIL_OPEN: a document that is refused, or a module that fails, is passed over in silence";
            Some(Found::new(&codes::FAILS_OPEN, "", problem).fix("write failStrategy: FAIL_RELOAD"))
        }
        strategy => {
            let problem = match strategy {
                Some(strategy) => {
                    format!("failStrategy is {strategy}: after a trap the worker answers 503 for good")
                }
                None => "failStrategy is not set: after a trap the worker answers 503 for good".to_owned(),
            };
            Some(Found::new(&codes::NO_RELOAD_THERE, "", problem).fix("write failStrategy: FAIL_RELOAD"))
        }
    }
}

/// An image that another one can take the place of.
fn unpinned(carried: &Carried) -> Option<Found> {
    let url = carried.plugin.module.as_str();
    let settings = &carried.settings;
    let pinned = [
        "/sha256",
        "/code/image/sha256",
        "/code/http/sha256",
        "/vm_config/code/remote/sha256",
        "/vmConfig/code/remote/sha256",
    ];
    let is_digest = |pointer: &str| {
        settings.pointer(pointer).and_then(Value::as_str).is_some_and(|digest| !digest.is_empty())
    };
    let is_image =
        url.starts_with("oci://") || settings.pointer("/code/image").is_some() || !url.contains("://");
    if url.is_empty()
        || url.starts_with('/')
        || url.starts_with("file://")
        || !is_image
        || url.contains('@')
        || pinned.iter().any(|pointer| is_digest(pointer))
    {
        return None;
    }
    let tag = url.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
    let problem = match tag {
        None => format!("the image {url:?} has no tag, so it is whatever is latest"),
        Some("latest") => format!("the image {url:?} is whatever is latest"),
        Some(_) => return None,
    };
    Some(Found::new(&codes::UNPINNED_IMAGE, "", problem).fix("name a version, or its digest in sha256"))
}

/// Of all of a file.
pub(super) fn find(file: &File) -> Vec<Found> {
    let mut found = Vec::new();
    if file.kind == Kind::Manifests {
        file.trees.iter().for_each(|tree| no_priority(tree, file, &mut found));
    }
    found
}

fn no_priority(tree: &Value, file: &File, found: &mut Vec<Found>) {
    match tree.get("kind").and_then(Value::as_str) {
        Some("List") => {
            let items = tree.get("items").and_then(Value::as_array);
            items.into_iter().flatten().for_each(|item| no_priority(item, file, found));
        }
        Some("EnvoyFilter") if tree.pointer("/spec/priority").is_none() => {
            let alone = File::of_trees(String::new(), file.kind, vec![tree.clone()]);
            if alone.plugins().is_empty() {
                return;
            }
            let name = tree.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let problem = format!(
                "the EnvoyFilter {name:?} has no spec.priority, so its place among others is left to its age"
            );
            found.push(Found::new(&codes::NO_PRIORITY, "spec.priority", problem).fix("write priority: 10"));
        }
        _ => {}
    }
}
