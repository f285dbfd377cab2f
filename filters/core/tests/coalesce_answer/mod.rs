//! What followers get, and which of them.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

mod encoded;
mod fits;
#[cfg(not(target_arch = "wasm32"))]
mod properties;
mod replies;

use switchyard_core::Timestamp;
use switchyard_core::coalesce::Answer;
use switchyard_core::request::PlainRequest;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

fn get() -> PlainRequest {
    PlainRequest::get("/")
}

/// An answer with these headers to `request`.
fn answer_to(request: &PlainRequest, headers: &[(&str, &str)]) -> Answer {
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    Answer::new(200, headers, request, at(0))
}

fn answer(headers: &[(&str, &str)]) -> Answer {
    answer_to(&get(), headers)
}

/// Whether `other` may have the answer to `leader` that varies by this.
fn fits(vary: &str, leader: &PlainRequest, other: &PlainRequest) -> bool {
    answer_to(leader, &[("vary", vary)]).fits(other)
}
