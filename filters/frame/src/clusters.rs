//! The clusters that a section of the document stands for, as requests go to them: found by one worker, followed by all.
//!
//! Invariants: as many are followed as the sections allow, in the order in which they were found; none is followed twice, and none is forgotten while
//! the document is in force. Trade-off: the request that finds a cluster goes as Envoy's own route sends it, and so do those that come before
//! the clusters that were found are taken in.

use crate::following::number_of;
use crate::shared::tables::Table;
use core::cell::RefCell;
use core::time::Duration;
use hashbrown::HashSet;
use switchyard_config::{ClusterPlaces, Document};
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_host::SharedData;
use xxhash_rust::xxh64::xxh64;

/// As many as one worker finds between two ticks; the others are found later.
const MOST_FOUND: usize = 64;

/// How often clusters that were found are taken in: tables are made for all, not for each of a hundred that are found one after another. As
/// much longer for each filter that streams still hold, since each has tables of its own.
const GROW: Duration = Duration::from_secs(1);

/// What streams of a root have found.
#[derive(Debug, Default)]
pub struct FoundClusters(RefCell<Vec<Box<str>>>);

impl FoundClusters {
    /// A request has gone to this cluster, which a section stands for and nobody follows.
    pub fn add(&self, cluster: &str) {
        if let Ok(mut found) = self.0.try_borrow_mut()
            && found.len() < MOST_FOUND
            && !found.iter().any(|known| **known == *cluster)
        {
            found.push(cluster.into());
        }
    }

    fn take(&self) -> Vec<Box<str>> {
        self.0.try_borrow_mut().map(|mut found| core::mem::take(&mut *found)).unwrap_or_default()
    }
}

/// Those that are followed under one document.
pub(crate) struct FollowedClusters {
    document: Document,
    /// Of the document alone.
    configuration: u64,
    table: Table,
    /// One in a line.
    list: Vec<u8>,
    /// How long the list was when these were the places that are left in each section.
    places: (usize, ClusterPlaces),
    /// When others were taken in last.
    changed: Timestamp,
}

impl FollowedClusters {
    /// Those under this document, which has this number; `None`: no section of it stands for any.
    pub(crate) fn of(document: &Document, configuration: u64, host: &impl SharedData) -> Option<Self> {
        if document.cluster_patterns().is_empty() {
            return None;
        }
        let table = Table::of(&keys::clusters(configuration));
        let (document, list) = (document.clone(), table.read(host));
        let places = (list.len(), document.cluster_patterns().places(names(&list)));
        Some(Self { document, configuration, table, list, places, changed: Timestamp::default() })
    }

    /// The document with an upstream for each of them.
    pub(crate) fn whole(&self) -> Document {
        self.document.with_clusters(names(&self.list))
    }

    /// A number that only the same document with the same ones has.
    pub(crate) fn number(&self) -> u64 {
        number_of([self.configuration, xxh64(&self.list, 0)].into_iter())
    }

    /// Tells all workers what has been found here.
    pub(crate) fn tell(&mut self, found: &FoundClusters, host: &impl SharedData) {
        let found = found.take();
        if found.is_empty() {
            return;
        }
        let Self { document, table, places, .. } = self;
        let patterns = document.cluster_patterns();
        table.update(host, |list| {
            // A list only grows, so that one of the same length is the same.
            if places.0 != list.len() {
                *places = (list.len(), patterns.places(names(list)));
            }
            let mut left = places.1.clone();
            let known: HashSet<&str> = names(list).collect();
            // No cluster of anybody's has a line break in its name.
            let is_new = |cluster: &&str| !cluster.contains('\n') && !known.contains(cluster);
            let mut longer = list.to_vec();
            let found = found.iter().map(|cluster| &**cluster).filter(is_new);
            for cluster in found.filter(|cluster| patterns.take(cluster, &mut left)) {
                longer.extend_from_slice(cluster.as_bytes());
                longer.push(b'\n');
            }
            (Some(longer).filter(|longer| longer.len() > list.len()), ())
        });
    }

    /// Whether there are others than at the last look, and it is time to take them in, while so many filters are held by their streams alone.
    pub(crate) fn look(&mut self, draining: usize, now: Timestamp, host: &impl SharedData) -> bool {
        let held = u32::try_from(draining).unwrap_or(u32::MAX);
        if !now.is_due(self.changed, GROW.saturating_mul(held.saturating_add(1))) {
            return false;
        }
        let list = self.table.read(host);
        let is_longer = list.len() > self.list.len();
        if is_longer {
            (self.list, self.changed) = (list, now);
        }
        is_longer
    }
}

fn names(list: &[u8]) -> impl Iterator<Item = &str> {
    str::from_utf8(list).unwrap_or_default().lines()
}
