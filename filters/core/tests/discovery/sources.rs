//! What all sources have: names, bounds, and words for what went wrong.

use super::consul::consul;
use super::envoy::envoy;
use super::http::{ENDPOINTS, http};
use super::{read, source};
use switchyard_core::Timestamp;
use switchyard_core::discovery::{
    Envoy, Http, Listing, MOST_NAME, Reason, Refusal, Registry, Roster, Source,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn every_source_but_envoy_is_a_registry() {
    let of = |source: Source| (source.name(), source.is_registry());
    assert_eq!(of(envoy(Envoy::default())), ("envoy", false));
    assert_eq!(of(super::etcd::etcd()), ("etcd", true));
    assert_eq!(of(consul()), ("consul", true));
    assert_eq!(of(http()), ("http", true));
}

#[test]
fn every_reason_has_a_word_for_metrics() {
    let labels = Reason::ALL.map(Reason::label);
    let words =
        ["unreachable", "timeout", "status", "too_long", "memory", "malformed", "no_cluster", "empty"];
    assert_eq!(labels, words);
}

#[test]
fn an_answer_may_be_exactly_as_long_as_is_read() {
    let most = |max_body| Source { max_body, ..http() };
    assert!(read(&most(ENDPOINTS.len()), ENDPOINTS.as_bytes()).is_ok());
    let most = most(ENDPOINTS.len() - 1);
    let refused = Refusal::TooLong { most: most.max_body };
    assert_eq!(read(&most, ENDPOINTS.as_bytes()), Err(refused));
}

#[test]
fn that_a_list_is_cut_short_is_handed_on_though_it_is_short() {
    for truncated in [false, true] {
        let mut roster = Roster::default();
        let listing = read(&http(), ENDPOINTS.as_bytes()).unwrap_or_default();
        roster.update(Listing { truncated, ..listing }, Timestamp::from_millis(5));
        let bytes = roster.encode().expect("memory");
        assert_eq!(Roster::decode(&bytes), Some(roster));
    }
}

#[test]
fn a_name_may_be_as_long_as_a_host_name_however_it_is_escaped() {
    let by_name = Http {
        path: "/".into(),
        list: "".into(),
        address: "/ip".into(),
        port: None,
        weight: None,
        priority: None,
        hash_key: Some("/name".into()),
        region: None,
        zone: None,
    };
    let by_name = source(Registry::Http(by_name));
    let key = |name: &str| {
        let body = format!(r#"[{{"ip": "10.0.0.1:80", "name": "{name}"}}]"#);
        let listing = read(&by_name, body.as_bytes()).expect("a list");
        listing.members.first().and_then(|member| member.hash_key.as_deref().map(str::to_owned))
    };
    assert_eq!(key(&r"\u0061".repeat(MOST_NAME)), Some("a".repeat(MOST_NAME)));
    assert_eq!(key(&r"\u0061".repeat(MOST_NAME + 1)), None);
    assert_eq!(key(&"a".repeat(MOST_NAME)), Some("a".repeat(MOST_NAME)));
    assert_eq!(key(&"a".repeat(MOST_NAME + 1)), None);
}
