//! Kinds, words, bounds, and what would never fit.

use super::{ID_LIST, JSON_RPC, errors_beside};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Kinds, words and bounds.
const WRONG: &[(&str, &[&str])] = &[
    (r#""mode": "dry""#, &[r#"mode: "dry" is not one of enforce, shadow"#]),
    (r#""scope": "cluster""#, &[r#"scope: "cluster" is not one of worker, proxy"#]),
    (r#""leaves": "busy""#, &[r#"leaves: "busy" is not one of while_busy, fixed_delay, adaptive"#]),
    (
        r#""short_deadline": "refused", "on_failure": "single""#,
        &[
            r#"short_deadline: "refused" is not one of alone, refuse; did you mean "refuse"?"#,
            r#"on_failure: "single" is not one of bisect, singly, fail; did you mean "singly"?"#,
        ],
    ),
    (
        r#""leaves": "adaptive", "adaptive": {"estimator": "ewma"}"#,
        &[r#"adaptive.estimator: "ewma" is not one of least_squares, aimd"#, "adaptive.target: is missing"],
    ),
    (
        r#""max_items": 0, "max_weight": 0, "max_in_flight": 0, "max_requests": 0"#,
        &[
            "max_items: 0 is out of range; it takes 1 to 10000",
            "max_in_flight: 0 is out of range; it takes 1 to 1000",
            "max_requests: 0 is out of range; it takes 1 to 1000000",
            "max_weight: 0 is out of range; it takes 1 to 1000000000",
        ],
    ),
    (
        r#""max_items": 10001, "max_weight": 1000000001, "max_in_flight": 1001, "max_requests": 1000001"#,
        &[
            "max_items: 10001 is out of range; it takes 1 to 10000",
            "max_in_flight: 1001 is out of range; it takes 1 to 1000",
            "max_requests: 1000001 is out of range; it takes 1 to 1000000",
            "max_weight: 1000000001 is out of range; it takes 1 to 1000000000",
        ],
    ),
    (
        r#""max_body": 0, "max_bytes": 0, "max_bytes_held": 0"#,
        &[
            "max_body: 0 bytes are out of range; it takes 1 to 1MiB",
            "max_bytes: 0 bytes are out of range; it takes 1 to 64MiB",
            "max_bytes_held: 0 bytes are out of range; it takes 1 to 1024MiB",
        ],
    ),
    (
        r#""max_body": "2MiB", "max_bytes": "65MiB", "max_bytes_held": "2GiB""#,
        &[
            "max_body: 2097152 bytes are out of range; it takes 1 to 1MiB",
            "max_bytes: 68157440 bytes are out of range; it takes 1 to 64MiB",
            "max_bytes_held: 2147483648 bytes are out of range; it takes 1 to 1024MiB",
        ],
    ),
    (r#""max_body": "2MiB""#, &["max_body: 2097152 bytes are out of range; it takes 1 to 1MiB"]),
    (r#""max_bytes": "65MiB""#, &["max_bytes: 68157440 bytes are out of range; it takes 1 to 64MiB"]),
    (r#""max_delay": "0s""#, &["max_delay: is zero; it takes more than zero"]),
    (r#""max_delay": "999us""#, &[r#"max_delay: is shorter than 1ms; write "1ms" or more"#]),
    (r#""max_delay": "11s""#, &[r#"max_delay: is longer than 10s; write "10s" or less"#]),
    (
        r#""stall_timeout": "99ms", "body_timeout": "9ms""#,
        &[
            r#"stall_timeout: is shorter than 100ms; write "100ms" or more"#,
            r#"body_timeout: is shorter than 10ms; write "10ms" or more"#,
        ],
    ),
    (
        r#""stall_timeout": "2h", "body_timeout": "11s""#,
        &[
            r#"stall_timeout: is longer than 1h; write "1h" or less"#,
            r#"body_timeout: is longer than 10s; write "10s" or less"#,
        ],
    ),
    (r#""max_delay": 20"#, &[r#"max_delay: 20 has no unit; write "20s" or "20ms""#]),
    (
        r#""strict": "yes", "tell": 1"#,
        &[r#"strict: "yes" is not true or false"#, "tell: 1 is not true or false"],
    ),
    (
        r#""budget": {"ratio": 2, "min_per_second": 1000001, "window": "2h", "max_concurrent": 0}"#,
        &[
            "budget.min_per_second: 1000001 is out of range; it takes 0 to 1000000",
            "budget.max_concurrent: 0 is out of range; it takes 1 to 1000000",
            "budget.ratio: 2 is out of range; it takes 0 to 1",
            r#"budget.window: is longer than 1h; write "1h" or less"#,
        ],
    ),
];

#[test]
fn wrong_limits_are_refused_in_these_words() {
    for (fields, expected) in WRONG {
        assert_eq!(errors_beside(JSON_RPC, fields), *expected, "{fields}");
    }
}

#[test]
fn what_would_never_fit_is_refused() {
    let body = "max_bytes: is less than max_body (64KiB by default), so the longest request would fit no batch; raise it \
                or lower that";
    let held = "max_bytes_held: is less than max_bytes (1MiB by default), so the largest batch would not fit; raise it or \
                lower that";
    assert_eq!(errors_beside(JSON_RPC, r#""max_bytes": "63KiB""#), [body]);
    assert_eq!(errors_beside(JSON_RPC, r#""max_body": 10, "max_bytes": 9"#), [body]);
    assert_eq!(errors_beside(JSON_RPC, r#""max_bytes_held": "1023KiB""#), [held]);
    assert_eq!(errors_beside(JSON_RPC, r#""max_bytes": "17MiB""#), [held]);
    assert_eq!(errors_beside(ID_LIST, r#""max_bytes": 9"#), [""; 0]);
    let items =
        "max_items: is more than protocol.embeddings.max_items (2048 by default); lower it or raise that";
    let tokens =
        "max_weight: is more than protocol.embeddings.max_tokens (300000 by default); lower it or raise that";
    let embeddings = r#""embeddings": {"max_items": 32}"#;
    assert_eq!(errors_beside(embeddings, r#""max_items": 33"#), [items]);
    assert_eq!(
        errors_beside(r#""embeddings": {}"#, r#""max_items": 2049, "max_weight": 300001"#),
        [items, tokens]
    );
}
