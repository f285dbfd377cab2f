//! What the upstream says to calls: objects by their ids, and results of calls that name what was called.

use serde_json::{Value, json};
use switchyard_host::fake::Called;

/// A header of a call; the last of that name.
pub(crate) fn header<'a>(call: &'a Called, name: &str) -> Option<&'a str> {
    let found = call.request.headers.iter().rev().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

/// The path with query of a call.
pub(crate) fn path(call: &Called) -> &str {
    header(call, ":path").unwrap_or_default()
}

/// The body of a call as text.
pub(crate) fn text(call: &Called) -> &str {
    core::str::from_utf8(call.body.as_deref().unwrap_or_default()).expect("text")
}

/// The object of this id, as the upstream has it.
pub(crate) fn object(id: &str) -> Value {
    json!({"id": id, "name": format!("item {id}")})
}

/// The true answer to a call.
pub(crate) fn truth(call: &Called) -> Vec<u8> {
    match path(call).split_once("ids=") {
        Some((_, ids)) => Value::from_iter(ids.split(',').map(object)).to_string().into(),
        None => results(text(call)).into(),
    }
}

/// What each call of a batch is answered with, the last one first.
fn results(batch: &str) -> String {
    let calls: Vec<Value> = serde_json::from_str(batch).expect("a batch");
    let asked = calls.iter().rev().filter(|call| !call["id"].is_null());
    let results = asked.map(|call| json!({"jsonrpc": "2.0", "id": call["id"], "result": call["method"]}));
    Value::from_iter(results).to_string()
}

/// What the client gets who called this.
pub(crate) fn result(method: &str, id: u32) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": method})
}
