//! Embeddings of many clients in one request.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod answers;
mod inputs;
#[cfg(not(target_arch = "wasm32"))]
mod properties;

use crate::batch_shares::SplitAll as _;
use switchyard_core::batch::{Answer, Broken, Embeddings, Part, Protocol, Share, Why};

fn protocol() -> Protocol {
    Protocol::Embeddings(Embeddings::default())
}

/// The same with narrow limits: four inputs, ten tokens each, twenty in all, two bytes for a token.
fn narrow() -> Protocol {
    let limits = Embeddings {
        max_items: 4,
        max_item_tokens: 10,
        max_tokens: 20,
        bytes_per_token: 2,
        is_ordered: false,
    };
    Protocol::Embeddings(limits)
}

fn part(body: &str) -> Part {
    protocol().read(b"POST", b"/v1/embeddings", body.as_bytes()).expect("a request")
}

/// A request for this input, raw.
fn asks(input: &str) -> String {
    format!(r#"{{"model":"m","input":{input}}}"#)
}

fn joined(bodies: &[&str]) -> String {
    let parts: Vec<_> = bodies.iter().map(|body| part(body)).collect();
    String::from_utf8(protocol().join(&parts).body).expect("text")
}

fn split(bodies: &[&str], answer: &str) -> Result<Vec<Share>, Broken> {
    let parts: Vec<_> = bodies.iter().map(|body| part(body)).collect();
    protocol().split_all(&parts, Answer { status: 200, body: answer.as_bytes() })
}

fn shares(bodies: &[&str], answer: &str) -> Vec<String> {
    let shares = split(bodies, answer).expect("an answer");
    shares.into_iter().map(|share| String::from_utf8(share.body).expect("text")).collect()
}

fn refused(protocol: &Protocol, body: &str) -> Option<(usize, Why)> {
    protocol.read(b"POST", b"/", body.as_bytes()).err().map(|refusal| (refusal.at, refusal.why))
}
