//! Conditions of one route that say nothing, or that no request meets together.
//!
//! Trade-off: expressions are compared by their text.

use super::covers::{implies, is_same};
use crate::check::found::Found;
use crate::finding::codes;
use switchyard_config::Document;
use switchyard_core::route::HeaderRule;

/// What was found, and the positions of routes that no request meets.
pub(super) struct Contradictions {
    pub(super) found: Vec<Found>,
    pub(super) impossible: Vec<usize>,
}

/// A condition on a header or a parameter: name, rule, and whether it is turned round.
pub(super) type Condition<'a> = (&'a str, &'a HeaderRule, bool);

pub(super) fn find(document: &Document) -> Contradictions {
    let (mut found, mut impossible) = (Vec::new(), Vec::new());
    for (route, matcher) in document.matchers().iter().enumerate() {
        let headers: Vec<Condition<'_>> =
            matcher.headers.iter().map(|one| (&*one.name, &one.rule, one.invert)).collect();
        let query: Vec<Condition<'_>> =
            matcher.query.iter().map(|one| (&*one.name, &one.rule, one.invert)).collect();
        for (list, what, conditions) in [("headers", "header", headers), ("query", "parameter", query)] {
            for (second, one) in conditions.iter().enumerate() {
                let path = format!("routes[{route}].match.{list}[{second}]");
                let before = || conditions.iter().take(second).enumerate();
                if let Some((first, _)) = before().find(|(_, other)| is_same(other, one)) {
                    let problem = format!(
                        "is the same as {list}[{first}]: what it says of the {what} {:?} is said already",
                        one.0
                    );
                    found.push(
                        Found::new(&codes::SAME_CONDITION, path, problem)
                            .fix("remove one of them, or ask for what was meant"),
                    );
                } else if let Some((first, _)) = before().find(|(_, other)| are_contrary(other, one)) {
                    let problem = format!(
                        "contradicts {list}[{first}] on the {what} {:?}, so no request is of this route",
                        one.0
                    );
                    let fix = "keep one of them; for one of several values write a regex, as in \"a|b\"";
                    found.push(Found::new(&codes::CONTRADICTION, path, problem).fix(fix));
                    impossible.push(route);
                }
            }
        }
    }
    Contradictions { found, impossible }
}

/// Whether no request meets both.
fn are_contrary(one: &Condition<'_>, other: &Condition<'_>) -> bool {
    if one.0 != other.0 {
        return false;
    }
    match (one, other) {
        ((_, HeaderRule::Exact(one), false), (_, HeaderRule::Exact(other), false)) => one != other,
        ((_, HeaderRule::Exact(exact), false), (_, HeaderRule::Prefix(prefix), false))
        | ((_, HeaderRule::Prefix(prefix), false), (_, HeaderRule::Exact(exact), false)) => {
            !exact.starts_with(&**prefix)
        }
        ((_, HeaderRule::Prefix(one), false), (_, HeaderRule::Prefix(other), false)) => {
            !one.starts_with(&**other) && !other.starts_with(&**one)
        }
        // One asks that it be missing, the other one for something that only what is there has.
        ((_, HeaderRule::Present, true), (_, rule, invert))
        | ((_, rule, invert), (_, HeaderRule::Present, true)) => {
            !(matches!(rule, HeaderRule::Present) && *invert)
        }
        // What one asks for, the other excludes.
        ((name, rule, false), (_, other, true)) => implies(&(name, rule, false), &(name, other, false)),
        ((_, other, true), (name, rule, false)) => implies(&(name, rule, false), &(name, other, false)),
        _ => false,
    }
}
