//! What is told of requests.

use super::{Account, Asked, text};
use crate::decision::{GivenEndpoints, Prepared, Request};
use crate::source::File;
use serde_json::{Value, json};

fn tree() -> Value {
    json!({
        "default_cluster": "a",
        "upstreams": [
            {"name": "a", "endpoints": [{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80"}],
             "balance": {"policy": "ring_hash", "hash_on": [{"header": "x-user"}]}},
            {"name": "b", "endpoints": {"envoy": {"admin_cluster": "admin"}}, "balance": {"policy": "least_request"}, "outlier": {}},
        ],
        "routes": [
            {"name": "orders", "match": {"path_prefix": "/orders", "methods": ["POST"]}, "upstream": "a",
             "retry": {"engine": "filter", "fallback": {"upstream": "b", "answer": {"status": 503}}}},
            {"name": "search", "match": {"hosts": ["*.test"], "path": "/search"}, "upstream": "b", "coalesce": {}},
            {"name": "rpc", "match": {"path": "/rpc"}, "upstream": "b", "batch": {"protocol": {"json_rpc": {}}}},
            {"name": "release", "match": {"path": "/release"}, "split_on": [{"header": "x-user"}],
             "split": [{"upstream": "a", "weight": 9}, {"upstream": "b", "weight": 1}]},
            {"name": "all", "match": {"headers": [{"name": "x-user", "present": true}]}, "upstream": "a"},
        ],
    })
}

fn told(asked: &Asked, endpoints: &[&str]) -> String {
    let given: Vec<GivenEndpoints> = endpoints.iter().map(|text| text.parse().unwrap()).collect();
    let document = Prepared::of_tree(&tree(), &given).unwrap();
    let mut out = Vec::new();
    text::write(&Account::of(&document, asked, 0).unwrap(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn of(request: Request) -> String {
    told(&Asked::from(request), &[])
}

#[test]
fn a_request_with_a_key() {
    let request = Request::new("POST", "/orders").with("host", "shop.test").with("x-user", "alice");
    insta::assert_snapshot!(of(request.with_body("{}")));
}

#[test]
fn a_request_that_shares_an_answer_at_an_upstream_whose_endpoints_are_not_known() {
    insta::assert_snapshot!(of(Request::new("GET", "/search")
        .with("host", "shop.test")
        .with("accept", "*/*")));
}

#[test]
fn a_request_that_goes_with_others_and_endpoints_that_are_given() {
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"get"}"#.to_vec();
    let request = Request::new("POST", "/rpc").with_body(body);
    insta::assert_snapshot!(told(&Asked::from(request), &["b=10.0.1.1:80"]));
}

#[test]
fn a_split_by_its_key_and_one_that_is_drawn() {
    let sticky = of(Request::new("GET", "/release").with("x-user", "alice"));
    assert!(sticky.contains("of the split a 9, b 1: by its key, header x-user \"alice\""), "{sticky}");
    let drawn = of(Request::new("GET", "/release"));
    assert!(
        drawn
            .contains("of the split a 9, b 1: at random: the request has no header x-user; this is one draw"),
        "{drawn}"
    );
}

#[test]
fn a_request_that_no_route_is_for() {
    insta::assert_snapshot!(of(Request::new("GET", "/orders")));
}

#[test]
fn a_connect_is_shown_without_a_path() {
    let told = of(Request::connect("db.test:443").unwrap());
    assert!(told.starts_with("CONNECT  host db.test:443\n\nroute       none"), "{told}");
    assert!(told.contains("not orders (routes[0]): path is missing, wants below /orders\n"), "{told}");
}

#[test]
fn a_request_of_envoys_own_route() {
    let request = Request::new("GET", "/other").to_cluster("a");
    let told = of(request);
    assert!(told.contains("route       cluster:a: Envoy's own, by its cluster"), "{told}");
}

#[test]
fn a_path_that_envoy_may_change_first_is_noted() {
    let note = |path: &str| {
        let told = of(Request::new("GET", path).with("x-user", "alice"));
        ["normalize_path", "merge_slashes"].map(|setting| told.contains(setting))
    };
    for path in ["/a/../b", "/a/.", "/./a", "/a/%2E%2e/b", "/..//a"] {
        assert_eq!(note(path), [true, false], "{path}");
    }
    assert_eq!(note("/a//b"), [false, true]);
    for path in ["/a/b", "/a...b/.c", "/a?b=../x//y"] {
        assert_eq!(note(path), [false, false], "{path}");
    }
}

#[test]
fn where_a_log_says_that_it_went_is_compared() {
    let request = Request::new("GET", "/").with("x-user", "alice");
    let at = |address: &str| {
        told(&Asked { went_to: Some(address.to_owned()), ..Asked::from(request.clone()) }, &[])
    };
    assert!(at("10.0.0.1:80").contains("the log says that it went to 10.0.0.1:80: candidate "));
    assert!(at("10.9.9.9:80").contains("went to 10.9.9.9:80, which is none of the candidates"));
    let unknown = Request::new("GET", "/search").with("host", "shop.test");
    let told = told(&Asked { went_to: Some("10.9.9.9:80".to_owned()), ..Asked::from(unknown) }, &[]);
    assert!(told.contains("went to 10.9.9.9:80; the candidates are not known here"), "{told}");
}

#[test]
fn the_json_form_has_every_field() {
    let document = Prepared::of_tree(&tree(), &[]).unwrap();
    let asked = Asked::from(Request::new("GET", "/orders"));
    let account = serde_json::to_value(Account::of(&document, &asked, 0).unwrap()).unwrap();
    let fields: Vec<_> = account.as_object().unwrap().keys().map(String::as_str).collect();
    insta::assert_snapshot!(fields.join(" "));
    assert_eq!(account["explanation"], Value::Null);
    assert_eq!(account["passed"]["before"][0]["failed"][0]["part"], "method");
}

#[test]
fn a_cluster_that_a_section_stands_for_is_explained_as_it_is_once_it_is_followed() {
    let section = json!({
        "name": "mesh", "cluster_pattern": "outbound.*", "endpoints": {"envoy": {"admin_cluster": "admin"}},
        "balance": {"policy": "ring_hash", "hash_on": [{"header": "x-user"}]},
    });
    let tree = json!({"upstreams": [section], "routes": []});
    let file = File::parse("mesh.json", &tree.to_string()).unwrap();
    let cart = "outbound|80||cart";
    let given = format!("{cart}=10.0.0.1:80,10.0.0.2:80").parse().unwrap();
    let document = Prepared::of_file(&file, &[given], [cart, cart, "elsewhere"]).unwrap();
    let to = |cluster: &str| {
        let request = Request::new("GET", "/").with("x-user", "alice").to_cluster(cluster);
        Account::of(&document, &Asked::from(request), 0).unwrap()
    };
    let account = to(cart);
    let explanation = account.explanation.unwrap();
    assert_eq!((explanation.upstream.as_str(), explanation.policy.as_str()), (cart, "ring_hash"));
    assert_eq!(explanation.route, format!("cluster:{cart}"));
    assert!(explanation.text.contains(&format!("upstream={cart}; ")), "{}", explanation.text);
    assert_eq!((explanation.candidates.len(), account.cluster.as_deref()), (2, Some(cart)));
    assert!(account.notes.iter().any(|note| note.contains("cluster_pattern")), "{:?}", account.notes);
    assert!(to("elsewhere").explanation.is_none());
}
