//! Which route of one document is which of the other.
//!
//! Invariant: by its name; one without a name, which is counted by its place, by its condition, else by all but its condition. The k-th
//! of those that are alike is the k-th, so that both directions pair alike.

use crate::decision::Prepared;
use serde_json::Value;

/// Places of the same route in the old and the new document, in the order of the old one.
pub(super) fn routes(old: &Prepared, new: &Prepared) -> Vec<(usize, usize)> {
    let (old, new) = (written(old), written(new));
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let alike: [fn(&Value, &Value) -> bool; 3] = [
        |one, other| name(one).is_some() && name(one) == name(other),
        |one, other| is_unnamed(one, other) && condition(one) == condition(other),
        |one, other| is_unnamed(one, other) && rest(one) == rest(other),
    ];
    for is_alike in alike {
        for (position, route) in old.iter().enumerate() {
            if pairs.iter().any(|(known, _)| *known == position) {
                continue;
            }
            let is_free = |place: usize| pairs.iter().all(|(_, known)| *known != place);
            let found =
                new.iter().enumerate().find(|(place, other)| is_free(*place) && is_alike(route, other));
            pairs.extend(found.map(|(place, _)| (position, place)));
        }
    }
    pairs.sort_unstable();
    pairs
}

/// The routes as they are written.
pub(super) fn written(document: &Prepared) -> &[Value] {
    document.tree().get("routes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The name that a route is given.
pub(super) fn name(route: &Value) -> Option<&str> {
    route.get("name").and_then(Value::as_str).filter(|name| !name.is_empty())
}

fn is_unnamed(one: &Value, other: &Value) -> bool {
    name(one).is_none() && name(other).is_none()
}

/// Its condition; one that asks for nothing may be missing.
fn condition(route: &Value) -> Option<&Value> {
    route.get("match").filter(|one| one.as_object().is_some_and(|fields| !fields.is_empty()))
}

fn rest(route: &Value) -> Value {
    let mut rest = route.clone();
    if let Some(fields) = rest.as_object_mut() {
        fields.remove("match");
    }
    rest
}
