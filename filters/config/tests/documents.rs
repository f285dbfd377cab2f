//! Documents that are right, in every form in which they arrive.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use core::time::Duration;
use switchyard_config::{Document, Mode};
use switchyard_core::balance::{HashFunction, Policy, RingSize};
use switchyard_core::coalesce::{OnError, Scope};
use switchyard_core::hash::{SameSite, Source};
use switchyard_core::health::Health;
use switchyard_core::orca::{MetricName, ReportPolicy};
use switchyard_core::request::PlainRequest;

const FULL: &str = r#"{
    "_comment": "keys that begin with an underscore are for people",
    "mode": "shadow",
    "explain": true,
    "log_decisions": true,
    "default_cluster": "checkout",
    "upstreams": [
        {
            "name": "checkout",
            "endpoints": [
                {"address": "10.0.0.1:8080", "weight": 2, "hash_key": "a"},
                {"address": "[2001:db8::1]:8080", "health": "ejected", "_since": "Monday"}
            ],
            "balance": {
                "policy": "ring_hash",
                "hash_on": [
                    {"header": "x-user", "terminal": true},
                    {"cookie": {"name": "sid", "ttl": "1h", "path": "/", "domain": "example.com", "same_site": "none", "secure": true}},
                    {"query_parameter": "user"}, {"source_ip": true}, {"path": true}
                ],
                "hash_function": "murmur_hash_2",
                "minimum_ring_size": 100,
                "maximum_ring_size": 1000,
                "hash_balance_factor": 150,
                "no_hash": "least_request",
                "candidates": 2,
                "healthy_panic_threshold": "0%",
                "fail_traffic_on_panic": true,
                "slow_start": {"window": "30s", "aggression": 1.5, "min_weight_percent": 20}
            },
            "outlier": {
                "failure_statuses": ["500-599", 429],
                "signal": {"header": "x-down", "action": "drain"},
                "consecutive_5xx": 3,
                "enforcing_success_rate": "50%",
                "interval": "5s",
                "max_ejection_time": "60s",
                "latency": {"quantile": 95, "factor": 2.5, "floor": "20ms"},
                "stall": {"limit": "2s", "requests": 2},
                "readmission": {"policy": "probing", "concurrency": 2, "successes": 4},
                "heartbeat": {"path": "/up", "interval": "1s", "watch": "all"}
            },
            "retry_budget": {"ratio": 0.5, "window": "5s"}
        },
        {"name": "canary", "cluster": "checkout-canary", "endpoints": [{"address": "10.0.0.9:80"}]}
    ],
    "routes": [
        {
            "name": "api",
            "match": {
                "hosts": ["Shop.example.com", "*.example.com", "shop.*", "[2001:db8::1]", "*"],
                "path_prefix": "/api",
                "ignore_case": true,
                "methods": ["GET"],
                "headers": [{"name": "x-a", "regex": "[0-9]+"}, {"name": "x-b", "present": false}],
                "query": [{"name": "v", "exact": "2"}, {"name": "debug", "present": false}]
            },
            "split": [{"upstream": "checkout", "weight": 95}, {"upstream": "canary", "weight": 5}],
            "split_on": [{"header": "x-user"}],
            "coalesce": {
                "scope": "worker",
                "key": {"headers": ["x-user", "authorization"]},
                "share_status": [200, "404"],
                "max_body_bytes": "64KiB",
                "max_followers": 100,
                "max_wait": "2s",
                "on_error": "share",
                "share_errors": [502, 503],
                "hold": "250ms",
                "stale_if_error": "1m",
                "max_stored_bytes": "1MiB",
                "i_know_that_clients_share_answers_across_credentials": true
            }
        },
        {
            "match": {},
            "upstream": "checkout",
            "retry": {
                "engine": "filter",
                "retry_on": {
                    "statuses": ["500-599", 429], "grpc_statuses": ["unavailable", 8],
                    "headers": [{"name": "x-retry-me", "exact": "yes"}],
                    "body": [{"pointer": "/error", "exists": true}, {"pointer": "/code", "matches": "5.."}]
                },
                "per_try_timeout": "1s",
                "deadline_header": "x-deadline-ms",
                "back_off": {"base": "5ms", "reset_headers": [{"name": "x-reset", "format": "seconds"}]},
                "budget": {"ratio": 0.1},
                "hedge": {"quantile": 90},
                "fallback": {
                    "upstream": "canary",
                    "stale_if_error": {"max_age": "60s", "key": {"headers": ["accept"]}, "max_bytes": "1MiB"},
                    "answer": {"status": 503, "headers": {"content-type": "text/plain"}, "body": "later"}
                }
            },
            "batch": {
                "protocol": {"json_rpc": {"repeatable": ["eth_call", "eth_get*"], "weigh": "/params/0"}},
                "scope": "proxy",
                "upstream": "canary",
                "leaves": "adaptive",
                "adaptive": {"target": "50ms", "estimator": "aimd"},
                "max_weight": 1000,
                "max_delay": "10ms",
                "key": {"headers": ["x-tenant"], "principal": ["x-user"]},
                "deadline_header": "x-deadline-ms",
                "budget": {"ratio": 0.1},
                "tell": true
            }
        },
        {
            "match": {"path_prefix": "/items"},
            "upstream": "canary",
            "batch": {"protocol": {"id_list": {"path": "/items", "parameter": "ids", "single": true, "id": "/id"}}}
        }
    ]
}"#;

#[test]
fn everything_that_is_written_is_what_is_meant() {
    let document = Document::from_json(FULL.as_bytes()).expect("valid");
    assert_eq!((document.mode(), document.explain()), (Mode::Shadow, true));
    assert!(document.log_decisions() && !Document::default().log_decisions());
    assert_eq!(document.default_cluster(), Some("checkout"));
    let checkout = &document.upstreams()[0];
    assert_eq!((checkout.name(), checkout.cluster(), checkout.candidates()), ("checkout", "checkout", 2));
    let weights: Vec<u32> = checkout.endpoints().iter().map(|endpoint| endpoint.weight.get()).collect();
    assert_eq!(weights, [2, 1]);
    assert_eq!(checkout.endpoints().get(0).expect("two").hash_key(), "a");
    assert_eq!((checkout.health(0), checkout.health(1)), (Health::Healthy, Health::Withdrawn));
    assert_eq!(
        *checkout.policy(),
        Policy::RingHash {
            hash_function: HashFunction::MurmurHash2,
            size: RingSize::Total { minimum: 100, maximum: 1000 },
            hash_balance_factor: Some(150)
        }
    );
    assert_eq!(
        *checkout.no_hash_policy(),
        Policy::LeastRequest { choice_count: 2, active_request_bias: 1.0 }
    );
    assert_eq!(checkout.hash_on().len(), 5);
    assert!(checkout.hash_on()[0].terminal);
    let Source::Cookie(cookie) = &checkout.hash_on()[1].source else { panic!("a cookie") };
    assert_eq!((cookie.ttl, cookie.secure), (Some(Duration::from_secs(3600)), true));
    assert_eq!((cookie.domain.as_deref(), cookie.same_site), (Some("example.com"), Some(SameSite::None)));
    assert_eq!(checkout.health_policy().panic_threshold, 0);
    assert!(checkout.health_policy().fail_traffic_on_panic);
    let slow_start = checkout.health_policy().slow_start.expect("given");
    assert_eq!(
        (slow_start.window, slow_start.aggression, slow_start.min_weight),
        (Duration::from_secs(30), 1.5, 0.2)
    );

    let canary = &document.upstreams()[1];
    assert_eq!(
        (canary.cluster(), canary.policy(), canary.candidates()),
        ("checkout-canary", &Policy::SmoothWeightedRoundRobin, 3)
    );

    let api = &document.routes()[0];
    let targets: Vec<_> =
        api.targets().iter().map(|target| (target.name(), target.upstream(), target.weight())).collect();
    assert_eq!((api.name(), targets), ("api", vec![("checkout", 0, 95), ("canary", 1, 5)]));
    assert_eq!(api.split_on().len(), 1);
    let coalesce = api.coalesce().expect("given");
    assert!(coalesce.shadow && coalesce.scope == Scope::Worker && coalesce.key.share_across_principals);
    assert_eq!(
        (&*coalesce.share_status, &coalesce.on_error),
        (&[200, 404][..], &OnError::Share(vec![502, 503]))
    );
    assert_eq!(document.routes()[1].name(), "route-1");
    let batches: Vec<_> = document.routes().iter().filter_map(|route| route.batch()).collect();
    let to: Vec<_> =
        batches.iter().map(|batch| (batch.settings().protocol.name(), batch.upstream())).collect();
    assert_eq!(to, [("json_rpc", 1), ("id_list", 1)]);
    assert!(batches.iter().all(|batch| batch.settings().shadow));
    assert_eq!(document.table().len(), 3);
    for (host, path, route) in [
        ("SHOP.example.com:80", "/API/x?v=2", Some(0)),
        ("shop.example.com", "/api?v=2&debug", Some(1)),
        ("shop.example.com", "/apis?v=2", Some(1)),
    ] {
        let asked = PlainRequest::get(path).with(":authority", host).with("x-a", "1");
        assert_eq!(document.table().find(&asked), route, "{host}{path}");
    }
}

#[test]
fn an_empty_configuration_is_legal_in_every_form() {
    for empty in ["", "  \n", "{}", "null", " { } ", r#"{"upstreams": [], "routes": []}"#] {
        let document = Document::from_plugin_configuration(empty.as_bytes()).expect(empty);
        assert!(document.upstreams().is_empty() && document.routes().is_empty(), "{empty}");
    }
}

#[test]
fn defaults_are_envoys() {
    let defaults = |policy: &str| {
        let text = format!(
            r#"{{"upstreams": [{{"name": "a", "endpoints": [{{"address": "1.1.1.1:1"}}], "balance": {policy}}}]}}"#
        );
        Document::from_json(text.as_bytes()).expect(policy).upstreams()[0].policy().clone()
    };
    assert_eq!(
        defaults(r#"{"policy": "maglev", "hash_on": [{"path": true}]}"#),
        Policy::Maglev { table_size: 65_537, hash_balance_factor: None }
    );
    assert_eq!(
        defaults(r#"{"policy": "ring_hash", "hash_on": [{"path": true}]}"#),
        Policy::RingHash {
            hash_function: HashFunction::XxHash,
            size: RingSize::Total { minimum: 1024, maximum: 8_388_608 },
            hash_balance_factor: None
        }
    );
    assert_eq!(
        defaults(r#"{"policy": "ring_hash", "hash_on": [{"path": true}], "points_per_endpoint": 160}"#),
        Policy::RingHash {
            hash_function: HashFunction::XxHash,
            size: RingSize::PerEndpoint(160),
            hash_balance_factor: None
        }
    );
    for balance in [r#"{"policy": "load_reported"}"#, r#"{"policy": "load_reported", "load_report": {}}"#] {
        assert_eq!(defaults(balance), Policy::LoadReported(ReportPolicy::default()));
    }
}

#[test]
fn what_is_written_of_reports_is_what_is_meant() {
    let document = br#"{"upstreams": [{"name": "a", "endpoints": [{"address": "1.1.1.1:1"}], "balance": {
        "policy": "load_reported", "load_report": {
            "blackout_period": "0s", "weight_expiration_period": "1m", "weight_update_period": "100ms",
            "error_utilization_penalty": 0.5, "maximum_weight_ratio": 4, "strip": false,
            "metric_names_for_computing_utilization": ["named_metrics.queue", "utilization.disk", "mem_utilization"]
        }}}]}"#;
    let expected = ReportPolicy {
        blackout_period: Duration::ZERO,
        weight_expiration_period: Duration::from_secs(60),
        weight_update_period: Duration::from_millis(100),
        error_utilization_penalty: 0.5,
        metric_names: vec![
            MetricName::Named("queue".into()),
            MetricName::Utilization("disk".into()),
            MetricName::MemUtilization,
        ],
        maximum_weight_ratio: 4.0,
        strip: false,
    };
    let document = Document::from_json(document).expect("valid");
    assert_eq!(*document.upstreams()[0].policy(), Policy::LoadReported(expected));
}

#[test]
fn a_binary_struct_is_told_from_json_that_begins_with_a_newline() {
    // Struct { fields: { "mode": "shadow" } }, as Envoy serialises it.
    let message = b"\x0a\x10\x0a\x04mode\x12\x08\x1a\x06shadow";
    let document = Document::from_plugin_configuration(message).expect("a Struct");
    assert_eq!(document.mode(), Mode::Shadow);
    for text in ["\n{\"mode\": \"shadow\"}", "\n\n  {\"mode\": \"shadow\"}\n", "\n\t{\"mode\": \"shadow\"}"] {
        assert_eq!(Document::from_plugin_configuration(text.as_bytes()).expect(text).mode(), Mode::Shadow);
    }
    let wrong =
        Document::from_plugin_configuration(b"\x0a\x0e\x0a\x04mode\x12\x06\x1a\x04shad").expect_err("shad");
    assert_eq!(wrong.to_string(), r#"mode: "shad" is not one of enforce, shadow; did you mean "shadow"?"#);
}

/// Struct { fields: { "_": "xx…" } } whose entry is `length` bytes long.
fn struct_with_an_entry_of(length: u8) -> Vec<u8> {
    let head = [0x0a, length, 0x0a, 1, b'_', 0x12, length - 5, 0x1a, length - 7];
    [&head[..], "x".repeat(usize::from(length) - 7).as_bytes()].concat()
}

#[test]
fn whatever_the_second_byte_a_struct_is_a_struct_and_json_is_json() {
    for length in 7..=127 {
        let mut message = struct_with_an_entry_of(length);
        assert_eq!(message.len(), usize::from(length) + 2);
        message.extend(b"\x0a\x10\x0a\x04mode\x12\x08\x1a\x06shadow");
        let document = Document::from_plugin_configuration(&message).expect("a Struct");
        assert_eq!(document.mode(), Mode::Shadow, "{length}");
    }
    // The second byte of a JSON text is a blank or a brace; as a length it fits when the text is as long.
    for second in ["\t", "\n", "\r", " ", ""] {
        for length in 0..200 {
            let text = format!("\n{second}{{\"mode\": \"shadow\", \"upstreams\": []}}{}", " ".repeat(length));
            let document = Document::from_plugin_configuration(text.as_bytes()).expect("JSON");
            assert_eq!(document.mode(), Mode::Shadow, "{text:?}");
        }
    }
}

#[test]
fn a_struct_that_breaks_off_is_called_one() {
    let message = b"\x0a\x10\x0a\x04mode\x12\x08\x1a\x06shadow";
    for end in 2..message.len() {
        let refused = Document::from_plugin_configuration(&message[..end]).expect_err("cut");
        assert_eq!(refused.to_string(), "document: is not a google.protobuf.Struct: it breaks off", "{end}");
    }
    let not_utf8 = Document::from_plugin_configuration(b"\n\xff{}").expect_err("neither");
    assert!(not_utf8.to_string().contains("google.protobuf.Struct"), "{not_utf8}");
}

#[test]
fn ten_thousand_routes_and_a_thousand_endpoints_are_read() {
    let endpoints: Vec<String> =
        (0..1000).map(|host| format!(r#"{{"address": "10.0.{}.{}:80"}}"#, host / 250, host % 250)).collect();
    let routes: Vec<String> = (0..10_000)
        .map(|route| format!(r#"{{"match": {{"path_prefix": "/{route}/"}}, "upstream": "a"}}"#))
        .collect();
    let text = format!(
        r#"{{"upstreams": [{{"name": "a", "endpoints": [{}]}}], "routes": [{}]}}"#,
        endpoints.join(","),
        routes.join(",")
    );
    let document = Document::from_json(text.as_bytes()).expect("valid");
    let routes = document.routes().iter().filter(|route| !route.is_envoys());
    assert_eq!((document.upstreams()[0].endpoints().len(), routes.count()), (1000, 10_000));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::FULL;
    use proptest::prelude::*;
    use serde_json::Value;
    use switchyard_config::Document;

    fn tree() -> impl Strategy<Value = Value> {
        let word = prop_oneof![
            "(mode|upstreams|routes|name|endpoints|address|weight|balance|policy|hash_on|match|split|outlier|interval|heartbeat|retry|retry_on|fallback|coalesce|key|headers|share_status|on_error|hold|batch|protocol|json_rpc|json_array|embeddings|id_list|repeatable|adaptive|target|principal|_x)",
            "[a-z]{0,8}"
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "(ring_hash|maglev|share|10s|1.2.3.4:80|.{0,10})".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((word.clone(), inner), 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Every place in a tree, as a JSON pointer.
    fn places(tree: &Value, at: String, found: &mut Vec<String>) {
        match tree {
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, item)| places(item, format!("{at}/{index}"), found));
            }
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| places(field, format!("{at}/{name}"), found));
            }
            _ => {}
        }
        found.push(at);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Document::from_plugin_configuration(&bytes);
        }

        #[test]
        fn no_tree_makes_it_panic_and_errors_have_words(tree in tree()) {
            if let Err(errors) = Document::from_value(&tree) {
                prop_assert!(errors.total() > 0);
                prop_assert!(errors.iter().all(|error| !error.problem.is_empty()));
            }
        }

        #[test]
        fn a_valid_document_with_one_place_spoilt_is_refused_or_valid_but_never_panics(
            spoilt in any::<prop::sample::Index>(), with in tree()
        ) {
            let mut document: Value = serde_json::from_str(FULL).expect("valid");
            let mut found = Vec::new();
            places(&document, String::new(), &mut found);
            if let Some(place) = document.pointer_mut(spoilt.get(&found).as_str()) {
                *place = with;
            }
            let _ = Document::from_value(&document);
        }
    }
}
