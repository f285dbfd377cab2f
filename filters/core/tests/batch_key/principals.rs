//! Who asks.

use super::{Whole as _, asks, different, ids, key, key_of, names, post, settings};
use switchyard_core::batch::KeyPolicy;
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::{KeyRules, Known};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const USUAL: [&str; 13] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "openai-organization",
    "openai-project",
    "x-auth-token",
    "x-forwarded-client-cert",
    "x-forwarded-user",
    "x-remote-user",
];

fn mixing(request: &PlainRequest) -> super::Key {
    settings(KeyPolicy { mixes_principals: true, ..KeyPolicy::default() }).whole(
        "route",
        7,
        request,
        Known::nothing,
    )
}

#[test]
fn who_asks_is_in_every_key_unasked() {
    for name in USUAL {
        let with = |value: &str| post().with(name, value);
        let requests =
            [post(), with(""), with("anna"), with("Anna"), with("bert"), with("anna").with(name, "bert")];
        assert_eq!(different(requests.iter().map(|request| key(&[], request))), 6, "{name}");
        let list =
            |value: &str| ids().whole("route", 7, &asks("GET", "/items/1").with(name, value), Known::nothing);
        assert_eq!(different([list("anna"), list("bert")]), 2, "{name}");
    }
    let keys = USUAL.map(|name| key(&[], &post().with(name, "anna")));
    assert_eq!(different(keys), USUAL.len(), "and which header says so counts");
}

#[test]
fn the_same_principal_shares_calls() {
    let request = || post().with("authorization", "anna").with("cookie", "a=1").with("cookie", "b=2");
    assert_eq!(different([key(&[], &request()), key(&[], &request().with("user-agent", "b"))]), 1);
}

#[test]
fn with_the_dangerous_flag_principals_do_not_matter() {
    for name in USUAL {
        let requests = [post(), post().with(name, "anna"), post().with(name, "bert")];
        assert_eq!(different(requests.iter().map(mixing)), 1, "{name}");
    }
    let [one, other] = ["a", "b"].map(|value| mixing(&post().with("accept", value).with("cookie", "anna")));
    assert_eq!(different([one, other]), 2, "all else does");
}

#[test]
fn configured_headers_say_who_asks_instead_of_the_usual_ones() {
    let with = |user: &str, token: &str| {
        key_of(&["x-user"], &post().with("x-user", user).with("authorization", token))
    };
    assert_eq!(different([with("anna", "1"), with("anna", "2")]), 1, "two tokens of one user");
    assert_eq!(different([with("anna", "1"), with("bert", "1"), with("Anna", "1")]), 3);
    let both = |one: &str, two: &str| {
        key_of(&["x-user", "x-tenant"], &post().with("x-user", one).with("x-tenant", two))
    };
    assert_eq!(different([both("a", "b"), both("b", "a"), both("a", ""), both("", "a"), both("ab", "")]), 5);
    let one = |name: &str| key_of(&["x-user", "x-tenant"], &post().with(name, "a"));
    assert_eq!(different([one("x-user"), one("x-tenant"), both("a", ""), both("", "a")]), 4);
}

#[test]
fn without_a_configured_header_the_usual_ones_stand_in() {
    let requests = [post(), post().with("authorization", "1"), post().with("authorization", "2")];
    assert_eq!(different(requests.iter().map(|request| key_of(&["x-user"], request))), 3);
    for nothing in ["", " ", "\t"] {
        let empty =
            requests.iter().map(|request| key_of(&["x-user"], &request.clone().with("x-user", nothing)));
        assert_eq!(different(empty), 3, "a header without a value names nobody: {nothing:?}");
    }
    let second = |token: &str| post().with("x-user", "").with("x-user", "anna").with("authorization", token);
    assert_eq!(
        different(["1", "2"].map(|token| key_of(&["x-user"], &second(token)))),
        1,
        "any of its values does"
    );
}

#[test]
fn nobody_can_pretend_to_be_another_by_where_a_value_stands() {
    let requests = [
        post().with("authorization", "anna").with("cookie", ""),
        post().with("authorization", "").with("cookie", "anna"),
        post().with("authorization", "annacookie"),
        post().with("authorization", "anna").with("authorization", "cookie"),
        post().with("authorization", "anna, cookie"),
        post().with("x-user", "authorization").with("authorization", "anna"),
        post().with("x-user", "anna"),
        post().with("cookie", "authorization=anna"),
        post().with("accept", "authorization").with("cookie", "anna"),
    ];
    assert_eq!(different(requests.iter().map(|request| key_of(&["x-user"], request))), requests.len());
    let policy = |headers: &[&str], principal: &[&str]| KeyPolicy {
        rules: KeyRules { headers: names(headers), ..KeyRules::default() },
        principal: names(principal),
        ..KeyPolicy::default()
    };
    let keys = [(vec!["x-user"], vec![]), (vec![], vec!["x-user"])].map(|(headers, principal)| {
        settings(policy(&headers, &principal)).whole(
            "route",
            7,
            &post().with("x-user", "anna"),
            Known::nothing,
        )
    });
    assert_eq!(different(keys), 2);
}

#[test]
fn a_cookie_in_two_lines_is_told_from_one_in_one() {
    let keys = [
        key(&[], &post().with("cookie", "a=1; b=2")),
        key(&[], &post().with("cookie", "a=1").with("cookie", "b=2")),
        key(&[], &post().with("cookie", "b=2").with("cookie", "a=1")),
    ];
    assert_eq!(different(keys), 3, "whether a server takes them for the same is not known");
}
