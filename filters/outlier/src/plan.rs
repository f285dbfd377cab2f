//! A configuration made ready to judge: which endpoint of which upstream an address is.
//!
//! An address may serve several upstreams through several clusters; then the cluster tells which one, and asking for it
//! is one more host call. A plugin whose `root_id` names its cluster is never asked.

use crate::upstream::Upstream;
use core::cell::RefCell;
use hashbrown::HashMap;
use switchyard_config::Document;
use switchyard_core::Timestamp;
use switchyard_core::retry::Engine;
use switchyard_host::{Properties, SharedData};

/// One endpoint of one upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) upstream: usize,
    pub(crate) endpoint: usize,
}

/// A configuration in force in one worker.
#[derive(Default)]
pub(crate) struct Plan {
    places: HashMap<Box<str>, Vec<Place>>,
    clusters: Vec<Box<str>>,
    upstreams: RefCell<Vec<Upstream>>,
}

/// Whether retry.wasm sends attempts of its own to this upstream.
fn is_called(document: &Document, name: &str) -> bool {
    document.routes().iter().any(|route| {
        let Some(retry) = route.retry() else { return false };
        let target = route.targets().iter().any(|target| target.name() == name);
        let other = retry.fallback.upstream.and_then(|index| document.upstreams().get(index));
        (retry.engine == Engine::Filter && target) || other.is_some_and(|other| other.name() == name)
    })
}

impl Plan {
    /// The plan of `document` for a plugin with this `root_id`; its tables are created.
    pub(crate) fn new(
        document: &Document,
        root_id: &[u8],
        seed: u64,
        host: &impl SharedData,
        now: Timestamp,
    ) -> Self {
        let mut plan = Self::default();
        let of_this_cluster = document.upstreams().iter().any(|one| one.cluster().as_bytes() == root_id);
        for settings in document.upstreams() {
            if of_this_cluster && settings.cluster().as_bytes() != root_id {
                continue;
            }
            let index = plan.clusters.len();
            let called = is_called(document, settings.name());
            let seed = seed ^ index as u64;
            let Some(upstream) = Upstream::new(settings, called, seed, host, now) else { continue };
            for (endpoint, known) in settings.endpoints().iter().enumerate() {
                let place = Place { upstream: index, endpoint };
                plan.places.entry(known.address.clone()).or_default().push(place);
            }
            plan.clusters.push(settings.cluster().into());
            plan.upstreams.get_mut().push(upstream);
        }
        plan
    }

    /// How many upstreams are watched.
    pub(crate) fn len(&self) -> usize {
        self.clusters.len()
    }

    /// Which endpoint the attempt behind `host` goes to; the first upstream of its cluster that has it.
    pub(crate) fn place(&self, host: &impl Properties) -> Option<Place> {
        if self.places.is_empty() {
            return None;
        }
        let address = host.property(&["upstream", "address"]).ok().flatten()?;
        let places = self.places.get(core::str::from_utf8(&address).ok()?)?;
        match places.as_slice() {
            [only] => Some(*only),
            several => {
                let cluster = host.property(&["xds", "cluster_name"]).ok().flatten()?;
                let served = |place: &&Place| {
                    self.clusters.get(place.upstream).is_some_and(|name| name.as_bytes() == cluster)
                };
                several.iter().find(served).copied()
            }
        }
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
