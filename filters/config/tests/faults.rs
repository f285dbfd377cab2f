//! Of what kind an error is: `switchyard check` has a code for each kind, so it is a promise.

use serde_json::{Value, json};
use switchyard_config::{Document, Fault};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A document of one upstream and one route, with these fields added to them.
fn document(upstream: Value, route: Value) -> Value {
    let mut document = json!({
        "upstreams": [{"name": "a", "endpoints": [{"address": "1.1.1.1:1"}]}],
        "routes": [{"match": {}, "upstream": "a"}],
    });
    for (list, more) in [("upstreams", upstream), ("routes", route)] {
        let fields = document[list][0].as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
    }
    document
}

fn upstream(more: Value) -> Value {
    document(more, json!({}))
}

fn route(more: Value) -> Value {
    document(json!({}), more)
}

#[test]
fn an_error_is_of_its_kind_wherever_it_stands() {
    use Fault::*;
    let twice = json!([{"address": "1.1.1.1:1"}, {"address": "1.1.1.1:1"}]);
    let slow_start = |window: &str| upstream(json!({"balance": {"slow_start": {"window": window}}}));
    let outlier = |percent: Value| upstream(json!({"outlier": {"max_ejection_percent": percent}}));
    let matches = |more: Value| route(json!({"match": more}));
    for (document, path, fault) in [
        (json!({"mdoe": "shadow"}), "mdoe", UnknownField),
        (json!({"mode": "of"}), "mode", WrongType),
        (json!({"mode": null}), "mode", WrongType),
        (json!({"upstreams": {}}), "upstreams", WrongType),
        (json!({"upstreams": [{"name": 1}]}), "upstreams[0].name", WrongType),
        (slow_start("10"), "upstreams[0].balance.slow_start.window", WrongType),
        (slow_start("soon"), "upstreams[0].balance.slow_start.window", WrongType),
        (outlier(json!("50")), "upstreams[0].outlier.max_ejection_percent", WrongType),
        (
            upstream(json!({"endpoints": [{"address": "host:1"}]})),
            "upstreams[0].endpoints[0].address",
            WrongType,
        ),
        (matches(json!({"path_regex": "("})), "routes[0].match.path_regex", WrongType),
        (matches(json!({"methods": ["get"]})), "routes[0].match.methods[0]", WrongType),
        (
            matches(json!({"headers": [{"name": "a b", "present": true}]})),
            "routes[0].match.headers[0].name",
            WrongType,
        ),
        (
            json!({"routes": [{"match": {}, "upstream": "a"}], "upstreams": [{}]}),
            "upstreams[0].name",
            Missing,
        ),
        (slow_start("-1s"), "upstreams[0].balance.slow_start.window", OutOfRange),
        (slow_start("0s"), "upstreams[0].balance.slow_start.window", OutOfRange),
        (slow_start("9000h"), "upstreams[0].balance.slow_start.window", OutOfRange),
        (outlier(json!(101)), "upstreams[0].outlier.max_ejection_percent", OutOfRange),
        (outlier(json!(-1)), "upstreams[0].outlier.max_ejection_percent", OutOfRange),
        (route(json!({"retry": {"num_retries": 11}})), "routes[0].retry.num_retries", OutOfRange),
        (route(json!({"retry": {"num_retries": -1}})), "routes[0].retry.num_retries", OutOfRange),
        (route(json!({"retry": {"budget": {"ratio": 2}}})), "routes[0].retry.budget.ratio", OutOfRange),
        (
            route(json!({"coalesce": {"key": {"body": true, "max_body_bytes": "2MiB"}}})),
            "routes[0].coalesce.key.max_body_bytes",
            OutOfRange,
        ),
        (
            upstream(json!({"endpoints": [{"address": "1.1.1.1:1", "weight": 0}]})),
            "upstreams[0].endpoints[0].weight",
            OutOfRange,
        ),
        (upstream(json!({"endpoints": twice})), "upstreams[0].endpoints[1].address", Duplicate),
        (json!({"upstreams": [{"name": "a"}, {"name": "a"}]}), "upstreams[1].name", Duplicate),
        (
            route(json!({"coalesce": {"key": {"headers": ["x", "x"]}}})),
            "routes[0].coalesce.key.headers[1]",
            Duplicate,
        ),
        (route(json!({"upstream": "b"})), "routes[0].upstream", UnknownName),
        (
            route(json!({"retry": {"engine": "filter", "fallback": {"upstream": "b"}}})),
            "routes[0].retry.fallback.upstream",
            UnknownName,
        ),
        (
            route(json!({"batch": {"protocol": {"json_rpc": {}}, "upstream": "b"}})),
            "routes[0].batch.upstream",
            UnknownName,
        ),
        (matches(json!({"path": "/a", "path_prefix": "/a"})), "routes[0].match", Rule),
        (route(json!({"split": [{"upstream": "a", "weight": 1}]})), "routes[0]", Rule),
    ] {
        let errors = Document::from_value(&document).expect_err("it is wrong");
        let found: Vec<_> = errors.iter().map(|error| (error.path.as_str(), error.fault)).collect();
        assert!(found.contains(&(path, fault)), "{document}: {errors}: {found:?}");
    }
}

#[test]
fn what_is_no_document_at_all_cannot_be_read() {
    for text in [&b"{"[..], b"upstreams: []", b"\xff\xfe"] {
        let errors = Document::from_json(text).expect_err("it is no JSON");
        assert!(errors.iter().all(|error| error.fault == Fault::Unreadable), "{errors}");
    }
}
