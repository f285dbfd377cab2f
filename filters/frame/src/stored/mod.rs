//! A root whose document lives in a store: one worker asks for it, and all take it.
//!
//! Invariants: a document is in force in the worker that has read it before any other hears of it, so that what workers share is made
//! once, as the main thread makes it when a document is in the configuration; one that is refused is told by nobody, and that which serves
//! goes on; only a VM that has served a request asks, and of all workers the one that holds the lease. What was believed last is in shared
//! data, where it outlives VMs, configurations and the store's absence. Trade-off: filters in modules of their own ask each for themselves.

mod report;

use crate::asker::{Asked, Asker};
use crate::metrics::Registry;
use crate::timer::{IDLE_LOOK, LOOK};
use core::hash::{Hash as _, Hasher as _};
use core::time::Duration;
use report::Report;
use switchyard_config::{ConfigErrors, Document};
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::discovery::{Brought, Keeper, Refusal, StoredDocument};
use switchyard_core::memory::{Account, length};
use switchyard_core::wire::Reader;
use switchyard_host::{CallAnswers, HttpCalls, MetricSink, SharedData};
use xxhash_rust::xxh64::{Xxh64, xxh64};

/// An ask that is due is made with the next tick, and those come no quicker than this.
const SOON: Duration = Duration::from_millis(20);

/// A document that a root is to take.
pub(crate) struct Found {
    pub(crate) document: Document,
    /// A number that only documents with the same text have.
    pub(crate) number: u64,
    version: u64,
}

/// What a root knows of the store.
pub(crate) struct Stored {
    /// The keys of the document in shared data, and of the number that tells of another one.
    document: String,
    number: String,
    keeper: Keeper,
    rng: fastrand::Rng,
    asker: Asker,
    /// The number that shared data had at the last look.
    heard: Option<u32>,
    /// The text that is in force here.
    taken: Option<u64>,
    /// Its version: the store's number of it, or how many there have been.
    version: u64,
    report: Report,
}

impl Stored {
    /// Asks for `stored` on behalf of this filter.
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
        let mut rng = fastrand::Rng::with_seed(seed);
        Self {
            document: keys::document(filter, asked),
            number: keys::document_number(filter, asked),
            keeper: Keeper::new(stored.clone()),
            asker: Asker::new(keys::document_asker(filter, asked), rng.u64(1..), host),
            rng,
            heard: None,
            taken: None,
            version: 0,
            report: Report::new(filter),
        }
    }

    /// The document that another worker has taken since the last look.
    pub(crate) fn look(&mut self, host: &impl SharedData) -> Option<Found> {
        let number = host.shared_data(&self.number).ok().flatten().map(|shared| shared.cas);
        if number.is_none() || number == self.heard {
            return None;
        }
        self.heard = number;
        let bytes = host.shared_data(&self.document).ok().flatten()?.value;
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
        Some(Found { document, number, version })
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
        self.asker.claim(now, host);
        if !self.asker.holds() {
            return look;
        }
        if let Some(ask) = self.keeper.overdue(now) {
            self.failed(ask, Refusal::Timeout, now, registry, host);
        }
        if let Some(ask) = self.keeper.poll(now)
            && !self.asker.ask(self.keeper.cluster(), &ask, host)
        {
            self.failed(ask.number, Refusal::Unreachable, now, registry, host);
        }
        self.keeper.due_in(now).max(SOON).min(look)
    }

    /// Whether this is the call under way.
    pub(crate) fn is_its(&self, call: u32) -> bool {
        self.asker.is_its(call)
    }

    /// The call under way has been answered, with so many headers and bytes; no headers: it has failed. The document that it has brought, and its text.
    ///
    /// # Errors
    /// Everything that is wrong with the document.
    pub(crate) fn answered(
        &mut self,
        answer: (usize, usize),
        now: Timestamp,
        kept: &Account,
        registry: &Registry,
        host: &(impl CallAnswers + MetricSink),
    ) -> Result<Option<(Found, Vec<u8>)>, ConfigErrors> {
        let most = self.keeper.max_body();
        // As it comes, and as what it means.
        let has_room = kept.has_room(length(answer.1).saturating_mul(2));
        let Some(Asked { number, answer }) = self.asker.answered(answer, most, has_room, host) else {
            return Ok(None);
        };
        let brought = match &answer {
            Err(why) => {
                self.failed(number, *why, now, registry, host);
                None
            }
            Ok(answered) => self.keeper.answered(number, answered.answer(), now, &mut self.rng),
        };
        match brought {
            None => return Ok(None),
            Some(Err(why)) => {
                self.report.refused(why, self.taken.is_some(), now, registry, host);
                return Ok(None);
            }
            Some(Ok(_)) => self.report.read(now, registry, host),
        }
        let Some(Ok(Brought::Text { text, revision })) = brought else { return Ok(None) };
        let document = Document::from_store(&text).inspect_err(|_| self.report.invalid(registry, host))?;
        let version = if revision > 0 { revision } else { self.version.saturating_add(1) };
        Ok(Some((Found { document, number: xxh64(&text, 0), version }, text)))
    }

    /// It is in force here.
    pub(crate) fn took(&mut self, found: &Found) {
        (self.taken, self.version) = (Some(found.number), found.version);
    }

    /// It is in force here, and is to be so everywhere.
    pub(crate) fn publish(
        &mut self,
        found: &Found,
        text: &[u8],
        registry: &Registry,
        host: &(impl SharedData + MetricSink),
    ) {
        let mut value = found.version.to_le_bytes().to_vec();
        value.extend_from_slice(text);
        // What cannot be written is in force here alone, and is read again by whoever asks next.
        let written = host.set_shared_data(&self.document, &value);
        let _ = written.and_then(|()| host.set_shared_data(&self.number, &[]));
        self.report.changed(found.version, registry, host);
    }

    fn failed(
        &mut self,
        ask: u64,
        why: Refusal,
        now: Timestamp,
        registry: &Registry,
        host: &impl MetricSink,
    ) {
        if let Some(why) = self.keeper.failed(ask, why, now, &mut self.rng) {
            self.report.refused(why, self.taken.is_some(), now, registry, host);
        }
    }
}
