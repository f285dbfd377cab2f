//! Why a request is of no route before its own.

use super::{prepared, random};
use crate::decision::{Failed, Passed, Request, describe};
use proptest::prelude::*;
use serde_json::{Value, json};
use switchyard_core::route::HostPattern;

fn document(matchers: &[Value]) -> Value {
    let routes: Vec<_> = matchers
        .iter()
        .enumerate()
        .map(|(index, matcher)| json!({"name": format!("r{index}"), "match": matcher, "upstream": "a"}))
        .collect();
    json!({"upstreams": [{"name": "a", "endpoints": [{"address": "10.0.0.1:80"}]}], "routes": routes})
}

fn passed(matchers: &[Value], request: &Request, most: usize) -> Passed {
    let document = prepared(&document(matchers));
    let view = request.view();
    Passed::of(document.document(), document.document().table().find(&view), &view, most)
}

fn failed(matcher: Value, request: &Request) -> Vec<(String, String, Option<String>)> {
    let passed = passed(&[matcher, json!({})], request, 20);
    let failed = passed.before.into_iter().flat_map(|one| one.failed);
    failed.map(|Failed { part, wants, has }| (part, wants, has)).collect()
}

#[test]
fn each_part_that_fails_is_named_with_what_it_wants_and_what_there_is() {
    let request =
        Request::new("GET", "/cart?q=1").with("host", "shop.test").with("x-a", "1").with("x-a", "2");
    let fails = |matcher, part: &str, wants: &str, has: Option<&str>| {
        assert_eq!(failed(matcher, &request), [(part.to_owned(), wants.to_owned(), has.map(str::to_owned))]);
    };
    fails(json!({"hosts": ["a.test", "*.b.test"]}), "host", "a.test or *.b.test", Some("shop.test"));
    fails(json!({"hosts": ["b.*"], "path": "/x"}), "host", "b.*", Some("shop.test"));
    fails(json!({"path": "/x", "methods": ["POST"]}), "path", "equal to /x", Some("/cart"));
    fails(json!({"path_prefix": "/car"}), "path", "below /car", Some("/cart"));
    fails(
        json!({"path": "/CARTS", "ignore_case": true}),
        "path",
        "equal to /CARTS in any case",
        Some("/cart"),
    );
    fails(json!({"path_regex": "/a|/b"}), "path", "all of /a|/b", Some("/cart"));
    fails(json!({"methods": ["PUT", "POST"]}), "method", "PUT or POST", Some("GET"));
    fails(json!({"headers": [{"name": "x-a", "exact": "1"}]}), "header x-a", "equal to \"1\"", Some("1,2"));
    fails(json!({"headers": [{"name": "x-b", "prefix": "1"}]}), "header x-b", "beginning with \"1\"", None);
    fails(
        json!({"headers": [{"name": "x-a", "present": true, "invert": true}]}),
        "header x-a",
        "missing",
        Some("1,2"),
    );
    fails(
        json!({"headers": [{"name": "x-a", "regex": ".*", "invert": true}]}),
        "header x-a",
        "not all of .*",
        Some("1,2"),
    );
    fails(json!({"query": [{"name": "q", "exact": "2"}]}), "query q", "equal to \"2\"", Some("1"));
    fails(json!({"query": [{"name": "p", "present": true}]}), "query p", "present", None);
}

#[test]
fn all_that_fail_are_named_where_host_and_path_are_right() {
    let request = Request::new("GET", "/cart");
    let both = failed(
        json!({"methods": ["POST"], "query": [{"name": "p", "exact": "a", "invert": true}]}),
        &request,
    );
    let parts: Vec<_> = both.iter().map(|(part, ..)| part.as_str()).collect();
    assert_eq!(parts, ["method", "query p"], "all that fail, since the path is right");
}

#[test]
fn of_a_nearer_host_a_later_route_comes_before() {
    let matchers = [
        json!({}),
        json!({"hosts": ["shop.test"], "methods": ["POST"]}),
        json!({"hosts": ["*.other"]}),
        json!({"path": "/"}),
    ];
    let request = Request::new("GET", "/").with("host", "shop.test");
    let passed = passed(&matchers, &request, 20);
    let before: Vec<_> = passed.before.iter().map(|one| one.route.as_str()).collect();
    assert_eq!(before, ["r1"], "r2 is for others, and behind");
    assert_eq!(passed.also_met, ["r3"]);
}

#[test]
fn where_there_are_too_many_those_of_the_host_are_shown() {
    let mut matchers: Vec<_> = (0..30).map(|index| json!({"hosts": [format!("h{index}.test")]})).collect();
    matchers.extend((0..3).map(|index| json!({"path": format!("/{index}")})));
    matchers.push(json!({}));
    let passed = passed(&matchers, &Request::new("GET", "/x").with("host", "shop.test"), 5);
    let before: Vec<_> = passed.before.iter().map(|one| one.route.as_str()).collect();
    assert_eq!((before, passed.not_shown), (vec!["r0", "r1", "r30", "r31", "r32"], 28));
}

#[test]
fn a_condition_is_told_in_words() {
    let matcher = json!({
        "hosts": ["*.shop.test"], "path_prefix": "/cart", "methods": ["GET"],
        "headers": [{"name": "x-a", "regex": "[0-9]+"}], "query": [{"name": "q", "present": true}],
    });
    let document = prepared(&document(&[matcher, json!({})]));
    let words: Vec<_> = document.document().matchers().iter().map(describe).collect();
    let first = "host *.shop.test, path below /cart, method GET, header x-a all of [0-9]+, query q present";
    assert_eq!(words, [first, "every request"]);
}

proptest! {
    /// A condition has a failed part exactly if it is not met; and no route before the request's own is met.
    #[test]
    fn what_fails_is_what_is_not_met(tree in random::document(), request in random::request()) {
        let document = prepared(&tree);
        let (table, view) = (document.document().table(), request.view());
        for matcher in document.document().matchers() {
            prop_assert_eq!(Failed::parts(matcher, &view).is_empty(), matcher.matches(&view));
        }
        let chosen = table.find(&view);
        let passed = Passed::of(document.document(), chosen, &view, usize::MAX);
        let met = document.document().matchers().iter().filter(|matcher| matcher.matches(&view)).count();
        prop_assert_eq!(passed.also_met.len() + usize::from(chosen.is_some()), met);
        if chosen.is_none() {
            prop_assert_eq!(passed.before.len(), table.len());
        }
        let nearest = |position: usize| {
            let hosts = &document.document().matchers()[position].hosts;
            let any = [HostPattern::Any];
            let hosts = if hosts.is_empty() { &any[..] } else { hosts };
            hosts.iter().filter_map(|one| one.nearness(b"a.test")).min()
        };
        if let (Some(chosen), "a.test") = (chosen, request.header(":authority")) {
            for one in &passed.before {
                let near = nearest(one.position);
                prop_assert!(near.is_none_or(|near| (near, one.position) < (nearest(chosen).unwrap(), chosen)));
            }
        }
    }
}
