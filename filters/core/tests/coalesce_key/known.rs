//! What the proxy knows of who asks.

use super::{different, get};
use switchyard_core::coalesce::{Bypass, KeyPolicy, Policy, Settings};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::{KeyRules, Known, Pattern};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn facts(facts: &[(&str, &str)]) -> Option<Known> {
    Some(facts.iter().map(|(name, value)| ((*name).into(), value.as_bytes().into())).collect())
}

fn key(settings: &Settings, known: Option<Known>) -> super::Key {
    settings.key("route", &get(), None, || known)
}

#[test]
fn facts_tell_requests_apart() {
    let jwt = "metadata.envoy.filters.http.jwt_authn";
    let all: [&[(&str, &str)]; 6] = [
        &[],
        &[(jwt, "anna")],
        &[(jwt, "bert")],
        &[(jwt, "")],
        &[("metadata.other", "anna")],
        &[(jwt, "anna"), ("metadata.other", "anna")],
    ];
    assert_eq!(different(all.map(|known| key(&Settings::default(), facts(known)))), 6);
    let orders: [&[(&str, &str)]; 2] = [&[("a", "1"), ("b", "2")], &[("b", "2"), ("a", "1")]];
    assert_eq!(different(orders.map(|known| key(&Settings::default(), facts(known)))), 1);
}

#[test]
fn who_cannot_be_told_shares_nothing() {
    assert_eq!(key(&Settings::default(), None), Err(Bypass::Identity));
}

#[test]
fn nobody_is_asked_about_a_request_that_goes_by_itself_anyway_or_whose_sender_does_not_matter() {
    let asked = |settings: &Settings, request: &PlainRequest| {
        let mut asked = false;
        let _ = settings.key("route", request, None, || {
            asked = true;
            Known::nothing()
        });
        asked
    };
    assert!(asked(&Settings::default(), &get()));
    assert!(!asked(&Settings::default(), &get().with("authorization", "anna")));
    let key = KeyPolicy { share_across_principals: true, ..KeyPolicy::default() };
    assert!(!asked(&Settings { key, ..Settings::default() }, &get()));
}

#[test]
fn an_ignored_fact_tells_no_requests_apart() {
    let rules = KeyRules { ignore_attributes: vec![Pattern::new("metadata.a*")], ..KeyRules::default() };
    let settings = Settings { key: KeyPolicy { rules, ..KeyPolicy::default() }, ..Settings::default() };
    let all: [&[(&str, &str)]; 3] = [&[], &[("metadata.a", "1")], &[("metadata.ab", "2")]];
    assert_eq!(different(all.map(|known| key(&settings, facts(known)))), 1);
    assert_eq!(different(["1", "2"].map(|value| key(&settings, facts(&[("metadata.b", value)])))), 2);
}

#[test]
fn a_policy_tells_of_noise_in_its_keys() {
    let policy = Policy::new("route", Settings::default());
    let request = |number: u32| get().with("x-once", number.to_string());
    let told = (0..256).flat_map(|number| policy.noise(&request(number), &Known::default()));
    assert_eq!(told.collect::<Vec<_>>(), ["x-once"]);
}
