//! Tests of routing: what they expect, what is wrong with their files, and which routes they meet.

use super::{Report, TestFile, check, junit, text};
use crate::decision::Prepared;
use crate::source::File;
use serde_json::{Value, json};
use std::path::Path;

fn document() -> Value {
    json!({
        "upstreams": [
            {"name": "a", "cluster": "cluster-a", "endpoints": [{"address": "10.0.0.1:80"}, {"address": "10.0.0.2:80", "health": "ejected"}],
             "balance": {"policy": "ring_hash", "hash_on": [{"header": "x-user"}]}},
            {"name": "b", "endpoints": {"envoy": {"admin_cluster": "admin"}}, "balance": {"policy": "round_robin"}},
        ],
        "routes": [
            {"name": "cart", "match": {"path_prefix": "/cart"}, "upstream": "a", "retry": {}, "coalesce": {}},
            {"name": "both", "match": {"path": "/both"}, "split": [{"upstream": "a", "weight": 1}, {"upstream": "b", "weight": 1}]},
            {"name": "list", "match": {"path_prefix": "/list"}, "upstream": "b"},
        ],
    })
}

fn report(tests: &str) -> Report {
    let tests = TestFile::of(&File::parse("t.yaml", &format!("tests:\n{tests}")).unwrap()).unwrap();
    check(&Prepared::of_tree(&document(), &tests.endpoints).unwrap(), &tests.cases).unwrap()
}

/// What is not as expected of one request.
fn mismatches(input: &str, expect: &str) -> Vec<String> {
    let report = report(&format!("- {{name: one, input: {{{input}}}, expect: {{{expect}}}}}"));
    report.verdicts.into_iter().flat_map(|verdict| verdict.mismatches).collect()
}

#[test]
fn the_shipped_tests_pass_and_meet_every_route() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy-config/routing-tests.yaml");
    let tests = TestFile::of(&File::read(&path).unwrap()).unwrap();
    let document = path.with_file_name(tests.document.as_ref().unwrap());
    let document = Prepared::of_file(&File::read(&document).unwrap(), &tests.endpoints, None).unwrap();
    let report = check(&document, &tests.cases).unwrap();
    let failed: Vec<_> = report.verdicts.iter().filter(|verdict| !verdict.mismatches.is_empty()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(report.coverage.unmet, Vec::<String>::new());
}

#[test]
fn every_field_is_compared() {
    let alice = "path: /cart, headers: {x-user: alice}";
    let right = [
        "matches: true",
        "route: cart",
        "route: [list, cart]",
        "upstream: a",
        "cluster: cluster-a",
        "policy: ring_hash",
        "first: \"10.0.0.1:80\"",
        "candidates: [\"10.0.0.1:80\"]",
        "coalesces: true",
        "batches: false",
        "retries: true",
    ];
    for expect in right {
        assert_eq!(mismatches(alice, expect), Vec::<String>::new(), "{expect}");
    }
    let wrong = [
        ("matches: false", "matches: expected false, got true"),
        ("route: [list, both]", "route: expected list or both, got cart"),
        ("upstream: b", "upstream: expected b, got a"),
        ("cluster: a", "cluster: expected a, got cluster-a"),
        ("policy: maglev", "policy: expected maglev, got ring_hash"),
        ("first: \"10.0.0.2:80\"", "first: expected 10.0.0.2:80, got 10.0.0.1:80"),
        ("candidates: [\"10.0.0.2:80\"]", "candidates: expected 10.0.0.2:80, got 10.0.0.1:80"),
        ("coalesces: false", "coalesces: expected false, got true"),
        ("retries: false", "retries: expected false, got true"),
    ];
    for (expect, message) in wrong {
        assert_eq!(mismatches(alice, expect), [message], "{expect}");
    }
    let hash = &mismatches(alice, "hash: \"0\"")[0];
    let hash = hash.strip_prefix("hash: expected 0, got ").unwrap();
    assert_eq!(mismatches(alice, &format!("hash: \"{hash}\"")), Vec::<String>::new());
    assert_eq!(mismatches("path: /none", "route: cart, matches: false"), ["route: expected cart, got none"]);
    assert_eq!(mismatches("path: /cart", "hash: none, policy: random"), Vec::<String>::new());
    assert_eq!(mismatches("method: POST, path: /cart", "retries: false"), Vec::<String>::new());
    assert_eq!(mismatches("path: /x, cluster: cluster-a", "route: \"cluster:a\""), Vec::<String>::new());
}

#[test]
fn a_connect_has_an_authority_and_no_path() {
    let connect = "method: CONNECT, authority: \"db.test:443\"";
    assert_eq!(mismatches(connect, "matches: false"), Vec::<String>::new());
    let refused = |input: &str| {
        refused(&format!("tests: [{{name: one, input: {{{input}}}, expect: {{matches: true}}}}]"))
    };
    assert!(refused(&format!("{connect}, path: /")).contains("input.path: a CONNECT has none"));
    assert!(refused("method: CONNECT").contains("input.authority: a CONNECT is for a host:port"));
}

#[test]
fn what_is_drawn_cannot_be_expected() {
    let drawn = "is drawn at random, so that no test can expect it; expect the upstream or the policy";
    assert_eq!(mismatches("path: /cart", "first: \"10.0.0.1:80\""), [format!("first: {drawn}")]);
    assert_eq!(
        mismatches("path: /both", "upstream: a"),
        ["upstream: expected a, got a or b, drawn at random"]
    );
    assert_eq!(mismatches("path: /both", "upstream: [b, a]"), Vec::<String>::new());
    assert!(
        mismatches("path: /both", "policy: ring_hash")[0]
            .starts_with("cluster, policy and hash are those of an upstream that is drawn")
    );
    assert_eq!(
        mismatches("path: /list", "first: \"10.0.0.1:80\""),
        ["first: endpoints of b come from envoy; write them under `endpoints: {b: […]}`"]
    );
}

#[test]
fn requests_are_compared_with_each_other() {
    let tests = |expect: &str| {
        let report = report(&format!(
            "- {{name: alice, input: {{path: /cart, headers: {{x-user: alice}}}}, expect: {{route: cart}}}}\n\
             - {{name: bob, input: {{path: /cart, headers: {{x-user: bob}}}}, expect: {{route: cart}}}}\n\
             - {{name: nobody, input: {{path: /cart}}, expect: {{route: cart}}}}\n\
             - {{name: one, input: {{path: /cart/7, headers: {{x-user: alice}}}}, expect: {{{expect}}}}}"
        ));
        report.verdicts.into_iter().flat_map(|verdict| verdict.mismatches).collect::<Vec<_>>()
    };
    assert_eq!(
        tests("same_key_as: alice, other_key_than: bob, other_answer_than: [alice, bob]"),
        Vec::<String>::new()
    );
    assert!(tests("same_key_as: bob")[0].starts_with("same_key_as: \"bob\" has a/"));
    assert!(tests("other_key_than: alice")[0].starts_with("other_key_than: \"alice\" has a/"));
    assert_eq!(tests("other_key_than: nobody"), ["other_key_than: the request of \"nobody\" has no key"]);
    assert_eq!(tests("same_call_as: alice"), ["same_call_as: this request has no key to share a call under"]);
}

fn refused(text: &str) -> String {
    TestFile::of(&File::parse("t.yaml", text).unwrap()).unwrap_err().to_string()
}

#[test]
fn everything_that_is_wrong_with_a_file_is_told_at_once_with_its_path() {
    let text = r#"
docment: x.yaml
endpoints: {a: [1]}
tests:
- {name: one, input: {pat: /, headers: {x: 7}}, expect: {rout: cart}}
- {name: two, input: {path: cart, source_ip: "10.0.0.1:80"}, expect: {}}
- {name: two, input: {path: /}, expect: {route: cart, matches: yes please}}
- {input: 7}
"#;
    insta::assert_snapshot!(refused(text));
    assert_eq!(
        refused("document: a.yaml"),
        "t.yaml: 1 errors\ntests: is missing or empty; write one test at least"
    );
    let unknown = "tests: [{name: one, input: {path: /}, expect: {same_key_as: two}}]";
    assert_eq!(
        refused(unknown),
        "t.yaml: 1 errors\ntest \"one\": same_key_as: \"two\" is no test of this file"
    );
    let twice = "tests: [{name: a, input: {path: /}, expect: {route: b}}, {name: a, input: {path: /}, expect: {route: b}}]";
    assert_eq!(refused(twice), "t.yaml: 1 errors\ntests: \"a\" is the name of two tests; names are unique");
}

fn two() -> Report {
    report(
        "- {name: good, input: {path: /cart}, expect: {route: cart}}\n- {name: bad, input: {path: /list}, expect: {route: cart}}\n",
    )
}

#[test]
fn routes_that_no_test_meets_are_named() {
    let report = two();
    assert_eq!((report.coverage.routes, report.coverage.unmet.as_slice()), (3, &["both".to_owned()][..]));
    assert!((report.coverage.percent() - 66.667).abs() < 0.01);
    let nothing = super::Coverage::default();
    assert!((nothing.percent() - 100.0).abs() < f64::EPSILON, "of no routes all are met");
}

#[test]
fn a_report_is_a_text_and_a_file_of_junits_form() {
    let mut out = anstream::StripStream::new(Vec::new());
    text::write(&two(), &mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out.into_inner()).unwrap());
    insta::assert_snapshot!(junit::of(&two(), "t.yaml").unwrap());
}
