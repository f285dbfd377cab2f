//! Which requests go by themselves.

use super::{Whole as _, asks, ids, key, post};
use std::collections::BTreeSet;
use switchyard_core::batch::{Bypass, MAX_KEY};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::Known;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn only_the_protocols_method_is_batched_and_case_counts() {
    let list = |method: &str| ids().whole("route", 7, &asks(method, "/items/1"), Known::nothing);
    assert!(key(&[], &asks("POST", "/a")).is_ok());
    assert!(list("GET").is_ok());
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "QUERY", "post", "POST ", ""] {
        assert_eq!(key(&[], &asks(method, "/a")), Err(Bypass::Method), "{method:?}");
    }
    for method in ["POST", "HEAD", "DELETE", "get", ""] {
        assert_eq!(list(method), Err(Bypass::Method), "{method:?}");
    }
    assert_eq!(key(&[], &PlainRequest::default()), Err(Bypass::Method));
}

#[test]
fn a_get_with_a_body_goes_by_itself_and_a_post_has_one() {
    let list = asks("GET", "/items/1");
    for (name, value) in [
        ("content-length", "2"),
        ("content-length", ""),
        ("content-length", "00"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(
            ids().whole("route", 7, &list.clone().with(name, value), Known::nothing),
            Err(Bypass::Body),
            "{name}: {value}"
        );
        assert!(key(&[], &post().with(name, value)).is_ok());
    }
    assert!(ids().whole("route", 7, &list.with("content-length", "0"), Known::nothing).is_ok());
}

#[test]
fn what_can_be_said_of_one_request_but_not_of_several_sends_it_by_itself() {
    let reasons = [
        ("upgrade", Bypass::Upgrade),
        (":protocol", Bypass::Upgrade),
        ("if-match", Bypass::Conditional),
        ("if-none-match", Bypass::Conditional),
        ("if-modified-since", Bypass::Conditional),
        ("if-unmodified-since", Bypass::Conditional),
        ("range", Bypass::Range),
        ("if-range", Bypass::Range),
        ("content-range", Bypass::Range),
        ("expect", Bypass::Expect),
        ("signature", Bypass::Signed),
        ("signature-input", Bypass::Signed),
        ("content-digest", Bypass::Signed),
        ("repr-digest", Bypass::Signed),
        ("digest", Bypass::Signed),
        ("content-md5", Bypass::Signed),
        ("x-amz-content-sha256", Bypass::Signed),
        ("idempotency-key", Bypass::Idempotency),
        ("x-idempotency-key", Bypass::Idempotency),
    ];
    for (name, reason) in reasons {
        for value in ["a", ""] {
            assert_eq!(key(&[], &post().with(name, value)), Err(reason), "{name}: {value:?}");
            assert_eq!(key(&[name], &post().with(name, value)), Err(reason), "{name}, in the key or not");
            let list = asks("GET", "/items/1").with(name, value);
            assert_eq!(ids().whole("route", 7, &list, Known::nothing), Err(reason), "{name}");
        }
    }
    assert_eq!(key(&[], &asks("CONNECT", "/a")), Err(Bypass::Upgrade));
}

#[test]
fn an_encoded_body_goes_by_itself() {
    for value in ["gzip", "br", "identity, gzip", "x", "identity;q=1"] {
        assert_eq!(
            key(&[], &post().with("content-encoding", value)),
            Err(Bypass::ContentEncoding),
            "{value}"
        );
    }
    let plain = key(&[], &post());
    for value in ["identity", "Identity", ""] {
        assert_eq!(key(&[], &post().with("content-encoding", value)), plain, "{value:?}");
    }
    let second = post().with("content-encoding", "identity").with("content-encoding", "gzip");
    assert_eq!(key(&[], &second), Err(Bypass::ContentEncoding));
}

#[test]
fn grpc_goes_by_itself() {
    for value in ["application/grpc", "application/grpc+json", "Application/GRPC-web", " application/grpc;x"]
    {
        assert_eq!(key(&[], &post().with("content-type", value)), Err(Bypass::Grpc), "{value}");
    }
    let second = post().with("content-type", "application/json").with("content-type", "application/grpc");
    assert_eq!(key(&[], &second), Err(Bypass::Grpc));
    assert!(key(&[], &post().with("content-type", "application/grp")).is_ok());
}

#[test]
fn a_head_that_a_call_could_not_have_goes_by_itself() {
    for (name, value) in [("x-name", b"caf\xe9".as_slice()), ("authorization", b"\xff"), (":path", b"/\xc0")]
    {
        assert_eq!(key(&[], &post().with(name, value)), Err(Bypass::NotText), "{name}");
    }
    assert!(key(&[], &post().with("x-name", "café")).is_ok());
}

#[test]
fn the_first_reason_counts() {
    let request = asks("GET", "/a").with("expect", "a").with("range", "b");
    assert_eq!(key(&[], &request), Err(Bypass::Method), "whatever else there is");
    let request = post().with("expect", "a").with("range", "b");
    assert_eq!(key(&[], &request), Err(Bypass::Expect));
}

#[test]
fn a_key_has_a_bound() {
    let with = |length: usize| key(&["a"], &post().with("a", "x".repeat(length)));
    let least = with(0).expect("a key").len();
    assert_eq!(with(MAX_KEY - least).map(|key| key.len()), Ok(MAX_KEY));
    assert_eq!(with(MAX_KEY - least + 1), Err(Bypass::KeyTooLong));
    let token = post().with("authorization", "x".repeat(MAX_KEY));
    assert_eq!(key(&[], &token), Err(Bypass::KeyTooLong));
}

#[test]
fn reasons_have_names_of_their_own() {
    let names = Bypass::ALL.map(Bypass::name);
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    assert_eq!(BTreeSet::from(names).len(), names.len(), "{names:?}");
}
