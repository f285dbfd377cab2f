//! A model that scores instances: KServe's first protocol, and plain arrays.

use serde_json::{Value, json};

use super::{Asked, List, Reply, is_poison, numbers, tag};

pub(super) fn ask(path: &str, body: &[u8]) -> Asked {
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return Asked::new(&[], Reply::error(400, "this is not JSON"));
    };
    let scale = document.pointer("/parameters/scale").and_then(Value::as_f64).unwrap_or(1.0);
    let instances = match &document {
        Value::Array(instances) if path.starts_with("/list") => Some((instances, List::Array)),
        document => {
            document.get("instances").and_then(Value::as_array).map(|all| (all, List::Field("predictions")))
        }
    };
    if is_poison(&document) {
        let items = instances.map_or(std::slice::from_ref(&document), |(all, _)| all.as_slice());
        return Asked::poisoned(items, 500);
    }
    let Some((instances, list)) = instances else {
        let reply = Reply::new(200, prediction(&document, scale), List::Whole);
        return Asked::new(&[document], reply);
    };
    let predictions: Vec<_> = instances.iter().map(|instance| prediction(instance, scale)).collect();
    let body = match list {
        List::Array => json!(predictions),
        _ => json!({ "model": "score", "predictions": predictions }),
    };
    Asked::new(instances, Reply::new(200, body, list))
}

fn prediction(instance: &Value, scale: f64) -> Value {
    let score = numbers(&instance.to_string(), 1).first().map(|score| score * scale);
    json!({ "score": score, "of": tag(instance) })
}
