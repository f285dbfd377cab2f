//! Upstreams: what they make of a call, how long that takes, and in what ways it fails.

use crate::asked::Thing;
use crate::shapes::Faults;
use crate::simulation::draws::one;
use core::time::Duration;
use fastrand::Rng;
use serde_json::Value;
use switchyard_core::Timestamp;
use switchyard_core::request::PlainRequest;

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Unavailable,
    Reset,
    Hangs,
    /// Nothing is done of what follows.
    Unreached,
    TooLarge,
    BatchTooLarge,
    /// Nor of what is behind the first half.
    CutOff,
    TooMany,
    Garbage,
    Truncated,
    Encoded,
    /// What follows is of single items.
    Reordered,
    LeavesOut,
    Twice,
    OfAnother,
}

pub(crate) const FAULTS: [Fault; 15] = [
    Fault::Unavailable,
    Fault::Reset,
    Fault::Hangs,
    Fault::Unreached,
    Fault::TooLarge,
    Fault::BatchTooLarge,
    Fault::CutOff,
    Fault::TooMany,
    Fault::Garbage,
    Fault::Truncated,
    Fault::Encoded,
    Fault::Reordered,
    Fault::LeavesOut,
    Fault::Twice,
    Fault::OfAnother,
];

/// An answer to a call: none, or its head and body.
pub(crate) type Answer = Option<(PlainRequest, Vec<u8>)>;

/// A service that takes so many calls at a time; the others wait their turn.
pub(crate) struct Service {
    free: Vec<Timestamp>,
    call: Duration,
    item: Duration,
}

pub(crate) fn head(status: u16) -> PlainRequest {
    PlainRequest::default().with(":status", status.to_string()).with("x-of", "service")
}

impl Service {
    pub(crate) fn new(at_a_time: usize, (call, item): (u64, u64)) -> Self {
        let (call, item) = (Duration::from_micros(call), Duration::from_micros(item));
        Self { free: vec![Timestamp::default(); at_a_time], call, item }
    }

    /// How long a call of so many items takes from now.
    pub(crate) fn takes(&mut self, items: usize, now: Timestamp) -> Duration {
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        let Some(free) = self.free.iter_mut().min() else { return Duration::ZERO };
        *free = now.max(*free).plus(self.call + self.item * items);
        free.since(now)
    }
}

/// What a batch asks for, with the numbers of its calls if it has such.
pub(crate) fn things(body: &str) -> Vec<(Option<String>, Thing)> {
    let all: Vec<Value> = serde_json::from_str(body).expect("a batch is an array");
    let thing = |value: &Value| {
        let params = value.get("params").unwrap_or(value);
        let id = value.get("id").map(ToString::to_string);
        (id, Thing::read(params[0].as_str().expect("a text")))
    };
    all.iter().map(thing).collect()
}

const UNREACHED: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";

/// How many things are done before it is too late, of so many.
pub(crate) fn done(fault: Option<Fault>, is_rpc: bool, things: usize) -> usize {
    match fault {
        Some(Fault::Unreached | Fault::TooLarge) => 0,
        Some(Fault::BatchTooLarge) if is_rpc => 0,
        Some(Fault::CutOff) if is_rpc => things.div_ceil(2),
        _ => things,
    }
}

/// A fault, if this is to have one.
pub(crate) fn fault(faults: &Faults, things: &[(Option<String>, Thing)], rng: &mut Rng) -> Option<Fault> {
    if faults.poison > 0 && things.iter().any(|(_, thing)| thing.serial.is_multiple_of(faults.poison)) {
        return Some(Fault::Unavailable);
    }
    (rng.f64() < faults.of_calls).then(|| one(&FAULTS, rng))
}

/// The answer to a batch.
pub(crate) fn answer(
    things: &[(Option<String>, Thing)],
    is_rpc: bool,
    fault: Option<Fault>,
    rng: &mut Rng,
) -> Answer {
    match fault {
        Some(Fault::Unavailable) => return Some((head(503), b"busy".to_vec())),
        Some(Fault::Reset | Fault::Hangs) => return None,
        Some(Fault::TooMany) => return Some((head(one(&[429, 401], rng)), b"no".to_vec())),
        Some(Fault::Unreached) => {
            return Some((head(503).with("content-type", "text/plain"), UNREACHED.into()));
        }
        Some(Fault::TooLarge) => return Some((head(413), b"too large".to_vec())),
        Some(Fault::BatchTooLarge) if is_rpc => {
            let error = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}}"#;
            return Some((head(200), error.into()));
        }
        Some(Fault::Garbage) => return Some((head(200), b"<html>".to_vec())),
        Some(Fault::Encoded) => return Some((head(200).with("content-encoding", "gzip"), b"[]".to_vec())),
        _ => {}
    }
    let last = done(fault, is_rpc, things.len());
    let said = |(place, (id, thing)): (usize, &(Option<String>, Thing))| match is_rpc {
        true if place >= last => id.as_ref().map(|id| {
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32003,"message":"response too large"}}}}"#
            )
        }),
        true => id.as_ref().map(|id| thing.answer(id)),
        false => Some(thing.answered_item()),
    };
    let mut all: Vec<_> = things.iter().enumerate().filter_map(said).collect();
    if !all.is_empty() {
        let place = rng.usize(0..all.len());
        match fault {
            // By their places nobody could tell.
            Some(Fault::Reordered) if is_rpc => rng.shuffle(&mut all),
            Some(Fault::LeavesOut) => drop(all.remove(place)),
            Some(Fault::Twice) => all.push(all[place].clone()),
            Some(Fault::OfAnother) if is_rpc => {
                let other = Thing { serial: 0, place: 0, who: 0 };
                all[place] = other.answer(&(things.len() + 1).to_string());
            }
            _ => {}
        }
    }
    if is_rpc && all.is_empty() && fault.is_none() {
        return Some((head(204), Vec::new()));
    }
    let mut body = format!("[{}]", all.join(",")).into_bytes();
    if fault == Some(Fault::Truncated) {
        body.truncate(body.len() / 2);
    }
    Some((head(200), body))
}
