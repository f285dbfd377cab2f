//! What of a document needs the bodies of requests or answers, of that which a plugin carries out.

use crate::check::parts::Parts;
use crate::surroundings::{Part, bodies};
use serde_json::Value;

/// The sections that do, of those that a module with these parts carries out: `routes[0].batch`.
pub(super) fn wanted(tree: &Value, parts: Parts) -> Vec<String> {
    let has = |part| match part {
        Part::Coalesce => parts.coalesce,
        Part::Batch => parts.batch,
        Part::Retry => parts.retry,
    };
    bodies(tree).into_iter().filter(|need| need.is_must && has(need.part)).map(|need| need.path).collect()
}
