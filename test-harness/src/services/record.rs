//! What a service has seen: every call, whose items were in it, and what went wrong.
//!
//! Invariants: counts are of all calls since [`Log::default`]; the last [`CAPACITY`] calls and those with items of several
//! principals are kept; what hit a call can be looked up by each of its items for as long.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use hyper::header::HeaderMap;

use super::fault::{Fault, Hit};
use super::protocol::Asked;
use crate::upstream::Recorded;

/// Calls that are kept.
pub const CAPACITY: usize = 20_000;
/// Calls that are kept for having items of several principals.
const MIXED_CAPACITY: usize = 20;
/// The principal of requests without credentials.
pub const NOBODY: &str = "p0";
/// A client's number for its request, which is in no key; a call has that of its first.
pub const QUESTION_HEADER: &str = "x-correlation-id";

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// How it arrived.
    pub request: Recorded,
    /// How many items it asked for.
    pub items: usize,
    /// Bytes of its body.
    pub bytes: usize,
    /// Of every item the text or number that says whose it is, if there is one.
    pub tags: Vec<Option<String>>,
    /// Whose it is: by its headers (`authorization: Bearer p1`, `cookie: session=p1`, `x-api-key: p1`; none: [`NOBODY`])
    /// and by each item. More than one: requests of different principals were mixed.
    pub principals: BTreeSet<String>,
    /// What went wrong.
    pub fault: Option<Fault>,
}

impl Call {
    pub(super) fn new(
        request: Recorded,
        headers: &HeaderMap,
        bytes: usize,
        asked: &Asked,
        hit: Option<&Hit>,
    ) -> Self {
        let mut principals = asked.owners();
        if !principals.is_empty() {
            principals.extend(credentials(headers));
        }
        let (items, tags) = (asked.tags.len(), asked.tags.clone());
        Self { request, items, bytes, tags, principals, fault: hit.map(|hit| hit.fault) }
    }

    /// Whether it has items, or credentials, of more than one principal.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        self.principals.len() > 1
    }
}

/// Whose the headers are.
fn credentials(headers: &HeaderMap) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (header, before) in [("authorization", "Bearer "), ("cookie", "session="), ("x-api-key", "")] {
        let values = headers.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
        found.extend(values.map(|value| value.strip_prefix(before).unwrap_or(value).to_owned()));
    }
    if found.is_empty() { BTreeSet::from([NOBODY.to_owned()]) } else { found }
}

/// What went wrong with a call that had an item in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mishap {
    /// What it was.
    pub fault: Fault,
    /// The [`QUESTION_HEADER`] of the call.
    pub question: Option<u64>,
    /// How many items the call had.
    pub items: usize,
}

/// What stands for the items of a client's request that has none.
pub(super) fn itself(question: u64) -> String {
    format!("question {question}")
}

#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) kept: VecDeque<Call>,
    pub(super) mixed: Vec<Call>,
    pub(super) mixed_calls: u64,
    pub(super) calls: u64,
    pub(super) items: u64,
    /// Calls by how many items they had.
    pub(super) sizes: BTreeMap<usize, u64>,
    pub(super) faults: BTreeMap<Fault, u64>,
    pub(super) mishaps: HashMap<String, Vec<Mishap>>,
}

impl Log {
    pub(super) fn push(&mut self, call: Call, hit: Option<&Hit>) {
        self.calls += 1;
        self.items += call.items as u64;
        *self.sizes.entry(call.items).or_default() += 1;
        if let Some(hit) = hit {
            *self.faults.entry(hit.fault).or_default() += 1;
            let question = call.request.header(QUESTION_HEADER).and_then(|number| number.parse().ok());
            let mishap = Mishap { fault: hit.fault, question, items: call.items };
            let only = hit.only.iter();
            let all = call.tags.iter().flatten().filter(|_| hit.only.is_none());
            // What cannot be read has no items.
            let itself = question.filter(|_| call.items == 0).map(itself);
            for tag in only.chain(all).chain(&itself) {
                self.mishaps.entry(tag.clone()).or_default().push(mishap);
            }
        }
        if call.is_mixed() {
            self.mixed_calls += 1;
            if self.mixed.len() < MIXED_CAPACITY {
                self.mixed.push(call.clone());
            }
        }
        if self.kept.len() == CAPACITY {
            self.kept.pop_front();
        }
        self.kept.push_back(call);
    }
}
