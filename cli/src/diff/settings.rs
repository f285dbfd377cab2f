//! Settings as they are written, field by field; upstreams by their names, routes as [`pairs`] has them.
//!
//! Invariant: endpoints are not settings, and conditions of routes are, though requests show what they do. A list is one field, unless both
//! have as many elements.

use super::pairs;
use crate::decision::{Prepared, describe};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A setting that has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingChange {
    /// Whose: `upstream checkout`, `route api`, `document`.
    pub of: String,
    /// What.
    pub setting: Setting,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its path: `balance.policy`.
    pub path: String,
    /// What it was; none: not set.
    pub old: Option<Value>,
    /// What it is.
    pub new: Option<Value>,
}

/// What has changed.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// Of what both documents have.
    pub(super) changed: Vec<SettingChange>,
    /// Names of what only the new document has.
    pub(super) added: Vec<String>,
    /// Names of what only the old document has.
    pub(super) removed: Vec<String>,
    /// The routes of both stand in another order.
    pub(super) is_reordered: bool,
}

pub(super) fn compare(old: &Prepared, new: &Prepared) -> Settings {
    let mut settings = Settings::default();
    let (before, after) = (without_lists(old.tree()), without_lists(new.tree()));
    settings.changed.extend(changes("document", Some(&before), Some(&after)));
    let (before, after) = (upstreams(old), upstreams(new));
    for (name, was) in &before {
        let of = format!("upstream {name}");
        match after.get(name) {
            Some(is) => settings.changed.extend(changes(&of, Some(was), Some(is))),
            None => settings.removed.push(of),
        }
    }
    let added = after.keys().filter(|name| !before.contains_key(*name));
    settings.added.extend(added.map(|name| format!("upstream {name}")));
    routes(old, new, &mut settings);
    settings
}

fn routes(old: &Prepared, new: &Prepared, settings: &mut Settings) {
    let pairs = pairs::routes(old, new);
    let (before, after) = (pairs::written(old), pairs::written(new));
    for (position, place) in &pairs {
        let (was, is) = (before.get(*position).map(section), after.get(*place).map(section));
        let of = format!("route {}", name(new, *place));
        settings.changed.extend(changes(&of, was.as_ref(), is.as_ref()));
    }
    let removed = (0..before.len()).filter(|one| pairs.iter().all(|(known, _)| known != one));
    settings.removed.extend(removed.map(|one| alone(old, one)));
    let added = (0..after.len()).filter(|one| pairs.iter().all(|(_, known)| known != one));
    settings.added.extend(added.map(|one| alone(new, one)));
    settings.is_reordered = !pairs.is_sorted_by_key(|(_, place)| *place);
}

/// A route that only one document has: one without a name with its condition, since its place says little.
fn alone(document: &Prepared, position: usize) -> String {
    let name = name(document, position);
    let is_named = pairs::written(document).get(position).is_some_and(|one| pairs::name(one).is_some());
    match document.document().matchers().get(position) {
        Some(matcher) if !is_named => format!("route {name} ({})", describe(matcher)),
        _ => format!("route {name}"),
    }
}

/// A route's name; one without has the name that metrics have for it.
fn name(document: &Prepared, position: usize) -> &str {
    document.document().routes().get(position).map_or("", |route| route.name())
}

/// What stands in a document besides upstreams and routes.
fn without_lists(tree: &Value) -> Value {
    let fields = tree.as_object().cloned().unwrap_or_default();
    Value::Object(fields.into_iter().filter(|(name, _)| name != "upstreams" && name != "routes").collect())
}

/// Upstreams by their names; those that stand for many clusters are in the tree alone.
fn upstreams(document: &Prepared) -> BTreeMap<String, Value> {
    let list = document.tree().get("upstreams").and_then(Value::as_array);
    let name = |one: &Value| one.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    list.into_iter().flatten().map(|one| (name(one), section(one))).collect()
}

/// A section without endpoints that are listed and without the name.
fn section(section: &Value) -> Value {
    let mut fields = section.as_object().cloned().unwrap_or_default();
    fields.remove("name");
    if fields.get("endpoints").is_some_and(Value::is_array) {
        fields.remove("endpoints");
    }
    Value::Object(fields)
}

fn changes(of: &str, old: Option<&Value>, new: Option<&Value>) -> Vec<SettingChange> {
    let mut all = Vec::new();
    compare_at("", old, new, &mut all);
    all.into_iter().map(|setting| SettingChange { of: of.to_owned(), setting }).collect()
}

fn compare_at(path: &str, old: Option<&Value>, new: Option<&Value>, all: &mut Vec<Setting>) {
    match (old, new) {
        _ if old == new => {}
        (Some(Value::Object(was)), Some(Value::Object(is))) => {
            let mut names: Vec<_> = was.keys().chain(is.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let dot = if path.is_empty() { "" } else { "." };
                compare_at(&format!("{path}{dot}{name}"), was.get(name), is.get(name), all);
            }
        }
        (Some(Value::Array(was)), Some(Value::Array(is))) if was.len() == is.len() => {
            for (index, (was, is)) in was.iter().zip(is).enumerate() {
                compare_at(&format!("{path}[{index}]"), Some(was), Some(is), all);
            }
        }
        _ => all.push(Setting { path: path.to_owned(), old: old.cloned(), new: new.cloned() }),
    }
}
