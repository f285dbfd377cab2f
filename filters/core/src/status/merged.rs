//! What workers say, put together: upstreams by name, endpoints by address, counters by name.
//!
//! Invariants: at most [`MOST_UPSTREAMS`], and [`MOST_ENDPOINTS`] of all upstreams together; those that are left out are counted, once. Requests under way are added up,
//! those of a VM once, whichever of its roots tells of them; of all else the word of the newest document counts, and of several workers under it the last one's.
//! Upstreams that only outlier knows are there, too.

use super::counted::{Counted, Vm};
use super::names::Names;
use super::snapshot::{EndpointView, Record, Snapshot, UpstreamView};
use crate::health::Health;
use crate::outlier::Watched;
use crate::sort::sort_by;
use core::time::Duration;
use hashbrown::{HashMap, HashSet};

/// As many upstreams are shown.
pub const MOST_UPSTREAMS: usize = 200;
/// As many endpoints are shown, of all upstreams together.
pub const MOST_ENDPOINTS: usize = 1000;

/// An upstream as its workers have it.
#[derive(Default)]
pub(super) struct MergedUpstream<'a> {
    pub(super) view: Option<UpstreamView<'a>>,
    pub(super) watched: Option<&'a Watched>,
    pub(super) endpoints: Vec<MergedEndpoint<'a>>,
    places: HashMap<&'a str, usize>,
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
    names: Names<'a>,
    /// What a VM has under way to an endpoint, where several of its roots tell of it.
    of_vms: HashMap<(Vm<'a>, &'a str, &'a str), u32>,
}

impl<'a> MergedUpstream<'a> {
    /// How many endpoints it has that are not shown.
    pub(super) fn left_out(&self) -> usize {
        let watched = self.watched.map_or(0, |watched| watched.endpoints.len());
        let all = self.view.map_or(watched, |view| usize::try_from(view.endpoints).unwrap_or(usize::MAX));
        all.saturating_sub(self.endpoints.len())
    }
}

impl<'a> Merged<'a> {
    /// What these snapshots of modules say, and what outlier has been told.
    pub(super) fn of(heard: &[(&'a str, &'a Snapshot)], watched: &'a [Watched]) -> Self {
        let (mut merged, mut counted) = (Self::default(), Counted::default());
        let mut heard = heard.to_vec();
        sort_by(&mut heard, |one, other| one.1.worker.written.cmp(&other.1.worker.written));
        heard.iter().for_each(|(module, one)| counted.take(module, one));
        let vm = |(module, one): &(&'a str, &'a Snapshot)| (*module, one.worker.vm);
        let mut roots: HashMap<Vm<'a>, usize> = HashMap::new();
        for one in &heard {
            let of_vm = roots.entry(vm(one)).or_default();
            *of_vm = of_vm.saturating_add(1);
        }
        sort_by(&mut heard, |one, other| one.1.worker.configured.cmp(&other.1.worker.configured));
        for one in &heard {
            let is_shared = roots.get(&vm(one)).is_some_and(|roots| *roots > 1);
            merged.take(one.0, one.1, is_shared.then(|| vm(one)));
        }
        for one in watched {
            merged.watch(one);
        }
        merged.upstreams_left_out = merged.names.left_out(watched.iter().map(|one| &*one.name));
        merged.counters_left_out = counted.left_out();
        merged.counters = counted.all();
        merged
    }

    /// Takes the upstreams of a worker of this module; of this VM, if several roots share one.
    fn take(&mut self, module: &'a str, snapshot: &'a Snapshot, vm: Option<Vm<'a>>) {
        let (mut of, mut told, mut more) = (None, HashSet::new(), 0);
        for record in snapshot.records() {
            match record {
                Record::Upstream(view) => {
                    told.insert(view.name);
                    of = self.upstream(view.name);
                    if let Some((_, upstream)) = of.and_then(|place| self.upstreams.get_mut(place)) {
                        upstream.view = Some(view);
                    }
                }
                Record::Endpoint(view) => self.endpoint(of, view, vm),
                Record::Truncated { upstreams, .. } => more = upstreams,
                Record::Counter(..) | Record::Amount(..) | Record::AmountOfVm(..) => {}
            }
        }
        self.names.told(module, &told, more);
    }

    /// The place of this upstream, if there is room for it.
    fn upstream(&mut self, name: &'a str) -> Option<usize> {
        let known = self.upstreams.iter().position(|(known, _)| *known == name);
        if known.is_none() && self.upstreams.len() >= MOST_UPSTREAMS {
            self.names.beyond(name);
            return None;
        }
        Some(known.unwrap_or_else(|| {
            self.upstreams.push((name, MergedUpstream::default()));
            self.upstreams.len().saturating_sub(1)
        }))
    }

    fn endpoint(&mut self, of: Option<usize>, view: EndpointView<'a>, vm: Option<Vm<'a>>) {
        let name = of.and_then(|place| self.upstreams.get(place)).map(|(name, _)| *name);
        let told = vm
            .zip(name)
            .and_then(|(vm, upstream)| self.of_vms.insert((vm, upstream, view.address), view.in_flight));
        let Some(one) = self.place(of, view.address) else { return };
        let others = one.in_flight.saturating_sub(u64::from(told.unwrap_or_default()));
        one.in_flight = others.saturating_add(u64::from(view.in_flight));
        one.expected = one.expected.max(view.expected);
        one.by_hand = view.health == Health::Withdrawn;
        one.view = Some(view);
    }

    /// The endpoint at this address of the upstream at this place, if there is room for it.
    fn place(&mut self, of: Option<usize>, address: &'a str) -> Option<&mut MergedEndpoint<'a>> {
        let (_, upstream) = self.upstreams.get_mut(of?)?;
        let known = upstream.places.get(address).copied();
        if known.is_none() && self.endpoints >= MOST_ENDPOINTS {
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
