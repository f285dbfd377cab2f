//! Requests that the conditions of documents suggest.
//!
//! Invariants: each condition's own request meets it, if one can be made (of an expression only by trying); and there are those that
//! miss one part of it. Bounded by [`MOST`]. Trade-off: a request that meets two conditions of different routes by chance is there only
//! if one of them suggests it.

use crate::decision::Request;
use std::collections::BTreeSet;
use switchyard_core::route::{HeaderRule, HostPattern, Matcher, PathMatch};

/// The method that has a `host:port` in place of a path.
const CONNECT: &str = "CONNECT";
/// So many requests at most.
pub(super) const MOST: usize = 50_000;
/// Hosts and methods that each condition's requests are also tried with.
const MOST_OTHERS: usize = 24;
/// The first of these that no condition names is tried, too: what is for every method shows by it.
const UNNAMED: [&str; 6] = ["PUT", "PATCH", "PURGE", "OPTIONS", "HEAD", "DELETE"];

/// What a sample is made of; in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sample {
    /// The host.
    pub(super) host: String,
    /// The method.
    pub(super) method: String,
    /// The path, without a query.
    pub(super) path: String,
    /// Parameters.
    pub(super) query: Vec<(String, String)>,
    /// Headers.
    pub(super) headers: Vec<(String, String)>,
}

impl Sample {
    /// The request.
    pub(super) fn request(&self) -> Request {
        let with_headers = |request: Request| {
            self.headers.iter().fold(request, |request, (name, value)| request.with(name, value))
        };
        if self.method == CONNECT {
            return with_headers(Request::new(CONNECT, "").with(":authority", &format!("{}:443", self.host)));
        }
        let query: Vec<_> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let path = format!("{}{mark}{}", self.path, query.join("&"));
        with_headers(Request::new(&self.method, &path).with(":authority", &self.host))
    }

    /// The same of another method; a CONNECT has no path.
    fn of_method(&self, method: &str) -> Self {
        let mut other = Self { method: method.to_owned(), ..self.clone() };
        if method == CONNECT {
            other.path.clear();
            other.query.clear();
        } else if other.path.is_empty() {
            other.path.push('/');
        }
        other
    }
}

/// Requests for these conditions, and how many of the conditions no request could be made for.
pub(super) fn of(matchers: &[&Matcher]) -> (BTreeSet<Sample>, usize) {
    let others = Others::of(matchers);
    let own: Vec<_> = matchers.iter().map(|matcher| (*matcher, own(matcher))).collect();
    let is_met = |matcher: &Matcher, own: &[Sample]| {
        own.iter().any(|sample| matcher.matches(&sample.request().view()))
    };
    let without = own.iter().filter(|(matcher, own)| !is_met(matcher, own)).count();
    // What meets a condition goes before what only misses one, if there are too many.
    let mut all: BTreeSet<_> = own.iter().flat_map(|(_, own)| own.iter().cloned()).take(MOST).collect();
    for (matcher, own) in &own {
        for sample in own {
            if all.len() >= MOST {
                return (all, without);
            }
            all.extend(others.variations(sample, matcher));
        }
    }
    (all, without)
}

/// Requests that meet this condition, as far as they can be made.
fn own(matcher: &Matcher) -> Vec<Sample> {
    let others = || matcher.methods.iter().find(|method| ***method != *CONNECT);
    let method = others().or(matcher.methods.first()).map_or("GET", |method| method);
    let first = |name: &str, rule: &HeaderRule, invert: bool| {
        let value = if invert { inverted(rule) } else { values(rule).into_iter().next() };
        value.map(|value| (name.to_owned(), value))
    };
    let headers: Vec<_> =
        matcher.headers.iter().filter_map(|one| first(&one.name, &one.rule, one.invert)).collect();
    let query: Vec<_> =
        matcher.query.iter().filter_map(|one| first(&one.name, &one.rule, one.invert)).collect();
    let with = |host: &String, path: String| Sample {
        host: host.clone(),
        method: method.to_owned(),
        path,
        query: query.clone(),
        headers: headers.clone(),
    };
    let hosts = hosts(matcher);
    paths(matcher)
        .into_iter()
        .flat_map(|path| hosts.iter().map(move |host| (host.clone(), path.clone())).collect::<Vec<_>>())
        .map(|(host, path)| with(&host, path).of_method(method))
        .collect()
}

/// Hosts and methods that every sample is tried with.
struct Others {
    hosts: BTreeSet<String>,
    methods: BTreeSet<String>,
}

impl Others {
    /// Those of these conditions, and methods that they do not name.
    fn of(matchers: &[&Matcher]) -> Self {
        let hosts = matchers.iter().flat_map(|matcher| hosts(matcher)).take(MOST_OTHERS).collect();
        let named = matchers.iter().flat_map(|matcher| matcher.methods.iter().map(ToString::to_string));
        let mut methods: BTreeSet<_> = named.take(MOST_OTHERS).collect();
        let unnamed = UNNAMED.into_iter().find(|method| !methods.contains(*method));
        methods.extend(["GET", "POST"].into_iter().chain(unnamed).map(str::to_owned));
        Self { hosts, methods }
    }

    /// Samples that differ from this one, of this condition, in one part.
    fn variations(&self, sample: &Sample, matcher: &Matcher) -> Vec<Sample> {
        let mut all = Vec::new();
        for header in &matcher.headers {
            let lists = lists(&sample.headers, &header.name, &header.rule);
            all.extend(lists.map(|headers| Sample { headers, ..sample.clone() }));
        }
        for parameter in &matcher.query {
            let lists = lists(&sample.query, &parameter.name, &parameter.rule);
            all.extend(lists.map(|query| Sample { query, ..sample.clone() }));
        }
        all.extend(self.hosts.iter().map(|host| Sample { host: host.clone(), ..sample.clone() }));
        all.extend(self.methods.iter().map(|method| sample.of_method(method)));
        all
    }
}

fn hosts(matcher: &Matcher) -> Vec<String> {
    let host = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(name) => name.to_string(),
        HostPattern::Suffix(end) => format!("any{end}"),
        HostPattern::Prefix(start) => format!("{start}any"),
        HostPattern::Any => "any.example".to_owned(),
    };
    if matcher.hosts.is_empty() {
        vec!["any.example".to_owned()]
    } else {
        matcher.hosts.iter().map(host).collect()
    }
}

/// Paths that a condition is for, in other letters too if it does not look at their case; of a prefix also one below it, and one that
/// only begins so.
fn paths(matcher: &Matcher) -> Vec<String> {
    let mut ignores_case = matcher.ignore_case;
    let mut paths = match &matcher.path {
        PathMatch::Any => vec!["/".to_owned(), "/any".to_owned()],
        PathMatch::Exact(path) => vec![path.to_string(), format!("{path}/any")],
        PathMatch::Prefix(prefix) => {
            let below = if prefix.ends_with('/') { format!("{prefix}any") } else { format!("{prefix}/any") };
            vec![prefix.to_string(), below, format!("{prefix}any")]
        }
        PathMatch::Regex(regex) => {
            ignores_case |= regex.as_str().contains("(?i)");
            let text = text_of(regex.as_str());
            vec![text.clone(), longer(&text)]
        }
    };
    if ignores_case {
        let others: Vec<_> = paths.iter().map(|path| other_letters(path)).collect();
        paths.extend(others);
    }
    paths
}

/// The same text with every letter in its other case.
fn other_letters(text: &str) -> String {
    let other = |letter: char| match letter.is_ascii_uppercase() {
        true => letter.to_ascii_lowercase(),
        false => letter.to_ascii_uppercase(),
    };
    text.chars().map(other).collect()
}

/// Values that a rule is about: the first meets it, as far as one can be made; the others begin like it, or are like nothing.
fn values(rule: &HeaderRule) -> Vec<String> {
    let any = "any".to_owned();
    match rule {
        HeaderRule::Exact(text) | HeaderRule::Prefix(text) => {
            vec![text.to_string(), format!("{text}any"), any]
        }
        HeaderRule::Present => vec![any, String::new()],
        HeaderRule::Regex(regex) => {
            let text = text_of(regex.as_str());
            vec![text.clone(), longer(&text), any]
        }
    }
}

/// A value that a rule turned round is met by; none where there must be no value.
fn inverted(rule: &HeaderRule) -> Option<String> {
    (!matches!(rule, HeaderRule::Present)).then(|| "any".to_owned())
}

/// These headers or parameters without the one of this name, and with each value that its rule is about.
fn lists(
    list: &[(String, String)],
    name: &str,
    rule: &HeaderRule,
) -> impl Iterator<Item = Vec<(String, String)>> {
    let without: Vec<_> = list.iter().filter(|(other, _)| other != name).cloned().collect();
    let with = values(rule).into_iter().map({
        let (without, name) = (without.clone(), name.to_owned());
        move |value| without.iter().cloned().chain([(name.clone(), value)]).collect()
    });
    core::iter::once(without).chain(with)
}

/// The text with more of what [`text_of`] puts for what is repeated: an expression that took one digit and now takes many shows by it.
fn longer(text: &str) -> String {
    text.replace('7', "77").replace("any", "anyany")
}

/// A text that an expression may match whole: its letters, with something simple for what is repeated or chosen.
pub(super) fn text_of(regex: &str) -> String {
    let regex = regex.strip_prefix(r"\A(?:").and_then(|rest| rest.strip_suffix(r")\z")).unwrap_or(regex);
    let simple = [
        ("[0-9]+", "7"),
        (r"\d+", "7"),
        ("[0-9]*", "7"),
        (r"\d*", "7"),
        ("[^/]+", "any"),
        ("[^/]*", "any"),
        (r"\w+", "any"),
        ("[a-z]+", "any"),
        ("[a-z0-9]+", "any"),
        ("[a-z0-9-]+", "any"),
        ("[a-zA-Z0-9]+", "any"),
        (".*", "any"),
        (".+", "any"),
        ("[0-9]", "7"),
        (r"\d", "7"),
        (r"\.", "."),
        (r"\-", "-"),
        ("^", ""),
        ("$", ""),
        ("(?i)", ""),
        ("(?:", "("),
    ];
    let text = simple.iter().fold(regex.to_owned(), |text, (of, by)| text.replace(of, by));
    first_choices(&text)
}

/// The first of the alternatives of every group, without the parentheses; a group that may be missing stays.
fn first_choices(text: &str) -> String {
    let mut out = String::new();
    let (mut depth, mut skips) = (0_usize, None);
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                if skips.is_some_and(|at| at > depth) {
                    skips = None;
                }
            }
            '|' if skips.is_none() => skips = Some(depth),
            '?' | '*' | '+' if skips.is_none() => {}
            _ if skips.is_none() => out.push(letter),
            _ => {}
        }
    }
    out
}
