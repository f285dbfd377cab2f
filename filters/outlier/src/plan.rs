//! What is watched made ready to judge: which endpoint of which upstream an address is.
//!
//! An address may serve several upstreams through several clusters; then the cluster tells which one, and asking for it
//! is one more host call. A plugin whose `root_id` names its cluster is never asked.

use crate::strangers::Strangers;
use crate::upstream::Upstream;
use core::cell::RefCell;
use hashbrown::{HashMap, HashSet};
use switchyard_config::Document;
use switchyard_core::Timestamp;
use switchyard_core::outlier::{Published, Watched};
use switchyard_frame::metrics::Registry;
use switchyard_frame::metrics::catalogue::UNJUDGED;
use switchyard_host::{MetricSink, Properties, SharedData};

/// One endpoint of one upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) upstream: usize,
    pub(crate) endpoint: usize,
}

/// Whose an address is.
#[derive(Default)]
struct Owners {
    places: Vec<Place>,
    /// Another cluster has it, too: it must be asked which one an attempt is for.
    elsewhere: bool,
}

/// What is watched in one worker, until another configuration comes.
#[derive(Default)]
pub(crate) struct Plan {
    owners: HashMap<Box<str>, Owners>,
    clusters: Vec<Box<str>>,
    names: Vec<Box<str>>,
    strangers: RefCell<Strangers>,
    upstreams: RefCell<Vec<Upstream>>,
}

/// What a plugin with this `root_id` watches of its own document: its cluster's upstreams, if it names a cluster.
pub(crate) fn of_document(document: &Document, root_id: &[u8]) -> Vec<Watched> {
    let mut watched = document.watched();
    if document.upstreams().iter().any(|one| one.cluster().as_bytes() == root_id) {
        watched.retain(|one| one.cluster.as_bytes() == root_id);
        let endpoints = watched.iter_mut().flat_map(|one| &mut one.endpoints);
        endpoints.for_each(|endpoint| endpoint.elsewhere = false);
    }
    watched
}

/// What all documents in force say is to be watched; of two upstreams of one name, that of the newer document.
pub(crate) fn of_published(published: &Published) -> Vec<Watched> {
    let mut names = HashSet::new();
    let all = published.parts().iter().filter_map(|part| part.watched()).flatten();
    all.filter(|one| names.insert(one.name.clone())).collect()
}

impl Plan {
    /// The plan that watches these; their tables are created.
    pub(crate) fn new(all: Vec<Watched>, seed: u64, host: &impl SharedData, now: Timestamp) -> Self {
        let mut plan = Self::default();
        for (index, watched) in all.into_iter().enumerate() {
            for (position, endpoint) in watched.endpoints.iter().enumerate() {
                let owners = plan.owners.entry_ref(&*endpoint.address).or_default();
                owners.elsewhere |= endpoint.elsewhere || !owners.places.is_empty();
                owners.places.push(Place { upstream: index, endpoint: position });
            }
            plan.clusters.push(watched.cluster.clone());
            plan.names.push(watched.name.clone());
            plan.upstreams.get_mut().push(Upstream::new(watched, seed ^ index as u64, host, now));
        }
        plan
    }

    /// How many upstreams are watched.
    pub(crate) fn len(&self) -> usize {
        self.clusters.len()
    }

    /// Which endpoint the attempt behind `host` goes to; the first upstream of its cluster that has it. One that the document does
    /// not have is remembered.
    pub(crate) fn place(&self, host: &impl Properties) -> Option<Place> {
        if self.owners.is_empty() {
            return None;
        }
        let address = host.property(&["upstream", "address"]).ok().flatten()?;
        let address = core::str::from_utf8(&address).ok()?;
        let cluster = || host.property(&["xds", "cluster_name"]).ok().flatten();
        let Some(owners) = self.owners.get(address) else {
            self.meet(address, || self.upstream_of(&cluster()?));
            return None;
        };
        if !owners.elsewhere {
            return owners.places.first().copied();
        }
        let cluster = cluster()?;
        let served =
            |place: &&Place| self.clusters.get(place.upstream).is_some_and(|name| name.as_bytes() == cluster);
        let place = owners.places.iter().find(served).copied();
        if place.is_none() {
            self.meet(address, || self.upstream_of(&cluster));
        }
        place
    }

    fn upstream_of(&self, cluster: &[u8]) -> Option<usize> {
        self.clusters.iter().position(|name| name.as_bytes() == cluster)
    }

    fn meet(&self, address: &str, upstream: impl FnOnce() -> Option<usize>) {
        if let Ok(mut strangers) = self.strangers.try_borrow_mut() {
            strangers.meet(address, upstream);
        }
    }

    /// Whether there is something to tell of endpoints that the document does not have.
    pub(crate) fn has_met_strangers(&self) -> bool {
        self.strangers.try_borrow().is_ok_and(|strangers| strangers.has_news())
    }

    /// Counts attempts at endpoints that the document does not have, and says once of each that nobody judges it.
    pub(crate) fn tell_strangers(&self, registry: &Registry, host: &impl MetricSink) {
        let Ok(mut strangers) = self.strangers.try_borrow_mut() else { return };
        strangers.tell(|upstream, address, attempts, is_news| {
            let name_of = |names: &'_ [Box<str>]| names.get(upstream).cloned().unwrap_or_default();
            let (name, cluster) = (name_of(&self.names), name_of(&self.clusters));
            registry.counter(host, &UNJUDGED, [&name, "not_in_document"]).add(attempts);
            if is_news {
                log::warn!(
                    "switchyard.outlier: cluster {cluster} has the endpoint {address}, and no upstream of that cluster with outlier \
                     ({name}) has it: nobody judges its attempts and it is never ejected. Where the document lists the endpoints, add it there"
                );
            }
        });
    }

    /// Runs `change` on one upstream's live state.
    pub(crate) fn with_upstream<R>(
        &self,
        upstream: usize,
        change: impl FnOnce(&mut Upstream) -> R,
    ) -> Option<R> {
        self.upstreams.try_borrow_mut().ok()?.get_mut(upstream).map(change)
    }

    /// Runs `change` on every upstream's live state.
    pub(crate) fn each_upstream(&self, change: impl FnMut(&mut Upstream)) {
        if let Ok(mut upstreams) = self.upstreams.try_borrow_mut() {
            upstreams.iter_mut().for_each(change);
        }
    }
}
