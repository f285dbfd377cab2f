//! Envoy's own routes, and the clusters that they lead to: a request that no route of the document matches is of the upstream that names its
//! cluster, and a section may stand for all clusters that an expression names.
//!
//! Invariant: what is followed is bounded by the sections. Trade-off: a cluster is followed from the first request to it on, which itself goes
//! as Envoy sends it; it is followed for as long as the document is in force.

use super::upstream::Upstream;
use super::{Document, Route, bounded, matcher, narrow};
use crate::error::{Errors, Path};
use crate::raw;
use core::cell::OnceCell;
use regex_lite::Regex;
use std::rc::Rc;
use switchyard_core::discovery::Registry;

/// The most clusters that a section may stand for.
const MOST_CLUSTERS: u64 = 1_000;

/// A section that stands for many clusters.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Regex,
    most: usize,
    /// As each of them is.
    section: Upstream,
}

/// All sections of a document that stand for many clusters.
#[derive(Clone, Debug, Default)]
pub struct ClusterPatterns(Rc<[Pattern]>);

/// How many clusters each of them may still stand for.
#[derive(Clone, Debug, Default)]
pub struct ClusterPlaces(Vec<usize>);

impl ClusterPatterns {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a section stands for this cluster.
    pub fn stand_for(&self, cluster: &str) -> bool {
        self.find(cluster).is_some()
    }

    /// The places that each section has left beside the clusters that are `followed`: what is found of one takes no place of another's.
    pub fn places<'a>(&self, followed: impl Iterator<Item = &'a str>) -> ClusterPlaces {
        let mut left = ClusterPlaces(self.0.iter().map(|pattern| pattern.most).collect());
        for cluster in followed {
            self.take(cluster, &mut left);
        }
        left
    }

    /// Whether the section that stands for this cluster has a place `left` for it, which it then has taken.
    pub fn take(&self, cluster: &str, left: &mut ClusterPlaces) -> bool {
        if left.0.iter().all(|left| *left == 0) {
            return false;
        }
        let place = self.find(cluster).and_then(|section| left.0.get_mut(section));
        let Some(left) = place.filter(|left| **left > 0) else { return false };
        *left -= 1;
        true
    }

    fn find(&self, cluster: &str) -> Option<usize> {
        self.0.iter().position(|pattern| pattern.regex.is_match(cluster))
    }
}

impl FromIterator<Pattern> for ClusterPatterns {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}

impl Document {
    /// The sections that stand for many clusters.
    pub fn cluster_patterns(&self) -> &ClusterPatterns {
        &self.patterns
    }

    /// The same document with an upstream for each of these clusters that one of its sections stands for and no upstream names, in this order,
    /// and with Envoy's own route to it. Upstreams and routes that are there keep their positions.
    #[must_use]
    pub fn with_clusters<'a>(&self, clusters: impl IntoIterator<Item = &'a str>) -> Self {
        let mut document = self.clone();
        let mut counts = vec![0_usize; self.patterns.0.len()];
        let mut routes = self.routes.to_vec();
        for cluster in clusters {
            let known = |upstream: &Upstream| upstream.cluster() == cluster;
            let found = self.patterns.find(cluster).filter(|_| !document.upstreams.iter().any(known));
            let Some((pattern, count)) = found.and_then(|at| self.patterns.0.get(at).zip(counts.get_mut(at)))
            else {
                continue;
            };
            if *count == pattern.most {
                continue;
            }
            *count += 1;
            let is_taken = document.upstreams.iter().any(|upstream| upstream.name() == cluster);
            let name = if is_taken { format!("cluster:{cluster}") } else { cluster.to_owned() };
            routes.push(Route::envoys(document.upstreams.len(), &name, pattern.section.retry().cloned()));
            document.upstreams.push(pattern.section.of_cluster(&name, cluster));
        }
        document.routes = routes.into();
        document.table = OnceCell::new();
        document
    }

    /// The clusters of Envoy's own routes, each with its route's position.
    pub(super) fn clusters(&self) -> impl Iterator<Item = (Box<str>, usize)> {
        let positions = self.routes.iter().enumerate().filter(|(_, route)| route.is_envoys());
        positions.filter_map(|(position, route)| {
            let upstream = self.upstreams.get(route.targets().first()?.upstream())?;
            Some((upstream.cluster().into(), position))
        })
    }
}

/// The section as one that stands for many; `None`: it does not, or not in a way that is known.
pub(super) fn pattern(
    raw: &raw::Upstream,
    section: &Upstream,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Option<Pattern> {
    let Some(pattern) = &raw.cluster_pattern else {
        if raw.max_clusters.is_some() && !raw.bad.contains(&"cluster_pattern") {
            errors.add(&at.field("max_clusters"), "belongs to cluster_pattern; add that or remove it");
        }
        return None;
    };
    if raw.cluster.is_some() {
        errors.add(at, "has both cluster and cluster_pattern; keep one");
    }
    let is_envoys = section.source().is_some_and(|source| matches!(source.registry, Registry::Envoy(_)));
    if !is_envoys && raw.endpoints.is_some() {
        let problem = "are of one cluster; with cluster_pattern write {envoy: {admin_cluster: …}}";
        errors.add(&at.field("endpoints"), problem);
    }
    let most = bounded(raw.max_clusters, 100, 1, MOST_CLUSTERS, &at.field("max_clusters"), errors);
    let regex = matcher::compile(pattern, &at.field("cluster_pattern"), errors)?;
    Some(Pattern { regex, most: narrow::<u32>(most) as usize, section: section.clone() })
}
