//! Calls of many clients as one batch of JSON-RPC.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod answers;
mod calls;
mod failures;
#[cfg(not(target_arch = "wasm32"))]
mod properties;
mod whole;

use crate::batch_shares::SplitAll as _;
use switchyard_core::batch::{Answer, Broken, JsonRpc, Outcome, Part, Protocol, Share, Unbatchable};

fn protocol() -> Protocol {
    Protocol::JsonRpc(JsonRpc { repeatable: vec!["get_*".into(), "version".into()], weigh: None })
}

fn read(body: &str) -> Result<Part, Unbatchable> {
    protocol().read(b"POST", b"/rpc", body.as_bytes())
}

fn part(body: &str) -> Part {
    read(body).expect("a call")
}

/// What goes upstream for these.
fn joined(bodies: &[&str]) -> String {
    let parts: Vec<_> = bodies.iter().map(|body| part(body)).collect();
    let joined = protocol().join(&parts);
    assert_eq!(joined.path, None);
    String::from_utf8(joined.body).expect("text")
}

/// What these get of an answer.
fn split(bodies: &[&str], answer: &str) -> Result<Vec<Share>, Broken> {
    let parts: Vec<_> = bodies.iter().map(|body| part(body)).collect();
    protocol().split_all(&parts, Answer { status: 200, body: answer.as_bytes() })
}

/// The bodies of the shares in an answer that is not broken.
fn shares(bodies: &[&str], answer: &str) -> Vec<String> {
    let shares = split(bodies, answer).expect("an answer");
    shares.into_iter().map(|share| String::from_utf8(share.body).expect("text")).collect()
}

fn outcomes(bodies: &[&str], answer: &str) -> Vec<(u16, Outcome)> {
    let shares = split(bodies, answer).expect("an answer");
    shares.iter().map(|share| (share.status, share.outcome)).collect()
}
