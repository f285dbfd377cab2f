//! Documents, requests and answers of the tests.

pub(crate) const A: &str = "10.0.0.1:80";
pub(crate) const B: &str = "10.0.0.2:80";
pub(crate) const C: &str = "10.0.0.3:80";
/// The endpoint of the upstream `spare`.
pub(crate) const D: &str = "10.0.0.4:80";

pub(crate) const CANDIDATES: &str = "x-gateway-destination-endpoint";
pub(crate) const COUNT: &str = "x-envoy-attempt-count";

pub(crate) type Head<'a> = &'a [(&'a str, &'a str)];

/// What a request looks like when router.wasm has seen it.
pub(crate) const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":path", "/orders?page=2"), (":authority", "shop"), (CANDIDATES, BEST_FIRST)];
pub(crate) const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":path", "/orders"), (":authority", "shop"), (CANDIDATES, BEST_FIRST)];
pub(crate) const PUT: [(&str, &str); 4] =
    [(":method", "PUT"), (":path", "/orders/1"), (":authority", "shop"), (CANDIDATES, BEST_FIRST)];
const BEST_FIRST: &str = "10.0.0.1:80,10.0.0.2:80";

pub(crate) const OK: Head<'static> = &[(":status", "200")];
pub(crate) const UNAVAILABLE: Head<'static> = &[(":status", "503")];

/// A retry section of the filter's engine, with waits that end by the next tick.
pub(crate) fn filter(more: &str) -> String {
    let comma = if more.is_empty() { "" } else { ", " };
    format!(r#"{{"engine": "filter", "back_off": {{"base": "1ms", "max": "1ms"}}{comma}{more}}}"#)
}

/// A document with the route `api` to the upstream `web` of three endpoints; `more` belongs to the upstream.
pub(crate) fn document_with(more: &str, retry: &str) -> String {
    let comma = if more.is_empty() { "" } else { ", " };
    let endpoints = [A, B, C].map(|address| format!(r#"{{"address": "{address}"}}"#)).join(", ");
    format!(
        r#"{{
            "upstreams": [
                {{"name": "web", "endpoints": [{endpoints}]{comma}{more}}},
                {{"name": "spare", "endpoints": [{{"address": "{D}"}}]}}
            ],
            "routes": [{{"name": "api", "match": {{}}, "upstream": "web", "retry": {retry}}}]
        }}"#
    )
}
