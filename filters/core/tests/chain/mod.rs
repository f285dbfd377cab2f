//! Stages in a chain against filters of their own in a model of Envoy's filter manager, whatever happens.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]
// A bare VM has no seed for proptest.
#![cfg(not(target_arch = "wasm32"))]

mod cases;
mod drawn;
mod envoy;
mod invariants;
mod properties;
mod stage;
mod world;
