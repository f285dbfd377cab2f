//! What documents do differently.

use super::{Difference, samples, text};
use crate::decision::{GivenEndpoints, Prepared};
use crate::source::File;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;

fn tree() -> Value {
    json!({
        "upstreams": [
            {"name": "a", "endpoints": [{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80"}, {"address": "10.0.0.3:80"}],
             "balance": {"policy": "maglev", "table_size": 251, "hash_on": [{"header": "x-user"}]}},
            {"name": "b", "endpoints": [{"address": "10.0.1.1:80"}]},
        ],
        "routes": [
            {"name": "cart", "match": {"path_prefix": "/cart", "hosts": ["*.test"]}, "upstream": "a"},
            {"name": "item", "match": {"path_regex": "/v[0-9]+/items"}, "upstream": "b"},
            {"name": "split", "match": {"path": "/split"}, "split_on": [{"header": "x-user"}],
             "split": [{"upstream": "a", "weight": 95}, {"upstream": "b", "weight": 5}]},
            {"name": "all", "match": {}, "upstream": "a"},
        ],
    })
}

fn between(old: &Value, new: &Value) -> Difference {
    let prepared = |tree| Prepared::of_tree(tree, &[]).unwrap();
    Difference::between(&prepared(old), &prepared(new), 400).unwrap()
}

/// What differs once this is changed.
fn changed(change: impl FnOnce(&mut Value)) -> Difference {
    let mut new = tree();
    change(&mut new);
    between(&tree(), &new)
}

fn told(difference: &Difference) -> String {
    let mut out = Vec::new();
    text::write(difference, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_shipped_document_differs_from_itself_in_nothing() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy-config/switchyard.yaml");
    let document = Prepared::of_file(&File::read(&path).unwrap(), &[], None).unwrap();
    let difference = Difference::between(&document, &document.clone(), 10).unwrap();
    assert!(difference.is_empty(), "{difference:?}");
    assert_eq!(told(&difference), "no difference\n");
}

#[test]
fn all_that_differs_is_told_what_hurts_first() {
    let difference = changed(|new| {
        new["mode"] = json!("shadow");
        new["upstreams"][0]["endpoints"][2] = json!({"address": "10.0.0.9:80"});
        new["upstreams"][0]["endpoints"][1]["weight"] = json!(3);
        new["upstreams"][1]["balance"] = json!({"policy": "least_request"});
        new["upstreams"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "c", "endpoints": [{"address": "10.0.2.1:80"}]}));
        new["routes"][0]["upstream"] = json!("c");
        new["routes"][2]["split"] = json!([{"upstream": "a", "weight": 90}, {"upstream": "b", "weight": 10}]);
        new["routes"][3] =
            json!({"name": "rest", "match": {"path_prefix": "/cart"}, "upstream": "a", "retry": {}});
    });
    insta::assert_snapshot!(told(&difference));
}

#[test]
fn requests_that_go_nowhere_come_first() {
    let difference = changed(|new| {
        new["routes"].as_array_mut().unwrap().pop();
        new["routes"][0]["upstream"] = json!("b");
    });
    assert_eq!(difference.removed, ["route all"]);
    let first = &difference.requests[0];
    assert_eq!((first.new.as_ref(), first.old.as_ref().map(|goes| goes.route.as_str())), (None, Some("all")));
    assert!(difference.requests[1].new.is_some());
    assert!(
        difference.requests[1].example.contains("anytest/cart")
            || difference.requests[1].example.contains(".test/cart")
    );
}

#[test]
fn a_route_of_another_name_that_does_the_same_is_no_other_way() {
    let difference = changed(|new| new["routes"][0]["name"] = json!("basket"));
    assert!(difference.requests.is_empty(), "{difference:?}");
    assert_eq!(
        (difference.removed, difference.added),
        (vec!["route cart".to_owned()], vec!["route basket".to_owned()])
    );
    let difference = changed(|new| {
        new["routes"][0]["name"] = json!("basket");
        new["routes"][0]["coalesce"] = json!({});
    });
    assert_eq!(difference.requests[0].differs, ["coalesce"]);
}

/// What goes elsewhere once the first route's condition is this and not that: examples and what differs.
fn moved(was: Value, is: Value) -> Vec<(String, Vec<String>)> {
    let with = |condition| {
        let mut tree = tree();
        tree["routes"][0]["match"] = condition;
        tree["routes"][0]["upstream"] = json!("b");
        tree
    };
    let difference = between(&with(was), &with(is));
    difference.requests.into_iter().map(|one| (one.example, one.differs)).collect()
}

#[test]
fn a_part_of_a_condition_that_changes_moves_what_only_it_tells_apart() {
    let query = |rule: Value| {
        let mut rule = rule;
        rule["name"] = json!("v");
        json!({"path": "/x", "query": [rule]})
    };
    let header = |rule: &str| json!({"headers": [{"name": "x-v", "regex": rule}]});
    let cases = [
        (json!({"path": "/x"}), json!({"path": "/x", "ignore_case": true}), "GET any.example/X"),
        (json!({"path_regex": "(?i)/shop"}), json!({"path_regex": "/shop"}), "GET any.example/SHOP"),
        (json!({"path_regex": "/i/[0-9]+"}), json!({"path_regex": "/i/[0-9]"}), "GET any.example/i/77"),
        (query(json!({"prefix": "2"})), query(json!({"exact": "2"})), "GET any.example/x?v=2any"),
        (query(json!({"present": true})), query(json!({"prefix": "2"})), "GET any.example/x?v="),
        (
            query(json!({"exact": "2", "invert": true})),
            query(json!({"exact": "3", "invert": true})),
            "GET any.example/x?v=2",
        ),
        (header("[0-9]"), header("[0-9]+"), "GET any.example/ x-v: 77"),
        (json!({"methods": ["GET", "POST"]}), json!({}), "PUT any.example/"),
    ];
    for (was, is, example) in cases {
        for moved in [moved(was.clone(), is.clone()), moved(is.clone(), was.clone())] {
            let told = moved.iter().any(|(one, differs)| one == example && differs == &["upstream"]);
            assert!(told, "{was} -> {is}: {moved:?}");
        }
        assert_eq!(moved(is.clone(), is), []);
    }
}

#[test]
fn a_connect_is_compared_without_a_path() {
    let moved = moved(json!({"path_prefix": "/"}), json!({"methods": ["CONNECT"]}));
    assert!(moved.iter().any(|(one, _)| one == "CONNECT any.example:443"), "{moved:?}");
    assert!(moved.iter().all(|(one, _)| !one.starts_with("CONNECT") || !one.contains('/')), "{moved:?}");
}

#[test]
fn a_route_without_a_name_is_known_by_its_condition() {
    let mut old = tree();
    for route in old["routes"].as_array_mut().unwrap() {
        route.as_object_mut().unwrap().remove("name");
    }
    let mut new = old.clone();
    let first = json!({"match": {"path": "/first"}, "upstream": "a", "retry": {}});
    new["routes"].as_array_mut().unwrap().insert(0, first);
    let difference = between(&old, &new);
    assert_eq!(difference.added, ["route route-0 (path equal to /first)"]);
    let rest = (&difference.removed, &difference.settings, &difference.keys, &difference.notes);
    assert_eq!(rest, (&vec![], &vec![], &vec![], &vec![]));
    let differs: Vec<_> = difference.requests.iter().map(|one| one.differs.as_slice()).collect();
    assert_eq!(differs, [["retry"]], "those of first alone: {difference:#?}");

    let mut other = old.clone();
    other["routes"][1]["match"] = json!({"path": "/items"});
    let difference = between(&old, &other);
    assert_eq!((difference.added.len(), difference.removed.len()), (0, 0));
    assert!(difference.settings.iter().all(|one| one.of == "route route-1"), "{difference:#?}");
}

#[test]
fn another_cluster_and_what_is_steered_no_more_are_requests_that_go_elsewhere() {
    let difference = changed(|new| new["upstreams"][1]["cluster"] = json!("other"));
    let differs: Vec<_> = difference.requests.iter().map(|one| one.differs.as_slice()).collect();
    assert_eq!(differs, [["cluster"], ["cluster"]], "those of item and of split: {difference:#?}");
    assert!(
        told(&difference)
            .contains("      b, Envoy's cluster b (route item) -> b, Envoy's cluster other (route item)\n"),
        "{}",
        told(&difference)
    );
    let difference = changed(|new| new["mode"] = json!("shadow"));
    assert_eq!(difference.requests.len(), 4, "those of every route: {difference:#?}");
    assert!(difference.requests.iter().all(|one| one.differs == ["mode"] && one.risk() == 1));
    assert!(
        told(&difference)
            .contains("      a (route cart), steered -> a (route cart), in shadow: Envoy goes its own way\n"),
        "{}",
        told(&difference)
    );
}

#[test]
fn an_order_that_changes_what_wins_is_seen_and_one_that_does_not_is_a_note() {
    let difference = changed(|new| new["routes"].as_array_mut().unwrap().swap(1, 3));
    assert_eq!(difference.requests.len(), 2, "those of item and split go elsewhere: {difference:#?}");
    let difference = changed(|new| new["routes"].as_array_mut().unwrap().swap(0, 1));
    assert!(difference.requests.is_empty());
    assert_eq!(difference.notes, ["the routes stand in another order"]);
    assert!(!difference.is_empty());
}

#[test]
fn of_a_split_only_those_move_that_must() {
    let difference = changed(|new| {
        new["routes"][2]["split"] = json!([{"upstream": "a", "weight": 80}, {"upstream": "b", "weight": 20}]);
    });
    let [moved] = difference.keys.as_slice() else { panic!("{difference:?}") };
    assert_eq!(moved.of, "split of route split");
    assert!((10.0..20.0).contains(&moved.percent), "{moved:?}");
    assert_eq!(moved.ways.len(), 1, "all from a to b: {moved:?}");
}

#[test]
fn a_balancer_that_is_written_otherwise_and_chooses_alike_moves_nobody() {
    let difference = changed(|new| new["upstreams"][0]["balance"]["candidates"] = json!(2));
    assert!(difference.keys.is_empty() && difference.endpoints.is_empty());
    let path = &difference.settings[0].setting.path;
    assert_eq!((difference.settings.len(), path.as_str()), (1, "balance.candidates"));
}

#[test]
fn keys_of_endpoints_that_are_not_known_are_a_note_until_they_are_given() {
    let mut old = tree();
    old["upstreams"][0]["endpoints"] = json!({"envoy": {"admin_cluster": "admin"}});
    let mut new = old.clone();
    new["upstreams"][0]["balance"]["table_size"] = json!(509);
    let difference = between(&old, &new);
    assert!(
        difference.notes[0]
            .starts_with("endpoints of upstream a come from envoy: which keys move is not known")
    );
    let given: GivenEndpoints = "a=10.0.0.1:80,10.0.0.2:80,10.0.0.3:80".parse().unwrap();
    let given = |tree| Prepared::of_tree(tree, std::slice::from_ref(&given)).unwrap();
    let difference = Difference::between(&given(&old), &given(&new), 1_000).unwrap();
    assert!(difference.notes.is_empty() && difference.keys[0].percent > 0.0, "{difference:?}");
}

#[test]
fn a_text_that_an_expression_matches_is_found_for_what_people_write() {
    for regex in [
        "/v[0-9]+/items",
        "/a|/b",
        "/(?:cart|basket)/[^/]+",
        r"/items/\d+\.json",
        "/.*",
        "/(a|b)/(c|d)",
        "/users/[a-z]+/?",
        "(?i)/shop",
    ] {
        let compiled = switchyard_core::route::full_match(regex).unwrap();
        let text = samples::text_of(compiled.as_str());
        assert!(compiled.is_match(&text), "{regex}: {text:?}");
    }
}

#[test]
fn a_condition_without_a_request_is_told() {
    let difference = changed(|new| new["routes"][1]["match"]["path_regex"] = json!("/[k-m]{3}x"));
    assert!(
        difference.notes[0].starts_with("no request could be made up for 1 conditions"),
        "{difference:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// A document differs from itself in nothing, and what is new in one direction is gone in the other.
    #[test]
    fn nothing_differs_from_itself_and_both_ways_tell_the_same(weight in 1_u32..100, policy in "ring_hash|maglev|random", name in "[a-z]{1,4}") {
        let mut new = tree();
        new["upstreams"][1]["balance"] = json!({"policy": policy, "hash_on": [{"header": "x"}]});
        if policy == "random" {
            new["upstreams"][1]["balance"] = json!({"policy": policy});
        }
        new["routes"][2]["split"][0]["weight"] = json!(weight);
        new["routes"][3]["name"] = json!(format!("{name}-new"));
        prop_assert!(between(&new, &new.clone()).is_empty());
        let (there, back) = (between(&tree(), &new), between(&new, &tree()));
        prop_assert_eq!((&there.added, &there.removed), (&back.removed, &back.added));
        prop_assert_eq!(there.settings.len(), back.settings.len());
        let percent = |difference: &Difference| difference.keys.iter().map(|one| one.percent).sum::<f64>();
        prop_assert!((percent(&there) - percent(&back)).abs() < 0.001);
    }
}
