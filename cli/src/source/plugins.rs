//! The plugins of ours in a file, each with its document.
//!
//! A plugin is ours if its name begins with `switchyard` (also behind a namespace, as in `shop/switchyard`), if it loads one of our
//! modules from a file, or if its image is called so.

use super::{File, Filter, Kind};
use base64::Engine as _;
use serde_json::Value;
use switchyard_config::{ConfigErrors, Document};

/// A plugin that has a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plugin {
    /// Its name; empty for a file that is a document.
    pub name: String,
    /// The file, image or URL of its module; empty where nothing says so.
    pub module: String,
    /// The manifest that it stands in, `EnvoyFilter shop/switchyard`; empty elsewhere.
    pub manifest: String,
}

/// A part of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// In which of its YAML documents.
    pub tree: usize,
    /// Where in it, `static_resources.listeners[0]`; empty for all of it.
    pub path: String,
}

impl Spot {
    fn item(&self, index: usize) -> Self {
        Self { tree: self.tree, path: format!("{}[{index}]", self.path) }
    }

    fn field(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { tree: self.tree, path: format!("{}{dot}{name}", self.path) }
    }
}

/// A document and the plugin whose configuration it is.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The plugin.
    pub plugin: Plugin,
    /// The document as it is written; what is no JSON stands here as text.
    pub tree: Value,
    /// What it means, or everything that is wrong with it.
    pub result: Result<Document, ConfigErrors>,
    /// The section `vm_config` and what stands around it, for what is to be said of that; `null` for a file that is a document.
    pub settings: Value,
    /// Where the document is; where a plugin has none, the plugin.
    pub spot: Spot,
}

impl Carried {
    /// A field of Envoy's PluginConfig, which JSON may write in camel case, too: `vm_config`.
    pub fn setting(&self, name: &str) -> Option<&Value> {
        either(&self.settings, name)
    }

    fn text(&self, name: &str) -> &str {
        self.setting(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Its root's id.
    pub fn root_id(&self) -> &str {
        self.text("root_id")
    }

    /// The id of its VM: what shared data is shared by.
    pub fn vm_id(&self) -> &str {
        let id = self.setting("vm_config").and_then(|vm| either(vm, "vm_id"));
        id.and_then(Value::as_str).unwrap_or_default()
    }

    /// What becomes of it after a trap: Envoy's word, or Envoy's default.
    pub fn failure_policy(&self) -> &str {
        let is_open = self.setting("fail_open").and_then(Value::as_bool) == Some(true);
        match self.text("failure_policy") {
            "" | "UNSPECIFIED" if is_open => "FAIL_OPEN",
            "" | "UNSPECIFIED" => "FAIL_CLOSED",
            policy => policy,
        }
    }

    /// Whether it may hold a request's head and still be given its body. A BoolValue, which some write as an object.
    pub fn stop_flag(&self) -> bool {
        let flag = self.setting("allow_on_headers_stop_iteration");
        flag.and_then(|flag| flag.as_bool().or_else(|| flag.get("value")?.as_bool())).unwrap_or_default()
    }

    /// Which filter it is, if anything tells.
    pub fn filter(&self) -> Option<Filter> {
        Filter::of(&self.plugin, self.root_id())
    }

    /// Whether it is known to do what this filter does.
    pub fn does(&self, filter: Filter) -> bool {
        self.filter().is_some_and(|own| own.does(filter))
    }
}

/// A field in either of the ways in which JSON may write protobuf's names.
fn either<'a>(tree: &'a Value, name: &str) -> Option<&'a Value> {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        camel.push_str(&first.to_ascii_uppercase());
        camel.push_str(rest);
    }
    tree.get(name).or_else(|| tree.get(camel))
}

/// Every document in `file`.
pub(super) fn documents(file: &File) -> Vec<Carried> {
    let mut found = Vec::new();
    for (index, tree) in file.trees.iter().enumerate() {
        let spot = Spot { tree: index, path: String::new() };
        match file.kind {
            Kind::Document => found.push(Carried {
                plugin: Plugin::default(),
                tree: tree.clone(),
                result: Document::from_value(tree),
                settings: Value::Null,
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
                    found.extend(
                        documents(&inner).into_iter().map(|one| Carried { spot: spot.clone(), ..one }),
                    );
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
    if (is_our_name(name) || is_our_image(module)) && !is_page(name, module) {
        let tree = settings.get(config).cloned().unwrap_or_default();
        let (settings, spot) = (settings.clone(), spot.field(config));
        let plugin = Plugin { name: name.to_owned(), module: module.to_owned(), ..Plugin::default() };
        found.push(Carried { plugin, result: Document::from_value(&tree), tree, settings, spot });
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
        let ours = is_our_name(name) || is_our_file(module) || is_our_image(module);
        if ours && !is_page(name, module) {
            let (tree_of, result) = configuration(tree.get("configuration"));
            let plugin = Plugin { name: name.to_owned(), module: module.to_owned(), ..Plugin::default() };
            let spot = spot.field("configuration").field("value");
            found.push(Carried { plugin, tree: tree_of, result, settings: tree.clone(), spot });
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

/// Whether it is the status page, by its module or its name: that has no document and decides nothing, so there is nothing to be said of it.
fn is_page(name: &str, module: &str) -> bool {
    let is = |text: &str| {
        let file = text.rsplit('/').next().unwrap_or_default();
        let stem = file.split([':', '@']).next().unwrap_or_default().trim_end_matches(".wasm");
        stem.rsplit(['.', '-', '_']).next() == Some("status")
    };
    !is_our_file(module) && (is(name) || is(module))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_page_is_no_plugin_with_a_document() {
        for (name, module) in [
            ("switchyard.status", "/etc/switchyard/status.wasm"),
            ("shop/switchyard-status", "/var/lib/istio/data/ab/cd.wasm"),
            ("page", "oci://registry.example/team/switchyard-status:0.1.0"),
        ] {
            assert!(is_page(name, module), "{name} {module}");
        }
        for (name, module) in [
            ("switchyard.status", "/etc/switchyard/switchyard.wasm"),
            ("switchyard", "/etc/switchyard/switchyard.wasm"),
            ("shop/switchyard", "oci://registry.example/switchyard@sha256:1"),
            ("", ""),
        ] {
            assert!(!is_page(name, module), "{name} {module}");
        }
    }
}
