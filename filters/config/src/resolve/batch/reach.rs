//! Whether a route lets any request through that its protocol batches.
//!
//! Invariant: only what can never come is refused; a condition that could not be read may be any.
//! Trade-off: regular expressions and headers are not asked.

use crate::error::{Errors, Path, cut};
use crate::raw;
use switchyard_core::batch::{IdList, Protocol};
use switchyard_core::route::PathMatch;

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

/// How a route asks for a path, in letters of one case if that does not matter to it.
struct Asked<'a> {
    field: &'static str,
    text: &'a str,
    ignore_case: bool,
    rule: PathMatch,
}

impl Asked<'_> {
    /// `None` if it asks in no such way, or in a wrong one.
    fn of(matches: &raw::Match) -> Option<Asked<'_>> {
        let bad = ["path", "path_prefix", "path_regex"].iter().any(|field| matches.bad.contains(field));
        let (field, text, rule) = match (&matches.path, &matches.path_prefix, &matches.path_regex) {
            (Some(path), None, None) => ("path", path, PathMatch::Exact(path.as_str().into())),
            (None, Some(prefix), None) => ("path_prefix", prefix, PathMatch::Prefix(prefix.as_str().into())),
            _ => return None,
        };
        let asked = Asked { field, text, ignore_case: matches.ignore_case.unwrap_or_default(), rule };
        (!bad && text.starts_with('/')).then_some(asked)
    }

    /// Whether this path may come.
    fn takes(&self, path: &str) -> bool {
        self.rule.matches(path.as_bytes(), self.ignore_case)
    }

    /// Whether any path may come that is this one, which ends in a slash, and an id: any id, or the one that the route names.
    fn takes_below(&self, path: &str) -> bool {
        let id = self.text.get(path.len()..).filter(|id| !id.is_empty() && !id.contains('/'));
        [Some("id"), id].into_iter().flatten().any(|id| self.takes(&format!("{path}{id}")))
    }
}

fn check_paths(list: &IdList, matches: &raw::Match, at: &Path<'_>, errors: &mut Errors) {
    let Some(asked) = Asked::of(matches).filter(|_| list.path.starts_with('/')) else { return };
    let Asked { field, text, .. } = asked;
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
