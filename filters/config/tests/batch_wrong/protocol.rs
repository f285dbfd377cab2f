//! Protocols and their own fields.

use super::errors_beside;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Protocols and their own fields.
const WRONG_PROTOCOL: &[(&str, &[&str])] = &[
    (r#""json_rpc": {"repeatable": []}"#, &["json_rpc.repeatable: is empty; name a method or remove it"]),
    (
        r#""json_rpc": {"repeatable": ["", "a*b", "**", "*x*", "eth_*", 7, "eth_*", "*"]}"#,
        &[
            "json_rpc.repeatable[5]: 7 is not a text; put it in quotes",
            r#"json_rpc.repeatable[6]: "eth_*" is method 4 already; remove one of them"#,
            "json_rpc.repeatable[0]: is empty; name a method",
            r#"json_rpc.repeatable[1]: "a*b" has a * before its end, where it stands for nothing; write what methods begin with, as in "eth_get*""#,
            r#"json_rpc.repeatable[2]: "**" has a * before its end, where it stands for nothing; write what methods begin with, as in "eth_get*""#,
            r#"json_rpc.repeatable[3]: "*x*" has a * before its end, where it stands for nothing; write what methods begin with, as in "eth_get*""#,
        ],
    ),
    (
        r#""json_rpc": {"weigh": "params/0"}"#,
        &[r#"json_rpc.weigh: "params/0" is no JSON pointer; write "/params/0""#],
    ),
    (
        r#""json_array": {"field": "", "answers": "", "sends": "one", "weigh": "/a~b"}"#,
        &[
            r#"json_array.sends: "one" is not one of item, items"#,
            r#"json_array.weigh: "/a~b" has a lone ~; write it as "~0""#,
            "json_array.field: is empty; name a field, or remove it if there is only the array",
            "json_array.answers: is empty; name a field, or remove it if there is only the array",
        ],
    ),
    (r#""json_array": {"weigh": "/a~0~"}"#, &[r#"json_array.weigh: "/a~0~" has a lone ~; write it as "~0""#]),
    (
        r#""embeddings": {"max_items": 0, "max_item_tokens": 0, "max_tokens": 0, "bytes_per_token": 0}"#,
        &[
            "embeddings.max_items: 0 is out of range; it takes 1 to 10000",
            "embeddings.max_tokens: 0 is out of range; it takes 1 to 1000000000",
            "embeddings.max_item_tokens: 0 is out of range; it takes 1 to 1000000000",
            "embeddings.bytes_per_token: 0 is out of range; it takes 1 to 16",
        ],
    ),
    (
        r#""embeddings": {"max_items": 10001, "max_tokens": 1000000001, "bytes_per_token": 17}"#,
        &[
            "embeddings.max_items: 10001 is out of range; it takes 1 to 10000",
            "embeddings.max_tokens: 1000000001 is out of range; it takes 1 to 1000000000",
            "embeddings.bytes_per_token: 17 is out of range; it takes 1 to 16",
        ],
    ),
    (r#""embeddings": {"ordered": "yes"}"#, &[r#"embeddings.ordered: "yes" is not true or false"#]),
    (
        r#""embeddings": {"max_item_tokens": 300001}"#,
        &[
            "embeddings.max_item_tokens: is more than max_tokens (300000 by default), so no such input fits a request; lower it or raise that",
        ],
    ),
    (r#""id_list": {}"#, &["id_list.path: is missing", "id_list.parameter: is missing"]),
    (
        r#""id_list": {"path": "items", "parameter": "", "form": "json", "field": "", "id": "id"}"#,
        &[
            r#"id_list.form: "json" is not one of comma, repeated"#,
            r#"id_list.path: "items" begins with no slash, so no request has it; add one"#,
            r#"id_list.parameter: is empty; name the parameter, as in "ids""#,
            r#"id_list.id: "id" is no JSON pointer; write "/id""#,
            "id_list.field: is empty; name a field, or remove it if there is only the array",
        ],
    ),
    (
        r#""id_list": {"path": "/items?ids=", "parameter": "ids[]"}"#,
        &[
            r#"id_list.path: "/items?ids=" holds ? or #; write it without its query"#,
            r#"id_list.parameter: "ids[]" is no plain name of a parameter; use letters, digits and - . _ ~"#,
        ],
    ),
    (
        r#""id_list": {"path": "/all items", "parameter": "ids"}"#,
        &[
            r#"id_list.path: "/all items" holds ' ', which no path has as it is; write it percent-encoded, as requests do"#,
        ],
    ),
    (
        r#""id_list": {"path": "/größe", "parameter": "größe"}"#,
        &[
            r#"id_list.path: "/größe" holds 'ö', which no path has as it is; write it percent-encoded, as requests do"#,
            r#"id_list.parameter: "größe" is no plain name of a parameter; use letters, digits and - . _ ~"#,
        ],
    ),
    (
        r#""id_list": {"path": "/items/", "parameter": "ids", "single": true}"#,
        &[r#"id_list.path: "/items/" ends in a slash, below which single finds no id; remove it"#],
    ),
];

#[test]
fn wrong_protocols_are_refused_in_these_words() {
    for (protocol, expected) in WRONG_PROTOCOL {
        let errors = errors_beside(protocol, r#""max_weight": 1"#);
        let errors: Vec<_> = errors.iter().map(|error| error.trim_start_matches("protocol.")).collect();
        assert_eq!(errors, *expected, "{protocol}");
    }
}
