//! Objects by their ids, one or several at a time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Asked, List, POISON, Reply, hash, is_poison};

pub(super) fn ask(target: &str) -> Asked {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let view = query.split('&').find_map(|parameter| parameter.strip_prefix("view="));
    let below = path.trim_start_matches('/').split_once('/').map(|(_, id)| decoded(id));
    let ids = match &below {
        Some(id) => vec![id.clone()],
        None => listed(query),
    };
    let tags: Vec<Value> = ids.iter().map(|id| json!(id)).collect();
    let is_poisoned = tags.iter().any(is_poison);
    let reply = if is_poisoned {
        Reply::error(500, POISON)
    } else if ids.is_empty() {
        Reply::error(400, "ids are needed")
    } else if below.is_some() {
        let found = ids.iter().find_map(|id| object(id, view));
        found.map_or_else(|| Reply::error(404, "no such item"), |object| Reply::new(200, object, List::Whole))
    } else {
        let found: Vec<_> = ids.iter().filter_map(|id| object(id, view)).collect();
        match path.starts_with("/things") {
            true => Reply::new(200, json!(found), List::Array),
            false => Reply::new(200, json!({ "items": found, "view": view }), List::Field("items")),
        }
    };
    let answered = ids.iter().filter(|id| object(id, None).is_some()).cloned().map(Some).collect();
    Asked { tags: ids.into_iter().map(Some).collect(), answered, is_poisoned, ..Asked::new(&[], reply) }
}

/// Each id once.
fn listed(query: &str) -> Vec<String> {
    let lists = query.split('&').filter_map(|parameter| parameter.strip_prefix("ids="));
    let ids = lists
        .flat_map(|list| list.split(','))
        .flat_map(|list| list.split("%2C"))
        .flat_map(|list| list.split("%2c"));
    let mut seen = BTreeSet::new();
    ids.filter(|id| !id.is_empty()).map(decoded).filter(|id| seen.insert(id.clone())).collect()
}

fn decoded(id: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = id;
    while let Some((before, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = escaped.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { escaped.get(2..).unwrap_or_default() } else { escaped };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Ids that are numbers come back as numbers.
fn object(id: &str, view: Option<&str>) -> Option<Value> {
    let shown = match id.parse::<u64>() {
        Ok(number) if number.to_string() == id => json!(number),
        _ => json!(id),
    };
    (!id.ends_with('0')).then(|| json!({ "id": shown, "name": format!("item {:x}", hash(id)), "view": view }))
}

/// An object that nobody asked for.
pub(super) fn foreign() -> Value {
    json!({ "id": "nobody", "name": "item 0", "view": null })
}
