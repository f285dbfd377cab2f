//! What of a document needs the bodies of requests or answers.

use crate::check::parts::Parts;
use serde_json::Value;
use switchyard_config::{Document, Route};
use switchyard_core::batch::Protocol;
use switchyard_core::retry::Engine;

/// The sections that do, of those that a module with these parts carries out: `routes[0].batch`.
pub(super) fn wanted(document: &Document, tree: &Value, parts: Parts) -> Vec<String> {
    let mut found = Vec::new();
    for (index, route) in document.routes().iter().enumerate().filter(|(_, route)| !route.is_envoys()) {
        let judges = |route: &Route| {
            let retry = route.retry().filter(|retry| retry.engine == Engine::Filter);
            // gRPC's status stands in the trailers, mostly; that it is looked at without being asked for is no reason to warn.
            let says = |rule: &str| tree.pointer(&format!("/routes/{index}/retry/retry_on/{rule}")).is_some();
            retry.is_some_and(|retry| !retry.retry_on.body.is_empty() || says("grpc_statuses"))
        };
        let batches =
            route.batch().is_some_and(|batch| !matches!(batch.settings().protocol, Protocol::IdList(_)));
        let keys = route.coalesce().is_some_and(|coalesce| coalesce.key.body);
        let needs = [
            (parts.coalesce && keys, "coalesce.key.body"),
            (parts.batch && batches, "batch"),
            (parts.retry && judges(route), "retry.retry_on"),
        ];
        found.extend(
            needs.iter().filter(|(needs, _)| *needs).map(|(_, section)| format!("routes[{index}].{section}")),
        );
    }
    found
}
