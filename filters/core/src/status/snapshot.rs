//! What one worker of one module says of itself when it is asked, as one value of shared data.
//!
//! Its first bytes say who it is and how it is woken, and stay when it has nothing to say yet; behind them stand records, one after the other: counters, amounts,
//! upstreams, and behind each upstream its endpoints. Invariant: at most [`MOST_SNAPSHOT`] bytes; what has no room is counted
//! ([`SnapshotWriter`](super::SnapshotWriter)). Trade-off: numbers of counters are those of the whole process, since Envoy keeps them so.

use super::transitions::health;
use crate::health::Health;
use crate::wire::Reader;
use crate::{Locality, Timestamp};
use core::time::Duration;

/// The longest snapshot, in bytes.
pub const MOST_SNAPSHOT: usize = 64 << 10;
pub(super) const LAYOUT: u8 = 1;
pub(super) const COUNTER: u8 = 1;
pub(super) const UPSTREAM: u8 = 2;
pub(super) const ENDPOINT: u8 = 3;
/// It is the last record, and others had no room.
pub(super) const TRUNCATED: u8 = 4;
pub(super) const AMOUNT: u8 = 5;
pub(super) const AMOUNT_OF_VM: u8 = 6;
/// The share of an endpoint that has not been looked for yet.
pub(super) const NO_SHARE: u32 = u32::MAX;

/// Who has written a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worker {
    /// Its number among all that this module has had.
    pub number: u32,
    /// The number of its VM, which several roots may share: that of the first of them.
    pub vm: u32,
    /// The queue that wakes it.
    pub queue: u32,
    /// When its VM had its first configuration.
    pub began: Timestamp,
    /// When it took the document that it serves under.
    pub configured: Timestamp,
    /// When this was written; 0: it was not asked yet.
    pub written: Timestamp,
}

impl Worker {
    /// Who has written the snapshot in these bytes; `None`: there is none that this module can read.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader::new(bytes);
        let is_ours = from.byte()? == LAYOUT && bytes.len() <= MOST_SNAPSHOT;
        let worker = Self {
            number: from.word()?,
            vm: from.word()?,
            queue: from.word()?,
            began: from.time()?,
            configured: from.time()?,
            written: from.time()?,
        };
        is_ours.then_some(worker)
    }
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
    /// Its share of the table or the weights, in parts per million; `None`: that has not been looked for yet.
    pub share_ppm: Option<u32>,
    /// Where it stands for this worker.
    pub health: Health,
    /// Requests of this worker's VM that are under way to it.
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
    /// What the VM of this worker has of something, whichever of its roots says so; those of all VMs add up.
    AmountOfVm(&'a str, u64),
    /// An upstream, whose endpoints follow.
    Upstream(UpstreamView<'a>),
    /// One of the endpoints of the upstream before it.
    Endpoint(EndpointView<'a>),
    /// There was no room for more.
    Truncated {
        /// So many names of counters and amounts are left out.
        counters: u32,
        /// So many upstreams are.
        upstreams: u32,
    },
}

/// A snapshot, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Who has written it.
    pub worker: Worker,
    bytes: Vec<u8>,
}

/// Bytes of what is in front of the records.
pub(super) const HEAD: usize = 1 + 4 + 4 + 4 + 8 + 8 + 8;

impl Snapshot {
    /// The snapshot in these bytes; `None`: there is none that this module can read.
    pub fn decode(bytes: Vec<u8>) -> Option<Self> {
        Some(Self { worker: Worker::of(&bytes)?, bytes })
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
        AMOUNT_OF_VM => Record::AmountOfVm(from.text()?, from.long()?),
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
                share_ppm: Some(from.word()?).filter(|share| *share != NO_SHARE),
                health: health(from.byte()?),
                in_flight: from.word()?,
                expected: Duration::from_nanos(from.long()?),
            })
        }
        TRUNCATED => Record::Truncated { counters: from.word()?, upstreams: from.word()? },
        _ => return None,
    })
}
