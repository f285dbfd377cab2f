//! What clients are told of the answer's headers.

use switchyard_core::batch::{is_readable, relayed};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn answer() -> PlainRequest {
    PlainRequest::default().with(":status", "200")
}

fn is_relayed(name: &str, mixed: bool) -> bool {
    let answer = answer().with(name, "a").with("b", "c");
    let all: Vec<_> = relayed(&answer, mixed).collect();
    assert!(all.contains(&(b"b", b"c")), "{name} spoils another");
    all.contains(&(name.as_bytes(), b"a"))
}

#[test]
fn what_holds_for_every_client_is_relayed() {
    for name in [
        "cache-control",
        "expires",
        "vary",
        "age",
        "retry-after",
        "ratelimit-remaining",
        "x-ratelimit-limit-requests",
        "www-authenticate",
        "server-timing",
        "access-control-allow-origin",
        "content-security-policy",
        "content-security-policy-report-only",
        "x-request-id",
        "openai-model",
        "deprecation",
    ] {
        assert!(is_relayed(name, false) && is_relayed(name, true), "{name}");
    }
    let twice = answer().with("a", "1").with("b", "2").with("a", "3");
    let all: Vec<_> = relayed(&twice, true).collect();
    assert_eq!(all, [(&b"a"[..], &b"1"[..]), (b"b", b"2"), (b"a", b"3")], "in order, and repeated");
}

#[test]
fn what_describes_the_body_of_the_call_or_one_hop_is_not() {
    for name in [
        ":status",
        "content-length",
        "content-type",
        "content-encoding",
        "content-range",
        "content-location",
        "content-language",
        "content-disposition",
        "content-digest",
        "content-md5",
        "digest",
        "repr-digest",
        "signature",
        "etag",
        "last-modified",
        "accept-ranges",
        "transfer-encoding",
        "trailer",
        "connection",
        "keep-alive",
        "upgrade",
        "proxy-authenticate",
        "x-envoy-upstream-service-time",
        "x-envoy-attempt-count",
        "x-envoy-overloaded",
        "x-switchyard-batch",
    ] {
        assert!(!is_relayed(name, false) && !is_relayed(name, true), "{name}");
    }
    let named = answer().with("x-one", "1").with("connection", "X-One, close").with("x-two", "2");
    assert_eq!(relayed(&named, false).collect::<Vec<_>>(), [(&b"x-two"[..], &b"2"[..])]);
}

#[test]
fn what_is_one_clients_is_relayed_to_that_one_alone() {
    for name in ["set-cookie", "set-cookie2", "clear-site-data", "link", "location", "refresh"] {
        assert!(is_relayed(name, false), "{name}");
        assert!(!is_relayed(name, true), "{name}");
    }
}

#[test]
fn an_encoded_or_partial_answer_cannot_be_read() {
    for encoding in ["", "identity", "Identity", "identity, identity", " , "] {
        assert!(is_readable(&answer().with("content-encoding", encoding)), "{encoding:?}");
    }
    for encoding in ["gzip", "identity, br", "x", "identity;q=1"] {
        assert!(!is_readable(&answer().with("content-encoding", encoding)), "{encoding:?}");
    }
    assert!(is_readable(&answer()));
    let second = answer().with("content-encoding", "identity").with("content-encoding", "gzip");
    assert!(!is_readable(&second));
    assert!(!is_readable(&answer().with("content-range", "bytes 0-1/9")));
}
