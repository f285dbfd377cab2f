//! Requests of clients at random, each of which can be told from all others by its items.
//!
//! Invariant: a request is a function of its number and of what the generator gives. Trade-off: objects are asked for
//! by several requests around the same time, as in life; all else is asked for once.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use super::protocol::{self, Protocol};
use super::record::QUESTION_HEADER;
use crate::load::{Client, Request};

/// Principals, the first of whom has no credentials.
const PRINCIPALS: u64 = 6;
/// For so many requests two principals ask, and half of the time for one thing: enough that are alike at a time.
const SEASON: u64 = 400;
/// One request in so many is cut off in its JSON.
const CUT: u64 = 200;
/// Requests with ids that share ids with each other.
const NEIGHBOURS: u64 = 4;
/// One request in so many has an item that fails its call.
const POISONOUS: u64 = 2_000;
/// One client in so many leaves early.
const LEAVING: u64 = 100;

/// One request.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its number, which it has in [`QUESTION_HEADER`] as well.
    pub number: u64,
    /// What it speaks.
    pub protocol: Protocol,
    /// Its method.
    pub method: &'static str,
    /// Its path with query.
    pub path: String,
    /// Its body.
    pub body: String,
    /// A header that says whose it is.
    pub credentials: Option<(&'static str, String)>,
    /// Of each item what tells it from others.
    pub tags: Vec<String>,
    /// Its client leaves after so long, if it has no answer by then.
    pub leaves: Option<Duration>,
}

impl Question {
    /// Any request.
    #[must_use]
    pub fn any(number: u64, rng: &mut Rng) -> Self {
        let season = number / SEASON;
        let owner = (season + rng.u64(..2)) % PRINCIPALS;
        let place = if rng.bool() { season as usize } else { rng.usize(..Protocol::ALL.len()) };
        let protocol = Protocol::ALL.into_iter().cycle().nth(place % Protocol::ALL.len());
        let protocol = protocol.unwrap_or(Protocol::JsonRpc);
        let mut writer = Writer { number, owner, items: 0, rng };
        let (path, mut body) = match protocol {
            Protocol::JsonRpc => ("/rpc".to_owned(), writer.json_rpc().to_string()),
            Protocol::JsonArray => writer.json_array(),
            Protocol::Embeddings => ("/v1/embeddings".to_owned(), writer.embeddings().to_string()),
            Protocol::IdList => (writer.id_list(), String::new()),
        };
        if writer.one_in(CUT) {
            body.pop();
        }
        let method = if protocol == Protocol::IdList { "GET" } else { "POST" };
        let credentials = match owner {
            0 => None,
            1 | 2 => Some(("cookie", format!("session=p{owner}"))),
            _ => Some(("authorization", format!("Bearer p{owner}"))),
        };
        let tags = protocol::ask(method, &path, body.as_bytes()).tags.into_iter().flatten().collect();
        let leaves = (rng.u64(..LEAVING) == 0).then(|| Duration::from_micros(rng.u64(..20_000)));
        Self { number, protocol, method, path, body, credentials, tags, leaves }
    }

    /// Whether one of its items fails the call that it is in.
    #[must_use]
    pub fn is_poisonous(&self) -> bool {
        protocol::ask(self.method, &self.path, self.body.as_bytes()).is_poisoned
    }

    /// The request as a client sends it.
    pub fn request(&self, client: &Client) -> Request {
        let request = match self.method {
            "GET" => client.get(&self.path),
            _ => client.post(&self.path, self.body.clone()).header("content-type", "application/json"),
        };
        let request = request.header(QUESTION_HEADER, self.number.to_string());
        match &self.credentials {
            Some((name, value)) => request.header(name, value),
            None => request,
        }
    }
}

/// Writes one request.
struct Writer<'a> {
    number: u64,
    owner: u64,
    items: u64,
    rng: &'a mut Rng,
}

impl Writer<'_> {
    fn one_in(&mut self, count: u64) -> bool {
        self.rng.u64(..count) == 0
    }

    /// A text that no other request has, perhaps with characters that JSON escapes.
    fn text(&mut self) -> String {
        self.items += 1;
        let words =
            ["tea", "\u{fc}ber", "\"quoted\"", "line\nline", "\u{1f980}", "[1,{}]", "back\\slash", "a,b"];
        let word = self.rng.choice(words).unwrap_or_default();
        let poison = if self.one_in(POISONOUS) { " poison" } else { "" };
        format!("p{}#{}.{} {word}{poison}", self.owner, self.number, self.items)
    }

    /// From one to five, mostly few.
    fn count(&mut self) -> usize {
        1 + self.rng.usize(..5).min(self.rng.usize(..5))
    }

    fn several(&mut self, mut item: impl FnMut(&mut Self) -> Value) -> Value {
        (0..self.count()).map(|_| item(self)).collect()
    }

    fn json_rpc(&mut self) -> Value {
        if self.one_in(3) { self.several(Self::call) } else { self.call() }
    }

    fn call(&mut self) -> Value {
        let (text, number) = (self.text(), self.rng.i64(-1000..1000));
        let (method, params) = match self.rng.u32(..20) {
            0 => ("fail", json!([text])),
            1 => ("none", json!({ "text": text })),
            2..10 => ("add", json!([text, number, 1])),
            _ => ("echo", json!({ "text": text, "deep": [[number], { "id": 1, "result": null }] })),
        };
        let mut call = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        let id = match self.rng.u32(..12) {
            0 => return call,
            1 => Value::Null,
            2 => json!(-number),
            3 => json!(1.5),
            4 => json!(u64::MAX),
            5 => json!("1"),
            6 => json!(1),
            7 => json!(""),
            8 => json!(format!("\"{number}\"\\")),
            9 => json!(text),
            _ => json!(self.number),
        };
        if let Some(call) = call.as_object_mut() {
            call.insert("id".to_owned(), id);
        }
        call
    }

    fn json_array(&mut self) -> (String, String) {
        if self.one_in(3) {
            let item = self.instance();
            return ("/list".to_owned(), item.to_string());
        }
        let mut body = json!({ "instances": self.several(Self::instance) });
        if let (true, Some(body)) = (self.one_in(3), body.as_object_mut()) {
            body.insert("parameters".to_owned(), json!({ "scale": 2 }));
        }
        ("/predict".to_owned(), body.to_string())
    }

    fn instance(&mut self) -> Value {
        json!({ "text": self.text(), "values": [self.rng.u32(..10), self.rng.u32(..10)] })
    }

    fn embeddings(&mut self) -> Value {
        // Tokens cannot say that they are of nobody.
        let is_anonymous = self.owner == 0;
        let input = match self.rng.u32(..6) {
            0 if !is_anonymous => self.tokens(),
            1 if !is_anonymous => self.several(Self::tokens),
            2 | 3 => self.several(|writer| json!(writer.text())),
            _ => json!(self.text()),
        };
        let model = if self.one_in(5) { "large" } else { "small" };
        json!({ "model": model, "input": input })
    }

    /// The first one says whose request it is, and which.
    fn tokens(&mut self) -> Value {
        self.items += 1;
        let own = self.owner * 1_000_000 + self.number % 1_000_000;
        let more = (0..self.rng.usize(..8)).map(|_| self.rng.u64(..1000));
        [own, self.items, self.number].into_iter().chain(more).collect()
    }

    fn id_list(&mut self) -> String {
        let things = self.one_in(3);
        let path = if things { "/things" } else { "/items" };
        let view = if self.one_in(4) { "view=short" } else { "" };
        if self.one_in(2) {
            let id = self.id();
            let view = if view.is_empty() { String::new() } else { format!("?{view}") };
            return format!("{path}/{id}{view}");
        }
        let ids: Vec<_> = (0..self.count()).map(|_| self.id()).collect();
        let ids = if things { ids.join("&ids=") } else { ids.join(",") };
        let and = if view.is_empty() { "" } else { "&" };
        format!("{path}?{view}{and}ids={ids}")
    }

    fn id(&mut self) -> String {
        let number = self.number / NEIGHBOURS + self.rng.u64(..NEIGHBOURS);
        let poison = if self.one_in(POISONOUS) { "poison" } else { "" };
        if self.owner > 0 && poison.is_empty() && self.one_in(2) {
            return (self.owner * 1_000_000 + number % 1_000_000).to_string();
        }
        format!("p{}-{number}{poison}", self.owner)
    }
}
