//! What is warned of, and what is not.

use super::find;
use serde_json::{Value, json};
use switchyard_config::Document;

/// The codes and paths of what is found in a document of two upstreams, `a` and `b`, with these routes.
fn of(upstreams: Value, routes: Value) -> Vec<String> {
    let tree = json!({"upstreams": upstreams, "routes": routes});
    let document = Document::from_value(&tree).unwrap_or_else(|errors| panic!("{errors}"));
    let found = find(&document, &tree).into_iter().map(|found| found.in_file("f", ""));
    found.map(|found| format!("{} {}", found.code.id, found.path)).collect()
}

fn upstreams() -> Value {
    let endpoints = |port: u16| json!([{"address": format!("1.1.1.1:{port}")}]);
    json!([
        {"name": "a", "endpoints": endpoints(1),
         "balance": {"policy": "ring_hash", "hash_on": [{"header": "x-shop"}, {"cookie": {"name": "sid"}}]}},
        {"name": "b", "endpoints": endpoints(2)},
    ])
}

/// Of these routes, the last of which goes to `b`, so that it is used.
fn routes(mut list: Vec<Value>) -> Vec<String> {
    list.insert(0, json!({"match": {"path": "/b"}, "upstream": "b"}));
    of(upstreams(), list.into())
}

/// Of a route to `a` with these fields besides.
fn route(more: Value) -> Vec<String> {
    let mut route = json!({"match": {"path_prefix": "/x"}, "upstream": "a"});
    route.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    routes(vec![route])
}

#[test]
fn a_budget_bounds_retries_or_is_warned_of() {
    let with_budget = |routes: Value| {
        let mut list = upstreams();
        list[0]["retry_budget"] = json!({"ratio": 0.1});
        of(list, routes)
    };
    let to = |name: &str, retry: Value| {
        json!([
            {"match": {"path": "/a"}, "upstream": name, "retry": retry}, {"match": {"path": "/2"}, "upstream": "a"},
            {"match": {"path": "/3"}, "upstream": "b"}
        ])
    };
    assert_eq!(with_budget(to("a", json!({}))), [""; 0]);
    assert_eq!(with_budget(to("b", json!({}))), ["SY0401 upstreams[0].retry_budget"]);
    assert_eq!(with_budget(to("a", json!({"num_retries": 0}))), ["SY0401 upstreams[0].retry_budget"]);
    assert_eq!(route(json!({"retry": {"num_retries": 0, "budget": {}}})), ["SY0401 routes[1].retry.budget"]);
    assert_eq!(route(json!({"retry": {"num_retries": 1, "budget": {}}})), [""; 0]);
    let pattern = |retry: Value| {
        let mut list = json!([{"name": "mesh", "cluster_pattern": "out.*", "endpoints": {"envoy": {"admin_cluster": "x"}},
            "retry_budget": {}}]);
        list[0].as_object_mut().unwrap().extend(retry.as_object().unwrap().clone());
        of(list, json!([]))
    };
    assert_eq!(pattern(json!({})), ["SY0401 upstreams[0].retry_budget"]);
    assert_eq!(pattern(json!({"retry": {}})), [""; 0]);
}

#[test]
fn a_key_that_leaves_out_who_asks_is_warned_of_only_where_something_says_so() {
    let stale = |key: Value| {
        route(
            json!({"retry": {"engine": "filter", "fallback": {"stale_if_error": {"max_age": "1m", "key": key}}}}),
        )
    };
    let coalesce = |key: Value| route(json!({"coalesce": {"key": key}}));
    let (of_stale, of_coalesce) =
        ("SY0402 routes[1].retry.fallback.stale_if_error.key", "SY0411 routes[1].coalesce.key");
    for key in [
        json!({"ignore_headers": ["x-shop"]}),
        json!({"ignore_headers": ["x-*"]}),
        json!({"ignore_headers": ["*"]}),
        json!({"ignore_cookies": ["s*"]}),
        json!({"ignore_attributes": ["metadata.*"]}),
        json!({"ignore_attributes": ["connection.sha256_peer_certificate_digest"]}),
    ] {
        assert_eq!(stale(key.clone()), [of_stale], "{key}");
        assert_eq!(coalesce(key.clone()), [of_coalesce], "{key}");
    }
    for key in [
        json!({}),
        json!({"ignore_headers": ["x-trace-*"]}),
        json!({"ignore_headers": ["*"], "headers": ["x-shop"]}),
        json!({"ignore_cookies": ["_ga*"], "ignore_query": ["utm_*"]}),
        json!({"ignore_attributes": ["metadata.envoy.filters.http.ext_proc"]}),
    ] {
        assert_eq!(stale(key.clone()), [""; 0], "{key}");
        assert_eq!(coalesce(key.clone()), [""; 0], "{key}");
    }
}

#[test]
fn what_clients_share_knowingly_is_said_all_the_same() {
    let share = json!({"coalesce": {"i_know_that_clients_share_answers_across_credentials": true}});
    assert_eq!(
        route(share),
        ["SY0408 routes[1].coalesce.i_know_that_clients_share_answers_across_credentials"]
    );
    let mixes = json!({"batch": {"protocol": {"json_rpc": {}}, "i_know_that_batches_mix_principals": true}});
    assert_eq!(route(mixes), ["SY0409 routes[1].batch.i_know_that_batches_mix_principals"]);
}

#[test]
fn a_batch_that_waits_longer_than_the_route_gives_is_warned_of() {
    let batch = |timeout: &str| {
        let batch = json!({"protocol": {"json_rpc": {}}, "max_delay": "2s"});
        route(json!({"batch": batch, "retry": {"timeout": timeout}}))
    };
    assert_eq!(batch("2s"), ["SY0403 routes[1].batch.max_delay"]);
    assert_eq!(batch("3s"), [""; 0]);
    assert_eq!(batch("0s"), [""; 0]);
}

#[test]
fn a_split_of_one_and_an_upstream_of_nobody_are_warned_of() {
    let split = |weights: [u32; 2]| {
        let split = json!([{"upstream": "a", "weight": weights[0]}, {"upstream": "b", "weight": weights[1]}]);
        of(upstreams(), json!([{"match": {}, "split": split}]))
    };
    assert_eq!(split([1, 0]), ["SY0407 routes[0].split"]);
    assert_eq!(split([1, 1]), [""; 0]);
    assert_eq!(of(upstreams(), json!([{"match": {}, "upstream": "a"}])), ["SY0406 upstreams[1]"]);
    // Without routes all are for Envoy's own; and so is the default cluster's.
    assert_eq!(of(upstreams(), json!([])), [""; 0]);
    let tree =
        json!({"upstreams": upstreams(), "default_cluster": "b", "routes": [{"match": {}, "upstream": "a"}]});
    assert!(find(&Document::from_value(&tree).unwrap(), &tree).is_empty());
    for more in [
        json!({"retry": {"engine": "filter", "fallback": {"upstream": "b"}}}),
        json!({"batch": {"protocol": {"json_rpc": {}}, "upstream": "b"}}),
    ] {
        let mut route = json!({"match": {"path": "/x"}, "upstream": "a"});
        route.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(of(upstreams(), json!([route])), [""; 0], "{more}");
    }
}

#[test]
fn conditions_that_say_nothing_or_too_much_are_warned_of() {
    let with = |headers: Value| route(json!({"match": {"path": "/x", "headers": headers}}));
    let one = |rule: Value| {
        let mut condition = json!({"name": "x"});
        condition.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        condition
    };
    let pair = |first: Value, second: Value| with(json!([one(first), one(second)]));
    assert_eq!(pair(json!({"exact": "1"}), json!({"exact": "1"})), ["SY0410 routes[1].match.headers[1]"]);
    for (first, second) in [
        (json!({"exact": "1"}), json!({"exact": "2"})),
        (json!({"exact": "ab"}), json!({"prefix": "b"})),
        (json!({"prefix": "a"}), json!({"prefix": "b"})),
        (json!({"present": false}), json!({"exact": "1"})),
        (json!({"present": true}), json!({"present": false})),
        (json!({"exact": "1"}), json!({"exact": "1", "invert": true})),
        (json!({"exact": "ab"}), json!({"regex": "a.*", "invert": true})),
    ] {
        assert_eq!(
            pair(first.clone(), second.clone()),
            ["SY0412 routes[1].match.headers[1]"],
            "{first} {second}"
        );
        assert_eq!(
            pair(second.clone(), first.clone()),
            ["SY0412 routes[1].match.headers[1]"],
            "{second} {first}"
        );
    }
    for (first, second) in [
        (json!({"exact": "ab"}), json!({"prefix": "a"})),
        (json!({"prefix": "a"}), json!({"prefix": "ab"})),
        (json!({"present": true}), json!({"exact": "1"})),
        (json!({"exact": "1", "invert": true}), json!({"exact": "2", "invert": true})),
        (json!({"exact": "1"}), json!({"exact": "2", "invert": true})),
    ] {
        assert_eq!(pair(first.clone(), second.clone()), [""; 0], "{first} {second}");
    }
    let query = json!({"match": {"query": [{"name": "v", "exact": "1"}, {"name": "v", "exact": "2"}]}});
    assert_eq!(route(query), ["SY0412 routes[1].match.query[1]"]);
}

#[test]
fn a_route_that_an_earlier_one_hides_is_warned_of() {
    let hides = |first: Value, second: Value| {
        let list = [first, second].map(|condition| json!({"match": condition, "upstream": "a"}));
        routes(list.to_vec())
    };
    let hidden = ["SY0404 routes[2].match"];
    for (first, second) in [
        (json!({"path_prefix": "/api"}), json!({"path_prefix": "/api/v1"})),
        (json!({"path_prefix": "/"}), json!({"path": "/x", "methods": ["GET"]})),
        (json!({"path_regex": "/.*"}), json!({"path_prefix": "/api"})),
        (json!({"path_regex": "/api/.*"}), json!({"path": "/api/users"})),
        (json!({"path_prefix": "/api"}), json!({"path_regex": "/api/[0-9]+"})),
        (json!({"hosts": ["a.example", "b.example"]}), json!({"hosts": ["b.example"], "path": "/x"})),
        (json!({"methods": ["GET", "PUT"]}), json!({"methods": ["PUT"], "path": "/x"})),
        (
            json!({"headers": [{"name": "x", "present": true}]}),
            json!({"headers": [{"name": "x", "exact": "1"}]}),
        ),
        (json!({"path_prefix": "/API", "ignore_case": true}), json!({"path_prefix": "/api/x"})),
    ] {
        assert_eq!(hides(first.clone(), second.clone()), hidden, "{first} {second}");
    }
    let same = json!({"path_prefix": "/api", "methods": ["GET", "PUT"]});
    let turned = json!({"path_prefix": "/api", "methods": ["PUT", "GET"]});
    assert_eq!(hides(same, turned), ["SY0405 routes[2].match"]);
    for (first, second) in [
        (json!({"path_prefix": "/api"}), json!({"path_prefix": "/apis"})),
        (json!({"path_prefix": "/api/"}), json!({"path_prefix": "/api"})),
        (json!({"path_prefix": "/api"}), json!({"hosts": ["a.example"], "path_prefix": "/api"})),
        (json!({"hosts": ["*.example"]}), json!({"hosts": ["a.example"]})),
        (json!({"path_prefix": "/api", "methods": ["GET"]}), json!({"path_prefix": "/api/x"})),
        (json!({"path_prefix": "/"}), json!({})),
        (json!({"path_regex": "/api|/.*"}), json!({"path_prefix": "/api"})),
        (json!({"path_prefix": "/api"}), json!({"path_prefix": "/api/x", "ignore_case": true})),
        (
            json!({"path_prefix": "/a", "query": [{"name": "v", "present": true}]}),
            json!({"path_prefix": "/a/b"}),
        ),
    ] {
        assert_eq!(hides(first.clone(), second.clone()), [""; 0], "{first} {second}");
    }
}
