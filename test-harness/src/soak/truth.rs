//! What is the right answer to a request: what endpoints say, and what the oracle wants to hear.
//!
//! Invariant: an answer names the path, the principal, the body and, where it is one request's alone, the request that it is for, and is as long as
//! its path says: one that is another's, mixed, cut or stale differs from the right one.

use serde_json::{Value, json};

/// The message of [`super::weather::Fault::Lie`].
pub const LIE: &str = r#"{"error":"a lie"}"#;
/// What the path of an answer that is for its own client alone begins with.
pub const PRIVATE: &str = "/crowd/private";

/// A number that depends on all of these, and looks like none of them (splitmix64).
#[must_use]
pub fn mixed(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, part| {
        let mut mixed = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

/// The same of bytes (FNV-1a).
#[must_use]
pub fn digest(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // Such as JSON's readers keep.
    mixed(&[hash]) >> 12
}

/// A request as an endpoint heard it.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Path and query.
    pub path: String,
    /// Its credentials.
    pub who: String,
    /// Who sent it; of a batch, the first.
    pub by: u64,
    /// Its body.
    pub body: Vec<u8>,
}

/// What is answered; where it has items, they are at the pointer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// Where its items are.
    pub items: Option<&'static str>,
}

impl Reply {
    fn of(body: Value, items: Option<&'static str>) -> Self {
        Self { status: 200, body, items }
    }

    fn refused() -> Self {
        Self {
            status: 400,
            body: json!({ "error": { "code": 400, "message": "not understood" } }),
            items: None,
        }
    }

    /// The items of a call that can only be a batch: no client asks for more than two at a time.
    pub fn batch(&mut self) -> Option<&mut Vec<Value>> {
        let items = self.body.pointer_mut(self.items?)?.as_array_mut()?;
        (items.len() > 2).then_some(items)
    }
}

/// What an endpoint says at this time, in milliseconds of the soak's clock.
#[must_use]
pub fn reply(heard: &Heard, at_ms: u64) -> Reply {
    let path = heard.path.split('?').next().unwrap_or_default();
    match path {
        "/rpc" => rpc(heard),
        "/v1/embeddings" => embeddings(heard),
        "/items" => {
            let ids = heard.path.split_once("ids=").map_or("", |(_, ids)| ids);
            Reply::of(ids.split(',').map(|id| object(id, &heard.who)).collect(), Some(""))
        }
        path => match path.strip_prefix("/items/") {
            Some(id) => Reply::of(object(id, &heard.who), None),
            None => Reply::of(echo(heard, at_ms), None),
        },
    }
}

/// What is said of a request that asks for itself.
#[must_use]
pub fn echo(heard: &Heard, at_ms: u64) -> Value {
    let Heard { path, who, by, body } = heard;
    let pad = "x".repeat(length(path));
    json!({ "path": path, "who": who, "by": by, "body": digest(body), "at": at_ms, "pad": pad })
}

/// How long the answer to this path is: most are short, a few are long.
#[must_use]
pub fn length(path: &str) -> usize {
    let drawn = digest(path.as_bytes());
    let size = drawn / 64;
    match drawn % 64 {
        0 => 150_000 + size % 150_000,
        1..8 => size % 30_000,
        _ => size % 600,
    }
    .try_into()
    .unwrap_or(0)
}

/// An object by its id.
#[must_use]
pub fn object(id: &str, who: &str) -> Value {
    json!({ "id": id, "who": who, "value": digest(format!("{id}/{who}").as_bytes()) })
}

/// What a call with this parameter comes to.
#[must_use]
pub fn result(method: &str, parameter: &Value, who: &str) -> Value {
    json!({ "method": method, "of": parameter, "who": who })
}

/// The vector of a text, for this principal.
#[must_use]
pub fn vector(model: &str, text: &str, who: &str) -> Value {
    json!([digest(format!("{model}/{text}/{who}").as_bytes()), text.len()])
}

fn rpc(heard: &Heard) -> Reply {
    let one = |call: &Value| {
        let (method, parameter) = (call.get("method")?.as_str()?, call.pointer("/params/0")?);
        Some(
            json!({ "jsonrpc": "2.0", "id": call.get("id")?, "result": result(method, parameter, &heard.who) }),
        )
    };
    let answer = match serde_json::from_slice(&heard.body) {
        Ok(Value::Array(calls)) => {
            calls.iter().map(one).collect::<Option<Value>>().map(|all| Reply::of(all, Some("")))
        }
        Ok(call) => one(&call).map(|answer| Reply::of(answer, None)),
        Err(_) => None,
    };
    answer.unwrap_or_else(Reply::refused)
}

fn embeddings(heard: &Heard) -> Reply {
    let asked: Value = serde_json::from_slice(&heard.body).unwrap_or_default();
    let texts: Vec<&str> = match asked.get("input") {
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect(),
        text => text.and_then(Value::as_str).into_iter().collect(),
    };
    let Some(model) = asked.get("model").and_then(Value::as_str).filter(|_| !texts.is_empty()) else {
        return Reply::refused();
    };
    let one = |(index, text): (usize, &&str)| json!({ "object": "embedding", "index": index, "embedding": vector(model, text, &heard.who) });
    let data: Vec<_> = texts.iter().enumerate().map(one).collect();
    let tokens: usize = texts.iter().map(|text| text.len().div_ceil(3)).sum();
    let usage = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
    Reply::of(json!({ "object": "list", "data": data, "model": model, "usage": usage }), Some("/data"))
}

/// The items that a call asks for and that no other request has: what attempts are counted by.
#[must_use]
pub fn tags(heard: &Heard) -> Vec<u64> {
    let number = |text: &str| text.strip_prefix("item-").and_then(|number| number.parse().ok());
    let body = || serde_json::from_slice::<Value>(&heard.body).unwrap_or_default();
    let listed = |value: &Value, pointer: &str| -> Vec<u64> {
        let all = match value {
            Value::Array(all) => all.iter().collect(),
            one => vec![one],
        };
        all.into_iter().filter_map(|one| number(one.pointer(pointer)?.as_str()?)).collect()
    };
    match heard.path.as_str() {
        "/rpc" => listed(&body(), "/params/0"),
        "/v1/embeddings" => listed(body().get("input").unwrap_or(&Value::Null), ""),
        path if path.starts_with("/items") => Vec::new(),
        _ => vec![heard.by],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(path: &str, body: &str) -> Heard {
        Heard { path: path.to_owned(), who: "Bearer a".to_owned(), by: 7, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn answers_to_several_are_those_to_each() {
        let call = |id: u32| json!({ "jsonrpc": "2.0", "id": id, "method": "get", "params": [format!("item-{id}")] });
        let alone = reply(&heard("/rpc", &call(1).to_string()), 0);
        let all = heard("/rpc", &json!([call(1), call(2), call(3)]).to_string());
        let mut together = reply(&all, 0);
        assert_eq!(together.body[0], alone.body);
        assert_eq!((together.batch().map(|items| items.len()), tags(&all)), (Some(3), vec![1, 2, 3]));
        let texts = heard("/v1/embeddings", r#"{"model":"m","input":["item-4","item-5"]}"#);
        assert_eq!(reply(&texts, 0).body["data"][1]["embedding"], vector("m", "item-5", "Bearer a"));
        assert_eq!((reply(&texts, 0).batch(), tags(&texts)), (None, vec![4, 5]));
        assert_eq!(reply(&heard("/items?ids=1,2", ""), 0).body[1], reply(&heard("/items/2", ""), 0).body);
    }

    #[test]
    fn an_echo_tells_whom_it_is_for() {
        let asked = heard("/plain/1", "body");
        let echo = reply(&asked, 5).body;
        assert_eq!((&echo["who"], &echo["by"], &echo["at"]), (&json!("Bearer a"), &json!(7), &json!(5)));
        assert_eq!(echo["pad"].as_str().map(str::len), Some(length("/plain/1")));
        assert_ne!(digest(b"body"), digest(b"bod"));
        assert_eq!(tags(&asked), [7]);
    }
}
