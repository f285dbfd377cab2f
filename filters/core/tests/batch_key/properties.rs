//! The same of many requests that nobody thought of.

use super::{Whole as _, names, post, settings};
use proptest::prelude::*;
use switchyard_core::batch::KeyPolicy;
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::{KeyRules, Known};

const NAMES: [&str; 8] =
    ["accept", "content-type", "authorization", "cookie", "x-api-key", "x-user", "x-tenant", "one"];
/// Where those begin that say who asks; and where the configured ones of them do and end.
const WHO: (usize, usize, usize) = (2, 5, 7);
/// In no key.
const NOISE: [&str; 5] = ["accept-encoding", "user-agent", "traceparent", "content-length", "x-request-id"];

/// All that the keys of these tests tell requests apart by.
#[derive(Clone, Debug, PartialEq)]
struct Parts {
    configuration: u64,
    route: String,
    target: [Option<String>; 3],
    headers: [Vec<String>; 8],
}

/// How a route takes who asks.
#[derive(Clone, Copy, Debug)]
enum Who {
    Usual,
    Configured,
    Mixed,
}

/// Few different letters, so that parts are often the same, and look like each other's lengths and names.
fn parts() -> impl Strategy<Value = Parts> {
    let values = || prop::collection::vec("[a\0\u{1} ]{0,2}|one|accept|cookie", 0..3);
    let target = || prop::option::of("[a/\0]{0,2}");
    (
        0..2_u64,
        "[r\0]{0,2}",
        [target(), target(), target()],
        [values(), values(), values(), values(), values(), values(), values(), values()],
    )
        .prop_map(|(configuration, route, target, headers)| Parts {
            configuration,
            route,
            target,
            headers,
        })
}

/// The request, its headers in the order of `order`, one of each name at a time as they come.
fn request(parts: &Parts, order: &[usize], noise: &[(usize, String)]) -> PlainRequest {
    let named = [":scheme", ":authority", ":path"].into_iter().zip(&parts.target);
    let request = named.fold(PlainRequest::default().with(":method", "POST"), |request, (name, value)| {
        value.iter().fold(request, |request, value| request.with(name, value))
    });
    let request = order.iter().fold(request, |request, header| {
        parts.headers[*header].iter().fold(request, |request, value| request.with(NAMES[*header], value))
    });
    noise.iter().fold(request, |request, (name, value)| request.with(NOISE[*name], value))
}

fn key_of(who: Who, parts: &Parts, request: &PlainRequest) -> Vec<u8> {
    let principal = if matches!(who, Who::Configured) { names(&["x-user", "x-tenant"]) } else { Vec::new() };
    let key = KeyPolicy {
        rules: KeyRules { headers: names(&["one"]), ..KeyRules::default() },
        principal,
        mixes_principals: matches!(who, Who::Mixed),
    };
    settings(key).whole(&parts.route, parts.configuration, request, Known::nothing).expect("a key")
}

/// What of a request counts, by the rules.
fn counts(who: Who, parts: &Parts) -> Parts {
    let (usual, configured, end) = WHO;
    let mut counts = parts.clone();
    let named = counts.headers[configured..end].iter().flatten().any(|value| !value.trim_ascii().is_empty());
    let ignored = match who {
        Who::Usual => 0..0,
        Who::Configured if named => usual..configured,
        Who::Configured => 0..0,
        Who::Mixed => usual..end,
    };
    counts.headers[ignored].fill(Vec::new());
    counts
}

/// One part of the other put in place of this one's: requests that differ in one thing alone.
fn with_one_of(one: &Parts, other: &Parts, part: usize) -> Parts {
    let mut mixed = one.clone();
    match part {
        0 => mixed.route.clone_from(&other.route),
        1 => mixed.configuration = other.configuration,
        2..5 => mixed.target[part - 2].clone_from(&other.target[part - 2]),
        _ => mixed.headers[part - 5].clone_from(&other.headers[part - 5]),
    }
    mixed
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn requests_share_a_key_only_if_all_that_counts_is_the_same(
        one in parts(),
        other in parts(),
        part in 0..13_usize,
        who in prop::sample::select(&[Who::Usual, Who::Configured, Who::Mixed][..]),
        order in Just([0_usize, 1, 2, 3, 4, 5, 6, 7]).prop_shuffle(),
        noise in prop::collection::vec((0..NOISE.len(), "[a0]{0,2}"), 0..3),
    ) {
        let plain = key_of(who, &one, &request(&one, &[0, 1, 2, 3, 4, 5, 6, 7], &[]));
        for other in [&other, &with_one_of(&one, &other, part), &one] {
            let key = key_of(who, other, &request(other, &order, &noise));
            prop_assert_eq!(key == plain, counts(who, other) == counts(who, &one));
        }
    }

    #[test]
    fn no_request_panics(
        headers in prop::collection::vec((0..8_usize, prop::collection::vec(any::<u8>(), 0..16)), 0..6),
    ) {
        const SOME: [&str; 8] =
            ["content-encoding", "content-type", "content-length", "accept", "cookie", "range", "connection", "a"];
        let request = headers.iter().fold(post(), |request, (name, value)| request.with(SOME[*name], value));
        let found = settings(KeyPolicy { principal: names(&["a"]), ..KeyPolicy::default() }).whole("", 0, &request, Known::nothing);
        prop_assert!(found.is_ok() || !headers.is_empty());
    }
}
