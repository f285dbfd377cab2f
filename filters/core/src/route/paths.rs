//! The routes of one kind of hosts, by their paths.
//!
//! Literal paths are looked up ([`Literals`]); regexes and pathless routes are tried in order, up to the best literal match.
//! Invariant: [`Paths::find`] returns what a scan of its routes in order would.

use super::literals::Literals;
use super::matcher::is_of_whole_segments;
use super::{Matcher, PathMatch};
use crate::RequestView;

/// Positions of routes, in order.
type Routes = Vec<usize>;

/// Routes by their literal paths, and the rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    as_written: Literal,
    /// In lower case, for routes to whom case does not matter.
    lower_case: Literal,
    others: Routes,
}

/// Literal paths of one spelling.
#[derive(Clone, Debug, Default)]
struct Literal {
    exact: Literals<Routes>,
    prefix: Literals<Routes>,
}

/// A request, and what routes want of it besides host and path.
pub(super) struct Asked<'a, R> {
    pub(super) matchers: &'a [Matcher],
    pub(super) path: &'a [u8],
    pub(super) request: &'a R,
}

impl Paths {
    /// Adds the route at this position, which comes after all that are there.
    pub(super) fn add(&mut self, position: usize, matcher: &Matcher) {
        let literal = if matcher.ignore_case { &mut self.lower_case } else { &mut self.as_written };
        let spelt = |path: &str| match matcher.ignore_case {
            true => path.to_ascii_lowercase().into_bytes(),
            false => path.as_bytes().to_vec(),
        };
        let routes = match &matcher.path {
            PathMatch::Exact(path) => literal.exact.entry(&spelt(path)),
            PathMatch::Prefix(path) => literal.prefix.entry(&spelt(path)),
            PathMatch::Any | PathMatch::Regex(_) => &mut self.others,
        };
        // A route that names a host twice is here once.
        if routes.last() != Some(&position) {
            routes.push(position);
        }
    }

    /// Position of the first route whose condition the request meets, its host aside.
    pub(super) fn find<R: RequestView>(&self, asked: &Asked<'_, R>) -> Option<usize> {
        let mut best = self.as_written.find(asked.path, None, asked);
        if !self.lower_case.is_empty() {
            best = self.lower_case.find(&asked.path.to_ascii_lowercase(), best, asked).or(best);
        }
        asked.first(&self.others, best, |matcher| matcher.path.matches(asked.path, false)).or(best)
    }
}

impl Literal {
    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefix.is_empty()
    }

    /// The first route before `best` whose literal `path` has.
    fn find<R: RequestView>(
        &self,
        path: &[u8],
        mut best: Option<usize>,
        asked: &Asked<'_, R>,
    ) -> Option<usize> {
        let prefixes = self.prefix.beginnings(path).filter(|(prefix, _)| is_of_whole_segments(prefix, path));
        for routes in self.exact.exactly(path).into_iter().chain(prefixes.map(|(_, routes)| routes)) {
            best = asked.first(routes, best, |_| true).or(best);
        }
        best
    }
}

impl<R: RequestView> Asked<'_, R> {
    /// The first of `routes` before `best` whose path `is_met`, and all else that it wants.
    fn first(
        &self,
        routes: &[usize],
        best: Option<usize>,
        is_met: impl Fn(&Matcher) -> bool,
    ) -> Option<usize> {
        let earlier = |route: &usize| best.is_none_or(|best| *route < best);
        let meets = |matcher: &Matcher| is_met(matcher) && matcher.matches_rest(self.request);
        routes.iter().copied().take_while(earlier).find(|route| self.matchers.get(*route).is_some_and(meets))
    }
}
