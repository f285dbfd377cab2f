//! Embeddings as OpenAI's interface has them. A vector is drawn from the text; a token is three bytes of it, so that what
//! is used adds up from the inputs.

use serde_json::{Value, json};

use super::{Asked, List, Reply, hash, is_poison, numbers};

/// Bytes of JSON in a token of a text.
const BYTES_PER_TOKEN: u64 = 3;
const DIMENSIONS: usize = 6;

pub(super) fn ask(body: &[u8]) -> Asked {
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return Asked::new(&[], Reply::error(400, "this is not JSON"));
    };
    let (model, inputs) = match (document.get("model").and_then(Value::as_str), document.get("input")) {
        (Some(model), Some(input)) => (model, inputs(input)),
        _ => return Asked::new(&[], Reply::error(400, "model and input are needed")),
    };
    if inputs.iter().any(|input| tokens(input) == 0) || inputs.is_empty() {
        return Asked::new(&inputs, Reply::error(400, "an input is empty"));
    }
    if is_poison(&document) {
        return Asked::poisoned(&inputs, 400);
    }
    let dimensions =
        document.get("dimensions").and_then(Value::as_u64).map_or(DIMENSIONS, |count| count as usize);
    let vector = |(index, input): (usize, &Value)| {
        let vector = numbers(&format!("{model}/{input}"), dimensions.min(1024));
        json!({ "object": "embedding", "index": index, "embedding": vector })
    };
    let data: Vec<_> = inputs.iter().enumerate().map(vector).collect();
    let used: u64 = inputs.iter().map(tokens).sum();
    let usage = json!({ "prompt_tokens": used, "total_tokens": used });
    let body = json!({ "object": "list", "data": data, "model": model, "usage": usage });
    Asked::new(&inputs, Reply::new(200, body, List::Field("data")))
}

fn inputs(input: &Value) -> Vec<Value> {
    match input {
        Value::Array(items) if items.first().is_some_and(Value::is_number) => vec![input.clone()],
        Value::Array(items) => items.clone(),
        single => vec![single.clone()],
    }
}

fn tokens(input: &Value) -> u64 {
    match input {
        Value::Array(tokens) => tokens.len() as u64,
        text => (text.to_string().len() as u64).saturating_sub(2).div_ceil(BYTES_PER_TOKEN),
    }
}

/// A vector that belongs to no input.
pub(super) fn foreign(index: usize) -> Value {
    let vector = numbers(&hash("nobody").to_string(), DIMENSIONS);
    json!({ "object": "embedding", "index": index, "embedding": vector })
}
