//! Finding the route of a request without looking at all of them.
//!
//! Invariant: `find` returns what a scan would: of all matchers that hold, the one whose host is nearest, and of those the first.
//! Trade-off: a route of several hosts is entered under each of them. A table without hosts looks at no host.

use super::literals::Literals;
use super::paths::{Asked, Paths};
use super::{HostPattern, Matcher};
use crate::RequestView;
use hashbrown::HashMap;
use std::rc::Rc;

/// The conditions of all routes, in order.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    matchers: Rc<[Matcher]>,
    hosts: ByHost,
    /// Routes that are for every host.
    everywhere: Paths,
    /// Routes that are the proxy's own, by their clusters: of requests that meet no condition.
    clusters: HashMap<Box<str>, usize>,
}

/// Routes that are for some hosts.
#[derive(Clone, Debug, Default)]
struct ByHost {
    exact: Literals<Paths>,
    suffix: Literals<Paths>,
    prefix: Literals<Paths>,
}

impl RouteTable {
    /// A table of these conditions; of those whose hosts are equally near, earlier ones win.
    pub fn new(matchers: impl Into<Rc<[Matcher]>>) -> Self {
        let (matchers, mut table) = (matchers.into(), Self::default());
        for (position, matcher) in matchers.iter().enumerate() {
            if matcher.hosts.is_empty() {
                table.everywhere.add(position, matcher);
            }
            for host in &matcher.hosts {
                table.under(host).add(position, matcher);
            }
        }
        table.matchers = matchers;
        table
    }

    /// Position of the condition that `request` meets: of those with the nearest host, the first.
    pub fn find(&self, request: &impl RequestView) -> Option<usize> {
        let asked = Asked { matchers: &self.matchers, path: request.path(), request };
        let named = if self.hosts.is_empty() { None } else { self.hosts.find(&request.host(), &asked) };
        named.or_else(|| self.everywhere.find(&asked))
    }

    /// The same, with these positions for requests that meet no condition, by the clusters that the proxy sends those to. Of
    /// several with one cluster the first counts.
    #[must_use]
    pub fn with_clusters(mut self, clusters: impl IntoIterator<Item = (Box<str>, usize)>) -> Self {
        for (cluster, position) in clusters {
            self.clusters.entry(cluster).or_insert(position);
        }
        self
    }

    /// Whether the cluster of a request that meets no condition says anything.
    pub fn asks_for_cluster(&self) -> bool {
        !self.clusters.is_empty()
    }

    /// Position of a request that meets no condition and that the proxy sends to this cluster.
    pub fn of_cluster(&self, cluster: &str) -> Option<usize> {
        self.clusters.get(cluster).copied()
    }

    /// How many conditions there are.
    pub fn len(&self) -> usize {
        self.matchers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.matchers.is_empty()
    }

    fn under(&mut self, host: &HostPattern) -> &mut Paths {
        match host {
            HostPattern::Exact(name) => self.hosts.exact.entry(name.as_bytes()),
            HostPattern::Suffix(end) => self.hosts.suffix.entry(end.as_bytes()),
            HostPattern::Prefix(start) => self.hosts.prefix.entry(start.as_bytes()),
            HostPattern::Any => &mut self.everywhere,
        }
    }
}

impl ByHost {
    fn is_empty(&self) -> bool {
        [&self.exact, &self.suffix, &self.prefix].iter().all(|literals| literals.is_empty())
    }

    /// The route of the nearest host that has one for the request.
    fn find<R: RequestView>(&self, host: &[u8], asked: &Asked<'_, R>) -> Option<usize> {
        let wild = self.suffix.ends(host).chain(self.prefix.beginnings(host));
        // A star stands for one letter at least.
        let wild = wild.filter(|(text, _)| text.len() < host.len()).map(|(_, paths)| paths);
        self.exact.exactly(host).into_iter().chain(wild).find_map(|paths| paths.find(asked))
    }
}
