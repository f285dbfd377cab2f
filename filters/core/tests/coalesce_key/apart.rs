//! What tells requests apart.

use super::{asks, different, get, key, settings};
use switchyard_core::coalesce::{KeyPolicy, Settings};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::Known;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_same_request_has_the_same_key() {
    let request = || get().with("accept", "json").with("x-tenant", "anna");
    assert_eq!(different([key(&["x-tenant"], &request()), key(&["x-tenant"], &request())]), 1);
}

#[test]
fn what_is_not_in_the_key_makes_no_difference() {
    let plain = key(&[], &get());
    for name in ["user-agent", "x-request-id", "traceparent", "x-forwarded-for", "via"] {
        assert_eq!(key(&[], &get().with(name, "a")), plain, "{name}");
    }
}

#[test]
fn the_order_of_different_headers_makes_no_difference() {
    let one = get().with("accept", "a").with("x-tenant", "b").with("origin", "c");
    let other = get().with("origin", "c").with("x-tenant", "b").with("accept", "a");
    assert_eq!(different([key(&["x-tenant"], &one), key(&["x-tenant"], &other)]), 1);
}

#[test]
fn route_method_scheme_authority_and_path_with_query_tell_requests_apart() {
    let plain = PlainRequest::default();
    let requests = [
        get(),
        asks("HEAD", "/a"),
        asks("GET", "/A"),
        asks("GET", "/a/"),
        asks("GET", "/a?"),
        asks("GET", "/a?b"),
        asks("GET", "/a?B"),
        asks("GET", "/a;b"),
        asks("GET", "/%61"),
        asks("GET", "//a"),
        asks("GET", "/./a"),
        plain
            .clone()
            .with(":method", "GET")
            .with(":scheme", "http")
            .with(":authority", "x.test")
            .with(":path", "/a"),
        plain.clone().with(":method", "GET").with(":authority", "x.test").with(":path", "/a"),
        plain
            .clone()
            .with(":method", "GET")
            .with(":scheme", "https")
            .with(":authority", "X.test")
            .with(":path", "/a"),
        // A client that could choose the port would choose the links in another's answer.
        plain
            .clone()
            .with(":method", "GET")
            .with(":scheme", "https")
            .with(":authority", "x.test:1337")
            .with(":path", "/a"),
        plain.clone().with(":method", "GET").with(":scheme", "https").with(":path", "/a"),
        plain
            .clone()
            .with(":method", "GET")
            .with(":scheme", "https")
            .with(":authority", "")
            .with(":path", "/a"),
        plain.with(":method", "GET").with(":scheme", "https").with(":authority", "x.test"),
    ];
    assert_eq!(different(requests.iter().map(|request| key(&[], request))), requests.len());
    let routes = ["route", "Route", "", "route\0"];
    assert_eq!(
        different(routes.map(|route| settings(&[]).key(route, &get(), None, Known::nothing))),
        routes.len()
    );
}

#[test]
fn accept_headers_are_in_the_key_unasked() {
    let plain = key(&[], &get());
    for name in [
        "accept",
        "accept-encoding",
        "accept-language",
        "accept-charset",
        "accept-datetime",
        "accept-version",
    ] {
        let keys = [plain.clone(), key(&[], &get().with(name, "")), key(&[], &get().with(name, "a"))];
        assert_eq!(different(keys), 3, "{name}");
    }
    let keys = ["accept", "accept-encoding", "accept-language"].map(|name| key(&[], &get().with(name, "a")));
    assert_eq!(different(keys), 3, "and which of them it is counts");
}

#[test]
fn headers_that_change_answers_behind_the_keys_back_are_in_it_unasked() {
    let names = [
        "origin",
        "forwarded",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-prefix",
        "x-host",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "x-method-override",
        "prefer",
        "x-requested-with",
    ];
    let with = |name: &&str| key(&[], &get().with(name, "evil.test"));
    let keys = names.iter().map(with).chain([key(&[], &get())]);
    assert_eq!(different(keys), names.len() + 1);
}

#[test]
fn who_asks_in_other_words_than_authorization_is_in_the_key_unasked() {
    for name in ["x-api-key", "x-auth-token", "x-forwarded-client-cert", "x-forwarded-user", "x-remote-user"]
    {
        let keys =
            [key(&[], &get()), key(&[], &get().with(name, "anna")), key(&[], &get().with(name, "bert"))];
        assert_eq!(different(keys), 3, "{name}");
    }
}

#[test]
fn a_header_is_compared_with_all_its_values_in_order() {
    let with =
        |values: &[&str]| key(&["a"], &values.iter().fold(get(), |request, value| request.with("a", value)));
    let keys = [
        with(&[]),
        with(&[""]),
        with(&["", ""]),
        with(&["x"]),
        with(&["X"]),
        with(&["x", "y"]),
        with(&["y", "x"]),
        with(&["x", ""]),
        with(&["", "x"]),
        with(&["xy"]),
        with(&["x,y"]),
        with(&["x, y"]),
        with(&["x", "x"]),
    ];
    let all = keys.len();
    assert_eq!(different(keys), all);
}

#[test]
fn where_one_part_ends_and_the_next_begins_makes_a_difference() {
    let both = |one: &[&str], two: &[&str]| {
        let request = one.iter().fold(get(), |request, value| request.with("a", value));
        key(&["a", "b"], &two.iter().fold(request, |request, value| request.with("b", value)))
    };
    assert_eq!(different([both(&["x", "y"], &[]), both(&["x"], &["y"]), both(&[], &["x", "y"])]), 3);
    let target = |authority: &str, path: &str| {
        let request = PlainRequest::get(path).with(":scheme", "https").with(":authority", authority);
        settings(&[]).key("", &request, None, Known::nothing)
    };
    assert_eq!(
        different([target("a", "/bc"), target("a/", "bc"), target("", "a/bc"), target("a/bc", "")]),
        4
    );
    let named =
        |route: &str, method: &str| settings(&[]).key(route, &asks(method, "/"), None, Known::nothing);
    assert_eq!(different([named("r", "GET"), named("rG", "GET"), named("r", "HEAD")]), 3);
}

#[test]
fn values_that_are_no_text_are_compared_too() {
    let keys = [&b"\xff"[..], b"\xfe", b"\xc3\xa4", b"\xef\xbf\xbd", b"\0"]
        .map(|value| key(&["a"], &get().with("a", value)));
    assert_eq!(different(keys), 5);
}

#[test]
fn two_configurations_that_tell_different_requests_apart_share_no_key() {
    let request = get().with("a", "1");
    let open = Settings {
        key: KeyPolicy { share_across_principals: true, ..KeyPolicy::default() },
        ..Settings::default()
    };
    let keys = [
        key(&[], &request),
        key(&["a"], &request),
        key(&["b"], &request),
        key(&["a", "b"], &request),
        open.key("route", &request, None, Known::nothing),
    ];
    assert_eq!(different(keys), 5, "after a reload both may be in force");
    assert_eq!(different([key(&["b"], &get()), key(&[], &get())]), 2, "even of requests without the header");
}

#[test]
fn of_a_target_that_is_there_twice_the_first_counts() {
    for name in [":method", ":scheme", ":authority", ":path"] {
        assert_eq!(key(&[], &get().with(name, "other")), key(&[], &get()), "{name}");
    }
}
