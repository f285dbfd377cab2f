//! What a hash is made of, and what is drawn.

use super::prepared;
use crate::decision::{Decider, Drawn, Hashed, Request};
use serde_json::{Value, json};

fn hashed(hash_on: Value, request: &Request) -> Hashed {
    let tree = json!({
        "upstreams": [{"name": "a", "endpoints": [{"address": "10.0.0.1:80"}],
                       "balance": {"policy": "maglev", "table_size": 251, "hash_on": hash_on}}],
        "routes": [{"name": "all", "match": {}, "upstream": "a"}],
    });
    let document = prepared(&tree);
    let hashed = Hashed::of(document.document().upstreams()[0].hash_on(), request);
    let said = Decider::new(&document, 0).unwrap().decide(request).explanation.unwrap();
    if !hashed.makes_cookie {
        assert_eq!(hashed.hash, said.hash, "what is told is what the router hashes");
    }
    hashed
}

fn parts(hashed: &Hashed) -> Vec<(&str, Option<&str>)> {
    hashed.parts.iter().map(|part| (part.from.as_str(), part.value.as_deref())).collect()
}

fn request() -> Request {
    let request = Request::new("GET", "/cart?user=bob").with("host", "Shop.test:80").with("x-user", "alice");
    request.with("cookie", "sid=secret; a=b").from_ip("10.0.0.7")
}

#[test]
fn each_part_is_told_but_no_cookies_value() {
    let cases = [
        (json!({"header": "x-user"}), ("header x-user", Some("alice"))),
        (json!({"header": ":authority"}), ("host", Some("shop.test"))),
        (json!({"cookie": {"name": "sid"}}), ("cookie sid", None)),
        (json!({"query_parameter": "user"}), ("query user", Some("bob"))),
        (json!({"source_ip": true}), ("source_ip", Some("10.0.0.7"))),
        (json!({"path": true}), ("path", Some("/cart"))),
    ];
    for (entry, part) in cases {
        assert_eq!(parts(&hashed(json!([entry]), &request())), [part]);
    }
}

#[test]
fn what_is_missing_and_what_stands_behind_a_terminal_part_is_not_in_it() {
    let list = json!([{"header": "x-none"}, {"header": "x-user", "terminal": true}, {"path": true}]);
    let hashed = hashed(list, &request());
    assert_eq!(parts(&hashed), [("header x-user", Some("alice"))]);
    assert_eq!(hashed.looks_at, ["header x-none", "header x-user", "path"]);
}

#[test]
fn a_cookie_that_is_made_is_drawn() {
    let list = json!([{"cookie": {"name": "other", "ttl": "60s"}}]);
    let hashed = hashed(list, &request());
    assert!(hashed.makes_cookie && hashed.hash.is_some());
}

#[test]
fn a_split_without_a_key_a_policy_without_a_hash_and_a_new_cookie_are_drawn() {
    let balance = json!({"policy": "ring_hash", "hash_on": [{"header": "x-user", "terminal": true}, {"cookie": {"name": "sid", "ttl": "1s"}}]});
    let endpoints = json!([{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80"}]);
    let tree = |split_on: Value| {
        json!({
            "upstreams": [{"name": "a", "endpoints": endpoints, "balance": balance},
                          {"name": "b", "endpoints": endpoints, "balance": {"policy": "round_robin"}}],
            "routes": [{"name": "split", "match": {"path": "/s"}, "split_on": split_on,
                        "split": [{"upstream": "a", "weight": 1}, {"upstream": "b", "weight": 0}]},
                       {"name": "both", "match": {"path": "/b"}, "split_on": split_on,
                        "split": [{"upstream": "a", "weight": 1}, {"upstream": "b", "weight": 1}]}],
        })
    };
    let document = prepared(&tree(json!([{"header": "x-user"}])));
    let drawn = |names: (&str, &str), request: &Request| {
        let Drawn { upstream, hash, candidates } =
            Drawn::of_names(document.document(), names, request).unwrap();
        (upstream, hash, candidates)
    };
    let (alice, nobody) = (Request::new("GET", "/s").with("x-user", "alice"), Request::new("GET", "/s"));
    assert_eq!(drawn(("split", "a"), &alice), (false, false, false));
    assert_eq!(drawn(("split", "a"), &nobody), (false, true, true), "all go to the one that has a share");
    assert_eq!(drawn(("both", "b"), &alice), (false, false, true));
    assert_eq!(drawn(("both", "b"), &nobody), (true, false, true));
    assert!(Drawn::of_names(document.document(), ("none", "a"), &alice).is_none());
}
