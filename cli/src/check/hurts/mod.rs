//! What is legal in a document, and hurts.
//!
//! Invariant: what is said of a route or an upstream is so for every request and every Envoy that the document may meet.

mod conditions;
mod covers;
mod reach;
mod sharing;
mod traffic;

use super::found::Found;
pub(super) use reach::MOST_ROUTES;
use serde_json::Value;
use switchyard_config::Document;

/// Everything of that; `tree` is the document as it is written.
pub(super) fn find(document: &Document, tree: &Value) -> Vec<Found> {
    let contradictions = conditions::find(document);
    let mut found = reach::find(document, &contradictions.impossible);
    found.extend(contradictions.found);
    found.extend(sharing::find(document));
    found.extend(traffic::find(document, tree));
    found
}

#[cfg(test)]
mod never_reached;
#[cfg(test)]
mod tests;
