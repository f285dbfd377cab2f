//! `cargo xtask check`: Switchyard documents, alone or inside an Envoy bootstrap, checked with the code that
//! runs in the filters.

use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;
use switchyard_config::{ConfigErrors, Document};

/// One document and where it stood.
pub(crate) struct Found {
    /// Empty for a file that is a document; else the plugin's name.
    pub(crate) place: String,
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
        return vec![Found { place: String::new(), result: Document::from_value(tree) }];
    }
    let mut found = Vec::new();
    plugins(tree, &mut found);
    found
}

/// Every plugin configuration below `tree` of a plugin whose name begins with `switchyard`.
fn plugins(tree: &Value, found: &mut Vec<Found>) {
    let name = tree.get("name").and_then(Value::as_str).filter(|name| name.starts_with("switchyard"));
    if let (Some(name), true) = (name, tree.get("vm_config").is_some()) {
        let result = match tree.pointer("/configuration/value") {
            Some(Value::String(text)) => Document::from_json(text.as_bytes()),
            Some(tree) => Document::from_value(tree),
            None => Ok(Document::default()),
        };
        found.push(Found { place: name.to_owned(), result });
        return;
    }
    match tree {
        Value::Array(items) => items.iter().for_each(|item| plugins(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| plugins(field, found)),
        _ => {}
    }
}

/// Checks `file` and prints what is wrong with it, one error a line; returns whether all is well.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn check_file(file: &Path) -> Result<bool> {
    let found = check(&read(file)?);
    if found.is_empty() {
        println!("{}: no Switchyard plugin in this bootstrap", file.display());
    }
    let mut good = true;
    for Found { place, result } in found {
        let place = if place.is_empty() { String::new() } else { format!(" ({place})") };
        match result {
            Ok(document) => println!(
                "{}{place}: ok, {} upstreams, {} routes",
                file.display(),
                document.upstreams().len(),
                document.routes().len()
            ),
            Err(errors) => {
                good = false;
                eprintln!("{}{place}: {} errors", file.display(), errors.total());
                eprintln!("{errors}");
            }
        }
    }
    Ok(good)
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
    fn a_bootstrap_is_searched_for_our_plugins() {
        let plugin = |name: &str, value: Value| json!({"name": name, "vm_config": {}, "configuration": {"value": value}});
        let bootstrap = json!({"admin": {}, "static_resources": {"listeners": [
            plugin("switchyard.router", json!({"mode": "of"})),
            plugin("switchyard.text", json!("{\"mode\": \"shadow\"}")),
            plugin("somebody.else", json!({"anything": 1})),
        ]}});
        let found = check(&bootstrap);
        let results: Vec<_> =
            found.iter().map(|found| (found.place.as_str(), found.result.is_ok())).collect();
        assert_eq!(results, [("switchyard.router", false), ("switchyard.text", true)]);
    }
}
