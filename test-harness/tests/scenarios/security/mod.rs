//! What the modules may do: an Envoy that holds each to the list of docs/security.md does all that it did before, and one that holds a module to less
//! harms nobody.
//!
//! Invariant: the lists are read out of the page, so what it says is what is tried. Trade-off: the modules are held in two Envoys, one with the chain and
//! one with its single modules; a further module is a name in [`MODULES`] and in the rows of the Envoys that have it.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod held;
mod lacking;
mod listed;
mod module;
mod story;

use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// The modules that there are lists of.
const MODULES: [&str; 7] = ["switchyard", "coalesce", "batch", "router", "retry", "outlier", "status"];

/// What Envoy's log says when a module calls what it may not.
const REFUSED: &str = "Attempted call to restricted proxy-wasm capability: ";

/// An Envoy with these filters, as these modules.
struct Row {
    modules: Modules,
    filters: &'static [&'static str],
    held: &'static [&'static str],
}

const ROWS: [Row; 2] = [
    Row {
        modules: Modules::Chain,
        filters: &["coalesce", "batch", "router", "retry", "outlier", "status"],
        held: &["switchyard", "outlier", "status"],
    },
    Row {
        modules: Modules::Separate,
        filters: &["coalesce", "batch", "router", "retry", "outlier", "status"],
        held: &["coalesce", "batch", "router", "retry", "outlier", "status"],
    },
];
