//! What an operator may leave out.

use super::{Key, different, get, key};
use switchyard_core::coalesce::{Bypass, KeyPolicy, Settings};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::{Invariable, KeyRules, Known, Languages, Pattern};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn patterns(names: &[&str]) -> Vec<Pattern> {
    names.iter().map(|name| Pattern::new(name)).collect()
}

fn by(rules: KeyRules, request: &PlainRequest) -> Key {
    let settings = Settings { key: KeyPolicy { rules, ..KeyPolicy::default() }, ..Settings::default() };
    settings.key("route", request, None, Known::nothing)
}

fn ignoring(names: &[&str], request: &PlainRequest) -> Key {
    by(KeyRules { ignore_headers: patterns(names), ..KeyRules::default() }, request)
}

#[test]
fn an_ignored_header_tells_no_requests_apart() {
    let keys = [get(), get().with("x-lab", "a"), get().with("x-lab", "b")];
    assert_eq!(different(keys.iter().map(|request| ignoring(&["x-lab"], request))), 1);
    assert_eq!(different(keys.iter().map(|request| ignoring(&["x-*"], request))), 1);
    assert_eq!(different(keys.iter().map(|request| ignoring(&["x-la"], request))), 3);
}

#[test]
fn a_pattern_leaves_out_nobody_who_asks_and_a_name_does() {
    for name in ["x-user", "x-api-key", "x-tenant-id", "x-forwarded-user", "apikey"] {
        let keys = ["anna", "bert"].map(|value| ignoring(&["*"], &get().with(name, value)));
        assert_eq!(different(keys), 2, "{name}");
        let keys = ["anna", "bert"].map(|value| ignoring(&[name], &get().with(name, value)));
        assert_eq!(different(keys), 1, "{name}");
    }
    for name in ["authorization", "cookie", "proxy-authorization"] {
        assert_eq!(ignoring(&["*"], &get().with(name, "anna")), Err(Bypass::Credentials), "{name}");
        assert_eq!(ignoring(&[name], &get().with(name, "anna")), Err(Bypass::Credentials), "{name}");
    }
}

#[test]
fn with_all_ignored_the_key_has_the_named_headers() {
    let rules = || KeyRules {
        headers: vec!["x-lab".into()],
        ignore_headers: patterns(&["*"]),
        ..KeyRules::default()
    };
    let keys = ["accept", "origin", "x-other"].map(|name| by(rules(), &get().with(name, "a")));
    assert_eq!(different(keys.into_iter().chain([by(rules(), &get())])), 1);
    assert_eq!(different(["a", "b"].map(|value| by(rules(), &get().with("x-lab", value)))), 2);
}

#[test]
fn a_condition_or_a_part_is_never_left_out() {
    for name in ["if-none-match", "if-modified-since"] {
        let keys = [get(), get().with(name, "a"), get().with(name, "b")];
        assert_eq!(different(keys.iter().map(|request| ignoring(&["*", name], request))), 3, "{name}");
    }
    assert_eq!(ignoring(&["*", "range"], &get().with("range", "a")), Err(Bypass::Range));
    assert_eq!(KeyRules::may_ignore("range"), Err(Invariable::Condition));
    assert_eq!(KeyRules::may_ignore("cookie"), Err(Invariable::Credentials));
    assert_eq!(KeyRules::may_ignore("via"), Err(Invariable::Neutral));
    assert_eq!(KeyRules::may_ignore("x-user"), Ok(()));
}

fn without_cookies(names: &[&str], keyed: bool, lines: &[&str]) -> Key {
    let headers = if keyed { vec!["cookie".into()] } else { Vec::new() };
    let rules = KeyRules { headers, ignore_cookies: patterns(names), ..KeyRules::default() };
    by(rules, &lines.iter().fold(get(), |request, line| request.with("cookie", line)))
}

#[test]
fn a_request_with_none_but_ignored_cookies_is_one_without() {
    let keys: [&[&str]; 6] =
        [&[], &["_ga=1"], &["_ga=2; _gid=3"], &["_ga_X=1;_ga_Y=2"], &["_ga=1", "_gid=2"], &[" _ga = 1 ;"]];
    assert_eq!(different(keys.map(|lines| without_cookies(&["_ga*", "_gid"], false, lines))), 1);
}

#[test]
fn any_other_cookie_counts() {
    for line in [
        "_ga=1; session=a",
        "session=a",
        "",
        "_g=1",
        "_GA=1",
        "_ga",
        "x_ga=1",
        "_ga=\"1; session=a\"",
        "_ga=1; \"_ga=2\"",
    ] {
        let found = without_cookies(&["_ga*"], false, &[line]);
        assert_eq!(found, Err(Bypass::Credentials), "{line:?}");
    }
    let keys: [&[&str]; 5] = [&["s=a"], &["s=b"], &["s=a; t=1"], &["t=1; s=a"], &["s=a", "t=1"]];
    let noisy: [&[&str]; 5] =
        [&["_ga=1; s=a"], &["s=b;_ga=2"], &["s=a; _ga=3; t=1"], &["t=1; s=a; _ga=4"], &["s=a", "_ga=5; t=1"]];
    let keyed = |lines: &[&str]| without_cookies(&["_ga*"], true, lines);
    assert_eq!(different(keys.map(keyed)), 5);
    for (plain, noisy) in keys.into_iter().zip(noisy) {
        assert_eq!(keyed(plain), keyed(noisy), "{noisy:?}");
    }
}

fn query(ignored: &[&str], query_in_any_order: bool, path: &str) -> Key {
    let rules = KeyRules { ignore_query: patterns(ignored), query_in_any_order, ..KeyRules::default() };
    by(rules, &super::asks("GET", path))
}

#[test]
fn ignored_parameters_tell_no_requests_apart() {
    let same = ["/a", "/a?utm_source=x", "/a?utm_source=x&utm_medium=y", "/a?utm_"];
    assert_eq!(different(same.map(|path| query(&["utm_*"], false, path))), 1);
    let same = ["/a?b=1", "/a?utm_x=1&b=1", "/a?b=1&utm_x=2"];
    assert_eq!(different(same.map(|path| query(&["utm_*"], false, path))), 1);
    let others =
        ["/a", "/a?", "/a?b=1", "/a?b=2", "/a?UTM_x=1", "/a?%75tm_x=1", "/a?b=1&c=2", "/a?c=2&b=1", "/a?&"];
    assert_eq!(different(others.map(|path| query(&["utm_*"], false, path))), others.len());
}

#[test]
fn nothing_hides_in_an_ignored_parameter() {
    let hidden = ["/a?utm_x=1;id=5", "/a?utm_x=1;id=6", "/a?utm_x=1", "/a#?utm_x=1", "/a#?utm_x=2"];
    assert_eq!(different(hidden.map(|path| query(&["utm_*"], true, path))), hidden.len());
    assert_eq!(different(["/a?b;c&d", "/a?d&b;c"].map(|path| query(&[], true, path))), 2);
}

#[test]
fn the_order_of_parameters_matters_unless_the_operator_says_otherwise() {
    let paths = ["/a?b=1&c=2", "/a?c=2&b=1"];
    assert_eq!(different(paths.map(|path| query(&[], false, path))), 2);
    assert_eq!(different(paths.map(|path| query(&[], true, path))), 1);
    assert_eq!(different(["/a?b=1&b=2", "/a?b=2&b=1"].map(|path| query(&[], true, path))), 2, "of one name");
}

#[test]
fn of_languages_the_first_counts_if_the_operator_says_so() {
    let values = ["de", "de-DE, de;q=0.9", "de;q=1, en", "DE", "en", ""];
    let with = |languages| {
        values.map(|value| {
            by(KeyRules { languages, ..KeyRules::default() }, &get().with("accept-language", value))
        })
    };
    assert_eq!(different(with(Languages::Whole)), 6);
    assert_eq!(different(with(Languages::First)), 4);
}

#[test]
fn two_rules_share_no_key() {
    let rules = [
        KeyRules::default(),
        KeyRules { headers: vec!["a".into()], ..KeyRules::default() },
        KeyRules { ignore_headers: patterns(&["a"]), ..KeyRules::default() },
        KeyRules { ignore_headers: patterns(&["a*"]), ..KeyRules::default() },
        KeyRules { ignore_cookies: patterns(&["a"]), ..KeyRules::default() },
        KeyRules { ignore_query: patterns(&["a"]), ..KeyRules::default() },
        KeyRules { ignore_attributes: patterns(&["a"]), ..KeyRules::default() },
        KeyRules { query_in_any_order: true, ..KeyRules::default() },
        KeyRules { languages: Languages::First, ..KeyRules::default() },
    ];
    assert_eq!(different(rules.map(|rules| by(rules, &get()))), 9, "after a reload both may be in force");
    assert!(key(&[], &get()).is_ok());
}

#[test]
fn a_line_of_cookies_with_quotes_counts_whole() {
    let rules = || KeyRules {
        headers: vec!["cookie".into()],
        ignore_cookies: patterns(&["track"]),
        ..KeyRules::default()
    };
    let keys = |lines: [&str; 2]| different(lines.map(|line| by(rules(), &get().with("cookie", line))));
    assert_eq!(keys(["a=1; track=1", "a=1; track=2"]), 1);
    assert_eq!(keys(["a=\"1\"; track=1", "a=\"1\"; track=2"]), 2, "nobody knows where a cookie ends");
}

#[test]
fn weights_of_encodings_are_numbers_and_old_names_mean_the_same() {
    let keys = |values: &[&str]| {
        different(values.iter().map(|value| by(KeyRules::default(), &get().with("accept-encoding", value))))
    };
    assert_eq!(keys(&["gzip, compress", "x-gzip, x-compress", "compress,x-gzip;q=1.000"]), 1);
    assert_eq!(keys(&["br;q=0.05", "br;q=0.050", "br;Q=0.05"]), 1);
    let weights = ["0", "0.001", "0.005", "0.05", "0.051", "0.15", "0.25", "0.5", "0.55", "0.555", "1"];
    let values = weights.map(|weight| format!("br;q={weight}"));
    assert_eq!(keys(&values.each_ref().map(|value| &**value)), weights.len());
}
