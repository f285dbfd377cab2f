//! One upstream in one worker: what this worker counted, and what it knows of the table that all share.
//!
//! Invariant: a success at an endpoint that nothing is known against touches no shared data. What this worker knows
//! is at most a tick old; a breach that it sees itself is written at once.

mod periodic;

use crate::vm::Here;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::health::Health;
use switchyard_core::outlier::{
    Cluster, Counts, EndpointKey, Event, Failure, FailurePolicy, Heartbeat, InFlight, Ledger, Neutral,
    Outcome, Reason, Settings, Ticket, Verdict, Watched, bucket_at,
};
use switchyard_frame::Reporter;
use switchyard_frame::shared::tables::{Table, announce};
use switchyard_host::{HeaderMap, MetricSink, SharedData};

/// How long an endpoint stays suspect after an attempt that might count against it; three heartbeats at least.
const SUSPECT_FOR: Duration = Duration::from_secs(30);
/// What an attempt said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    pub(crate) outcome: Outcome,
    /// How long the endpoint took, or at least took, if that says something.
    pub(crate) latency: Option<Duration>,
}

/// An attempt that is over.
pub(crate) struct Attempt {
    pub(crate) endpoint: usize,
    pub(crate) started: Timestamp,
    pub(crate) observed: Observed,
    /// It was a heartbeat; answered well?
    pub(crate) heartbeat: Option<bool>,
    /// It failed without a connection, and nobody had read its headers.
    pub(crate) unread: bool,
}

/// What this worker knows of an endpoint.
#[derive(Clone, Debug)]
struct Known {
    key: EndpointKey,
    health: Health,
    since: Timestamp,
    until: Timestamp,
    /// The table has a streak of failures that a success would end.
    streak: bool,
    /// It has a streak of failed heartbeats that a good one would end.
    beats: bool,
    suspect_until: Timestamp,
    answered: Option<Timestamp>,
    /// Failures that may have been heartbeats.
    unread: u8,
    /// An answer broke off, and nobody had read whether its time was over.
    unsure: bool,
    counts: Counts,
}

/// An upstream with ejection.
pub(crate) struct Upstream {
    settings: Settings,
    members: Vec<EndpointKey>,
    ejected_by_hand: usize,
    known: Vec<Known>,
    in_flight: InFlight,
    /// This worker has seen an attempt: the main thread and roots of other clusters never do, and decide nothing.
    serves: bool,
    /// retry.wasm makes attempts of its own here.
    called: bool,
    ledger: Table,
    tally: Table,
    bucket: u32,
    evaluated: u32,
    /// Somebody's counts may be in the window.
    window: bool,
    checked: Timestamp,
    reporter: Reporter,
    rng: fastrand::Rng,
}

impl Upstream {
    /// The upstream's state in a worker that starts now.
    pub(crate) fn new(watched: Watched, seed: u64, host: &impl SharedData, now: Timestamp) -> Self {
        let Watched { name, endpoints, called, settings, .. } = watched;
        let ejected_by_hand = endpoints.iter().filter(|endpoint| endpoint.ejected_by_hand).count();
        let addresses: Vec<Box<str>> = endpoints.into_iter().map(|endpoint| endpoint.address).collect();
        let keys: Vec<EndpointKey> = addresses.iter().map(|address| EndpointKey::of(address)).collect();
        let mut members = keys.clone();
        switchyard_core::sort::sort(&mut members);
        let (ledger, tally) = (Table::ledger(&name), Table::tally(&name));
        // Without shared data every change fails, too, and traffic goes on.
        let _ = ledger.create(host).and_then(|()| tally.create(host));
        let bucket = bucket_at(now.as_millis(), settings.interval);
        let mut upstream = Self {
            ejected_by_hand,
            known: keys.into_iter().map(Known::new).collect(),
            reporter: Reporter::new("outlier", name, addresses, settings.shadow),
            rng: fastrand::Rng::with_seed(seed),
            in_flight: InFlight::default(),
            serves: false,
            called,
            checked: now,
            evaluated: bucket,
            window: true,
            settings,
            members,
            ledger,
            tally,
            bucket,
        };
        upstream.refresh(host);
        upstream
    }

    /// What counts against an endpoint.
    pub(crate) fn failure(&self) -> &FailurePolicy {
        &self.settings.failure
    }

    /// This upstream as ejection sees it.
    fn cluster(&self) -> Cluster<'_> {
        Cluster { settings: &self.settings, members: &self.members, ejected_by_hand: self.ejected_by_hand }
    }

    /// Whether heartbeats come to endpoints in rotation, where the headers of requests are not read.
    pub(crate) fn watches_all(&self) -> bool {
        self.settings.heartbeat.as_ref().is_some_and(|policy| policy.watch_all)
    }

    /// Whether a status, if there is one, is that of a heartbeat that was answered well.
    pub(crate) fn expects_of_heartbeats(&self, status: Option<u16>) -> bool {
        let expects = |status| match &self.settings.heartbeat {
            Some(policy) => policy.expects(status),
            None => (200..300).contains(&status),
        };
        status.is_some_and(expects)
    }

    /// Whether this worker has seen an attempt.
    pub(crate) fn serves(&self) -> bool {
        self.serves
    }

    /// Attempts came before under the same root_id: this worker decides.
    pub(crate) fn goes_on(&mut self) {
        self.serves = true;
    }

    /// An attempt begins.
    pub(crate) fn start(&mut self) {
        self.serves = true;
    }

    /// The `endpoint` has the whole request of an attempt, the stream of this context.
    pub(crate) fn wait(&mut self, endpoint: usize, context: u32, now: Timestamp) -> Ticket {
        self.in_flight.start(endpoint, context, now)
    }

    /// It has response headers.
    pub(crate) fn answered(&mut self, endpoint: usize, ticket: Option<Ticket>, now: Timestamp) {
        self.finish(ticket);
        if let Some(known) = self.known.get_mut(endpoint) {
            known.answered = Some(now);
        }
    }

    /// It ended without any.
    pub(crate) fn finish(&mut self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.in_flight.finish(ticket);
        }
    }

    /// Whether attempts at `endpoint` are worth their headers: something is known against it, or they may be calls of
    /// retry.wasm, which only their headers tell from mirrors.
    pub(crate) fn is_suspect(&self, endpoint: usize, now: Timestamp) -> bool {
        self.called
            || self.known.get(endpoint).is_some_and(|known| {
                known.health != Health::Healthy || known.streak || known.beats || now < known.suspect_until
            })
    }

    /// Ejects the endpoint if its answer says so.
    pub(crate) fn signal(
        &mut self,
        endpoint: usize,
        headers: &HeaderMap,
        vm: &Here,
        host: &(impl SharedData + MetricSink),
    ) {
        let Some(signal) = self.settings.failure.signal.as_ref().filter(|one| headers.contains(&one.header))
        else {
            return;
        };
        let verdict = Verdict::new(Reason::Signal, format!("it sent {}", signal.header));
        let event = if signal.drain { Event::Drain(verdict) } else { Event::Verdict(verdict) };
        if self.known.get(endpoint).is_some_and(|known| known.health != Health::Ejected) {
            self.tell(endpoint, &event, vm, host);
        }
    }

    /// Counts an attempt that is over, and tells the others if it changes what they should know.
    pub(crate) fn settle(&mut self, attempt: &Attempt, vm: &Here, host: &(impl SharedData + MetricSink)) {
        let now = vm.own.now();
        let suspect_for =
            SUSPECT_FOR.max(self.settings.heartbeat.as_ref().map_or(SUSPECT_FOR, |one| one.interval * 3));
        if attempt.heartbeat.is_some()
            && self.settings.heartbeat.as_ref().is_some_and(Heartbeat::is_judged_by_sender)
        {
            // The router sees its whole answer, and tells the others.
            return;
        }
        let Some(known) = self.known.get_mut(attempt.endpoint) else { return };
        let Observed { outcome, latency } = attempt.observed;
        let failed = matches!(outcome, Outcome::Failure(_));
        let unsure = outcome == Outcome::Neutral(Neutral::Unsure);
        if failed || attempt.unread || unsure || attempt.heartbeat == Some(false) {
            known.suspect_until = now.plus(suspect_for);
        }
        known.unread = known.unread.saturating_add(u8::from(attempt.unread));
        if let Some(healthy) = attempt.heartbeat {
            return self.heartbeat(attempt.endpoint, healthy, vm, host);
        }
        let times = known.times(outcome);
        known.counts.attempts += if matches!(outcome, Outcome::Neutral(_)) { 0 } else { times };
        known.counts.failures += if failed { times } else { 0 };
        if let Some(latency) = latency {
            known.counts.latency.add(latency);
        }
        let news = match known.health {
            Health::Healthy => failed || (known.streak && outcome == Outcome::Success),
            Health::HalfOpen => !matches!(outcome, Outcome::Neutral(_)),
            Health::Ejected | Health::Withdrawn => false,
        };
        if news {
            let event = Event::Attempt { outcome, started: attempt.started, latency };
            for _ in 0..times {
                self.tell(attempt.endpoint, &event, vm, host);
            }
        }
    }

    /// A heartbeat was answered. The first that failed was not known for one: its headers had not been read.
    fn heartbeat(
        &mut self,
        endpoint: usize,
        healthy: bool,
        vm: &Here,
        host: &(impl SharedData + MetricSink),
    ) {
        self.reporter.heartbeat(healthy, &vm.registry, host);
        let Some(known) = self.known.get_mut(endpoint) else { return };
        let unread = core::mem::take(&mut known.unread);
        if healthy && known.health == Health::Healthy && !known.beats {
            return;
        }
        let again = if healthy { 0 } else { unread.min(1) };
        for _ in 0..=again {
            self.tell(endpoint, &Event::Heartbeat { healthy }, vm, host);
        }
    }

    /// Lets `event` happen to `endpoint` in the table that all share.
    fn tell(&mut self, endpoint: usize, event: &Event, vm: &Here, host: &(impl SharedData + MetricSink)) {
        let Some(known) = self.known.get(endpoint) else { return };
        let (key, now) = (known.key, vm.own.now());
        let (had_streak, rng) = (known.streak, &mut self.rng);
        let cluster = Cluster {
            settings: &self.settings,
            members: &self.members,
            ejected_by_hand: self.ejected_by_hand,
        };
        let told = self.ledger.change_ledger(host, |ledger| {
            let effects = cluster.apply(ledger, key, event, now, rng);
            (effects.changed, effects)
        });
        let Some((ledger, effects)) = told else { return self.reporter.contended(&vm.registry, host) };
        let ejected = cluster.ejected(&ledger);
        self.learn(&ledger);
        let has_streak = self.known.get(endpoint).is_some_and(|known| known.streak);
        // A streak that begins or ends concerns every worker: it decides whether successes are told.
        if effects.transition.is_some() || had_streak != has_streak {
            // The others look at the table with their next change, if they do not hear of this one.
            let _ = announce(host);
        }
        self.reporter.effects(endpoint, &effects, (ejected, now), &vm.registry, host);
    }

    /// Reads the table that all share.
    pub(crate) fn refresh(&mut self, host: &impl SharedData) {
        let ledger = Ledger::decode(&self.ledger.read(host));
        self.learn(&ledger);
    }

    fn learn(&mut self, ledger: &Ledger) {
        for known in &mut self.known {
            let record = ledger.get(known.key);
            let in_force =
                record.filter(|record| record.shadow == self.settings.shadow || !record.is_out_of_rotation());
            known.health = in_force.map_or(Health::Healthy, |record| record.health);
            known.since = in_force.map_or(Timestamp::default(), |record| record.since);
            known.until = in_force.map_or(Timestamp::default(), |record| record.until);
            known.streak = record.is_some_and(|record| record.streaks.iter().any(|count| *count > 0));
            known.beats = record.is_some_and(|record| record.heartbeats.iter().any(|count| *count > 0));
        }
    }
}

impl Known {
    fn new(key: EndpointKey) -> Self {
        Self {
            key,
            health: Health::Healthy,
            since: Timestamp::default(),
            until: Timestamp::default(),
            streak: false,
            beats: false,
            suspect_until: Timestamp::default(),
            answered: None,
            unread: 0,
            unsure: false,
            counts: Counts::default(),
        }
    }

    /// How often an outcome counts: an answer that is known to be truncated says that the one before it, of which that was not known, was, too.
    fn times(&mut self, outcome: Outcome) -> u32 {
        match outcome {
            Outcome::Neutral(Neutral::Unsure) => self.unsure = true,
            Outcome::Failure(Failure::Truncated) => return 1 + u32::from(core::mem::take(&mut self.unsure)),
            Outcome::Success => self.unsure = false,
            Outcome::Failure(_) | Outcome::Neutral(_) => {}
        }
        1
    }
}
