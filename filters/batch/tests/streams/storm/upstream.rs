//! What the upstream says to calls, true or not, and what calls ask for.

use super::ride::Asks;
use crate::worker::{Head, OK, header, path, text};
use serde_json::{Value, json};
use switchyard_host::fake::Called;

/// How many ways there are to answer a call.
pub(super) const KINDS: usize = 11;

/// The object of this id, for who asks.
pub(super) fn object(id: &str, who: &str) -> Value {
    json!({"id": id, "who": who})
}

/// The result of a call.
pub(super) fn result(id: u64, method: &str, who: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": [method, who]})
}

fn who(call: &Called) -> &str {
    header(call, "authorization").unwrap_or_default()
}

/// Whether a request is among those that a call is made for.
pub(super) fn holds(call: &Called, asks: &Asks, by: &str) -> bool {
    let is_in = match asks {
        Asks::Items(ids, _) => ids.iter().all(|id| ids_of(call).any(|known| known == id.to_string())),
        Asks::Call(method) => text(call).contains(&format!("\"{method}\"")),
    };
    is_in && who(call) == by
}

fn ids_of(call: &Called) -> impl Iterator<Item = &str> {
    path(call).split_once("ids=").into_iter().flat_map(|(_, ids)| ids.split(','))
}

/// The true answer to a call, one value for each thing that is asked for.
fn values(call: &Called) -> Vec<Value> {
    if call.body.is_none() {
        return ids_of(call).map(|id| object(id, who(call))).collect();
    }
    let calls: Vec<Value> = serde_json::from_str(text(call)).expect("a batch");
    let named = |call: &Value| (call["id"].as_u64(), call["method"].as_str().map(str::to_owned));
    let results = calls.iter().map(named).filter_map(|(id, method)| Some((id?, method?)));
    results.map(|(id, method)| result(id, &method, who(call))).collect()
}

/// An answer of this kind: head, body, and the ids that it leaves out.
pub(super) fn answer(call: &Called, kind: usize) -> (Head<'static>, Vec<u8>, Vec<usize>) {
    let mut values = values(call);
    let mut missing = Vec::new();
    let head: Head<'static> = match kind {
        0..=3 => OK,
        4 => {
            values.reverse();
            OK
        }
        5 => {
            let left_out = values.remove(0);
            missing.extend(left_out["id"].as_str().and_then(|id| id.parse::<usize>().ok()));
            OK
        }
        6 => {
            values.push(values[0].clone());
            OK
        }
        7 => &[(":status", "500")],
        8 => &[(":status", "429")],
        9 => &[],
        _ => return (OK, b"[{\"id\":".to_vec(), missing),
    };
    (head, Value::from(values).to_string().into(), missing)
}
