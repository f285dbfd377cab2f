//! What stands where in a configuration dump.

use serde_json::Value;
use std::collections::BTreeMap;

/// The parts of a dump that are of this kind: several of extensions, one for those of listeners and one for those of clusters.
pub(super) fn sections<'a>(dump: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let configs = dump.get("configs").and_then(Value::as_array).into_iter().flatten();
    configs.filter(move |config| {
        config.get("@type").and_then(Value::as_str).is_some_and(|name| name.rsplit('.').next() == Some(kind))
    })
}

/// The resources of one kind that a dump has, by name: those that are in force, else those that are getting ready.
pub(super) fn resources(dump: &Value, kind: &str, field: &str) -> Vec<(String, Value)> {
    let lists = sections(dump, kind).filter_map(Value::as_object).flatten();
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
