//! The key of a request, against Envoy's rules.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use core::time::Duration;
use fastrand::Rng;
use switchyard_core::hash::{Cookie, HashOn, HashOutcome, RequestHash, SameSite, Source, xxh64};
use switchyard_core::request::PlainRequest;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn on(source: Source) -> HashOn {
    HashOn { source, terminal: false }
}

fn header(name: &str) -> Source {
    Source::Header(name.into())
}

fn cookie(ttl: Option<u64>) -> Source {
    Source::Cookie(named(ttl))
}

fn named(ttl: Option<u64>) -> Cookie {
    Cookie {
        name: "key".into(),
        ttl: ttl.map(Duration::from_secs),
        path: Some("/".into()),
        domain: None,
        same_site: None,
        secure: false,
    }
}

fn outcome(entries: &[HashOn], request: &PlainRequest) -> HashOutcome {
    RequestHash::new(entries.to_vec()).evaluate(request, &mut Rng::with_seed(1))
}

fn hash(source: Source, request: &PlainRequest) -> Option<u64> {
    outcome(&[on(source)], request).hash
}

fn of(text: &str) -> Option<u64> {
    Some(xxh64(text.as_bytes(), 0))
}

#[test]
fn header_values_are_sorted_and_chained() {
    let request = PlainRequest::get("/").with("x", "foo").with("x", "bar");
    let turned = PlainRequest::get("/").with("x", "bar").with("x", "foo");
    let chained = Some(xxh64(b"foo", xxh64(b"bar", 0)));
    assert_eq!(hash(header("x"), &request), chained);
    assert_eq!(hash(header("x"), &turned), chained);
}

#[test]
fn one_header_value_is_hashed_as_it_is() {
    assert_eq!(hash(header("x"), &PlainRequest::get("/").with("x", "foo")), of("foo"));
    assert_eq!(hash(header("x"), &PlainRequest::get("/").with("x", [0xff_u8, 0])), Some(xxh64(&[255, 0], 0)));
    assert_eq!(hash(header("x"), &PlainRequest::get("/")), None);
    assert_eq!(hash(header("host"), &PlainRequest::get("/").with(":authority", "a.b")), of("a.b"));
}

#[test]
fn empty_values_count_as_missing_wherever_they_stand() {
    let asked = |path: &str, lines: &[(&str, &str)]| {
        lines.iter().fold(PlainRequest::get(path), |request, (name, value)| request.with(name, value))
    };
    assert_eq!(hash(header("x"), &asked("/", &[("x", "")])), None);
    assert_eq!(hash(header("x"), &asked("/", &[("x", ""), ("x", "")])), None);
    assert_eq!(hash(header("x"), &asked("/", &[("x", ""), ("x", "a")])), of("a"));
    assert_eq!(hash(header(":authority"), &asked("/", &[(":authority", "")])), None);
    assert_eq!(hash(header(":authority"), &asked("/", &[(":authority", ":80")])), None);
    assert_eq!(hash(cookie(None), &asked("/", &[("cookie", "key=; key=a")])), of("a"));
    assert_eq!(
        hash(cookie(None), &asked("/", &[("cookie", "key="), ("cookie", "key=\"\"; key=a")])),
        of("a")
    );
    let parameter = || Source::QueryParameter("k".into());
    assert_eq!(hash(parameter(), &asked("/?k=&k&k=a", &[])), of("a"));
    assert_eq!(hash(parameter(), &asked("/?k=&k", &[])), None);
    // And what is missing leaves the word to the next entry.
    let entries = [HashOn { source: header("x"), terminal: true }, on(parameter())];
    assert_eq!(outcome(&entries, &asked("/?k=a", &[("x", "")])).hash, of("a"));
}

#[test]
fn a_host_has_one_key_however_it_is_written() {
    for spelling in ["shop.test", "SHOP.test", "Shop.Test:8443", "shop.test:", "shop.test."] {
        let request = PlainRequest::get("/").with(":authority", spelling);
        assert_eq!(hash(header(":authority"), &request), of("shop.test"), "{spelling}");
    }
}

#[test]
fn parts_are_turned_and_joined() {
    let request = PlainRequest::get("/").with("a", "1").with("b", "1");
    let one = xxh64(b"1", 0);
    let both = outcome(&[on(header("a")), on(header("none")), on(header("b"))], &request).hash;
    assert_eq!(both, Some(one.rotate_left(1) ^ one));
}

#[test]
fn terminal_stops_once_there_is_a_hash() {
    let request = PlainRequest::get("/").with("a", "1").with("b", "2");
    let terminal = |name: &str| HashOn { source: header(name), terminal: true };
    assert_eq!(outcome(&[terminal("a"), on(header("b"))], &request).hash, of("1"));
    assert_eq!(outcome(&[terminal("none"), on(header("b"))], &request).hash, of("2"));
    // As in Envoy, what came before counts, not only the terminal entry's own part.
    assert_eq!(outcome(&[on(header("a")), terminal("none"), on(header("b"))], &request).hash, of("1"));
}

#[test]
fn cookies_are_found_as_envoy_finds_them() {
    let found = |lines: &[&str]| {
        let request = lines.iter().fold(PlainRequest::get("/"), |request, line| request.with("cookie", line));
        hash(cookie(None), &request)
    };
    assert_eq!(found(&["a=1; key=v"]), of("v"));
    assert_eq!(found(&["a=1", "key=v"]), of("v"), "in the second header");
    assert_eq!(found(&["key=first; key=second"]), of("first"));
    assert_eq!(found(&["key=\"v\""]), of("v"));
    assert_eq!(found(&["key=\""]), of("\""), "a single quote mark is no pair");
    assert_eq!(found(&["key=a=b"]), of("a=b"));
    assert_eq!(found(&["key; ;;key =x; xkey=y"]), None);
    assert_eq!(found(&["key="]), None);
    assert_eq!(found(&["key=\"\""]), None);
}

#[test]
fn a_missing_cookie_is_made_and_comes_back_to_the_same_key() {
    let made = outcome(&[on(cookie(Some(60)))], &PlainRequest::get("/"));
    let new = made.set_cookie.expect("a cookie");
    assert_eq!(new.value.len(), 16);
    assert_eq!(made.hash, of(&new.value));
    assert_eq!(new.header_value(), format!("key=\"{}\"; Max-Age=60; Path=/; HttpOnly", new.value));
    let back = PlainRequest::get("/").with("cookie", format!("key=\"{}\"", new.value));
    assert_eq!(outcome(&[on(cookie(Some(60)))], &back), HashOutcome { hash: made.hash, set_cookie: None });
}

#[test]
fn a_new_cookie_has_the_attributes_that_are_asked_for() {
    for (same_site, secure, domain, expected) in [
        (None, false, None, "; HttpOnly"),
        (Some(SameSite::Lax), false, None, "; SameSite=Lax; HttpOnly"),
        (Some(SameSite::Strict), true, None, "; SameSite=Strict; Secure; HttpOnly"),
        (
            Some(SameSite::None),
            true,
            Some("shop.test"),
            "; Domain=shop.test; SameSite=None; Secure; HttpOnly",
        ),
    ] {
        let asked = Cookie { same_site, secure, domain: domain.map(Into::into), ..named(Some(60)) };
        let new =
            outcome(&[on(Source::Cookie(asked))], &PlainRequest::get("/")).set_cookie.expect("a cookie");
        assert_eq!(new.header_value(), format!("key=\"{}\"; Max-Age=60; Path=/{expected}", new.value));
    }
}

#[test]
fn a_session_cookie_has_no_age_and_no_ttl_makes_none() {
    let made = outcome(&[on(cookie(Some(0)))], &PlainRequest::get("/")).set_cookie.expect("a cookie");
    assert!(!made.header_value().contains("Max-Age"));
    assert_eq!(outcome(&[on(cookie(None))], &PlainRequest::get("/")), HashOutcome::default());
}

#[test]
fn randomness_is_drawn_only_for_a_new_cookie() {
    let mut random = Rng::with_seed(7);
    let key = RequestHash::new(vec![on(cookie(Some(60)))]);
    key.evaluate(&PlainRequest::get("/").with("cookie", "key=v"), &mut random);
    assert_eq!(random, Rng::with_seed(7));
    key.evaluate(&PlainRequest::get("/"), &mut random);
    assert_ne!(random, Rng::with_seed(7));
}

#[test]
fn query_parameters_are_taken_as_they_stand() {
    let value = |path: &str| hash(Source::QueryParameter("k".into()), &PlainRequest::get(path));
    assert_eq!(value("/a?x=1&k=v%20w&k=z"), of("v%20w"));
    assert_eq!(value("/a?k=a=b"), of("a=b"));
    assert_eq!(value("/a?kk=1&&=k"), None);
    assert_eq!(value("/a"), None);
}

#[test]
fn path_and_source_address() {
    assert_eq!(hash(Source::Path, &PlainRequest::get("/a?b=c")), of("/a"));
    assert_eq!(hash(Source::SourceIp, &PlainRequest::get("/").from_ip("10.0.0.7")), of("10.0.0.7"));
    assert_eq!(hash(Source::SourceIp, &PlainRequest::get("/")), None);
    assert!(RequestHash::new(vec![on(Source::Path), on(Source::SourceIp)]).needs_source_ip());
    assert!(!RequestHash::new(vec![on(Source::Path)]).needs_source_ip());
    assert!(RequestHash::new(vec![]).is_empty() && !RequestHash::new(vec![on(Source::Path)]).is_empty());
}
