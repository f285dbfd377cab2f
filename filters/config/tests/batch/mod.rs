//! The section `batch`: what it means, field by field. In which words a wrong one is refused: batch_wrong.rs.

#[cfg(not(target_arch = "wasm32"))]
mod properties;
mod reach;

use core::time::Duration;
use switchyard_config::{Batching, Document};
use switchyard_core::batch::{
    Adaptive, Embeddings, Estimator, IdForm, IdList, JsonArray, JsonRpc, KeyPolicy, Leaves, OnFailure,
    Protocol, Scope, Sends, Settings, Short,
};
use switchyard_core::budget::BudgetPolicy;
use switchyard_core::deadline::Deadline;
use switchyard_core::request_key::KeyRules;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const UPSTREAMS: &str = r#"[
    {"name": "a", "endpoints": [{"address": "1.2.3.4:80"}]},
    {"name": "b", "endpoints": [{"address": "1.2.3.5:80"}]},
    {"name": "c", "endpoints": [{"address": "1.2.3.6:80"}]}
]"#;

/// The document with this route; `None` if it is refused.
fn route(route: &str) -> Option<Document> {
    let document = format!(r#"{{"upstreams": {UPSTREAMS}, "routes": [{route}]}}"#);
    Document::from_json(document.as_bytes()).ok()
}

/// How the first route batches; `None` if the document is refused or it does not.
fn batch(document: Option<Document>) -> Option<Batching> {
    document?.routes().first()?.batch().cloned()
}

/// What the section means.
fn read(section: &str) -> Option<Settings> {
    let route = route(&format!(r#"{{"match": {{}}, "upstream": "a", "batch": {section}}}"#));
    batch(route).map(|batching| batching.settings().clone())
}

/// What the section means with this protocol and these fields.
fn read_with(protocol: &str, fields: &str) -> Option<Settings> {
    read(&format!(r#"{{"protocol": {{{protocol}}} {fields}}}"#))
}

/// Settings have no equality of their own: a protocol is not compared by anybody but here.
fn shown(settings: &Settings) -> String {
    format!("{settings:?}")
}

/// The settings that hold where nothing else is set.
fn default(protocol: Protocol) -> String {
    shown(&Settings::new(protocol))
}

#[test]
fn a_protocol_alone_has_the_defaults_of_the_core() {
    let read = |protocol: &str| shown(&read_with(protocol, "").expect(protocol));
    assert_eq!(read(r#""json_rpc": {}"#), default(Protocol::JsonRpc(JsonRpc::default())));
    assert_eq!(read(r#""json_array": {"_note": 1}"#), default(Protocol::JsonArray(JsonArray::default())));
    let list = IdList {
        path: "/items".into(),
        parameter: "ids".into(),
        form: IdForm::Comma,
        takes_single: false,
        field: None,
        id_pointer: "/id".into(),
    };
    assert_eq!(read(r#""id_list": {"path": "/items", "parameter": "ids"}"#), default(Protocol::IdList(list)));
    let embeddings = Settings {
        max_weight: Embeddings::default().max_tokens,
        ..Settings::new(Protocol::Embeddings(Embeddings::default()))
    };
    assert_eq!(read(r#""embeddings": {}"#), shown(&embeddings));
}

#[test]
fn what_is_written_as_the_default_is_the_default() {
    let written = read_with(
        r#""json_array": {"sends": "item", "repeatable": false}"#,
        r#", "mode": "enforce", "scope": "worker", "upstream": "a", "leaves": "while_busy", "max_items": 64,
            "max_bytes": "1MiB", "max_delay": "20ms", "max_in_flight": 4, "key": {"headers": []},
            "i_know_that_batches_mix_principals": false, "timeout": "15s", "deadline_floor": "10ms",
            "short_deadline": "alone", "on_failure": "bisect", "repeatable": false, "max_body": "64KiB",
            "stall_timeout": "1s", "body_timeout": "1s",
            "budget": {"ratio": 0.2, "min_per_second": 10, "window": "10s", "max_concurrent": 1024},
            "max_requests": 4096, "max_bytes_held": "16MiB", "strict": false, "tell": false"#,
    );
    assert_eq!(shown(&written.unwrap()), default(Protocol::JsonArray(JsonArray::default())));
    let written = read_with(
        r#""embeddings": {"max_items": 2048, "max_item_tokens": 8192, "max_tokens": 300000, "bytes_per_token": 3}"#,
        r#", "repeatable": false, "max_weight": 300000"#,
    );
    let default = read_with(r#""embeddings": {}"#, "");
    assert_eq!(shown(&written.unwrap()), shown(&default.unwrap()));
    let written = read_with(
        r#""id_list": {"path": "/", "parameter": "ids", "form": "comma", "single": false, "id": "/id"}"#,
        "",
    );
    let default = read_with(r#""id_list": {"path": "/", "parameter": "ids"}"#, "");
    assert_eq!(shown(&written.unwrap()), shown(&default.unwrap()));
}

#[test]
fn without_the_section_nothing_is_batched() {
    let document = route(r#"{"match": {}, "upstream": "a"}"#).unwrap();
    assert!(document.routes()[0].batch().is_none());
}

#[test]
fn shadow_is_the_documents_unless_the_section_says_otherwise() {
    let with = |mode: &str, field: &str| {
        let section = format!(r#"{{"protocol": {{"json_rpc": {{}}}} {field}}}"#);
        let routes = format!(r#"[{{"match": {{}}, "upstream": "a", "batch": {section}}}]"#);
        let document = format!(r#"{{"mode": "{mode}", "upstreams": {UPSTREAMS}, "routes": {routes}}}"#);
        batch(Document::from_json(document.as_bytes()).ok()).unwrap().settings().shadow
    };
    assert!(with("shadow", ""));
    assert!(!with("shadow", r#", "mode": "enforce""#));
    assert!(with("enforce", r#", "mode": "shadow""#));
    assert!(!with("enforce", ""));
}

#[test]
fn every_field_arrives() {
    let settings = read_with(
        r#""json_rpc": {"repeatable": ["eth_call", "eth_get*"], "weigh": "/params/0"}"#,
        r#", "mode": "shadow", "scope": "proxy", "leaves": "adaptive",
            "adaptive": {"target": "50ms", "estimator": "aimd"}, "max_items": 5, "max_bytes": "2MiB", "max_weight": 6,
            "max_delay": "7ms", "max_in_flight": 8, "key": {"headers": ["x-tenant"], "principal": ["x-user", "cookie"]},
            "timeout": "9s", "deadline_header": "x-deadline", "deadline_floor": "11ms", "short_deadline": "refuse",
            "on_failure": "singly", "max_body": "1MiB", "max_requests": 12, "max_bytes_held": "1GiB", "strict": true,
            "stall_timeout": "18s", "body_timeout": "19ms",
            "budget": {"ratio": "0.5", "min_per_second": 13, "window": "14s", "max_concurrent": 15}, "tell": true"#,
    );
    let protocol = Protocol::JsonRpc(JsonRpc {
        repeatable: vec!["eth_call".into(), "eth_get*".into()],
        weigh: Some("/params/0".into()),
    });
    let expected = Settings {
        shadow: true,
        scope: Scope::Proxy,
        protocol,
        key: KeyPolicy {
            rules: KeyRules { headers: vec!["x-tenant".into()], ..KeyRules::default() },
            principal: vec!["x-user".into(), "cookie".into()],
            mixes_principals: false,
        },
        leaves: Leaves::Adaptive(Adaptive { target: Duration::from_millis(50), estimator: Estimator::Aimd }),
        max_items: 5,
        max_bytes: 2 << 20,
        max_weight: 6,
        max_delay: Duration::from_millis(7),
        max_in_flight: 8,
        deadline: Deadline {
            timeout: Duration::from_secs(9),
            header: Some("x-deadline".into()),
            floor: Duration::from_millis(11),
        },
        short: Short::Refuse,
        on_failure: OnFailure::Singly,
        is_repeatable: false,
        budget: BudgetPolicy {
            ratio_ppm: 500_000,
            min_per_second: 13,
            window: Duration::from_secs(14),
            max_concurrent: 15,
        },
        stall_timeout: Duration::from_secs(18),
        max_body: 1 << 20,
        body_timeout: Duration::from_millis(19),
        max_requests: 12,
        max_bytes_held: 1 << 30,
        strict: true,
        tells: true,
    };
    assert_eq!(shown(&settings.unwrap()), shown(&expected));
}

#[test]
fn every_field_of_the_other_protocols_arrives() {
    let protocol =
        |protocol: &str, fields: &str| format!("{:?}", read_with(protocol, fields).expect(protocol).protocol);
    let array = JsonArray {
        field: Some("instances".into()),
        answers: Some("predictions".into()),
        sends: Sends::Items,
        is_repeatable: true,
        weigh: Some("/a~1b/~0/0".into()),
    };
    assert_eq!(
        protocol(
            r#""json_array": {"field": "instances", "answers": "predictions", "sends": "items", "repeatable": true,
                "weigh": "/a~1b/~0/0"}"#,
            r#", "max_weight": 1"#
        ),
        format!("{:?}", Protocol::JsonArray(array))
    );
    let embeddings = Embeddings {
        max_items: 10_000,
        max_item_tokens: 5,
        max_tokens: 6,
        bytes_per_token: 16,
        is_ordered: true,
    };
    assert_eq!(
        protocol(
            r#""embeddings": {"max_items": 10000, "max_item_tokens": 5, "max_tokens": 6, "bytes_per_token": 16, "ordered": true}"#,
            ""
        ),
        format!("{:?}", Protocol::Embeddings(embeddings))
    );
    let list = IdList {
        path: "/v1/items:get%20all".into(),
        parameter: "item.id_s-~".into(),
        form: IdForm::Repeated,
        takes_single: true,
        field: Some("items".into()),
        id_pointer: "/meta/id".into(),
    };
    assert_eq!(
        protocol(
            r#""id_list": {"path": "/v1/items:get%20all", "parameter": "item.id_s-~", "form": "repeated",
                "single": true, "field": "items", "id": "/meta/id"}"#,
            ""
        ),
        format!("{:?}", Protocol::IdList(list))
    );
}

#[test]
fn the_other_words_arrive() {
    let read = |fields| read_with(r#""json_rpc": {}"#, fields).unwrap();
    assert_eq!(read(r#", "leaves": "fixed_delay""#).leaves, Leaves::FixedDelay);
    let target = r#", "leaves": "adaptive", "adaptive": {"target": "15s"}"#;
    let adaptive = Adaptive { target: Duration::from_secs(15), estimator: Estimator::LeastSquares };
    assert_eq!((read(target).leaves, read(target).max_in_flight), (Leaves::Adaptive(adaptive), 1));
    let more = r#", "leaves": "adaptive", "adaptive": {"target": "15s"}, "max_in_flight": 3"#;
    assert_eq!(read(more).max_in_flight, 3);
    assert_eq!(read(r#", "on_failure": "fail""#).on_failure, OnFailure::Fail);
    assert!(read(r#", "repeatable": true"#).is_repeatable);
}

#[test]
fn principals_are_mixed_only_by_the_word_that_says_so() {
    let word = r#", "key": {"headers": ["authorization"]}, "i_know_that_batches_mix_principals": true"#;
    let key = read_with(r#""json_rpc": {}"#, word).unwrap().key;
    assert_eq!((key.mixes_principals, key.rules.headers), (true, vec!["authorization".into()]));
    assert!(!read_with(r#""json_rpc": {}"#, "").unwrap().key.mixes_principals);
}

#[test]
fn batches_go_where_the_section_says_else_where_the_route_does() {
    let to = |targets: &str, field: &str| {
        let text =
            format!(r#"{{"match": {{}}, {targets}, "batch": {{"protocol": {{"json_rpc": {{}}}} {field}}}}}"#);
        batch(route(&text)).map(|batching| batching.upstream())
    };
    let split = r#""split": [{"upstream": "a", "weight": 1}, {"upstream": "b", "weight": 0}]"#;
    assert_eq!(to(r#""upstream": "b""#, ""), Some(1));
    assert_eq!(to(r#""upstream": "b""#, r#", "upstream": "c""#), Some(2));
    assert_eq!(to(r#""upstream": "b""#, r#", "upstream": "b""#), Some(1));
    assert_eq!(to(split, r#", "upstream": "b""#), Some(1), "also a share of nothing");
    assert_eq!(to(split, r#", "upstream": "c""#), Some(2), "also none of the shares");
    assert_eq!(to(split, ""), None);
}

#[test]
fn limits_of_embeddings_bound_batches() {
    let read = |limits, fields| read_with(&format!(r#""embeddings": {{{limits}}}"#), fields).expect(fields);
    let settings = read(r#""max_items": 32, "max_tokens": 1000"#, "");
    assert_eq!((settings.max_items, settings.max_weight), (32, 1000));
    let Protocol::Embeddings(limits) = settings.protocol else { panic!("embeddings") };
    assert_eq!(limits.max_item_tokens, 1000, "no input is longer than a request");
    let settings = read(r#""max_items": 65"#, r#", "max_items": 65, "max_weight": 300000"#);
    assert_eq!((settings.max_items, settings.max_weight), (65, 300_000));
    assert_eq!(read("", "").max_items, 64);
}

#[test]
fn limits_that_turn_each_other_off_are_the_operators() {
    for fields in [
        r#", "max_requests": 1"#,
        r#", "max_items": 1"#,
        r#", "max_delay": "10s""#,
        r#", "timeout": "0s", "max_delay": "10s", "leaves": "adaptive", "adaptive": {"target": "1h"}"#,
        r#", "max_delay": "1ms", "timeout": "11ms""#,
        r#", "max_body": "1MiB""#,
        r#", "max_body": 1, "max_bytes": 1, "max_bytes_held": 1"#,
        r#", "max_bytes": "16MiB""#,
        r#", "max_bytes": "64MiB", "max_bytes_held": "64MiB""#,
        r#", "mode": "shadow", "tell": true, "strict": true"#,
        r#", "key": {"headers": ["accept", "authorization"]}"#,
    ] {
        assert!(read_with(r#""json_rpc": {"repeatable": ["*"]}"#, fields).is_some(), "{fields}");
    }
    let list = r#""id_list": {"path": "/items", "parameter": "ids"}"#;
    assert!(read_with(list, r#", "max_bytes": "1KiB""#).is_some(), "there are no bodies that must fit");
}

#[test]
fn a_route_may_retry_coalesce_and_batch() {
    let text = r#"{"match": {}, "upstream": "a", "retry": {}, "coalesce": {}, "batch": {"protocol": {"json_rpc": {}}}}"#;
    let document = route(text).unwrap();
    let route = &document.routes()[0];
    assert!(route.retry().is_some() && route.coalesce().is_some() && route.batch().is_some());
}

#[test]
fn lists_of_ids_and_bodies_may_be_two_routes() {
    let text = r#"{"match": {"methods": ["GET"]}, "upstream": "a",
            "batch": {"protocol": {"id_list": {"path": "/items", "parameter": "ids"}}}},
        {"match": {"methods": ["POST"]}, "upstream": "b", "batch": {"protocol": {"json_rpc": {}}}}"#;
    let document = route(text).unwrap();
    let names = document.routes().iter().filter_map(|route| Some(route.batch()?.settings().protocol.name()));
    assert_eq!(names.collect::<Vec<_>>(), ["id_list", "json_rpc"]);
}
