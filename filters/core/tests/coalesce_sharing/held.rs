//! Which answers go to those who come later, and for how long.

use super::{answer, held, held_for, serves_stale, settings, ways};
use core::time::Duration;
use switchyard_core::coalesce::{KeyPolicy, Settings};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::KeyRules;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn without_a_word_from_the_server_an_answer_is_held_as_long_as_the_operator_says() {
    for headers in [&[][..], &[("cache-control", "public")], &[("etag", "\"1\"")], &[("age", "500")]] {
        assert_eq!(held(headers), 10_000, "{headers:?}");
    }
    let never = Settings { hold: Duration::ZERO, ..settings() };
    assert!(!never.may_hold(&answer(&[]), &PlainRequest::get("/")));
    assert!(settings().may_hold(&answer(&[]), &PlainRequest::get("/")));
}

#[test]
fn an_answer_is_held_no_longer_than_it_is_fresh() {
    let lifetimes = [
        ("max-age=3", 3_000),
        ("max-age=10", 10_000),
        ("max-age=3600", 10_000),
        ("max-age=\"3\"", 3_000),
        ("Max-Age = 3", 3_000),
        ("max-age=3, s-maxage=5", 5_000),
        ("max-age=0, s-maxage=5", 5_000),
        ("max-age=5, s-maxage=0", 0),
        ("max-age=5, max-age=3", 3_000),
        ("max-age=x", 0),
        ("max-age", 0),
        ("max-age=99999999999999999999999", 10_000),
    ];
    for (value, millis) in lifetimes {
        assert_eq!(held(&[("cache-control", value)]), millis, "{value:?}");
    }
}

#[test]
fn what_was_kept_before_it_came_here_counts() {
    let aged = |age| held(&[("cache-control", "max-age=5"), ("age", age)]);
    assert_eq!(["0", "2", "5", "6", "99999999999999999999999"].map(aged), [5_000, 3_000, 0, 0, 0]);
    assert_eq!(
        ["", "x", "-1"].map(aged),
        [5_000; 3],
        "what cannot be read is not there (RFC 9111, section 5.1)"
    );
}

#[test]
fn a_date_of_expiry_counts_where_there_are_no_seconds() {
    let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let expires = |value| held(&[date, ("expires", value)]);
    assert_eq!(expires("Sun, 06 Nov 1994 08:49:40 GMT"), 3_000);
    assert_eq!(expires("Sun, 06 Nov 1994 09:49:37 GMT"), 10_000);
    for over in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:36 GMT", "0", "-1", "", "\u{e4}"] {
        assert_eq!(expires(over), 0, "{over:?}");
    }
    assert_eq!(held(&[("expires", "Sun, 06 Nov 1994 08:49:40 GMT")]), 0, "after what?");
    let both = [date, ("expires", "0"), ("cache-control", "max-age=5")];
    assert_eq!(held(&both), 5_000);
}

#[test]
fn who_sends_credentials_outside_the_key_gets_no_held_answer_unless_it_is_anyones() {
    let anna = PlainRequest::get("/").with("authorization", "anna");
    assert_eq!(held_for(&anna, &[]), 0);
    assert_eq!(held_for(&anna, &[("cache-control", "max-age=5")]), 0);
    for value in ["public", "s-maxage=20", "must-revalidate", "max-age=20, PUBLIC"] {
        assert_eq!(held_for(&anna, &[("cache-control", value)]), 10_000, "{value:?}");
    }
    let key = |headers: &[&str], share_across_principals| {
        let headers = headers.iter().map(|name| (*name).into()).collect();
        let rules = KeyRules { headers, ..KeyRules::default() };
        Settings { key: KeyPolicy { rules, share_across_principals, ..KeyPolicy::default() }, ..settings() }
    };
    assert!(key(&["authorization"], false).may_hold(&answer(&[]), &anna));
    assert!(!key(&["cookie"], false).may_hold(&answer(&[]), &anna));
    assert!(
        !key(&[], true).may_hold(&answer(&[]), &anna),
        "waiting together is what was asked for, not this"
    );
    assert!(!settings().may_serve_stale(&answer(&[]), &anna));
    assert!(settings().may_serve_stale(&answer(&[("cache-control", "public")]), &anna));
}

#[test]
fn pragma_counts_where_there_is_no_cache_control() {
    assert_eq!(held(&[("pragma", "No-Cache")]), 0);
    assert_eq!(held(&[("pragma", "no-cache"), ("cache-control", "max-age=5")]), 5_000);
    assert!(!serves_stale(&[("pragma", "no-cache")]));
}

#[test]
fn an_answer_that_must_be_asked_for_again_does_not_serve_when_it_is_stale() {
    for word in ["must-revalidate", "proxy-revalidate", "s-maxage", "no-cache"] {
        for value in ways(word) {
            assert!(!serves_stale(&[("cache-control", &value)]), "{value:?}");
        }
    }
    for value in ["", "public", "max-age=0", "max-age=5, stale-if-error=60", "immutable"] {
        assert!(serves_stale(&[("cache-control", value)]), "{value:?}");
    }
    assert!(serves_stale(&[]));
}
