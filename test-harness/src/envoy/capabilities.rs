//! What a module may do: Envoy's `capability_restriction_config`, by the name of the module.
//!
//! Invariant: every plugin with the module is held to the same list, since those of one VM have the list of the one that came first.
//! Trade-off: the list is put beside `vm_config`, which every Envoy takes; 1.40 has a place inside it, too, and warns of this one.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

/// The capabilities of the modules that are held to any.
#[derive(Debug, Clone, Default)]
pub(super) struct Capabilities(BTreeMap<String, Value>);

impl Capabilities {
    pub(super) fn hold(&mut self, module: &str, names: &[String]) {
        let allowed: Map<_, _> = names.iter().map(|name| (name.clone(), json!({}))).collect();
        self.0.insert(module.to_owned(), json!({ "allowed_capabilities": allowed }));
    }

    /// Holds a plugin to its module's list, if that has one.
    pub(super) fn put_into(&self, plugin: &mut Value) {
        let file = plugin.pointer("/vm_config/code/local/filename").and_then(Value::as_str);
        let module = file.and_then(|file| Path::new(file).file_stem()).and_then(|stem| stem.to_str());
        let list = module.and_then(|module| self.0.get(module)).cloned();
        if let (Some(list), Some(plugin)) = (list, plugin.as_object_mut()) {
            plugin.insert("capability_restriction_config".to_owned(), list);
        }
    }
}
