//! Who leads which flight, for all workers to see: buckets of entries in shared data.
//!
//! Invariants: an entry is written by compare-and-swap, so two workers never lead one key while both see the board; keys are
//! compared whole, never by their hash alone; an entry that has outlived its lease counts for nothing.
//! Trade-off: a worker that wrote the only entry of a bucket clears the bucket without looking, which saves a host call for every
//! request that nobody follows. An entry that another key has added meanwhile is lost with it: further workers do not see
//! that flight and ask the upstream once more, each at most once.
//! Source: leases as in C. Gray and D. Cheriton, "Leases", SOSP 1989; no create-if-absent in proxy-wasm, hence the buckets.

use crate::shared_value::{self, SharedValue};
use crate::wire::{Reader, Writer};
use crate::{Address, Timestamp};
use core::time::Duration;
use xxhash_rust::xxh64::xxh64;

/// How many buckets there are; they are created before any worker serves.
pub const BUCKETS: u32 = 2048;
/// More flights than that in one bucket stay within their workers.
const MOST_IN_A_BUCKET: usize = 8;
/// How often a compare-and-swap is tried.
const TRIES: usize = 4;
/// A lease that is shorter may be over before anybody looks again, so its entry is never cleared without looking.
const SHORT_LEASE: Duration = Duration::from_secs(2);
const VERSION: u8 = 1;

/// Where the buckets are kept.
pub trait Board {
    /// A bucket and its compare-and-swap number; `None` if there is no board.
    fn read(&mut self, bucket: u32) -> Option<(Vec<u8>, u32)>;
    /// Writes a bucket if it is still the one that was read.
    fn swap(&mut self, bucket: u32, value: &[u8], cas: u32) -> bool;
    /// Writes a bucket.
    fn put(&mut self, bucket: u32, value: &[u8]);
}

/// One flight of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlightId {
    /// The VM that it began in.
    pub epoch: u64,
    /// Which one of that VM.
    pub number: u64,
}

/// A flight as the board has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    flight: FlightId,
    leader: Address,
    until: Timestamp,
    key: Box<[u8]>,
}

/// What became of an attempt to lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claimed {
    /// This worker leads.
    Ours(Claim),
    /// Another one does.
    Theirs(FlightId, Address),
    /// The board has no place: the flight stays within its worker.
    Nobodys,
}

/// An entry of this worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) flight: FlightId,
    bucket: u32,
    /// Nobody else was in the bucket.
    alone: bool,
    /// By the wall clock, which all workers read.
    until: Timestamp,
}

impl Claim {
    /// It is looked at `every` so often: from the last look before its lease ends, it is not cleared without looking.
    pub(super) fn grow_old(&mut self, wall: Timestamp, every: Duration) {
        self.alone &= wall.plus(2 * every) < self.until;
    }
}

/// The bucket of a key.
fn bucket_of(key: &[u8]) -> u32 {
    u32::try_from(xxh64(key, 0) % u64::from(BUCKETS)).unwrap_or_default()
}

fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != VERSION {
        return None;
    }
    let count = reader.byte()?;
    (0..count)
        .map(|_| {
            Some(Entry {
                flight: FlightId { epoch: reader.long()?, number: reader.long()? },
                leader: reader.address()?,
                until: reader.time()?,
                key: reader.bytes()?.into(),
            })
        })
        .collect()
}

fn encode(entries: &[Entry]) -> Option<Vec<u8>> {
    if entries.is_empty() {
        return Some(Vec::new());
    }
    // An entry has 40 bytes and its key; every request with a board pays for growing.
    let size = entries.iter().map(|entry| 40 + entry.key.len()).sum::<usize>() + 2;
    let mut writer = Writer::with_room(size);
    writer.byte(VERSION).byte(u8::try_from(entries.len()).unwrap_or(u8::MAX));
    for entry in entries {
        writer.long(entry.flight.epoch).long(entry.flight.number);
        writer.address(entry.leader).time(entry.until).bytes(&entry.key);
    }
    writer.finish()
}

/// One bucket of the board.
struct Bucket<'a, B>(&'a mut B, u32);

impl<B: Board> SharedValue for Bucket<'_, B> {
    fn read(&mut self) -> Option<(Vec<u8>, u32)> {
        self.0.read(self.1)
    }

    fn swap(&mut self, value: &[u8], cas: u32) -> Option<bool> {
        Some(self.0.swap(self.1, value, cas))
    }
}

/// Lets `change` change the entries of a bucket until nobody else wrote in between; `None` if there is no such bucket or no end.
fn update<R>(
    board: &mut impl Board,
    bucket: u32,
    mut change: impl FnMut(&mut Vec<Entry>) -> (bool, R),
) -> Option<R> {
    let changed = shared_value::update(&mut Bucket(board, bucket), TRIES, |bytes| {
        // What nobody can read has no owner.
        let mut entries = decode(bytes).unwrap_or_default();
        let (changed, result) = change(&mut entries);
        match changed.then(|| encode(&entries)) {
            None => (None, Some(result)),
            // Without memory for it there is no change.
            Some(bytes) => {
                let is_there = bytes.is_some();
                (bytes, is_there.then_some(result))
            }
        }
    });
    changed.flatten()
}

/// Leads `flight` under this key from `me`, unless somebody does already. The flight `over` counts for nothing: its worker
/// has said, or has been silent long enough to show, that it is over.
pub(super) fn claim(
    board: &mut impl Board,
    key: &[u8],
    (flight, me): (FlightId, Address),
    over: Option<FlightId>,
    (wall, lease): (Timestamp, Duration),
) -> Claimed {
    let (bucket, until) = (bucket_of(key), wall.plus(lease));
    let claimed = update(board, bucket, |entries| {
        // An entry of this worker for a key that it does not lead is a left-over.
        let stale = |entry: &Entry| entry.leader == me || Some(entry.flight) == over;
        entries.retain(|entry| entry.until > wall && !(*entry.key == *key && stale(entry)));
        if let Some(entry) = entries.iter().find(|entry| *entry.key == *key) {
            return (false, Claimed::Theirs(entry.flight, entry.leader));
        }
        if entries.len() >= MOST_IN_A_BUCKET {
            return (false, Claimed::Nobodys);
        }
        entries.push(Entry { flight, leader: me, until, key: key.into() });
        let alone = entries.len() == 1 && lease >= SHORT_LEASE;
        (true, Claimed::Ours(Claim { flight, bucket, alone, until }))
    });
    claimed.unwrap_or(Claimed::Nobodys)
}

/// The flight is over.
pub(super) fn release(board: &mut impl Board, claim: &Claim) {
    if claim.alone {
        return board.put(claim.bucket, &[]);
    }
    // An entry that cannot be taken off counts until its lease is over; who asks its worker hears that it is.
    let _ = update(board, claim.bucket, |entries| {
        let before = entries.len();
        entries.retain(|entry| entry.flight != claim.flight);
        (entries.len() != before, ())
    });
}

/// The flight goes on under another leader of this worker: its lease begins anew.
pub(super) fn renew(board: &mut impl Board, claim: &mut Claim, (wall, lease): (Timestamp, Duration)) {
    let until = wall.plus(lease);
    // An entry that cannot be renewed counts until its old lease is over.
    let _ = update(board, claim.bucket, |entries| {
        let entry = entries.iter_mut().find(|entry| entry.flight == claim.flight);
        (entry.map(|entry| entry.until = until).is_some(), ())
    });
    claim.alone = false;
}
