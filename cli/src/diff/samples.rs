//! Requests that the conditions of documents suggest.
//!
//! Invariants: each condition's own request meets it, if one can be made (of an expression only by trying); and there are those that
//! miss one part of it. Bounded by [`MOST`]. Trade-off: a request that meets two conditions of different routes by chance is there only
//! if one of them suggests it.

use crate::decision::Request;
use std::collections::BTreeSet;
use switchyard_core::route::{HeaderRule, HostPattern, Matcher, PathMatch};

/// So many requests at most.
pub(super) const MOST: usize = 50_000;
/// Hosts and methods that each condition's requests are also tried with.
const MOST_OTHERS: usize = 24;

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
        let query: Vec<_> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let path = format!("{}{mark}{}", self.path, query.join("&"));
        let request = Request::new(&self.method, &path).with(":authority", &self.host);
        self.headers.iter().fold(request, |request, (name, value)| request.with(name, value))
    }
}

/// Requests for these conditions, and how many of the conditions no request could be made for.
pub(super) fn of(matchers: &[&Matcher]) -> (BTreeSet<Sample>, usize) {
    let hosts: BTreeSet<_> = matchers.iter().flat_map(|matcher| hosts(matcher)).take(MOST_OTHERS).collect();
    let methods: BTreeSet<_> = matchers
        .iter()
        .flat_map(|matcher| matcher.methods.iter().map(ToString::to_string))
        .take(MOST_OTHERS)
        .collect();
    let mut all = BTreeSet::new();
    let mut without = 0;
    for matcher in matchers {
        let own = own(matcher);
        let is_met = own.iter().any(|sample| matcher.matches(&sample.request().view()));
        without += usize::from(!is_met);
        for sample in own {
            if all.len() >= MOST {
                return (all, without);
            }
            all.extend(variations(&sample, &hosts, &methods));
        }
    }
    (all, without)
}

/// Requests that meet this condition, as far as they can be made.
fn own(matcher: &Matcher) -> Vec<Sample> {
    let method = matcher.methods.first().map_or("GET", |method| method);
    let headers: Vec<_> =
        matcher.headers.iter().filter_map(|one| pair(&one.name, &one.rule, one.invert)).collect();
    let query: Vec<_> =
        matcher.query.iter().filter_map(|one| pair(&one.name, &one.rule, one.invert)).collect();
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
        .map(|(host, path)| with(&host, path))
        .collect()
}

/// A sample, and those that differ from it in one part.
fn variations(sample: &Sample, hosts: &BTreeSet<String>, methods: &BTreeSet<String>) -> Vec<Sample> {
    let mut all = vec![sample.clone()];
    all.extend((0..sample.headers.len()).map(|index| {
        let mut other = sample.clone();
        other.headers.remove(index);
        other
    }));
    all.extend((0..sample.query.len()).map(|index| {
        let mut other = sample.clone();
        other.query.remove(index);
        other
    }));
    all.extend(hosts.iter().map(|host| Sample { host: host.clone(), ..sample.clone() }));
    let usual = ["GET", "POST"].map(str::to_owned);
    all.extend(
        methods.iter().chain(&usual).map(|method| Sample { method: method.clone(), ..sample.clone() }),
    );
    all
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

/// Paths that a condition is for: of a prefix also one below it, and one that only begins so.
fn paths(matcher: &Matcher) -> Vec<String> {
    match &matcher.path {
        PathMatch::Any => vec!["/".to_owned(), "/any".to_owned()],
        PathMatch::Exact(path) => vec![path.to_string(), format!("{path}/any")],
        PathMatch::Prefix(prefix) => {
            let below = if prefix.ends_with('/') { format!("{prefix}any") } else { format!("{prefix}/any") };
            vec![prefix.to_string(), below, format!("{prefix}any")]
        }
        PathMatch::Regex(regex) => vec![text_of(regex.as_str())],
    }
}

/// A header or parameter that meets a rule; none where it must be missing.
fn pair(name: &str, rule: &HeaderRule, invert: bool) -> Option<(String, String)> {
    let value = match rule {
        HeaderRule::Present if invert => return None,
        HeaderRule::Exact(text) | HeaderRule::Prefix(text) if !invert => text.to_string(),
        HeaderRule::Regex(regex) if !invert => text_of(regex.as_str()),
        _ => "any".to_owned(),
    };
    Some((name.to_owned(), value))
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
