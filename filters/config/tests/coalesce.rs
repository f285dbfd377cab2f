//! The section `coalesce`: what it means, field by field. In which words a wrong one is refused: coalesce_wrong.rs.

use core::time::Duration;
use switchyard_config::Document;
use switchyard_core::coalesce::{KeyPolicy, OnError, Scope, Settings};
use switchyard_core::request_key::{KeyRules, Languages, Pattern};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const UPSTREAMS: &str = r#"[{"name": "a", "endpoints": [{"address": "1.2.3.4:80"}]}]"#;

/// The document with this route; `None` if it is refused.
fn route(route: &str) -> Option<Document> {
    let document = format!(r#"{{"upstreams": {UPSTREAMS}, "routes": [{route}]}}"#);
    Document::from_json(document.as_bytes()).ok()
}

/// How the first route coalesces; `None` if the document is refused or it does not.
fn coalesce(document: Option<Document>) -> Option<Settings> {
    document?.routes().first()?.coalesce().cloned()
}

/// What the section means.
fn read(section: &str) -> Option<Settings> {
    coalesce(route(&format!(r#"{{"match": {{}}, "upstream": "a", "coalesce": {section}}}"#)))
}

#[test]
fn an_empty_section_has_the_defaults_of_the_core() {
    assert_eq!(read("{}"), Some(Settings::default()));
    assert_eq!(read(r#"{"key": {}, "_note": 1}"#), Some(Settings::default()));
}

#[test]
fn what_is_written_as_the_default_is_the_default() {
    let written = read(
        r#"{
            "mode": "enforce", "scope": "proxy", "key": {"headers": [], "body": false},
            "share_status": [200, 203, 204, 300, 301, 404, 405, 410, 414, 501],
            "max_body_bytes": "1MiB", "max_followers": 1024, "max_flights": 4096, "max_bytes_held": "64MiB",
            "max_wait": "10s", "max_leader_age": "5s", "stall_timeout": "1s", "on_error": "elect", "max_elections": 3,
            "release_concurrency": 8, "pass_ttl": "10s", "hold": "0s", "stale_if_error": "0s", "honour_no_cache": false,
            "i_know_that_clients_share_answers_across_credentials": false
        }"#,
    );
    assert_eq!(written, Some(Settings::default()));
}

#[test]
fn without_the_section_nothing_is_coalesced() {
    let document = route(r#"{"match": {}, "upstream": "a"}"#).unwrap();
    assert!(document.routes()[0].coalesce().is_none());
}

#[test]
fn shadow_is_the_documents_unless_the_section_says_otherwise() {
    let with = |mode: &str, section: &str| {
        let routes = format!(r#"[{{"match": {{}}, "upstream": "a", "coalesce": {section}}}]"#);
        let document = format!(r#"{{"mode": "{mode}", "upstreams": {UPSTREAMS}, "routes": {routes}}}"#);
        coalesce(Document::from_json(document.as_bytes()).ok()).unwrap().shadow
    };
    assert!(with("shadow", "{}"));
    assert!(!with("shadow", r#"{"mode": "enforce"}"#));
    assert!(with("enforce", r#"{"mode": "shadow"}"#));
    assert!(!with("enforce", "{}"));
}

#[test]
fn every_field_arrives() {
    let settings = read(
        r#"{
            "mode": "shadow", "scope": "worker",
            "key": {
                "headers": ["x-user", "authorization"], "body": true, "max_body_bytes": "1MiB",
                "ignore_headers": ["x-lab-*", "x-user-agent"], "ignore_cookies": ["_ga*"], "ignore_query": ["utm_*", "*"],
                "query_in_any_order": true, "accept_language": "first", "ignore_attributes": ["metadata.*"]
            },
            "share_status": [200, "404", 599], "max_body_bytes": "2MiB", "max_followers": 3, "max_flights": 4,
            "max_bytes_held": "1GiB", "max_wait": "8s", "max_leader_age": "7s", "stall_timeout": "800ms",
            "body_timeout": "900ms",
            "on_error": "share", "share_errors": ["503", 400], "max_elections": 9, "release_concurrency": 10,
            "pass_ttl": "0s", "hold": "10s", "stale_if_error": "1h", "max_stored_bytes": 1, "honour_no_cache": true,
            "i_know_that_clients_share_answers_across_credentials": true
        }"#,
    );
    let key = KeyPolicy {
        rules: KeyRules {
            headers: vec!["x-user".into(), "authorization".into()],
            ignore_headers: vec![Pattern::new("x-lab-*"), Pattern::new("x-user-agent")],
            ignore_cookies: vec![Pattern::new("_ga*")],
            ignore_query: vec![Pattern::new("utm_*"), Pattern::new("*")],
            query_in_any_order: true,
            languages: Languages::First,
            ignore_attributes: vec![Pattern::new("metadata.*")],
        },
        body: true,
        max_body_bytes: 1 << 20,
        share_across_principals: true,
    };
    let expected = Settings {
        shadow: true,
        scope: Scope::Worker,
        key,
        share_status: vec![200, 404, 599],
        max_body_bytes: 2 << 20,
        max_followers: 3,
        max_flights: 4,
        max_bytes_held: 1 << 30,
        max_wait: Duration::from_secs(8),
        max_leader_age: Duration::from_secs(7),
        stall_timeout: Duration::from_millis(800),
        on_error: OnError::Share(vec![503, 400]),
        max_elections: 9,
        release_concurrency: 10,
        body_timeout: Duration::from_millis(900),
        pass_ttl: Duration::ZERO,
        hold: Duration::from_secs(10),
        stale_if_error: Duration::from_secs(3600),
        max_stored_bytes: 1,
        honour_no_cache: true,
    };
    assert_eq!(settings, Some(expected));
}

#[test]
fn followers_may_be_released_when_the_leader_fails() {
    assert_eq!(read(r#"{"on_error": "release"}"#).unwrap().on_error, OnError::Release);
}

#[test]
fn an_answer_may_be_kept_for_failures_alone() {
    let settings = read(r#"{"stale_if_error": "1m", "max_stored_bytes": "64MiB"}"#).unwrap();
    assert_eq!((settings.hold, settings.stale_if_error), (Duration::ZERO, Duration::from_secs(60)));
    assert_eq!(settings.max_stored_bytes, 64 << 20);
}

#[test]
fn credentials_are_shared_only_by_the_word_that_says_so() {
    let word = r#"{"key": {"headers": ["authorization"]},
        "i_know_that_clients_share_answers_across_credentials": true}"#;
    assert!(read(word).unwrap().key.share_across_principals, "cookies are shared still");
    let without = r#"{"key": {"headers": ["authorization", "cookie"]},
        "i_know_that_clients_share_answers_across_credentials": false}"#;
    assert!(!read(without).unwrap().key.share_across_principals);
}

#[test]
fn limits_that_turn_each_other_off_are_the_operators() {
    for section in [
        r#"{"max_wait": "10ms"}"#,
        r#"{"max_leader_age": "1h"}"#,
        r#"{"stall_timeout": "1h", "max_leader_age": "100ms"}"#,
        r#"{"hold": "1s", "max_body_bytes": "64MiB", "max_stored_bytes": "1KiB"}"#,
        r#"{"max_bytes_held": "1MiB"}"#,
        r#"{"key": {"headers": ["accept", "if-none-match", "range", "origin"]}}"#,
    ] {
        assert!(read(section).is_some(), "{section}");
    }
}

#[test]
fn a_route_coalesces_if_one_of_its_methods_may_be() {
    for (methods, key) in [
        (r#"["GET"]"#, "{}"),
        (r#"["POST", "HEAD"]"#, "{}"),
        (r#"["DELETE", "POST"]"#, r#"{"body": true}"#),
        (r#"["GET", "POST"]"#, r#"{"body": true}"#),
    ] {
        let text = format!(
            r#"{{"match": {{"methods": {methods}}}, "upstream": "a", "coalesce": {{"key": {key}}}}}"#
        );
        assert!(coalesce(route(&text)).is_some(), "{text}");
    }
}

#[test]
fn a_route_may_retry_and_coalesce() {
    let document = route(r#"{"match": {}, "upstream": "a", "retry": {}, "coalesce": {}}"#).unwrap();
    assert!(document.routes()[0].retry().is_some() && document.routes()[0].coalesce().is_some());
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// What the section means, or what is wrong with it.
    fn outcome(section: &Value) -> Result<Settings, Vec<String>> {
        let route = format!(r#"{{"match": {{}}, "upstream": "a", "coalesce": {section}}}"#);
        let document = format!(r#"{{"upstreams": {UPSTREAMS}, "routes": [{route}]}}"#);
        match Document::from_json(document.as_bytes()) {
            Ok(document) => coalesce(Some(document)).ok_or_else(Vec::new),
            Err(errors) => Err(errors.iter().map(|error| error.path.clone()).collect()),
        }
    }

    /// The path of a field of the section.
    fn at(field: &str) -> String {
        format!("routes[0].coalesce.{field}")
    }

    proptest! {
        #[test]
        fn a_count_arrives_if_it_is_in_range_and_is_refused_by_its_own_name_if_not(
            field in 0_usize..4, count in prop_oneof![0_u64..12, 95_u64..105, 9_995_u64..10_005, 999_990_u64..1_000_010]
        ) {
            let fields = ["max_followers", "max_flights", "max_elections", "release_concurrency"];
            let most = [1_000_000, 1_000_000, 100, 10_000];
            let outcome = outcome(&json!({fields[field]: count}));
            if (1..=most[field]).contains(&count) {
                let read = outcome.expect("in range");
                let read = [read.max_followers, read.max_flights, read.max_elections, read.release_concurrency];
                prop_assert_eq!(u64::from(read[field]), count);
            } else {
                prop_assert_eq!(outcome.expect_err("out of range"), [at(fields[field])]);
            }
        }

        #[test]
        fn a_time_arrives_if_it_is_in_range_and_is_refused_by_its_own_name_if_not(
            field in 0_usize..6,
            ms in prop_oneof![0_u64..30, 90_u64..110, 9_990_u64..10_010, 3_599_990_u64..3_600_010]
        ) {
            let fields = ["max_wait", "max_leader_age", "stall_timeout", "pass_ttl", "hold", "stale_if_error"];
            let least = [10, 100, 100, 0, 0, 0];
            let most = [3_600_000, 3_600_000, 3_600_000, 3_600_000, 10_000, 3_600_000];
            let outcome = outcome(&json!({fields[field]: format!("{ms}ms")}));
            if (least[field]..=most[field]).contains(&ms) {
                let read = outcome.expect("in range");
                let leads = [read.max_wait, read.max_leader_age, read.stall_timeout];
                let read = [leads, [read.pass_ttl, read.hold, read.stale_if_error]].concat();
                prop_assert_eq!(read[field], Duration::from_millis(ms));
            } else {
                prop_assert_eq!(outcome.expect_err("out of range"), [at(fields[field])]);
            }
        }

        #[test]
        fn a_list_of_statuses_arrives_as_it_is_or_each_wrong_one_is_refused(
            list in prop::collection::vec(100_u16..=599, 1..6)
        ) {
            let fits = |(index, status): (usize, &u16)| {
                (200..=599).contains(status) && ![206, 304].contains(status) && !list[..index].contains(status)
            };
            let wrong = list.iter().enumerate().filter(|entry| !fits(*entry)).count();
            match outcome(&json!({"share_status": list})) {
                Ok(settings) => {
                    prop_assert_eq!(settings.share_status, list.clone());
                    prop_assert_eq!(wrong, 0);
                }
                Err(paths) => {
                    let mut places = paths;
                    places.sort_unstable();
                    places.dedup();
                    prop_assert_eq!(places.len(), wrong);
                }
            }
        }

        #[test]
        fn no_answer_is_held_that_would_not_fit(body in 0_u64..3_000, held in 0_u64..3_000) {
            if let Ok(settings) = outcome(&json!({"max_body_bytes": body, "max_bytes_held": held})) {
                prop_assert!(0 < settings.max_body_bytes && settings.max_body_bytes <= settings.max_bytes_held);
            } else {
                prop_assert!(body == 0 || held < body);
            }
        }

        #[test]
        fn clients_share_across_credentials_only_by_the_word_whatever_else_is_written(
            headers in prop::sample::subsequence(vec!["authorization", "cookie", "x-user", "range"], 0..4),
            scope in "(worker|proxy)", word in prop::option::of(any::<bool>())
        ) {
            let mut section = json!({"key": {"headers": headers}, "scope": scope});
            if let Some(word) = word {
                section["i_know_that_clients_share_answers_across_credentials"] = word.into();
            }
            match outcome(&section) {
                Ok(settings) => prop_assert_eq!(settings.key.share_across_principals, word == Some(true)),
                Err(_) => prop_assert!(word == Some(true)),
            }
        }
    }
}
