//! `switchyard explain`, `test` and `diff` as people run them: exit codes, what goes where, and the shipped files.

use crate::program::{ended, switchyard};
use std::path::Path;
use tempfile::TempDir;

const DOCUMENT: &str = "envoy-config/switchyard.yaml";

/// The program, in the folder that the shipped files are below: exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    ended(switchyard(arguments).current_dir(root))
}

#[test]
fn explain_tells_where_a_request_goes() {
    let (code, out, errors) = run(&["explain", DOCUMENT, "--request", "GET /cart", "-H", "x-user: alice"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(out.contains("\nroute       checkout (routes[4]): path below /\n"), "{out}");
    assert!(out.contains("give them with --endpoints checkout=ip:port"), "{out}");
    assert!(out.ends_with("candidates=?\n"), "{out}");
    let given = "--endpoints=checkout=10.0.0.1:80,10.0.0.2:80";
    let (_, out, _) = run(&["explain", DOCUMENT, "-r", "/cart", "-H", "x-user: alice", given]);
    assert!(out.contains("candidates  1. 10.0.0."), "{out}");
}

#[test]
fn explain_takes_a_bootstrap_too_and_answers_in_json() {
    let arguments =
        ["explain", "envoy-config/envoy.yaml", "--curl", "curl -d 1 http://x/search", "--output", "json"];
    let (code, out, _) = run(&arguments);
    let account: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 0);
    assert_eq!(account.pointer("/explanation/route").unwrap(), "search");
    assert_eq!(account.pointer("/coalesce/alone/reason").unwrap(), "method");
}

#[test]
fn explain_reads_a_document_from_its_input() {
    let text = "{upstreams: [{name: a, endpoints: [{address: '10.0.0.1:80'}]}], routes: [{match: {path: /a}, upstream: a}]}";
    let of = |path: &str| {
        switchyard(&["explain", "-", "-r", path]).write_stdin(text).output().unwrap().status.code()
    };
    assert_eq!((of("/a"), of("/b")), (Some(0), Some(1)));
}

#[test]
fn what_keeps_a_command_from_its_work_is_an_error_and_two() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let stored = file("stored.yaml", "document: {http: {cluster: c, path: /d}}");
    let wrong = file("wrong.yaml", "upstreams: 7");
    let tests = file("tests.yaml", "tests: [{name: a, input: {path: /}, expect: {matches: true}}]");
    let cases: [(&[&str], &str); 8] = [
        (
            &["explain", DOCUMENT],
            "error: give a request: --request 'GET /path', --curl 'curl …' or --access-log 'LINE'",
        ),
        (
            &["explain", DOCUMENT, "-r", "cart"],
            "error: --request \"cart\": \"cart\" is neither a path, which begins with a slash, nor a URL",
        ),
        (&["explain", DOCUMENT, "-r", "/", "-H", "x"], "error: -H \"x\": is no header; write 'name: value'"),
        (
            &["explain", DOCUMENT, "-r", "/", "--endpoints", "b=1.1.1.1:1"],
            "is no upstream of the document; it has checkout, catalog, checkout-canary",
        ),
        (&["explain", &stored, "-r", "/"], "the document is kept in a store (its field `document`)"),
        (&["diff", DOCUMENT, &wrong], "upstreams: 7"),
        (&["diff", "-", "-"], "error: both documents are standard input; give one of them as a file"),
        (&["test", &tests], "names no document; add `document: FILE` or --document"),
    ];
    for (arguments, message) in cases {
        let (code, out, errors) = run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
        assert!(errors.contains(message), "{arguments:?}: {errors}");
    }
}

#[test]
fn the_shipped_tests_pass_and_too_few_routes_are_an_error() {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report.xml").display().to_string();
    let shipped = "envoy-config/routing-tests.yaml";
    let (code, out, errors) = run(&["test", shipped, "--fail-under", "100", "--junit", &report]);
    assert_eq!((code, errors.as_str()), (0, ""), "{out}");
    assert!(out.contains("\nroutes met: 5 of 5 (100 %)\n") && !out.contains('\u{1b}'), "{out}");
    assert!(std::fs::read_to_string(&report).unwrap().contains("failures=\"0\""));

    let few = folder.path().join("few.yaml");
    std::fs::write(&few, "tests: [{name: a, input: {path: /}, expect: {route: checkout}}]").unwrap();
    let few = few.display().to_string();
    let with = |least: &str| run(&["test", &few, "--document", DOCUMENT, "--fail-under", least]);
    assert_eq!(with("20").0, 0);
    let (code, out, _) = with("21");
    assert_eq!(code, 1);
    assert!(out.contains("no test meets catalog, search, rpc, release\n"), "{out}");
    assert!(out.ends_with("less than 21 % of the routes are met\n"), "{out}");
}

#[test]
fn diff_tells_by_its_code_whether_there_is_a_difference() {
    let same = run(&["diff", DOCUMENT, "envoy-config/envoy.yaml"]);
    assert_eq!(
        same,
        (0, "no difference\n".to_owned(), String::new()),
        "the shipped bootstrap carries the shipped document"
    );
    let folder = TempDir::new().unwrap();
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(DOCUMENT)).unwrap();
    let other = folder.path().join("other.yaml");
    std::fs::write(&other, text.replace("weight: 95", "weight: 90").replace("weight: 5}", "weight: 10}"))
        .unwrap();
    let other = other.display().to_string();
    let (code, out, _) = run(&["diff", DOCUMENT, &other, "--keys", "2000"]);
    assert_eq!(code, 1);
    assert!(out.starts_with("keys that move\n  split of route release: "), "{out}");
    let (_, out, _) = run(&["diff", DOCUMENT, &other, "--keys", "2000", "--output", "json"]);
    let difference: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(difference.pointer("/keys/0/ways/0/1").unwrap(), "checkout-canary");
}

#[test]
fn every_one_of_them_shows_examples() {
    for command in ["explain", "test", "diff"] {
        let (code, out, _) = run(&[command, "--help"]);
        assert!(code == 0 && out.contains("Examples:") && out.contains("Exit codes:"), "{out}");
    }
}
