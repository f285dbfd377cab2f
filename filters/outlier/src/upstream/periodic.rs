//! What the tick does for an upstream: stalls, ejections whose time is up, buckets that are over.

use super::{Known, Upstream};
use crate::vm::Here;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::health::Health;
use switchyard_core::outlier::{
    Counts, EndpointKey, Event, Figures, Ledger, StallPolicy, Tally, bucket_at, evaluate, next_bucket,
};
use switchyard_host::{MetricSink, SharedData};

/// How long a bucket is over before it is evaluated, so that every worker's counts are in.
const GRACE: Duration = Duration::from_millis(60);
/// How often endpoints are looked at whose time may be up.
const TIME_CHECK: Duration = Duration::from_millis(100);
/// The same, while nothing else is to do.
const LONGEST_CHECK: Duration = Duration::from_secs(1);

impl Upstream {
    /// The periodic work: stalls, ejections whose time is up, buckets that are over. A configuration that was
    /// replaced still merges what its last attempts counted, and decides nothing. `is_stream`: whether the attempt of this context asks for one.
    pub(crate) fn tick(
        &mut self,
        decides: bool,
        is_stream: impl FnMut(u32) -> bool,
        vm: &Here,
        host: &(impl SharedData + MetricSink),
    ) {
        let now = vm.own.now();
        let bucket = bucket_at(now.as_millis(), self.settings.interval);
        if bucket != self.bucket {
            self.merge(host, bucket);
        }
        if !decides || !self.serves {
            return;
        }
        self.find_stalled(is_stream, vm, host);
        self.pass_time(vm, host);
        let grace = u64::try_from(GRACE.as_millis()).unwrap_or_default();
        let settled = bucket_at(now.as_millis().saturating_sub(grace), self.settings.interval);
        if settled != self.evaluated {
            self.evaluated = settled;
            self.evaluate(settled, vm, host);
        }
    }

    /// In how long a tick must look at it again though no attempt comes: counts are to be merged, a window is to be evaluated, an
    /// endpoint's time comes, or attempts may be stalled. `None`: it needs no tick.
    pub(crate) fn wants_tick(&self, decides: bool, now: Timestamp) -> Option<Duration> {
        let (millis, interval) = (now.as_millis(), self.settings.interval);
        let counted = self.known.iter().any(|known| !known.counts.is_empty());
        let merge = counted.then(|| next_bucket(millis, interval));
        if !decides || !self.serves {
            return merge;
        }
        let grace = u64::try_from(GRACE.as_millis()).unwrap_or_default();
        let evaluate = (counted || self.window).then(|| next_bucket(millis.saturating_sub(grace), interval));
        let stalls = self.settings.stall.filter(|_| !self.in_flight.is_empty()).map(|_| crate::TICK);
        let moves = self.known.iter().filter_map(|known| self.time_is_up(known)).min();
        // A clock that is set forward is noticed within a second.
        let moves = moves.map(|at| at.since(now).clamp(TIME_CHECK, LONGEST_CHECK));
        [merge, evaluate, stalls, moves].into_iter().flatten().min()
    }

    /// When time alone may do something about an endpoint; `None`: it is in rotation.
    fn time_is_up(&self, known: &Known) -> Option<Timestamp> {
        match known.health {
            Health::Healthy => None,
            Health::Ejected | Health::Withdrawn => Some(known.until),
            Health::HalfOpen => Some(known.since.plus(self.settings.ejection.base)),
        }
    }

    fn find_stalled(
        &mut self,
        is_stream: impl FnMut(u32) -> bool,
        vm: &Here,
        host: &(impl SharedData + MetricSink),
    ) {
        let Some(policy) = self.settings.stall.filter(|_| !self.in_flight.is_empty()) else { return };
        let known = &self.known;
        let heard = |index: usize| known.get(index).map(Known::heard);
        self.in_flight.leave_streams_out(policy.limit, vm.own.now(), heard, is_stream);
        self.tell_stalled(policy, Health::Healthy, vm, host);
        if self.known.iter().any(|known| known.health == Health::HalfOpen) {
            // One is enough against an endpoint that is half open.
            self.tell_stalled(StallPolicy { requests: 1, ..policy }, Health::HalfOpen, vm, host);
        }
    }

    /// Tells of the endpoints in this state that answer nothing.
    fn tell_stalled(
        &mut self,
        policy: StallPolicy,
        health: Health,
        vm: &Here,
        host: &(impl SharedData + MetricSink),
    ) {
        let known = &self.known;
        let heard = |index: usize| known.get(index).map(Known::heard);
        for (endpoint, verdict) in self.in_flight.stalled(policy, vm.own.now(), heard) {
            if self.known.get(endpoint).is_some_and(|known| known.health == health) {
                self.tell(endpoint, &Event::Verdict(verdict), vm, host);
            }
        }
    }

    fn pass_time(&mut self, vm: &Here, host: &(impl SharedData + MetricSink)) {
        let now = vm.own.now();
        if !now.is_due(self.checked, TIME_CHECK) {
            return;
        }
        self.checked = now;
        // Where the clock was set back, it is for the record to say what is left of its time.
        let due = |known: &Known| self.time_is_up(known).is_some_and(|at| now >= at || now < known.since);
        let endpoints: Vec<usize> =
            (0..self.known.len()).filter(|index| self.known.get(*index).is_some_and(due)).collect();
        for endpoint in endpoints {
            self.tell(endpoint, &Event::TimePassed, vm, host);
        }
    }

    /// Adds what this worker counted in the bucket that is over to what the others did.
    fn merge(&mut self, host: &impl SharedData, next: u32) {
        let over = core::mem::replace(&mut self.bucket, next);
        let counted: Vec<(EndpointKey, Counts)> = self
            .known
            .iter_mut()
            .map(|known| (known.key, core::mem::take(&mut known.counts)))
            .filter(|(_, counts)| !counts.is_empty())
            .collect();
        if counted.is_empty() {
            return;
        }
        self.window = true;
        // Counts that cannot be written are lost: they are figures, not states.
        let _ = self.tally.change_tally(host, over, |tally| {
            counted.iter().for_each(|(key, counts)| tally.add(*key, over, counts));
            tally.retain(|key| self.members.binary_search(&key).is_ok());
            (true, ())
        });
    }

    /// Looks at the window that ended with the bucket before `bucket`; one worker does.
    fn evaluate(&mut self, bucket: u32, vm: &Here, host: &(impl SharedData + MetricSink)) {
        let last = bucket.wrapping_sub(1);
        let claimed = self.tally.change_tally(host, self.bucket, |tally| {
            let mine = !tally.is_empty() && tally.claim(last);
            (mine, (!tally.is_empty(), mine.then(|| tally.clone())))
        });
        let Some((window, tally)) = claimed else { return };
        self.window = window;
        let Some(tally) = tally else { return };
        let ledger = Ledger::decode(&self.ledger.read(host));
        self.learn(&ledger);
        let all = self.figures(&tally, last);
        let in_rotation = self.known.iter().zip(&all).filter(|(known, _)| known.health == Health::Healthy);
        let healthy: Vec<Figures> = in_rotation.map(|(_, figures)| *figures).collect();
        for (key, verdict) in evaluate(&self.settings, &healthy) {
            if let Some(endpoint) = self.known.iter().position(|known| known.key == key) {
                self.tell(endpoint, &Event::Verdict(verdict), vm, host);
            }
        }
        self.reporter.active(self.cluster().ejected(&ledger), &vm.registry, host);
        for (endpoint, figures) in all.iter().enumerate() {
            let record = ledger.get(figures.key);
            if record.is_some_and(|record| record.multiplier > 0) {
                self.tell(endpoint, &Event::Lately(figures.counts), vm, host);
            }
            let counted = (&figures.counts, self.settings.attempts);
            crate::report::figures(&self.reporter, endpoint, counted, record, vm, host);
        }
    }

    /// What every endpoint did within the window that ends with bucket `last`.
    fn figures(&self, tally: &Tally, last: u32) -> Vec<Figures> {
        let interval = self.settings.interval;
        let sum = |known: &Known| {
            // Buckets that began before the endpoint came back tell of what it was.
            let since = (known.since != Timestamp::default())
                .then(|| bucket_at(known.since.as_millis(), interval).wrapping_add(1));
            Figures { key: known.key, counts: tally.sum(known.key, last, since) }
        };
        self.known.iter().map(sum).collect()
    }
}

impl Known {
    /// What began before this says nothing of a stall: the endpoint has answered since, or come to where it stands.
    fn heard(&self) -> Timestamp {
        self.since.max(self.answered.unwrap_or_default())
    }
}
