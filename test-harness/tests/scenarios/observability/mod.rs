//! What an operator sees: a real Prometheus scrapes a real Envoy under a script of faults, and has an answer to every query of every panel, rule and
//! alert that is shipped.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod compose;
mod faults;
mod queries;
mod rules;
mod seen;

type Outcome = anyhow::Result<()>;
