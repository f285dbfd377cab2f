//! What workers say, put together: upstreams by name, endpoints by address, counters by name.
//!
//! Invariants: at most [`MOST_UPSTREAMS`], [`MOST_ENDPOINTS`] of all upstreams together and [`MOST_COUNTERS`]; those that come later are counted. What
//! each worker has of its own is added up, of all else the last word counts. Upstreams that only outlier knows are there, too.

use super::snapshot::{EndpointView, Record, Snapshot, UpstreamView};
use crate::Timestamp;
use crate::health::Health;
use crate::outlier::Watched;
use crate::sort::sort;
use core::time::Duration;
use hashbrown::HashMap;

/// As many upstreams are shown.
pub const MOST_UPSTREAMS: usize = 200;
/// As many endpoints are shown, of all upstreams together.
pub const MOST_ENDPOINTS: usize = 1000;
/// As many counters are shown.
pub const MOST_COUNTERS: usize = 2000;

/// An upstream as its workers have it.
#[derive(Default)]
pub(super) struct MergedUpstream<'a> {
    pub(super) view: Option<UpstreamView<'a>>,
    pub(super) watched: Option<&'a Watched>,
    pub(super) endpoints: Vec<MergedEndpoint<'a>>,
    places: HashMap<&'a str, usize>,
    /// How many there are, if not all are shown.
    left_out: usize,
}

/// An endpoint of it.
pub(super) struct MergedEndpoint<'a> {
    pub(super) address: &'a str,
    pub(super) by_hand: bool,
    /// As the worker has it that has written last; `None`: only outlier knows it.
    pub(super) view: Option<EndpointView<'a>>,
    /// Of all workers.
    pub(super) in_flight: u64,
    pub(super) expected: Duration,
}

/// All of it.
#[derive(Default)]
pub(super) struct Merged<'a> {
    pub(super) upstreams: Vec<(&'a str, MergedUpstream<'a>)>,
    pub(super) upstreams_left_out: usize,
    pub(super) counters: Vec<(&'a str, u64)>,
    pub(super) counters_left_out: usize,
    endpoints: usize,
}

impl<'a> MergedUpstream<'a> {
    /// How many endpoints it has that are not shown.
    pub(super) fn left_out(&self) -> usize {
        let said = self.view.map_or(0, |view| usize::try_from(view.endpoints).unwrap_or(usize::MAX));
        said.saturating_sub(self.endpoints.len()).max(self.left_out)
    }
}

impl<'a> Merged<'a> {
    /// What these snapshots say, the last one's word counting, and what outlier has been told.
    pub(super) fn of(snapshots: &[&'a Snapshot], watched: &'a [Watched]) -> Self {
        let mut merged = Self::default();
        let mut snapshots = snapshots.to_vec();
        snapshots.sort_by_key(|snapshot| snapshot.worker.written);
        let mut counters = HashMap::new();
        for snapshot in snapshots {
            merged.take(snapshot, &mut counters);
        }
        for one in watched {
            merged.watch(one);
        }
        merged.counters = counters.into_iter().collect();
        sort(&mut merged.counters);
        merged
    }

    fn take(&mut self, snapshot: &'a Snapshot, counters: &mut HashMap<&'a str, u64>) {
        let mut of = None;
        for record in snapshot.records() {
            match record {
                Record::Counter(name, value) => {
                    if let Some(counter) = self.counter(name, counters) {
                        *counter = value;
                    }
                }
                Record::Amount(name, value) => {
                    if let Some(amount) = self.counter(name, counters) {
                        *amount = amount.saturating_add(value);
                    }
                }
                Record::Upstream(view) => {
                    of = self.upstream(view.name);
                    if let Some((_, upstream)) = of.and_then(|place| self.upstreams.get_mut(place)) {
                        upstream.view = Some(view);
                    }
                }
                Record::Endpoint(view) => self.endpoint(of, view),
                Record::Truncated => {}
            }
        }
    }

    /// The counter of this name, if there is room for it.
    fn counter<'c>(&mut self, name: &'a str, counters: &'c mut HashMap<&'a str, u64>) -> Option<&'c mut u64> {
        if counters.len() >= MOST_COUNTERS && !counters.contains_key(name) {
            self.counters_left_out = self.counters_left_out.saturating_add(1);
            return None;
        }
        Some(counters.entry(name).or_default())
    }

    /// The place of this upstream, if there is room for it.
    fn upstream(&mut self, name: &'a str) -> Option<usize> {
        let known = self.upstreams.iter().position(|(known, _)| *known == name);
        if known.is_none() && self.upstreams.len() >= MOST_UPSTREAMS {
            self.upstreams_left_out = self.upstreams_left_out.saturating_add(1);
            return None;
        }
        Some(known.unwrap_or_else(|| {
            self.upstreams.push((name, MergedUpstream::default()));
            self.upstreams.len().saturating_sub(1)
        }))
    }

    fn endpoint(&mut self, of: Option<usize>, view: EndpointView<'a>) {
        let Some(one) = self.place(of, view.address) else { return };
        one.in_flight = one.in_flight.saturating_add(u64::from(view.in_flight));
        one.expected = one.expected.max(view.expected);
        one.by_hand = view.health == Health::Withdrawn;
        one.view = Some(view);
    }

    /// The endpoint at this address of the upstream at this place, if there is room for it.
    fn place(&mut self, of: Option<usize>, address: &'a str) -> Option<&mut MergedEndpoint<'a>> {
        let (_, upstream) = self.upstreams.get_mut(of?)?;
        let known = upstream.places.get(address).copied();
        if known.is_none() && self.endpoints >= MOST_ENDPOINTS {
            upstream.left_out = upstream.left_out.saturating_add(1);
            return None;
        }
        let place = known.unwrap_or_else(|| {
            self.endpoints = self.endpoints.saturating_add(1);
            upstream.places.insert(address, upstream.endpoints.len());
            let (view, expected) = (None, Duration::ZERO);
            upstream.endpoints.push(MergedEndpoint { address, by_hand: false, view, in_flight: 0, expected });
            upstream.endpoints.len().saturating_sub(1)
        });
        upstream.endpoints.get_mut(place)
    }

    /// What outlier knows of an upstream: its endpoints, where no worker has told of them.
    fn watch(&mut self, watched: &'a Watched) {
        let of = self.upstream(&watched.name);
        let Some((_, upstream)) = of.and_then(|place| self.upstreams.get_mut(place)) else { return };
        // Of two with one name the part that was read last comes first, and has the word.
        if upstream.watched.is_some() {
            return;
        }
        upstream.watched = Some(watched);
        if upstream.view.is_some() {
            return;
        }
        for endpoint in &watched.endpoints {
            if let Some(one) = self.place(of, &endpoint.address) {
                one.by_hand = endpoint.ejected_by_hand;
            }
        }
    }
}

/// Whether a snapshot is of now.
pub(super) fn is_fresh(snapshot: &Snapshot, now: Timestamp, within: Duration) -> bool {
    snapshot.worker.written > Timestamp::default() && now.since(snapshot.worker.written) <= within
}
