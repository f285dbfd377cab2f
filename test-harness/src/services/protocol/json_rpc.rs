//! JSON-RPC 2.0 (specification of 2013-01-04): single calls, batches, notifications, errors.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Asked, List, Reply, is_poison, tag};

/// The longest answer that can be asked for.
const MOST: usize = 64 << 20;

pub(super) fn ask(body: &[u8]) -> Asked {
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return Asked::new(
            &[],
            Reply::new(200, error(-32700, "parse error", &Value::Null, None), List::Whole),
        );
    };
    let (calls, is_batch) = match document {
        Value::Array(calls) if !calls.is_empty() => (calls, true),
        call => (vec![call], false),
    };
    // Who proxies a call may give it another id: whose it is, its parameters say.
    let params: Vec<_> = calls.iter().map(params).collect();
    if params.iter().any(is_poison) {
        return Asked::poisoned(&params, 500);
    }
    let answers = calls.iter().zip(&params).filter_map(|(call, params)| Some((tag(params), answer(call)?)));
    let (answered, mut answers): (Vec<_>, Vec<_>) = answers.unzip();
    let reply = if answers.is_empty() {
        Reply::nothing()
    } else if is_batch {
        Reply::new(200, Value::Array(answers), List::Array)
    } else {
        Reply::new(200, answers.pop().unwrap_or_default(), List::Whole)
    };
    let longer = calls.iter().map(longer).sum();
    Asked { longer, answered, ..Asked::new(&params, reply) }
}

/// `None`: nobody wants one.
fn answer(call: &Value) -> Option<Value> {
    let method = call.get("method").and_then(Value::as_str);
    let is_call = method.is_some() && call.get("jsonrpc") == Some(&json!("2.0"));
    let id = match call.get("id") {
        None if is_call => return None,
        id => id.cloned().unwrap_or_default(),
    };
    let Some(method) = method.filter(|_| is_call) else {
        return Some(error(-32600, "invalid request", &id, None));
    };
    let params = params(call);
    Some(match method {
        "add" => result(&json!({ "sum": sum(&params), "of": tag(&params) }), &id),
        "echo" | "slow" => result(&params, &id),
        // So many bytes.
        "long" => result(&json!("x".repeat(usize::try_from(sum(&params)).unwrap_or(0).min(MOST))), &id),
        "fail" => error(-32001, "failed as asked", &id, Some(&params)),
        _ => error(-32601, "method not found", &id, None),
    })
}

fn params(call: &Value) -> Value {
    call.get("params").cloned().unwrap_or_default()
}

fn result(result: &Value, id: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "result": result, "id": id })
}

pub(super) fn error(code: i32, message: &str, id: &Value, data: Option<&Value>) -> Value {
    let mut error = json!({ "code": code, "message": message });
    if let (Some(error), Some(data)) = (error.as_object_mut(), data) {
        error.insert("data".to_owned(), data.clone());
    }
    json!({ "jsonrpc": "2.0", "error": error, "id": id })
}

fn sum(params: &Value) -> i64 {
    match params {
        Value::Number(number) => number.as_i64().unwrap_or_default(),
        Value::Array(items) => items.iter().map(sum).fold(0, i64::wrapping_add),
        Value::Object(fields) => fields.values().map(sum).fold(0, i64::wrapping_add),
        _ => 0,
    }
}

fn longer(call: &Value) -> Duration {
    let is_slow = call.get("method").and_then(Value::as_str) == Some("slow");
    let time = call.pointer("/params/0").or_else(|| call.pointer("/params/ms")).and_then(Value::as_u64);
    Duration::from_millis(time.filter(|_| is_slow).unwrap_or_default())
}
