//! What the service answers, as a pure function of the request: the truth, too, that answers of clients are judged by.
//!
//! Invariant: nothing but the request decides about the answer, and hardly two items have the same one, so that an
//! answer which went to the wrong client shows.
//!
//! Items say whose they are: a text that begins with `p3#` or `p3-`, or a number from 3,000,000 to 3,999,999, is of the
//! principal `p3`. An item with the word `poison` in it fails the whole of a call.

mod embeddings;
mod items;
mod json_rpc;
mod predict;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

/// From this number on, a number says whose it is.
const OWNED: u64 = 1_000_000;
/// What makes an item fail its call.
pub(super) const POISON: &str = "poison";

/// What a service speaks; the path says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `POST /rpc`: `add` sums its numbers, `echo` gives its params back, `fail` is answered by an error, `slow` takes
    /// `params[0]` milliseconds (or `params.ms`) longer.
    JsonRpc,
    /// `POST /predict`: `{"instances": […]}`, answered by `{"predictions": […]}`; `POST /list`: an array, answered by an
    /// array. Anything else is one item, and so is its answer.
    JsonArray,
    /// `POST /v1/embeddings`: `input` is a text, texts, tokens, or lists of them.
    Embeddings,
    /// `GET /items?ids=1,2` or `?ids=1&ids=2`, answered by `{"items": […]}`, `GET /items/1`, and the same at `/things`
    /// without an object around the array. An id that ends in `0` is not there.
    IdList,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::JsonRpc, Self::JsonArray, Self::Embeddings, Self::IdList];

    /// Its name, as a document has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonRpc => "json_rpc",
            Self::JsonArray => "json_array",
            Self::Embeddings => "embeddings",
            Self::IdList => "id_list",
        }
    }

    /// What stands for an item that the service could not do.
    pub(super) fn bad(self, item: &Value) -> Value {
        match self {
            Self::JsonRpc => {
                json_rpc::error(-32002, "bad item", item.get("id").unwrap_or(&Value::Null), None)
            }
            _ => json!({ "error": "bad item" }),
        }
    }

    /// The answer to an item that nobody asked for, behind so many others.
    pub(super) fn foreign(self, items: usize) -> Value {
        match self {
            Self::JsonRpc => json!({ "jsonrpc": "2.0", "result": "nobody's", "id": "nobody" }),
            Self::JsonArray => json!({ "score": 0, "of": "nobody" }),
            Self::Embeddings => embeddings::foreign(items),
            Self::IdList => items::foreign(),
        }
    }

    fn of(path: &str) -> Option<Self> {
        match path.split(['?', '/']).nth(1)? {
            "rpc" => Some(Self::JsonRpc),
            "predict" | "list" => Some(Self::JsonArray),
            "v1" => Some(Self::Embeddings),
            "items" | "things" => Some(Self::IdList),
            _ => None,
        }
    }
}

/// Where an answer has its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// It has one, and is that.
    Whole,
    /// It is the array.
    Array,
    /// In this field.
    Field(&'static str),
}

/// An answer in the making.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The document; `None`: no body.
    pub body: Option<Value>,
    pub(super) list: List,
}

impl Reply {
    fn new(status: u16, body: Value, list: List) -> Self {
        Self { status, body: Some(body), list }
    }

    /// An error that is not the answer to an item.
    fn error(status: u16, message: &str) -> Self {
        Self::new(
            status,
            json!({ "error": { "message": message, "type": "invalid_request_error" } }),
            List::Whole,
        )
    }

    fn nothing() -> Self {
        Self { status: 204, body: None, list: List::Whole }
    }

    /// The answers to items, where there is a list of them.
    pub(super) fn items(&mut self) -> Option<&mut Vec<Value>> {
        match (self.body.as_mut()?, self.list) {
            (body, List::Array) => body.as_array_mut(),
            (body, List::Field(field)) => body.get_mut(field)?.as_array_mut(),
            (_, List::Whole) => None,
        }
    }
}

/// What a call asks for, and its answer.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) protocol: Option<Protocol>,
    /// Of every item what it is told by: the first text or number in it that says whose it is; else `None`.
    pub(super) tags: Vec<Option<String>>,
    /// The same of those that are answered in a list, in its order.
    pub(super) answered: Vec<Option<String>>,
    pub(super) reply: Reply,
    /// One of the items fails the call.
    pub(super) is_poisoned: bool,
    /// Time on top of the usual cost.
    pub(super) longer: Duration,
}

impl Asked {
    fn new(items: &[Value], reply: Reply) -> Self {
        let tags: Vec<_> = items.iter().map(tag).collect();
        let (protocol, answered, longer) = (None, tags.clone(), Duration::ZERO);
        Self { protocol, answered, tags, reply, is_poisoned: false, longer }
    }

    /// An item fails it.
    fn poisoned(items: &[Value], status: u16) -> Self {
        Self { is_poisoned: true, ..Self::new(items, Reply::error(status, POISON)) }
    }

    /// Whose the items are.
    pub(super) fn owners(&self) -> BTreeSet<String> {
        self.tags.iter().flatten().filter_map(|tag| owner(tag)).collect()
    }
}

/// An error of JSON-RPC with this id.
pub(super) fn json_rpc_error(code: i32, message: &str, id: &Value) -> Value {
    json_rpc::error(code, message, id, None)
}

/// What the service does with a request.
pub(super) fn ask(method: &str, path: &str, body: &[u8]) -> Asked {
    let protocol = Protocol::of(path);
    let asked = match (method, protocol) {
        ("POST", Some(Protocol::JsonRpc)) => json_rpc::ask(body),
        ("POST", Some(Protocol::JsonArray)) => predict::ask(path, body),
        ("POST", Some(Protocol::Embeddings)) => embeddings::ask(body),
        ("GET", Some(Protocol::IdList)) => items::ask(path),
        _ => Asked::new(&[], Reply::error(404, "no such service")),
    };
    Asked { protocol, ..asked }
}

/// What the service answers to a request by itself, if all is well.
#[must_use]
pub fn truth(method: &str, path: &str, body: &[u8]) -> Reply {
    ask(method, path, body).reply
}

/// Whose something is that is told by this tag.
#[must_use]
pub fn owner(tag: &str) -> Option<String> {
    if let Ok(number) = tag.parse::<u64>() {
        return (number >= OWNED).then(|| format!("p{}", number / OWNED));
    }
    let (name, _) = tag.split_once(['#', '-'])?;
    let number = name.strip_prefix('p')?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| name.to_owned())
}

/// The first text, up to its first space, or number below `item` that says whose it is.
pub(super) fn tag(item: &Value) -> Option<String> {
    match item {
        Value::String(text) => {
            let word = text.split_whitespace().next()?;
            owner(word).map(|_| word.to_owned())
        }
        Value::Number(number) => {
            let number = number.to_string();
            owner(&number).map(|_| number)
        }
        Value::Array(items) => items.iter().find_map(tag),
        Value::Object(fields) => fields.values().find_map(tag),
        Value::Null | Value::Bool(_) => None,
    }
}

fn is_poison(item: &Value) -> bool {
    match item {
        Value::String(text) => text.contains(POISON),
        Value::Array(items) => items.iter().any(is_poison),
        Value::Object(fields) => fields.iter().any(|(name, value)| name == POISON || is_poison(value)),
        _ => false,
    }
}

/// FNV-1a, mixed as in SplitMix64: the same everywhere and for ever.
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// So many numbers below 1. They have six digits, which all readers of JSON take for the same number.
fn numbers(seed: &str, count: usize) -> Vec<f64> {
    (0..count).map(|place| (hash(&format!("{seed}/{place}")) % 1_000_000) as f64 / 1e6).collect()
}
