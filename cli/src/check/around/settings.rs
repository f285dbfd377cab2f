//! The plugin's own settings: fields that Envoy does not know, and the document that is not there.
//!
//! Source: Envoy's `envoy/extensions/wasm/v3/wasm.proto`, PluginConfig.

use crate::check::found::Found;
use crate::finding::codes;
use crate::source::{Carried, Filter};
use serde_json::Value;

/// The fields of Envoy's PluginConfig; JSON may write them in camel case, too.
const FIELDS: [&str; 9] = [
    "name",
    "root_id",
    "vm_config",
    "configuration",
    "fail_open",
    "failure_policy",
    "reload_config",
    "capability_restriction_config",
    "allow_on_headers_stop_iteration",
];

/// What is wrong with them.
pub(super) fn find(carried: &Carried) -> Vec<Found> {
    let Value::Object(fields) = &carried.settings else { return Vec::new() };
    let unknown = fields.keys().filter(|name| !FIELDS.contains(&snake(name).as_str()));
    let mut found: Vec<_> = unknown.map(|name| unknown_field(name)).collect();
    let needs_none = carried.does(Filter::Outlier) || carried.is_page;
    if !fields.contains_key("configuration") && !needs_none {
        let problem = "the plugin has no configuration, so it does nothing";
        found.push(
            Found::new(&codes::NO_CONFIGURATION, "", problem).fix("put the document into configuration"),
        );
    }
    found
}

fn unknown_field(name: &str) -> Found {
    let problem = format!("{name:?} beside vm_config is no field of Envoy's, which refuses it");
    let near = FIELDS.iter().map(|field| (strsim::osa_distance(&snake(name), field), *field)).min();
    let fix = match near.filter(|(distance, field)| *distance <= 1 + field.len() / 4) {
        Some((_, field)) => format!("did you mean {field:?}?"),
        None => "remove it".to_owned(),
    };
    Found::new(&codes::UNKNOWN_SETTING, "", problem).fix(fix)
}

/// `vmConfig` as `vm_config`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::File;
    use serde_json::json;

    fn codes_of(plugin: &Value) -> Vec<(&'static str, String)> {
        let file = File::parse("f", &json!({"admin": {}, "plugin": plugin}).to_string()).unwrap();
        file.plugins()
            .iter()
            .flat_map(find)
            .map(|found| found.in_file("f", ""))
            .map(|found| (found.code.id, found.fix.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn a_field_that_envoy_does_not_know_is_told_and_so_is_a_plugin_that_does_nothing() {
        let good = json!({"name": "switchyard", "vmConfig": {}, "rootId": "switchyard", "configuration": {"value": {}}});
        assert_eq!(codes_of(&good), []);
        let typed = json!({"name": "switchyard", "vm_config": {}, "configuratoin": {"value": {}}});
        let wanted = [
            ("SY0510", "did you mean \"configuration\"?".to_owned()),
            ("SY0509", "put the document into configuration".to_owned()),
        ];
        assert_eq!(codes_of(&typed), wanted);
        for without in ["switchyard.outlier", "switchyard.status"] {
            assert_eq!(codes_of(&json!({"name": without, "vm_config": {}})), []);
        }
        let page = json!({"name": "switchyard.status", "vm_config": {}, "rootid": "status"});
        assert_eq!(codes_of(&page), [("SY0510", "did you mean \"root_id\"?".to_owned())]);
    }
}
