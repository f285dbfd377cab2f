//! What stands where in a configuration dump.

use serde_json::Value;
use std::collections::BTreeMap;

/// The part of a dump that is of this kind.
pub(super) fn section<'a>(dump: &'a Value, kind: &str) -> Option<&'a Value> {
    let configs = dump.get("configs").and_then(Value::as_array)?;
    let is_it = |config: &&Value| {
        config.get("@type").and_then(Value::as_str).is_some_and(|name| name.rsplit('.').next() == Some(kind))
    };
    configs.iter().find(is_it)
}

/// The resources of one kind that a dump has, by name: those that are in force, else those that are getting ready.
pub(super) fn resources(dump: &Value, kind: &str, field: &str) -> Vec<(String, Value)> {
    let lists = section(dump, kind).and_then(Value::as_object).into_iter().flatten();
    let entries = lists.filter_map(|(_, list)| list.as_array()).flatten();
    let mut found = BTreeMap::new();
    for entry in entries {
        let in_force = entry.get(field).or_else(|| entry.get("active_state")?.get(field));
        let coming = || entry.get("warming_state").and_then(|state| state.get(field));
        let Some(tree) = in_force.or_else(coming) else { continue };
        let name = tree.get("name").and_then(Value::as_str).unwrap_or_default();
        found.entry(name.to_owned()).or_insert_with(|| tree.clone());
    }
    found.into_iter().collect()
}
