//! The bounds of the section `outlier`: every number, percentage and duration at its edges, and what is left out.

use core::time::Duration;
use switchyard_config::Document;
use switchyard_core::outlier::{Check, Heartbeat, LatencyPolicy, Settings, StallPolicy};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn read(outlier: &str) -> Result<Settings, Vec<String>> {
    let endpoints = r#"[{"address": "1.2.3.4:80"}, {"address": "1.2.3.5:80"}]"#;
    let document =
        format!(r#"{{"upstreams": [{{"name": "a", "endpoints": {endpoints}, "outlier": {outlier}}}]}}"#);
    let short = |error: String| error.trim_start_matches("upstreams[0].outlier.").to_owned();
    let document = Document::from_json(document.as_bytes())
        .map_err(|refused| refused.iter().map(|error| short(error.to_string())).collect::<Vec<_>>())?;
    let upstream = document.upstreams().first();
    upstream.and_then(|upstream| upstream.outlier()).cloned().ok_or_else(Vec::new)
}

fn errors(outlier: &str) -> Vec<String> {
    read(outlier).map_or_else(|errors| errors, |_| vec!["is taken".to_owned()])
}

#[test]
fn errors_of_every_part_come_at_once_and_a_bad_path_is_not_called_missing() {
    assert_eq!(
        errors(
            r#"{"consecutive_5xx": null, "interval": "400ms", "signal": {"header": ""}, "latency": {"factor": "3"},
                "stall": 5, "heartbeat": {"path": 7}, "attempts": 101, "_comment": "for people"}"#
        ),
        [
            "consecutive_5xx: is null; write a value or remove it",
            r#"latency.factor: "3" is not a number"#,
            "stall: 5 is not an object",
            "heartbeat.path: 7 is not a text; put it in quotes",
            r#"interval: is shorter than 500ms; write "500ms" or more"#,
            "signal.header: is empty; name a header",
            "attempts: 101 is out of range; it takes 1 to 100",
        ]
    );
}

/// Section ("" for the outlier section itself), field, and the least and the greatest number that it takes.
const BOUNDS: &[(&str, &str, u64, u64)] = &[
    ("", "consecutive_5xx", 0, 1000),
    ("", "consecutive_gateway_failure", 0, 1000),
    ("", "consecutive_local_origin_failure", 0, 1000),
    ("", "success_rate_minimum_hosts", 1, 100_000),
    ("", "success_rate_request_volume", 1, 1_000_000),
    ("", "success_rate_stdev_factor", 0, 100_000),
    ("", "failure_percentage_minimum_hosts", 1, 100_000),
    ("", "failure_percentage_request_volume", 1, 1_000_000),
    ("", "attempts", 1, 100),
    ("latency", "quantile", 1, 99),
    ("latency", "minimum_hosts", 2, 100_000),
    ("latency", "request_volume", 1, 1_000_000),
    ("stall", "requests", 1, 1000),
    ("readmission", "concurrency", 1, 100),
    ("readmission", "successes", 1, 1000),
    ("heartbeat", "healthy_threshold", 1, 255),
    ("heartbeat", "unhealthy_threshold", 1, 255),
];

/// Fields that take a percentage.
const PERCENTAGES: &[(&str, &str)] = &[
    ("", "enforcing_consecutive_5xx"),
    ("", "enforcing_consecutive_gateway_failure"),
    ("", "enforcing_consecutive_local_origin_failure"),
    ("", "max_ejection_percent"),
    ("", "enforcing_success_rate"),
    ("", "failure_percentage_threshold"),
    ("", "enforcing_failure_percentage"),
    ("latency", "enforcing"),
    ("stall", "enforcing"),
];

/// Fields that take a duration, with one that is too short and the shortest that is not.
const DURATIONS: &[(&str, &str, &str, &str)] = &[
    ("", "slow_threshold", "0s", "1us"),
    ("", "interval", "499ms", "500ms"),
    ("", "base_ejection_time", "0s", "1us"),
    ("", "max_ejection_time", "29s", "30s"),
    ("", "max_ejection_time_jitter", "-1s", "0s"),
    ("latency", "floor", "-1s", "0s"),
    ("stall", "limit", "0s", "1us"),
    ("heartbeat", "interval", "99ms", "100ms"),
    ("heartbeat", "timeout", "0s", "1ms"),
    ("heartbeat", "timeout", "5001ms", "5s"),
];

/// A section in which one field is set.
fn with(section: &str, field: &str, value: &str) -> String {
    match section {
        "" => format!(r#"{{"{field}": {value}}}"#),
        "heartbeat" => format!(r#"{{"heartbeat": {{"path": "/", "{field}": {value}}}}}"#),
        section => format!(r#"{{"{section}": {{"{field}": {value}}}}}"#),
    }
}

fn path(section: &str, field: &str) -> String {
    if section.is_empty() { field.to_owned() } else { format!("{section}.{field}") }
}

#[test]
fn numbers_are_taken_from_their_least_to_their_greatest() {
    for (section, field, low, high) in BOUNDS {
        let at = path(section, field);
        for value in [low, high] {
            assert_eq!(errors(&with(section, field, &value.to_string())), ["is taken"], "{at} {value}");
        }
        for value in [low.checked_sub(1), Some(high + 1)].into_iter().flatten() {
            let refused = format!("{at}: {value} is out of range; it takes {low} to {high}");
            assert_eq!(errors(&with(section, field, &value.to_string())), [refused]);
        }
    }
}

#[test]
fn percentages_are_taken_from_0_to_100() {
    for (section, field) in PERCENTAGES {
        let at = path(section, field);
        for value in ["0", "100", r#""50%""#] {
            assert_eq!(errors(&with(section, field, value)), ["is taken"], "{at} {value}");
        }
        let refused = format!("{at}: 101 is not a percentage; write a whole number from 0 to 100");
        assert_eq!(errors(&with(section, field, "101")), [refused]);
    }
}

#[test]
fn durations_are_taken_from_their_shortest() {
    for (section, field, wrong, right) in DURATIONS {
        let at = path(section, field);
        assert_eq!(errors(&with(section, field, &format!("{right:?}"))), ["is taken"], "{at} {right}");
        let refused = errors(&with(section, field, &format!("{wrong:?}")));
        let [only] = refused.as_slice() else { panic!("{at} {wrong}: {refused:?}") };
        assert!(only.starts_with(&format!("{at}: ")), "{only}");
        let bare = errors(&with(section, field, "10"));
        assert_eq!(bare.first(), Some(&format!("{at}: 10 has no unit; write \"10s\" or \"10ms\"")));
    }
}

#[test]
fn latency_factors_are_more_than_1_to_1000() {
    for value in ["1.001", "1000", "1000.0"] {
        assert_eq!(errors(&with("latency", "factor", value)), ["is taken"], "{value}");
    }
    for value in ["1", "0.5", "-3", "1000.5"] {
        let refused = format!("latency.factor: {value} is out of range; it takes more than 1 to 1000");
        assert_eq!(errors(&with("latency", "factor", value)), [refused]);
    }
}

#[test]
fn every_endpoint_may_be_kept_or_none() {
    for kept in [0, 2] {
        let settings = read(&with("", "min_healthy", &kept.to_string())).expect("valid");
        assert_eq!(settings.ejection.min_healthy, kept);
    }
}

#[test]
fn a_heartbeat_has_these_defaults_and_never_waits_longer_than_its_interval() {
    let heartbeat = |text: &str| read(text).expect("valid").heartbeat.expect("has one");
    let default = Heartbeat {
        check: Check::Http { path: "/up".into(), expected: vec![200..=299] },
        host: None,
        headers: Vec::new(),
        elsewhere: None,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        healthy_threshold: 2,
        unhealthy_threshold: 3,
        watch_all: false,
    };
    assert_eq!(heartbeat(r#"{"heartbeat": {"path": "/up"}}"#), default);
    let quick = heartbeat(r#"{"heartbeat": {"path": "/up", "interval": "100ms"}}"#);
    assert_eq!(quick.timeout, quick.interval);
    let whole = heartbeat(r#"{"heartbeat": {"grpc_health_check": {}}}"#);
    assert_eq!(whole, Heartbeat { check: Check::Grpc { service: "".into() }, ..default });
    let one = heartbeat(r#"{"heartbeat": {"grpc_health_check": {"service_name": "shop.Orders"}}}"#);
    assert_eq!(one.check, Check::Grpc { service: "shop.Orders".into() });
}

#[test]
fn empty_sections_have_the_defaults_of_the_core() {
    let settings = read(r#"{"latency": {}, "stall": {}, "readmission": {}, "signal": {}}"#).expect("valid");
    let default = Settings {
        latency: Some(LatencyPolicy::default()),
        stall: Some(StallPolicy::default()),
        ..Settings::default()
    };
    assert_eq!(settings, default);
}

#[test]
fn what_could_not_be_read_is_no_measure_for_others() {
    assert_eq!(
        errors(r#"{"base_ejection_time": 10, "max_ejection_time": "20s"}"#),
        [r#"base_ejection_time: 10 has no unit; write "10s" or "10ms""#]
    );
    assert_eq!(
        errors(r#"{"heartbeat": {"path": "/", "interval": 20, "timeout": "6s"}}"#),
        [r#"heartbeat.interval: 20 has no unit; write "20s" or "20ms""#]
    );
    let document = br#"{"upstreams": [{"name": "a", "endpoints": "none", "outlier": {"min_healthy": 1}}]}"#;
    let refused = Document::from_json(document).expect_err("endpoints are no list");
    assert_eq!(
        refused.to_string(),
        r#"upstreams[0].endpoints: "none" is not a list of endpoints, or one of envoy, etcd, consul, http"#
    );
}

#[cfg(feature = "schema")]
#[test]
fn editors_are_told_the_bounds_of_the_reader() {
    let schema: serde_json::Value =
        serde_json::from_str(&switchyard_config::schema_json()).expect("the schema is JSON");
    for (section, field, low, high) in BOUNDS {
        let name = match *section {
            "" => "Outlier",
            "latency" => "Latency",
            "stall" => "Stall",
            "readmission" => "Readmission",
            _ => "Heartbeat",
        };
        let told = &schema["$defs"][name]["properties"][*field];
        let least = told["minimum"].as_u64().unwrap_or_default();
        assert_eq!((least, told["maximum"].as_u64()), (*low, Some(*high)), "{name}.{field}");
    }
}
