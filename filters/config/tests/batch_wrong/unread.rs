//! What could not be read, which is no measure for others.

use super::{JSON_RPC, errors_beside};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The protocol, the fields beside it, and the one error.
const UNREAD: &[(&str, &str, &str)] = &[
    (
        JSON_RPC,
        r#""leaves": "adaptive", "max_delay": 5, "adaptive": {"target": "10ms"}"#,
        r#"max_delay: 5 has no unit; write "5s" or "5ms""#,
    ),
    (
        JSON_RPC,
        r#""timeout": 5, "max_delay": "10s", "deadline_floor": "1h""#,
        r#"timeout: 5 has no unit; write "5s" or "5ms""#,
    ),
    (
        JSON_RPC,
        r#""leaves": "adaptive", "timeout": 5, "adaptive": {"target": "1h"}"#,
        r#"timeout: 5 has no unit; write "5s" or "5ms""#,
    ),
    (
        JSON_RPC,
        r#""leaves": "adaptive", "adaptive": {"target": 5}"#,
        r#"adaptive.target: 5 has no unit; write "5s" or "5ms""#,
    ),
    (JSON_RPC, r#""leaves": "adaptive", "adaptive": null"#, "adaptive: is null; write a value or remove it"),
    (JSON_RPC, r#""leaves": "adaptive", "adaptive": 7"#, "adaptive: 7 is not an object"),
    (
        JSON_RPC,
        r#""leaves": 7, "adaptive": {"target": "50ms"}"#,
        "leaves: 7 is not one of while_busy, fixed_delay, adaptive",
    ),
    (
        JSON_RPC,
        r#""max_body": "1MB", "max_bytes": 9"#,
        r#"max_body: "1MB" is not a size; write bytes, or a number and KiB, MiB or GiB, as in "64KiB""#,
    ),
    (
        JSON_RPC,
        r#""max_bytes": "1MB", "max_bytes_held": 9"#,
        r#"max_bytes: "1MB" is not a size; write bytes, or a number and KiB, MiB or GiB, as in "64KiB""#,
    ),
    (
        r#""embeddings": {"max_items": "7"}"#,
        r#""max_items": 9000"#,
        r#"protocol.embeddings.max_items: "7" is not a whole number of 0 or more"#,
    ),
    (
        r#""embeddings": {"max_tokens": "7", "max_item_tokens": 900000}"#,
        r#""max_weight": 900000"#,
        r#"protocol.embeddings.max_tokens: "7" is not a whole number of 0 or more"#,
    ),
    (
        r#""embeddings": {"max_tokens": 1000000001, "max_item_tokens": 900000}"#,
        r#""max_weight": 900000"#,
        "protocol.embeddings.max_tokens: 1000000001 is out of range; it takes 1 to 1000000000",
    ),
    (
        r#""json_rpc": {"weigh": "/params/0"}"#,
        r#""max_weight": "7""#,
        r#"max_weight: "7" is not a whole number of 0 or more"#,
    ),
    (r#""id_list": null"#, r#""max_bytes": 9"#, "protocol.id_list: is null; write a value or remove it"),
];

#[test]
fn what_could_not_be_read_is_no_measure_for_others() {
    for (protocol, fields, expected) in UNREAD {
        assert_eq!(errors_beside(protocol, fields), [*expected], "{protocol} {fields}");
    }
}
