//! What of a document needs the bodies of requests or answers.
//!
//! Invariant: a section that works worse without bodies, and works, is no need ([`Need::is_must`]). That gRPC's status is looked at without
//! being asked for is none either: it stands in the trailers, mostly.

use crate::source::Filter;
use serde_json::Value;

/// What needs bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Where it stands: `routes[0].batch`.
    pub path: String,
    /// Who carries it out.
    pub filter: Filter,
    /// What it does with them.
    pub why: &'static str,
    /// Whether it does not work without them; else it works, and less well.
    pub is_must: bool,
}

/// Everything in this document that does.
pub fn bodies(tree: &Value) -> Vec<Need> {
    let mut needs = Vec::new();
    for (place, upstream) in list(tree, "upstreams").iter().enumerate() {
        retry(&format!("upstreams[{place}].retry"), upstream.get("retry"), &mut needs);
    }
    for (place, route) in list(tree, "routes").iter().enumerate() {
        let path = format!("routes[{place}]");
        retry(&format!("{path}.retry"), route.get("retry"), &mut needs);
        let mut must = |section: &str, filter, why| {
            needs.push(Need { path: format!("{path}.{section}"), filter, why, is_must: true });
        };
        if route.pointer("/coalesce/key/body") == Some(&Value::Bool(true)) {
            must("coalesce.key.body", Filter::Coalesce, "has the body in the key");
        }
        if route.get("batch").is_some_and(|batch| batch.pointer("/protocol/id_list").is_none()) {
            must("batch", Filter::Batch, "reads requests by their bodies");
        }
    }
    needs
}

fn retry(path: &str, retry: Option<&Value>, needs: &mut Vec<Need>) {
    let of_filter = |retry: &&Value| retry.get("engine").and_then(Value::as_str) == Some("filter");
    let Some(retry) = retry.filter(of_filter) else { return };
    let before = needs.len();
    for rule in ["body", "grpc_statuses"] {
        if !list(retry.get("retry_on").unwrap_or(&Value::Null), rule).is_empty() {
            let (path, why) = (format!("{path}.retry_on.{rule}"), "judges answers that must be held");
            needs.push(Need { path, filter: Filter::Retry, why, is_must: true });
        }
    }
    if needs.len() == before {
        let why = "keeps the bodies of requests for another attempt";
        needs.push(Need { path: path.to_owned(), filter: Filter::Retry, why, is_must: false });
    }
}

fn list<'a>(tree: &'a Value, field: &str) -> &'a [Value] {
    tree.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_section_that_needs_bodies_is_named_with_its_path() {
        let judges = |rule: &str| json!({ "engine": "filter", "retry_on": { rule: ["x"] } });
        let tree = json!({
            "upstreams": [
                { "name": "a", "retry": judges("body") },
                { "name": "b", "retry": { "engine": "filter" } },
                { "name": "c", "retry": { "retry_on": { "grpc_statuses": ["unavailable"] } } },
            ],
            "routes": [
                { "retry": judges("grpc_statuses"), "coalesce": { "key": { "body": true } } },
                { "batch": { "protocol": { "json_rpc": {} } } },
                { "batch": { "protocol": { "id_list": {} } }, "coalesce": { "key": { "body": false } } },
                { "retry": { "engine": "filter", "retry_on": { "body": [], "statuses": ["503"] } } },
            ],
        });
        let found: Vec<_> =
            bodies(&tree).into_iter().map(|need| (need.path, need.filter, need.is_must)).collect();
        let wanted = [
            ("upstreams[0].retry.retry_on.body", Filter::Retry, true),
            ("upstreams[1].retry", Filter::Retry, false),
            ("routes[0].retry.retry_on.grpc_statuses", Filter::Retry, true),
            ("routes[0].coalesce.key.body", Filter::Coalesce, true),
            ("routes[1].batch", Filter::Batch, true),
            ("routes[3].retry", Filter::Retry, false),
        ];
        assert_eq!(found, wanted.map(|(path, filter, must)| (path.to_owned(), filter, must)));
        assert_eq!(bodies(&Value::Null), []);
    }
}
