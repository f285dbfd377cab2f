//! Plugins of ours that an Envoy runs.

use crate::source::{Carried, Filter};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Where a plugin stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a listener of this name.
    Listener(String),
    /// In the router of a listener of this name: an upstream filter of every cluster that has none of its own.
    Router(String),
    /// In a cluster of this name: an upstream filter.
    Cluster(String),
    /// In a configuration by ECDS of this name, that nothing refers to.
    Extension(String),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(name) => write!(formatter, "listener {name}"),
            Self::Router(name) => write!(formatter, "router of listener {name}"),
            Self::Cluster(name) => write!(formatter, "cluster {name}"),
            Self::Extension(name) => write!(formatter, "extension {name}"),
        }
    }
}

/// A plugin of ours, where it runs and with what.
#[derive(Clone, Debug)]
pub struct Running {
    /// Where it stands.
    pub place: Place,
    /// Which filter it is.
    pub filter: Filter,
    /// Its document and settings.
    pub carried: Carried,
}

impl Running {
    pub(super) fn new(place: Place, carried: Carried) -> Self {
        // What an Envoy runs is the whole, where nothing says that it is a part.
        let filter = carried.filter().unwrap_or(Filter::Switchyard);
        Self { place, filter, carried }
    }

    fn text(&self, pointer: &str) -> &str {
        self.carried.settings.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.carried.plugin.name
    }

    /// `envoy.wasm.runtime.v8`; Envoy's default where it is empty.
    pub fn runtime(&self) -> &str {
        self.text("/vm_config/runtime")
    }

    /// The sha256 of a module that Envoy fetches itself; empty where it does not.
    pub fn sha256(&self) -> &str {
        self.text("/vm_config/code/remote/sha256")
    }

    /// The document's fingerprint; `None` where it has none of its own, as outlier.wasm may.
    pub fn document(&self) -> Option<String> {
        (!self.carried.tree.is_null()).then(|| fingerprint(&self.carried.tree))
    }
}

/// The first twelve digits of the sha256 of this JSON, written with sorted keys and without spaces; 5 and 5.0 are the same number, as they are
/// in a Struct.
pub fn fingerprint(tree: &Value) -> String {
    let digest = Sha256::digest(canonical(tree).to_string());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn canonical(tree: &Value) -> Value {
    match tree {
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        Value::Object(fields) => {
            // Sorted here, whatever order serde_json's map keeps.
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            Value::Object(sorted.into_iter().map(|(name, field)| (name.clone(), canonical(field))).collect())
        }
        Value::Number(number) => number.as_f64().map_or_else(|| tree.clone(), Value::from),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fingerprint_is_of_what_is_said_and_not_of_how() {
        let one = fingerprint(&json!({ "a": 5, "b": [{ "c": "x", "d": null }] }));
        let text = r#"{ "b": [ { "d": null, "c": "x" } ], "a": 5.0 }"#;
        assert_eq!(one, fingerprint(&serde_json::from_str(text).unwrap()));
        assert_eq!(one.len(), 12);
        assert_ne!(one, fingerprint(&json!({ "a": 6, "b": [{ "c": "x", "d": null }] })));
        assert_ne!(
            fingerprint(&json!(["a", "b"])),
            fingerprint(&json!(["b", "a"])),
            "a list's order means something"
        );
    }
}
