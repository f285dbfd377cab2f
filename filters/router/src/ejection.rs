//! What outlier.wasm says about the endpoints of one upstream, and the requests that try those that want it.
//!
//! Invariant: at most `concurrency` requests try an endpoint at a time, in all workers together; each gives its place back
//! when it ends, and one whose worker died loses it after a while. In shadow mode nothing that outlier says is
//! followed.

use hashbrown::HashMap;
use switchyard_config::Upstream as Configured;
use switchyard_core::health::Health;
use switchyard_core::outlier::{Cluster, Effects, EndpointKey, Event, Ledger, Settings};
use switchyard_core::{EndpointIndex, Timestamp};
use switchyard_frame::Reporter;
use switchyard_frame::metrics::Registry;
use switchyard_frame::shared::tables::{Table, announce};
use switchyard_frame::{Counterpart, Interval};
use switchyard_host::{MetricSink, SharedData};

/// The router's side of ejection.
pub(crate) struct Ejection {
    pub(crate) settings: Settings,
    keys: Vec<EndpointKey>,
    members: Vec<EndpointKey>,
    places: HashMap<EndpointKey, EndpointIndex>,
    by_hand: Vec<Health>,
    table: Table,
    /// Somebody else tries; do not ask again before the next tick.
    refused: bool,
    /// Requests are sent to the upstream.
    is_used: bool,
    /// Whoever judges the attempts that they make.
    judge: Counterpart,
    looked_for_judge: Interval,
    reporter: Reporter,
    rng: fastrand::Rng,
}

/// A place among those that try an endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    pub(crate) upstream: usize,
    endpoint: EndpointKey,
    since: Timestamp,
}

impl Ejection {
    /// The ejection of an upstream, if it has one that is carried out.
    pub(crate) fn new(configured: &Configured) -> Option<Self> {
        let settings = configured.outlier().filter(|settings| !settings.shadow)?.clone();
        let keys: Vec<_> =
            configured.endpoints().iter().map(|endpoint| EndpointKey::of(&endpoint.address)).collect();
        let mut members = keys.clone();
        switchyard_core::sort::sort(&mut members);
        let addresses = configured.endpoints().iter().map(|endpoint| endpoint.address.clone()).collect();
        Some(Self {
            reporter: Reporter::new("router", configured.name().into(), addresses, settings.shadow),
            settings,
            places: keys.iter().enumerate().map(|(index, key)| (*key, index)).collect(),
            by_hand: (0..keys.len()).map(|index| configured.health(index)).collect(),
            table: Table::ledger(configured.name()),
            refused: false,
            is_used: false,
            judge: Counterpart::default(),
            looked_for_judge: Interval::default(),
            rng: fastrand::Rng::with_seed(0),
            keys,
            members,
        })
    }

    /// The same upstream with other endpoints: whoever judges is who judged before.
    pub(crate) fn succeed(self, configured: &Configured) -> Option<Self> {
        let newer = Self::new(configured)?;
        let Self { refused, is_used, judge, looked_for_judge, rng, .. } = self;
        Some(Self { refused, is_used, judge, looked_for_judge, rng, ..newer })
    }

    /// The table that outlier writes.
    pub(crate) fn read(&mut self, host: &impl SharedData) -> Ledger {
        Ledger::decode(&self.table.read(host))
    }

    /// Where every endpoint stands by this ledger; the operator's own word stands above it.
    pub(crate) fn healths(&self, ledger: &Ledger) -> Vec<(EndpointIndex, Health)> {
        let mut healths: Vec<_> = self.by_hand.iter().copied().enumerate().collect();
        for record in ledger.records().iter().filter(|record| record.is_out_of_rotation() && !record.shadow) {
            let place = self.places.get(&record.key).and_then(|index| healths.get_mut(*index));
            if let Some((_, health)) = place.filter(|(_, health)| *health == Health::Healthy) {
                *health = record.health;
            }
        }
        healths
    }

    /// A request is sent to the upstream.
    pub(crate) fn uses(&mut self) {
        self.is_used = true;
    }

    /// Says so if requests are sent to the upstream, and nobody has a table of its endpoints: outlier.wasm makes one before it judges.
    pub(crate) fn miss_judge(
        &self,
        upstream: &str,
        now: Timestamp,
        registry: &Registry,
        host: &(impl SharedData + MetricSink),
    ) {
        if !self.is_used
            || self.judge.is_present()
            || !self.looked_for_judge.passes(Counterpart::GRACE / 2, now)
        {
            return;
        }
        if self.judge.watch(self.table.is_made(host), now, ["router", upstream], registry, host) {
            log::warn!(
                "switchyard.router: under this vm_id no outlier.wasm judges the endpoints of {upstream}: requests are balanced, \
                 but no endpoint is ejected for this filter, its retries and its batches. Give outlier.wasm in that cluster the same vm_id"
            );
        }
    }

    /// Whether a request may ask to try an endpoint.
    pub(crate) fn may_ask(&self) -> bool {
        !self.refused
    }

    /// A new tick: ask again.
    pub(crate) fn ask_again(&mut self) {
        self.refused = false;
    }

    /// Asks for a place among those that try `endpoint`.
    pub(crate) fn take_trial(
        &mut self,
        upstream: usize,
        endpoint: EndpointIndex,
        now: Timestamp,
        host: &impl SharedData,
    ) -> Option<Trial> {
        let endpoint = *self.keys.get(endpoint)?;
        let tried = self.tell(endpoint, &Event::Try, now, host);
        let granted = tried
            .filter(|(_, effects)| effects.may_try)
            .and_then(|(ledger, _)| ledger.get(endpoint).map(|record| record.since));
        self.refused = granted.is_none();
        granted.map(|since| Trial { upstream, endpoint, since })
    }

    /// Gives the place back.
    pub(crate) fn end_trial(&mut self, trial: Trial, now: Timestamp, host: &impl SharedData) {
        self.tell(trial.endpoint, &Event::Tried { since: trial.since }, now, host);
    }

    /// A heartbeat whose answer the router has judged.
    pub(crate) fn heartbeat(
        &mut self,
        endpoint: EndpointKey,
        healthy: bool,
        now: Timestamp,
        registry: &Registry,
        host: &(impl SharedData + MetricSink),
    ) {
        // Whoever has left the list meanwhile is not spoken of.
        let Some(place) = self.places.get(&endpoint).copied() else { return };
        self.reporter.heartbeat(healthy, registry, host);
        let told = self.tell(endpoint, &Event::Heartbeat { healthy }, now, host);
        let Some((ledger, effects)) = told else { return self.reporter.contended(registry, host) };
        if effects.transition.is_some() {
            // The others look at the table with their next change, if they do not hear of this one.
            let _ = announce(host);
        }
        let ejected = self.cluster().ejected(&ledger);
        self.reporter.effects(place, &effects, (ejected, now), registry, host);
    }

    fn cluster(&self) -> Cluster<'_> {
        let ejected_by_hand = self.by_hand.iter().filter(|health| **health != Health::Healthy).count();
        Cluster { settings: &self.settings, members: &self.members, ejected_by_hand }
    }

    /// Lets an event happen; what became of it.
    fn tell(
        &mut self,
        endpoint: EndpointKey,
        event: &Event,
        now: Timestamp,
        host: &impl SharedData,
    ) -> Option<(Ledger, Effects)> {
        let mut rng = self.rng.fork();
        let cluster = self.cluster();
        self.table.change_ledger(host, |ledger| {
            let effects = cluster.apply(ledger, endpoint, event, now, &mut rng);
            (effects.changed, effects)
        })
    }
}
