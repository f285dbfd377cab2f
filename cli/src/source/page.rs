//! Which plugin is the status page, status.wasm: it has no document and decides nothing, but it shares the `vm_id` of the filters that it shows.
//!
//! Invariant: what has a document, or a module that calls itself something else, is never taken for the page: a service called `order-status`
//! may have a plugin of ours, whose document would go unchecked.

use super::{Filter, Plugin};
use serde_json::Value;

/// Whether it is the page, by its module; by its root or its name only where the module's file says nothing, as one that is called by a hash.
pub(super) fn is_page(plugin: &Plugin, root_id: &str, configuration: &Value) -> bool {
    let is_empty = match configuration {
        Value::Null => true,
        // status.wasm takes this one, and refuses every other.
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    let says = |text: &str| match is_called_page(text) {
        true => Some(true),
        false => Filter::named(text).map(|_| false),
    };
    let said = says(Filter::stem(&plugin.module)).or_else(|| says(root_id)).or_else(|| says(&plugin.name));
    is_empty && said == Some(true)
}

/// `status`, `switchyard.status`, `shop/switchyard-status`, and not `switchyard.order-status`.
pub(super) fn is_called_page(text: &str) -> bool {
    let last = text.rsplit('/').next().unwrap_or_default();
    let mut parts = last.rsplit(['.', '-', '_']);
    parts.next() == Some("status") && matches!(parts.next(), None | Some("switchyard"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is(name: &str, module: &str, root_id: &str, configuration: &Value) -> bool {
        let plugin = Plugin { name: name.to_owned(), module: module.to_owned(), ..Plugin::default() };
        is_page(&plugin, root_id, configuration)
    }

    #[test]
    fn the_page_is_known_by_its_module_else_by_its_root_or_its_name() {
        for (name, module, root_id) in [
            ("switchyard.status", "/etc/switchyard/status.wasm", "status"),
            ("mine", "/etc/switchyard/status.wasm", ""),
            ("shop/switchyard-status", "/var/lib/istio/data/ab/cd.wasm", ""),
            ("extensions.istio.io/wasmplugin/shop.switchyard-status", "/var/lib/istio/data/ab/cd.wasm", ""),
            ("shop/switchyard-page", "/var/lib/istio/data/ab/cd.wasm", "status"),
            ("page", "oci://registry.example/team/switchyard-status:0.1.0", ""),
            ("page", "https://modules.example/switchyard/status.wasm?of=1", ""),
        ] {
            assert!(is(name, module, root_id, &Value::Null), "{name} {module} {root_id}");
            assert!(is(name, module, root_id, &json!({})), "{name} {module} {root_id}");
            assert!(
                !is(name, module, root_id, &json!({"upstreams": []})),
                "a document is to be checked: {name}"
            );
        }
    }

    #[test]
    fn a_filter_of_a_service_that_is_called_so_is_not_the_page() {
        for (name, module, root_id) in [
            ("switchyard.status", "/etc/switchyard/switchyard.wasm", "status"),
            ("switchyard-status", "oci://registry.example/switchyard:1", ""),
            ("switchyard.order-status", "oci://registry.example/switchyard:1", ""),
            ("switchyard.order-status", "/var/lib/istio/data/ab/cd.wasm", ""),
            ("switchyard.status", "/var/lib/istio/data/ab/cd.wasm", "router"),
            ("switchyard", "https://modules.example/order-status", ""),
            ("switchyard", "/etc/switchyard/switchyard.wasm", ""),
            ("shop/switchyard", "oci://registry.example/switchyard@sha256:1", ""),
            ("", "", ""),
        ] {
            assert!(!is(name, module, root_id, &Value::Null), "{name} {module} {root_id}");
        }
    }
}
