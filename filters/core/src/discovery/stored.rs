//! The document itself, where it lives in a store: what is asked for it, and when.
//!
//! Invariants: a document is handed on once for each text that the store has, whether it turns out to be valid or not; what fails, or is
//! not there, hands on nothing. Trade-off: etcd and HTTP are asked again and again; Consul holds an ask until something changes.
//! Source: etcd's `rpc.proto` (RangeRequest); Consul's HTTP API, "KV Store" (`raw`) and "Blocking queries"; RFC 9110, section 13.1.2.

use super::ask::{Answer, Ask, Method};
use super::document::{field, list, number, read};
use super::encoding::percent_encoded;
use super::http::condition;
use super::read::Cursor;
use super::refusal::Refusal;
use super::turns::Turns;
use crate::Timestamp;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use core::time::Duration;
use fastrand::Rng;
use xxhash_rust::xxh64::xxh64;

/// Where the document is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoredDocument {
    /// The Envoy cluster that is asked.
    pub cluster: Box<str>,
    /// The authority that it is asked as; `None`: the cluster's name.
    pub host: Option<Box<str>>,
    /// How often, 100 ms to 1 h.
    pub interval: Duration,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// The longest answer that is read, in bytes.
    pub max_body: usize,
    /// What answers there.
    pub store: Store,
}

/// What has the document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    /// etcd's JSON gateway.
    Etcd {
        /// The key whose value it is.
        key: Box<str>,
    },
    /// Consul's key-value store.
    Consul {
        /// The key whose value it is.
        key: Box<str>,
        /// Of this datacenter; `None`: of the agent's own.
        datacenter: Option<Box<str>>,
        /// How long Consul holds an ask until something changes; zero: not at all.
        wait: Duration,
    },
    /// Anything that answers with it.
    Http {
        /// Path and query.
        path: Box<str>,
    },
}

/// What an answer has brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brought {
    /// The same text as before.
    Nothing,
    /// Another text.
    Text {
        /// The document, which nobody has looked at yet.
        text: Vec<u8>,
        /// The store's number of this version; 0: it has none.
        revision: u64,
    },
}

/// Asks for the document.
#[derive(Debug)]
pub struct Keeper {
    stored: StoredDocument,
    cursor: Cursor,
    /// A number that only the last text has.
    known: Option<u64>,
    turns: Turns,
}

impl Keeper {
    /// Knows nothing yet, and asks at once.
    pub fn new(stored: StoredDocument) -> Self {
        Self { turns: Turns::new(stored.interval), stored, cursor: Cursor::default(), known: None }
    }

    /// Goes on from a text that another worker has read.
    pub fn adopt(&mut self, text: &[u8]) {
        let number = xxh64(text, 0);
        if self.known.replace(number) != Some(number) {
            // It may be an older one than ours: the store says what it has, and not what is new.
            self.cursor = Cursor::default();
        }
    }

    /// The Envoy cluster that is asked.
    pub fn cluster(&self) -> &str {
        &self.stored.cluster
    }

    /// The longest answer that is read, in bytes. Whoever gets a longer one says [`Refusal::TooLong`] before it copies it.
    pub fn max_body(&self) -> usize {
        self.stored.max_body
    }

    /// How long until [`Keeper::poll`] has something to do.
    pub fn due_in(&self, now: Timestamp) -> Duration {
        self.turns.due_in(now)
    }

    /// The ask that was not answered in time, which is to be told by [`Keeper::failed`] before the next [`Keeper::poll`].
    pub fn overdue(&self, now: Timestamp) -> Option<u64> {
        self.turns.overdue(now)
    }

    /// The ask that is due, if one is.
    pub fn poll(&mut self, now: Timestamp) -> Option<Ask> {
        self.turns.ask(now, || self.stored.request(&self.cursor))
    }

    /// The ask of this number was answered; `None`: it had been given up.
    ///
    /// # Errors
    /// Why the answer has no document.
    pub fn answered(
        &mut self,
        ask: u64,
        answer: Answer<'_>,
        now: Timestamp,
        rng: &mut Rng,
    ) -> Option<Result<Brought, Refusal>> {
        let ask = self.turns.end(ask)?;
        let read = match answer.status {
            // Envoy answers for a call whose time is over.
            504 if ask.is_over(now) => Err(Refusal::Timeout),
            _ => self.stored.read(&self.cursor, answer),
        };
        Some(match read {
            Err(why) => Err(self.refuse(why, now, rng)),
            Ok(found) => {
                let brought = self.take(found);
                let is_news = brought != Brought::Nothing;
                self.turns.pace.succeeded(ask.at, answer.body.len(), is_news, rng);
                Ok(brought)
            }
        })
    }

    /// The ask of this number could not be made or was broken off ([`Refusal::Unreachable`]), or its answer cannot be read. Why there is
    /// no document; `None`: the ask had been given up.
    pub fn failed(&mut self, ask: u64, why: Refusal, now: Timestamp, rng: &mut Rng) -> Option<Refusal> {
        let ask = self.turns.end(ask)?;
        // Envoy does not say why it broke a call off.
        let is_late = why == Refusal::Unreachable && ask.is_over(now);
        Some(self.refuse(if is_late { Refusal::Timeout } else { why }, now, rng))
    }

    fn refuse(&mut self, why: Refusal, now: Timestamp, rng: &mut Rng) -> Refusal {
        self.cursor = Cursor::default();
        self.turns.pace.failed(now, self.known.is_none(), rng);
        why
    }

    fn take(&mut self, found: Option<(Vec<u8>, Cursor)>) -> Brought {
        let Some((text, cursor)) = found else { return Brought::Nothing };
        let revision = cursor.index;
        self.cursor = cursor;
        let number = xxh64(&text, 0);
        if self.known.replace(number) == Some(number) {
            return Brought::Nothing;
        }
        Brought::Text { text, revision }
    }
}

impl StoredDocument {
    fn request(&self, cursor: &Cursor) -> Ask {
        let accept = ("accept", "application/json".into());
        let (path, header, body) = match &self.store {
            Store::Etcd { key } => {
                let question = format!(r#"{{"key":"{}"}}"#, BASE64_STANDARD.encode(&**key));
                let header = Some(("content-type", "application/json".into()));
                ("/v3/kv/range".to_owned(), header, question.into_bytes())
            }
            Store::Consul { key, datacenter, wait } => {
                (consul_path(key, datacenter.as_deref(), *wait, cursor), None, Vec::new())
            }
            Store::Http { path } => (path.to_string(), condition(cursor), Vec::new()),
        };
        Ask {
            number: 0,
            method: if body.is_empty() { Method::Get } else { Method::Post },
            path: path.into(),
            authority: self.host.clone().unwrap_or_else(|| self.cluster.clone()),
            headers: [Some(accept), header].into_iter().flatten().collect(),
            body,
            timeout: match &self.store {
                // Consul answers later than it was told by up to a sixteenth of that.
                Store::Consul { wait, .. } if cursor.index > 0 => self.timeout + *wait + *wait / 16,
                _ => self.timeout,
            },
        }
    }

    /// The text in an answer, and where the next ask goes on from; `None`: it is the same as before.
    fn read(&self, cursor: &Cursor, answer: Answer<'_>) -> Result<Option<(Vec<u8>, Cursor)>, Refusal> {
        let is_conditional = matches!(self.store, Store::Http { .. }) && cursor.etag.is_some();
        match (answer.status, &self.store) {
            (304, _) if is_conditional => return Ok(None),
            (404, Store::Consul { .. }) => return Err(Refusal::NoKey),
            (200, _) => {}
            (status, _) => return Err(Refusal::Status(status)),
        }
        if answer.body.len() > self.max_body {
            return Err(Refusal::TooLong { most: self.max_body });
        }
        match &self.store {
            Store::Etcd { .. } => value_of_etcd(answer.body).map(Some),
            Store::Consul { .. } => {
                let index = answer.index.filter(|index| *index >= cursor.index).unwrap_or_default();
                Ok(Some((answer.body.to_vec(), Cursor { index, ..Cursor::default() })))
            }
            Store::Http { .. } => Ok(Some((answer.body.to_vec(), Cursor { etag: answer.tag(), index: 0 }))),
        }
    }
}

fn consul_path(key: &str, datacenter: Option<&str>, wait: Duration, cursor: &Cursor) -> String {
    // Slashes are a part of Consul's keys, and stand in the path as they are.
    let key: Vec<_> = key.split('/').map(percent_encoded).collect();
    let mut path = format!("/v1/kv/{}?raw", key.join("/"));
    if let Some(datacenter) = datacenter {
        path.push_str("&dc=");
        path.push_str(&percent_encoded(datacenter));
    }
    if cursor.index > 0 && !wait.is_zero() {
        path.push_str(&format!("&index={}&wait={}ms", cursor.index, wait.as_millis()));
    }
    path
}

/// The one value in an answer of etcd's, with its revision.
fn value_of_etcd(body: &[u8]) -> Result<(Vec<u8>, Cursor), Refusal> {
    let answer = read(body)?;
    let mut kvs = list(field(answer, "kvs"), "has kvs that are no list")?;
    let entry = kvs.next().ok_or(Refusal::NoKey)?;
    let text = field(entry, "value").and_then(|value| value.string()).unwrap_or_default();
    let text = BASE64_STANDARD.decode(&*text).map_err(|_| Refusal::Shape("has a value that is no base64"))?;
    let revision = number(field(entry, "mod_revision"));
    let index = revision.map_err(|_| Refusal::Shape("has a revision that is no number"))?.unwrap_or_default();
    Ok((text, Cursor { index, ..Cursor::default() }))
}
