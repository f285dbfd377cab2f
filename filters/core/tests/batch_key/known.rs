//! What the proxy knows of who asks.

use super::{Whole as _, different, names, post, settings};
use switchyard_core::batch::gather::Policy;
use switchyard_core::batch::{Bypass, KeyPolicy, Settings};
use switchyard_core::deadline::Deadline;
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::{Known, Noise};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn key(policy: KeyPolicy, request: &PlainRequest, known: Option<&str>) -> super::Key {
    let fact = |value: &str| [("metadata.jwt".into(), value.as_bytes().into())].into_iter().collect();
    settings(policy).whole("route", 7, request, || known.map(fact))
}

#[test]
fn facts_tell_requests_apart() {
    let keys = ["anna", "bert", ""].map(|who| key(KeyPolicy::default(), &post(), Some(who)));
    let nothing = settings(KeyPolicy::default()).whole("route", 7, &post(), Known::nothing);
    assert_eq!(different(keys.into_iter().chain([nothing])), 4);
    assert_eq!(key(KeyPolicy::default(), &post(), None), Err(Bypass::Identity));
}

#[test]
fn a_configured_header_stands_in_place_of_facts_and_they_stand_in_where_it_is_missing() {
    let policy = || KeyPolicy { principal: names(&["x-user"]), ..KeyPolicy::default() };
    let anna = post().with("x-user", "anna");
    assert_eq!(different(["1", "2"].map(|token| key(policy(), &anna, Some(token)))), 1);
    assert_eq!(different(["1", "2"].map(|token| key(policy(), &post(), Some(token)))), 2);
    assert!(key(policy(), &anna, None).is_ok(), "nobody is asked");
}

#[test]
fn what_is_not_in_the_key_is_no_noise() {
    let settings = Settings {
        deadline: Deadline { header: Some("x-deadline-ms".into()), ..Deadline::default() },
        ..settings(KeyPolicy::default())
    };
    let mut noise = Noise::default();
    let mut told = Vec::new();
    for number in 0..256 {
        let mut request = post();
        for name in ["grpc-timeout", "x-deadline-ms", "traceparent", "accept-encoding", "x-once"] {
            request = request.with(name, number.to_string());
        }
        told.extend(settings.noise(&mut noise, &request, &Known::default()));
    }
    assert_eq!(told, ["x-once"]);
}

#[test]
fn a_policy_tells_of_noise_in_its_keys() {
    let policy = Policy::new("route", 7, settings(KeyPolicy::default()));
    let request = |number: u32| post().with("x-once", number.to_string());
    let told = (0..256).flat_map(|number| policy.noise(&request(number), &Known::default()));
    assert_eq!(told.collect::<Vec<_>>(), ["x-once"]);
}

#[test]
fn where_principals_do_not_matter_nobody_is_asked() {
    let mixing = KeyPolicy { mixes_principals: true, ..KeyPolicy::default() };
    assert!(key(mixing, &post(), None).is_ok());
}

#[test]
fn a_header_that_nobody_thought_of_tells_requests_apart() {
    for name in
        ["x-user", "x-tenant-id", "x-auth-request-email", "apikey", "soapaction", "x-envoy-max-retries"]
    {
        let keys = ["a", "b"].map(|value| key(KeyPolicy::default(), &post().with(name, value), Some("")));
        assert_eq!(different(keys), 2, "{name}");
    }
    let named = || KeyPolicy { principal: names(&["x-user"]), ..KeyPolicy::default() };
    let keys = ["a", "b"]
        .map(|tenant| key(named(), &post().with("x-user", "anna").with("x-tenant-id", tenant), Some("")));
    assert_eq!(different(keys), 2, "what is not proof of who asks is not replaced by a configured header");
}
