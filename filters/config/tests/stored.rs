//! Where the document is, if it lives in a store, and the exact words that refuse a wrong place.

#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use core::time::Duration;
use switchyard_config::Document;
use switchyard_core::discovery::{Store, StoredDocument};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn stored(text: &str) -> StoredDocument {
    let document = Document::from_json(text.as_bytes()).expect("it is right");
    assert!(document.upstreams().is_empty() && document.routes().is_empty());
    document.stored().cloned().expect("it is elsewhere")
}

fn errors(text: &str) -> Vec<String> {
    let Err(refused) = Document::from_json(text.as_bytes()) else { return Vec::new() };
    refused.iter().map(ToString::to_string).collect()
}

#[test]
fn every_store_has_its_defaults() {
    let defaults = |store| StoredDocument {
        cluster: "store".into(),
        host: None,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        max_body: 16 << 20,
        store,
    };
    let etcd = stored(r#"{"document": {"etcd": {"cluster": "store", "key": "/switchyard"}}}"#);
    assert_eq!(etcd, defaults(Store::Etcd { key: "/switchyard".into() }));
    let consul = stored(r#"{"document": {"consul": {"cluster": "store", "key": "switchyard"}}}"#);
    let wait = Duration::from_secs(30);
    assert_eq!(consul, defaults(Store::Consul { key: "switchyard".into(), datacenter: None, wait }));
    let http = stored(r#"{"document": {"http": {"cluster": "store", "path": "/v1?a=b"}}}"#);
    assert_eq!(http, defaults(Store::Http { path: "/v1?a=b".into() }));
    let all = r#"{"_why": "a note", "document": {"consul": {"cluster": "store", "key": "a", "datacenter": "east", "wait": "0s",
        "interval": "250ms", "timeout": "2s", "max_body": "1MiB", "host": "consul.internal"}}}"#;
    let store = Store::Consul { key: "a".into(), datacenter: Some("east".into()), wait: Duration::ZERO };
    let expected = StoredDocument {
        host: Some("consul.internal".into()),
        interval: Duration::from_millis(250),
        timeout: Duration::from_secs(2),
        max_body: 1 << 20,
        ..defaults(store)
    };
    assert_eq!(stored(all), expected);
    assert!(Document::from_json(b"{}").expect("an empty one").stored().is_none());
}

#[test]
fn a_wrong_place_is_refused_in_words() {
    let wrong: [(&str, &[&str]); 7] = [
        (r#"{"document": {}}"#, &["document: names no store; add one of etcd, consul, http"]),
        (r#"{"document": "etcd"}"#, &[r#"document: "etcd" is not an object"#]),
        (
            r#"{"document": {"etcd": {"cluster": "a", "key": "b"}, "http": {"cluster": "a", "path": "/"}}}"#,
            &["document: has several stores (etcd, http); keep one"],
        ),
        (
            r#"{"mode": "shadow", "routes": [], "document": {"etcd": {"cluster": "a", "key": "b"}}}"#,
            &["document: says that the document is elsewhere; put mode, routes there, too"],
        ),
        (
            r#"{"document": {"etcd": {"cluster": "", "key": "", "prefix": "/a"}}}"#,
            &[
                "document.etcd.prefix: unknown field; there are cluster, key, interval, timeout, max_body, host",
                "document.etcd.key: is empty; name a key",
                "document.etcd.cluster: is empty; name a cluster",
            ],
        ),
        (
            r#"{"document": {"consul": {"cluster": "a", "datacenter": "", "wait": "11m"}}}"#,
            &[
                "document.consul.key: is missing",
                "document.consul.datacenter: is empty; name one or remove it",
                r#"document.consul.wait: is longer than 600s; write "600s" or less"#,
            ],
        ),
        (
            r#"{"document": {"http": {"cluster": "a", "path": "v1", "interval": "1ms"}}}"#,
            &[
                r#"document.http.path: "v1" is no path; begin it with "/""#,
                r#"document.http.interval: is shorter than 100ms; write "100ms" or more"#,
            ],
        ),
    ];
    for (text, meant) in wrong {
        assert_eq!(errors(text), meant, "{text}");
    }
    let of = |length| {
        errors(&format!(r#"{{"document": {{"etcd": {{"cluster": "e", "key": "{}"}}}}}}"#, "k".repeat(length)))
    };
    assert_eq!(of(1024), Vec::<String>::new());
    assert_eq!(of(1025), ["document.etcd.key: is 1025 bytes long; it takes 1024 at most"]);
}

#[test]
fn what_a_store_has_must_be_a_document() {
    assert!(Document::from_store(b"{}").is_ok());
    for (text, meant) in [
        ("", "document: is empty; write {} for one that does nothing"),
        (" \n", "document: is empty; write {} for one that does nothing"),
        (
            r#"{"document": {"etcd": {"cluster": "a", "key": "b"}}}"#,
            "document: is in a store and names another; put it there",
        ),
    ] {
        let refused = Document::from_store(text.as_bytes()).expect_err("it is none");
        assert_eq!(refused.to_string(), meant);
    }
    assert!(Document::from_store(b"upstreams: []").is_err(), "it is JSON there");
}
