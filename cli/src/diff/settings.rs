//! Settings as they are written, field by field; upstreams and routes by their names.
//!
//! Invariant: endpoints are not settings, and conditions of routes are, though requests show what they do. A list is one field, unless both
//! have as many elements.

use crate::decision::Prepared;
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
    for kind in ["upstream", "route"] {
        let (before, after) = (sections(old, kind), sections(new, kind));
        for (name, was) in &before {
            let of = format!("{kind} {name}");
            match after.get(name) {
                Some(is) => settings.changed.extend(changes(&of, Some(was), Some(is))),
                None => settings.removed.push(of),
            }
        }
        let added = after.keys().filter(|name| !before.contains_key(*name));
        settings.added.extend(added.map(|name| format!("{kind} {name}")));
    }
    let order = |one: &Prepared, other: &Prepared| {
        let known: Vec<_> = names(other, "route");
        names(one, "route").into_iter().filter(|name| known.contains(name)).collect::<Vec<_>>()
    };
    settings.is_reordered = order(old, new) != order(new, old);
    settings
}

/// What stands in a document besides upstreams and routes.
fn without_lists(tree: &Value) -> Value {
    let fields = tree.as_object().cloned().unwrap_or_default();
    Value::Object(fields.into_iter().filter(|(name, _)| name != "upstreams" && name != "routes").collect())
}

/// The names of sections, in order; a route without one has the name that metrics have for it.
fn names(document: &Prepared, kind: &str) -> Vec<String> {
    match kind {
        // Those that stand for many clusters are in the tree alone.
        "upstream" => {
            let list = document.tree().get("upstreams").and_then(Value::as_array);
            let name = |one: &Value| one.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            list.into_iter().flatten().map(name).collect()
        }
        _ => {
            let own = document.document().routes().iter().filter(|route| !route.is_envoys());
            own.map(|route| route.name().to_owned()).collect()
        }
    }
}

/// Sections by their names, without endpoints that are listed and without the name.
fn sections(document: &Prepared, kind: &str) -> BTreeMap<String, Value> {
    let list = document.tree().get(format!("{kind}s")).and_then(Value::as_array);
    let mut sections = BTreeMap::new();
    for (name, section) in names(document, kind).into_iter().zip(list.into_iter().flatten()) {
        let mut fields = section.as_object().cloned().unwrap_or_default();
        fields.remove("name");
        if fields.get("endpoints").is_some_and(Value::is_array) {
            fields.remove("endpoints");
        }
        sections.insert(name, Value::Object(fields));
    }
    sections
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
