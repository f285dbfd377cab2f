//! Whether what a client got is what it would have got by itself.
//!
//! Invariant: an answer is right only if it is the whole of the truth, status and length included. An error is accepted in
//! the client's own protocol only, and only for a request that one of the service's faults can explain; anything is
//! accepted that the service itself said to the client alone, and Envoy's own word for a timeout where the service hung.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Service;
use super::fault::Fault;
use super::protocol::{self, POISON, Protocol, Reply};
use super::question::Question;
use super::record::{Mishap, itself};
use crate::load::Response;

/// Wrong answers that are told in full.
const TOLD: usize = 10;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has the answer that it would have had by itself.
    Right,
    /// It has an error, or lacks a part, and a fault of the service is why.
    Excused,
    /// It has anything else.
    Wrong(String),
}

/// How an answer compares to the truth.
enum Likeness {
    Same,
    /// An error in the client's protocol, in place of all or of some of it.
    Error,
    Other(String),
}

/// Judges an answer, while the service still knows what went wrong.
#[must_use]
pub fn judge(question: &Question, answer: &Response, service: &Service) -> Verdict {
    let truth = protocol::truth(question.method, &question.path, question.body.as_bytes());
    let mishaps = mishaps(question, service);
    let likeness = match likeness(question.protocol, &truth, answer) {
        Likeness::Other(_) if question.protocol == Protocol::JsonRpc && question.is_poisonous() => {
            // It may be told so call by call.
            let remedied = question.body.replace(POISON, "");
            json_rpc_errors(&protocol::truth(question.method, &question.path, remedied.as_bytes()), answer)
        }
        likeness => likeness,
    };
    let problem = match likeness {
        Likeness::Same => return Verdict::Right,
        Likeness::Error if mishaps.iter().any(|mishap| mishap.fault != Fault::Reorder) => {
            return Verdict::Excused;
        }
        _ if was_alone(question, &mishaps) => return Verdict::Excused,
        // What is left of a batch that hung goes on by itself, with little time: Envoy ends it in its own words.
        _ if is_envoys_timeout(answer) && mishaps.iter().any(|mishap| mishap.fault == Fault::Hang) => {
            return Verdict::Excused;
        }
        Likeness::Error => "an error that no fault explains".to_owned(),
        Likeness::Other(problem) => problem,
    };
    let tag = question.tags.first().map_or("", String::as_str);
    let calls: Vec<_> = service.calls_with(tag).iter().map(|call| (call.request.at_ms, call.items)).collect();
    Verdict::Wrong(format!(
        "{problem}: {question:?} got {} {:?} {}, not {truth:?}; {mishaps:?}; asked of the service (ms, items): {calls:?}",
        answer.status,
        answer.headers,
        answer.text()
    ))
}

fn mishaps(question: &Question, service: &Service) -> Vec<Mishap> {
    let itself = itself(question.number);
    question.tags.iter().chain([&itself]).flat_map(|tag| service.mishaps(tag)).collect()
}

fn is_envoys_timeout(answer: &Response) -> bool {
    answer.status == 504 && answer.body == "upstream request timeout"
}

/// Whether the service failed it in a call that had nothing else in it.
fn was_alone(question: &Question, mishaps: &[Mishap]) -> bool {
    let items = question.tags.len();
    mishaps.iter().any(|mishap| mishap.question == Some(question.number) && mishap.items == items)
}

fn likeness(protocol: Protocol, truth: &Reply, answer: &Response) -> Likeness {
    let status = answer.status.as_u16();
    let Some(expected) = &truth.body else {
        return match answer.body.is_empty() && status == truth.status {
            true => Likeness::Same,
            false if status >= 400 && is_error_of_nobody(answer) => Likeness::Error,
            false => Likeness::Other("not an empty answer".to_owned()),
        };
    };
    let length = answer.header("content-length");
    if length != answer.body.len().to_string() {
        return Likeness::Other(format!("content-length {length:?}"));
    }
    let Ok(got) = serde_json::from_slice::<Value>(&answer.body) else {
        return Likeness::Other("not JSON".to_owned());
    };
    if !answer.header("content-type").starts_with("application/json") {
        return Likeness::Other("not application/json".to_owned());
    }
    if status == truth.status && got == *expected {
        return Likeness::Same;
    }
    let is_error = match protocol {
        Protocol::JsonRpc => return json_rpc(expected, &got, status == truth.status),
        Protocol::JsonArray => lacks(expected, &got, "/predictions", |item| item.get("error").is_some()),
        Protocol::Embeddings => got.pointer("/error/type").is_some_and(Value::is_string) && status >= 400,
        Protocol::IdList => is_subset(expected, &got),
    };
    let is_error = is_error || (status >= 400 && got.pointer("/error/message").is_some_and(Value::is_string));
    match is_error {
        // What is wrong with the request itself may be said in other words.
        true if status == truth.status && status >= 400 => Likeness::Same,
        true => Likeness::Error,
        false => Likeness::Other("not the truth".to_owned()),
    }
}

/// What a notification is told whose batch failed.
fn is_error_of_nobody(answer: &Response) -> bool {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    body.is_some_and(|body| body.get("id") == Some(&Value::Null) && body.pointer("/error/code").is_some())
}

/// As if nothing of it had been done.
fn json_rpc_errors(truth: &Reply, answer: &Response) -> Likeness {
    match likeness(Protocol::JsonRpc, truth, answer) {
        Likeness::Same if truth.body.is_some() => Likeness::Other("an answer to what fails".to_owned()),
        Likeness::Same => Likeness::Error,
        likeness => likeness,
    }
}

/// Each call has its answer or an error with its id; their order does not matter.
fn json_rpc(expected: &Value, got: &Value, same_status: bool) -> Likeness {
    let (expected, mut got) = match (expected, got) {
        (Value::Array(expected), Value::Array(got)) => (expected.as_slice(), got.clone()),
        (Value::Object(_), Value::Object(_)) => (std::slice::from_ref(expected), vec![got.clone()]),
        _ => return Likeness::Other("not the form of the request".to_owned()),
    };
    let mut errors = 0;
    // Ids may be there twice: what is right goes first.
    let left: Vec<_> = expected.iter().filter(|one| !take(&mut got, |other| other == *one)).collect();
    for one in left {
        let id = one.get("id");
        let is_error = |other: &Value| other.get("id") == id && other.pointer("/error/code").is_some();
        if !take(&mut got, is_error) {
            return Likeness::Other(format!("neither the answer to id {id:?} nor an error"));
        }
        errors += 1;
    }
    match (got.is_empty(), errors) {
        (false, _) => Likeness::Other("more answers than calls".to_owned()),
        (true, 0) if same_status => Likeness::Same,
        (true, _) => Likeness::Error,
    }
}

/// Takes out the first that is so.
fn take(values: &mut Vec<Value>, is_so: impl Fn(&Value) -> bool) -> bool {
    let place = values.iter().position(is_so);
    place.map(|place| values.swap_remove(place)).is_some()
}

/// The same but for items that are so.
fn lacks(expected: &Value, got: &Value, pointer: &str, is_so: impl Fn(&Value) -> bool) -> bool {
    let list = |value: &Value| match value.pointer(pointer) {
        Some(list) => list.as_array().cloned(),
        None => Some(vec![value.clone()]),
    };
    let (Some(expected), Some(got)) = (list(expected), list(got)) else { return false };
    expected.len() == got.len() && expected.iter().zip(&got).all(|(one, other)| one == other || is_so(other))
}

/// The same, with some objects left out.
fn is_subset(expected: &Value, got: &Value) -> bool {
    let list = |value: &Value| value.get("items").unwrap_or(value).as_array().cloned();
    let (Some(expected), Some(got)) = (list(expected), list(got)) else { return false };
    let mut expected = expected.iter();
    got.iter().all(|object| expected.any(|one| one == object))
}

/// What became of a run of requests.
#[derive(Debug, Default)]
pub struct Tally {
    /// Answers that are right.
    pub right: u64,
    /// Errors that a fault explains.
    pub excused: u64,
    /// Answers that are wrong.
    pub wrong: u64,
    /// Requests whose connection ended without a whole answer.
    pub lost: u64,
    /// Requests without an answer when all patience was gone.
    pub hung: u64,
    /// Clients that left before they had one.
    pub left: u64,
    /// Requests by protocol.
    pub requests: BTreeMap<Protocol, u64>,
    /// The first few that are wrong, lost or hung.
    pub told: Vec<String>,
}

impl Tally {
    /// Counts an answer, or the error of a connection.
    pub fn add(&mut self, question: &Question, answer: &anyhow::Result<Response>, service: &Service) {
        self.ask(question);
        let verdict = match answer {
            Ok(answer) => judge(question, answer, service),
            Err(_) if was_alone(question, &mishaps(question, service)) => Verdict::Excused,
            Err(error) => {
                self.lost += 1;
                self.tell(format!("lost: {question:?}: {error:#}"));
                return;
            }
        };
        match verdict {
            Verdict::Right => self.right += 1,
            Verdict::Excused => self.excused += 1,
            Verdict::Wrong(problem) => {
                self.wrong += 1;
                self.tell(problem);
            }
        }
    }

    /// Counts a request that was given up on: by a client in a hurry, or because it hangs.
    pub fn add_given_up(&mut self, question: &Question, hangs: bool) {
        self.ask(question);
        if hangs {
            self.hung += 1;
            self.tell(format!("hung: {question:?}"));
        } else {
            self.left += 1;
        }
    }

    /// Adds another run.
    pub fn merge(&mut self, other: Self) {
        self.right += other.right;
        self.excused += other.excused;
        self.wrong += other.wrong;
        self.lost += other.lost;
        self.hung += other.hung;
        self.left += other.left;
        other
            .requests
            .into_iter()
            .for_each(|(protocol, count)| *self.requests.entry(protocol).or_default() += count);
        other.told.into_iter().for_each(|problem| self.tell(problem));
    }

    fn ask(&mut self, question: &Question) {
        *self.requests.entry(question.protocol).or_default() += 1;
    }

    fn tell(&mut self, problem: String) {
        if self.told.len() < TOLD {
            self.told.push(problem);
        }
    }
}
