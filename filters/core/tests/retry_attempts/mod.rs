//! One request and all its attempts: every way that it can go on, and every way that it can end.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::panic, reason = "a test may fail by panicking")]

mod endings;
mod hedges;
mod repeats;
mod support;
mod times;
