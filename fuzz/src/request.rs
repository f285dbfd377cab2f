//! What a request says: cookies, parameters of its query, its host.
//!
//! Invariants: a cookie or parameter is found where a plain reading finds it; what is left out of keys is what was to be left out, all else
//! stays in its order, and what is left out twice is left out once.

use crate::draw::Draw;
use switchyard_core::RequestView as _;
use switchyard_core::hash::{Cookie, HashOn, RequestHash, Source, xxh64};
use switchyard_core::request::PlainRequest;
use switchyard_core::request_key::{KeyRules, Pattern, fuzzing};

/// A header with cookies. The bytes are the header.
pub fn cookies(bytes: &[u8]) {
    let ignored = [Pattern::new("_ga*"), Pattern::new("s"), Pattern::new("")];
    assert_eq!(fuzzing::cookies(bytes, &[]), bytes, "nothing is ignored");
    let left = fuzzing::cookies(bytes, &ignored);
    assert!(left.len() <= bytes.len() + count(bytes, b';'), "a space behind each semicolon at most");
    assert_eq!(fuzzing::cookies(&left, &ignored), left, "{}", bytes.escape_ascii());
    if !bytes.contains(&b'"') {
        let all = |line: &[u8]| -> Vec<Vec<u8>> {
            let cookies = line.split(|byte| *byte == b';').map(|cookie| cookie.trim_ascii().to_vec());
            cookies.filter(|cookie| !cookie.is_empty()).collect()
        };
        let expected: Vec<_> =
            all(bytes).into_iter().filter(|cookie| !is_ignored(cookie, &ignored)).collect();
        assert_eq!(all(&left), expected, "{}", bytes.escape_ascii());
    } else {
        assert_eq!(left, bytes, "a line with quotes stays whole");
    }
    for name in ["s", "id", "_ga1", ""] {
        let source = Source::Cookie(Cookie {
            name: name.into(),
            ttl: None,
            path: None,
            domain: None,
            same_site: None,
            secure: false,
        });
        let hash = RequestHash::new(vec![HashOn { source, terminal: false }]);
        let request = PlainRequest::get("/").with("cookie", bytes);
        let found = hash.evaluate(&request, &mut fastrand::Rng::with_seed(1));
        assert_eq!(found.set_cookie, None, "none was asked for");
        assert_eq!(found.hash, naive_cookie(bytes, name.as_bytes()).map(|value| xxh64(value, 0)), "{name}");
    }
}

fn count(bytes: &[u8], wanted: u8) -> usize {
    bytes.iter().filter(|byte| **byte == wanted).count()
}

fn is_ignored(cookie: &[u8], ignored: &[Pattern]) -> bool {
    let mut halves = cookie.splitn(2, |byte| *byte == b'=');
    let name = halves.next().unwrap_or_default().trim_ascii();
    halves.next().is_some() && ignored.iter().any(|pattern| pattern.matches(name))
}

/// The first value of this name that is not empty, as Envoy reads cookies.
fn naive_cookie<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    for cookie in line.split(|byte| *byte == b';') {
        let Some(equals) = cookie.iter().position(|byte| *byte == b'=') else { continue };
        let (key, value) = (&cookie[..equals], &cookie[equals + 1..]);
        let spaces = key.iter().take_while(|byte| **byte == b' ').count();
        let is_quoted = value.len() >= 2 && value[0] == b'"' && value[value.len() - 1] == b'"';
        let value = if is_quoted { &value[1..value.len() - 1] } else { value };
        if &key[spaces..] == name && !value.is_empty() {
            return Some(value);
        }
    }
    None
}

/// A path with its query. The bytes are that.
pub fn query(bytes: &[u8]) {
    let request = PlainRequest::default().with(":path", bytes).with(":authority", bytes);
    let (path, query) = (request.path(), request.query());
    let before_fragment = bytes.split(|byte| *byte == b'#').next().unwrap_or_default();
    let mut halves = before_fragment.splitn(2, |byte| *byte == b'?');
    assert_eq!(path, halves.next().unwrap_or_default());
    assert_eq!(query, halves.next().unwrap_or_default());
    for name in ["a", "ids", "a=", ""] {
        let values: Vec<_> = request.query_values(name).collect();
        let expected = query.split(|byte| *byte == b'&').filter_map(|parameter| naive_value(parameter, name));
        assert_eq!(values, expected.collect::<Vec<_>>(), "{name:?} of {}", bytes.escape_ascii());
    }
    is_a_host(&request);
    for any_order in [false, true] {
        let ignore_query = vec![Pattern::new("utm_*"), Pattern::new("a")];
        let rules = KeyRules { ignore_query, query_in_any_order: any_order, ..KeyRules::default() };
        counts(&rules, bytes);
    }
}

/// The value of a parameter of this name; a parameter that is the whole name has none.
fn naive_value<'a>(parameter: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let rest = parameter.strip_prefix(name.as_bytes())?;
    match rest {
        [] => Some(rest),
        [b'=', value @ ..] => Some(value),
        _ => None,
    }
}

fn is_a_host(request: &PlainRequest) {
    let host = request.host().into_owned();
    assert!(!host.iter().any(u8::is_ascii_uppercase));
    let whole = request.header(":authority").unwrap_or_default();
    assert!(whole.to_ascii_lowercase().starts_with(&host), "it is the beginning of what the client wrote");
    // A port, and the dot of the root, are taken off once.
    let rest = &whole[host.len()..];
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    assert!(
        rest.is_empty() || rest[0] == b':' && rest[1..].iter().all(u8::is_ascii_digit),
        "{}",
        rest.escape_ascii()
    );
}

/// What counts of a path with its query.
fn counts(rules: &KeyRules, target: &[u8]) {
    let left = fuzzing::target(rules, target);
    assert!(left.len() <= target.len());
    assert_eq!(fuzzing::target(rules, &left), left, "{}", target.escape_ascii());
    if target.contains(&b'#') || !target.contains(&b'?') {
        return assert_eq!(left, target);
    }
    let parts = |target: &[u8]| -> (Vec<u8>, Vec<Vec<u8>>) {
        let mut halves = target.splitn(2, |byte| *byte == b'?');
        let path = halves.next().unwrap_or_default().to_vec();
        let query =
            halves.next().map(|query| query.split(|byte| *byte == b'&').map(<[u8]>::to_vec).collect());
        (path, query.unwrap_or_default())
    };
    let name = |parameter: &[u8]| parameter.split(|byte| *byte == b'=').next().unwrap_or_default().to_vec();
    let ((path, mut expected), (left_path, mut left_query)) = (parts(target), parts(&left));
    assert_eq!(left_path, path);
    expected
        .retain(|one| one.contains(&b';') || !rules.ignore_query.iter().any(|rule| rule.matches(&name(one))));
    if rules.query_in_any_order {
        // In any order, but for those of one name.
        expected.sort_by_key(|parameter| name(parameter));
        left_query.sort_by_key(|parameter| name(parameter));
    }
    assert_eq!(left_query, expected, "{}", target.escape_ascii());
    let mut draw = Draw::of(target);
    if rules.query_in_any_order && !target.contains(&b';') {
        let (path, mut query) = parts(target);
        let middle = draw.below(query.len());
        let names: Vec<_> = query.iter().map(|one| name(one)).collect();
        query.rotate_left(middle);
        let is_each_once = (0..names.len()).all(|place| !names[..place].contains(&names[place]));
        if is_each_once && !query.is_empty() {
            let turned = [path, b"?".to_vec(), query.join(&b'&')].concat();
            assert_eq!(fuzzing::target(rules, &turned), left, "the order says nothing");
        }
    }
}
