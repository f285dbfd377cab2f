//! Plugins of ours that an Envoy runs.

use crate::source::Carried;
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

/// What a plugin is of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    /// All that is decided on the way to Envoy's router.
    Switchyard,
    /// Identical requests share an answer.
    Coalesce,
    /// Distinct requests share a call.
    Batch,
    /// Where a request goes.
    Router,
    /// Whether it is tried again.
    Retry,
    /// Who is ejected.
    Outlier,
}

impl Filter {
    /// The five that are modules of their own.
    const SINGLE: [(&'static str, Self); 5] = [
        ("outlier", Self::Outlier),
        ("coalesce", Self::Coalesce),
        ("batch", Self::Batch),
        ("router", Self::Router),
        ("retry", Self::Retry),
    ];

    /// By the name of the module's file, else by the root's id, else by the plugin's name: a platform may have renamed any of them.
    fn of(module: &str, root_id: &str, name: &str) -> Self {
        let file = module.rsplit('/').next().unwrap_or_default();
        if file == "switchyard.wasm" {
            return Self::Switchyard;
        }
        let by = |is: &dyn Fn(&str) -> bool| {
            Self::SINGLE.iter().find(|(word, _)| is(word)).map(|(_, filter)| *filter)
        };
        by(&|word| file.strip_suffix(".wasm") == Some(word))
            .or_else(|| by(&|word| root_id == word))
            .or_else(|| by(&|word| name.split(['.', '-', '_', '/', ':']).any(|part| part == word)))
            .unwrap_or(Self::Switchyard)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let single = Self::SINGLE.iter().find(|(_, filter)| filter == self);
        formatter.write_str(single.map_or("switchyard", |(name, _)| name))
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
        let root_id = carried.settings.get("root_id").and_then(Value::as_str).unwrap_or_default();
        let filter = Filter::of(&carried.plugin.module, root_id, &carried.plugin.name);
        Self { place, filter, carried }
    }

    fn text(&self, pointer: &str) -> &str {
        self.carried.settings.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.carried.plugin.name
    }

    /// Its root's id.
    pub fn root_id(&self) -> &str {
        self.text("/root_id")
    }

    /// The id of its VM: what shared data is shared by.
    pub fn vm_id(&self) -> &str {
        self.text("/vm_config/vm_id")
    }

    /// `envoy.wasm.runtime.v8`; Envoy's default where it is empty.
    pub fn runtime(&self) -> &str {
        self.text("/vm_config/runtime")
    }

    /// The sha256 of a module that Envoy fetches itself; empty where it does not.
    pub fn sha256(&self) -> &str {
        self.text("/vm_config/code/remote/sha256")
    }

    /// What becomes of it after a trap: Envoy's word.
    pub fn failure_policy(&self) -> &str {
        let is_open = self.carried.settings.get("fail_open").and_then(Value::as_bool) == Some(true);
        match self.text("/failure_policy") {
            "" | "UNSPECIFIED" if is_open => "FAIL_OPEN",
            "" | "UNSPECIFIED" => "FAIL_CLOSED",
            policy => policy,
        }
    }

    /// Whether it may hold a request's head and still be given its body.
    pub fn stop_flag(&self) -> bool {
        let flag = self.carried.settings.get("allow_on_headers_stop_iteration");
        flag.and_then(|flag| flag.as_bool().or_else(|| flag.get("value")?.as_bool())).unwrap_or(false)
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

    #[test]
    fn a_filter_is_known_by_its_module_its_root_or_its_name() {
        for (module, root_id, name, filter) in [
            ("/etc/switchyard/switchyard.wasm", "router", "switchyard.outlier", Filter::Switchyard),
            ("/etc/switchyard/outlier.wasm", "", "", Filter::Outlier),
            ("/var/lib/istio/data/ab/cd.wasm", "outlier", "shop/x", Filter::Outlier),
            ("/var/lib/istio/data/ab/cd.wasm", "", "shop/switchyard-outlier", Filter::Outlier),
            ("/etc/switchyard/retry.wasm", "retry", "switchyard.retry", Filter::Retry),
            ("", "switchyard", "shop/switchyard", Filter::Switchyard),
        ] {
            assert_eq!(Filter::of(module, root_id, name), filter, "{module} {root_id} {name}");
        }
        assert_eq!(
            (Filter::Switchyard.to_string(), Filter::Retry.to_string()),
            ("switchyard".into(), "retry".into())
        );
    }
}
