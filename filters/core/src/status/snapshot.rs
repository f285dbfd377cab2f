//! What one worker of one module says of itself when it is asked, as one value of shared data.
//!
//! Its first bytes say who it is and how it is woken, and stay when it has nothing to say yet; behind them stand records, one after the other: counters, amounts,
//! upstreams, and behind each upstream its endpoints. Invariant: at most [`MOST_SNAPSHOT`] bytes; a record that has no room is left out, and so are
//! those behind it, which the snapshot says. Trade-off: numbers of counters are those of the whole process, since Envoy keeps them so.

use super::transitions::{health, number};
use super::{MOST_NAME, cut};
use crate::health::Health;
use crate::wire::{Reader, Writer};
use crate::{Locality, Timestamp};
use core::time::Duration;

/// The longest snapshot, in bytes.
pub const MOST_SNAPSHOT: usize = 64 << 10;
const LAYOUT: u8 = 1;
const COUNTER: u8 = 1;
const UPSTREAM: u8 = 2;
const ENDPOINT: u8 = 3;
/// It is the last record, and others had no room.
const TRUNCATED: u8 = 4;
const AMOUNT: u8 = 5;

/// Who has written a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worker {
    /// Its number among all that this module has had.
    pub number: u32,
    /// The queue that wakes it.
    pub queue: u32,
    /// When its VM had its first configuration.
    pub began: Timestamp,
    /// When this was written; 0: it was not asked yet.
    pub written: Timestamp,
}

/// An upstream as a worker has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its cluster.
    pub cluster: &'a str,
    /// The policy that chooses.
    pub policy: &'a str,
    /// Where its endpoints are listed: `document`, or whom it asks.
    pub source: &'a str,
    /// When its list was read last; 0: it has none, or none was read.
    pub read_at: Timestamp,
    /// How many endpoints it has.
    pub endpoints: u32,
}

/// An endpoint as a worker has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointView<'a> {
    /// `ip:port`.
    pub address: &'a str,
    /// Where it is.
    pub locality: Locality,
    /// Its level.
    pub priority: u32,
    /// Its weight.
    pub weight: u32,
    /// Its share of the table or the weights, in parts per million.
    pub share_ppm: u32,
    /// Where it stands for this worker.
    pub health: Health,
    /// Requests of this worker that are under way to it.
    pub in_flight: u32,
    /// What this worker expects of its first byte; zero: it does not ask.
    pub expected: Duration,
}

/// One record of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A counter or gauge, by its full name.
    Counter(&'a str, u64),
    /// What this worker has of something, by its full name; those of all workers add up.
    Amount(&'a str, u64),
    /// An upstream, whose endpoints follow.
    Upstream(UpstreamView<'a>),
    /// One of the endpoints of the upstream before it.
    Endpoint(EndpointView<'a>),
    /// There was no room for more.
    Truncated,
}

/// A snapshot in the making.
#[derive(Debug)]
pub struct SnapshotWriter {
    out: Writer,
    left: usize,
    is_truncated: bool,
}

impl SnapshotWriter {
    /// One of this worker.
    pub fn new(worker: Worker) -> Self {
        let mut out = Writer::default();
        out.byte(LAYOUT).word(worker.number).word(worker.queue).time(worker.began).time(worker.written);
        Self { out, left: MOST_SNAPSHOT - 64, is_truncated: false }
    }

    /// The bytes of it; `None`: there is no memory for them.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        if self.is_truncated {
            self.out.byte(TRUNCATED);
        }
        self.out.finish()
    }

    /// A counter or gauge stands so.
    pub fn counter(&mut self, name: &str, value: u64) {
        self.numbered(COUNTER, name, value);
    }

    /// This worker has so much of something, beside what others have.
    pub fn amount(&mut self, name: &str, value: u64) {
        self.numbered(AMOUNT, name, value);
    }

    fn numbered(&mut self, kind: u8, name: &str, value: u64) {
        if name.len() <= 2 * MOST_NAME && self.has_room(name.len() + 16) {
            self.out.byte(kind).bytes(name.as_bytes()).long(value);
        }
    }

    /// An upstream, whose endpoints are told next.
    pub fn upstream(&mut self, view: &UpstreamView<'_>) {
        let texts = [view.name, view.cluster, view.policy, view.source].map(|text| cut(text, MOST_NAME));
        if self.has_room(texts.iter().map(|text| text.len() + 4).sum::<usize>() + 16) {
            self.out.byte(UPSTREAM);
            for text in texts {
                self.out.bytes(text.as_bytes());
            }
            self.out.time(view.read_at).word(view.endpoints);
        }
    }

    /// One of its endpoints.
    pub fn endpoint(&mut self, view: &EndpointView<'_>) {
        let Locality { region, zone, sub_zone } = &view.locality;
        let texts = [view.address, region, zone, sub_zone].map(|text| cut(text, MOST_NAME));
        if self.has_room(texts.iter().map(|text| text.len() + 4).sum::<usize>() + 26) {
            self.out.byte(ENDPOINT);
            for text in texts {
                self.out.bytes(text.as_bytes());
            }
            self.out.word(view.priority).word(view.weight).word(view.share_ppm).byte(number(view.health));
            self.out.word(view.in_flight).long(u64::try_from(view.expected.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// Whether so many bytes more have room; from the first that have none on, nothing has.
    fn has_room(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes).filter(|_| !self.is_truncated);
        self.is_truncated = left.is_none();
        self.left = left.unwrap_or_default();
        left.is_some()
    }
}

/// A snapshot, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Who has written it.
    pub worker: Worker,
    bytes: Vec<u8>,
}

/// Bytes of what is in front of the records.
const HEAD: usize = 1 + 4 + 4 + 8 + 8;

impl Snapshot {
    /// The snapshot in these bytes; `None`: there is none that this module can read.
    pub fn decode(bytes: Vec<u8>) -> Option<Self> {
        let mut from = Reader::new(&bytes);
        let is_ours = from.byte()? == LAYOUT && bytes.len() <= MOST_SNAPSHOT;
        let worker =
            Worker { number: from.word()?, queue: from.word()?, began: from.time()?, written: from.time()? };
        is_ours.then_some(Self { worker, bytes })
    }

    /// What it says, up to where it breaks off.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut from = Reader::new(self.bytes.get(HEAD..).unwrap_or_default());
        core::iter::from_fn(move || read(&mut from))
    }
}

fn read<'a>(from: &mut Reader<'a>) -> Option<Record<'a>> {
    Some(match from.byte()? {
        COUNTER => Record::Counter(from.text()?, from.long()?),
        AMOUNT => Record::Amount(from.text()?, from.long()?),
        UPSTREAM => Record::Upstream(UpstreamView {
            name: from.text()?,
            cluster: from.text()?,
            policy: from.text()?,
            source: from.text()?,
            read_at: from.time()?,
            endpoints: from.word()?,
        }),
        ENDPOINT => {
            let address = from.text()?;
            let mut place = || from.text().map(Into::into);
            let locality = Locality { region: place()?, zone: place()?, sub_zone: place()? };
            Record::Endpoint(EndpointView {
                address,
                locality,
                priority: from.word()?,
                weight: from.word()?,
                share_ppm: from.word()?,
                health: health(from.byte()?),
                in_flight: from.word()?,
                expected: Duration::from_nanos(from.long()?),
            })
        }
        TRUNCATED => Record::Truncated,
        _ => return None,
    })
}
