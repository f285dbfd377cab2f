//! The downstream modules of a bootstrap: one for each filter, or one for all.
//!
//! Invariant: whichever it is, the document is the same, and the chain stands where the first of its filters stood.

use std::path::Path;

use serde_json::{Value, json};

/// The modules that the chain takes the place of.
const SEPARATE: [&str; 4] = ["coalesce.wasm", "batch.wasm", "router.wasm", "retry.wasm"];

/// Which modules the downstream filters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modules {
    /// One module for each filter.
    Separate,
    /// switchyard.wasm.
    Chain,
}

impl Modules {
    /// What `$SWITCHYARD_MODULES` says: `chain`, or one for each filter.
    pub(super) fn of_environment() -> Self {
        match std::env::var("SWITCHYARD_MODULES").as_deref() {
            Ok("chain") => Self::Chain,
            _ => Self::Separate,
        }
    }

    /// Puts the modules into a list of HTTP filters.
    pub(super) fn put_into(self, filters: &mut Value) {
        let Some(filters) = filters.as_array_mut().filter(|_| self == Self::Chain) else { return };
        let Some(first) = filters.iter().position(is_separate) else { return };
        let mut chain = filters.get(first).cloned().unwrap_or_default();
        filters.retain(|filter| !is_separate(filter));
        rename(&mut chain);
        filters.insert(first, chain);
    }
}

fn is_separate(filter: &Value) -> bool {
    let file = filter.pointer("/typed_config/config/vm_config/code/local/filename").and_then(Value::as_str);
    let name = file.and_then(|file| Path::new(file).file_name()?.to_str());
    name.is_some_and(|name| SEPARATE.contains(&name))
}

fn rename(filter: &mut Value) {
    if let Some(filter) = filter.as_object_mut() {
        filter.insert("name".to_owned(), json!("switchyard"));
    }
    if let Some(plugin) = filter.pointer_mut("/typed_config/config").and_then(Value::as_object_mut) {
        plugin.insert("name".to_owned(), json!("switchyard"));
        plugin.insert("root_id".to_owned(), json!("switchyard"));
        plugin.insert("allow_on_headers_stop_iteration".to_owned(), json!(true));
    }
    if let Some(file) = filter.pointer_mut("/typed_config/config/vm_config/code/local/filename") {
        *file = json!("switchyard.wasm");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::pieces::wasm_filter;

    #[test]
    fn the_chain_stands_where_the_first_of_its_filters_stood() {
        let names = ["noop", "coalesce", "router", "retry", "outlier"];
        let mut filters: Value = names.iter().map(|name| wasm_filter(name, "{}")).collect();
        Modules::Separate.put_into(&mut filters);
        assert_eq!(filters.as_array().map(Vec::len), Some(5));
        Modules::Chain.put_into(&mut filters);
        let named = |filter: &Value| filter["typed_config"]["config"]["vm_config"]["code"].to_string();
        let modules: Vec<_> = filters.as_array().into_iter().flatten().map(named).collect();
        let files = ["noop", "switchyard", "outlier"].map(|name| format!("{name}.wasm"));
        assert_eq!(modules.len(), 3);
        assert!(modules.iter().zip(&files).all(|(module, file)| module.contains(file)), "{modules:?}");
    }
}
