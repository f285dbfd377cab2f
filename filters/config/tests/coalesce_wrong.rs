//! The section `coalesce` and the exact words that refuse a wrong one.

use switchyard_config::Document;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What is wrong with a document of one upstream and a route that matches so.
fn errors_where(matches: &str, coalesce: &str) -> Vec<String> {
    let upstreams = r#"[{"name": "a", "endpoints": [{"address": "1.2.3.4:80"}]}]"#;
    let route = format!(r#"{{"match": {matches}, "upstream": "a", "coalesce": {coalesce}}}"#);
    let document = format!(r#"{{"upstreams": {upstreams}, "routes": [{route}]}}"#);
    let Err(refused) = Document::from_json(document.as_bytes()) else { return Vec::new() };
    let short = |error: String| error.trim_start_matches("routes[0].coalesce.").to_owned();
    refused.iter().map(|error| short(error.to_string())).collect()
}

fn errors(coalesce: &str) -> Vec<String> {
    errors_where("{}", coalesce)
}

/// Kinds, words and bounds.
const WRONG: &[(&str, &[&str])] = &[
    ("[]", &["routes[0].coalesce: a list of 0 is not an object"]),
    ("null", &["routes[0].coalesce: is null; write a value or remove it"]),
    (r#"{"max_follower": 1}"#, &[r#"max_follower: unknown field; did you mean "max_followers"?"#]),
    (r#"{"mode": "dry"}"#, &[r#"mode: "dry" is not one of enforce, shadow"#]),
    (r#"{"scope": "cluster"}"#, &[r#"scope: "cluster" is not one of worker, proxy"#]),
    (
        r#"{"on_error": "elected"}"#,
        &[r#"on_error: "elected" is not one of elect, release, share; did you mean "elect"?"#],
    ),
    (r#"{"max_body_bytes": 0}"#, &["max_body_bytes: 0 bytes are out of range; it takes 1 to 64MiB"]),
    (
        r#"{"max_body_bytes": "65MiB", "max_bytes_held": "2GiB"}"#,
        &[
            "max_body_bytes: 68157440 bytes are out of range; it takes 1 to 64MiB",
            "max_bytes_held: 2147483648 bytes are out of range; it takes 1 to 1024MiB",
        ],
    ),
    (r#"{"max_bytes_held": 0}"#, &["max_bytes_held: 0 bytes are out of range; it takes 1 to 1024MiB"]),
    (
        r#"{"max_followers": 0, "max_flights": 1000001, "max_elections": 101, "release_concurrency": 0}"#,
        &[
            "max_followers: 0 is out of range; it takes 1 to 1000000",
            "max_flights: 1000001 is out of range; it takes 1 to 1000000",
            "max_elections: 101 is out of range; it takes 1 to 100",
            "release_concurrency: 0 is out of range; it takes 1 to 10000",
        ],
    ),
    (
        r#"{"max_wait": "9ms", "max_leader_age": "0s", "stall_timeout": "99ms", "pass_ttl": "2h"}"#,
        &[
            r#"max_wait: is shorter than 10ms; write "10ms" or more"#,
            "max_leader_age: is zero; it takes more than zero",
            r#"stall_timeout: is shorter than 100ms; write "100ms" or more"#,
            r#"pass_ttl: is longer than 1h; write "1h" or less"#,
        ],
    ),
    (
        r#"{"hold": "10001ms", "stale_if_error": "3601s", "max_stored_bytes": 0}"#,
        &[
            r#"hold: is longer than 10s; write "10s" or less"#,
            r#"stale_if_error: is longer than 1h; write "1h" or less"#,
            "max_stored_bytes: 0 bytes are out of range; it takes 1 to 64MiB",
        ],
    ),
    (r#"{"body_timeout": "1s"}"#, &["body_timeout: belongs to key.body: true; add that or remove it"]),
    (
        r#"{"key": {"body": true}, "body_timeout": "11s"}"#,
        &[r#"body_timeout: is longer than 10s; write "10s" or less"#],
    ),
    (r#"{"hold": 5}"#, &[r#"hold: 5 has no unit; write "5s" or "5ms""#]),
    (r#"{"honour_no_cache": "yes"}"#, &[r#"honour_no_cache: "yes" is not true or false"#]),
];

#[test]
fn wrong_limits_are_refused_in_these_words() {
    for (coalesce, expected) in WRONG {
        assert_eq!(errors(coalesce), *expected, "{coalesce}");
    }
}

/// Under `key`.
const WRONG_KEY: &[(&str, &[&str])] = &[
    ("5", &["key: 5 is not an object"]),
    (r#"{"header": ["x"]}"#, &[r#"key.header: unknown field; did you mean "headers"?"#]),
    (
        r#"{"headers": ["X-User", "x-user", "x-user", "", "a b", 7]}"#,
        &[
            "key.headers[5]: 7 is not a text; put it in quotes",
            r#"key.headers[2]: "x-user" is key header 1 already; remove one of them"#,
            r#"key.headers[0]: "X-User"; write it in lower case: "x-user""#,
            "key.headers[3]: is empty; name a header",
            r#"key.headers[4]: "a b" is not a header name"#,
        ],
    ),
    (
        r#"{"headers": [":path", ":authority", ":scheme", ":method", "Host", ":protocol"]}"#,
        &[
            r#"key.headers[0]: ":path" is in the key already; remove it"#,
            r#"key.headers[1]: ":authority" is in the key already; remove it"#,
            r#"key.headers[2]: ":scheme" is in the key already; remove it"#,
            r#"key.headers[3]: ":method" is in the key already; remove it"#,
            r#"key.headers[4]: "Host" is in the key already; remove it"#,
            r#"key.headers[5]: ":protocol" is a pseudo-header that no coalesced request has; remove it"#,
        ],
    ),
    (
        r#"{"headers": ["te", "Connection", "transfer-encoding"]}"#,
        &[
            r#"key.headers[0]: "te" is about the connection, not about what is asked; remove it"#,
            r#"key.headers[1]: "Connection" is about the connection, not about what is asked; remove it"#,
            r#"key.headers[2]: "transfer-encoding" is about the connection, not about what is asked; remove it"#,
        ],
    ),
    (
        r#"{"headers": ["x-request-id", "traceparent"]}"#,
        &[
            r#"key.headers[0]: "x-request-id" is a new one in every request, so none would share an answer; remove it"#,
            r#"key.headers[1]: "traceparent" is a new one in every request, so none would share an answer; remove it"#,
        ],
    ),
    (r#"{"max_body_bytes": 10}"#, &["key.max_body_bytes: belongs to body: true; add that or remove it"]),
    (
        r#"{"body": false, "max_body_bytes": "1KiB"}"#,
        &["key.max_body_bytes: belongs to body: true; add that or remove it"],
    ),
    (r#"{"body": 1, "max_body_bytes": "1KiB"}"#, &["key.body: 1 is not true or false"]),
    (
        r#"{"body": true, "max_body_bytes": "2MiB"}"#,
        &["key.max_body_bytes: 2097152 bytes are out of range; it takes 1 to 1MiB"],
    ),
    (
        r#"{"body": true, "max_body_bytes": 0}"#,
        &["key.max_body_bytes: 0 bytes are out of range; it takes 1 to 1MiB"],
    ),
];

#[test]
fn wrong_keys_are_refused_in_these_words() {
    for (key, expected) in WRONG_KEY {
        assert_eq!(errors(&format!(r#"{{"key": {key}}}"#)), *expected, "{key}");
    }
}

/// Which answers are shared.
const WRONG_STATUS: &[(&str, &[&str])] = &[
    (r#"{"share_status": []}"#, &["share_status: is empty; name a status or remove it"]),
    (
        r#"{"share_status": [99, 600, "500-599", "ok", null]}"#,
        &[
            "share_status[0]: 99 is not one status; write it as in 503, from 100 to 599",
            "share_status[1]: 600 is not one status; write it as in 503, from 100 to 599",
            r#"share_status[2]: "500-599" is not one status; write it as in 503, from 100 to 599"#,
            r#"share_status[3]: "ok" is not one status; write it as in 503, from 100 to 599"#,
            "share_status[4]: null is not one status; write it as in 503, from 100 to 599",
        ],
    ),
    (
        r#"{"share_status": [200, 199, 206, 304, 200, "200"]}"#,
        &[
            "share_status[4]: 200 is status 0 already; remove one of them",
            "share_status[5]: 200 is status 0 already; remove one of them",
            "share_status[1]: 199 is out of range; it takes 200 to 599",
            "share_status[2]: 206 is partial content, for the client that asked for that part; remove it",
            "share_status[3]: 304 is shared where 200 is, among requests with one condition; remove it",
        ],
    ),
    (
        r#"{"on_error": "share"}"#,
        &["on_error: needs share_errors; add the statuses that followers get, as in [502, 503, 504]"],
    ),
    (r#"{"share_errors": [503]}"#, &["share_errors: belongs to on_error: share; add that or remove it"]),
    (
        r#"{"on_error": "elect", "share_errors": [503]}"#,
        &["share_errors: belongs to on_error: share; add that or remove it"],
    ),
    (r#"{"on_error": "share", "share_errors": []}"#, &["share_errors: is empty; name a status or remove it"]),
    (
        r#"{"on_error": "share", "share_errors": [399, 404, 503, 503]}"#,
        &[
            "share_errors[3]: 503 is status 2 already; remove one of them",
            "share_errors[0]: 399 is out of range; it takes 400 to 599",
            "share_errors[1]: 404 is in share_status, so it is no failure; remove it here or there",
        ],
    ),
    (
        r#"{"on_error": "share", "share_errors": [503], "share_status": [200, 503]}"#,
        &["share_errors[0]: 503 is in share_status, so it is no failure; remove it here or there"],
    ),
];

#[test]
fn wrong_statuses_are_refused_in_these_words() {
    for (coalesce, expected) in WRONG_STATUS {
        assert_eq!(errors(coalesce), *expected, "{coalesce}");
    }
}

#[test]
fn a_bound_on_what_is_never_kept_is_refused() {
    let belongs = ["max_stored_bytes: belongs to hold and stale_if_error; add one of them or remove it"];
    assert_eq!(errors(r#"{"max_stored_bytes": "1MiB"}"#), belongs);
    assert_eq!(errors(r#"{"hold": "0s", "stale_if_error": "0s", "max_stored_bytes": "1MiB"}"#), belongs);
}

#[test]
fn an_answer_that_would_never_fit_is_refused() {
    let problem = "max_bytes_held: is less than max_body_bytes (1MiB by default), so the longest answer would not fit; \
                   raise it or lower that";
    assert_eq!(errors(r#"{"max_bytes_held": "1023KiB"}"#), [problem]);
    assert_eq!(errors(r#"{"max_body_bytes": "2MiB", "max_bytes_held": "1MiB"}"#), [problem]);
    assert_eq!(errors(r#"{"max_body_bytes": 10, "max_bytes_held": 9}"#), [problem]);
    assert_eq!(errors(r#"{"max_body_bytes": 10, "max_bytes_held": 10}"#), [""; 0]);
}

#[test]
fn what_could_not_be_read_is_no_measure_for_others() {
    let unit = |field: &str| format!(r#"{field}: 5 has no unit; write "5s" or "5ms""#);
    let size =
        r#"max_body_bytes: "1MB" is not a size; write bytes, or a number and KiB, MiB or GiB, as in "64KiB""#;
    let status = r#"share_status: "404" is not a list"#;
    for (coalesce, expected) in [
        (r#"{"hold": 5, "max_stored_bytes": "1MiB"}"#, unit("hold")),
        (r#"{"stale_if_error": 5, "max_stored_bytes": "1MiB"}"#, unit("stale_if_error")),
        (r#"{"max_body_bytes": "1MB", "max_bytes_held": 9}"#, size.to_owned()),
        (r#"{"share_status": "404", "on_error": "share", "share_errors": [404]}"#, status.to_owned()),
        (
            r#"{"on_error": "shared", "share_errors": [503]}"#,
            r#"on_error: "shared" is not one of elect, release, share; did you mean "share"?"#.to_owned(),
        ),
        (r#"{"on_error": "share", "share_errors": 503}"#, "share_errors: 503 is not a list".to_owned()),
    ] {
        assert_eq!(errors(coalesce), [expected], "{coalesce}");
    }
}

#[test]
fn the_dangerous_word_is_refused_where_it_means_nothing() {
    let key = r#""key": {"headers": ["cookie", "x-user", "authorization"]}"#;
    let word = "i_know_that_clients_share_answers_across_credentials";
    let problem = format!("{word}: is not needed with authorization and cookie in key.headers; remove it");
    assert_eq!(errors(&format!(r#"{{{key}, "{word}": true}}"#)), [problem]);
    assert_eq!(errors(&format!(r#"{{{key}, "{word}": false}}"#)), [""; 0]);
    assert_eq!(
        errors(&format!(r#"{{"{word}": "yes"}}"#)),
        [format!(r#"{word}: "yes" is not true or false"#)]
    );
}

#[test]
fn a_route_none_of_whose_methods_is_coalesced_is_refused() {
    let none = |methods: &str| {
        format!(
            "routes[0].coalesce: none of the route's methods ({methods}) is coalesced, only GET and HEAD, and POST \
             with key.body: true; remove it"
        )
    };
    assert_eq!(errors_where(r#"{"methods": ["POST", "PUT"]}"#, "{}"), [none("POST, PUT")]);
    assert_eq!(errors_where(r#"{"methods": ["POST"]}"#, r#"{"key": {"body": false}}"#), [none("POST")]);
    assert_eq!(errors_where(r#"{"methods": ["PUT"]}"#, r#"{"key": {"body": true}}"#), [none("PUT")]);
}

#[test]
fn a_body_is_no_part_of_the_key_where_no_post_comes() {
    let problem = "key.body: is for POST, which is none of the route's methods (GET, HEAD); remove it";
    assert_eq!(errors_where(r#"{"methods": ["GET", "HEAD"]}"#, r#"{"key": {"body": true}}"#), [problem]);
}

#[test]
fn methods_or_keys_that_could_not_be_read_may_be_any() {
    let method = "routes[0].match.methods[1]: 7 is not a text; put it in quotes";
    assert_eq!(errors_where(r#"{"methods": ["PUT", 7]}"#, "{}"), [method]);
    let post = r#"{"methods": ["POST"]}"#;
    assert_eq!(errors_where(post, r#"{"key": {"body": "x"}}"#), [r#"key.body: "x" is not true or false"#]);
    assert_eq!(errors_where(post, r#"{"key": null}"#), ["key: is null; write a value or remove it"]);
    assert_eq!(errors_where(r#"{"methods": []}"#, "{}").len(), 1, "that no method can match");
    assert_eq!(errors_where(r#"{"methods": ["get"]}"#, "{}").len(), 1, "that it is written in capitals");
}

#[test]
fn errors_of_every_part_come_at_once() {
    assert_eq!(
        errors_where(
            r#"{"methods": ["PUT"]}"#,
            r#"{"key": {"headers": ["te"]}, "share_status": [206], "max_followers": 0, "max_wait": "0s", "hold": "11s",
                "on_error": "share", "scope": "all"}"#
        ),
        [
            r#"scope: "all" is not one of worker, proxy"#,
            "routes[0].coalesce: none of the route's methods (PUT) is coalesced, only GET and HEAD, and POST with \
             key.body: true; remove it",
            r#"key.headers[0]: "te" is about the connection, not about what is asked; remove it"#,
            "share_status[0]: 206 is partial content, for the client that asked for that part; remove it",
            "on_error: needs share_errors; add the statuses that followers get, as in [502, 503, 504]",
            "max_followers: 0 is out of range; it takes 1 to 1000000",
            "max_wait: is zero; it takes more than zero",
            r#"hold: is longer than 10s; write "10s" or less"#,
        ]
    );
}
