//! How long batches take, and how large they may be.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may fail by panicking, and tells figures"
)]

mod crowd;
mod expected_back;
mod lessons;
mod limits;
mod line;
#[cfg(not(target_arch = "wasm32"))]
mod properties;
mod queueing;
mod server;

use core::time::Duration;
use switchyard_core::batch::{Adaptive, Estimator, Leaves, Pace};

const TARGET: Duration = Duration::from_millis(50);

fn pace(estimator: Estimator, max_items: u32) -> Pace {
    Pace::new(&Leaves::Adaptive(Adaptive { target: TARGET, estimator }), max_items)
}

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// Whether a time is this, give or take so many percent.
fn is_about(time: Duration, expected: Duration, percent: u32) -> bool {
    time.abs_diff(expected) <= expected * percent / 100
}
