//! What all workers know of the endpoints of one upstream, as one value of shared data.
//!
//! Only endpoints with something to remember have a record, so in the steady state the value is a header of eight
//! bytes. Everything that the bounds on ejection depend on is in this one value: a compare-and-swap of it is what
//! keeps the share of ejected endpoints below the maximum under any interleaving.
//!
//! Layout, little-endian: version u8, readable_by u8, length of a record u16, number of records u32, records sorted by
//! key. A reader of version `v` reads what is `readable_by <= v` and skips what it does not know at the end of each
//! record; it never writes over a newer version. A value that cannot be read is treated as empty: traffic goes on.
//!
//! Invariant: memory is bounded by [`RECORD_BYTES`] times the endpoints of the upstream, plus those of the
//! configuration before while they are ejected.

use super::reason::Reason;
use crate::Timestamp;
use crate::hash::xxh64;
use crate::health::Health;
use crate::sort::sort_by;
use crate::wire::{Reader, Writer};
use core::slice::ChunksExact;
use core::time::Duration;

/// This module's version of the layout.
pub const VERSION: u8 = 1;
/// The oldest reader that understands what this module writes.
const READABLE_BY: u8 = 1;
/// Bytes of the header.
const HEADER_BYTES: usize = 8;
/// Bytes of a record.
pub const RECORD_BYTES: usize = 64;

/// An endpoint in shared tables: the hash of its `ip:port`, so that it is the same in every configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointKey(pub u64);

impl EndpointKey {
    /// The key of the endpoint at this `ip:port`.
    pub fn of(address: &str) -> Self {
        Self(xxh64(address.as_bytes(), 0))
    }
}

/// One endpoint's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which endpoint.
    pub key: EndpointKey,
    /// Where it stands.
    pub health: Health,
    /// Why it is ejected, or was last.
    pub reason: Option<Reason>,
    /// Ejected in shadow mode: judged and counted, but not acted on.
    pub shadow: bool,
    /// Ejected to drain: the next ejection lasts no longer for it.
    pub drained: bool,
    /// Half-open trials under way.
    pub trials: u8,
    /// How often it was ejected.
    pub times: u16,
    /// How many base times the last ejection lasted; falls again with evidence of health.
    pub multiplier: u16,
    /// Consecutive successes of half-open trials.
    pub successes: u16,
    /// Consecutive failures: any, gateway, local origin.
    pub streaks: [u16; 3],
    /// Consecutive heartbeats that were answered well, and that were not.
    pub heartbeats: [u8; 2],
    /// When it came to where it stands.
    pub since: Timestamp,
    /// When its ejection ends.
    pub until: Timestamp,
    /// When the last half-open trial was given.
    pub tried: Timestamp,
    /// When a heartbeat failed last, or the multiplier fell last.
    pub marked: Timestamp,
    /// Ejected for its latency, an answer that took this long would eject it again; whole ms, zero: not for latency.
    pub limit: Duration,
}

impl Record {
    /// An endpoint that nobody knows anything of.
    pub fn new(key: EndpointKey) -> Self {
        Self {
            key,
            health: Health::Healthy,
            reason: None,
            shadow: false,
            drained: false,
            trials: 0,
            times: 0,
            multiplier: 0,
            successes: 0,
            streaks: [0; 3],
            heartbeats: [0; 2],
            since: Timestamp::default(),
            until: Timestamp::default(),
            tried: Timestamp::default(),
            marked: Timestamp::default(),
            limit: Duration::ZERO,
        }
    }

    /// Whether it is out of rotation but for half-open trials.
    pub fn is_out_of_rotation(&self) -> bool {
        self.health != Health::Healthy
    }

    /// Whether there is nothing to remember.
    pub fn is_blank(&self) -> bool {
        *self == Self::new(self.key)
    }

    fn encode(&self, writer: &mut Writer) {
        // What a later version adds stands here.
        const SPARE: [u8; RECORD_BYTES - 62] = [0; RECORD_BYTES - 62];
        let flags = u8::from(self.shadow) | u8::from(self.drained) << 1;
        let health = match self.health {
            Health::Healthy => 0,
            // Nobody is withdrawn here: that is the document's word.
            Health::Ejected | Health::Withdrawn => 1,
            Health::HalfOpen => 2,
        };
        writer.long(self.key.0);
        writer.raw(&[health, self.reason.map_or(0, |reason| reason as u8), flags, self.trials]);
        for number in [self.times, self.multiplier, self.successes].iter().chain(&self.streaks) {
            writer.half(*number);
        }
        writer.raw(&self.heartbeats);
        for time in [self.since, self.until, self.tried, self.marked] {
            writer.millis(time);
        }
        writer.word(u32::try_from(self.limit.as_millis()).unwrap_or(u32::MAX)).raw(&SPARE);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Reader::new(bytes);
        let key = EndpointKey(bytes.long()?);
        let [health, reason, flags, trials] = bytes.array()?;
        let health = match health {
            0 => Health::Healthy,
            1 => Health::Ejected,
            _ => Health::HalfOpen,
        };
        let mut record = Self { health, reason: Reason::from_number(reason), trials, ..Self::new(key) };
        (record.shadow, record.drained) = (flags & 1 != 0, flags & 2 != 0);
        (record.times, record.multiplier, record.successes) = (bytes.half()?, bytes.half()?, bytes.half()?);
        record.streaks = [bytes.half()?, bytes.half()?, bytes.half()?];
        record.heartbeats = bytes.array()?;
        (record.since, record.until) = (bytes.millis()?, bytes.millis()?);
        (record.tried, record.marked) = (bytes.millis()?, bytes.millis()?);
        record.limit = Duration::from_millis(u64::from(bytes.word()?));
        Some(record)
    }
}

/// The header that shared tables begin with.
fn encode_header(record_bytes: usize, records: usize) -> Writer {
    let mut writer = Writer::with_room(HEADER_BYTES + records.saturating_mul(record_bytes));
    writer.raw(&[VERSION, READABLE_BY]).half(u16::try_from(record_bytes).unwrap_or(u16::MAX)).count(records);
    writer
}

/// What a table holds: its records, and whether this module may write it back.
struct Body<'a> {
    records: ChunksExact<'a, u8>,
    writable: bool,
}

/// The records of a table; `None` if this module cannot read it.
fn decode_header(bytes: &[u8], smallest: usize) -> Option<Body<'_>> {
    let mut reader = Reader::new(bytes);
    let [version, readable_by] = reader.array()?;
    let record = usize::from(reader.half()?);
    let count = usize::try_from(reader.word()?).ok()?;
    if readable_by > VERSION || record < smallest {
        return None;
    }
    let body = reader.rest().get(..count.checked_mul(record)?)?;
    Some(Body { records: body.chunks_exact(record), writable: version <= VERSION })
}

/// All records of one upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    records: Vec<Record>,
    read_only: bool,
}

/// The records, by their keys, each once: who looks one up in another order misses it, and would add it again with every event.
fn in_order(records: ChunksExact<'_, u8>) -> Vec<Record> {
    let mut records: Vec<_> = records.filter_map(Record::decode).collect();
    if !records.is_sorted_by(|one, other| one.key < other.key) {
        sort_by(&mut records, |one, other| one.key.cmp(&other.key));
        records.dedup_by_key(|record| record.key);
    }
    records
}

impl Ledger {
    /// The ledger in these bytes. What cannot be read is empty; what a newer module wrote is not to be written back.
    pub fn decode(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::default();
        }
        match decode_header(bytes, RECORD_BYTES) {
            Some(body) => Self { records: in_order(body.records), read_only: !body.writable },
            None => Self { records: Vec::new(), read_only: true },
        }
    }

    /// The bytes of this ledger; blank records are left out. An empty one, if there is no memory for it.
    pub fn encode(&self) -> Vec<u8> {
        let kept = || self.records.iter().filter(|record| !record.is_blank());
        let mut writer = encode_header(RECORD_BYTES, kept().count());
        kept().for_each(|record| record.encode(&mut writer));
        writer.finish().unwrap_or_default()
    }

    /// Whether a newer version of Switchyard wrote it: to be followed, not to be changed.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// All records, by key.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What is known of an endpoint.
    pub fn get(&self, key: EndpointKey) -> Option<&Record> {
        let place = self.records.binary_search_by_key(&key, |record| record.key).ok()?;
        self.records.get(place)
    }

    /// Puts a record in its place.
    pub fn put(&mut self, record: Record) {
        match self.records.binary_search_by_key(&record.key, |known| known.key) {
            Ok(place) => {
                if let Some(known) = self.records.get_mut(place) {
                    *known = record;
                }
            }
            Err(place) => self.records.insert(place, record),
        }
    }

    /// Forgets the records that `keep` refuses.
    pub fn retain(&mut self, keep: impl Fn(&Record) -> bool) {
        self.records.retain(|record| keep(record));
    }
}
