//! A root whose document lives in a store: one worker asks for it, and all take it.
//!
//! Invariants: a document is in force in the worker that has read it before any other hears of it, so that what workers share is made
//! once, as the main thread makes it when a document is in the configuration; one that is refused is told by nobody, and that which serves
//! goes on; only a VM that has served a request asks, and of all workers the one that holds the lease. What was believed last is in shared
//! data, where it outlives VMs, configurations and the store's absence. Trade-off: filters in modules of their own ask each for themselves.

mod report;

use crate::metrics::Registry;
use crate::root::{IDLE_LOOK, LOOK};
use crate::shared::lease;
use core::hash::{Hash as _, Hasher as _};
use core::time::Duration;
use report::Report;
use switchyard_config::{ConfigErrors, Document};
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::discovery::{Answer, Brought, Keeper, Refusal, StoredDocument};
use switchyard_core::memory::{Account, length};
use switchyard_core::wire::Reader;
use switchyard_host::{Call, CallAnswers, HttpCalls, MetricSink, SharedData};
use xxhash_rust::xxh64::{Xxh64, xxh64};

/// A lease is renewed when a third of it is over.
const RENEW: Duration = Duration::from_secs(1);
/// An ask that is due is made with the next tick, and those come no quicker than this.
const SOON: Duration = Duration::from_millis(20);

/// A document that a root is to take.
pub(crate) struct Found {
    pub(crate) document: Document,
    /// A number that only documents with the same text have.
    pub(crate) number: u64,
    version: u64,
    text: Vec<u8>,
}

/// What a root knows of the store.
pub(crate) struct Stored {
    asked: Keys,
    holder: u64,
    keeper: Keeper,
    rng: fastrand::Rng,
    leads: bool,
    claimed: Timestamp,
    /// The call under way, and which of the keeper's asks it is.
    call: Option<(u32, u64)>,
    /// The number that shared data had at the last look.
    heard: Option<u32>,
    /// The text that is in force here.
    taken: Option<u64>,
    /// Its version: the store's number of it, or how many there have been.
    version: u64,
    report: Report,
}

struct Keys {
    document: String,
    number: String,
    lease: String,
}

impl Stored {
    /// Asks for `stored` on behalf of this filter, and is called `holder` in the lease for that.
    pub(crate) fn new(
        filter: &'static str,
        stored: &StoredDocument,
        seed: u64,
        host: &impl SharedData,
    ) -> Self {
        // Whoever follows is of the same release as whoever asks, so both have the same of the same.
        let mut hasher = Xxh64::new(0);
        stored.hash(&mut hasher);
        let asked = hasher.finish();
        let asked = Keys {
            document: keys::document(filter, asked),
            number: keys::document_number(filter, asked),
            lease: keys::document_asker(filter, asked),
        };
        lease::create(&asked.lease, host);
        let mut rng = fastrand::Rng::with_seed(seed);
        Self {
            asked,
            holder: rng.u64(1..),
            keeper: Keeper::new(stored.clone()),
            rng,
            leads: false,
            claimed: Timestamp::default(),
            call: None,
            heard: None,
            taken: None,
            version: 0,
            report: Report::new(filter),
        }
    }

    /// The document that another worker has taken since the last look.
    pub(crate) fn look(&mut self, host: &impl SharedData) -> Option<Found> {
        let number = host.shared_data(&self.asked.number).ok().flatten().map(|shared| shared.cas);
        if number.is_none() || number == self.heard {
            return None;
        }
        self.heard = number;
        let bytes = host.shared_data(&self.asked.document).ok().flatten()?.value;
        let mut reader = Reader::new(&bytes);
        let version = reader.long()?;
        let text = bytes.get(8..)?;
        self.keeper.adopt(text);
        let number = xxh64(text, 0);
        if self.taken == Some(number) {
            return None;
        }
        // Somebody has read it well.
        let document = Document::from_store(text).ok()?;
        Some(Found { document, number, version, text: text.to_vec() })
    }

    /// Asks, if that is due and this worker's to do; when to look again.
    pub(crate) fn tick(
        &mut self,
        serves: bool,
        now: Timestamp,
        registry: &Registry,
        host: &(impl SharedData + HttpCalls + MetricSink),
    ) -> Duration {
        // The main thread, canaries and workers that have nothing to do yet have time, unless their first request may come without a document.
        let look = if serves || self.taken.is_none() { LOOK } else { IDLE_LOOK };
        if !serves {
            return look;
        }
        if now.is_due(self.claimed, RENEW) {
            self.claimed = now;
            self.leads = lease::claim(&self.asked.lease, host, self.holder, now);
        }
        if !self.leads {
            return look;
        }
        if let Some(ask) = self.keeper.overdue(now) {
            let why = self.keeper.failed(ask, Refusal::Timeout, now, &mut self.rng);
            self.refused(why, now, registry, host);
        }
        if let Some(ask) = self.keeper.poll(now) {
            let headers: Vec<_> = ask.pairs().collect();
            let body = Some(&*ask.body).filter(|body| !body.is_empty());
            let call = Call { cluster: self.keeper.cluster(), headers: &headers, body, timeout: ask.timeout };
            match host.call(&call) {
                Ok(call) => self.call = Some((call, ask.number)),
                Err(_) => {
                    let why = self.keeper.failed(ask.number, Refusal::Unreachable, now, &mut self.rng);
                    self.refused(why, now, registry, host);
                }
            }
        }
        self.keeper.due_in(now).max(SOON).min(look)
    }

    /// Whether this is the call under way.
    pub(crate) fn is_its(&self, call: u32) -> bool {
        self.call.is_some_and(|(known, _)| known == call)
    }

    /// The call under way has been answered, with so many headers and bytes; no headers: it has failed. What it has brought.
    ///
    /// # Errors
    /// Everything that is wrong with the document.
    pub(crate) fn answered(
        &mut self,
        (headers, body): (usize, usize),
        now: Timestamp,
        kept: &Account,
        registry: &Registry,
        host: &(impl CallAnswers + MetricSink),
    ) -> Result<Option<Found>, ConfigErrors> {
        let Some((_, ask)) = self.call.take() else { return Ok(None) };
        let most = self.keeper.max_body();
        let failure = match headers {
            0 => Some(Refusal::Unreachable),
            _ if body > most => Some(Refusal::TooLong { most }),
            // As it comes, and as what it means.
            _ if !kept.has_room(length(body).saturating_mul(2)) => Some(Refusal::Memory),
            _ => None,
        };
        let brought = match failure {
            Some(why) => self.keeper.failed(ask, why, now, &mut self.rng).map(Err),
            None => {
                let head = host.call_headers().unwrap_or_default();
                let body = if body > 0 { host.call_body(body).unwrap_or_default() } else { Vec::new() };
                self.keeper.answered(ask, Answer::of(&head, &body), now, &mut self.rng)
            }
        };
        match brought {
            None => Ok(None),
            Some(Err(why)) => {
                self.refused(Some(why), now, registry, host);
                Ok(None)
            }
            Some(Ok(Brought::Nothing)) => {
                self.report.read(now, registry, host);
                Ok(None)
            }
            Some(Ok(Brought::Text { text, revision })) => {
                self.report.read(now, registry, host);
                let document =
                    Document::from_store(&text).inspect_err(|_| self.report.invalid(registry, host))?;
                let version = if revision > 0 { revision } else { self.version.saturating_add(1) };
                Ok(Some(Found { document, number: xxh64(&text, 0), version, text }))
            }
        }
    }

    /// It is in force here.
    pub(crate) fn took(&mut self, found: &Found) {
        (self.taken, self.version) = (Some(found.number), found.version);
    }

    /// It is in force here, and is to be so everywhere.
    pub(crate) fn publish(
        &mut self,
        found: Found,
        registry: &Registry,
        host: &(impl SharedData + MetricSink),
    ) {
        self.took(&found);
        let mut value = found.version.to_le_bytes().to_vec();
        value.extend_from_slice(&found.text);
        // What cannot be written is in force here alone, and is read again by whoever asks next.
        let written = host.set_shared_data(&self.asked.document, &value);
        let _ = written.and_then(|()| host.set_shared_data(&self.asked.number, &[]));
        self.report.changed(found.version, registry, host);
    }

    fn refused(&mut self, why: Option<Refusal>, now: Timestamp, registry: &Registry, host: &impl MetricSink) {
        if let Some(why) = why {
            self.report.refused(why, self.taken.is_some(), now, registry, host);
        }
    }
}
