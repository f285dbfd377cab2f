//! The plugins of ours in a file, each with its document; the status page, which has none, is among them.
//!
//! A plugin is ours if its name begins with `switchyard` (also behind a namespace, as in `shop/switchyard`), if it loads one of our
//! modules from a file, or if its image is called so.

use super::carried::{Carried, Plugin, Spot, either};
use super::{File, Filter, Kind};
use base64::Engine as _;
use serde_json::Value;
use switchyard_config::{ConfigErrors, Document};

/// Every plugin in `file`, or the document that it is.
pub(super) fn all(file: &File) -> Vec<Carried> {
    let mut found = Vec::new();
    for (index, tree) in file.trees.iter().enumerate() {
        let spot = Spot { tree: index, path: String::new() };
        match file.kind {
            Kind::Document => found.push(Carried {
                plugin: Plugin::default(),
                tree: tree.clone(),
                result: Document::from_value(tree),
                settings: Value::Null,
                is_page: false,
                spot,
            }),
            Kind::Manifests => {
                let before = found.len();
                of_manifest(tree, &spot, &mut found);
                let manifest = manifest_name(tree);
                for carried in found.iter_mut().skip(before) {
                    carried.plugin.manifest.clone_from(&manifest);
                }
            }
            Kind::Bootstrap | Kind::Resources => of_tree(tree, &spot, &mut found),
        }
    }
    found
}

/// `EnvoyFilter shop/switchyard`.
fn manifest_name(tree: &Value) -> String {
    let text = |pointer: &str| tree.pointer(pointer).and_then(Value::as_str);
    let name = text("/metadata/name").unwrap_or_default();
    let namespace = text("/metadata/namespace").map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{} {namespace}{name}", text("/kind").unwrap_or_default())
}

fn of_manifest(tree: &Value, spot: &Spot, found: &mut Vec<Carried>) {
    let spec = tree.get("spec").unwrap_or(&Value::Null);
    let spot_of_spec = spot.field("spec");
    let name = tree.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    match tree.get("kind").and_then(Value::as_str).unwrap_or_default() {
        "WasmPlugin" => of_image(name, spec.get("url"), "pluginConfig", (spec, &spot_of_spec), found),
        "TrafficExtension" => {
            let wasm = spec.get("wasm").unwrap_or(&Value::Null);
            of_image(name, wasm.get("url"), "pluginConfig", (wasm, &spot_of_spec.field("wasm")), found);
        }
        "EnvoyExtensionPolicy" => {
            let plugins = spec.get("wasm").and_then(Value::as_array);
            for (index, wasm) in plugins.into_iter().flatten().enumerate() {
                let url = ["/code/image/url", "/code/http/url"].iter().find_map(|path| wasm.pointer(path));
                let name = wasm.get("name").and_then(Value::as_str).unwrap_or(name);
                of_image(name, url, "config", (wasm, &spot_of_spec.field("wasm").item(index)), found);
            }
        }
        "ConfigMap" => {
            for (key, text) in tree.get("data").and_then(Value::as_object).into_iter().flatten() {
                let inner = text.as_str().and_then(|text| File::parse("", text).ok());
                // A text that is no document of ours is somebody else's.
                if let Some(inner) = inner.filter(|inner| inner.kind != Kind::Document || is_document(inner))
                {
                    let spot = spot.field("data").field(key);
                    found.extend(all(&inner).into_iter().map(|one| Carried { spot: spot.clone(), ..one }));
                }
            }
        }
        "List" => {
            let items = tree.get("items").and_then(Value::as_array);
            let spot = spot.field("items");
            for (index, item) in items.into_iter().flatten().enumerate() {
                of_manifest(item, &spot.item(index), found);
            }
        }
        _ => of_tree(spec, &spot_of_spec, found),
    }
}

/// Whether what a file of no known kind holds looks like a document.
fn is_document(file: &File) -> bool {
    file.trees.iter().any(|tree| tree.get("upstreams").is_some() && tree.get("routes").is_some())
}

/// A plugin whose module is an image or a URL, and whose configuration is the tree in this field of its settings.
fn of_image(
    name: &str,
    url: Option<&Value>,
    config: &str,
    (settings, spot): (&Value, &Spot),
    found: &mut Vec<Carried>,
) {
    let module = url.and_then(Value::as_str).unwrap_or_default();
    if is_our_name(name) || is_our_image(module) {
        let tree = settings.get(config).cloned().unwrap_or_default();
        let plugin = Plugin { name: name.to_owned(), module: module.to_owned(), ..Plugin::default() };
        let result = Document::from_value(&tree);
        found.push(Carried::of(plugin, settings, (tree, result), spot.field(config)));
    }
}

/// Every plugin configuration of Envoy's below `tree` that is ours.
fn of_tree(tree: &Value, spot: &Spot, found: &mut Vec<Carried>) {
    if let Some(vm) = either(tree, "vm_config") {
        let name = tree.get("name").and_then(Value::as_str).unwrap_or_default();
        let text = |pointer: &str| vm.pointer(pointer).and_then(Value::as_str);
        let module = ["/code/local/filename", "/code/remote/http_uri/uri", "/code/remote/httpUri/uri"]
            .iter()
            .find_map(|pointer| text(pointer))
            .unwrap_or_default();
        if is_our_name(name) || is_our_file(module) || is_our_image(module) {
            let plugin = Plugin { name: name.to_owned(), module: module.to_owned(), ..Plugin::default() };
            let spot = spot.field("configuration").field("value");
            found.push(Carried::of(plugin, tree, configuration(tree.get("configuration")), spot));
            return;
        }
    }
    match tree {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| of_tree(item, &spot.item(index), found));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| of_tree(field, &spot.field(name), found));
        }
        _ => {}
    }
}

/// Whether a module's file is called as one of ours.
fn is_our_file(module: &str) -> bool {
    let stem = module.rsplit('/').next().and_then(|file| file.strip_suffix(".wasm"));
    Filter::NAMES.iter().any(|(name, _)| stem == Some(name))
}

pub(super) fn is_our_name(name: &str) -> bool {
    name.rsplit('/').any(|part| part.starts_with("switchyard"))
}

/// Whether a URL's path has a part that begins with our name, the host aside.
fn is_our_image(url: &str) -> bool {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    path.split('/').skip(1).any(|part| part.starts_with("switchyard"))
}

/// The document in a plugin's configuration: a Struct, a StringValue, or a BytesValue, which YAML has in base64.
fn configuration(any: Option<&Value>) -> (Value, Result<Document, ConfigErrors>) {
    let kind = any.and_then(|any| any.get("@type")).and_then(Value::as_str).unwrap_or_default();
    match any.and_then(|any| any.get("value")) {
        Some(Value::String(text)) if kind.ends_with("BytesValue") => {
            match base64::engine::general_purpose::STANDARD.decode(text) {
                Ok(bytes) => (tree_of(&bytes), Document::from_plugin_configuration(&bytes)),
                Err(error) => {
                    let problem =
                        format!("is not base64, as the value of a BytesValue is ({error}); encode it");
                    (Value::String(text.clone()), Err(ConfigErrors::unreadable(problem)))
                }
            }
        }
        Some(Value::String(text)) => (tree_of(text.as_bytes()), Document::from_json(text.as_bytes())),
        Some(tree) if kind.ends_with("StringValue") || kind.ends_with("BytesValue") => {
            let name = kind.rsplit('.').next().unwrap_or_default();
            let problem = format!("is no text, as the value of a {name} is; take google.protobuf.Struct");
            (tree.clone(), Err(ConfigErrors::unreadable(problem)))
        }
        Some(tree) => (tree.clone(), Document::from_value(tree)),
        None => (Value::Null, Ok(Document::default())),
    }
}

fn tree_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}
