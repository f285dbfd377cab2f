//! Any address that answers with JSON.

use super::{addresses, answer, read, source};
use switchyard_core::discovery::{Answer, Cursor, Envoy, Http, Read, Refusal, Registry, Source, Standing};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn settings() -> Http {
    let at = |pointer: &str| Some(pointer.into());
    Http {
        path: "/v1/checkout?all=1".into(),
        list: "/data/endpoints".into(),
        address: "/ip".into(),
        port: at("/port"),
        weight: at("/weight"),
        priority: at("/priority"),
        hash_key: at("/meta/name"),
        region: at("/meta/region"),
        zone: at("/meta/zone"),
    }
}

pub(crate) fn http() -> Source {
    source(Registry::Http(settings()))
}

pub(crate) const ENDPOINTS: &str = r#"{"data": {"endpoints": [
    {"ip": "10.0.0.2", "port": 80, "weight": 3, "priority": 1, "meta": {"name": "b", "region": "r", "zone": "z"}},
    {"ip": "10.0.0.1", "port": "80", "meta": {"name": null}},
    {"ip": "10.0.0.3:90", "weight": 0, "meta": {}}
]}}"#;

#[test]
fn pointers_say_where_things_are() {
    let listing = read(&http(), ENDPOINTS.as_bytes()).expect("a list");
    assert_eq!(addresses(&listing), ["10.0.0.1:80", "10.0.0.3:90", "10.0.0.2:80"]);
    let last = &listing.members[2];
    assert_eq!((last.weight.get(), last.priority, last.hash_key.as_deref()), (3, 1, Some("b")));
    assert_eq!((&*last.locality.region, &*last.locality.zone), ("r", "z"));
    assert_eq!(listing.members[1].standing, Standing::Draining);
    assert_eq!(listing.members[0].hash_key, None);
}

#[test]
fn the_whole_answer_may_be_a_list_of_texts() {
    let plain = Http { list: "".into(), address: "".into(), ..settings() };
    let plain = source(Registry::Http(Http { port: None, ..plain }));
    let listing = read(&plain, br#"["10.0.0.1:80", "[::1]:80", "web:80", 7, {"a": 1}]"#).expect("a list");
    assert_eq!(addresses(&listing), ["10.0.0.1:80", "[::1]:80"]);
    assert_eq!((listing.skipped.host_names, listing.skipped.malformed), (1, 2));
}

#[test]
fn without_a_list_at_the_pointer_the_answer_is_refused() {
    let refused = |body: &str| read(&http(), body.as_bytes()).expect_err(body).to_string();
    assert_eq!(refused("{}"), "the answer has nothing where the list should be");
    assert_eq!(refused(r#"{"data": {"endpoints": null}}"#), "the answer has no list where it should be");
    assert_eq!(refused(r#"{"data": {"endpoints": {}}}"#), "the answer has no list where it should be");
    assert_eq!(refused("<!DOCTYPE html>"), "the answer is no JSON from byte 0 on");
}

#[test]
fn an_etag_is_sent_back_and_304_means_that_nothing_has_changed() {
    let source = http();
    let conditional = Cursor { etag: Some("\"a\"".into()), index: 0 };
    let read = |cursor: &Cursor, status, etag| {
        let answer = Answer { status, etag, ..answer(ENDPOINTS.as_bytes()) };
        source.read(&[("web", Envoy::default())], cursor, answer)
    };
    let Ok(Read::Lists { cursor, .. }) = read(&Cursor::default(), 200, Some("\"a\"")) else {
        panic!("a list")
    };
    assert_eq!(cursor, conditional);
    let asked = |cursor| source.request(&[], cursor).pairs().any(|pair| pair == ("if-none-match", "\"a\""));
    assert!(asked(&conditional) && !asked(&Cursor::default()));
    assert_eq!(read(&conditional, 304, None), Ok(Read::Unchanged));
    assert_eq!(read(&Cursor::default(), 304, None), Err(Refusal::Status(304)), "nobody asked on a condition");
    let long = "x".repeat(2000);
    let Ok(Read::Lists { cursor, .. }) = read(&conditional, 200, Some(&long)) else { panic!("a list") };
    assert_eq!(cursor, Cursor::default());
}
