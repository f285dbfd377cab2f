//! Routes that no request reaches, since earlier ones take all of theirs.
//!
//! For every host of the later route there must be an earlier one with the same host: then it is as near, and comes first. One host may be
//! taken by one route, the next by another.
//! Trade-off: several routes that only together take all of a later one's requests are not seen.

use super::covers::covers;
use crate::check::found::Found;
use crate::finding::codes;
use switchyard_config::Document;
use switchyard_core::route::{HostPattern, Matcher};

/// More routes than this are not compared with each other, which takes a second for as many: nobody waits for that.
pub(in crate::check) const MOST_ROUTES: usize = 10_000;

pub(super) fn find(document: &Document, impossible: &[usize]) -> Vec<Found> {
    let matchers = document.matchers();
    let name = |route: usize| document.routes().get(route).map(|route| route.name()).unwrap_or_default();
    let found = unreachable(matchers).into_iter().filter(|(later, _)| !impossible.contains(later));
    found
        .map(|(later, earlier)| {
            let (path, by) =
                (format!("routes[{later}].match"), format!("routes[{earlier}] ({:?})", name(earlier)));
            let is_same = matchers.get(earlier).zip(matchers.get(later)).is_some_and(|(earlier, later)| {
                covers(later, earlier) && hosts(earlier).iter().all(|host| hosts(later).contains(host))
            });
            if is_same {
                let problem = format!("has the conditions of {by}, which comes first");
                Found::new(&codes::SAME_CONDITIONS, path, problem)
                    .fix("change the conditions, or remove the route")
            } else {
                let problem =
                    format!("no request reaches the route {:?}: {by} takes all of them", name(later));
                Found::new(&codes::UNREACHABLE, path, problem)
                    .fix(format!("move the route in front of routes[{earlier}], or remove it"))
            }
        })
        .collect()
}

/// Positions of routes that no request reaches, each with the first that takes theirs.
pub(super) fn unreachable(matchers: &[Matcher]) -> Vec<(usize, usize)> {
    if matchers.len() > MOST_ROUTES {
        return Vec::new();
    }
    let taken = |(later, matcher): (usize, &Matcher)| {
        let takes = |host: &HostPattern| {
            let earlier = matchers.iter().take(later);
            earlier
                .enumerate()
                .find(|(_, one)| hosts(one).contains(host) && covers(one, matcher))
                .map(|(one, _)| one)
        };
        let by: Option<Vec<usize>> = hosts(matcher).iter().map(takes).collect();
        Some((later, by?.into_iter().min()?))
    };
    matchers.iter().enumerate().filter_map(taken).collect()
}

/// The hosts that a route is for; none is every one.
fn hosts(matcher: &Matcher) -> &[HostPattern] {
    if matcher.hosts.is_empty() { &[HostPattern::Any] } else { &matcher.hosts }
}
