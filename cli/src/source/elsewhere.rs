//! The plugins of ours that a file only refers to: Envoy takes their configuration, and so the document, from somewhere else (ECDS).
//!
//! Invariant: sorted and each once. Trade-off: which is ours is told by its name alone, since nothing else stands here.

use super::plugins::is_our_name;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// A plugin that comes from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Elsewhere {
    /// Its name.
    pub name: String,
    /// The file that it comes from; `None` for a control plane.
    pub path: Option<String>,
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.path.as_deref().unwrap_or("a control plane");
        write!(formatter, "{} from {from}", self.name)
    }
}

/// All of them below these trees.
pub(super) fn all(trees: &[Value]) -> Vec<Elsewhere> {
    let mut found = BTreeSet::new();
    trees.iter().for_each(|tree| find(tree, &mut found));
    found.into_iter().collect()
}

fn find(tree: &Value, found: &mut BTreeSet<Elsewhere>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| find(item, found)),
        Value::Object(fields) => {
            let discovery = fields.get("config_discovery").or_else(|| fields.get("configDiscovery"));
            let name = fields.get("name").and_then(Value::as_str).filter(|name| is_our_name(name));
            if let (Some(discovery), Some(name)) = (discovery, name) {
                found.insert(Elsewhere { name: name.to_owned(), path: path_of(discovery) });
            }
            fields.values().for_each(|field| find(field, found));
        }
        _ => {}
    }
}

fn path_of(discovery: &Value) -> Option<String> {
    let places = [
        "/config_source/path_config_source/path",
        "/config_source/path",
        "/configSource/pathConfigSource/path",
        "/configSource/path",
    ];
    places.iter().find_map(|place| discovery.pointer(place)?.as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn those_that_are_ours_are_told_with_where_they_come_from() {
        let by = |name: &str, source: Value| json!({ "name": name, "config_discovery": { "config_source": source } });
        let tree = json!({ "a": [
            by("switchyard", json!({ "path_config_source": { "path": "/x/plugin.yaml" } })),
            by("switchyard", json!({ "path_config_source": { "path": "/x/plugin.yaml" } })),
            { "b": by("shop/switchyard-outlier", json!({ "ads": {} })) },
            by("other", json!({ "ads": {} })),
            { "name": "switchyard.router", "typed_config": {} },
        ] });
        let said: Vec<_> = all(&[tree]).iter().map(ToString::to_string).collect();
        assert_eq!(said, ["shop/switchyard-outlier from a control plane", "switchyard from /x/plugin.yaml"]);
    }
}
