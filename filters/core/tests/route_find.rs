//! What a route's condition means, and that a table finds what a scan of its conditions in order would.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use switchyard_core::RequestView;
use switchyard_core::request::PlainRequest;
use switchyard_core::route::{HeaderMatch, HeaderRule, Matcher, PathMatch, RouteTable, full_match};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn prefix(path: &str) -> Matcher {
    Matcher { path: PathMatch::Prefix(path.into()), ..Matcher::default() }
}

fn exact(path: &str) -> Matcher {
    Matcher { path: PathMatch::Exact(path.into()), ..Matcher::default() }
}

fn regex(pattern: &str) -> Matcher {
    Matcher { path: PathMatch::Regex(full_match(pattern).unwrap()), ..Matcher::default() }
}

fn header(rule: HeaderRule, invert: bool) -> Matcher {
    Matcher { headers: vec![HeaderMatch { name: "x-a".into(), rule, invert }], ..Matcher::default() }
}

#[test]
fn paths_end_before_the_query() {
    for (target, path) in [
        ("/a/b?c=d", "/a/b"),
        ("/a#f", "/a"),
        ("/a?b#f?c", "/a"),
        ("/a#b?c", "/a"),
        ("?q", ""),
        ("", ""),
        ("/", "/"),
        ("*", "*"),
        ("/a%3Fb", "/a%3Fb"),
    ] {
        let request = PlainRequest::get(target);
        assert_eq!(request.path(), path.as_bytes(), "{target}");
        assert_eq!(request.path_and_query(), target.as_bytes());
    }
    let nothing = PlainRequest::default();
    assert_eq!((nothing.path(), nothing.method(), nothing.source_ip()), (&b""[..], &b""[..], None));
}

#[test]
fn headers_come_in_order_and_as_bytes() {
    let request = PlainRequest::get("/").with("x-a", "1").with("x-b", [0xff]).with("x-a", "2").from_ip("::1");
    assert_eq!(request.header_values("x-a").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(request.header("x-b"), Some(&[0xff][..]));
    assert_eq!(request.header("x-c"), None);
    assert_eq!(request.method(), b"GET");
    assert_eq!(request.source_ip(), Some(b"::1".to_vec()));
}

#[test]
fn paths_match_as_in_envoy() {
    for (matcher, path, matches) in [
        (Matcher::default(), "/anything", true),
        (Matcher::default(), "", true),
        (prefix("/api"), "/api", true),
        (prefix("/api"), "/apis", true),
        (prefix("/api"), "/ap", false),
        (prefix("/api"), "/API", false),
        (prefix("/api?"), "/api?a", false),
        (prefix(""), "/", true),
        (exact("/api"), "/api?a=b", true),
        (exact("/api"), "/api/", false),
        (regex("/a|/b"), "/b?c", true),
        (regex("/a|/b"), "/bb", false),
        (regex("/a|/ab"), "/ab", true),
        (regex("a"), "/a", false),
        (regex("/a$"), "/a", true),
        (regex("/.*"), "/a/b", true),
    ] {
        assert_eq!(matcher.matches(&PlainRequest::get(path)), matches, "{matcher:?} {path}");
    }
}

#[test]
fn regexes_match_all_of_it_and_text_only() {
    let not_text = PlainRequest::default().with(":path", b"/\xff");
    assert!(!regex(".*").matches(&not_text));
    assert!(prefix("/").matches(&not_text));
    assert!(full_match("a)|(b").is_err());
    assert!(full_match("(").is_err());
}

#[test]
fn headers_match_joined_and_inverted() {
    let exactly = |text: &str| HeaderRule::Exact(text.into());
    let begins = |text: &str| HeaderRule::Prefix(text.into());
    let pattern = |text: &str| HeaderRule::Regex(full_match(text).unwrap());
    let cases: [(HeaderRule, &[&str], bool); 12] = [
        (exactly("a"), &["a"], true),
        (exactly("a"), &["ab"], false),
        (exactly("a"), &[], false),
        (exactly("a"), &["a", "b"], false),
        (exactly("a,b"), &["a", "b"], true),
        (exactly("a,b,c"), &["a", "b", "c"], true),
        (begins("a"), &["ab"], true),
        (begins("a"), &["b", "a"], false),
        (HeaderRule::Present, &[""], true),
        (HeaderRule::Present, &[], false),
        (pattern(r"\d+"), &["123"], true),
        (pattern(r"\d+"), &["123a"], false),
    ];
    for (rule, values, matches) in cases {
        let request = values.iter().fold(PlainRequest::get("/"), |request, value| request.with("x-a", value));
        assert_eq!(header(rule.clone(), false).matches(&request), matches, "{rule:?} {values:?}");
        // As in Envoy, a rule about the value of a header that is missing does not hold, inverted or not.
        let inverted = !matches && (!values.is_empty() || matches!(rule, HeaderRule::Present));
        assert_eq!(header(rule.clone(), true).matches(&request), inverted, "not {rule:?} {values:?}");
    }
}

#[test]
fn methods_are_any_of_those_named_and_all_parts_must_hold() {
    let mut matcher = header(HeaderRule::Present, false);
    matcher.path = PathMatch::Prefix("/a".into());
    matcher.methods = vec!["GET".into(), "PUT".into()];
    let request = |method: &str, path: &str| {
        PlainRequest::default().with(":method", method).with(":path", path).with("x-a", "")
    };
    assert!(matcher.matches(&request("GET", "/a")) && matcher.matches(&request("PUT", "/ab")));
    assert!(!matcher.matches(&request("POST", "/a")) && !matcher.matches(&request("get", "/a")));
    assert!(!matcher.matches(&request("GET", "/b")));
    assert!(!matcher.matches(&PlainRequest::get("/a")), "no header");
}

#[test]
fn ten_thousand_routes_each_find_their_own() {
    let mut matchers = Vec::new();
    for service in 0..5000 {
        matchers.push(exact(&format!("/service-{service}/status")));
        matchers.push(prefix(&format!("/service-{service}/")));
    }
    matchers.push(regex("/late/[0-9]+"));
    let table = RouteTable::new(matchers);
    assert_eq!((table.len(), table.is_empty()), (10_001, false));
    for service in (0..5000).step_by(7) {
        let find = |rest: &str| table.find(&PlainRequest::get(&format!("/service-{service}/{rest}")));
        assert_eq!(find("status"), Some(2 * service));
        assert_eq!(find("status/more?x"), Some(2 * service + 1));
    }
    assert_eq!(table.find(&PlainRequest::get("/late/12")), Some(10_000));
    assert_eq!(table.find(&PlainRequest::get("/none")), None);
    assert_eq!(RouteTable::new(Vec::new()).find(&PlainRequest::get("/")), None);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    fn path() -> impl Strategy<Value = String> {
        // Few letters, so that paths meet.
        prop_oneof!["/[ab]{0,3}", "/[ab]{0,2}/[ab]{0,2}", Just(String::new())]
    }

    fn matcher() -> impl Strategy<Value = Matcher> {
        let paths = prop_oneof![
            4 => path().prop_map(|path| PathMatch::Prefix(path.into())),
            4 => path().prop_map(|path| PathMatch::Exact(path.into())),
            1 => "/[ab]\\.\\*|/a[+*]".prop_map(|pattern| PathMatch::Regex(full_match(&pattern).unwrap())),
            1 => Just(PathMatch::Any),
        ];
        let methods =
            prop_oneof![3 => Just(vec![]), 1 => Just(vec!["GET".into()]), 1 => Just(vec!["PUT".into()])];
        let wants = || HeaderMatch { name: "x-a".into(), rule: HeaderRule::Present, invert: false };
        let headers = prop_oneof![
            3 => Just(vec![]),
            1 => Just(vec![wants()]),
            1 => Just(vec![HeaderMatch { invert: true, ..wants() }]),
        ];
        (paths, methods, headers).prop_map(|(path, methods, headers)| Matcher { path, methods, headers })
    }

    proptest! {
        #[test]
        fn a_table_finds_what_a_scan_finds(
            matchers in prop::collection::vec(matcher(), 0..25),
            requests in prop::collection::vec((path(), any::<bool>(), any::<bool>()), 1..20),
        ) {
            let table = RouteTable::new(matchers.clone());
            for (path, has_header, has_query) in requests {
                let mut request = PlainRequest::get(&(path + if has_query { "?/a" } else { "" }));
                if has_header {
                    request = request.with("x-a", "1");
                }
                let scanned = matchers.iter().position(|matcher| matcher.matches(&request));
                prop_assert_eq!(table.find(&request), scanned, "{:?}", request);
            }
        }
    }
}
