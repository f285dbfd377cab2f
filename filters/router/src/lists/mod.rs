//! The upstreams whose endpoints come and go, in one worker: their lists are followed, asked for where that is this worker's role, and signs
//! that they have changed are looked for.
//!
//! Signs are sampled from requests that end, a few in a second for each upstream: the number of endpoints of Envoy's cluster, and that
//! nobody could be connected to. Invariant: a request costs no host call more unless it is one of those, or its upstream's list has
//! changed. Trade-off: one endpoint that takes another's place is noticed when it fails, is missed, or by the interval.

mod asking;
mod report;

use asking::Asking;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use switchyard_config::{Document, Upstream};
use switchyard_core::Timestamp;
use switchyard_core::memory::Account;
use switchyard_frame::Interval;
use switchyard_frame::following::Following;
use switchyard_frame::metrics::Registry;
use switchyard_host::{CallAnswers, Host, HttpCalls, MetricSink, Properties, Queues, SharedData};

/// How often a request of each upstream is looked at.
const SAMPLE: Duration = Duration::from_millis(250);
/// How often failing connections are a sign: one endpoint may refuse them for hours.
const FAILURES: Duration = Duration::from_secs(1);
/// Envoy's response flags: nobody was healthy, and the endpoint could not be connected to.
const UNCONNECTED: u64 = 0x2 | 0x20;

/// Of the upstreams of one document.
pub(crate) struct Lists {
    following: Following,
    asking: RefCell<Asking>,
    /// With the lists that are in force.
    document: RefCell<Document>,
    samples: Vec<Option<Sample>>,
    sampled: Interval,
}

/// What the samples of an upstream have said.
#[derive(Default)]
struct Sample {
    is_due: Cell<bool>,
    /// How many endpoints there were, by the list or by the sample before.
    members: Cell<Option<u64>>,
    failed: Interval,
}

impl Lists {
    /// Those of `document`; `None`: all of its endpoints stand in it. `vm`: its number in leases, and what it may keep.
    pub(crate) fn new(document: &Document, vm: (u64, &Account), host: &impl SharedData) -> Option<Self> {
        let following = Following::new(document);
        if following.is_empty() {
            return None;
        }
        let sample = |upstream: &Upstream| upstream.source().map(|_| Sample::default());
        Some(Self {
            following,
            asking: RefCell::new(Asking::new(document, vm, host)),
            samples: document.upstreams().iter().map(sample).collect(),
            document: RefCell::new(document.clone()),
            sampled: Interval::default(),
        })
    }

    /// Takes in what has changed since the last look: `change` is told of every upstream that has other endpoints, `all` of the document with
    /// them and of a number that only these lists give.
    pub(crate) fn look(
        &self,
        host: &impl SharedData,
        mut change: impl FnMut(usize, &Upstream),
        all: impl FnOnce(&Document, u64),
    ) {
        let Ok(mut document) = self.document.try_borrow_mut() else { return };
        let mut changed = Vec::new();
        self.following.look(host, |position, upstream| {
            if let Some(Some(sample)) = self.samples.get(position) {
                // What Envoy's cluster has besides is found out by one ask too many.
                sample.members.set(Some(upstream.endpoints().len() as u64));
            }
            change(position, upstream);
            changed.push((position, upstream.clone()));
        });
        if !changed.is_empty() {
            *document = document.with_upstreams(changed);
            all(&document, self.following.versions());
        }
    }

    /// Where the endpoints of the upstream at this position are listed, and when that was read last; `None`: in the document.
    pub(crate) fn origin(
        &self,
        position: usize,
        host: &impl SharedData,
    ) -> Option<(&'static str, Timestamp)> {
        let document = self.document.try_borrow().ok()?;
        let source = document.upstreams().get(position)?.source()?;
        Some((source.name(), self.following.read_at(position, host).unwrap_or_default()))
    }

    /// The leases for all that is asked.
    pub(crate) fn each_lease(&self, visit: impl FnMut(&str)) {
        if let Ok(asking) = self.asking.try_borrow() {
            asking.leases().for_each(visit);
        }
    }

    /// Asks for what is due, of that whose lease this root `decides` on; in how long to look again, though no request comes.
    pub(crate) fn tick(
        &self,
        decides: impl Fn(&str) -> bool,
        now: Timestamp,
        registry: &Registry,
        host: &(impl SharedData + Queues + HttpCalls + MetricSink),
    ) -> Option<Duration> {
        if self.sampled.passes(SAMPLE, now) {
            self.samples.iter().flatten().for_each(|sample| sample.is_due.set(true));
        }
        self.asking.try_borrow_mut().ok()?.tick(decides, now, registry, host)
    }

    /// A call has been answered; whether it was one of these.
    pub(crate) fn answered(
        &self,
        answer: (u32, usize, usize),
        now: Timestamp,
        registry: &Registry,
        host: &(impl SharedData + CallAnswers + MetricSink),
    ) -> bool {
        self.asking.try_borrow_mut().is_ok_and(|mut all| all.answered(answer, now, registry, host))
    }

    /// A message waits in a queue; whether it was a hint.
    pub(crate) fn hinted(&self, queue: u32, host: &impl Queues) -> bool {
        self.asking.try_borrow_mut().is_ok_and(|mut all| all.look(queue, host))
    }

    /// Whether the endpoints of this upstream are listed elsewhere.
    pub(crate) fn has(&self, upstream: usize) -> bool {
        self.samples.get(upstream).is_some_and(Option::is_some)
    }

    /// Whether the end of a request to this upstream is to be looked at with [`Lists::sample`].
    pub(crate) fn wants_sample(&self, upstream: usize) -> bool {
        self.samples.get(upstream).and_then(Option::as_ref).is_some_and(|sample| sample.is_due.replace(false))
    }

    /// A request to this upstream has ended: are there signs in it that the endpoints have changed?
    pub(crate) fn sample(&self, upstream: usize, host: &impl Host) {
        let Some(sample) = self.samples.get(upstream).and_then(Option::as_ref) else { return };
        let Ok(now) = host.now() else { return };
        let members = number(&["upstream", "num_endpoints"], host);
        // Before the first list it is asked for anyhow.
        let before = members.and_then(|_| sample.members.replace(members));
        let changed = before.is_some() && before != members;
        let failed = || {
            let flags = number(&["response", "flags"], host).unwrap_or_default();
            flags & UNCONNECTED != 0 && sample.failed.passes(FAILURES, now)
        };
        if changed || failed() {
            self.hint(upstream, host);
        }
    }

    /// Something suggests that the endpoints of this upstream have changed.
    pub(crate) fn hint(&self, upstream: usize, host: &(impl SharedData + Queues)) {
        if let Ok(mut asking) = self.asking.try_borrow_mut() {
            asking.hint(upstream, host);
        }
    }
}

fn number(path: &[&str], host: &impl Properties) -> Option<u64> {
    let value = host.property(path).ok().flatten()?;
    value.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
