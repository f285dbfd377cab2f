//! The head of the call.

use super::{joined, post};
use core::time::Duration;
use switchyard_core::batch::call_headers;
use switchyard_core::deadline::TimeLeft;
use switchyard_core::request::PlainRequest;
use switchyard_core::retry::STEERING_HEADERS;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What the call of a batch with this first request says besides pseudo-headers, one `name: value` each.
fn says(first: &PlainRequest) -> Vec<String> {
    let (joined, left) = (joined(None), TimeLeft::new(Duration::from_millis(250), false));
    let headers = call_headers(first, &joined, &left, None).expect("headers");
    headers.iter().skip(4).map(|(name, value)| format!("{name}: {value}")).collect()
}

/// What of the first request's own the call says.
fn keeps(name: &str, value: &str) -> bool {
    says(&post().with(name, value)) == [&format!("{name}: {value}"), "accept-encoding: identity"]
}

#[test]
fn a_call_is_what_its_first_request_was() {
    for name in [
        "content-type",
        "authorization",
        "proxy-authorization",
        "cookie",
        "accept",
        "x-request-id",
        "traceparent",
        "tracestate",
        "b3",
        "x-b3-traceid",
        "x-forwarded-for",
        "user-agent",
        "x-tenant",
        "iffy",
    ] {
        assert!(keeps(name, "a"), "{name}");
    }
    let twice = post().with("cookie", "a=1").with("x", "").with("cookie", "b=2");
    assert_eq!(says(&twice), ["cookie: a=1", "x: ", "cookie: b=2", "accept-encoding: identity"]);
}

#[test]
fn pseudo_headers_come_first_and_the_path_is_the_batchs() {
    let first = PlainRequest::default().with("a", "1").with(":path", "/items/1").with(":method", "GET");
    let first = first.with("b", "2").with(":authority", "x.test").with(":scheme", "http");
    let left = TimeLeft::new(Duration::from_secs(1), false);
    for (path, expected) in [(Some("/items?ids=1,2"), "/items?ids=1,2"), (None, "/items/1")] {
        let joined = joined(path);
        let headers = call_headers(&first, &joined, &left, None).expect("headers");
        let all = [
            (":path", expected),
            (":method", "GET"),
            (":authority", "x.test"),
            (":scheme", "http"),
            ("a", "1"),
            ("b", "2"),
            ("accept-encoding", "identity"),
        ];
        assert_eq!(headers, all);
    }
}

#[test]
fn what_is_of_one_request_or_one_hop_is_left_out() {
    let own = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "content-length",
        "content-encoding",
        "content-digest",
        "expect",
        "range",
        "if-range",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
        "signature",
        "idempotency-key",
        "host",
        "accept-encoding",
        "x-gateway-destination-endpoint",
        "x-switchyard-cluster",
        "x-switchyard-anything",
        "x-envoy-attempt-count",
        "x-envoy-expected-rq-timeout-ms",
        "x-envoy-internal",
        "x-envoy-original-path",
    ];
    for name in own.into_iter().chain(STEERING_HEADERS) {
        assert_eq!(
            says(&post().with(name, "1").with("a", "b")),
            ["a: b", "accept-encoding: identity"],
            "{name}"
        );
    }
}

#[test]
fn headers_that_connection_names_are_of_one_hop() {
    let first = post().with("x-one", "1").with("connection", "close, X-One").with("connection", "x-three");
    let first = first.with("x-two", "2").with("x-three", "3");
    assert_eq!(says(&first), ["x-two: 2", "accept-encoding: identity"]);
}

#[test]
fn the_time_that_is_left_takes_the_place_of_what_the_first_had() {
    let joined = joined(None);
    let left = TimeLeft::new(Duration::from_micros(250_900), false);
    let first = post()
        .with("x-deadline", "5000")
        .with("x-deadline", "7000")
        .with("grpc-timeout", "9S")
        .with("a", "b");
    let all = call_headers(&first, &joined, &left, Some("x-deadline")).expect("headers");
    let expected =
        [("a", "b"), ("accept-encoding", "identity"), ("grpc-timeout", "250900u"), ("x-deadline", "250")];
    assert_eq!(all.iter().skip(4).copied().collect::<Vec<_>>(), expected);
    let none = call_headers(&first, &joined, &left, None).expect("headers");
    assert!(none.contains(&("x-deadline", "5000")), "not configured, and so nothing to us");
    let added = post();
    let added = call_headers(&added, &joined, &left, Some("x-deadline")).expect("headers");
    assert!(added.contains(&("x-deadline", "250")), "another request of the batch may have had one");
    assert!(!added.iter().any(|(name, _)| *name == "grpc-timeout"));
    let over = TimeLeft::new(Duration::ZERO, false);
    let over = call_headers(&first, &joined, &over, Some("x-deadline")).expect("headers");
    assert!(over.contains(&("x-deadline", "1")), "0 would be no deadline");
    // A client's own word for it is nobody's.
    let forged = post().with("x-switchyard-client-limit", "1");
    let says = |left: &TimeLeft| {
        let headers = call_headers(&forged, &joined, left, None).expect("headers");
        let said: Vec<_> = headers.iter().filter(|(name, _)| *name == "x-switchyard-client-limit").collect();
        said.iter().map(|(_, value)| (*value).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(says(&left), [""; 0]);
    assert_eq!(says(&TimeLeft::new(Duration::from_millis(60), true)), ["60"], "whose limit it is goes along");
}

#[test]
fn what_is_no_text_cannot_be_sent() {
    let left = TimeLeft::new(Duration::from_secs(1), false);
    assert_eq!(call_headers(&post().with("a", b"\xff"), &joined(None), &left, None), None);
    assert!(call_headers(&post().with("range", b"\xff"), &joined(None), &left, None).is_some(), "nor is it");
}
