//! The section `outlier`: what it means, and in which words a wrong one is refused.

use core::time::Duration;
use switchyard_config::Document;
use switchyard_core::outlier::{
    Check, EjectionPolicy, Elsewhere, Heartbeat, LatencyPolicy, Readmission, Settings, Signal, StallPolicy,
    Threshold,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn document(outlier: &str) -> String {
    let endpoints = r#"[{"address": "1.2.3.4:80"}, {"address": "1.2.3.5:80"}]"#;
    format!(r#"{{"upstreams": [{{"name": "a", "endpoints": {endpoints}, "outlier": {outlier}}}]}}"#)
}

/// What the section means; `None` if the document is refused or has none.
fn settings(document: &str) -> Option<Settings> {
    let document = Document::from_json(document.as_bytes()).ok()?;
    document.upstreams().first()?.outlier().cloned()
}

fn errors(outlier: &str) -> Vec<String> {
    let Err(refused) = Document::from_json(document(outlier).as_bytes()) else { return Vec::new() };
    let short = |error: String| error.trim_start_matches("upstreams[0].outlier.").to_owned();
    refused.iter().map(|error| short(error.to_string())).collect()
}

#[test]
fn an_empty_section_has_envoys_defaults() {
    let settings = settings(&document("{}")).unwrap();
    assert_eq!(settings, Settings::default());
    let consecutive = settings.consecutive;
    assert_eq!(consecutive.any_5xx, Threshold { count: 5, enforcing: 100 });
    assert_eq!(consecutive.gateway_failure, Threshold { count: 5, enforcing: 0 });
    assert_eq!(settings.ejection.max_percent, 10);
}

#[test]
fn without_the_section_nothing_is_ejected() {
    let document = br#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.2.3.4:80"}]}]}"#;
    assert!(Document::from_json(document).unwrap().upstreams()[0].outlier().is_none());
}

#[test]
fn shadow_is_the_documents_unless_the_section_says_otherwise() {
    let with = |mode: &str, outlier: &str| {
        let text = document(outlier);
        settings(&format!(r#"{{"mode": "{mode}", {}"#, &text[1..])).unwrap().shadow
    };
    assert!(with("shadow", "{}"));
    assert!(!with("shadow", r#"{"mode": "enforce"}"#));
    assert!(with("enforce", r#"{"mode": "shadow"}"#));
    assert!(!with("enforce", "{}"));
}

#[test]
fn every_field_arrives() {
    let settings = settings(&document(
        r#"{
            "failure_statuses": ["500-503", 429, "418"], "retry_after_is_overload": true, "slow_threshold": "2s",
            "signal": {"header": "x-down", "action": "drain"}, "split_external_local_origin_errors": true,
            "consecutive_5xx": 1, "enforcing_consecutive_5xx": 2,
            "consecutive_gateway_failure": 3, "enforcing_consecutive_gateway_failure": "4%",
            "consecutive_local_origin_failure": 0, "enforcing_consecutive_local_origin_failure": 6,
            "interval": "1s", "base_ejection_time": "2s", "max_ejection_time": "3s", "max_ejection_time_jitter": "4s",
            "max_ejection_percent": 50, "min_healthy": 2,
            "success_rate_minimum_hosts": 7, "success_rate_request_volume": 8, "success_rate_stdev_factor": 9,
            "enforcing_success_rate": 10, "failure_percentage_threshold": 11,
            "failure_percentage_minimum_hosts": 12, "failure_percentage_request_volume": 13,
            "enforcing_failure_percentage": 14,
            "latency": {"quantile": 50, "factor": 2.5, "floor": "5ms", "minimum_hosts": 2, "request_volume": 15, "enforcing": 16},
            "stall": {"limit": "300ms", "requests": 17, "enforcing": 18},
            "readmission": {"policy": "probing", "concurrency": 19, "successes": 20},
            "failure_grpc_statuses": ["unavailable", 13],
            "heartbeat": {"path": "/up", "host": "web", "headers": {"x-a": "b c", "_": 1}, "expected_statuses": [401, "200-204"],
                          "port": 9000, "cluster": "health", "interval": "6s", "timeout": "5s", "healthy_threshold": 21,
                          "unhealthy_threshold": 22, "watch": "all"},
            "attempts": 23
        }"#,
    ))
    .unwrap();
    assert_eq!(settings.failure.statuses, [500..=503, 429..=429, 418..=418]);
    assert_eq!(settings.failure.grpc_statuses, Some(vec![14, 13]));
    assert!(settings.failure.retry_after_is_overload && settings.failure.split_external_local_origin_errors);
    assert_eq!(settings.failure.slow_threshold, Some(Duration::from_secs(2)));
    assert_eq!(settings.failure.signal, Some(Signal { header: "x-down".into(), drain: true }));
    assert_eq!(settings.consecutive.any_5xx, Threshold { count: 1, enforcing: 2 });
    assert_eq!(settings.consecutive.gateway_failure, Threshold { count: 3, enforcing: 4 });
    assert_eq!(settings.consecutive.local_origin_failure, Threshold { count: 0, enforcing: 6 });
    assert_eq!(settings.interval, Duration::from_secs(1));
    let ejection = EjectionPolicy {
        base: Duration::from_secs(2),
        max: Duration::from_secs(3),
        max_jitter: Duration::from_secs(4),
        max_percent: 50,
        min_healthy: 2,
    };
    assert_eq!(settings.ejection, ejection);
    let rate = settings.success_rate;
    assert_eq!((rate.minimum_hosts, rate.request_volume, rate.stdev_factor, rate.enforcing), (7, 8, 9, 10));
    let share = settings.failure_percentage;
    assert_eq!(
        (share.threshold, share.minimum_hosts, share.request_volume, share.enforcing),
        (11, 12, 13, 14)
    );
    let latency = LatencyPolicy {
        quantile: 50,
        factor: 2.5,
        floor: Duration::from_millis(5),
        minimum_hosts: 2,
        request_volume: 15,
        enforcing: 16,
    };
    assert_eq!(settings.latency, Some(latency));
    let stall = StallPolicy { limit: Duration::from_millis(300), requests: 17, enforcing: 18 };
    assert_eq!(settings.stall, Some(stall));
    assert_eq!(settings.readmission, Readmission::HalfOpen { concurrency: 19, successes: 20 });
    let heartbeat = Heartbeat {
        check: Check::Http { path: "/up".into(), expected: vec![401..=401, 200..=204] },
        host: Some("web".into()),
        headers: vec![("x-a".into(), "b c".into())],
        elsewhere: Some(Elsewhere { port: 9000, cluster: "health".into() }),
        interval: Duration::from_secs(6),
        timeout: Duration::from_secs(5),
        healthy_threshold: 21,
        unhealthy_threshold: 22,
        watch_all: true,
    };
    assert_eq!((settings.heartbeat, settings.attempts), (Some(heartbeat), 23));
}

#[test]
fn what_is_switched_off_is_off() {
    let settings = settings(&document(
        r#"{"signal": {"action": "ignore"}, "readmission": {"policy": "after_time"}, "base_ejection_time": "400s"}"#,
    ))
    .unwrap();
    assert_eq!((settings.failure.signal, settings.readmission), (None, Readmission::AfterTime));
    assert_eq!(settings.ejection.max, Duration::from_secs(400), "never shorter than the base");
}

const WRONG: &[(&str, &[&str])] = &[
    (r#"{"consecutive_5x": 1}"#, &[r#"consecutive_5x: unknown field; did you mean "consecutive_5xx"?"#]),
    (r#"{"consecutive_5xx": 1001}"#, &["consecutive_5xx: 1001 is out of range; it takes 0 to 1000"]),
    (
        r#"{"consecutive_gateway_failure": -1}"#,
        &["consecutive_gateway_failure: -1 is not a whole number of 0 or more"],
    ),
    (
        r#"{"enforcing_success_rate": 101}"#,
        &["enforcing_success_rate: 101 is not a percentage; write a whole number from 0 to 100"],
    ),
    (r#"{"interval": "100ms"}"#, &[r#"interval: is shorter than 500ms; write "500ms" or more"#]),
    (r#"{"interval": "0s"}"#, &["interval: is zero; it takes more than zero"]),
    (r#"{"base_ejection_time": "0s"}"#, &["base_ejection_time: is zero; it takes more than zero"]),
    (
        r#"{"base_ejection_time": "10s", "max_ejection_time": "5s"}"#,
        &["max_ejection_time: is shorter than base_ejection_time (30s by default); raise it or lower that"],
    ),
    (r#"{"min_healthy": 3}"#, &["min_healthy: 3 is more than there are endpoints (2); lower it"]),
    (r#"{"slow_threshold": "0s"}"#, &["slow_threshold: is zero; it takes more than zero"]),
    (r#"{"failure_statuses": []}"#, &["failure_statuses: is empty; name a status or remove it"]),
    (
        r#"{"failure_statuses": ["503-500", "5xx", 99, 600]}"#,
        &[
            r#"failure_statuses[0]: "503-500" is not a status; write "503" or "500-599", from 100 to 599"#,
            r#"failure_statuses[1]: "5xx" is not a status; write "503" or "500-599", from 100 to 599"#,
            r#"failure_statuses[2]: 99 is not a status; write "503" or "500-599", from 100 to 599"#,
            r#"failure_statuses[3]: 600 is not a status; write "503" or "500-599", from 100 to 599"#,
        ],
    ),
    (
        r#"{"signal": {"header": "X-Down", "action": "kill"}}"#,
        &[
            r#"signal.action: "kill" is not one of eject, drain, ignore"#,
            r#"signal.header: "X-Down"; write it in lower case: "x-down""#,
        ],
    ),
    (
        r#"{"latency": {"quantile": 100, "factor": 1, "minimum_hosts": 1}}"#,
        &[
            "latency.factor: 1 is out of range; it takes more than 1 to 1000",
            "latency.quantile: 100 is out of range; it takes 1 to 99",
            "latency.minimum_hosts: 1 is out of range; it takes 2 to 100000",
        ],
    ),
    (
        r#"{"stall": {"limit": "0s", "requests": 0}}"#,
        &[
            "stall.limit: is zero; it takes more than zero",
            "stall.requests: 0 is out of range; it takes 1 to 1000",
        ],
    ),
    (
        r#"{"readmission": {"policy": "after_time", "successes": 3}}"#,
        &["readmission.successes: belongs to probing; remove it or change the policy"],
    ),
    (
        r#"{"readmission": {"concurrency": 0}}"#,
        &["readmission.concurrency: 0 is out of range; it takes 1 to 100"],
    ),
    (r#"{"heartbeat": {}}"#, &["heartbeat: asks nothing; add path or grpc_health_check"]),
    (
        r#"{"heartbeat": {"path": "/", "grpc_health_check": {}, "expected_statuses": [], "port": 0, "headers": {"X-A": "b"}}}"#,
        &[
            "heartbeat.port: 0 is out of range; it takes 1 to 65535",
            "heartbeat.port: needs cluster: one of type ORIGINAL_DST with use_http_header, since the upstream's has no such endpoint; add it",
            r#"heartbeat.headers.X-A: "X-A"; write it in lower case: "x-a""#,
            "heartbeat.expected_statuses: is empty; name a status or remove it",
            "heartbeat: has both path and grpc_health_check; keep one",
        ],
    ),
    (
        r#"{"heartbeat": {"grpc_health_check": {"service_name": "a b"}, "expected_statuses": ["200"], "cluster": "health",
            "headers": {":path": "/", "x-switchyard-heartbeat": "1", "connection": "close", "x-b": "\u00fc"}}}"#,
        &[
            "heartbeat.cluster: belongs to port; add that or remove it",
            "heartbeat.headers.:path: is a pseudo-header; remove it (path and host have fields of their own)",
            "heartbeat.headers.connection: is written for every heartbeat; remove it",
            r#"heartbeat.headers.x-b: "ü" has characters that no header takes here; use visible ASCII"#,
            "heartbeat.headers.x-switchyard-heartbeat: is written for every heartbeat; remove it",
            "heartbeat.expected_statuses: belongs to path; gRPC says in its answer whether it serves: remove it",
            r#"heartbeat.grpc_health_check.service_name: "a b" is no name of a service; it takes 127 visible characters at most"#,
        ],
    ),
    (
        r#"{"heartbeat": {"path": "up", "interval": "50ms", "timeout": "60ms", "healthy_threshold": 0, "host": ""}}"#,
        &[
            r#"heartbeat.interval: is shorter than 100ms; write "100ms" or more"#,
            "heartbeat.timeout: is longer than the interval; heartbeats would pile up: lower it",
            "heartbeat.healthy_threshold: 0 is out of range; it takes 1 to 255",
            "heartbeat.host: is empty; name a host or remove it",
            r#"heartbeat.path: "up" is no path; begin it with "/""#,
        ],
    ),
    (
        r#"{"heartbeat": {"path": "/a b", "host": "we b"}}"#,
        &[
            r#"heartbeat.host: "we b" has characters that no request line takes; write them as %20 and the like"#,
            r#"heartbeat.path: "/a b" has characters that no request line takes; write them as %20 and the like"#,
        ],
    ),
    (r#"{"attempts": 0}"#, &["attempts: 0 is out of range; it takes 1 to 100"]),
    (r#"{"mode": "shadows"}"#, &[r#"mode: "shadows" is not one of enforce, shadow; did you mean "shadow"?"#]),
    ("[]", &["upstreams[0].outlier: a list of 0 is not an object"]),
];

#[test]
fn every_wrong_section_is_refused_in_these_words() {
    for (outlier, expected) in WRONG {
        assert_eq!(errors(outlier), *expected, "{outlier}");
    }
}
