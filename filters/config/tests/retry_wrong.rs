//! The section `retry` and the exact words that refuse a wrong one.

use switchyard_config::Document;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What is wrong with a document of two upstreams, `a` and `old`, and this route.
fn errors_of_route(route: &str) -> Vec<String> {
    let upstreams = r#"[{"name": "a", "endpoints": [{"address": "1.2.3.4:80"}]},
        {"name": "old", "endpoints": [{"address": "1.2.3.5:80"}]}]"#;
    let document = format!(r#"{{"upstreams": {upstreams}, "routes": [{route}]}}"#);
    let Err(refused) = Document::from_json(document.as_bytes()) else { return Vec::new() };
    let short = |error: String| error.trim_start_matches("routes[0].retry.").to_owned();
    refused.iter().map(|error| short(error.to_string())).collect()
}

fn errors(retry: &str) -> Vec<String> {
    errors_of_route(&format!(r#"{{"match": {{}}, "upstream": "a", "retry": {retry}}}"#))
}

/// Whoever tries again.
const WRONG: &[(&str, &[&str])] = &[
    ("[]", &["routes[0].retry: a list of 0 is not an object"]),
    (r#"{"num_retry": 1}"#, &[r#"num_retry: unknown field; did you mean "num_retries"?"#]),
    (r#"{"engine": "envoy"}"#, &[r#"engine: "envoy" is not one of router, filter"#]),
    (r#"{"num_retries": 11}"#, &["num_retries: 11 is out of range; it takes 0 to 10"]),
    (r#"{"per_try_timeout": "0s"}"#, &["per_try_timeout: is zero; it takes more than zero"]),
    (
        r#"{"per_try_timeout": "16s"}"#,
        &["per_try_timeout: is longer than timeout (15s by default); lower it or raise that"],
    ),
    (
        r#"{"per_try_timeout": "2s", "timeout": "1s"}"#,
        &["per_try_timeout: is longer than timeout (15s by default); lower it or raise that"],
    ),
    (r#"{"per_try_timeout": "20s", "timeout": 30}"#, &[r#"timeout: 30 has no unit; write "30s" or "30ms""#]),
    (
        r#"{"timeout": "10ms"}"#,
        &[
            "deadline_floor: leaves no time for an attempt within timeout (15s by default); lower it or raise that",
        ],
    ),
    (
        r#"{"deadline_header": "X-Deadline"}"#,
        &[r#"deadline_header: "X-Deadline"; write it in lower case: "x-deadline""#],
    ),
    (r#"{"deadline_header": ""}"#, &["deadline_header: is empty; name a header"]),
    (
        r#"{"deadline_header": "grpc-timeout"}"#,
        &[r#"deadline_header: "grpc-timeout" is always heard; remove it"#],
    ),
    (r#"{"deadline_header": ":path"}"#, &[r#"deadline_header: ":path" holds no time; name another header"#]),
    (
        r#"{"deadline_header": "x-envoy-upstream-rq-timeout-ms"}"#,
        &[
            r#"deadline_header: "x-envoy-upstream-rq-timeout-ms" never counts when a client sends it; name another header"#,
        ],
    ),
    (r#"{"max_body": "2MiB"}"#, &["max_body: 2097152 bytes are out of range; it takes 0 to 1MiB"]),
    (r#"{"budget": {"ratio": 1.5}}"#, &["budget.ratio: 1.5 is out of range; it takes 0 to 1"]),
    (
        r#"{"budget": {"ratio": -0.1, "min_per_second": 1000001, "window": "999ms", "max_concurrent": 0}}"#,
        &[
            "budget.min_per_second: 1000001 is out of range; it takes 0 to 1000000",
            "budget.max_concurrent: 0 is out of range; it takes 1 to 1000000",
            "budget.ratio: -0.1 is out of range; it takes 0 to 1",
            r#"budget.window: is shorter than 1000ms; write "1000ms" or more"#,
        ],
    ),
    (r#"{"budget": {"window": "0s"}}"#, &["budget.window: is zero; it takes more than zero"]),
    (r#"{"budget": {"window": "61m"}}"#, &[r#"budget.window: is longer than 1h; write "1h" or less"#]),
];

#[test]
fn wrong_limits_are_refused_in_these_words() {
    for (retry, expected) in WRONG {
        assert_eq!(errors(retry), *expected, "{retry}");
    }
}

/// What only one engine can do.
const WRONG_ENGINE: &[(&str, &[&str])] = &[
    (
        r#"{"back_off": {"base": "1ms"}}"#,
        &[
            "back_off: Envoy's router waits by the route's retry_policy.retry_back_off; use engine: filter or remove it",
        ],
    ),
    (
        r#"{"body_timeout": "1s"}"#,
        &["body_timeout: Envoy's router waits for bodies itself; use engine: filter or remove it"],
    ),
    (
        r#"{"hedge": {}}"#,
        &["hedge: belongs to engine: filter; the router's engine has hedge_on_per_try_timeout"],
    ),
    (
        r#"{"engine": "filter", "hedge_on_per_try_timeout": true, "per_try_timeout": "1s"}"#,
        &["hedge_on_per_try_timeout: belongs to engine: router; the filter's engine has the section hedge"],
    ),
    (
        r#"{"hedge_on_per_try_timeout": true}"#,
        &["hedge_on_per_try_timeout: needs a per_try_timeout; add one or remove it"],
    ),
    (
        r#"{"retry_on": {"body": [{"pointer": "/error", "exists": true}]}}"#,
        &["retry_on.body: Envoy's router does not read bodies; use engine: filter"],
    ),
    (
        r#"{"retry_on": {"headers": [{"name": "x", "exact": "1"}, {"name": "x", "present": true, "invert": true},
                                     {"name": "x", "present": false}, {"name": "x", "present": true}]}}"#,
        &[
            "retry_on.headers[0]: Envoy's router knows only names of headers; write present: true without invert, or use engine: filter",
            "retry_on.headers[1]: Envoy's router knows only names of headers; write present: true without invert, or use engine: filter",
            "retry_on.headers[2]: Envoy's router knows only names of headers; write present: true without invert, or use engine: filter",
        ],
    ),
    (
        r#"{"retry_on": {"grpc_statuses": ["unavailable", 2]}}"#,
        &[
            "retry_on.grpc_statuses[1]: Envoy's router does not retry unknown, only cancelled, deadline_exceeded, internal, resource_exhausted, unavailable; use engine: filter or remove it",
        ],
    ),
    (
        r#"{"retry_on": {"timeout": true, "reset": false}}"#,
        &["retry_on.timeout: to Envoy's router a timeout is a reset; set reset: true or use engine: filter"],
    ),
];

#[test]
fn what_the_engine_cannot_do_is_refused_in_these_words() {
    for (retry, expected) in WRONG_ENGINE {
        assert_eq!(errors(retry), *expected, "{retry}");
    }
}

#[test]
fn an_engine_that_cannot_be_read_may_be_either() {
    let retry = r#"{"engine": "filtre", "hedge": {}, "back_off": {}, "retry_on": {"grpc_statuses": [2]}}"#;
    assert_eq!(errors(retry), [r#"engine: "filtre" is not one of router, filter; did you mean "filter"?"#]);
}

/// Of the filter's engine.
const WRONG_FILTER: &[(&str, &[&str])] = &[
    (
        r#""back_off": {"base": "0s", "max": "0s", "retry_after_ceiling": "0s"}"#,
        &[
            "back_off.base: is zero; it takes more than zero",
            "back_off.retry_after_ceiling: is zero; it takes more than zero",
        ],
    ),
    (
        r#""back_off": {"base": "30ms", "max": "20ms"}"#,
        &["back_off.max: is shorter than base (25ms by default); raise it or lower that"],
    ),
    (
        r#""back_off": {"max": "20ms"}"#,
        &["back_off.max: is shorter than base (25ms by default); raise it or lower that"],
    ),
    (
        r#""back_off": {"base": 30, "max": "20ms"}"#,
        &[r#"back_off.base: 30 has no unit; write "30s" or "30ms""#],
    ),
    (
        r#""back_off": {"retry_after": false, "retry_after_ceiling": "1s", "reset_headers": []}"#,
        &[
            "back_off.retry_after_ceiling: is not looked at with retry_after: false; remove one of them",
            "back_off.reset_headers: is not looked at with retry_after: false; remove one of them",
        ],
    ),
    (
        r#""back_off": {"jitter": "none", "reset_headers": [{"name": "X", "format": "seconds"}, {"name": "y"},
            {"name": "y", "format": "millis"}, {"name": "retry-after", "format": "seconds"}]}"#,
        &[
            r#"back_off.jitter: "none" is not one of full, decorrelated"#,
            "back_off.reset_headers[1].format: is missing",
            r#"back_off.reset_headers[2].format: "millis" is not one of seconds, unix_timestamp, milliseconds, duration"#,
            r#"back_off.reset_headers[2].name: "y" is reset header 1 already; remove one of them"#,
            r#"back_off.reset_headers[0].name: "X"; write it in lower case: "x""#,
            r#"back_off.reset_headers[3].name: "retry-after" is heard first in any case; remove it"#,
        ],
    ),
    (r#""body_timeout": "11s""#, &[r#"body_timeout: is longer than 10s; write "10s" or less"#]),
    (r#""body_timeout": "9ms""#, &[r#"body_timeout: is shorter than 10ms; write "10ms" or more"#]),
    (
        r#""hedge": {"quantile": 100, "initial_delay": "0s"}"#,
        &[
            "hedge.quantile: 100 is out of range; it takes 1 to 99",
            "hedge.initial_delay: is zero; it takes more than zero",
        ],
    ),
    (r#""hedge": {"quantile": 0}"#, &["hedge.quantile: 0 is out of range; it takes 1 to 99"]),
    (
        r#""hedge": {}, "num_retries": 0"#,
        &["hedge: is one of num_retries, which is 0; raise that or remove it"],
    ),
    (
        r#""hedge": {}, "non_idempotent": true"#,
        &[
            "hedge: hedging sends a request twice; that is for idempotent requests only: remove it or non_idempotent",
        ],
    ),
];

#[test]
fn wrong_waits_and_hedges_are_refused_in_these_words() {
    for (retry, expected) in WRONG_FILTER {
        assert_eq!(errors(&format!(r#"{{"engine": "filter", {retry}}}"#)), *expected, "{retry}");
    }
}

#[test]
fn hedging_is_refused_where_no_method_is_idempotent() {
    let filter = r#"{"engine": "filter", "hedge": {}}"#;
    let router = r#"{"hedge_on_per_try_timeout": true, "per_try_timeout": "1s"}"#;
    for (retry, field) in [(filter, "hedge"), (router, "hedge_on_per_try_timeout")] {
        let route = |methods: &str| {
            format!(r#"{{"match": {{"methods": {methods}}}, "upstream": "a", "retry": {retry}}}"#)
        };
        let problem =
            "hedging sends a request twice; the route's methods are not idempotent (POST, PATCH): remove it";
        assert_eq!(errors_of_route(&route(r#"["POST", "PATCH"]"#)), [format!("{field}: {problem}")]);
        assert_eq!(errors_of_route(&route(r#"["POST", "GET"]"#)), [""; 0]);
        let unread = errors_of_route(&route(r#"["POST", 7]"#));
        assert_eq!(unread, ["routes[0].match.methods[1]: 7 is not a text; put it in quotes"]);
    }
}

#[test]
fn envoys_hedging_is_for_idempotent_requests_too() {
    let retry = r#"{"hedge_on_per_try_timeout": true, "per_try_timeout": "1s", "non_idempotent": true}"#;
    let problem =
        "hedging sends a request twice; that is for idempotent requests only: remove it or non_idempotent";
    assert_eq!(errors(retry), [format!("hedge_on_per_try_timeout: {problem}")]);
}

/// Under `retry_on`.
const WRONG_FAILURES: &[(&str, &[&str])] = &[
    (
        r#"{"statuses": [], "grpc_statuses": [], "connect_failure": false, "refused_stream": false, "reset": false}"#,
        &["retry_on: retries nothing; name a failure, or remove the section retry"],
    ),
    (
        r#"{"statuses": ["5xx"], "grpc_statuses": [], "connect_failure": false, "refused_stream": false, "reset": false}"#,
        &[r#"retry_on.statuses[0]: "5xx" is not a status; write "503" or "500-599", from 100 to 599"#],
    ),
    (
        r#"{"grpc_statuses": ["canceled", "ok", 0, 17]}"#,
        &[
            r#"retry_on.grpc_statuses[0]: "canceled" is not a gRPC status that is an error; write a name as in unavailable, or 1 to 16; did you mean "cancelled"?"#,
            r#"retry_on.grpc_statuses[1]: "ok" is not a gRPC status that is an error; write a name as in unavailable, or 1 to 16"#,
            "retry_on.grpc_statuses[2]: 0 is not a gRPC status that is an error; write a name as in unavailable, or 1 to 16",
            "retry_on.grpc_statuses[3]: 17 is not a gRPC status that is an error; write a name as in unavailable, or 1 to 16",
        ],
    ),
    (
        r#"{"headers": [{"name": "X", "present": true}, {"name": "x"}]}"#,
        &[
            r#"retry_on.headers[0].name: "X"; write it in lower case: "x""#,
            "retry_on.headers[1]: says nothing about the value; add one of exact, prefix, regex, present",
        ],
    ),
    (
        r#"{"body": [{"pointer": "/a"}, {"pointer": "/a", "exists": true, "equals": 1}, {"pointer": "/a", "exists": false}]}"#,
        &[
            "retry_on.body[0]: says nothing about the value; add one of exists, equals, matches",
            "retry_on.body[1]: has several rules for the value; keep one of exists, equals, matches",
            "retry_on.body[2].exists: is false; a condition on what is missing would meet every other answer",
        ],
    ),
    (
        r#"{"body": [{"pointer": "error", "exists": true}, {"pointer": "/a~2", "equals": {}}, {"equals": null}]}"#,
        &[
            "retry_on.body[2].equals: is null; write a value or remove it",
            "retry_on.body[2].pointer: is missing",
            r#"retry_on.body[0].pointer: "error" is no JSON pointer; write "/error""#,
            r#"retry_on.body[1].pointer: "/a~2" has a lone ~; write it as "~0""#,
        ],
    ),
];

#[test]
fn wrong_failures_are_refused_in_these_words() {
    for (on, expected) in WRONG_FAILURES {
        assert_eq!(errors(&format!(r#"{{"engine": "filter", "retry_on": {on}}}"#)), *expected, "{on}");
    }
}

#[test]
fn a_wrong_expression_for_bodies_is_refused() {
    let refused = errors(r#"{"engine": "filter", "retry_on": {"body": [{"pointer": "", "matches": "("}]}}"#);
    let [only] = refused.as_slice() else { panic!("{refused:?}") };
    assert!(only.starts_with(r#"retry_on.body[0].matches: "(" is not a regular expression: "#), "{only}");
}

/// Under `fallback`.
const WRONG_FALLBACK: &[(&str, &[&str])] = &[
    ("{}", &["fallback: is empty; add one of upstream, stale_if_error, answer, or remove it"]),
    ("5", &["fallback: 5 is not an object"]),
    (
        r#"{"upstream": "olde"}"#,
        &[r#"fallback.upstream: "olde" is not an upstream of this document; did you mean "old"?"#],
    ),
    (
        r#"{"upstream": "a"}"#,
        &[r#"fallback.upstream: "a" is where the route's requests go already; name another"#],
    ),
    (r#"{"stale_if_error": {}}"#, &["fallback.stale_if_error.max_age: is missing"]),
    (
        r#"{"stale_if_error": {"max_age": "0s", "key": {"headers": ["Accept", "x", "x", ":path", "host", ""]}, "max_bytes": "65MiB"}}"#,
        &[
            r#"fallback.stale_if_error.key.headers[2]: "x" is key header 1 already; remove one of them"#,
            r#"fallback.stale_if_error.key.headers[0]: "Accept"; write it in lower case: "accept""#,
            r#"fallback.stale_if_error.key.headers[3]: ":path" is in the key already; remove it"#,
            r#"fallback.stale_if_error.key.headers[4]: "host" is in the key already; remove it"#,
            "fallback.stale_if_error.key.headers[5]: is empty; name a header",
            "fallback.stale_if_error.max_age: is zero; it takes more than zero",
            "fallback.stale_if_error.max_bytes: 68157440 bytes are out of range; it takes 1 to 64MiB",
        ],
    ),
    (
        r#"{"stale_if_error": {"max_age": "1s", "max_bytes": 0}}"#,
        &["fallback.stale_if_error.max_bytes: 0 bytes are out of range; it takes 1 to 64MiB"],
    ),
    (r#"{"answer": {}}"#, &["fallback.answer.status: is missing"]),
    (r#"{"answer": {"status": 199}}"#, &["fallback.answer.status: 199 is out of range; it takes 200 to 599"]),
    (r#"{"answer": {"status": 600}}"#, &["fallback.answer.status: 600 is out of range; it takes 200 to 599"]),
    (
        r#"{"answer": {"status": 204, "body": "x"}}"#,
        &["fallback.answer.body: an answer of status 204 has no body; remove it"],
    ),
    (
        r#"{"answer": {"status": 200, "headers": {":status": "200", "Content-Length": "1", "X-A": "b", "a b": "c", "d": 1,
            "e": "f\ng", "x-switchyard-fallback": "no"}, "body": {}}}"#,
        &[
            "fallback.answer.headers.d: 1 is not a text; put it in quotes",
            r#"fallback.answer.headers.e: "f\ng" holds a control character; remove it"#,
            "fallback.answer.body: an object of 0 fields is not a text; put it in quotes",
            "fallback.answer.headers.:status: is a pseudo-header; remove it (the status has a field of its own)",
            "fallback.answer.headers.Content-Length: is written for every answer; remove it",
            r#"fallback.answer.headers.X-A: "X-A"; write it in lower case: "x-a""#,
            r#"fallback.answer.headers.a b: "a b" is not a header name"#,
            "fallback.answer.headers.x-switchyard-fallback: is written for every answer; remove it",
        ],
    ),
];

#[test]
fn wrong_fallbacks_are_refused_in_these_words() {
    for (fallback, expected) in WRONG_FALLBACK {
        assert_eq!(errors(&format!(r#"{{"fallback": {fallback}}}"#)), *expected, "{fallback}");
    }
}

#[test]
fn a_share_of_the_route_is_no_fallback() {
    let split = r#"[{"upstream": "a", "weight": 1}, {"upstream": "old", "weight": 1}]"#;
    let route =
        format!(r#"{{"match": {{}}, "split": {split}, "retry": {{"fallback": {{"upstream": "old"}}}}}}"#);
    let refused = [r#"fallback.upstream: "old" is where the route's requests go already; name another"#];
    assert_eq!(errors_of_route(&route), refused);
}

#[test]
fn the_budget_of_an_upstream_is_checked_like_that_of_a_route() {
    let endpoints = r#"[{"address": "1.2.3.4:80"}]"#;
    let document = format!(
        r#"{{"upstreams": [{{"name": "a", "endpoints": {endpoints}, "retry_budget": {{"ratio": 2}}}}]}}"#
    );
    let refused = Document::from_json(document.as_bytes()).expect_err("its ratio is 2");
    assert_eq!(refused.to_string(), "upstreams[0].retry_budget.ratio: 2 is out of range; it takes 0 to 1");
}

#[test]
fn errors_of_every_part_come_at_once() {
    assert_eq!(
        errors(
            r#"{"num_retries": 11, "hedge": {"quantile": 100}, "retry_on": {"body": [{"pointer": "x", "exists": true}]},
                "budget": {"ratio": 2}, "fallback": {"upstream": "a"}}"#
        ),
        [
            "hedge: belongs to engine: filter; the router's engine has hedge_on_per_try_timeout",
            r#"retry_on.body[0].pointer: "x" is no JSON pointer; write "/x""#,
            "retry_on.body: Envoy's router does not read bodies; use engine: filter",
            r#"fallback.upstream: "a" is where the route's requests go already; name another"#,
            "num_retries: 11 is out of range; it takes 0 to 10",
            "budget.ratio: 2 is out of range; it takes 0 to 1",
            "hedge.quantile: 100 is out of range; it takes 1 to 99",
        ]
    );
}
