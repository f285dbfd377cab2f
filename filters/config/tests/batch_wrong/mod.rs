//! The section `batch` and the exact words that refuse a wrong one: what is wrong by itself, and what does nothing beside
//! others. Limits, times, key, protocol, route, and what could not be read have files of their own.

mod key;
mod limits;
mod protocol;
mod route;
mod times;
mod unread;

use switchyard_config::Document;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What is wrong with a document of two upstreams and this route.
fn errors_of(route: &str) -> Vec<String> {
    let upstreams = r#"[{"name": "billing", "endpoints": [{"address": "1.2.3.4:80"}]},
        {"name": "search", "endpoints": [{"address": "1.2.3.5:80"}]}]"#;
    let document = format!(r#"{{"upstreams": {upstreams}, "routes": [{route}]}}"#);
    let Err(refused) = Document::from_json(document.as_bytes()) else { return Vec::new() };
    let short = |error: String| error.trim_start_matches("routes[0].batch.").to_owned();
    refused.iter().map(|error| short(error.to_string())).collect()
}

/// What is wrong with a section on a route that matches so.
fn errors_where(matches: &str, batch: &str) -> Vec<String> {
    errors_of(&format!(r#"{{"match": {matches}, "upstream": "billing", "batch": {batch}}}"#))
}

fn errors(batch: &str) -> Vec<String> {
    errors_where("{}", batch)
}

/// What is wrong with these fields beside a protocol that has nothing wrong.
fn errors_beside(protocol: &str, fields: &str) -> Vec<String> {
    errors(&format!(r#"{{"protocol": {{{protocol}}}, {fields}}}"#))
}

const JSON_RPC: &str = r#""json_rpc": {}"#;
const ID_LIST: &str = r#""id_list": {"path": "/items", "parameter": "ids"}"#;

/// What is no section, or has no protocol.
const NO_SECTION: &[(&str, &[&str])] = &[
    ("[]", &["routes[0].batch: a list of 0 is not an object"]),
    ("null", &["routes[0].batch: is null; write a value or remove it"]),
    ("{}", &["protocol: is missing"]),
    (r#"{"protocol": null}"#, &["protocol: is null; write a value or remove it"]),
    (r#"{"protocol": "json_rpc"}"#, &[r#"protocol: "json_rpc" is not an object"#]),
    (
        r#"{"protocol": {}}"#,
        &["protocol: names no protocol; add one of json_rpc, json_array, embeddings, id_list"],
    ),
    (
        r#"{"protocol": {"jsonrpc": {}}}"#,
        &[
            r#"protocol.jsonrpc: unknown field; did you mean "json_rpc"?"#,
            "protocol: names no protocol; add one of json_rpc, json_array, embeddings, id_list",
        ],
    ),
    (r#"{"protocol": {"json_rpc": null}}"#, &["protocol.json_rpc: is null; write a value or remove it"]),
    (
        r#"{"protocol": {"json_rpc": {}, "embeddings": {}, "id_list": null}}"#,
        &[
            "protocol.id_list: is null; write a value or remove it",
            "protocol: has several protocols (json_rpc, embeddings); keep one",
        ],
    ),
    (
        r#"{"protocol": {"json_rpc": {}}, "max_delays": "1s"}"#,
        &[r#"max_delays: unknown field; did you mean "max_delay"?"#],
    ),
];

#[test]
fn what_is_no_section_is_refused_in_these_words() {
    for (section, expected) in NO_SECTION {
        assert_eq!(errors(section), *expected, "{section}");
    }
}

/// Fields that do nothing beside others: the protocol, and the fields beside it.
const IDLE: &[(&str, &str, &[&str])] = &[
    (
        JSON_RPC,
        r#""adaptive": {"target": "50ms"}"#,
        &["adaptive: belongs to leaves: adaptive; add that or remove it"],
    ),
    (
        JSON_RPC,
        r#""leaves": "while_busy", "adaptive": {"target": "50ms", "estimator": "aimd"}"#,
        &["adaptive: belongs to leaves: adaptive; add that or remove it"],
    ),
    (
        JSON_RPC,
        r#""leaves": "adaptive""#,
        &[r#"leaves: needs the section adaptive; add one, as in {"target": "50ms"}"#],
    ),
    (
        r#""json_rpc": {"weigh": "/params/0"}"#,
        r#""max_items": 9"#,
        &["protocol.json_rpc.weigh: is looked at for max_weight alone; add that or remove it"],
    ),
    (
        r#""json_array": {"weigh": "/text"}"#,
        r#""max_items": 9"#,
        &["protocol.json_array.weigh: is looked at for max_weight alone; add that or remove it"],
    ),
    (
        r#""json_rpc": {"repeatable": ["get"]}"#,
        r#""repeatable": true"#,
        &[
            "protocol.json_rpc.repeatable: says no more than the section's repeatable: true; remove one of them",
        ],
    ),
    (
        r#""json_array": {"repeatable": true}"#,
        r#""repeatable": true"#,
        &[
            "protocol.json_array.repeatable: says no more than the section's repeatable: true; remove one of them",
        ],
    ),
    (
        r#""embeddings": {}"#,
        r#""repeatable": true"#,
        &["repeatable: requests of embeddings may be made twice in any case; remove it"],
    ),
    (
        ID_LIST,
        r#""strict": true"#,
        &["strict: is for bodies, which requests of id_list have none; remove it"],
    ),
    (
        ID_LIST,
        r#""body_timeout": "1s""#,
        &["body_timeout: is for bodies, which requests of id_list have none; remove it"],
    ),
    (
        ID_LIST,
        r#""repeatable": true, "max_body": "1KiB""#,
        &[
            "repeatable: requests of id_list may be made twice in any case; remove it",
            "max_body: is for bodies, which requests of id_list have none; remove it",
        ],
    ),
    (
        r#""json_rpc": {"repeatable": ["get"]}"#,
        r#""on_failure": "fail", "budget": {}"#,
        &[
            "protocol.json_rpc.repeatable: is not looked at with on_failure: fail; remove one of them",
            "budget: is not looked at with on_failure: fail; remove one of them",
        ],
    ),
    (
        r#""json_array": {"repeatable": true}"#,
        r#""on_failure": "fail""#,
        &["protocol.json_array.repeatable: is not looked at with on_failure: fail; remove one of them"],
    ),
    (
        JSON_RPC,
        r#""on_failure": "fail", "repeatable": true"#,
        &["repeatable: is not looked at with on_failure: fail; remove one of them"],
    ),
];

#[test]
fn what_does_nothing_beside_others_is_refused() {
    for (protocol, fields, expected) in IDLE {
        assert_eq!(errors_beside(protocol, fields), *expected, "{protocol} {fields}");
    }
}

#[test]
fn errors_of_every_part_come_at_once() {
    assert_eq!(
        errors_where(
            r#"{"methods": ["PUT"], "path": "/other"}"#,
            r#"{"protocol": {"id_list": {"path": "/items", "parameter": "i d", "id": "id"}}, "scope": "all",
                "adaptive": {"target": "0s"}, "upstream": "biling", "key": {"headers": ["te"]}, "on_failure": "fail",
                "budget": {"window": "0s"}, "max_items": 0, "max_bytes_held": 1, "deadline_header": "grpc-timeout",
                "max_delay": "16s", "strict": 1, "tells": true}"#
        ),
        [
            r#"tells: unknown field; did you mean "tell"?"#,
            r#"scope: "all" is not one of worker, proxy"#,
            "strict: 1 is not true or false",
            r#"protocol.id_list.parameter: "i d" is no plain name of a parameter; use letters, digits and - . _ ~"#,
            r#"protocol.id_list.id: "id" is no JSON pointer; write "/id""#,
            "routes[0].batch: id_list batches GET alone, which is none of the route's methods (PUT); add it there or \
             remove the section",
            r#"protocol.id_list.path: "/items" never comes by this route, whose match.path is "/other"; change one of them"#,
            "adaptive: belongs to leaves: adaptive; add that or remove it",
            "budget: is not looked at with on_failure: fail; remove one of them",
            r#"upstream: "biling" is not an upstream of this document; did you mean "billing"?"#,
            r#"key.headers[0]: "te" is about the connection, not about what is asked; remove it"#,
            "budget.window: is zero; it takes more than zero",
            "max_items: 0 is out of range; it takes 1 to 10000",
            "max_bytes_held: is less than max_bytes (1MiB by default), so the largest batch would not fit; raise it or \
             lower that",
            r#"deadline_header: "grpc-timeout" is always heard; remove it"#,
            r#"max_delay: is longer than 10s; write "10s" or less"#,
            "adaptive.target: is zero; it takes more than zero",
        ]
    );
}
