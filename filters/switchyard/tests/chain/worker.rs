//! Workers of switchyard.wasm.

use switchyard_frame::fake::{self, Head, Subject};

pub(crate) type Worker = fake::Worker<Chain>;

/// switchyard.wasm; a test's section is what its route `api` has besides.
pub(crate) struct Chain;

impl Subject for Chain {
    type Filter = switchyard_switchyard::Switchyard;
    const STEP: u64 = 1;

    fn document(section: &str) -> String {
        let comma = if section.is_empty() { "" } else { ", " };
        format!(
            r#"{{
                "default_cluster": "nodes",
                "upstreams": [{{
                    "name": "web", "cluster": "nodes",
                    "endpoints": [{{"address": "10.0.0.1:80"}}, {{"address": "10.0.0.2:80"}}],
                    "balance": {{"policy": "ring_hash", "hash_on": [{{"header": "x-user"}}]}}
                }}],
                "routes": [{{"name": "api", "match": {{}}, "upstream": "web"{comma}{section}}}]
            }}"#
        )
    }
}

pub(crate) const COALESCE: &str = r#""coalesce": {"scope": "worker"}"#;
pub(crate) const BATCH: &str = r#""batch": {
    "protocol": {"id_list": {"path": "/items", "parameter": "ids", "single": true}},
    "scope": "worker"
}"#;
pub(crate) const RETRY: &str = r#""retry": {
    "engine": "filter", "retry_on": {"statuses": ["500-599"]}, "num_retries": 2, "budget": {"ratio": 1, "min_per_second": 100},
    "back_off": {"base": "1ms", "max": "2ms"}
}"#;

pub(crate) const OK: Head<'static> = &[(":status", "200"), ("content-type", "text/plain")];
pub(crate) const FAILED: Head<'static> = &[(":status", "503")];

/// A GET of this path by one user.
pub(crate) fn get(path: &str) -> Vec<(&str, &str)> {
    vec![
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "shop"),
        (":path", path),
        ("x-user", "a"),
        ("x-gateway-destination-endpoint", "6.6.6.6:6"),
    ]
}

/// The answer that comes is an endpoint's, or, if not, a filter's.
pub(crate) fn is_of_endpoint(worker: &Worker, is: bool) {
    let details: &[u8] = if is { b"via_upstream" } else { b"switchyard" };
    worker.host.set_property("response.code_details", details);
}
