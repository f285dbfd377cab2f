//! What clients ask for, and what is true: what an upstream answers to who it is that asks, and to nobody else.

use crate::simulation::draws::one;
use fastrand::Rng;
use serde_json::{Value, json};
use switchyard_core::contract::CANDIDATES_HEADER;

/// Headers of a message.
pub(crate) type Headers = Vec<(String, String)>;

/// The answer that says in its body that it is a failure.
pub(crate) const ERROR: &str = r#"{"error":"busy"}"#;

/// Whom clients would like to steer their requests to.
pub(crate) const STEERED: &str = "6.6.6.6:6";
/// The method that does something.
const PUT: &str = "put";
/// The ids of what does something begin here.
const FIRST_PUT: u64 = 1_000;

/// A client's request.
pub(crate) struct Asks {
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    /// It may do harm if it is done twice.
    pub(crate) may_harm: bool,
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
    pub(crate) fn any(number: u64, rng: &mut Rng) -> Self {
        let (id, other) = (rng.u8(0..4), rng.u8(4..7));
        let prefix = one(&["/items", "/steered"], rng);
        let (method, path, body) = match rng.u8(0..10) {
            0..4 => ("GET", format!("{prefix}/{id}"), String::new()),
            4..6 => ("GET", format!("{prefix}?ids={id}"), String::new()),
            6 => ("GET", format!("{prefix}?ids={id},{other}"), String::new()),
            _ => {
                let method = one(&["get", "getAll", PUT], rng);
                // What may do harm is each time something else.
                let id = if method == PUT { FIRST_PUT + number } else { id.into() };
                ("POST", "/rpc".to_owned(), format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":{id}}}"#))
            }
        };
        let own = [(":method", method), (":scheme", "http"), (":authority", "shop"), (":path", &path)];
        let number = number.to_string();
        let more = [(CANDIDATES_HEADER, STEERED), one(&WHO, rng), ("x-request-id", &number)];
        let kind = (!body.is_empty()).then_some(("content-type", "application/json"));
        let headers = own.into_iter().chain(more).chain(kind);
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { headers, may_harm: body.contains(PUT), body: body.into_bytes() }
    }

    /// Who asks.
    pub(crate) fn who(&self) -> (&str, &str) {
        (value(&self.headers, "authorization"), value(&self.headers, "x-tenant"))
    }

    /// Whether somebody else asks for the same.
    pub(crate) fn is_the_same_of_another(&self, other: &Self) -> bool {
        let path = |asks: &Self| value(&asks.headers, ":path").to_owned();
        self.who() != other.who() && self.body == other.body && path(self) == path(other)
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

/// The numbers of the requests in this body that may do harm.
pub(crate) fn harmful(body: &[u8]) -> Vec<u64> {
    let calls = match serde_json::from_slice(body) {
        Ok(Value::Array(calls)) => calls,
        Ok(call) => vec![call],
        Err(_) => Vec::new(),
    };
    let harmful = calls.into_iter().filter(|call| call["method"] == PUT);
    harmful.filter_map(|call| call["id"].as_u64()?.checked_sub(FIRST_PUT)).collect()
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
