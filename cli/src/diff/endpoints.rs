//! Endpoints that are gone, have changed, or are new, of upstreams that both documents have.

use crate::decision::Prepared;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What became of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EndpointChange {
    /// What: gone first.
    pub what: Change,
    /// The upstream.
    pub upstream: String,
    /// The endpoint's address.
    pub address: String,
    /// What is said of it now and was not, or was otherwise: `weight: 1 -> 3`.
    pub fields: Vec<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is gone.
    Removed,
    /// Something else is said of it.
    Changed,
    /// It is new.
    Added,
}

/// The changes, gone ones first.
pub(super) fn changes(old: &Prepared, new: &Prepared) -> Vec<EndpointChange> {
    let mut all = Vec::new();
    for upstream in old.document().upstreams().iter().map(|one| one.name()) {
        let (Some(before), Some(after)) = (list(old, upstream), list(new, upstream)) else { continue };
        let change = |what, address: &str, fields| EndpointChange {
            what,
            upstream: upstream.to_owned(),
            address: address.to_owned(),
            fields,
        };
        for (address, was) in &before {
            match after.get(address) {
                None => all.push(change(Change::Removed, address, Vec::new())),
                Some(is) if is != was => all.push(change(Change::Changed, address, fields(was, is))),
                Some(_) => {}
            }
        }
        let added = after.keys().filter(|address| !before.contains_key(*address));
        all.extend(added.map(|address| change(Change::Added, address, Vec::new())));
    }
    all.sort();
    all
}

/// The endpoints of an upstream that lists them, by their addresses.
fn list<'a>(document: &'a Prepared, upstream: &str) -> Option<BTreeMap<&'a str, &'a Value>> {
    let list = document.tree_of(upstream)?.get("endpoints")?.as_array()?;
    Some(list.iter().filter_map(|one| Some((one.get("address")?.as_str()?, one))).collect())
}

fn fields(was: &Value, is: &Value) -> Vec<String> {
    let names = |value: &Value| -> Vec<String> {
        value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
    };
    let mut all = names(was);
    all.extend(names(is));
    all.sort();
    all.dedup();
    let text = |value: Option<&Value>| value.map_or_else(|| "unset".to_owned(), ToString::to_string);
    let changed = all.into_iter().filter(|name| was.get(name) != is.get(name));
    changed.map(|name| format!("{name}: {} -> {}", text(was.get(&name)), text(is.get(&name)))).collect()
}
