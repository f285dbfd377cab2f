//! Finding the first matching route without looking at all of them.
//!
//! Literal paths are looked up in hash maps: once for exact paths, once for each length that a prefix has.
//! Trade-off: simpler than a radix trie and as quick while prefixes come in few lengths (they do: tens at
//! most). Regexes and pathless routes are tried in order, up to the best literal match.
//! Invariant: `find` returns what a scan of all matchers in order would.

use super::{Matcher, PathMatch};
use crate::RequestView;
use hashbrown::HashMap;
use std::rc::Rc;

type ByText = HashMap<Box<[u8]>, Vec<usize>>;

/// The conditions of all routes, in order.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    matchers: Rc<[Matcher]>,
    exact: ByText,
    prefix: ByText,
    prefix_lengths: Vec<usize>,
    others: Vec<usize>,
}

impl RouteTable {
    /// A table of these conditions; earlier ones win.
    pub fn new(matchers: impl Into<Rc<[Matcher]>>) -> Self {
        let (matchers, mut table) = (matchers.into(), Self::default());
        for (position, matcher) in matchers.iter().enumerate() {
            let routes = match &matcher.path {
                PathMatch::Exact(path) => table.exact.entry(path.as_bytes().into()).or_default(),
                PathMatch::Prefix(path) => table.prefix.entry(path.as_bytes().into()).or_default(),
                PathMatch::Any | PathMatch::Regex(_) => &mut table.others,
            };
            routes.push(position);
        }
        table.prefix_lengths = table.prefix.keys().map(|prefix| prefix.len()).collect();
        crate::sort::sort(&mut table.prefix_lengths);
        table.prefix_lengths.dedup();
        table.matchers = matchers;
        table
    }

    /// Position of the first condition that `request` meets.
    pub fn find(&self, request: &impl RequestView) -> Option<usize> {
        let path = request.path();
        let mut best = self.exact.get(path).and_then(|routes| self.first(routes, None, request));
        for start in self.prefix_lengths.iter().map_while(|length| path.get(..*length)) {
            let routes = self.prefix.get(start).map(Vec::as_slice).unwrap_or_default();
            best = self.first(routes, best, request).or(best);
        }
        let mut others =
            self.others.iter().copied().take_while(|route| best.is_none_or(|best| *route < best));
        let meets = |route: &usize| self.matchers.get(*route).is_some_and(|matcher| matcher.matches(request));
        others.find(meets).or(best)
    }

    /// How many conditions there are.
    pub fn len(&self) -> usize {
        self.matchers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.matchers.is_empty()
    }

    /// The first of `routes` (their paths match) before `best` that `request` meets.
    fn first(&self, routes: &[usize], best: Option<usize>, request: &impl RequestView) -> Option<usize> {
        let earlier = |route: &usize| best.is_none_or(|best| *route < best);
        let meets =
            |route: &usize| self.matchers.get(*route).is_some_and(|matcher| matcher.matches_rest(request));
        routes.iter().copied().take_while(earlier).find(meets)
    }
}
