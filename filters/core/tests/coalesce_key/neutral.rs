//! Which headers are in no key, and what becomes of those that mean one thing in several ways.

use super::{Key, different, get, key};
use switchyard_core::request_key::neutral::{NEUTRAL, NEUTRAL_BEGINNINGS, reason};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Of browsers, libraries, proxies and services: what shapes an answer or says who asks.
const SHAPES: [&str; 53] = [
    "accept",
    "api-key",
    "apikey",
    "authorization-info",
    "baggage",
    "cf-ipcountry",
    "content-encoding",
    "content-language",
    "content-type",
    "device-memory",
    "forwarded",
    "grpc-timeout",
    "host",
    "openai-organization",
    "origin",
    "private-token",
    "remote-user",
    "save-data",
    "sec-ch-prefers-color-scheme",
    "sec-ch-ua-mobile",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "soapaction",
    "upgrade-insecure-requests",
    "x-amzn-oidc-identity",
    "x-anything-that-nobody-thought-of",
    "x-auth-request-email",
    "x-auth-request-user",
    "x-consumer-id",
    "x-envoy-internal",
    "x-envoy-max-retries",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-forwarded-access-token",
    "x-forwarded-groups",
    "x-forwarded-host",
    "x-forwarded-id-token",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-port",
    "x-forwarded-preferred-username",
    "x-forwarded-proto",
    "x-forwarded-uri",
    "x-gateway-destination-endpoint",
    "x-goog-authenticated-user-email",
    "x-http-method-override",
    "x-jwt-payload",
    "x-ms-client-principal-name",
    "x-original-url",
    "x-tenant-id",
    "x-user",
    "x-vault-token",
];

#[test]
fn a_header_that_is_not_known_to_be_neutral_tells_requests_apart() {
    for name in SHAPES {
        assert_eq!(reason(name.as_bytes()), None, "{name}");
        let keys = ["anna", "bert"].map(|value| key(&[], &get().with(name, value)));
        assert_eq!(different(keys.into_iter().chain([key(&[], &get())])), 3, "{name}");
    }
    let keys = SHAPES.map(|name| key(&[], &get().with(name, "anna")));
    assert_eq!(different(keys), SHAPES.len(), "and which of them it is counts");
}

#[test]
fn a_neutral_header_tells_no_requests_apart() {
    let bypasses = ["upgrade", "transfer-encoding", "content-length"];
    for (name, _) in NEUTRAL.iter().filter(|(name, _)| !bypasses.contains(name)) {
        assert_eq!(key(&[], &get().with(name, "a")), key(&[], &get()), "{name}");
        let named = ["a", "b"].map(|value| key(&[name], &get().with(name, value)));
        assert_eq!(different(named), 2, "{name}: unless it is named");
    }
    for (beginning, _) in NEUTRAL_BEGINNINGS {
        assert_eq!(key(&[], &get().with(&format!("{beginning}x"), "a")), key(&[], &get()), "{beginning}");
    }
}

#[test]
fn the_table_is_in_order_and_in_lower_case() {
    assert!(NEUTRAL.is_sorted_by(|(one, _), (other, _)| one < other), "it is searched by halves");
    for (name, expected) in NEUTRAL {
        assert_eq!(name, name.to_ascii_lowercase());
        assert_eq!(reason(name.as_bytes()), Some(expected), "{name}");
    }
}

fn with(name: &str, value: &str) -> Key {
    key(&[], &get().with(name, value))
}

#[test]
fn spellings_of_the_same_encodings_are_one() {
    let same = [
        "gzip, deflate, br",
        "gzip,deflate,br",
        "br, gzip, deflate",
        "GZIP, Deflate, BR",
        "gzip;q=1, deflate;q=1.0, br;q=1.000",
        "gzip, deflate, br, identity",
        "x-gzip, deflate, br",
        "gzip, gzip, deflate, br",
        ",gzip,, deflate ,br,",
    ];
    assert_eq!(different(same.map(|value| with("accept-encoding", value))), 1);
    let others = [
        "gzip, deflate, br",
        "gzip, deflate",
        "gzip",
        "",
        "*",
        "gzip, deflate, br, zstd",
        "gzip, deflate, br;q=0",
        "gzip, deflate, br;q=0.5",
        "gzip;q=0.5, deflate, br",
        "gzip, deflate, br, identity;q=0",
        "gzip, *;q=0",
        "gzip, identity, *;q=0",
        "*;q=0",
        "identity, *;q=0",
        "gzip, deflate, br;q=x",
        "gzip, deflate, br;x=1",
        "gzip, deflate, br;q=1;x=1",
        "gzip, deflate, br;q=1.0000",
        "gzip, deflate, br;q=1.5",
    ];
    assert_eq!(different(others.map(|value| with("accept-encoding", value))), others.len());
    let none = key(&[], &get());
    assert_eq!(different([none, with("accept-encoding", ""), with("accept-encoding", "gzip")]), 3);
}

#[test]
fn of_a_referer_its_origin_counts() {
    let same =
        ["https://a.test", "https://a.test/", "https://a.test/b?c", "https://a.test?c", "https://a.test#d"];
    assert_eq!(different(same.map(|value| with("referer", value))), 1);
    let others = [
        "https://a.test/",
        "http://a.test/",
        "https://b.test/",
        "https://a.test:444/",
        "a.test/b",
        "a.test/c",
        "",
    ];
    let keys = others.map(|value| with("referer", value));
    assert_eq!(different(keys.into_iter().chain([key(&[], &get())])), others.len() + 1);
}

#[test]
fn who_does_not_ask_not_to_be_tracked_says_nothing() {
    for name in ["dnt", "sec-gpc"] {
        assert_eq!(different([with(name, "0"), with(name, ""), key(&[], &get())]), 1, "{name}");
        assert_eq!(different([with(name, "1"), with(name, " 1"), key(&[], &get())]), 3, "{name}");
    }
}

#[test]
fn equal_conditions_are_one() {
    for name in ["if-none-match", "if-modified-since"] {
        let keys = [with(name, "a"), with(name, "a"), with(name, "b"), with(name, ""), key(&[], &get())];
        assert_eq!(different(keys), 4, "{name}");
    }
}

/// The table for operators is the one in the code.
#[test]
fn the_docs_have_the_same_table() {
    let docs = include_str!("../../../../docs/coalesce.md");
    let (_, after) = docs.split_once("### Headers that change no answer").expect("the section");
    let (table, _) = after.split_once("A service that answers by one of these").expect("its end");
    let mut told: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    told.sort_unstable();
    let beginnings = NEUTRAL_BEGINNINGS.map(|(beginning, _)| format!("{beginning}*"));
    let mut known: Vec<&str> = NEUTRAL.iter().map(|(name, _)| *name).collect();
    known.extend(beginnings.iter().map(String::as_str));
    known.sort_unstable();
    assert_eq!(told, known);
}
