//! Upstreams whose endpoints come and go: what a filter's worker takes in when a list of them changes.
//!
//! Invariant: an upstream has the newest list that is in shared data, as of the last look; without one it has no endpoints, and requests go
//! as Envoy's fallback policy sends them. Trade-off: a look is one host call while nothing has changed, and a filter takes one only when
//! there is news of any kind ([`announced`](crate::shared::tables::announced)).

use crate::shared::rosters;
use core::cell::{Cell, RefCell};
use core::hash::{Hash as _, Hasher as _};
use switchyard_config::{Document, Upstream};
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::discovery::Wanted;
use switchyard_host::SharedData;
use xxhash_rust::xxh64::{Xxh64, xxh64};

/// The upstreams of a document that have a source.
#[derive(Default)]
pub struct Following {
    upstreams: Vec<Followed>,
    number: Cell<Option<u32>>,
}

struct Followed {
    position: usize,
    key: String,
    /// The version of the list that it has; 0: none.
    version: Cell<u64>,
    upstream: RefCell<Upstream>,
}

/// The number of what is asked for the endpoints of an upstream: two documents that ask for the same share a list.
pub fn asked(wanted: &Wanted) -> u64 {
    // Whoever follows is of the same release as whoever asks, so both have the same of the same.
    let mut hasher = Xxh64::new(0);
    (&wanted.source, &wanted.cluster).hash(&mut hasher);
    hasher.finish()
}

/// A number that only these numbers, in this order, give.
pub fn number_of(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, |seed, number| xxh64(&number.to_le_bytes(), seed))
}

/// What is asked for the endpoints of the upstreams of `document` that have a source.
pub fn wanted(document: &Document) -> Vec<Wanted> {
    let with_position = document.upstreams().iter().enumerate();
    let wanted = with_position.filter_map(|(upstream, configured)| {
        Some(Wanted { upstream, cluster: configured.cluster().into(), source: configured.source()?.clone() })
    });
    wanted.collect()
}

/// The key of the list of an upstream of this name.
pub fn key_of(name: &str, wanted: &Wanted) -> String {
    keys::roster(name, asked(wanted))
}

impl Following {
    /// The upstreams of `document` that have a source, without endpoints until the first look.
    pub fn new(document: &Document) -> Self {
        let followed = wanted(document).into_iter().filter_map(|wanted| {
            let upstream = document.upstreams().get(wanted.upstream)?;
            Some(Followed {
                position: wanted.upstream,
                key: key_of(upstream.name(), &wanted),
                version: Cell::default(),
                upstream: RefCell::new(upstream.clone()),
            })
        });
        Self { upstreams: followed.collect(), number: Cell::default() }
    }

    /// Whether no upstream has a source: then there is never anything to take in.
    pub fn is_empty(&self) -> bool {
        self.upstreams.is_empty()
    }

    /// Takes in the lists that have changed since the last look; `change` is told of every upstream that has other endpoints, with its
    /// position. Whether any has.
    pub fn look(&self, host: &impl SharedData, mut change: impl FnMut(usize, &Upstream)) -> bool {
        if self.is_empty() {
            return false;
        }
        let number = rosters::number(host);
        if number.is_none() || number == self.number.replace(number) {
            return false;
        }
        let mut changed = false;
        for followed in &self.upstreams {
            let known = followed.version.get();
            let Some(roster) = rosters::read_other(&followed.key, known, host) else { continue };
            followed.version.set(roster.version);
            let Ok(mut upstream) = followed.upstream.try_borrow_mut() else { continue };
            *upstream = upstream.with_members(roster.members());
            change(followed.position, &upstream);
            changed = true;
        }
        changed
    }

    /// When the list of the upstream at this position was read last; `None`: it has no source, or no list yet. One host call.
    pub fn read_at(&self, position: usize, host: &impl SharedData) -> Option<Timestamp> {
        let followed = self.upstreams.iter().find(|followed| followed.position == position)?;
        rosters::read_at(&followed.key, host)
    }

    /// A number that only the same lists give.
    pub fn versions(&self) -> u64 {
        number_of(self.upstreams.iter().map(|followed| followed.version.get()))
    }
}
