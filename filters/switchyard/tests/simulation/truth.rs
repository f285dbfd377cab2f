//! What clients ask for, and what is true: what an upstream answers to who it is that asks, and to nobody else.

use crate::simulation::draws::one;
use fastrand::Rng;
use serde_json::{Value, json};
use switchyard_core::contract::ATTEMPT_COUNT_HEADER;

/// Headers of a message.
pub(crate) type Headers = Vec<(String, String)>;

/// The answer that says in its body that it is a failure.
pub(crate) const ERROR: &str = r#"{"error":"busy"}"#;

/// A client's request.
pub(crate) struct Asks {
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// Those whose answers are their own. Who has credentials shares an answer with nobody, but a call with itself.
const WHO: [(&str, &str); 5] = [
    ("x-tenant", "red"),
    ("x-tenant", "blue"),
    ("x-tenant", "green"),
    ("authorization", "me"),
    ("authorization", "you"),
];

impl Asks {
    /// Any request; few things are asked for, so that many ask for the same.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        let (id, other) = (rng.u8(0..4), rng.u8(4..7));
        let prefix = one(&["/items", "/steered"], rng);
        let (method, path, body) = match rng.u8(0..10) {
            0..4 => ("GET", format!("{prefix}/{id}"), String::new()),
            4..6 => ("GET", format!("{prefix}?ids={id}"), String::new()),
            6 => ("GET", format!("{prefix}?ids={id},{other}"), String::new()),
            _ => {
                let method = one(&["get", "getAll", "put"], rng);
                ("POST", "/rpc".to_owned(), format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":{id}}}"#))
            }
        };
        let own = [(":method", method), (":scheme", "http"), (":authority", "shop"), (":path", &path)];
        let more = [("x-gateway-destination-endpoint", "6.6.6.6:6"), one(&WHO, rng)];
        let kind = (!body.is_empty()).then_some(("content-type", "application/json"));
        let headers = own.into_iter().chain(more).chain(kind);
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { headers, body: body.into_bytes() }
    }

    /// Whether this is what it asks for.
    pub(crate) fn is_answered_by(&self, body: &[u8]) -> bool {
        let parsed = serde_json::from_slice::<Value>(body).ok();
        let truth = serde_json::from_slice::<Value>(&answer(&self.headers, &self.body)).ok();
        body == ERROR.as_bytes() || parsed.is_some() && parsed == truth
    }
}

pub(crate) fn value<'a>(headers: &'a Headers, name: &str) -> &'a str {
    headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// Whether a call is one more attempt of a request, or a batch.
pub(crate) fn is_attempt(headers: &Headers) -> bool {
    !value(headers, ATTEMPT_COUNT_HEADER).is_empty()
}

fn item(id: &str, who: &str) -> Value {
    json!({"id": id, "who": who})
}

/// What is answered to a request of an endpoint, or to a call.
pub(crate) fn answer(headers: &Headers, body: &[u8]) -> Vec<u8> {
    let who = [value(headers, "authorization"), value(headers, "x-tenant")].concat();
    let path = value(headers, ":path");
    let answer = if let Some((_, ids)) = path.split_once("ids=") {
        ids.split(',').map(|id| item(id, &who)).collect()
    } else if path == "/rpc" {
        result(&serde_json::from_slice(body).expect("a body is whole"), &who)
    } else {
        item(path.rsplit('/').next().unwrap_or_default(), &who)
    };
    answer.to_string().into_bytes()
}

fn result(call: &Value, who: &str) -> Value {
    match call {
        Value::Array(calls) => calls.iter().map(|call| result(call, who)).collect(),
        call => json!({"jsonrpc": "2.0", "id": call["id"], "result": [call["method"], who]}),
    }
}
