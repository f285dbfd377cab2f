//! The route of a request, by the table and by a scan of all routes.
//!
//! Invariant: the table finds what the scan finds: of the routes that match, one whose host is nearest, and of those the first. A request is
//! made of the same few pieces as routes are, so that it meets some.

use crate::draw::Draw;
use std::sync::OnceLock;
use switchyard_core::RequestView as _;
use switchyard_core::request::PlainRequest;
use switchyard_core::route::{
    HeaderMatch, HeaderRule, HostPattern, Matcher, PathMatch, QueryMatch, RouteTable, full_match,
};

const LETTERS: [&str; 8] = ["/", "a", "A", "b", "/a", "/a/", "?", "."];
const HOSTS: [&str; 12] = ["*", "a.b", "*.b", "*.a.b", "a.*", "a*", "*b", "*", "A.B", "b", "", "a.b*"];
const ASKED_HOSTS: [&str; 9] = ["a.b", "A.b:80", "x.a.b", "a.c", "b", "", "a.b.", "a", ".b"];
/// What is sent as a value, or asked for as one.
const VALUES: [&str; 5] = ["", "a", "ab", "b,a", "a,b"];
/// What values and paths are matched by.
const REGEXES: [&str; 5] = ["a|ab", "/a.*", "[^?]*b", "(/a)+/?", ""];

/// Routes and requests.
pub fn route_table(bytes: &[u8]) {
    let mut draw = Draw::of(bytes);
    let matchers: Vec<_> = (0..draw.below(12)).map(|_| matcher(&mut draw)).collect();
    let table = RouteTable::new(matchers.clone());
    for _ in 0..4 {
        let path =
            format!("{}{}", draw.word(&LETTERS, 5), draw.one(&["", "", "?k=a", "?k", "#f", "?x&k=ab#k"]));
        let mut request = PlainRequest::default()
            .with(":method", draw.one(&["GET", "PUT", "get"]))
            .with(":path", path)
            .with(":authority", draw.one(&ASKED_HOSTS));
        for _ in 0..draw.below(3) {
            request = request.with("x-a", draw.one(&VALUES));
        }
        let host = request.host().into_owned();
        let matching = matchers.iter().enumerate().filter(|(_, matcher)| is_met(matcher, &request, &host));
        let nearest = matching.min_by_key(|(position, matcher)| (nearness(matcher, &host), *position));
        let expected = nearest.map(|(position, _)| position);
        assert_eq!(table.find(&request), expected, "{request:?} {matchers:#?}");
    }
}

fn matcher(draw: &mut Draw<'_>) -> Matcher {
    let literal = |draw: &mut Draw<'_>| draw.word(&LETTERS[..6], 4).into();
    let path = match draw.byte() % 5 {
        0 => PathMatch::Any,
        1 | 2 => PathMatch::Prefix(literal(draw)),
        3 => PathMatch::Exact(literal(draw)),
        _ => PathMatch::Regex(regex(draw)),
    };
    let mut matcher = Matcher { path, ignore_case: draw.one_in(3), ..Matcher::default() };
    if draw.one_in(2) {
        matcher.hosts = (0..draw.below(3)).map(|_| HostPattern::new(draw.one(&HOSTS))).collect();
    }
    if draw.one_in(4) {
        matcher.methods = vec![draw.one(&["GET", "PUT"]).into()];
    }
    if draw.one_in(4) {
        let (rule, invert) = (rule(draw), draw.one_in(2));
        matcher.headers.push(HeaderMatch { name: "x-a".into(), rule, invert });
    }
    if draw.one_in(4) {
        let (rule, invert) = (rule(draw), draw.one_in(2));
        matcher.query.push(QueryMatch { name: "k".into(), rule, invert });
    }
    matcher
}

fn rule(draw: &mut Draw<'_>) -> HeaderRule {
    match draw.byte() % 4 {
        0 => HeaderRule::Exact(draw.one(&VALUES).into()),
        1 => HeaderRule::Prefix(draw.one(&VALUES).into()),
        2 => HeaderRule::Present,
        _ => HeaderRule::Regex(regex(draw)),
    }
}

/// Compiling one takes longer than all else.
fn regex(draw: &mut Draw<'_>) -> regex_lite::Regex {
    static COMPILED: OnceLock<Vec<regex_lite::Regex>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| REGEXES.map(|text| full_match(text).expect("a regex")).to_vec());
    compiled[draw.below(compiled.len())].clone()
}

/// The order of hosts: a name, an end, a beginning, any; and the longest of each.
fn nearness(matcher: &Matcher, host: &[u8]) -> (u8, usize) {
    let host = std::str::from_utf8(host).expect("a text");
    let of = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(name) => (host == &**name).then_some((0, 0)),
        HostPattern::Suffix(end) => {
            (host.len() > end.len() && host.ends_with(&**end)).then(|| (1, usize::MAX - end.len()))
        }
        HostPattern::Prefix(start) => {
            (host.len() > start.len() && host.starts_with(&**start)).then(|| (2, usize::MAX - start.len()))
        }
        HostPattern::Any => Some((3, 0)),
    };
    let none = (u8::MAX, 0);
    if matcher.hosts.is_empty() { (3, 0) } else { matcher.hosts.iter().filter_map(of).min().unwrap_or(none) }
}

/// Whether a request is what a route asks for, read plainly.
fn is_met(matcher: &Matcher, request: &PlainRequest, host: &[u8]) -> bool {
    let path = std::str::from_utf8(request.path()).expect("a text");
    let fold = |text: &str| if matcher.ignore_case { text.to_ascii_lowercase() } else { text.to_owned() };
    let meets_path = match &matcher.path {
        PathMatch::Any => true,
        PathMatch::Exact(exact) => fold(path) == fold(exact),
        PathMatch::Prefix(prefix) => fold(path).strip_prefix(&fold(prefix)).is_some_and(|rest| {
            prefix.is_empty() || prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/')
        }),
        PathMatch::Regex(regex) => regex.is_match(path),
    };
    let values: Vec<_> = request.header_values("x-a").map(|value| String::from_utf8_lossy(value)).collect();
    let joined = (!values.is_empty()).then(|| values.join(","));
    let parameter = request.query_values("k").next().map(|value| String::from_utf8_lossy(value).into_owned());
    nearness(matcher, host).0 < u8::MAX
        && meets_path
        && (matcher.methods.is_empty()
            || matcher.methods.iter().any(|one| one.as_bytes() == request.method()))
        && matcher.headers.iter().all(|one| is_kept(&one.rule, one.invert, joined.as_deref()))
        && matcher.query.iter().all(|one| is_kept(&one.rule, one.invert, parameter.as_deref()))
}

fn is_kept(rule: &HeaderRule, invert: bool, value: Option<&str>) -> bool {
    let Some(value) = value else { return invert && matches!(rule, HeaderRule::Present) };
    let holds = match rule {
        HeaderRule::Exact(exact) => value == &**exact,
        HeaderRule::Prefix(prefix) => value.starts_with(&**prefix),
        HeaderRule::Present => true,
        HeaderRule::Regex(regex) => regex.is_match(value),
    };
    holds != invert
}
