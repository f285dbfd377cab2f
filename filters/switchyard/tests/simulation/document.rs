//! The document: routes that have all four filters, in one of many ways.

use crate::simulation::draws::one;
use fastrand::Rng;
use switchyard_frame::fake::{Roots, StreamOf, Subject};

pub(crate) type Worker = Roots<Chain>;
pub(crate) type Stream = StreamOf<Chain>;

/// switchyard.wasm; a test's section is all of its routes.
pub(crate) struct Chain;

impl Subject for Chain {
    type Filter = switchyard_switchyard::Switchyard;
    const STEP: u64 = 1;

    fn document(routes: &str) -> String {
        format!(
            r#"{{
                "default_cluster": "one",
                "upstreams": [
                    {{
                        "name": "one", "cluster": "one",
                        "endpoints": [{{"address": "10.0.0.1:80"}}, {{"address": "10.0.0.2:80"}}, {{"address": "10.0.0.3:80"}}],
                        "balance": {{"policy": "ring_hash", "hash_on": [{{"header": "x-tenant"}}], "candidates": 2}}
                    }},
                    {{
                        "name": "two", "cluster": "two",
                        "endpoints": [{{"address": "10.0.1.1:80"}}, {{"address": "10.0.1.2:80"}}],
                        "balance": {{"policy": "least_request"}}
                    }}
                ],
                "routes": [{routes}]
            }}"#
        )
    }
}

/// Retries of the filter's engine: as many per request, and per second.
pub(crate) const RATIO: f64 = 0.5;
pub(crate) const PER_SECOND: f64 = 5.0;
pub(crate) const WINDOW: f64 = 2.0;

/// The longest that a request is held: by coalesce for its body, and for another's answer; by batch for its call. And the longest that an
/// answer is. In milliseconds, each with the ticks that see it.
pub(crate) const HOLDS_REQUEST: u64 = (1_750 + 250) + 2 * 800 + 1_000 + SLACK;
pub(crate) const HOLDS_ANSWER: u64 = 2_000 + 5_000 + SLACK;
/// Ticks come late, and calls are answered a little after their time.
const SLACK: u64 = 1_000;

/// Routes of a process, as it has them until it is configured anew.
pub(crate) fn routes(rng: &mut Rng) -> String {
    let coalesce = one(
        &[
            r#""max_wait": "800ms", "max_leader_age": "400ms", "stall_timeout": "100ms""#,
            r#""scope": "worker", "max_wait": "600ms", "hold": "30ms", "on_error": "release""#,
            r#""max_wait": "700ms", "stale_if_error": "1s", "hold": "20ms", "max_followers": 3, "max_flights": 4"#,
        ],
        rng,
    );
    let batch = one(
        &[
            r#""max_items": 4, "max_in_flight": 1"#,
            r#""scope": "proxy", "max_delay": "30ms", "on_failure": "singly""#,
            r#""leaves": "adaptive", "adaptive": {"target": "50ms"}"#,
        ],
        rng,
    );
    let retry = one(
        &[
            r#""num_retries": 2, "hedge": {"initial_delay": "20ms", "quantile": 80}"#,
            r#""num_retries": 3, "per_try_timeout": "300ms", "fallback": {"stale_if_error": {"max_age": "5s"}}"#,
            r#""num_retries": 1, "hedge": {"initial_delay": "30ms"}, "fallback": {"stale_if_error": {"max_age": "5s"}}"#,
            r#""num_retries": 2, "fallback": {"answer": {"status": 503, "body": "sorry"}}"#,
        ],
        rng,
    );
    let filter = format!(
        r#""retry": {{"engine": "filter", {retry}, "timeout": "2s", "back_off": {{"base": "2ms", "max": "10ms"}},
            "retry_on": {{"statuses": ["500-599"], "body": [{{"pointer": "/error", "exists": true}}]}},
            "budget": {{"ratio": {RATIO}, "min_per_second": {PER_SECOND}, "window": "{WINDOW}s"}}}}"#
    );
    let ids = |path: &str| {
        format!(
            r#""batch": {{"protocol": {{"id_list": {{"path": "{path}", "parameter": "ids", "single": true}}}},
            "upstream": "one", "timeout": "1s", {batch}}}"#
        )
    };
    let split = r#""split": [{"upstream": "one", "weight": 70}, {"upstream": "two", "weight": 30}]"#;
    [
        format!(
            r#"{{"name": "items", "match": {{"path_prefix": "/items"}}, {split}, "split_on": [{{"header": "x-tenant"}}],
            "coalesce": {{{coalesce}}}, {}, {filter}}}"#,
            ids("/items")
        ),
        format!(
            r#"{{"name": "steered", "match": {{"path_prefix": "/steered"}}, {split}, "coalesce": {{{coalesce}}}, {},
            "retry": {{"engine": "router", "num_retries": 2, "retry_on": {{"statuses": ["500-599"]}}}}}}"#,
            ids("/steered")
        ),
        format!(
            r#"{{"name": "rpc", "match": {{"path": "/rpc"}}, "upstream": "one", "coalesce": {{"key": {{"body": true}}, {coalesce}}},
            "batch": {{"protocol": {{"json_rpc": {{"repeatable": ["get*"]}}}}, "timeout": "1s", {batch}}}, {filter}}}"#
        ),
    ]
    .join(", ")
}
