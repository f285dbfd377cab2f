//! Whether a route lets any request through that its protocol batches.
//!
//! Invariant: only what can never come is refused; a condition that could not be read may be any.
//! Trade-off: regular expressions and headers are not asked.

use crate::error::{Errors, Path, cut};
use crate::raw;
use switchyard_core::batch::{IdList, Protocol};

/// Refuses a protocol none of whose requests comes by this route.
pub(super) fn check(protocol: &Protocol, route: &raw::Route, at: &Path<'_>, errors: &mut Errors) {
    let Some(matches) = route.r#match.as_ref() else { return };
    check_methods(protocol, matches, at, errors);
    if let Protocol::IdList(list) = protocol {
        check_paths(list, matches, &at.field("protocol").field("id_list"), errors);
    }
}

fn check_methods(protocol: &Protocol, matches: &raw::Match, at: &Path<'_>, errors: &mut Errors) {
    let methods: Option<Vec<&str>> =
        matches.methods.as_deref().unwrap_or_default().iter().map(Option::as_deref).collect();
    // A method that could not be read may be any; no methods at all are an error of their own.
    let Some(methods) = methods.filter(|methods| !methods.is_empty()) else { return };
    let taken = if matches!(protocol, Protocol::IdList(_)) { "GET" } else { "POST" };
    if !methods.iter().any(|method| method.eq_ignore_ascii_case(taken)) {
        let shown = cut(&methods.join(", "));
        let problem = format!(
            "{} batches {taken} alone, which is none of the route's methods ({shown}); add it there or remove the \
             section",
            protocol.name()
        );
        errors.add(at, problem);
    }
}

/// How a route asks for a path.
#[derive(Clone, Copy, Debug)]
enum Asked<'a> {
    Exact(&'a str),
    Prefix(&'a str),
}

impl Asked<'_> {
    /// `None` if it asks in no such way, or in a wrong one.
    fn of(matches: &raw::Match) -> Option<Asked<'_>> {
        let bad = ["path", "path_prefix", "path_regex"].iter().any(|field| matches.bad.contains(field));
        let asked = match (&matches.path, &matches.path_prefix, &matches.path_regex) {
            (Some(path), None, None) => Asked::Exact(path),
            (None, Some(prefix), None) => Asked::Prefix(prefix),
            _ => return None,
        };
        let (Asked::Exact(text) | Asked::Prefix(text)) = asked;
        (!bad && text.starts_with('/')).then_some(asked)
    }

    /// Whether this path may come.
    fn takes(self, path: &str) -> bool {
        match self {
            Self::Exact(only) => path == only,
            Self::Prefix(prefix) => path.starts_with(prefix),
        }
    }

    /// Whether any path may come that is this one, which ends in a slash, and an id.
    fn takes_below(self, path: &str) -> bool {
        let is_id = |id: &str| !id.contains('/');
        match self {
            Self::Exact(only) => only.strip_prefix(path).is_some_and(|id| !id.is_empty() && is_id(id)),
            Self::Prefix(prefix) => path.starts_with(prefix) || prefix.strip_prefix(path).is_some_and(is_id),
        }
    }
}

fn check_paths(list: &IdList, matches: &raw::Match, at: &Path<'_>, errors: &mut Errors) {
    let Some(asked) = Asked::of(matches).filter(|_| list.path.starts_with('/')) else { return };
    let (field, text) = match asked {
        Asked::Exact(text) => ("path", text),
        Asked::Prefix(text) => ("path_prefix", text),
    };
    let singles = list.takes_single && asked.takes_below(&format!("{}/", list.path));
    if !singles && !asked.takes(&list.path) {
        let problem = format!(
            "{:?} never comes by this route, whose match.{field} is {:?}; change one of them",
            cut(&list.path),
            cut(text)
        );
        errors.add(&at.field("path"), problem);
    } else if list.takes_single && !singles {
        let problem = format!("no single object comes by this route, whose match.{field} is {:?}", cut(text));
        errors.add(&at.field("single"), problem + "; remove it, or match by path_prefix");
    }
}
