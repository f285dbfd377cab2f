//! How long keys may be, and what is in them because it is named.

use super::{Key, Whole as _, different, key, key_of, names, post, settings};
use switchyard_core::batch::{Bypass, HeadKey, KeyPolicy, MAX_KEY};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::Known;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn long(bytes: usize) -> PlainRequest {
    post().with("x-user", "anna").with("x-long", "y".repeat(bytes))
}

/// What a head of so many bytes says.
fn of_head(bytes: usize) -> Result<HeadKey, Bypass> {
    settings(KeyPolicy { principal: names(&["x-user"]), ..KeyPolicy::default() }).key(
        "route",
        7,
        &long(bytes),
    )
}

fn whole(bytes: usize) -> Key {
    key_of(&["x-user"], &long(bytes))
}

#[test]
fn a_key_of_just_the_longest_length_is_one_and_any_longer_is_none() {
    let most = MAX_KEY - whole(0).expect("a key").len();
    assert_eq!(whole(most).expect("a key").len(), MAX_KEY);
    assert!(of_head(most).is_ok());
    for more in [1, 2, 100] {
        assert_eq!(of_head(most + more), Err(Bypass::KeyTooLong), "{more} more");
        assert_eq!(whole(most + more), Err(Bypass::KeyTooLong), "{more} more");
    }
}

#[test]
fn what_a_call_says_anew_tells_requests_apart_if_it_is_named() {
    for name in ["accept-encoding", "grpc-timeout"] {
        let with = |value: &str| post().with(name, value);
        assert_eq!(different(["gzip", "br"].map(|value| key(&[], &with(value)))), 1, "{name}");
        assert_eq!(different(["gzip", "br"].map(|value| key(&[name], &with(value)))), 2, "{name}");
    }
}

#[test]
fn what_the_proxy_does_not_know_is_nothing() {
    let nothing = settings(KeyPolicy::default()).whole("route", 7, &post(), Known::nothing);
    assert_eq!(nothing, key(&[], &post()));
}
