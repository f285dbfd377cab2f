//! Why a request is of its route and not of one that would have been taken before it.
//!
//! Invariant: those before are the ones that a scan in the router's order sees first: of a nearer host, or of one as near and earlier.
//! Those whose host is another one are counted, and named only if there is room.

use super::condition::Failed;
use serde::Serialize;
use switchyard_config::Document;
use switchyard_core::RequestView;
use switchyard_core::route::{HostPattern, Matcher, Nearness};

/// Routes that were not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Passed {
    /// Those before its own that it does not meet, in the order of the document.
    pub before: Vec<PassedOver>,
    /// How many of those are not shown.
    pub not_shown: usize,
    /// Names of those behind that it meets, too.
    pub also_met: Vec<String>,
}

/// A route whose condition is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// Its name.
    pub route: String,
    /// Its place in the document.
    pub position: usize,
    /// What is not met.
    pub failed: Vec<Failed>,
}

impl Passed {
    /// Those that `request` passes on its way to the route at `chosen`, or to none; at most so many of either kind.
    pub fn of(document: &Document, chosen: Option<usize>, request: &impl RequestView, most: usize) -> Self {
        let matchers = document.matchers();
        let host = request.host();
        let place = |position: usize| {
            let near = nearness(matchers.get(position)?, &host);
            // A route for other hosts is never nearer than one that is taken; it is passed where it stands.
            Some((near.is_none(), near, position))
        };
        let own = chosen.and_then(place);
        let is_before = |position: &usize| match (place(*position), own) {
            (Some((true, ..)), Some((_, _, chosen))) => *position < chosen,
            (Some(place), Some(own)) => place < own,
            (_, None) => true,
            (None, _) => false,
        };
        let mut passed = Self::default();
        for (position, matcher) in matchers.iter().enumerate().filter(|(one, _)| Some(*one) != chosen) {
            let name = document.routes().get(position).map_or("", |route| route.name()).to_owned();
            let failed = Failed::parts(matcher, request);
            if failed.is_empty() {
                passed.also_met.push(name);
            } else if is_before(&position) {
                passed.before.push(PassedOver { route: name, position, failed });
            }
        }
        passed.shorten(most);
        passed
    }

    /// Those of the request's own host stay rather than others.
    fn shorten(&mut self, most: usize) {
        let is_of_host = |one: &PassedOver| one.failed.iter().all(|failed| failed.part != "host");
        let all = self.before.len();
        let mut room = most;
        for of_host in [true, false] {
            let (mut kept, first) = (0, room);
            self.before.retain(|one| {
                let stays = is_of_host(one) != of_host || kept < first;
                kept += usize::from(is_of_host(one) == of_host && stays);
                stays
            });
            room = room.saturating_sub(kept);
        }
        self.not_shown = all - self.before.len();
        self.also_met.truncate(most);
    }
}

/// How near the hosts of a route are; `None`: it is for others.
fn nearness(matcher: &Matcher, host: &[u8]) -> Option<Nearness> {
    match matcher.hosts.as_slice() {
        [] => HostPattern::Any.nearness(&[]),
        hosts => hosts.iter().filter_map(|pattern| pattern.nearness(host)).min(),
    }
}
