//! What a route's condition means, and that a table finds what a scan of its conditions in order would.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use switchyard_core::RequestView;
use switchyard_core::request::PlainRequest;
use switchyard_core::route::{
    HeaderMatch, HeaderRule, HostPattern, Matcher, PathMatch, QueryMatch, RouteTable, full_match,
};
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

fn hosts(patterns: &[&str]) -> Matcher {
    Matcher { hosts: patterns.iter().map(|text| HostPattern::new(text)).collect(), ..Matcher::default() }
}

fn query(rule: HeaderRule, invert: bool) -> Matcher {
    Matcher { query: vec![QueryMatch { name: "k".into(), rule, invert }], ..Matcher::default() }
}

fn at(host: &str, path: &str) -> PlainRequest {
    PlainRequest::get(path).with(":authority", host)
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
fn a_query_is_what_stands_between_its_mark_and_a_fragment() {
    for (target, query, values) in [
        ("/a?k=1&x=2&k=3", "k=1&x=2&k=3", &["1", "3"][..]),
        ("/a?k=b=c&kk=4", "k=b=c&kk=4", &["b=c"]),
        ("/a?k&k=", "k&k=", &["", ""]),
        ("/a?k=1#?k=2", "k=1", &["1"]),
        ("/a#b?k=1", "", &[]),
        ("/a?b?k=1", "b?k=1", &[]),
        ("/k=1", "", &[]),
        ("", "", &[]),
    ] {
        let request = PlainRequest::get(target);
        assert_eq!(request.query(), query.as_bytes(), "{target}");
        let expected: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
        assert_eq!(request.query_values("k").collect::<Vec<_>>(), expected, "{target}");
    }
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
fn paths_match_whole_segments_and_no_part_of_one() {
    for (matcher, path, matches) in [
        (Matcher::default(), "/anything", true),
        (Matcher::default(), "", true),
        (prefix("/api"), "/api", true),
        (prefix("/api"), "/api/", true),
        (prefix("/api"), "/api/v1?a", true),
        (prefix("/api"), "/api?a", true),
        (prefix("/api"), "/apis", false),
        (prefix("/api"), "/api-v1/x", false),
        (prefix("/api"), "/api;x/y", false),
        (prefix("/api"), "//api", false),
        (prefix("/api/"), "/api", false),
        (prefix("/api/"), "/api/", true),
        (prefix("/api/"), "/api/v1", true),
        (prefix("/"), "/apis", true),
        (prefix("/"), "*", false),
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
    assert!(matcher.matches(&request("GET", "/a")) && matcher.matches(&request("PUT", "/a/b")));
    assert!(!matcher.matches(&request("POST", "/a")) && !matcher.matches(&request("get", "/a")));
    assert!(!matcher.matches(&request("GET", "/b")));
    assert!(!matcher.matches(&PlainRequest::get("/a")), "no header");
}

#[test]
fn case_is_ignored_in_literal_paths_where_it_is_asked_for() {
    for (path, asked, matches) in [
        (PathMatch::Prefix("/Api".into()), "/aPI/v1", true),
        (PathMatch::Prefix("/Api".into()), "/APIs", false),
        (PathMatch::Exact("/Api".into()), "/API", true),
        (PathMatch::Exact("/Api".into()), "/API/", false),
        (PathMatch::Exact("/\u{c4}".into()), "/\u{e4}", false),
        (PathMatch::Regex(full_match("/api").unwrap()), "/API", false),
    ] {
        let matcher = Matcher { path, ignore_case: true, ..Matcher::default() };
        assert_eq!(matcher.matches(&PlainRequest::get(asked)), matches, "{matcher:?} {asked}");
        let found = RouteTable::new(vec![matcher]).find(&PlainRequest::get(asked));
        assert_eq!(found.is_some(), matches, "{asked}");
    }
}

#[test]
fn the_first_value_of_a_parameter_is_matched_as_it_stands() {
    let exactly = |text: &str| HeaderRule::Exact(text.into());
    for (rule, path, matches) in [
        (exactly("1"), "/?k=1", true),
        (exactly("1"), "/?k=1&k=2", true),
        (exactly("1"), "/?k=2&k=1", false),
        (exactly("a b"), "/?k=a%20b", false),
        (exactly("1"), "/?K=1", false),
        (HeaderRule::Prefix("1".into()), "/?k=12", true),
        (HeaderRule::Present, "/?k", true),
        (HeaderRule::Regex(full_match("[0-9]+").unwrap()), "/?k=12", true),
        (HeaderRule::Regex(full_match("[0-9]+").unwrap()), "/?k=12a", false),
    ] {
        let request = PlainRequest::get(path);
        assert_eq!(query(rule.clone(), false).matches(&request), matches, "{rule:?} {path}");
        let is_there = request.query_values("k").next().is_some();
        assert_eq!(query(rule.clone(), true).matches(&request), is_there && !matches, "not {rule:?} {path}");
    }
    for path in ["/", "/?kk=1", "/k=1", "/#?k=1"] {
        let request = PlainRequest::get(path);
        assert!(!query(HeaderRule::Present, false).matches(&request), "{path}");
        assert!(query(HeaderRule::Present, true).matches(&request), "{path}");
        assert!(!query(exactly("1"), true).matches(&request), "a missing one meets no rule about its value");
    }
}

#[test]
fn hosts_match_in_any_spelling() {
    for (pattern, host, matches) in [
        ("shop.example.com", "shop.example.com", true),
        ("Shop.example.com", "SHOP.Example.Com:8443", true),
        ("shop.example.com", "shop.example.com.", true),
        ("shop.example.com", "a.shop.example.com", false),
        ("*.example.com", "Shop.Example.com:80", true),
        ("*.example.com", "a.b.example.com", true),
        ("*.example.com", "example.com", false),
        ("*.example.com", ".example.com", false),
        ("*.example.com", "evilexample.com", false),
        ("*-api.example.com", "shop-api.example.com", true),
        ("*-api.example.com", "-api.example.com", false),
        ("shop.*", "shop.example.org:1", true),
        ("shop.*", "shop.", false),
        ("shop.*", "shops.example.org", false),
        ("*", "anything", true),
        ("*", "", true),
        ("[2001:db8::1]", "[2001:DB8::1]:80", true),
        ("10.0.0.7", "10.0.0.7:80", true),
    ] {
        let matcher = hosts(&[pattern]);
        assert_eq!(matcher.matches(&at(host, "/")), matches, "{pattern} {host}");
        assert_eq!(
            RouteTable::new(vec![matcher]).find(&at(host, "/")).is_some(),
            matches,
            "{pattern} {host}"
        );
    }
    assert!(!hosts(&["a"]).matches(&PlainRequest::get("/")), "a request without a host is for none of them");
    assert!(hosts(&["b", "a"]).matches(&at("a", "/")), "one is enough");
}

#[test]
fn the_nearest_host_wins_and_of_its_routes_the_first() {
    let paths =
        |patterns: &[&str], path: &str| Matcher { path: PathMatch::Prefix(path.into()), ..hosts(patterns) };
    let table = RouteTable::new(vec![
        paths(&[], "/health"),
        paths(&["shop.*"], "/"),
        paths(&["*.com"], "/"),
        paths(&["*.example.com"], "/"),
        paths(&["shop.example.*", "other.test", "other.test"], "/"),
        paths(&["shop.example.com"], "/cart"),
        paths(&["shop.example.com", "*"], "/cart/all"),
        paths(&["shop.example.com"], "/cart/all"),
    ]);
    for (host, path, route) in [
        ("shop.example.com", "/cart", Some(5)),
        ("shop.example.com", "/cart/all", Some(5)),
        // Its own host has no route for it: the nearest that has one.
        ("shop.example.com", "/health", Some(3)),
        ("www.example.com", "/cart/all", Some(3)),
        ("www.else.com", "/health", Some(2)),
        ("shop.example.org", "/health", Some(4)),
        ("shop.else.org", "/health", Some(1)),
        ("other.test", "/", Some(4)),
        ("nobody.test", "/health", Some(0)),
        ("nobody.test", "/cart/all", Some(6)),
        ("nobody.test", "/cart", None),
        ("", "/health", Some(0)),
    ] {
        assert_eq!(table.find(&at(host, path)), route, "{host}{path}");
    }
}

#[test]
fn ten_thousand_hosts_each_find_their_own() {
    let mut matchers: Vec<_> = (0..5000)
        .flat_map(|tenant| {
            [hosts(&[&format!("t{tenant}.example.com")]), hosts(&[&format!("*.t{tenant}.test")])]
        })
        .collect();
    matchers.push(Matcher::default());
    let table = RouteTable::new(matchers);
    for tenant in (0..5000).step_by(7) {
        assert_eq!(table.find(&at(&format!("T{tenant}.example.com:80"), "/")), Some(2 * tenant));
        assert_eq!(table.find(&at(&format!("a.t{tenant}.test"), "/")), Some(2 * tenant + 1));
    }
    assert_eq!(table.find(&at("t5000.example.com", "/")), Some(10_000));
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
        prop_oneof!["/[abA]{0,3}", "/[abA]{0,2}/[ab]{0,2}", Just(String::new())]
    }

    fn host() -> impl Strategy<Value = String> {
        "([aA]\\.|b\\.|ab-){0,2}(com|x)(:80|\\.)?"
    }

    fn pattern() -> impl Strategy<Value = HostPattern> {
        let text = prop_oneof![
            3 => "([aA]\\.|b\\.|ab-){0,2}(com|x)",
            3 => "\\*[.-]?(b\\.)?(com|x)?",
            2 => "([aA]\\.|b\\.|ab-){1,2}\\*",
        ];
        text.prop_map(|text| HostPattern::new(&text))
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
        let asks = |invert| QueryMatch { name: "k".into(), rule: HeaderRule::Present, invert };
        let query =
            prop_oneof![3 => Just(vec![]), 1 => any::<bool>().prop_map(move |invert| vec![asks(invert)])];
        let hosts = prop_oneof![1 => Just(vec![]), 2 => prop::collection::vec(pattern(), 1..4)];
        (hosts, paths, any::<bool>(), methods, headers, query).prop_map(
            |(hosts, path, ignore_case, methods, headers, query)| Matcher {
                hosts,
                path,
                ignore_case,
                methods,
                headers,
                query,
            },
        )
    }

    proptest! {
        #[test]
        fn a_table_finds_what_a_scan_finds(
            matchers in prop::collection::vec(matcher(), 0..25),
            requests in prop::collection::vec((host(), path(), any::<bool>(), 0..3usize), 1..20),
        ) {
            let table = RouteTable::new(matchers.clone());
            for (host, path, has_header, query) in requests {
                let mut request = at(&host, &(path + ["", "?/a", "?k"][query]));
                if has_header {
                    request = request.with("x-a", "1");
                }
                let near = matchers.iter().map(|matcher| matcher.nearness(&request)).enumerate();
                let scanned = near.filter_map(|(route, near)| Some((near?, route))).min();
                prop_assert_eq!(table.find(&request), scanned.map(|(_, route)| route), "{:?}", request);
            }
        }
    }
}

#[test]
fn a_request_that_meets_no_condition_is_of_the_first_route_that_has_its_cluster() {
    let table = RouteTable::new(vec![Matcher::default()]);
    assert!(!table.asks_for_cluster());
    assert_eq!((table.len(), table.is_empty()), (1, false));
    let table = table.with_clusters([("a".into(), 7), ("b".into(), 0), ("a".into(), 9)]);
    assert!(table.asks_for_cluster());
    assert_eq!(["a", "b", "c"].map(|cluster| table.of_cluster(cluster)), [Some(7), Some(0), None]);
    assert_eq!(table.len(), 1, "conditions stay as they are");
    assert!(RouteTable::new(Vec::new()).is_empty());
}
