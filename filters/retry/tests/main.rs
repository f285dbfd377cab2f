//! All tests of retry from outside, as one program: linking one for each file took longer than running them.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

mod bodies;
mod budget;
mod calls;
mod denials;
mod endpoints;
mod failures;
mod fallbacks;
mod gone;
mod grpc;
mod hedge_times;
mod hedges;
mod judging;
mod memory;
mod price;
mod reload;
mod replaced;
mod replay;
mod shadow;
mod stale;
mod steered;
mod ticks;
mod vm_memory;
mod waits;
mod worker;
