//! Which requests go by themselves.

use super::{asks, different, get, key, settings, with_body};
use std::collections::BTreeSet;
use switchyard_core::coalesce::{Bypass, KeyPolicy, MAX_KEY, Settings};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::Known;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn only_get_and_head_are_coalesced_and_case_counts() {
    for method in ["GET", "HEAD"] {
        assert!(key(&[], &asks(method, "/a")).is_ok(), "{method}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "QUERY", "get", "Get", "GET ", ""] {
        assert_eq!(key(&[], &asks(method, "/a")), Err(Bypass::Method), "{method:?}");
    }
    assert_eq!(key(&[], &PlainRequest::default()), Err(Bypass::Method));
}

#[test]
fn a_post_is_coalesced_by_its_body_if_the_route_says_so() {
    let post = asks("POST", "/a").with("content-length", "5");
    let hashed =
        |settings: &Settings, hash: [u8; 32]| settings.key("route", &post, Some(&hash), Known::nothing);
    assert_eq!(hashed(&settings(&[]), [1; 32]), Err(Bypass::Method));
    assert_eq!(different([hashed(&with_body(), [1; 32]), hashed(&with_body(), [1; 32])]), 1);
    let mut last = [1; 32];
    last[31] = 2;
    assert_eq!(different([[0; 32], [1; 32], [2; 32], last].map(|hash| hashed(&with_body(), hash))), 4);
    assert_eq!(
        with_body().key("route", &post, None, Known::nothing),
        Err(Bypass::Body),
        "nobody has read it"
    );
    for method in ["PUT", "DELETE", "PATCH"] {
        let refused = with_body().key("route", &asks(method, "/a"), Some(&[1; 32]), Known::nothing);
        assert_eq!(refused, Err(Bypass::Method), "{method}");
    }
}

#[test]
fn a_get_with_a_body_goes_by_itself() {
    for method in ["GET", "HEAD"] {
        for (name, value) in [
            ("content-length", "2"),
            ("content-length", ""),
            ("content-length", "00"),
            ("transfer-encoding", "chunked"),
        ] {
            assert_eq!(key(&[], &asks(method, "/a").with(name, value)), Err(Bypass::Body), "{name}: {value}");
        }
        assert_eq!(
            with_body().key("route", &asks(method, "/a"), Some(&[0; 32]), Known::nothing),
            Err(Bypass::Body)
        );
        assert!(key(&[], &asks(method, "/a").with("content-length", "0")).is_ok());
    }
    let twice = get().with("content-length", "0").with("content-length", "5");
    assert_eq!(key(&[], &twice), Err(Bypass::Body));
}

#[test]
fn a_request_with_credentials_goes_by_itself_unless_they_are_in_the_key() {
    for name in ["authorization", "proxy-authorization", "cookie"] {
        let as_user = |value: &str| get().with(name, value);
        assert_eq!(key(&[], &as_user("anna")), Err(Bypass::Credentials), "{name}");
        assert_eq!(key(&[], &as_user("")), Err(Bypass::Credentials), "{name}: empty, but there");
        assert_eq!(key(&["x-user"], &as_user("anna")), Err(Bypass::Credentials), "{name}");
        let keys = [as_user("anna"), as_user("bert"), as_user("Anna"), as_user(""), get()];
        assert_eq!(different(keys.map(|request| key(&[name], &request))), 5, "{name}");
    }
    let both = get().with("authorization", "anna").with("cookie", "a=1");
    assert_eq!(key(&["authorization"], &both), Err(Bypass::Credentials));
    assert_eq!(key(&["cookie"], &both), Err(Bypass::Credentials));
    assert!(key(&["cookie", "authorization"], &both).is_ok());
}

#[test]
fn with_the_dangerous_flag_credentials_neither_matter_nor_keep_a_request_out() {
    let key = KeyPolicy { share_across_principals: true, ..KeyPolicy::default() };
    let open = Settings { key, ..Settings::default() };
    let requests = [get(), get().with("authorization", "anna"), get().with("cookie", "bert")];
    assert_eq!(different(requests.iter().map(|request| open.key("route", request, None, Known::nothing))), 1);
}

#[test]
fn requests_for_a_part_or_under_a_condition_go_by_themselves_unless_it_is_in_the_key() {
    let reasons = [
        ("range", Bypass::Range),
        ("if-range", Bypass::Range),
        ("if-match", Bypass::Conditional),
        ("if-unmodified-since", Bypass::Conditional),
    ];
    for (name, reason) in reasons {
        assert_eq!(key(&[], &get().with(name, "a")), Err(reason), "{name}");
        assert_eq!(key(&[], &get().with(name, "")), Err(reason), "{name}: empty, but there");
        let keys =
            [get().with(name, "a"), get().with(name, "b"), get()].map(|request| key(&[name], &request));
        assert_eq!(different(keys), 3, "{name}");
    }
}

#[test]
fn a_tunnel_or_another_protocol_is_never_shared() {
    assert_eq!(key(&[], &asks("CONNECT", "/a")), Err(Bypass::Upgrade));
    assert_eq!(
        key(&["upgrade"], &get().with("upgrade", "websocket")),
        Err(Bypass::Upgrade),
        "in the key or not"
    );
    assert_eq!(
        with_body().key("route", &asks("CONNECT", "/a"), Some(&[0; 32]), Known::nothing),
        Err(Bypass::Upgrade)
    );
}

#[test]
fn a_request_that_must_not_be_stored_goes_by_itself() {
    for value in
        ["no-store", "NO-STORE", "max-age=5, no-store", " no-store ,x", "no-store=1", "a=\"b,no-store,c\""]
    {
        assert_eq!(key(&[], &get().with("cache-control", value)), Err(Bypass::NoStore), "{value:?}");
    }
    let twice = get().with("cache-control", "max-age=5").with("cache-control", "no-store");
    assert_eq!(key(&[], &twice), Err(Bypass::NoStore), "in the second line of two");
    for value in ["", "no-storeroom", "x-no-store", "private", "max-stale"] {
        assert!(key(&[], &get().with("cache-control", value)).is_ok(), "{value:?}");
    }
}

#[test]
fn a_request_for_what_is_stored_alone_neither_leads_nor_waits() {
    let request = get().with("cache-control", "only-if-cached");
    for honour_no_cache in [false, true] {
        let settings = Settings { honour_no_cache, ..Settings::default() };
        assert_eq!(settings.key("route", &request, None, Known::nothing), Err(Bypass::OnlyIfCached));
    }
}

#[test]
fn a_client_that_wants_an_answer_of_its_own_gets_one_if_the_route_says_so() {
    let own = Settings { honour_no_cache: true, ..Settings::default() };
    let wants = |name, value: &str| {
        own.key("route", &get().with(name, value), None, Known::nothing) == Err(Bypass::NoCache)
    };
    for value in [
        "no-cache",
        "No-Cache",
        "max-age=0",
        "max-age=00",
        "Max-Age=\"0\"",
        "x, no-cache",
        "max-age=5, max-age=0",
    ] {
        assert!(wants("cache-control", value), "{value:?}");
        assert!(key(&[], &get().with("cache-control", value)).is_ok(), "{value:?} by default");
    }
    for value in ["max-age=x", "max-age", "max-age=-1", "max-age=0.5"] {
        assert!(wants("cache-control", value), "{value:?}: nobody knows, so it does");
    }
    for value in ["", "max-age=1", "max-age=99999999999999999999999", "max-stale=0", "no-transform"] {
        assert!(!wants("cache-control", value), "{value:?}");
    }
    assert!(wants("pragma", "no-cache") && !wants("pragma", "x"));
    let both = get().with("pragma", "no-cache").with("cache-control", "max-age=5");
    assert!(own.key("route", &both, None, Known::nothing).is_ok(), "the new way counts");
}

#[test]
fn a_key_has_a_bound() {
    let with = |length: usize| key(&["a"], &get().with("a", "x".repeat(length)));
    let least = with(0).expect("a key").len();
    assert_eq!(with(MAX_KEY - least).map(|key| key.len()), Ok(MAX_KEY));
    assert_eq!(with(MAX_KEY - least + 1), Err(Bypass::KeyTooLong));
    assert_eq!(key(&[], &asks("GET", &"/".repeat(MAX_KEY))), Err(Bypass::KeyTooLong));
}

#[test]
fn reasons_have_names_of_their_own() {
    let names = Bypass::ALL.map(Bypass::name);
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    assert_eq!(BTreeSet::from(names).len(), names.len(), "{names:?}");
}
