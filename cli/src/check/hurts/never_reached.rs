//! The property that a route which is called unreachable is never reached, over documents and requests out of few parts.

use super::reach::unreachable;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use switchyard_config::Document;
use switchyard_core::RequestView;

/// A request as a list of headers.
#[derive(Debug)]
struct Request(BTreeMap<&'static str, String>);

impl RequestView for Request {
    fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.get(name).map(|value| value.as_bytes()).into_iter()
    }

    fn source_ip(&self) -> Option<Vec<u8>> {
        None
    }
}

fn some(list: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::of(proptest::sample::select(list))
}

const PATHS: &[&str] = &["/", "/a", "/A", "/a/", "/a/b", "/ab", "/a/b/c"];
const REGEXES: &[&str] = &[".*", "/.*", "/a.*", "/a/.*", "(?i)/a.*", "/a|/.*", "/a/b?.*", "/a/[bc]*"];
const HOSTS: &[&str] = &["x.example", "*.example", "x.*", "*"];

/// A condition out of few parts, so that two often have to do with each other.
fn condition() -> impl Strategy<Value = Value> {
    let path = prop_oneof![
        Just(None),
        proptest::sample::select(PATHS).prop_map(|path| Some(("path", path))),
        proptest::sample::select(PATHS).prop_map(|path| Some(("path_prefix", path))),
        proptest::sample::select(REGEXES).prop_map(|path| Some(("path_regex", path))),
    ];
    let hosts = proptest::collection::btree_set(proptest::sample::select(HOSTS), 0..3);
    let methods = proptest::collection::btree_set(proptest::sample::select(&["GET", "PUT"][..]), 0..3);
    let rule = || some(&["exact 1", "exact 12", "prefix 1", "regex 1.*", "present", "missing", "not 1"]);
    (path, any::<bool>(), hosts, methods, rule(), rule()).prop_map(
        |(path, ignore_case, hosts, methods, header, query)| {
            let mut condition = json!({});
            if let Some((kind, path)) = path {
                condition[kind] = json!(path);
                if ignore_case && kind != "path_regex" {
                    condition["ignore_case"] = json!(true);
                }
            }
            if !hosts.is_empty() {
                condition["hosts"] = json!(hosts);
            }
            if !methods.is_empty() {
                condition["methods"] = json!(methods);
            }
            for (list, rule) in [("headers", header), ("query", query)] {
                let rule = match rule.map(|rule| rule.split_once(' ').unwrap_or((rule, ""))) {
                    None => continue,
                    Some(("present", _)) => json!({"name": "x", "present": true}),
                    Some(("missing", _)) => json!({"name": "x", "present": false}),
                    Some(("not", value)) => json!({"name": "x", "exact": value, "invert": true}),
                    Some((kind, value)) => json!({"name": "x", kind: value}),
                };
                condition[list] = json!([rule]);
            }
            condition
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    let hosts: &[&str] = &["x.example", "y.example", "x.test", "other"];
    let paths: &[&str] = &["/", "/a", "/A", "/a/", "/a/b", "/A/B", "/ab", "/a/b/c", "/a/cc", "/other", ""];
    let values: &[&str] = &["1", "12", "2", ""];
    let select = proptest::sample::select;
    (select(hosts), select(paths), select(&["GET", "PUT", "POST"][..]), some(values), some(values)).prop_map(
        |(host, path, method, header, query)| {
            let query = query.map(|value| format!("?x={value}")).unwrap_or_default();
            let mut headers = BTreeMap::from([
                (":authority", host.to_owned()),
                (":path", format!("{path}{query}")),
                (":method", method.to_owned()),
            ]);
            headers.extend(header.map(|value| ("x", value.to_owned())));
            Request(headers)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// No request finds a route that is called unreachable.
    #[test]
    fn what_is_called_unreachable_is_never_reached(
        conditions in proptest::collection::vec(condition(), 2..6),
        requests in proptest::collection::vec(request(), 64),
    ) {
        let routes: Vec<_> = conditions.iter().map(|one| json!({"match": one, "upstream": "a"})).collect();
        let tree = json!({"upstreams": [{"name": "a", "endpoints": [{"address": "1.1.1.1:1"}]}], "routes": routes});
        let document = Document::from_value(&tree).unwrap();
        let mut never: Vec<usize> = unreachable(document.matchers()).into_iter().map(|(later, _)| later).collect();
        never.extend(super::conditions::find(&document).impossible);
        for request in &requests {
            let found = document.table().find(request);
            prop_assert!(found.is_none_or(|found| !never.contains(&found)), "{found:?} {:?} {tree}", request.0);
        }
    }
}

/// The property above says something: such documents have routes that are called unreachable.
#[test]
fn random_documents_have_unreachable_routes() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let count = |runner: &mut proptest::test_runner::TestRunner| {
        let conditions = proptest::collection::vec(condition(), 5).new_tree(runner).unwrap().current();
        let routes: Vec<_> = conditions.iter().map(|one| json!({"match": one, "upstream": "a"})).collect();
        let tree =
            json!({"upstreams": [{"name": "a", "endpoints": [{"address": "1.1.1.1:1"}]}], "routes": routes});
        unreachable(Document::from_value(&tree).unwrap().matchers()).len()
    };
    let found: usize = (0..300).map(|_| count(&mut runner)).sum();
    assert!(found > 50, "{found}");
}
