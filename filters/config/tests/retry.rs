//! The section `retry`: what it means, field by field. In which words a wrong one is refused: retry_wrong.rs.

use core::time::Duration;
use serde_json::json;
use switchyard_config::Document;
use switchyard_core::budget::BudgetPolicy;
use switchyard_core::deadline::Deadline;
use switchyard_core::request_key::KeyRules;
use switchyard_core::retry::{
    BackOff, BodyRule, Engine, Fallback, Hedge, Jitter, ResetFormat, ResetHeader, Settings, StaleIfError,
    StaticAnswer,
};
use switchyard_core::route::HeaderRule;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const UPSTREAMS: &str = r#"[{"name": "a", "endpoints": [{"address": "1.2.3.4:80"}]},
    {"name": "old", "endpoints": [{"address": "1.2.3.5:80"}]}]"#;

/// The document with this route; `None` if it is refused.
fn route(route: &str) -> Option<Document> {
    let document = format!(r#"{{"upstreams": {UPSTREAMS}, "routes": [{route}]}}"#);
    Document::from_json(document.as_bytes()).ok()
}

/// The retries of the first route; `None` if the document is refused or has none.
fn retry(document: Option<Document>) -> Option<Settings> {
    document?.routes().first()?.retry().cloned()
}

/// What the section means.
fn read(retry_section: &str) -> Option<Settings> {
    retry(route(&format!(r#"{{"match": {{}}, "upstream": "a", "retry": {retry_section}}}"#)))
}

/// Settings hold regular expressions, which nothing compares.
fn shown(settings: &Settings) -> String {
    format!("{settings:?}")
}

#[test]
fn an_empty_section_has_the_defaults_of_the_core() {
    assert_eq!(shown(&read("{}").unwrap()), shown(&Settings::default()));
    let sections = read(r#"{"retry_on": {}, "budget": {}}"#).unwrap();
    assert_eq!(shown(&sections), shown(&Settings::default()));
}

#[test]
fn empty_sections_of_the_filters_engine_have_the_defaults_of_the_core() {
    let sections = read(r#"{"engine": "filter", "back_off": {}, "hedge": {}}"#).unwrap();
    let default = Settings { engine: Engine::Filter, hedge: Some(Hedge::default()), ..Settings::default() };
    assert_eq!(shown(&sections), shown(&default));
}

#[test]
fn without_the_section_nothing_is_tried_again() {
    let document = route(r#"{"match": {}, "upstream": "a"}"#).unwrap();
    assert!(document.routes()[0].retry().is_none());
}

#[test]
fn shadow_is_the_documents_unless_the_section_says_otherwise() {
    let with = |mode: &str, section: &str| {
        let routes = format!(r#"[{{"match": {{}}, "upstream": "a", "retry": {section}}}]"#);
        let document = format!(r#"{{"mode": "{mode}", "upstreams": {UPSTREAMS}, "routes": {routes}}}"#);
        retry(Document::from_json(document.as_bytes()).ok()).unwrap().shadow
    };
    assert!(with("shadow", "{}"));
    assert!(!with("shadow", r#"{"mode": "enforce"}"#));
    assert!(with("enforce", r#"{"mode": "shadow"}"#));
    assert!(!with("enforce", "{}"));
}

#[test]
fn every_field_of_the_filters_engine_arrives() {
    let settings = read(
        r#"{
            "mode": "shadow", "engine": "filter", "num_retries": 10, "per_try_timeout": "250ms", "timeout": "7s",
            "deadline_header": "x-deadline-ms", "deadline_floor": "11ms", "max_body": "1MiB",
            "body_timeout": "50ms",
            "back_off": {"base": "1ms", "max": "2ms", "jitter": "decorrelated", "retry_after_ceiling": "3s",
                         "retry_after": true, "reset_headers": [{"name": "x-reset", "format": "unix_timestamp"},
                                                                {"name": "x-wait", "format": "seconds"},
                                                                {"name": "x-ms", "format": "milliseconds"},
                                                                {"name": "x-in", "format": "duration"}]},
            "budget": {"ratio": 0.015, "min_per_second": 4, "window": "5s", "max_concurrent": 6},
            "hedge": {"quantile": 99, "min_delay": "0s", "initial_delay": "8ms"}
        }"#,
    ).unwrap();
    assert!(settings.shadow && settings.engine == Engine::Filter && !settings.non_idempotent);
    assert_eq!((settings.num_retries, settings.max_body), (10, 1 << 20));
    assert_eq!(settings.per_try_timeout, Some(Duration::from_millis(250)));
    assert_eq!(settings.body_timeout, Duration::from_millis(50));
    let deadline = Deadline {
        timeout: Duration::from_secs(7),
        header: Some("x-deadline-ms".into()),
        floor: Duration::from_millis(11),
    };
    assert_eq!(settings.deadline, deadline);
    let back_off = BackOff {
        base: Duration::from_millis(1),
        max: Duration::from_millis(2),
        jitter: Jitter::Decorrelated,
        retry_after_ceiling: Some(Duration::from_secs(3)),
        reset_headers: vec![
            ResetHeader { name: "x-reset".into(), format: ResetFormat::UnixTimestamp },
            ResetHeader { name: "x-wait".into(), format: ResetFormat::Seconds },
            ResetHeader { name: "x-ms".into(), format: ResetFormat::Milliseconds },
            ResetHeader { name: "x-in".into(), format: ResetFormat::Duration },
        ],
    };
    assert_eq!(settings.back_off, back_off);
    let budget = BudgetPolicy {
        ratio_ppm: 15_000,
        min_per_second: 4,
        window: Duration::from_secs(5),
        max_concurrent: 6,
    };
    assert_eq!(settings.budget, budget);
    let hedge = Hedge { quantile: 99, min_delay: Duration::ZERO, initial_delay: Duration::from_millis(8) };
    assert_eq!(settings.hedge, Some(hedge));
}

#[test]
fn every_field_of_the_routers_engine_arrives() {
    let hedged =
        read(r#"{"engine": "router", "per_try_timeout": "1s", "hedge_on_per_try_timeout": true}"#).unwrap();
    assert!(hedged.hedge_on_per_try_timeout && hedged.engine == Engine::Router);
    assert!(read(r#"{"non_idempotent": true}"#).unwrap().non_idempotent);
}

#[test]
fn every_failure_arrives() {
    let on = read(
        r#"{
            "engine": "filter",
            "retry_on": {
                "statuses": ["502-504", 429], "grpc_statuses": ["cancelled", "unauthenticated", 7],
                "connect_failure": false, "refused_stream": false, "reset": false, "timeout": true,
                "headers": [{"name": "x-retry-me", "exact": "yes"}, {"name": "x-final", "present": false}],
                "body": [{"pointer": "", "exists": true}, {"pointer": "/code", "equals": 503},
                         {"pointer": "/a~1b~0/0", "matches": "fail.*"}]
            }
        }"#,
    )
    .unwrap()
    .retry_on;
    assert_eq!((on.statuses, on.grpc_statuses), (vec![502..=504, 429..=429], vec![1, 16, 7]));
    assert_eq!([on.connect_failure, on.refused_stream, on.reset, on.timeout], [false, false, false, true]);
    let [exact, missing] = on.headers.as_slice() else { panic!("{:?}", on.headers) };
    assert!(matches!(&exact.rule, HeaderRule::Exact(value) if &**value == "yes") && !exact.invert);
    assert!(matches!(missing.rule, HeaderRule::Present) && missing.invert);
    let [whole, code, text] = on.body.as_slice() else { panic!("{:?}", on.body) };
    assert!(matches!(whole.rule, BodyRule::Exists) && whole.pointer.is_empty());
    assert!(matches!(&code.rule, BodyRule::Equals(value) if *value == json!(503)));
    assert!(text.holds(&json!({"a/b~": ["failed"]})) && !text.holds(&json!({"a/b~": ["has failed"]})));
}

#[test]
fn a_list_of_failures_replaces_only_the_fields_it_names() {
    let on = read(r#"{"retry_on": {"statuses": [500], "reset": false}}"#).unwrap().retry_on;
    let default = Settings::default().retry_on;
    assert_eq!((on.statuses, on.reset), (vec![500..=500], false));
    assert_eq!((on.grpc_statuses, on.connect_failure), (default.grpc_statuses, default.connect_failure));
}

#[test]
fn the_routers_engine_takes_all_that_envoy_has_a_word_for() {
    let on = read(
        r#"{"retry_on": {
            "grpc_statuses": [1, 4, 8, 13, 14], "headers": [{"name": "x-retry-me", "present": true, "invert": false}],
            "timeout": true, "body": []
        }}"#,
    ).unwrap()
    .retry_on;
    assert_eq!((on.grpc_statuses.len(), on.headers.len(), on.timeout, on.body.len()), (5, 1, true, 0));
}

#[test]
fn every_fallback_arrives() {
    let fallback = read(
        r#"{"fallback": {
            "upstream": "old",
            "stale_if_error": {"max_age": "60s", "key": {"headers": ["accept-language", "cookie"]}, "max_bytes": "64MiB"},
            "answer": {"status": 203, "headers": {"content-type": "text/plain", "x-empty": "", "_note": 1}, "body": "one\n\ttwo"}
        }}"#,
    ).unwrap()
    .fallback;
    let expected = Fallback {
        upstream: Some(1),
        stale: Some(StaleIfError {
            max_age: Duration::from_secs(60),
            key: KeyRules { headers: vec!["accept-language".into(), "cookie".into()], ..KeyRules::default() },
            max_bytes: 64 << 20,
        }),
        answer: Some(StaticAnswer {
            status: 203,
            headers: vec![("content-type".into(), "text/plain".into()), ("x-empty".into(), "".into())],
            body: "one\n\ttwo".into(),
        }),
    };
    assert_eq!(fallback, expected);
}

#[test]
fn the_fields_of_a_fallback_have_defaults() {
    let fallback = read(r#"{"fallback": {"stale_if_error": {"max_age": "1s"}, "answer": {"status": 204}}}"#)
        .unwrap()
        .fallback;
    let stale =
        StaleIfError { max_age: Duration::from_secs(1), key: KeyRules::default(), max_bytes: 1 << 20 };
    let answer = StaticAnswer { status: 204, headers: Vec::new(), body: "".into() };
    assert_eq!(fallback, Fallback { upstream: None, stale: Some(stale), answer: Some(answer) });
}

#[test]
fn a_share_of_nothing_may_be_the_fallback() {
    let split = r#"[{"upstream": "a", "weight": 1}, {"upstream": "old", "weight": 0}]"#;
    let fallback = r#"{"fallback": {"upstream": "old"}}"#;
    let document = route(&format!(r#"{{"match": {{}}, "split": {split}, "retry": {fallback}}}"#));
    assert_eq!(retry(document).unwrap().fallback.upstream, Some(1));
}

#[test]
fn the_greatest_wait_is_never_shorter_than_the_first() {
    let back_off = read(r#"{"engine": "filter", "back_off": {"base": "2s"}}"#).unwrap().back_off;
    assert_eq!(back_off.max, Duration::from_secs(2));
}

#[test]
fn what_endpoints_ask_for_may_go_unheard() {
    let back_off = read(r#"{"engine": "filter", "back_off": {"retry_after": false}}"#).unwrap().back_off;
    assert_eq!(back_off, BackOff { retry_after_ceiling: None, ..BackOff::default() });
}

#[test]
fn an_upstream_has_a_budget_only_if_it_says_so() {
    let endpoints = r#"[{"address": "1.2.3.4:80"}]"#;
    let with = |more: &str| {
        let document = format!(r#"{{"upstreams": [{{"name": "a", "endpoints": {endpoints}{more}}}]}}"#);
        let document = Document::from_json(document.as_bytes()).unwrap();
        document.upstreams()[0].retry_budget().copied()
    };
    assert_eq!(with(""), None);
    assert_eq!(with(r#", "retry_budget": {}"#), Some(BudgetPolicy::default()));
    let tight =
        BudgetPolicy { ratio_ppm: 1_000_000, window: Duration::from_secs(3600), ..BudgetPolicy::default() };
    assert_eq!(with(r#", "retry_budget": {"ratio": 1, "window": "1h"}"#), Some(tight));
}

#[test]
fn hedges_are_for_routes_that_some_idempotent_request_may_take() {
    for methods in ["", r#""methods": ["GET"]"#, r#""methods": ["POST", "PUT"]"#] {
        let hedged = r#"{"engine": "filter", "hedge": {}}"#;
        let text = format!(r#"{{"match": {{{methods}}}, "upstream": "a", "retry": {hedged}}}"#);
        assert!(retry(route(&text)).is_some_and(|settings| settings.hedge.is_some()), "{text}");
    }
}

#[test]
fn a_timeout_of_zero_bounds_nothing() {
    let settings = read(r#"{"timeout": "0s", "per_try_timeout": "1h", "deadline_floor": "1m"}"#).unwrap();
    assert!(settings.deadline.timeout.is_zero());
}

#[test]
fn a_whole_number_may_come_as_the_text_that_envoy_makes_of_it() {
    let retries = |text: &str| Some(read(&format!(r#"{{"num_retries": {text}}}"#))?.num_retries);
    assert_eq!(retries("2.0"), Some(2));
    assert_eq!(retries(r#""2.0""#), Some(2), "Envoy reads YAML's 2.0 so");
    // What its writer put into quotes is a text.
    for no_number in [r#""2""#, r#""2.5""#, r#""-2.0""#, r#""2.0s""#, r#""+2""#, r#""2e0""#] {
        assert_eq!(retries(no_number), None, "{no_number}");
    }
    let weight = |text: &str| {
        let endpoint = format!(r#"{{"address": "1.1.1.1:1", "weight": {text}}}"#);
        Document::from_json(
            format!(r#"{{"upstreams": [{{"name": "a", "endpoints": [{endpoint}]}}]}}"#).as_bytes(),
        )
        .ok()
        .and_then(|document| Some(document.upstreams()[0].endpoints().get(0)?.weight.get()))
    };
    assert_eq!(weight(r#""3000000000""#), Some(3_000_000_000), "and all above 2^31 - 1");
    assert_eq!((weight(r#""2147483647""#), weight(r#""99999999999999999999""#)), (None, None));
}

#[test]
fn a_number_with_a_fraction_may_come_as_a_text_as_envoy_reads_it_from_yaml() {
    let ratio = |text: &str| Some(read(&format!(r#"{{"budget": {{"ratio": {text}}}}}"#))?.budget.ratio_ppm);
    assert_eq!(ratio(r#""0.25""#), Some(250_000));
    assert_eq!(ratio(r#""1.0""#), Some(1_000_000));
    for no_number in [r#""0.2s""#, r#""nan""#, r#""1.e""#, r#"".""#, r#""1.5""#, r#""""#] {
        assert_eq!(ratio(no_number), None, "{no_number}");
    }
}
