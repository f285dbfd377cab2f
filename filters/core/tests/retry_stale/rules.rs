//! Which answers may be kept, and which requests share one.

use core::time::Duration;
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::{KeyRules, Known, Pattern};
use switchyard_core::retry::StaleIfError;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn policy(key_headers: &[&str]) -> StaleIfError {
    StaleIfError {
        max_age: Duration::from_secs(60),
        key: KeyRules {
            headers: key_headers.iter().map(|name| (*name).into()).collect(),
            ..KeyRules::default()
        },
        max_bytes: 1 << 20,
    }
}

fn key(key_headers: &[&str], request: &PlainRequest) -> Option<Vec<u8>> {
    policy(key_headers).key(request, true, Known::nothing)
}

fn get() -> PlainRequest {
    PlainRequest::get("/a").with(":authority", "x.test")
}

/// Whether an answer with these headers may be kept.
fn keeps(key_headers: &[&str], headers: &[(&str, &str)]) -> bool {
    let answer =
        headers.iter().fold(PlainRequest::default(), |answer, (name, value)| answer.with(name, value));
    policy(key_headers).may_store(200, &answer)
}

fn cache_control(value: &str) -> bool {
    keeps(&[], &[("cache-control", value)])
}

#[test]
fn answers_to_get_alone_are_kept() {
    assert!(key(&[], &get()).is_some());
    for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get", ""] {
        let request = PlainRequest::default().with(":method", method).with(":path", "/a");
        assert_eq!(key(&[], &request), None, "{method}");
    }
}

#[test]
fn a_part_is_not_kept_as_a_whole() {
    assert_eq!(key(&[], &get().with("range", "bytes=0-9")), None);
    assert_eq!(key(&["range"], &get().with("range", "bytes=0-9")), None);
}

#[test]
fn a_body_may_tell_requests_apart_so_none_has_a_key() {
    for (name, value) in [("content-length", "2"), ("content-length", ""), ("transfer-encoding", "chunked")] {
        assert_eq!(key(&[], &get().with(name, value)), None, "{name}: {value}");
    }
    assert!(key(&[], &get().with("content-length", "0")).is_some());
    assert_eq!(key(&[], &get().with("content-length", "0").with("content-length", "5")), None);
    assert_eq!(policy(&[]).key(&get(), false, Known::nothing), None, "HTTP/2 announces none");
}

#[test]
fn answers_to_requests_with_credentials_are_kept_only_under_them() {
    for name in ["authorization", "cookie"] {
        let request = |value: &str| get().with(name, value);
        assert_eq!(key(&[], &request("anna")), None, "{name}");
        assert_eq!(key(&["x-user"], &request("anna")), None, "{name}");
        assert_eq!(key(&[], &request("")), None, "{name}: empty but there");
        assert!(key(&[name], &request("anna")).is_some(), "{name}");
        assert_ne!(key(&[name], &request("anna")), key(&[name], &request("bert")), "{name}");
        assert_ne!(key(&[name], &request("anna")), key(&[name], &get()), "{name}");
    }
    let both = get().with("authorization", "anna").with("cookie", "a=1");
    assert_eq!(key(&["authorization"], &both), None);
    assert_eq!(key(&["cookie"], &both), None);
    assert!(key(&["authorization", "cookie"], &both).is_some());
}

#[test]
fn a_request_that_forbids_it_has_no_key() {
    for value in ["no-store", "NO-STORE", "max-age=0, no-store", "max-age=0 ,\tno-store ", "no-store=1"] {
        assert_eq!(key(&[], &get().with("cache-control", value)), None, "{value:?}");
    }
    let twice = get().with("cache-control", "max-age=0").with("cache-control", "no-store");
    assert_eq!(key(&[], &twice), None, "in the second line of two");
    for value in ["", "no-cache", "max-age=0", "private", "no-storeroom", "x-no-store"] {
        assert!(key(&[], &get().with("cache-control", value)).is_some(), "{value:?}");
    }
}

#[test]
fn host_path_query_and_the_named_headers_tell_answers_apart() {
    let names = &["accept", "x-tenant"];
    let one = key(names, &get().with("accept", "json"));
    assert_eq!(
        one,
        key(names, &get().with("accept", "json").with("user-agent", "b")),
        "and nothing else does"
    );
    let others = [
        PlainRequest::get("/a").with(":authority", "y.test").with("accept", "json"),
        PlainRequest::get("/a").with("accept", "json"),
        PlainRequest::get("/b").with(":authority", "x.test").with("accept", "json"),
        PlainRequest::get("/a?q").with(":authority", "x.test").with("accept", "json"),
        PlainRequest::get("/A").with(":authority", "x.test").with("accept", "json"),
        get(),
        get().with("accept", ""),
        get().with("accept", "xml"),
        get().with("accept", "json").with("accept", "json"),
        get().with("accept", "json").with("accept", ""),
        get().with("accept", "json").with("x-tenant", ""),
        get().with("x-tenant", "json"),
    ];
    let mut keys: Vec<_> = others.iter().map(|request| key(names, request)).chain([one]).collect();
    assert!(keys.iter().all(Option::is_some));
    let all = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), all);
}

#[test]
fn what_is_asked_for_is_never_left_out() {
    let rules = KeyRules { ignore_headers: vec![Pattern::new("*")], ..KeyRules::default() };
    let policy = StaleIfError { key: rules, ..policy(&[]) };
    let keys =
        ["http", "https"].map(|scheme| policy.key(&get().with(":scheme", scheme), true, Known::nothing));
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn a_vary_by_what_is_in_the_key_in_part_is_not_covered() {
    for name in ["dnt", "sec-gpc", "referer", "cache-control", "via"] {
        assert!(!keeps(&[], &[("vary", name)]), "{name}");
    }
    let policy = StaleIfError {
        key: KeyRules { ignore_headers: vec![Pattern::new("x-lab")], ..KeyRules::default() },
        ..policy(&[])
    };
    let answer = PlainRequest::default().with("vary", "x-lab");
    assert!(!policy.may_store(200, &answer), "what is left out tells nothing apart");
}

#[test]
fn where_one_part_ends_and_the_next_begins_makes_a_difference() {
    let request = |host: &str, path: &str| PlainRequest::get(path).with(":authority", host);
    assert_ne!(key(&[], &request("a", "/bc")), key(&[], &request("a/b", "c")));
    assert_ne!(key(&[], &request("a", "")), key(&[], &request("", "a")));
    let headers = |a: &[&str], b: &[&str]| {
        let request = a.iter().fold(get(), |request, value| request.with("a", value));
        key(&["a", "b"], &b.iter().fold(request, |request, value| request.with("b", value)))
    };
    assert_ne!(headers(&["x", "y"], &[]), headers(&["x"], &["y"]));
    assert_ne!(headers(&["xy"], &[]), headers(&["x"], &["y"]));
    assert_ne!(headers(&["x"], &[]), headers(&[], &["x"]));
}

#[test]
fn only_statuses_that_are_whole_answers_are_kept() {
    let kept: Vec<u16> =
        (100..1000).filter(|status| policy(&[]).may_store(*status, &PlainRequest::default())).collect();
    assert_eq!(kept, [200, 203, 204, 300, 301, 308, 404, 410]);
}

#[test]
fn an_answer_that_forbids_to_be_kept_or_to_be_given_when_stale_is_not_kept() {
    let words = ["no-store", "private", "no-cache", "must-revalidate", "proxy-revalidate", "s-maxage"];
    for word in words {
        for value in [
            word.to_owned(),
            word.to_ascii_uppercase(),
            format!("{word}=5"),
            format!("{word} =\"a, b\""),
            format!("max-age=5,{word}"),
            format!(" public ,\t{word} , max-age=5"),
        ] {
            assert!(!cache_control(&value), "{value:?}");
        }
        assert!(
            !keeps(&[], &[("cache-control", "public"), ("cache-control", word)]),
            "{word} on a second line"
        );
        assert!(cache_control(&format!("x-{word}, {word}x, x={word}")), "{word} within other words");
    }
    for value in
        ["", "public", "max-age=0", "max-age=5, stale-if-error=60", "immutable", ",,", "=", "=no-store"]
    {
        assert!(cache_control(value), "{value:?}");
    }
}

#[test]
fn what_is_no_text_hides_no_directive() {
    let answer = PlainRequest::default().with("cache-control", b"x=\"\xff\", no-store");
    assert!(!policy(&[]).may_store(200, &answer));
    assert_eq!(key(&[], &get().with("cache-control", b"\xff,no-store")), None);
    let answer = PlainRequest::default().with("vary", b"\xff");
    assert!(!policy(&["accept"]).may_store(200, &answer));
}

#[test]
fn pragma_counts_where_there_is_no_cache_control() {
    for value in ["no-cache", "No-Cache", "x, no-cache"] {
        assert!(!keeps(&[], &[("pragma", value)]), "{value}");
        assert!(keeps(&[], &[("pragma", value), ("cache-control", "max-age=5")]), "{value}");
    }
    assert!(keeps(&[], &[("pragma", "x")]));
}

#[test]
fn what_belongs_to_one_client_or_is_a_part_is_not_kept() {
    assert!(keeps(&[], &[("content-type", "text/plain"), ("etag", "\"1\"")]));
    for name in ["set-cookie", "content-range"] {
        assert!(!keeps(&[name], &[(name, "")]), "{name}");
    }
}

#[test]
fn an_answer_varies_by_nothing_but_the_key() {
    let vary = |value| keeps(&["accept", "x-tenant"], &[("vary", value)]);
    for value in
        ["", "accept", "Accept", "accept, X-Tenant", " accept ,,x-tenant,", "accept-encoding", "x-any"]
    {
        assert!(vary(value), "{value:?}");
    }
    for value in ["user-agent", "referer", "accept, cookie", "*", "accept, *", "accept x-tenant"] {
        assert!(!vary(value), "{value:?}");
    }
    assert!(!keeps(&["accept"], &[("vary", "accept"), ("vary", "cookie")]), "in the second line of two");
    assert!(!keeps(&["*"], &[("vary", "*")]), "though a header may be called so");
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Host, path, and the values of two headers, of few different letters.
    type Parts = (Option<String>, String, Vec<String>, Vec<String>);

    fn parts() -> impl Strategy<Value = Parts> {
        let values = || prop::collection::vec("[a\0]{0,2}", 0..3);
        (prop::option::of("[a/]{0,2}"), "[a/]{0,2}", values(), values())
    }

    fn request((host, path, one, two): &Parts) -> PlainRequest {
        let request =
            host.iter().fold(PlainRequest::get(path), |request, host| request.with(":authority", host));
        let request = one.iter().fold(request, |request, value| request.with("one", value));
        two.iter().fold(request, |request, value| request.with("two", value))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

        #[test]
        fn requests_share_a_key_only_if_they_are_the_same(one in parts(), other in parts()) {
            let keys = [&one, &other].map(|parts| key(&["one", "two"], &request(parts)).expect("a key"));
            prop_assert_eq!(keys[0] == keys[1], one == other);
        }

        #[test]
        fn no_header_panics_and_a_forbidding_word_is_found_among_any(
            before in prop::collection::vec(any::<u8>(), 0..24),
            after in prop::collection::vec(any::<u8>(), 0..24),
        ) {
            let value = [&before[..], b",no-store,", &after[..]].concat();
            let answer = PlainRequest::default().with("cache-control", &value);
            prop_assert!(!policy(&[]).may_store(200, &answer));
            prop_assert_eq!(key(&[], &get().with("cache-control", &value)), None);
            let answer = PlainRequest::default().with("vary", [&before[..], b",cookie,", &after[..]].concat());
            prop_assert!(!policy(&["accept"]).may_store(200, &answer));
        }
    }
}

#[test]
fn an_answer_that_varies_by_cookies_is_kept_if_all_of_them_are_in_the_key() {
    let keeps = |named: &[&str], ignored: &[&str], vary: &str| {
        let mut policy = policy(named);
        policy.key.ignore_cookies = ignored.iter().map(|name| Pattern::new(name)).collect();
        policy.may_store(200, &PlainRequest::default().with("vary", vary))
    };
    assert!(keeps(&["cookie"], &[], "Cookie"));
    assert!(!keeps(&["cookie"], &["track"], "cookie"), "some of them are not");
    assert!(!keeps(&[], &[], "cookie") && !keeps(&[], &["track"], "cookie"));
    assert!(keeps(&[], &["track"], "accept") && keeps(&[], &[], "accept"));
    assert!(!keeps(&[], &[], "referer") && !keeps(&["dnt"], &[], "dnt"), "they are in part");
}
