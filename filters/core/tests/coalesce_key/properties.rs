//! The same of many requests that nobody thought of.

use super::{get, key};
use proptest::prelude::*;
use switchyard_core::coalesce::{KeyPolicy, Settings};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::{KeyRules, Known};

/// All that the keys of these tests tell requests apart by.
#[derive(Clone, Debug, PartialEq)]
struct Parts {
    route: String,
    head: bool,
    target: [Option<String>; 3],
    /// Values of `accept`, `origin`, `cookie` and `one`.
    headers: [Vec<String>; 4],
    body: Option<u8>,
}

/// Few different letters, so that parts are often the same, and look like each other's lengths and names.
fn parts() -> impl Strategy<Value = Parts> {
    let values = || prop::collection::vec("[a\0\u{1}]{0,2}|one|accept", 0..3);
    let target = || prop::option::of("[a/\0]{0,2}");
    (
        "[r\0]{0,2}",
        any::<bool>(),
        [target(), target(), target()],
        [values(), values(), values(), values()],
        prop::option::weighted(0.3, 0..2_u8),
    )
        .prop_map(|(route, head, target, headers, body)| Parts { route, head, target, headers, body })
}

const NAMES: [&str; 4] = ["accept", "origin", "cookie", "one"];

fn request(parts: &Parts) -> PlainRequest {
    let method = match (parts.body, parts.head) {
        (Some(_), _) => "POST",
        (None, true) => "HEAD",
        (None, false) => "GET",
    };
    let request = PlainRequest::default().with(":method", method);
    let named = [":scheme", ":authority", ":path"].into_iter().zip(&parts.target);
    let request = named.fold(request, |request, (name, value)| {
        value.iter().fold(request, |request, value| request.with(name, value))
    });
    let named = NAMES.into_iter().zip(&parts.headers);
    named.fold(request, |request, (name, values)| {
        values.iter().fold(request, |request, value| request.with(name, value))
    })
}

fn key_of(parts: &Parts) -> Vec<u8> {
    let headers = ["cookie".into(), "one".into()].to_vec();
    let rules = KeyRules { headers, ..KeyRules::default() };
    let key = KeyPolicy { rules, body: true, ..KeyPolicy::default() };
    let settings = Settings { key, ..Settings::default() };
    let hash = parts.body.map(|body| [body; 32]);
    settings.key(&parts.route, &request(parts), hash.as_ref(), Known::nothing).expect("a key")
}

/// One part of the other put in place of this one's: requests that differ in one thing alone.
fn with_one_of(one: &Parts, other: &Parts, part: usize) -> Parts {
    let mut mixed = one.clone();
    match part {
        0 => mixed.route.clone_from(&other.route),
        1 => mixed.head = other.head,
        2 => mixed.body = other.body,
        _ => {}
    }
    let (targets, headers) =
        (mixed.target.iter_mut().zip(&other.target), mixed.headers.iter_mut().zip(&other.headers));
    targets.skip(part.wrapping_sub(3)).take(1).for_each(|(to, from)| to.clone_from(from));
    headers.skip(part.wrapping_sub(6)).take(1).for_each(|(to, from)| to.clone_from(from));
    mixed
}

/// A POST is one, whether it would have been HEAD without its body or not.
fn plain(mut parts: Parts) -> Parts {
    parts.head &= parts.body.is_none();
    parts
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn requests_share_a_key_only_if_they_are_the_same(one in parts(), other in parts(), part in 0..10_usize) {
        let (one, other) = (plain(one), plain(other));
        prop_assert_eq!(key_of(&one) == key_of(&other), one == other);
        let mixed = plain(with_one_of(&one, &other, part));
        prop_assert_eq!(key_of(&one) == key_of(&mixed), one == mixed);
    }

    #[test]
    fn no_request_panics_and_no_secret_gets_in(
        headers in prop::collection::vec((0..8_usize, prop::collection::vec(any::<u8>(), 0..16)), 0..6),
    ) {
        const SOME: [&str; 8] = ["cache-control", "pragma", "content-length", "accept", "cookie", "range", "vary", "a"];
        let request = headers.iter().fold(get(), |request, (name, value)| request.with(SOME[*name], value));
        let found = key(&["a"], &request);
        if headers.iter().any(|(name, _)| SOME[*name] == "cookie") {
            prop_assert!(found.is_err());
        }
    }
}
