//! Random documents and requests that meet now and then.

use crate::decision::Request;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

pub(super) fn document() -> impl Strategy<Value = Value> {
    vec(matcher(), 1..8).prop_map(|matchers| {
        let routes: Vec<_> = matchers
            .into_iter()
            .enumerate()
            .map(|(index, matcher)| json!({"name": format!("r{index}"), "match": matcher, "upstream": "a"}))
            .collect();
        json!({"upstreams": [{"name": "a", "endpoints": [{"address": "10.0.0.1:80"}]}], "routes": routes})
    })
}

fn matcher() -> impl Strategy<Value = Value> {
    let hosts = option::of(vec(select(vec!["a.test", "*.test", "*.b.test", "a.*", "*"]), 1..3));
    let path = option::of(select(vec![
        ("path", "/a"),
        ("path_prefix", "/a"),
        ("path_prefix", "/"),
        ("path_prefix", "/a/b"),
        ("path_regex", "/[a-z]+"),
    ]));
    let header = option::of(select(vec![
        json!({"name": "x", "exact": "1"}),
        json!({"name": "x", "present": true, "invert": true}),
        json!({"name": "x", "regex": "[0-9]", "invert": true}),
        json!({"name": "y", "prefix": "2"}),
    ]));
    let query =
        option::of(select(vec![json!({"name": "q", "exact": "1"}), json!({"name": "q", "present": true})]));
    (hosts, path, option::of(select(vec!["GET", "POST"])), header, query).prop_map(
        |(hosts, path, method, header, query)| {
            let mut matcher = json!({});
            if let Some(hosts) = hosts {
                matcher["hosts"] = json!(hosts);
            }
            if let Some((field, path)) = path {
                matcher[field] = json!(path);
            }
            if let Some(method) = method {
                matcher["methods"] = json!([method]);
            }
            if let Some(header) = header {
                matcher["headers"] = json!([header]);
            }
            if let Some(query) = query {
                matcher["query"] = json!([query]);
            }
            matcher
        },
    )
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let path = select(vec!["/", "/a", "/a/b", "/ab", "/a?q=1", "/a/b/c?q=2"]);
    let host = select(vec!["a.test", "x.test", "x.b.test", "a.other", "other"]);
    (select(vec!["GET", "POST", "CONNECT"]), path, host, option::of("[0-2]"), option::of("[0-2]")).prop_map(
        |(method, path, host, x, y)| {
            let mut request = Request::new(method, path).with("host", host);
            for (name, value) in [("x", x), ("y", y)] {
                if let Some(value) = value {
                    request.add(name, &value);
                }
            }
            request
        },
    )
}
