//! What tells requests apart.

use super::{JSON_RPC, errors_beside};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What tells requests apart.
const WRONG_KEY: &[(&str, &[&str])] = &[
    (
        r#"{"headers": ["X-User", "x-user", "x-user", "", "a b", "accept-encoding", 7]}"#,
        &[
            "headers[6]: 7 is not a text; put it in quotes",
            r#"headers[2]: "x-user" is key header 1 already; remove one of them"#,
            r#"headers[0]: "X-User"; write it in lower case: "x-user""#,
            "headers[3]: is empty; name a header",
            r#"headers[4]: "a b" is not a header name"#,
            r#"headers[5]: "accept-encoding" is identity in every call, so it tells nothing apart; remove it"#,
        ],
    ),
    (
        r#"{"headers": [":path", "Host", ":protocol", "te", "x-request-id"]}"#,
        &[
            r#"headers[0]: ":path" is in the key already; remove it"#,
            r#"headers[1]: "Host" is in the key already; remove it"#,
            r#"headers[2]: ":protocol" is a pseudo-header that no batched request has; remove it"#,
            r#"headers[3]: "te" is about the connection, not about what is asked; remove it"#,
            r#"headers[4]: "x-request-id" is a new one in every request, so none would share a call; remove it"#,
        ],
    ),
    (r#"{"principal": []}"#, &["principal: is empty; name a header or remove it"]),
    (
        r#"{"principal": ["Cookie", "x-user", "x-user", ":authority", "traceparent", 7]}"#,
        &[
            "principal[5]: 7 is not a text; put it in quotes",
            r#"principal[2]: "x-user" is principal header 1 already; remove one of them"#,
            r#"principal[0]: "Cookie"; write it in lower case: "cookie""#,
            r#"principal[3]: ":authority" is in the key already; remove it"#,
            r#"principal[4]: "traceparent" is a new one in every request, so none would share a call; remove it"#,
        ],
    ),
    (
        r#"{"headers": ["x-tenant", "x-user"], "principal": ["cookie", "x-user"]}"#,
        &[r#"principal[1]: "x-user" is key.headers[1] already; remove it there"#],
    ),
    (r#"{"principal": [7]}"#, &["principal[0]: 7 is not a text; put it in quotes"]),
];

#[test]
fn wrong_keys_are_refused_in_these_words() {
    for (key, expected) in WRONG_KEY {
        let errors = errors_beside(JSON_RPC, &format!(r#""key": {key}"#));
        let errors: Vec<_> = errors.iter().map(|error| error.trim_start_matches("key.")).collect();
        assert_eq!(errors, *expected, "{key}");
    }
}

#[test]
fn the_dangerous_word_leaves_nothing_to_say_about_principals() {
    let word = "i_know_that_batches_mix_principals";
    let problem = format!("key.principal: is not looked at with {word}: true; remove one of them");
    let key = r#""key": {"principal": ["x-user"]}"#;
    assert_eq!(errors_beside(JSON_RPC, &format!(r#"{key}, "{word}": true"#)), [problem]);
    assert_eq!(errors_beside(JSON_RPC, &format!(r#"{key}, "{word}": false"#)), [""; 0]);
    let bad = [format!(r#"{word}: "yes" is not true or false"#)];
    assert_eq!(errors_beside(JSON_RPC, &format!(r#"{key}, "{word}": "yes""#)), bad);
}
