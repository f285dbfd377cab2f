//! All tests of router from outside, as one program: linking one for each file took longer than running them.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

mod by_hand;
mod clusters;
mod ejection;
mod first_byte;
mod heartbeats;
mod levels;
mod lists;
mod load_report;
mod said;
mod stored;
mod stream;
mod worker;
