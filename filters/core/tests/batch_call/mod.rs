//! What the call for a batch says, and what its clients are told of the answer to it.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

mod answers;
mod calls;
#[cfg(not(target_arch = "wasm32"))]
mod properties;

use switchyard_core::batch::Joined;
use switchyard_core::request::PlainRequest;

fn post() -> PlainRequest {
    let request = PlainRequest::default().with(":method", "POST").with(":scheme", "https");
    request.with(":authority", "x.test").with(":path", "/a?b=c")
}

fn joined(path: Option<&str>) -> Joined {
    Joined { path: path.map(str::to_owned), body: b"[]".to_vec() }
}
