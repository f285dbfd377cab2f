//! Documents and requests of the tests.

use switchyard_frame::fake::Head;

pub(crate) const OK: Head<'static> = &[(":status", "200"), ("content-type", "application/json")];
pub(crate) const FAILED: Head<'static> = &[(":status", "503")];

/// The head of a request.
pub(crate) fn head<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![(":method", method), (":scheme", "http"), (":authority", "shop"), (":path", path)]
}

/// A GET of this path.
pub(crate) fn get(path: &str) -> Vec<(&str, &str)> {
    head("GET", path)
}

/// A POST to the route's path.
pub(crate) fn post() -> Vec<(&'static str, &'static str)> {
    [head("POST", "/rpc"), vec![("content-type", "application/json")]].concat()
}

/// The same request with more headers.
pub(crate) fn with<'a>(head: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [head, more].concat()
}

/// A call of JSON-RPC: what is asked for, under the client's own id.
pub(crate) fn rpc(method: &str, id: u32) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":{id}}}"#)
}

/// A document whose route `api` batches as this section says, whose route `plain` does not batch, and whose upstream has two
/// endpoints and these further fields.
pub(crate) fn document_with(upstream: &str, section: &str) -> String {
    format!(
        r#"{{
            "upstreams": [{{
                "name": "web", "cluster": "nodes", {upstream}
                "endpoints": [{{"address": "10.0.0.1:80"}}, {{"address": "10.0.0.2:80"}}]
            }}],
            "routes": [
                {{"name": "plain", "match": {{"path_prefix": "/plain"}}, "upstream": "web"}},
                {{"name": "api", "match": {{}}, "upstream": "web", "batch": {section}}}
            ]
        }}"#
    )
}

/// A section for objects by their ids; `more` are further fields.
pub(crate) fn items(more: &str) -> String {
    section(r#"{"id_list": {"path": "/items", "parameter": "ids", "single": true}}"#, more)
}

/// A section for JSON-RPC, where methods that begin with `get` may be called twice.
pub(crate) fn calls(more: &str) -> String {
    section(r#"{"json_rpc": {"repeatable": ["get*"]}}"#, more)
}

fn section(protocol: &str, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { ", " };
    format!(r#"{{"protocol": {protocol}{comma}{more}}}"#)
}
