//! One upstream whose endpoints things happen to, under a clock that the test sets.

use core::time::Duration;
use fastrand::Rng;
use switchyard_core::Timestamp;
use switchyard_core::health::Health;
use switchyard_core::outlier::{
    Check, Cluster, Counts, Effects, EndpointKey, Event, Failure, Heartbeat, Ledger, Outcome, Readmission,
    Reason, Record, Settings, Verdict,
};

pub(crate) const START: Timestamp = Timestamp::from_millis(1_000_000_000);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) struct Upstream {
    pub(crate) settings: Settings,
    pub(crate) members: Vec<EndpointKey>,
    pub(crate) ejected_by_hand: usize,
    pub(crate) ledger: Ledger,
    pub(crate) now: Timestamp,
    pub(crate) rng: Rng,
}

impl Upstream {
    /// Endpoints 0, 1, …, and Envoy's defaults except for what `change` changes.
    pub(crate) fn new(endpoints: u64, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        Self {
            settings,
            members: (0..endpoints).map(EndpointKey).collect(),
            ejected_by_hand: 0,
            ledger: Ledger::default(),
            now: START,
            rng: Rng::with_seed(1),
        }
    }

    pub(crate) fn cluster(&self) -> Cluster<'_> {
        Cluster { settings: &self.settings, members: &self.members, ejected_by_hand: self.ejected_by_hand }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
    }

    /// Lets `event` happen to endpoint `key`; the ledger is written and read as workers do.
    pub(crate) fn happen(&mut self, key: u64, event: &Event) -> Effects {
        let mut ledger = Ledger::decode(&self.ledger.encode());
        assert_eq!(ledger, self.ledger, "as it was written");
        let mut rng = self.rng.clone();
        let effects = self.cluster().apply(&mut ledger, EndpointKey(key), event, self.now, &mut rng);
        assert_eq!(effects.changed, ledger != self.ledger, "{event:?} on {:?}: {effects:?}", self.ledger);
        (self.ledger, self.rng) = (ledger, rng);
        effects
    }

    pub(crate) fn record(&self, key: u64) -> Record {
        self.ledger.get(EndpointKey(key)).copied().unwrap_or(Record::new(EndpointKey(key)))
    }

    pub(crate) fn health(&self, key: u64) -> Health {
        self.record(key).health
    }

    pub(crate) fn ejected(&self) -> usize {
        self.cluster().ejected(&self.ledger)
    }

    pub(crate) fn fail(&mut self, key: u64, failure: Failure) -> Effects {
        let event = Event::Attempt { outcome: Outcome::Failure(failure), started: self.now, latency: None };
        self.happen(key, &event)
    }

    pub(crate) fn succeed(&mut self, key: u64) -> Effects {
        let event = Event::Attempt { outcome: Outcome::Success, started: self.now, latency: None };
        self.happen(key, &event)
    }

    pub(crate) fn signal(&mut self, key: u64) -> Effects {
        self.happen(key, &Event::Verdict(verdict(Reason::Signal)))
    }

    pub(crate) fn heartbeat(&mut self, key: u64, healthy: bool) -> Effects {
        self.happen(key, &Event::Heartbeat { healthy })
    }

    pub(crate) fn time_passes(&mut self, key: u64, time: Duration) -> Effects {
        self.pass(time);
        self.happen(key, &Event::TimePassed)
    }

    /// A window of good answers.
    pub(crate) fn lately(&mut self, key: u64, attempts: u32, failures: u32) -> Effects {
        self.happen(key, &Event::Lately(Counts { attempts, failures, ..Counts::default() }))
    }

    /// Ejects endpoint `key`; how long for.
    pub(crate) fn eject(&mut self, key: u64) -> Duration {
        let transition = self.signal(key).transition;
        transition.filter(|moved| moved.to == Health::Ejected).map_or(Duration::ZERO, |moved| moved.lasts)
    }
}

pub(crate) fn verdict(reason: Reason) -> Verdict {
    Verdict::new(reason, "as the test says".into())
}

/// No heartbeats, back by time alone, nobody spared.
pub(crate) fn by_time(settings: &mut Settings) {
    settings.readmission = Readmission::AfterTime;
    settings.ejection.max_percent = 100;
    settings.ejection.min_healthy = 0;
}

pub(crate) fn heartbeats() -> Heartbeat {
    Heartbeat {
        check: Check::Http { path: "/health".into(), expected: vec![200..=299] },
        headers: Vec::new(),
        elsewhere: None,
        host: None,
        interval: 2 * SECOND,
        timeout: SECOND,
        healthy_threshold: 2,
        unhealthy_threshold: 3,
        watch_all: true,
    }
}
