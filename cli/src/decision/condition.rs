//! A route's condition in words, and which parts of it a request does not meet.
//!
//! Invariant: a condition has a failed part exactly if the core says that it is not met.

use serde::Serialize;
use switchyard_core::RequestView;
use switchyard_core::route::{HeaderRule, HostPattern, Matcher, PathMatch};

/// A part of a condition that is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// `host`, `path`, `method`, `header x`, `query y`.
    pub part: String,
    /// What it wants, in words.
    pub wants: String,
    /// What the request has; none if it is missing.
    pub has: Option<String>,
}

impl Failed {
    /// The parts of `matcher` that `request` does not meet; of those behind a host or a path that is another one, none: that route is
    /// for something else.
    pub fn parts(matcher: &Matcher, request: &impl RequestView) -> Vec<Self> {
        let host = request.host();
        if !matcher.hosts.is_empty() && !matcher.hosts.iter().any(|one| one.nearness(&host).is_some()) {
            return vec![Self::new("host", hosts(matcher), Some(&host))];
        }
        if !matcher.path.matches(request.path(), matcher.ignore_case) {
            // A CONNECT has none.
            let has = Some(request.path()).filter(|path| !path.is_empty());
            return vec![Self::new("path", path(matcher), has)];
        }
        let mut failed = Vec::new();
        let method = request.method();
        if !matcher.methods.is_empty() && !matcher.methods.iter().any(|one| one.as_bytes() == method) {
            failed.push(Self::new("method", matcher.methods.join(" or "), Some(method)));
        }
        for header in matcher.headers.iter().filter(|header| !header.matches(request)) {
            let values: Vec<_> = request.header_values(&header.name).collect();
            let value = (!values.is_empty()).then(|| values.join(&b','));
            let part = format!("header {}", header.name);
            failed.push(Self::new(&part, rule(&header.rule, header.invert), value.as_deref()));
        }
        for parameter in matcher.query.iter().filter(|parameter| !parameter.matches(request)) {
            let value = request.query_values(&parameter.name).next();
            let part = format!("query {}", parameter.name);
            failed.push(Self::new(&part, rule(&parameter.rule, parameter.invert), value));
        }
        failed
    }

    fn new(part: &str, wants: String, has: Option<&[u8]>) -> Self {
        let has = has.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        Self { part: part.to_owned(), wants, has }
    }
}

/// A route's condition in words: `host *.example.com, path below /cart, method GET`.
pub fn describe(matcher: &Matcher) -> String {
    let mut parts = Vec::new();
    if !matcher.hosts.is_empty() {
        parts.push(format!("host {}", hosts(matcher)));
    }
    if !matches!(matcher.path, PathMatch::Any) {
        parts.push(format!("path {}", path(matcher)));
    }
    if !matcher.methods.is_empty() {
        parts.push(format!("method {}", matcher.methods.join(" or ")));
    }
    let headers = matcher.headers.iter().map(|one| ("header", &one.name, &one.rule, one.invert));
    let query = matcher.query.iter().map(|one| ("query", &one.name, &one.rule, one.invert));
    parts.extend(
        headers.chain(query).map(|(kind, name, of, invert)| format!("{kind} {name} {}", rule(of, invert))),
    );
    if parts.is_empty() { "every request".to_owned() } else { parts.join(", ") }
}

fn hosts(matcher: &Matcher) -> String {
    let host = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(name) => name.to_string(),
        HostPattern::Suffix(end) => format!("*{end}"),
        HostPattern::Prefix(start) => format!("{start}*"),
        HostPattern::Any => "*".to_owned(),
    };
    matcher.hosts.iter().map(host).collect::<Vec<_>>().join(" or ")
}

fn path(matcher: &Matcher) -> String {
    let text = match &matcher.path {
        PathMatch::Any => "any".to_owned(),
        PathMatch::Prefix(prefix) => format!("below {prefix}"),
        PathMatch::Exact(path) => format!("equal to {path}"),
        PathMatch::Regex(regex) => format!("all of {}", written(regex.as_str())),
    };
    if matcher.ignore_case { format!("{text} in any case") } else { text }
}

fn rule(rule: &HeaderRule, invert: bool) -> String {
    match (rule, invert) {
        (HeaderRule::Exact(text), false) => format!("equal to {text:?}"),
        (HeaderRule::Exact(text), true) => format!("other than {text:?}"),
        (HeaderRule::Prefix(text), false) => format!("beginning with {text:?}"),
        (HeaderRule::Prefix(text), true) => format!("not beginning with {text:?}"),
        (HeaderRule::Present, false) => "present".to_owned(),
        (HeaderRule::Present, true) => "missing".to_owned(),
        (HeaderRule::Regex(regex), false) => format!("all of {}", written(regex.as_str())),
        (HeaderRule::Regex(regex), true) => format!("not all of {}", written(regex.as_str())),
    }
}

/// An expression as the document has it: the core puts it into a group that takes the whole text.
fn written(regex: &str) -> &str {
    regex.strip_prefix(r"\A(?:").and_then(|rest| rest.strip_suffix(r")\z")).unwrap_or(regex)
}
