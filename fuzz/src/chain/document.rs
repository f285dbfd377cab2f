//! Documents in which all four stages have something to do, and what clients ask for under them.

use super::event::Asks;
use serde_json::{Value as Json, json};
use switchyard_core::contract::ATTEMPT_COUNT_HEADER;
use switchyard_frame::fake::Subject;

/// Headers of a message.
pub(super) type Headers = Vec<(String, String)>;

/// switchyard.wasm; a section is the whole document.
pub(super) struct Chain;

impl Subject for Chain {
    type Filter = switchyard_switchyard::Switchyard;
    const STEP: u64 = 1;

    fn document(section: &str) -> String {
        section.to_owned()
    }
}

const COALESCE: [&str; 4] = [
    r#"{"max_wait": "800ms", "max_leader_age": "400ms", "stall_timeout": "100ms"}"#,
    r#"{"scope": "worker", "max_wait": "600ms", "hold": "30ms", "on_error": "release"}"#,
    r#"{"max_wait": "700ms", "stale_if_error": "1s", "hold": "20ms", "max_followers": 3, "max_flights": 4}"#,
    r#"{"mode": "shadow"}"#,
];
const BATCH: [&str; 3] = [
    r#"{"max_items": 4, "max_in_flight": 1}"#,
    r#"{"scope": "proxy", "max_delay": "30ms", "on_failure": "singly"}"#,
    r#"{"leaves": "adaptive", "adaptive": {"target": "50ms"}}"#,
];
const RETRY: [&str; 4] = [
    r#"{"num_retries": 2, "hedge": {"initial_delay": "20ms", "quantile": 80}}"#,
    r#"{"num_retries": 3, "per_try_timeout": "300ms", "fallback": {"stale_if_error": {"max_age": "5s"}}}"#,
    r#"{"num_retries": 2, "fallback": {"answer": {"status": 503, "body": "sorry"}}}"#,
    r#"{"num_retries": 1, "fallback": {"upstream": "three"}}"#,
];
const BALANCE: [&str; 4] = [
    r#"{"policy": "ring_hash", "hash_on": [{"header": "x-tenant"}], "minimum_ring_size": 16, "candidates": 2}"#,
    r#"{"policy": "least_request"}"#,
    r#"{"policy": "peak_ewma", "candidates": 3}"#,
    r#"{"policy": "load_reported"}"#,
];

fn chosen(of: &[&str], number: u8) -> Json {
    serde_json::from_str(of[usize::from(number) % of.len()]).expect("JSON")
}

/// A part of a document with more fields.
fn with(mut part: Json, more: Json) -> Json {
    let fields = part.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    part
}

/// A document without routes.
pub(super) fn at_rest() -> String {
    json!({"upstreams": [], "routes": []}).to_string()
}

/// One of many documents, all of which are accepted.
pub(super) fn document(number: u8) -> String {
    let (coalesce, batch) = (chosen(&COALESCE, number), chosen(&BATCH, number / 4));
    let filter = with(
        chosen(&RETRY, number / 12),
        json!({
            "engine": "filter", "timeout": "2s", "back_off": {"base": "2ms", "max": "10ms"},
            "retry_on": {"statuses": ["500-599"], "body": [{"pointer": "/error", "exists": true}]},
        }),
    );
    let ids = |path: &str| {
        let protocol = json!({"id_list": {"path": path, "parameter": "ids", "single": true}});
        with(batch.clone(), json!({"protocol": protocol, "upstream": "one", "timeout": "1s"}))
    };
    let rpc =
        with(batch.clone(), json!({"protocol": {"json_rpc": {"repeatable": ["get*"]}}, "timeout": "1s"}));
    let split = json!([{"upstream": "one", "weight": 70}, {"upstream": "two", "weight": 30}]);
    let keyed = with(coalesce.clone(), json!({"key": {"body": true}}));
    json!({
        "default_cluster": "one",
        "log_decisions": number.is_multiple_of(2),
        "upstreams": [
            {"name": "one", "cluster": "one", "balance": chosen(&BALANCE, number / 48),
             "endpoints": [{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80"}, {"address": "10.0.0.3:80"}]},
            {"name": "two", "cluster": "two", "balance": {"policy": "round_robin"},
             "endpoints": [{"address": "10.0.1.1:80"}, {"address": "10.0.1.2:80"}]},
            {"name": "three", "cluster": "three", "endpoints": [{"address": "10.0.2.1:80"}]},
        ],
        "routes": [
            {"name": "items", "match": {"path_prefix": "/items"}, "split": split, "coalesce": coalesce,
             "batch": ids("/items"), "retry": filter.clone()},
            {"name": "steered", "match": {"path_prefix": "/steered"}, "split": split, "coalesce": coalesce,
             "batch": ids("/steered"),
             "retry": {"engine": "router", "num_retries": 2, "retry_on": {"statuses": ["500-599"]}}},
            {"name": "rpc", "match": {"path": "/rpc"}, "upstream": "one", "coalesce": keyed, "batch": rpc,
             "retry": filter},
        ],
    })
    .to_string()
}

/// Who asks. Who has credentials shares an answer with nobody, but a call with itself.
const WHO: [(&str, &str); 4] =
    [("x-tenant", "red"), ("x-tenant", "blue"), ("authorization", "me"), ("grpc-timeout", "90m")];

/// The head and the body of what is asked for.
pub(super) fn request(asks: Asks) -> (Headers, Vec<u8>) {
    let id = asks.what / 16 % 4;
    let (method, path, body) = match asks.what % 8 {
        0 => ("GET", format!("/items/{id}"), String::new()),
        1 => ("GET", format!("/items?ids={id}"), String::new()),
        2 => ("GET", format!("/steered?ids={id},{}", id + 4), String::new()),
        3 => ("GET", format!("/steered/{id}"), String::new()),
        4 => ("POST", "/rpc".to_owned(), r#"{"jsonrpc":"2.0","method":"put"}"#.to_owned()),
        5 => ("GET", "/elsewhere".to_owned(), String::new()),
        6 => ("POST", "/rpc".to_owned(), "[".repeat(usize::from(asks.what))),
        _ => ("POST", "/rpc".to_owned(), format!(r#"{{"jsonrpc":"2.0","method":"get","id":{id}}}"#)),
    };
    let own = [(":method", method), (":scheme", "http"), (":authority", "shop"), (":path", &path)];
    let who = WHO[usize::from(asks.who) % WHO.len()];
    let kind = (!body.is_empty()).then_some(("content-type", "application/json"));
    let headers = own.into_iter().chain([who]).chain(kind);
    (headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), body.into_bytes())
}

pub(super) fn value<'a>(headers: &'a Headers, name: &str) -> &'a str {
    headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// Whether a call is one more attempt of a request.
pub(super) fn is_attempt(headers: &Headers) -> bool {
    !value(headers, ATTEMPT_COUNT_HEADER).is_empty()
}

/// What is answered to a request that came whole.
pub(super) fn answer(headers: &Headers, body: &[u8]) -> Vec<u8> {
    let path = value(headers, ":path");
    let answer: Json = if let Some((_, ids)) = path.split_once("ids=") {
        ids.split(',').map(|id| json!({"id": id})).collect()
    } else if path == "/rpc" {
        result(&serde_json::from_slice(body).unwrap_or_default())
    } else {
        json!({"id": path.rsplit('/').next()})
    };
    answer.to_string().into_bytes()
}

fn result(call: &Json) -> Json {
    match call {
        Json::Array(calls) => calls.iter().filter(|call| !call["id"].is_null()).map(result).collect(),
        call => json!({"jsonrpc": "2.0", "id": call["id"], "result": call["method"]}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_valid() {
        for number in 0..=u8::MAX {
            let text = document(number);
            assert!(switchyard_config::Document::from_json(text.as_bytes()).is_ok(), "{number}: {text}");
        }
    }
}
