//! `cargo xtask check`: Switchyard documents, alone or inside an Envoy bootstrap, checked with the code that
//! runs in the filters.

use anyhow::{Context, Result};
use base64::Engine as _;
use serde_json::Value;
use std::path::Path;
use switchyard_config::{ConfigErrors, Document};

/// The modules that read a document.
const MODULES: [&str; 6] =
    ["switchyard.wasm", "coalesce.wasm", "batch.wasm", "router.wasm", "outlier.wasm", "retry.wasm"];

/// One document and where it stood.
pub(crate) struct Found {
    /// Empty for a file that is a document; else the plugin's name.
    pub(crate) place: String,
    /// The file of the plugin's module; empty for a file that is a document.
    pub(crate) module: String,
    pub(crate) result: Result<Document, ConfigErrors>,
}

/// What a YAML or JSON file holds.
///
/// # Errors
/// When it cannot be read or is neither.
pub(crate) fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    parse(&text).with_context(|| format!("{} is neither YAML nor JSON", file.display()))
}

/// The tree of a YAML text, of which JSON is a part. Nothing but comments is `null`.
pub(crate) fn parse(text: &str) -> Result<Value> {
    let empty = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if empty { Ok(Value::Null) } else { Ok(serde_saphyr::from_str(text)?) }
}

/// Whether a tree is an Envoy bootstrap and not a Switchyard document.
pub(crate) fn is_bootstrap(tree: &Value) -> bool {
    ["static_resources", "dynamic_resources", "admin"].iter().any(|key| tree.get(key).is_some())
}

/// Checks the document that `tree` is, or every one inside it.
pub(crate) fn check(tree: &Value) -> Vec<Found> {
    if !is_bootstrap(tree) {
        return vec![Found {
            place: String::new(),
            module: String::new(),
            result: Document::from_value(tree),
        }];
    }
    let mut found = Vec::new();
    plugins(tree, &mut found);
    found
}

/// Every configuration below `tree` of a plugin that is ours, by its name or by the module that it loads.
fn plugins(tree: &Value, found: &mut Vec<Found>) {
    if let (Some(name), Some(vm)) = (tree.get("name").and_then(Value::as_str), tree.get("vm_config")) {
        let module = vm.pointer("/code/local/filename").and_then(Value::as_str).unwrap_or_default();
        if name.starts_with("switchyard") || MODULES.iter().any(|ours| module.ends_with(ours)) {
            let result = configuration(tree.get("configuration"));
            found.push(Found { place: name.to_owned(), module: module.to_owned(), result });
            return;
        }
    }
    match tree {
        Value::Array(items) => items.iter().for_each(|item| plugins(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| plugins(field, found)),
        _ => {}
    }
}

/// The document in a plugin's configuration: a Struct, a StringValue, or a BytesValue, which YAML has in base64.
fn configuration(any: Option<&Value>) -> Result<Document, ConfigErrors> {
    let kind = any.and_then(|any| any.get("@type")).and_then(Value::as_str).unwrap_or_default();
    match any.and_then(|any| any.get("value")) {
        Some(Value::String(text)) if kind.ends_with("BytesValue") => {
            // What is not base64 is checked as it stands; it is no document either.
            let bytes = base64::engine::general_purpose::STANDARD.decode(text);
            Document::from_plugin_configuration(&bytes.unwrap_or_else(|_| text.clone().into_bytes()))
        }
        Some(Value::String(text)) => Document::from_json(text.as_bytes()),
        Some(tree) => Document::from_value(tree),
        None => Ok(Document::default()),
    }
}

/// Checks `file` and prints what is wrong with it, one error a line, and what to beware of; returns whether nothing is wrong.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn check_file(file: &Path) -> Result<bool> {
    let tree = read(file)?;
    let found = check(&tree);
    if found.is_empty() {
        eprintln!("{}: no Switchyard plugin in this bootstrap, so there is nothing to check", file.display());
    }
    let mut good = !found.is_empty();
    for Found { place, result, .. } in found {
        let place = if place.is_empty() { String::new() } else { format!(" ({place})") };
        for (cluster, role) in result.iter().flat_map(|document| missing_clusters(&tree, document)) {
            eprintln!(
                "{}{place}, a warning: no cluster {cluster:?} in this bootstrap, {role}",
                file.display()
            );
        }
        match result {
            Ok(document) if document.stored().is_some() => {
                println!("{}{place}: ok, the document is in a store; check that one, too", file.display());
            }
            Ok(document) => println!(
                "{}{place}: ok, {} upstreams, {} routes",
                file.display(),
                document.upstreams().len(),
                document.routes().iter().filter(|route| !route.is_envoys()).count()
            ),
            Err(errors) => {
                good = false;
                eprintln!("{}{place}: {} errors", file.display(), errors.total());
                eprintln!("{errors}");
            }
        }
    }
    for warning in crate::front::warnings(&tree) {
        eprintln!("{}, a warning: {warning}", file.display());
    }
    Ok(good)
}

/// The clusters that `document` names and the bootstrap around it lacks, and what for; none where other clusters come from a control plane.
fn missing_clusters(bootstrap: &Value, document: &Document) -> Vec<(String, String)> {
    let listed = bootstrap.pointer("/static_resources/clusters").and_then(Value::as_array);
    let Some(listed) = listed.filter(|_| bootstrap.pointer("/dynamic_resources/cds_config").is_none()) else {
        return Vec::new();
    };
    let has =
        |name: &str| listed.iter().any(|cluster| cluster.get("name").and_then(Value::as_str) == Some(name));
    let upstreams = document.upstreams().iter().flat_map(|upstream| {
        let name = upstream.name();
        let goes = (upstream.cluster().to_owned(), format!("where requests for the upstream {name} go"));
        let asked = upstream.source().map(|source| {
            (
                source.cluster.to_string(),
                format!("which is to be asked for the endpoints of the upstream {name}"),
            )
        });
        [Some(goes), asked].into_iter().flatten()
    });
    let stored = document
        .stored()
        .map(|stored| (stored.cluster.to_string(), "which is to be asked for the document".to_owned()));
    let mut missing: Vec<_> = upstreams.chain(stored).filter(|(cluster, _)| !has(cluster)).collect();
    missing.dedup_by(|one, before| one.0 == before.0);
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn yaml_and_json_are_the_same_document() {
        let yaml = "upstreams:\n  - {name: a, endpoints: [{address: \"1.1.1.1:1\"}]}\nroutes: []\n";
        let json = r#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.1.1.1:1"}]}], "routes": []}"#;
        assert_eq!(parse(yaml).unwrap(), parse(json).unwrap());
        assert_eq!(parse("# nothing\n\n").unwrap(), Value::Null);
    }

    #[test]
    fn clusters_that_a_bootstrap_lacks_are_told_unless_a_control_plane_has_more() {
        let document = json!({"upstreams": [
            {"name": "cart", "endpoints": {"envoy": {"admin_cluster": "amdin"}}},
            {"name": "shop", "cluster": "shpo", "endpoints": [{"address": "1.1.1.1:1"}]},
        ]});
        let document = Document::from_value(&document).unwrap();
        let mut bootstrap = json!({"static_resources": {"clusters": [{"name": "cart"}, {"name": "admin"}]}});
        let missing = missing_clusters(&bootstrap, &document);
        let told: Vec<_> = missing.iter().map(|(cluster, role)| format!("{cluster}: {role}")).collect();
        assert_eq!(
            told,
            [
                "amdin: which is to be asked for the endpoints of the upstream cart",
                "shpo: where requests for the upstream shop go",
            ]
        );
        let stored = json!({"document": {"http": {"cluster": "store", "path": "/"}}});
        let stored = Document::from_value(&stored).unwrap();
        assert_eq!(missing_clusters(&bootstrap, &stored).len(), 1);
        bootstrap["dynamic_resources"] = json!({"cds_config": {}});
        assert_eq!(missing_clusters(&bootstrap, &document), []);
        assert_eq!(missing_clusters(&Value::Null, &document), []);
    }

    #[test]
    fn a_bootstrap_is_searched_for_our_plugins() {
        let plugin = |name: &str, value: Value| json!({"name": name, "vm_config": {}, "configuration": {"value": value}});
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
        let found = check(&bootstrap);
        let results: Vec<_> =
            found.iter().map(|found| (found.place.as_str(), found.result.is_ok())).collect();
        assert_eq!(results, [("switchyard.router", false), ("switchyard.text", true), ("mine", false)]);
        let words = found.last().and_then(|found| found.result.as_ref().err()).map(ToString::to_string);
        assert_eq!(words.unwrap_or_default(), "mode: \"of\" is not one of enforce, shadow");
    }
}
