//! What is said of a decision is what the filters do.

mod conditions;
mod hashes;
mod random;
mod sharing;

use super::{Decider, Explanation, GivenEndpoints, Prepared, Request};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Two upstreams, one of which gets its endpoints from Envoy.
pub(super) fn tree() -> Value {
    json!({
        "upstreams": [
            {"name": "a", "endpoints": [{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80"}],
             "balance": {"policy": "ring_hash", "hash_on": [{"header": "x-user"}], "candidates": 2}},
            {"name": "b", "endpoints": {"envoy": {"admin_cluster": "admin"}}},
        ],
        "routes": [
            {"name": "cart", "match": {"path_prefix": "/cart"}, "upstream": "a"},
            {"name": "list", "match": {"path_prefix": "/list"}, "upstream": "b"},
        ],
    })
}

pub(super) fn prepared(tree: &Value) -> Prepared {
    Prepared::of_tree(tree, &[]).unwrap()
}

fn decide(document: &Prepared, request: &Request) -> Option<Explanation> {
    Decider::new(document, 0).unwrap().decide(request).explanation
}

#[test]
fn the_header_is_read_field_by_field() {
    let text = "route=api; upstream=a/b; policy=maglev; hash=1f; candidates=1.1.1.1:1,[::1]:2; panic; shadow";
    let read = Explanation::parse(text);
    assert_eq!((read.route.as_str(), read.upstream.as_str(), read.policy.as_str()), ("api", "a/b", "maglev"));
    assert_eq!((read.hash.as_deref(), read.panic, read.shadow), (Some("1f"), true, true));
    assert_eq!(read.candidates, ["1.1.1.1:1", "[::1]:2"]);
    let read = Explanation::parse("route=api; upstream=a; policy=random; hash=none; candidates=none");
    assert_eq!((read.hash, read.candidates.len(), read.panic, read.shadow), (None, 0, false, false));
}

#[test]
fn a_request_goes_where_the_router_sends_it_and_what_no_route_is_for_nowhere() {
    let document = prepared(&tree());
    let decider = Decider::new(&document, 0).unwrap();
    let alice = Request::new("GET", "/cart").with("X-User", "alice");
    let outcome = decider.decide(&alice);
    let explanation = outcome.explanation.unwrap();
    assert_eq!((explanation.route.as_str(), explanation.candidates.len()), ("cart", 2));
    assert_eq!(outcome.cluster.as_deref(), Some("a"));
    assert_eq!(outcome.named, Some(explanation.candidates.join(",")));
    assert_eq!(decider.decide(&alice).explanation, Some(explanation), "again and again");
    assert_eq!(decider.decide(&Request::new("GET", "/other")).explanation, None);
    let mut envoys = Request::new("GET", "/other");
    envoys.cluster = Some("a".to_owned());
    assert_eq!(decider.decide(&envoys).explanation.unwrap().route, "cluster:a");
    assert_eq!(decider.decide(&Request::new("GET", "/other")).explanation, None, "nothing is left behind");
}

#[test]
fn a_connect_has_a_host_and_a_port_and_no_path() {
    let mut tree = tree();
    tree["routes"] = json!([
        {"name": "all", "match": {"path_prefix": "/"}, "upstream": "b"},
        {"name": "tunnel", "match": {"methods": ["CONNECT"], "hosts": ["db.test"]}, "upstream": "a"},
    ]);
    let document = prepared(&tree);
    let connect = Request::connect("db.test:443").unwrap();
    assert_eq!(decide(&document, &connect).unwrap().route, "tunnel");
    assert_eq!(decide(&document, &Request::connect("other.test:443").unwrap()), None);
    let with_path = Request::new("CONNECT", "/").with("host", "db.test:443");
    assert_eq!((with_path.header(":path"), with_path.view().headers), ("", connect.view().headers));
    assert!(Request::connect("[::1]:443").is_some());
    for wrong in ["db.test", "/", ":443", "db.test:", "db.test:65536", "db.test:+1", "::1:443", "http://a:1"]
    {
        assert_eq!(Request::connect(wrong), None, "{wrong}");
    }
}

#[test]
fn a_seed_is_a_draw() {
    let mut tree = tree();
    tree["upstreams"][0]["balance"] = json!({"policy": "random"});
    let document = prepared(&tree);
    let first = |seed| {
        let decider = Decider::new(&document, seed).unwrap();
        let request = Request::new("GET", "/cart");
        (0..16)
            .map(|_| decider.decide(&request).explanation.unwrap().candidates[0].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(first(7), first(7));
    assert_ne!(first(7), first(8));
}

#[test]
fn endpoints_are_given_for_upstreams_that_get_them_from_elsewhere() {
    let document = prepared(&tree());
    assert_eq!(document.source_of("b").as_deref(), Some("envoy"));
    assert_eq!(document.source_of("a"), None);
    assert!(decide(&document, &Request::new("GET", "/list")).unwrap().candidates.is_empty());
    let given: GivenEndpoints = "b=10.0.1.1:80, 10.0.1.2:80".parse().unwrap();
    let document = Prepared::of_tree(&tree(), &[given]).unwrap();
    assert_eq!(document.source_of("b"), None);
    assert_eq!(decide(&document, &Request::new("GET", "/list")).unwrap().candidates.len(), 2);
    let wrong = |text: &str| Prepared::of_tree(&tree(), &[text.parse().unwrap()]).unwrap_err().to_string();
    assert_eq!(
        wrong("c=10.0.1.1:80"),
        "endpoints were given for \"c\", which is no upstream of the document; it has a, b"
    );
    assert!(wrong("b=host:80").starts_with("upstreams[1].endpoints[0].address: "), "{}", wrong("b=host:80"));
    for text in ["b", "=1.1.1.1:1", "b=", "b=1.1.1.1:1,,"] {
        let error = text.parse::<GivenEndpoints>().unwrap_err();
        assert_eq!(error, format!("{text:?}: write UPSTREAM=ip:port,ip:port"));
    }
}

#[test]
fn a_document_in_shadow_mode_says_so_and_names_nothing() {
    let mut tree = tree();
    tree["mode"] = json!("shadow");
    let outcome = Decider::new(&prepared(&tree), 0).unwrap().decide(&Request::new("GET", "/cart"));
    assert!(outcome.explanation.unwrap().shadow);
    assert_eq!((outcome.named, outcome.cluster), (None, None));
}

#[test]
fn a_client_does_not_steer() {
    let request = Request::new("GET", "/cart").with("x-user", "alice");
    let steering = request.clone().with("x-gateway-destination-endpoint", "6.6.6.6:6");
    let document = prepared(&tree());
    assert_eq!(decide(&document, &steering), decide(&document, &request));
}

proptest! {
    /// The route of what is explained is the one that the core's table finds.
    #[test]
    fn the_route_is_the_tables(tree in random::document(), request in random::request()) {
        let document = prepared(&tree);
        let found = document.document().table().find(&request.view());
        let name = found.and_then(|position| document.document().routes().get(position)).map(|route| route.name().to_owned());
        prop_assert_eq!(decide(&document, &request).map(|one| one.route), name);
    }
}
