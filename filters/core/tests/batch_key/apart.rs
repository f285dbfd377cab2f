//! What tells requests apart.

use super::{Whole as _, asks, different, ids, key, post, settings};
use switchyard_core::batch::KeyPolicy;
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::Known;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn what_is_not_in_the_key_makes_no_difference() {
    let plain = key(&[], &post());
    for name in [
        "user-agent",
        "x-request-id",
        "traceparent",
        "tracestate",
        "x-b3-traceid",
        "x-forwarded-for",
        "accept-encoding",
        "grpc-timeout",
        "content-length",
        "transfer-encoding",
        "te",
    ] {
        assert_eq!(key(&[], &post().with(name, "a")), plain, "{name}");
    }
}

#[test]
fn the_order_of_different_headers_makes_no_difference() {
    let one = post().with("accept", "a").with("x-tenant", "b").with("cookie", "c").with("x-api-key", "d");
    let other = post().with("x-api-key", "d").with("cookie", "c").with("x-tenant", "b").with("accept", "a");
    assert_eq!(different([key(&["x-tenant"], &one), key(&["x-tenant"], &other)]), 1);
}

#[test]
fn configuration_route_scheme_authority_and_path_with_query_tell_requests_apart() {
    let bare = || PlainRequest::default().with(":method", "POST");
    let requests = [
        post(),
        asks("POST", "/A"),
        asks("POST", "/a/"),
        asks("POST", "/a?"),
        asks("POST", "/a?b"),
        asks("POST", "/%61"),
        bare().with(":scheme", "http").with(":authority", "x.test").with(":path", "/a"),
        bare().with(":authority", "x.test").with(":path", "/a"),
        bare().with(":scheme", "https").with(":authority", "X.test").with(":path", "/a"),
        bare().with(":scheme", "https").with(":authority", "x.test:1337").with(":path", "/a"),
        bare().with(":scheme", "https").with(":path", "/a"),
        bare().with(":scheme", "https").with(":authority", "").with(":path", "/a"),
        bare().with(":scheme", "https").with(":authority", "x.test"),
    ];
    assert_eq!(different(requests.iter().map(|request| key(&[], request))), requests.len());
    let of = |route: &str, configuration: u64| {
        settings(KeyPolicy::default()).whole(route, configuration, &post(), Known::nothing)
    };
    let all =
        [of("a", 1), of("b", 1), of("", 1), of("a\0", 1), of("a", 2), of("a", 1 << 63), of("a", 1 << 8)];
    assert_eq!(different(all), 7);
}

#[test]
fn a_group_stands_for_the_path_of_lists_of_ids_and_completes_the_key() {
    let settings = ids();
    let whole = |path: &str| {
        let request = asks("GET", path);
        let head = settings.key("route", 7, &request)?;
        let part = settings.protocol.read(b"GET", path.as_bytes(), b"").expect("a part");
        settings.complete(head, &part, Known::nothing)
    };
    assert_eq!(different([whole("/items/1"), whole("/items?ids=2,3"), whole("/items?ids=4")]), 1);
    assert_eq!(different([whole("/items/1"), whole("/items/1?lang=de"), whole("/items/1?lang=en")]), 3);
    let post = |body: &[u8]| settings_of_embeddings(body);
    assert_eq!(different([post(br#"{"model":"a","input":"x"}"#), post(br#"{"input":"y","model":"a"}"#)]), 1);
    assert_eq!(different([post(br#"{"model":"a","input":"x"}"#), post(br#"{"model":"b","input":"x"}"#)]), 2);
}

fn settings_of_embeddings(body: &[u8]) -> super::Key {
    use switchyard_core::batch::{Embeddings, Protocol, Settings};
    let settings = Settings::new(Protocol::Embeddings(Embeddings::default()));
    let head = settings.key("route", 7, &post())?;
    settings.complete(head, &settings.protocol.read(b"POST", b"/a", body).expect("a part"), Known::nothing)
}

#[test]
fn what_answers_are_chosen_or_made_by_is_in_the_key_unasked() {
    let names = [
        "accept",
        "accept-language",
        "accept-version",
        "content-type",
        "content-language",
        "origin",
        "forwarded",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-original-url",
        "x-http-method-override",
        "prefer",
        "cache-control",
        "pragma",
        "connection",
        "host",
    ];
    for name in names {
        let keys = [key(&[], &post()), key(&[], &post().with(name, "")), key(&[], &post().with(name, "a"))];
        assert_eq!(different(keys), 3, "{name}");
    }
    let keys = names.map(|name| key(&[], &post().with(name, "a")));
    assert_eq!(different(keys), names.len(), "and which of them it is counts");
}

#[test]
fn a_header_is_compared_with_all_its_values_in_order() {
    let all: [&[&str]; 11] = [
        &[],
        &[""],
        &["", ""],
        &["x"],
        &["X"],
        &["x", "y"],
        &["y", "x"],
        &["x", ""],
        &["xy"],
        &["x,y"],
        &["x", "x"],
    ];
    for name in ["a", "accept", "authorization", "cookie"] {
        let with = |values: &[&str]| {
            key(&["a"], &values.iter().fold(post(), |request, value| request.with(name, value)))
        };
        assert_eq!(different(all.map(with)), all.len(), "{name}");
    }
}

#[test]
fn where_one_part_ends_and_the_next_begins_makes_a_difference() {
    let both = |one: &[&str], two: &[&str]| {
        let request = one.iter().fold(post(), |request, value| request.with("a", value));
        key(&["a", "b"], &two.iter().fold(request, |request, value| request.with("b", value)))
    };
    assert_eq!(different([both(&["x", "y"], &[]), both(&["x"], &["y"]), both(&[], &["x", "y"])]), 3);
    let target = |authority: &str, path: &str| {
        let request = PlainRequest::default().with(":method", "POST").with(":authority", authority);
        key(&[], &request.with(":path", path))
    };
    assert_eq!(
        different([target("a", "/bc"), target("a/", "bc"), target("", "a/bc"), target("a/bc", "")]),
        4
    );
    let keys = [
        key(&[], &post().with("accept", "cookie").with("cookie", "a")),
        key(&[], &post().with("accept", "a").with("cookie", "cookie")),
        key(&["a"], &post().with("a", "cookie").with("cookie", "a")),
    ];
    assert_eq!(different(keys), 3);
}

#[test]
fn values_that_only_look_alike_are_different() {
    let keys = ["\u{e4}", "a\u{308}", "\u{fffd}", "\0"].map(|value| key(&["a"], &post().with("a", value)));
    assert_eq!(different(keys), 4);
}

#[test]
fn of_a_target_that_is_there_twice_the_first_counts() {
    for name in [":method", ":scheme", ":authority", ":path"] {
        assert_eq!(key(&[], &post().with(name, "other")), key(&[], &post()), "{name}");
    }
}
