//! What an operator may leave out of a key, and in which words the rest is refused: in all sections that have one.

use switchyard_config::Document;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The sections that have a key: what stands before it, and its path.
const SECTIONS: [(&str, &str, &str); 3] = [
    (r#""coalesce": {"key": "#, "}", "routes[0].coalesce.key."),
    (r#""batch": {"protocol": {"json_rpc": {}}, "key": "#, "}", "routes[0].batch.key."),
    (
        r#""retry": {"engine": "filter", "fallback": {"stale_if_error": {"max_age": "1s", "key": "#,
        "}}}",
        "routes[0].retry.fallback.stale_if_error.key.",
    ),
];

/// The errors of a key in this section, without the section's path.
fn errors((before, after, path): (&str, &str, &str), key: &str) -> Vec<String> {
    let route = format!(r#"{{"match": {{}}, "upstream": "a", {before}{key}{after}}}"#);
    let upstreams = r#"[{"name": "a", "endpoints": [{"address": "1.2.3.4:80"}]}]"#;
    let document = format!(r#"{{"upstreams": {upstreams}, "routes": [{route}]}}"#);
    let errors = Document::from_json(document.as_bytes()).err();
    let errors = errors.iter().flat_map(|errors| errors.iter().map(ToString::to_string));
    errors.map(|error| error.trim_start_matches(path).to_owned()).collect()
}

const WRONG: &[(&str, &[&str])] = &[
    (
        r#"{"ignore_headers": ["X-Lab", "", "a b", "a*b", "x", "x", 7]}"#,
        &[
            "ignore_headers[6]: 7 is not a text; put it in quotes",
            r#"ignore_headers[5]: "x" is entry 4 already; remove one of them"#,
            r#"ignore_headers[0]: "X-Lab"; write it in lower case: "x-lab""#,
            "ignore_headers[1]: is empty; write a name or remove it",
            r#"ignore_headers[2]: "a b" is not a header name"#,
            r#"ignore_headers[3]: "a*b" has a star before its end; write whole names, or a beginning and a star"#,
        ],
    ),
    (
        r#"{"ignore_headers": ["user-agent", "if-none-match", "range", ":path", "host"]}"#,
        &[
            r#"ignore_headers[0]: "user-agent" is known to change no answer, and left out already; remove it"#,
            r#"ignore_headers[1]: "if-none-match" says what the answer is an answer to; remove it"#,
            r#"ignore_headers[2]: "range" says what the answer is an answer to; remove it"#,
            r#"ignore_headers[3]: ":path" is what is asked for and stays in the key; remove it"#,
            r#"ignore_headers[4]: "host" is what is asked for and stays in the key; remove it"#,
        ],
    ),
    (
        r#"{"ignore_headers": ["Authorization"]}"#,
        &[
            r#"ignore_headers[0]: "Authorization" says who asks; remove it, and name harmless cookies in ignore_cookies, or say in the words of the section that who asks does not matter"#,
        ],
    ),
    (
        r#"{"headers": ["x-lab"], "ignore_headers": ["x-lab"]}"#,
        &[r#"ignore_headers[0]: "x-lab" is headers[0], too; remove one of them"#],
    ),
    (
        r#"{"ignore_cookies": ["*", "a=1", "b", "b"]}"#,
        &[
            r#"ignore_cookies[3]: "b" is entry 2 already; remove one of them"#,
            r#"ignore_cookies[0]: "*" would take a session for nothing; name the cookies that answers do not depend on"#,
            r#"ignore_cookies[1]: "a=1" is not a cookie's name; write what stands before the ="#,
        ],
    ),
    (
        r#"{"ignore_attributes": ["metadata.", "source.address", "metadata.*", "conn*", "x*"]}"#,
        &[
            r#"ignore_attributes[0]: "metadata." is nothing that is in a key; write "metadata." and a filter's name, or "connection.sha256_peer_certificate_digest""#,
            r#"ignore_attributes[1]: "source.address" is nothing that is in a key; write "metadata." and a filter's name, or "connection.sha256_peer_certificate_digest""#,
            r#"ignore_attributes[4]: "x" is nothing that is in a key; write "metadata." and a filter's name, or "connection.sha256_peer_certificate_digest""#,
        ],
    ),
    (
        r#"{"accept_language": "frist"}"#,
        &[r#"accept_language: "frist" is not one of whole, first; did you mean "first"?"#],
    ),
];

#[test]
fn what_may_not_be_left_out_is_refused_in_these_words_in_every_section() {
    for section in SECTIONS {
        for (key, expected) in WRONG {
            assert_eq!(errors(section, key), *expected, "{key}");
        }
    }
}

#[test]
fn what_may_be_left_out_is_taken_in_every_section() {
    let key = r#"{
        "headers": ["x-lab"], "ignore_headers": ["*", "x-user", "x-lab-*"], "ignore_cookies": ["_ga*"],
        "accept_language": "whole",
        "ignore_attributes": ["metadata.envoy.filters.http.rbac", "connection.sha256_peer_certificate_digest", "*"]
    }"#;
    for section in SECTIONS {
        assert_eq!(errors(section, key), [""; 0]);
    }
}

#[test]
fn parameters_are_left_out_where_requests_share_an_answer() {
    let [coalesce, batch, stale] = SECTIONS;
    let wrong = r#"{"ignore_query": ["utm_*", "a=1", "*"], "query_in_any_order": true}"#;
    for section in [coalesce, stale] {
        let problem = r#"ignore_query[1]: "a=1" is not a parameter's name; write what stands before the ="#;
        assert_eq!(errors(section, wrong), [problem]);
    }
    let unknown = errors(batch, r#"{"ignore_query": ["a"]}"#);
    assert!(unknown.iter().all(|error| error.starts_with("ignore_query: unknown field")), "{unknown:?}");
    assert_eq!(unknown.len(), 1);
}
