//! Old answers: how many are kept, for how long, and which of them the next request may get.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

mod kept;
mod rules;
