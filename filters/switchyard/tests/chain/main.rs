//! switchyard.wasm on a host that records every call: four filters in one context.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod stages;
mod told;
mod worker;
